"""The file of a publication: what it says, one hash over all of it, and how to check both.

In: a `Publication`, or the bytes of a file. Out: the file's bytes, or what is wrong with them. The
hash is the root (`merkle`) over a leaf `PATH=VALUE` for every value in the file, in the order of
their paths, a value written as JSON in ASCII: `total.amount.energy_uj=12`. Beside it stand
`checks`, the first 8 hexadecimal digits of each leaf's SHA-256, so that a changed file says where;
whoever has written down the hash finds any change of both. Nothing else is needed to check a file
than this page.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from footprint import json_text, merkle, units
from footprint.counts import known_sum
from footprint.publication import Amount, Publication, Told

CHECK_DIGITS = 8


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A publication with its hash and its checks."""

    publication: Publication
    hash: str
    checks: str


class PublishedFileError(ValueError):
    """A file that is not as it was published; the message says what and where."""


def sealed(publication: Publication) -> Sealed:
    """The publication, with its hash."""
    tree = json.loads(json_text.encode(publication))
    leaves = [leaf for _, leaf in _leaves(tree)]
    return Sealed(publication, merkle.root(leaves), "".join(map(_check, leaves)))


def written(file: Sealed) -> bytes:
    """The file."""
    return msgspec.json.format(json_text.encode(file), indent=1) + b"\n"


def decoded(content: bytes) -> Sealed:
    """A file of our own making, unchecked."""
    return msgspec.json.decode(content, type=Sealed)


def read(content: bytes) -> Sealed:
    """A file that is as it was published and adds up. Raises PublishedFileError with the first
    figure that was changed, or that is not the sum of its parts."""
    try:
        tree = json.loads(content)
        file = msgspec.convert(tree, Sealed)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise PublishedFileError(f"no publication of this house: {error}") from error
    _check_leaves(tree["publication"], file)
    for fault in _sums(file.publication):
        raise PublishedFileError(fault)
    return file


def _check_leaves(tree: Any, file: Sealed) -> None:
    found = list(_leaves(tree))
    checks = [
        file.checks[place : place + CHECK_DIGITS]
        for place in range(0, len(file.checks), CHECK_DIGITS)
    ]
    for (path, leaf), check in zip(found, checks, strict=False):
        if _check(leaf) != check:
            value = leaf.removeprefix(f"{path}=")
            raise PublishedFileError(f"{path}: {value} is not what was published")
    root = merkle.root([leaf for _, leaf in found])
    if len(found) != len(checks) or root != file.hash:
        raise PublishedFileError(f"hash: {file.hash}, that of what the file says is {root}")


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its path, members of an object in the order of their names."""
    if isinstance(tree, dict) and tree:
        for name in sorted(tree):
            yield from _leaves(tree[name], f"{path}.{name}" if path else name)
    elif isinstance(tree, list) and tree:
        for place, one in enumerate(tree):
            yield from _leaves(one, f"{path}[{place}]")
    else:
        yield path, f"{path}={json.dumps(tree)}"


def _check(leaf: str) -> str:
    return hashlib.sha256(leaf.encode("ascii")).hexdigest()[:CHECK_DIGITS]


def _sums(one: Publication) -> Iterator[str]:
    """Each figure that is not the sum of its parts, or not what it is said to be."""
    yield from _compared("total", one.total.amount, [line.amount for line in one.lines])
    for place, project in enumerate(one.projects):
        own = [line.amount for line in one.lines if line.project == project.id]
        yield from _compared(f"projects[{place}]", project.told.amount, own)
    for place, directorate in enumerate(one.directorates):
        own = [each.told.amount for each in one.projects if each.of == directorate.id]
        yield from _compared(f"directorates[{place}]", directorate.told.amount, own)
    for place, unit in enumerate(one.units):
        own = [line.amount for line in one.lines if line.unit == unit.id]
        yield from _compared(f"units[{place}]", unit.told.amount, own)
    for place, component in enumerate(one.components):
        own = [line.amount for line in one.lines if line.components == component.id]
        yield from _compared(f"components[{place}]", component.told.amount, own)
    energy_uj = sum(site.energy_uj for site in one.sites)
    if energy_uj != one.total.amount.energy_uj:
        yield f"sites: energy_uj adds up to {energy_uj}, total has {one.total.amount.energy_uj}"
    for path, told in _all_told(one):
        yield from _rendered(path, told)


def _all_told(one: Publication) -> Iterator[tuple[str, Told]]:
    yield "total", one.total
    groups: Sequence[tuple[str, Iterable[Any]]] = (
        ("directorates", one.directorates),
        ("projects", one.projects),
        ("units", one.units),
        ("components", one.components),
    )
    for name, found in groups:
        for place, each in enumerate(found):
            yield f"{name}[{place}].told", each.told


def _rendered(path: str, told: Told) -> Iterator[str]:
    """What is said of an amount in other words."""
    amount = told.amount
    gases = amount.emissions_ug
    for name, said, expected in (
        ("energy_kwh", told.energy_kwh, units.kwh(amount.energy_uj)),
        ("site_energy_kwh", told.site_energy_kwh, units.kwh(amount.site_energy_uj)),
        ("emissions_g", told.emissions_g, None if gases is None else units.grams(gases)),
    ):
        if said != expected:
            yield f"{path}.{name} is {said}, its amount is {expected}"
    for measure, ends in told.intervals.items():
        value = _measured(amount, measure)
        if value is not None and not ends.low <= value <= ends.high:
            yield f"{path}.intervals.{measure}: {value} is not from {ends.low} to {ends.high}"


def _measured(amount: Amount, measure: str) -> int | None:
    numbers = _numbers(amount)
    for name in (measure, f"impacts.{measure}", f"views.{measure}.emissions_ug"):
        if name in numbers:
            return numbers[name]
    return None


def _compared(path: str, told: Amount, parts: Sequence[Amount]) -> Iterator[str]:
    """What of an amount is not the sum of its parts; of none, nothing."""
    held = [_numbers(one) for one in parts]
    for name, number in _numbers(told).items():
        whole = known_sum(one.get(name) for one in held)
        if number != whole:
            yield f"{path}: {name} is {number}, its parts add up to {whole}"


def _numbers(one: Amount) -> dict[str, int | None]:
    """Everything of an amount that is added up, by name."""
    return {
        "energy_uj": one.energy_uj,
        "site_energy_uj": one.site_energy_uj,
        "emissions_ug": one.emissions_ug,
        **{f"impacts.{name}": number for name, number in one.impacts.items()},
        **{f"views.{name}.emissions_ug": view.emissions_ug for name, view in one.views.items()},
        **{f"views.{name}.energy_uj": view.energy_uj for name, view in one.views.items()},
    }
