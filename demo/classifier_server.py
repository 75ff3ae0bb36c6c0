"""The workload `tri`: sorts letters by theme with a classifier it trains when it starts.

In: requests `{"text": letter}`. Out: the theme found, the share of the letter's passages that say
so, and the tokens read (characters over four, the usual rule of thumb: this model has no tokens).
"""

import argparse
import random
import time
from pathlib import Path
from typing import Any

from demo import letters, serving
from demo.classifier import Classifier

CHARACTERS_PER_TOKEN = 4
TRAINING, TEST = 1800, 300


def trained(seed: int = 20260101) -> Classifier:
    """A classifier trained on the spot; prints how good it is on wordings it never saw."""
    chance = random.Random(seed)
    seen = letters.examples(TRAINING, chance, unseen=False)
    unseen = letters.examples(TEST, chance, unseen=True)
    classifier = Classifier(seed)
    began = time.monotonic()
    classifier.train(seen, epochs=5, batch=128, seed=seed)
    print(
        f"trained on {TRAINING} passages in {time.monotonic() - began:.1f} s; "
        f"accuracy {classifier.accuracy(unseen):.0%} on {TEST} passages of wordings it never saw",
        flush=True,
    )
    return classifier


def answer(classifier: Classifier, request: dict[str, Any]) -> dict[str, Any]:
    """Sort one letter."""
    text = request["text"]
    found, share = classifier.theme(text)
    return {
        "theme": found,
        "share": round(share, 3),
        "prompt_tokens": len(text) // CHARACTERS_PER_TOKEN,
        "generated_tokens": 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo.classifier_server", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    arguments = parser.parse_args()
    serving.end_on_signals()
    classifier = trained()
    serving.serve(arguments.socket, lambda request: answer(classifier, request))


if __name__ == "__main__":
    main()
