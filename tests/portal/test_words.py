"""Every code that the method or the service can utter has words."""

from typing import get_args, get_type_hints

import pytest

from footprint import efficiency, shared, token_fit, usage
from footprint.applied import Impact, PueUse
from footprint.attribution import Part
from footprint.codes import ConsumerKind
from footprint.figures import COMPONENTS
from footprint.ledger import Component, GapRecord, Quality
from footprint.overview import SensorNow
from footprint.portal import words
from footprint.portal.languages import LANGUAGES, translations
from footprint.portal.words import Words
from footprint.reading import Cause
from footprint.service import archived_facts, servers
from footprint.service.reports import OMISSIONS, PUE_UNKNOWN
from footprint.statement import HostBoundary, WeightsUsed


@pytest.mark.parametrize(
    ("codes", "table"),
    [
        (get_args(Component), words.COMPONENTS),
        (COMPONENTS, words.COMPONENTS),
        (get_args(Quality), words.QUALITIES),
        (get_args(Quality), words.QUALITY_MEANINGS),
        (get_args(Part), words.PARTS),
        (get_args(Cause), words.CAUSES),
        (["no_page"], words.CAUSES),
        (set(get_args(ConsumerKind)) - {"sia"}, words.KINDS),
        (set(get_args(ConsumerKind)) - {"sia"}, words.KIND_MEANINGS),
        (get_args(get_type_hints(GapRecord)["kind"]), words.GAP_KINDS),
        (get_args(get_type_hints(HostBoundary)["boundary"]), words.BOUNDARIES),
        (get_args(get_type_hints(SensorNow)["status"]), words.STATUSES),
        (OMISSIONS, words.OMISSIONS),
        ([PUE_UNKNOWN, archived_facts.OMISSION], words.OF_MONTHS),
        (get_args(get_type_hints(PueUse)["state"]), words.PUE_STATES),
        (get_args(Impact), words.IMPACTS),
        (get_args(Impact), words.IMPACT_MEANINGS),
        ([*get_args(usage.Cause), servers.NO_PAGE], words.USAGE_CAUSES),
        (get_args(get_type_hints(WeightsUsed)["source"]), words.WEIGHT_SOURCES),
        (get_args(token_fit.Reason), words.REFUSALS),
        (get_args(shared.IdleKey), words.IDLE_KEYS),
        (["not_counted", "too_few"], words.RATIO_REASONS),
        ([efficiency.UNKNOWN_METHOD], words.ESTIMATE_REASONS),
        ({code for one in efficiency.REASONS.values() for code in one}, words.ESTIMATE_REASONS),
    ],
)
def test_every_code_has_words(codes, table):
    """A code added to the method or the service fails here until it has words."""
    assert set(codes) <= set(table)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_code_without_words_is_shown_as_it_is(lang):
    """What is not known here is never hidden."""
    vocabulary = Words(translations(lang).gettext)
    assert vocabulary.cause("meteor") == "meteor"
    assert vocabulary.factor("life-cycle, of a new kind").endswith(", of a new kind")


def test_a_factors_basis_is_told_in_words():
    """The phrases of the shipped table's basis are translated, each apart."""
    vocabulary = Words(translations("fr").gettext)
    assert vocabulary.factor("losses included, smoothed over 2022-2025") == (
        "pertes du réseau comprises, moyenne des années 2022 à 2025"
    )
