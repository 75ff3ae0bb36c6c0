"""The classifier learns a real task, and letters are what they say."""

import random

from demo import letters
from demo.classifier import Classifier, features, windows


def test_it_finds_themes_in_wordings_it_never_saw() -> None:
    """A quarter of the demonstration's training finds two in three; chance one in six."""
    chance = random.Random(7)
    seen = letters.examples(480, chance, unseen=False)
    unseen = letters.examples(120, chance, unseen=True)
    classifier = Classifier(7)
    before = classifier.accuracy(unseen)
    classifier.train(seen, epochs=3, batch=48, seed=7)
    assert before < 0.5
    assert classifier.accuracy(unseen) > 0.66


def test_training_and_test_share_no_phrase() -> None:
    """Every theme keeps its last phrases for the test."""
    chance = random.Random(1)
    for example in letters.examples(60, chance, unseen=True):
        assert example.theme in range(len(letters.NAMES))
    for phrases in letters.THEMES.values():
        assert not set(phrases[: -letters.TEST_PHRASES]) & set(phrases[-letters.TEST_PHRASES :])


def test_a_letter_is_read_to_its_end() -> None:
    """Passages overlap and cover every character."""
    text = "".join(chr(97 + index % 26) for index in range(1000))
    passages = windows(text)
    assert passages[0] == text[:160]
    assert text.endswith(passages[-1])


def test_features_do_not_depend_on_the_length() -> None:
    """Vectors of length one, also for text too short to have any n-gram."""
    assert abs(float((features("taxe foncière") ** 2).sum()) - 1) < 1e-6
    assert float(features("a").sum()) == 0
