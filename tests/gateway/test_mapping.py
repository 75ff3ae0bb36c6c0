"""Whose a counter is: by team or key, never by person."""

import pytest

from exporters.gateway.mapping import MappingError, Owners, Rule
from footprint.codes import UNATTRIBUTED

RULES = [
    Rule({"api_key_alias": "litellm-internal-health-check"}, ignore=True),
    Rule({"team_alias": "Accueil*", "model": "large"}, "accueil"),
    Rule({"team_alias": "Accueil*"}, "accueil-petit"),
    Rule({"team": "t[1]?"}, "tri"),
]


@pytest.mark.parametrize(
    ("labels", "whose"),
    [
        ({"team_alias": "Accueil Paris", "model": "large"}, "accueil"),
        ({"team_alias": "Accueil Paris", "model": "small"}, "accueil-petit"),
        ({"team": "t[1]?"}, "tri"),
        ({"team": "t1x"}, UNATTRIBUTED),
        ({}, UNATTRIBUTED),
        ({"team_alias": "None"}, UNATTRIBUTED),
        ({"api_key_alias": "litellm-internal-health-check", "team_alias": "Accueil"}, None),
    ],
)
def test_the_first_rule_that_matches_says_whose_it_is(
    labels: dict[str, str], whose: str | None
) -> None:
    """`*` is any text and nothing else is special; what no rule names is visible as nobody's."""
    assert Owners(RULES).whose(labels) == whose


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Rule({}, "chat"), "rule 1: names no label"),
        (Rule({"user_email": "*"}, "chat"), "user_email stands for a person"),
        (Rule({"team": "a"}), "either sia or ignore"),
        (Rule({"team": "a"}, "chat", ignore=True), "either sia or ignore"),
        (Rule({"team": "a"}, "Chat"), "is not a code"),
        (Rule({"team": "a"}, "@system"), "is not a code"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(rule: Rule, says: str) -> None:
    """With its number and what is wrong."""
    with pytest.raises(MappingError, match=says):
        Owners([rule])
