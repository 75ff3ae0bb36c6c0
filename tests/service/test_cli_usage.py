"""`footprint usage`: from what it prints a reader computes a share by hand, as METHOD.md says."""

from datetime import timedelta
from fractions import Fraction

import pytest

from footprint.service.cli import main
from footprint.usage import Gap
from tests.pages import START
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import QUARTER, SECOND, SERVER
from tests.service.test_statements import statement
from tests.usage_pages import line

AT = "2026-11-10T09:00:00Z"
Table = list[dict[str, str]]


def printed(house: House, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Table]:
    """The tables of the command by their titles, as rows by heading."""
    asked = ["usage", "--database", str(house.database), "--server", SERVER, *arguments]
    as_of = house.now.isoformat()
    assert main([*asked, "--as-of", as_of]) == 0
    found: dict[str, Table] = {}
    for part in capsys.readouterr().out.strip().split("\n\n"):
        title, head, *rows = part.split("\n")
        found[title] = [
            dict(zip(head.split(), row.split(maxsplit=len(head.split()) - 1), strict=True))
            for row in rows
        ]
    return found


def test_a_share_is_computed_by_hand_from_what_is_printed(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights of the tokens, each component's energy by them, the largest remainders: the line of
    the statement."""
    shared_house.register(house)
    shared_house.post_energy(house, shared_house.ENERGY[:1])
    lines = [line("chat-demo", 1000, 901, cached_tokens=300), line("tri-courrier", 5000, 60)]
    totals = [line("@unattributed", 6100, 970, cached_tokens=300)]
    shared_house.post_usage(house, [shared_house.usage_page(0, lines, totals=totals)])
    found = printed(house, capsys, "--from", AT)
    weights: dict[str, int] = {}
    for row in found["usage, as gateways told it"]:
        uncached = int(row["prompt_tokens"]) - int(row["cached_tokens"])
        weights[row["consumer"]] = uncached + 4 * int(row["generated_tokens"])
    (total,) = found["totals, as the server itself counted"]
    uncached = int(total["prompt_tokens"]) - int(total["cached_tokens"])
    whole = uncached + 4 * int(total["generated_tokens"])
    weights["@unattributed"] = whole - sum(weights.values())
    share_uj = 0
    for row in found["energy, as pages have it (uJ)"]:
        if row["part"] != "static":
            share_uj += by_hand(int(row["energy_uj"]), weights)["chat-demo"]
    (server,) = statement(house)["servers"]
    (chat,) = (one for one in server["consumers"] if one["consumer"] == "chat-demo")
    assert chat["active_uj"] == share_uj
    divided = {row["consumer"]: row for row in found["active energy, divided"]}
    assert int(divided["chat-demo"]["active_uj"]) == share_uj
    assert {name: int(row["weight"]) for name, row in divided.items()} == weights


def by_hand(energy_uj: int, weights: dict[str, int]) -> dict[str, int]:
    """The largest remainder method with fractions."""
    exact = {
        name: Fraction(energy_uj * weight, sum(weights.values()))
        for name, weight in weights.items()
    }
    shares = {name: int(value) for name, value in exact.items()}
    ranked = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in ranked[: energy_uj - sum(shares.values())]:
        shares[name] += 1
    return shares


def test_a_day_of_usage_is_shown_whole(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for one quarter-hour of it: the facts are those of the block that is divided."""
    shared_house.register(house)
    shared_house.post_energy(house)
    day = START - timedelta(hours=10)  # midnight in Paris
    gap = Gap(start=day, end=day + QUARTER, cause="unreachable")
    page = shared_house.usage_page(-40, [line()], seconds=86_400, origin="litellm-csv", gaps=[gap])
    house.now += timedelta(days=1)
    shared_house.post_usage(house, [page])
    found = printed(house, capsys, "--from", AT)
    assert len(found["energy, as pages have it (uJ)"]) == 10
    assert len(found["usage, as gateways told it"]) == 1
    assert found["gaps, in which gateways may miss counts"][0]["cause"] == "unreachable"
    (row,) = found["active energy, divided"]
    assert row["start"] == "2026-11-09T23:00:00Z"


def test_what_stays_on_the_server_is_printed_too(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage that weighs nothing explains nothing."""
    shared_house.register(house)
    shared_house.post_energy(house)
    asked = [line("chat-demo", 7, 0, cached_tokens=7)]
    shared_house.post_usage(house, [shared_house.usage_page(0, asked, ledger_id=SECOND)])
    rows = printed(house, capsys, "--from", AT)["active energy, divided"]
    assert [(row["consumer"], int(row["active_uj"])) for row in rows] == [
        ("chat-demo", 0),
        (SERVER, 412_345_681),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--server", "nope", "--from", AT], "--server nope: not registered"),
        (["--server", SERVER, "--from", "today"], "--from today: write an instant"),
        (
            ["--server", SERVER, "--from", AT, "--to", AT],
            "--to 2026-11-10T09:00:00+00:00: not after",
        ),
        (["--server", SERVER, "--from", AT, "--to", "2026-12-05T00:00Z"], "in another month"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    house: House, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """What, and what to write instead."""
    assert main(["usage", "--database", str(house.database), *arguments]) == 1
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
