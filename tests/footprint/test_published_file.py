"""The file of a publication: a change of any value is found and named, and so is a wrong sum."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import published_file, units
from footprint.applied import Viewed
from footprint.publication import (
    Amount,
    Comparisons,
    ComponentGroup,
    Group,
    Line,
    Member,
    Publication,
    SiteGroup,
    Told,
    Unit,
)
from footprint.published_file import PublishedFileError
from footprint.statement import Coverage
from footprint.uncertainty import Bounds

UJ = (700_000_001, 299_999_999, 50_000_003)


def amount(energy_uj: int) -> Amount:
    """Something in every measure."""
    return Amount(
        energy_uj,
        energy_uj * 2,
        energy_uj // 1000,
        {"primary_energy_uj": energy_uj * 3, "water_site_ul": None},
        {"market": Viewed(energy_uj // 2000, energy_uj)},
    )


def added(found: list[Amount]) -> Amount:
    """The sum."""
    return Amount(
        sum(one.energy_uj for one in found),
        sum(one.site_energy_uj for one in found),
        sum(one.emissions_ug or 0 for one in found),
        {
            "primary_energy_uj": sum(one.impacts["primary_energy_uj"] or 0 for one in found),
            "water_site_ul": None,
        },
        {
            "market": Viewed(
                sum(one.views["market"].emissions_ug for one in found),
                sum(one.views["market"].energy_uj for one in found),
            )
        },
    )


def told(*energies_uj: int) -> Told:
    """What is said of their sum."""
    whole = added([amount(one) for one in energies_uj])
    return Told(
        whole,
        units.kwh(whole.energy_uj),
        units.kwh(whole.site_energy_uj),
        units.grams(whole.emissions_ug or 0),
        Decimal("0.9876"),
        {"energy_uj": Bounds(whole.energy_uj - 5, whole.energy_uj + 5)},
        {"counter": whole.energy_uj},
    )


def publication() -> Publication:
    """Two projects' SIA and what nobody used."""
    chat, tri, idle = UJ
    return Publication(
        format=1,
        number=1,
        previous=None,
        month="2026-10",
        start=datetime(2026, 9, 30, 22, tzinfo=UTC),
        end=datetime(2026, 10, 31, 23, tzinfo=UTC),
        as_of=datetime(2026, 11, 5, tzinfo=UTC),
        method_version="1",
        zone="FR",
        demonstration=True,
        ledgers_root="0" * 64,
        ledgers=1,
        total=told(*UJ),
        compared=Comparisons(),
        uncertainty=[],
        directorates=[
            Group("d", None, [Member("d", "Directorate")], told(chat, tri)),
            Group("", None, [], told(idle)),
        ],
        projects=[
            Group("p", "d", [Member("p", "Project")], told(chat)),
            Group("q", "d", [Member("q", "Éclairage = « ça »")], told(tri)),
            Group("", "", [], told(idle)),
        ],
        units=[
            Unit("chat", "sia", [Member("chat", "Chat")], told(chat)),
            Unit("tri", "sia", [Member("tri", None)], told(tri)),
            Unit("@idle", "idle", [], told(idle)),
        ],
        components=[ComponentGroup("cpu", ["cpu"], [Coverage(9, 10, False)], told(*UJ))],
        sites=[SiteGroup("", [], sum(UJ), None)],
        lines=[
            Line("p", "chat", "cpu", amount(chat)),
            Line("q", "tri", "cpu", amount(tri)),
            Line("", "@idle", "cpu", amount(idle)),
        ],
        making=None,
        boundaries=[],
        gaps=[],
        quarantined_pages=0,
        outside=None,
        restatements=[],
        equivalences=[],
        recommendations=[],
        omissions=["platform"],
        zones_without_factor=[],
        factors=[],
        impacts=[],
        impact_factors=[],
        views=[],
        contracts=[],
        grid=[],
    )


SEALED = published_file.sealed(publication())
FILE = published_file.written(SEALED)


