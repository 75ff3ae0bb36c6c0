"""The catalogues hold every word of the pages, in both languages, and no word too many."""

import re

import pytest

from footprint.portal.catalogues import as_bytes, extracted, updated
from footprint.portal.languages import LANGUAGES, catalogue_path, read_catalogue

TEMPLATE = extracted()
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def messages(catalogue):
    """Every message but the header, by its id."""
    return {message.id: message for message in catalogue if message.id}


def strings(text):
    """The forms of a message as a tuple."""
    return text if isinstance(text, tuple) else (text,)


def test_templates_and_modules_are_read():
    """Extraction finds messages of a template, of a module and a plural."""
    found = messages(TEMPLATE)
    assert {"Skip to the content", "estimated by a model, not measured"} <= set(found)
    assert any(isinstance(message, tuple) for message in found)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_message_is_missing_or_too_many(lang):
    """A catalogue has exactly the messages of the source, none obsolete."""
    catalogue = read_catalogue(lang)
    assert set(messages(catalogue)) == set(messages(TEMPLATE)), "run make catalogues"
    assert not catalogue.obsolete, "run make catalogues"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_message_has_its_words(lang):
    """No message is empty, fuzzy or without a plural form, and each keeps its placeholders."""
    for message in messages(read_catalogue(lang)).values():
        assert not message.fuzzy, message.id
        assert all(strings(message.string)), message.id
        assert len(strings(message.string)) == len(strings(message.id)), message.id
        for source, words in zip(strings(message.id), strings(message.string), strict=True):
            assert set(PLACEHOLDER.findall(source)) == set(PLACEHOLDER.findall(words)), source


@pytest.mark.parametrize("lang", LANGUAGES)
def test_catalogues_are_as_the_program_writes_them(lang):
    """`make catalogues` would change nothing."""
    assert catalogue_path(lang).read_bytes() == as_bytes(updated(lang, TEMPLATE)), (
        "run make catalogues"
    )


def test_french_follows_french_typography():
    """French has curly apostrophes and no ordinary space before double punctuation."""
    for message in messages(read_catalogue("fr")).values():
        for words in strings(message.string):
            assert "'" not in words, words
            assert not re.search(r" [:;?!»]|« ", words), words
