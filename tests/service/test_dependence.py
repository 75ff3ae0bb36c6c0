"""How much of the whole is done outside: what is not known on either side is no zero."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from footprint import usage
from footprint.ledger import Page
from footprint.usage import Line
from tests import usage_pages
from tests.pages import START, chain, make_page
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import QUARTER, SERVER
from tests.service.test_externals import OPENAI, ask, tell
from tests.service.test_statements import statement

WORDS = "Generated tokens inside are unknown, not zero"


def elsewhere(consumer: str, server: str) -> Line:
    """What a consumer asked of what nobody registered."""
    return usage_pages.line(consumer, server=server)


def upper(found: dict[str, Any]) -> list[str | None]:
    """The upper ends for energy and gases."""
    return [one["high"] for one in found["externals"]["dependence"][:2]]


def test_whoever_asked_what_nobody_registered_has_no_upper_end(house: House) -> None:
    """The whole, a SIA, also by another code of its, and a project that carries it; no other."""
    lines = [
        *(ask(name, 1000, 1) for name in ("chat-demo", "tri-courrier", "ghost")),
        elsewhere("chat-old", "api-new"),
        elsewhere("ghost", "api-else"),
    ]
    tell(house, lines)
    carried = {"shares": [{"project": "accueil", "permille": 1000}]}
    alias = {"aliases": [{"code": "chat-old"}]}
    assert house.put("/v1/sia/chat-demo", {"name": "Chat"} | carried | alias).is_success
    expected: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["api-else", "api-new"]),
        ({"sia": "chat-demo"}, ["api-new"]),
        ({"sia": "chat-old"}, ["api-new"]),
        ({"project": "accueil"}, ["api-new"]),
        ({"sia": "ghost"}, ["api-else"]),
        ({"sia": "tri-courrier"}, []),
        ({"project": "courrier"}, []),
    ]
    for scope, named in expected:
        found = statement(house, **scope)
        assert found["usage_unregistered"] == named, scope
        assert (upper(found) == [None, None]) == bool(named), scope
        page = house.client.get(
            "/v1/statements/2026-11", params=scope | {"format": "html", "lang": "en"}
        ).text
        assert [name in page for name in ("api-else", "api-new")] == [
            name in named for name in ("api-else", "api-new")
        ], scope


def test_usage_of_what_nobody_registered_is_named(house: House) -> None:
    """In every format; how much is outside is then known from below alone."""
    tell(house, [ask("chat-demo", 1000, 1), usage_pages.line("chat-demo", server="api-new")])
    found = statement(house)
    assert found["usage_unregistered"] == ["api-new"]
    assert [one["high"] for one in found["externals"]["dependence"]] == [None] * 3
    assert "# usage_not_registered;api-new" in house.get("/v1/statements/2026-11?format=csv").text
    page = house.get("/v1/statements/2026-11?format=html&lang=fr").text
    assert "api-new" in page
    house.put("/v1/servers/api-new", {"name": "New"})
    assert statement(house)["usage_unregistered"] == []


def worked(quarters: int, own: dict[str, int]) -> list[Page]:
    """Pages of a host on which the server worked so long, and whoever else."""
    consumers = {SERVER: 10**12, "@system": 1} | own
    return [make_page(start=START + n * QUARTER, consumers=consumers) for n in range(quarters)]


def asked(quarters: int, gaps: Sequence[usage.Gap] = ()) -> list[usage.UsagePage]:
    """What was asked of the server, and in the first of them of the service outside."""
    lines = [
        [usage_pages.line("tri-courrier", 5000, 400)] + [ask("tri-courrier", 1000, 1)] * (not n)
        for n in range(quarters)
    ]
    return [
        shared_house.usage_page(n, of, gaps=gaps if not n else ()) for n, of in enumerate(lines)
    ]


GAP = usage.Gap(START, START + QUARTER / 3, "unreachable")
TOGETHER = msgspec.structs.replace(
    usage_pages.line("tri-courrier"),
    prompt_tokens=None,
    generated_tokens=None,
    cached_tokens=0,
    total_tokens=700,
)


@pytest.mark.parametrize(
    ("pages", "told", "known"),
    [
        (worked(2, {}), asked(2), True),
        ([make_page(consumers={"@system": 5, "@unattributed": 5})], asked(1), True),
        (worked(3, {}), asked(2), False),
        (worked(2, {}), asked(2, [GAP]), False),
        (worked(2, {"tri-courrier": 1}), asked(2), False),
        (worked(2, {"@unregistered": 1}), asked(2), False),
        (worked(1, {}), [shared_house.usage_page(0, [ask("tri-courrier", 1000, 1)])], False),
        (worked(1, {}), [shared_house.usage_page(0, [TOGETHER, *asked(1)[0].lines[1:]])], False),
    ],
    ids=["all counted", "no server", "too few", "gap", "own", "undeclared", "none", "together"],
)
def test_tokens_inside_are_known_where_all_that_worked_is_counted(
    house: House, pages: list[Page], told: list[usage.UsagePage], *, known: bool
) -> None:
    """Else neither they nor the part outside; the words are on the page, the CSV has no number."""
    shared_house.register(house)
    assert house.put("/v1/externals/openai", OPENAI).is_success
    assert house.post(chain(pages)).is_success
    shared_house.post_usage(house, told)
    of_tokens = statement(house)["externals"]["dependence"][2]
    assert of_tokens["outside"] == {"low": 1000, "high": 1000}
    page = house.get("/v1/statements/2026-11?format=html&lang=en").text
    rows = house.get("/v1/statements/2026-11?format=csv").text.splitlines()
    (row,) = [row for row in rows if row.startswith("# external_share;generated_tokens")]
    inside = sum(
        line.generated_tokens or 0 for one in told for line in one.lines if line.server == SERVER
    )
    if known:
        part = {0: "1000.0", 400: "714.3", 800: "555.6"}[inside]
        assert (of_tokens["inside"], of_tokens["low"], of_tokens["high"]) == (inside, part, part)
        assert WORDS not in page
        assert row == f"# external_share;generated_tokens;{inside};1000;1000;{part};{part}"
    else:
        assert [of_tokens[name] for name in ("inside", "low", "high")] == [None] * 3
        assert WORDS in page
        assert row == "# external_share;generated_tokens;;1000;1000;;"


def test_a_servers_own_statement_rests_on_its_own_counts(house: House) -> None:
    """Another server that nobody counts leaves it, and what it asked outside, known."""
    shared_house.register(house)
    house.put("/v1/servers/other", {"name": "Other"})
    house.put("/v1/externals/openai", OPENAI)
    assert house.post(chain(worked(1, {"other": 10**12}))).is_success
    (page,) = asked(1)
    lines = [*page.lines, ask(SERVER, 1000, 1)]
    shared_house.post_usage(house, [msgspec.structs.replace(page, lines=lines)])
    of_all, of_it = (
        statement(house, **scope)["externals"]["dependence"][2]["inside"]
        for scope in ({}, {"sia": SERVER})
    )
    assert (of_all, of_it) == (None, 400)