def places(tree: Any, path: str = "") -> list[tuple[Any, Any, str]]:
    """Each value: what holds it, under which key or index, and its path."""
    if isinstance(tree, dict):
        pairs = [(key, value, f"{path}.{key}".lstrip(".")) for key, value in tree.items()]
    else:
        pairs = [(key, value, f"{path}[{key}]") for key, value in enumerate(tree)]
    found = []
    for key, value, where in pairs:
        if isinstance(value, dict | list) and value:
            found += places(value, where)
        elif value not in ([], {}):
            found.append((tree, key, where))
    return found


def test_a_file_that_was_published_is_read() -> None:
    """Whatever its blanks and the order of its names."""
    file = published_file.read(FILE)
    assert file.publication == publication()
    tree = json.loads(FILE)
    again = json.dumps(tree, sort_keys=True, ensure_ascii=True, indent=4).encode()
    assert published_file.read(again) == file


@given(st.data())
def test_any_change_is_found_where_it_is(data: st.DataObject) -> None:
    """The first that was made."""
    tree = json.loads(FILE)
    held, key, path = data.draw(st.sampled_from(places(tree["publication"])))
    old = held[key]
    held[key] = old + 1 if isinstance(old, int) and old is not True else _another(old)
    with pytest.raises(PublishedFileError) as caught:
        published_file.read(json.dumps(tree).encode())
    said = str(caught.value)
    assert said.startswith((f"{path}: ", "no publication of this house: "))


def _another(old: Any) -> Any:
    if old is None:
        return 7
    return f"{old}1" if isinstance(old, str) else not old


@pytest.mark.parametrize(
    "change", [{"hash": "0" * 64}, {"checks": SEALED.checks[:-8]}, {"checks": ""}]
)
def test_what_stands_beside_it_is_held_against_it(change: dict[str, str]) -> None:
    """Its hash, and all of its checks."""
    wrong = msgspec.structs.replace(published_file.read(FILE), **change)
    with pytest.raises(PublishedFileError, match="hash: "):
        published_file.read(published_file.written(wrong))


def sealed_with(path: tuple[str | int, ...], value: Any) -> bytes:
    """A file that was sealed again after a change."""
    tree = json.loads(FILE)["publication"]
    held = tree
    for step in path[:-1]:
        held = held[step]
    held[path[-1]] = value
    return published_file.written(published_file.sealed(msgspec.convert(tree, Publication)))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("lines", 0, "amount", "energy_uj"), 1, "total: energy_uj is 1050000003, its parts add"),
        (("projects", 1, "told", "amount", "emissions_ug"), 1, "projects[1]: emissions_ug is 1,"),
        (("units", 2, "told", "amount", "impacts", "water_site_ul"), 1, "units[2]: impacts.water"),
        (("sites", 0, "energy_uj"), 1, "sites: energy_uj adds up to 1, total has 1050000003"),
        (("total", "energy_kwh"), "1.5", "total.energy_kwh is 1.5, its amount is 0.000291667"),
        (("units", 0, "told", "intervals", "energy_uj", "low"), 700_000_002, "units[0].told.inter"),
    ],
)
def test_sums_are_made_again(path: tuple[str | int, ...], value: Any, said: str) -> None:
    """Of a file whose hash is right, but which never added up."""
    with pytest.raises(PublishedFileError) as caught:
        published_file.read(sealed_with(path, value))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b"null", b'{"hash":1}'])
def test_what_is_no_publication_is_said_to_be_none(content: bytes) -> None:
    """In one sentence."""
    with pytest.raises(PublishedFileError, match="no publication of this house"):
        published_file.read(content)


def test_the_file_keeps_its_form() -> None:
    """Its hash is that of these very values, for as long as the format is 1."""
    assert SEALED.hash == "d160dd6bc63ca67c476b9d9bfda65ab8a8832c352c362d81e187e2abf81ff1c3"
