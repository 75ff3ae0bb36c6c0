"""A small text classifier in numpy: hashed character n-grams, one hidden layer, softmax.

In: passages with their theme. Out: a trained `Classifier`, and the theme of a letter with the
passages that say so. Adam as in Kingma and Ba, "Adam: a method for stochastic optimization" (2015).
"""

import random

import numpy as np
import numpy.typing as npt

from demo.letters import NAMES, Example

Floats = npt.NDArray[np.float32]

BUCKETS = 1 << 13
HIDDEN = 192
NGRAMS = (3, 4, 5)
WINDOW = 160
STEP = 40
"""A letter is read in passages of WINDOW characters, one every STEP."""


def features(text: str) -> Floats:
    """Counts of hashed character n-grams, dampened by a square root and of length one."""
    codes = np.frombuffer(text.lower().encode("utf-16-le"), dtype=np.uint16).astype(np.uint64)
    counts = np.zeros(BUCKETS, dtype=np.float32)
    for size in NGRAMS:
        if len(codes) < size:
            break
        key = np.full(len(codes) - size + 1, size, dtype=np.uint64)
        for offset in range(size):
            # Fowler-Noll-Vo's step: multiply by the prime, mix in the next character (64 bits).
            key = (key * np.uint64(1099511628211)) ^ codes[offset : offset + len(key)]
        buckets = (key ^ (key >> np.uint64(29))) % np.uint64(BUCKETS)
        counts += np.bincount(buckets.astype(np.int64), minlength=BUCKETS)
    counts = np.sqrt(counts)
    return counts / max(float(np.linalg.norm(counts)), 1e-9)


def windows(text: str) -> list[str]:
    """The passages of a letter, overlapping."""
    return [text[at : at + WINDOW] for at in range(0, max(1, len(text) - WINDOW + STEP), STEP)]


class Classifier:
    """Two layers of weights, trained by `train`."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        shapes = ((BUCKETS, HIDDEN), (HIDDEN,), (HIDDEN, len(NAMES)), (len(NAMES),))
        self._weights: list[Floats] = [
            (generator.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
            if len(shape) == 2
            else np.zeros(shape, dtype=np.float32)
            for shape in shapes
        ]

    def probabilities(self, texts: list[str]) -> Floats:
        """One row of probabilities over `NAMES` per text."""
        return self._forward(np.stack([features(text) for text in texts]))[1]

    def theme(self, text: str) -> tuple[str, float]:
        """The theme of a letter, and the share of its passages that say so."""
        votes = np.bincount(self.probabilities(windows(text)).argmax(axis=1), minlength=len(NAMES))
        best = int(votes.argmax())
        return NAMES[best], float(votes[best] / votes.sum())

    def accuracy(self, examples: list[Example]) -> float:
        """The share of examples whose theme is found."""
        guessed = self.probabilities([example.text for example in examples]).argmax(axis=1)
        return float(np.mean(guessed == np.array([example.theme for example in examples])))

    def train(self, examples: list[Example], *, epochs: int, batch: int, seed: int) -> None:
        """Fit to `examples` by mini-batches."""
        inputs = np.stack([features(example.text) for example in examples])
        targets = np.eye(len(NAMES), dtype=np.float32)[[example.theme for example in examples]]
        order = list(range(len(examples)))
        chance, adam = random.Random(seed), _Adam(self._weights)
        for _ in range(epochs):
            chance.shuffle(order)
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                adam.step(self._gradients(inputs[chosen], targets[chosen]))

    def _forward(self, inputs: Floats) -> tuple[Floats, Floats]:
        first, first_bias, second, second_bias = self._weights
        hidden = np.maximum(inputs @ first + first_bias, 0)
        scores = hidden @ second + second_bias
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, raised / raised.sum(axis=1, keepdims=True)

    def _gradients(self, inputs: Floats, targets: Floats) -> list[Floats]:
        hidden, found = self._forward(inputs)
        error = (found - targets) / len(inputs)
        back = (error @ self._weights[2].T) * (hidden > 0)
        return [inputs.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


class _Adam:
    """Adam's moving averages, one pair per array of weights, changed in place."""

    def __init__(self, weights: list[Floats], rate: float = 0.003) -> None:
        self._weights, self._rate, self._steps = weights, rate, 0
        self._mean = [np.zeros_like(array) for array in weights]
        self._square = [np.zeros_like(array) for array in weights]

    def step(self, gradients: list[Floats]) -> None:
        self._steps += 1
        rate = self._rate * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps)
        for index, gradient in enumerate(gradients):
            self._mean[index] += 0.1 * (gradient - self._mean[index])
            self._square[index] += 0.001 * (gradient * gradient - self._square[index])
            change = rate * self._mean[index] / (np.sqrt(self._square[index]) + 1e-7)
            self._weights[index] -= change.astype(np.float32)
