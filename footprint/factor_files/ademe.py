"""ADEME's Base Empreinte (Base Carbone) as published in CSV: France's mean mix of consumption.

In: the lines of the file, as bytes: ISO-8859-1, `;`, decimal comma (and `4,74E-3`), a row `Elément`
and then a row `Poste` for each part that it is made of. Out: one factor a year, with its parts.
Every other element is left out and counted: none of them is a kilowatt-hour that is consumed.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec

from footprint import factors
from footprint.factor_files.found import Found
from footprint.factors import GWP_UNIT, Factor, FactorError

KIND, ELEMENT, PART = "Type Ligne", "Elément", "Poste"
ID = "Identifiant de l'élément"
STATUS, NAME, WHICH = "Statut de l'élément", "Nom base français", "Nom attribut français"
BOUNDARY, UNIT, WHERE = "Nom frontière français", "Unité français", "Localisation géographique"
MODIFIED, PERIOD = "Date de modification", "Période de validité"
UNCERTAINTY, TOTAL = "Incertitude", "Total poste non décomposé"
STRUCTURE, PART_KIND, PART_NAME = "Structure", "Type poste", "Nom poste français"
COLUMNS = (
    *(KIND, ID, STRUCTURE, STATUS, NAME, WHICH, BOUNDARY, UNIT, WHERE, MODIFIED, PERIOD),
    *(UNCERTAINTY, PART_KIND, PART_NAME, TOTAL),
)
BASIS = "life-cycle, consumption mix, losses included"
LICENCE = "Licence Ouverte 2.0"
MAX_ROWS = 200_000
"""The whole base has some 20,000 rows."""
_NUMBER = re.compile(r"[0-9]{1,12}(,[0-9]{1,15})?(E[+-]?[0-9]{1,2})?")
_MIX = re.compile(r"([0-9]{4}) - mix moyen")
_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_UNIT = "kgCO2e/kWh"
_PARTS = {"combustion a la centrale": "combustion", "amont": "upstream", "pertes": "losses"}


class _Row(msgspec.Struct, frozen=True):
    line: int
    cells: Mapping[str, str]

    def error(self, column: str, why: str) -> FactorError:
        return FactorError(f"line {self.line}, column {column!r}: {why}")


class _Mix(msgspec.Struct):
    """A year's element, and its parts so far."""

    row: _Row
    year: int
    value: Decimal
    parts: dict[str, Decimal] = {}


def recognises(first: bytes) -> bool:
    """Whether a file's first line is this format's."""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip(b'"').startswith(KIND.encode())


def read(lines: Iterable[bytes], known_from: datetime) -> Found:
    """The factors of the mean consumption mix, by year. Raises FactorError with line and column."""
    mixes: dict[int, _Mix] = {}
    remarks: list[str] = []
    current: _Mix | None = None
    last, rows, elements = "", 0, 0
    for row in _rows(lines):
        rows += 1
        kind, identity = row.cells[KIND], row.cells[ID]
        if kind == ELEMENT:
            elements += 1
            last, current = identity, _mix(row)
            if current is not None:
                _choose(mixes, current, remarks)
        elif kind != PART:
            raise row.error(KIND, f"{kind[:40]!r} is neither {ELEMENT!r} nor {PART!r}")
        elif identity != last:
            raise row.error(ID, f"{identity[:40]!r} is no part of the element above; {_AGAIN}")
        elif current is not None:
            _add_part(current, row)
    found = [_factor(mix, known_from) for _, mix in sorted(mixes.items())]
    if not found:
        raise FactorError(
            f"{elements} elements, and none is France's mean consumption mix of a year "
            f"(Electricité, YYYY - mix moyen, consommation, {_UNIT})"
        )
    remarks.insert(0, f"{elements - len(found)} of {elements} elements are no consumption mix")
    return Found(found, rows, remarks)


_AGAIN = "rows are missing or out of order: download the file again"


def _rows(lines: Iterable[bytes]) -> Iterator[_Row]:
    reader = csv.reader(_text(lines), delimiter=";", strict=True)
    header: list[str] = []
    try:
        for number, cells in enumerate(reader):
            if not header:
                header = _header(cells)
            elif number > MAX_ROWS:
                raise FactorError(f"more than {MAX_ROWS:,} rows; is this ADEME's base?")
            elif len(cells) != len(header):
                raise FactorError(
                    f"line {reader.line_num}: {len(cells)} fields where the header has "
                    f"{len(header)}; the file may be cut off: download it again"
                )
            else:
                yield _Row(reader.line_num, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise FactorError(f"line {reader.line_num}: not CSV: {error}; download it again") from error


def _text(lines: Iterable[bytes]) -> Iterator[str]:
    for raw in lines:
        yield raw.decode("iso-8859-1")


def _header(cells: list[str]) -> list[str]:
    for name in COLUMNS:
        if cells.count(name) != 1:
            raise FactorError(
                f"line 1: column {name!r} is missing; ADEME publishes this file in ISO-8859-1: "
                "give it as it was published"
            )
    return cells


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text)
    return "".join(one for one in bare if not unicodedata.combining(one)).strip().lower()


def _mix(row: _Row) -> _Mix | None:
    """The element's mix, None where it is something else."""
    cells = row.cells
    match = _MIX.fullmatch(cells[WHICH].strip())
    wanted = (
        match is not None
        and _plain(cells[NAME]) == "electricite"
        and _plain(cells[BOUNDARY]) == "consommation"
        and cells[UNIT].strip() == _UNIT
        and _plain(cells[WHERE]) == "france continentale"
    )
    if match is None or not wanted:
        return None
    year = int(match[1])
    named = re.findall(r"[0-9]{4}", cells[PERIOD])
    if named and str(year) not in named:
        raise row.error(PERIOD, f"{cells[PERIOD][:40]!r} is not the year of {cells[WHICH]!r}")
    return _Mix(row, year, _grams(row))


def _choose(mixes: dict[int, _Mix], found: _Mix, remarks: list[str]) -> None:
    """Of two elements of a year the valid one holds, else the one changed last."""
    held = mixes.get(found.year)
    if held is None or _rank(found) > _rank(held):
        mixes[found.year] = found
    if held is not None:
        left = min(held, found, key=_rank).row
        remarks.append(f"line {left.line}: another element of {found.year} holds instead")


def _rank(mix: _Mix) -> tuple[bool, date]:
    return mix.row.cells[STATUS].startswith("Valide"), _modified(mix.row)


def _grams(row: _Row) -> Decimal:
    text = row.cells[TOTAL].strip()
    if not _NUMBER.fullmatch(text):
        raise row.error(TOTAL, f"{text[:40]!r} is not a number with a decimal comma")
    return Decimal(text.replace(",", ".")).scaleb(3)


def _add_part(mix: _Mix, row: _Row) -> None:
    kind, name = _plain(row.cells[PART_KIND]), _plain(row.cells[PART_NAME])
    part = _PARTS.get(name) or _PARTS.get(kind)
    if part is None or part in mix.parts:
        known = ", ".join(_PARTS)
        raise row.error(PART_NAME, f"{name[:40]!r} is none of {known}, or stands there twice")
    mix.parts[part] = _grams(row)


def _modified(row: _Row) -> date:
    match = _DAY.fullmatch(row.cells[MODIFIED].strip())
    try:
        if match is not None:
            return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        pass
    raise row.error(MODIFIED, f"{row.cells[MODIFIED][:40]!r} is not a date, DD/MM/YYYY")


def _factor(mix: _Mix, known_from: datetime) -> Factor:
    row = mix.row
    text = row.cells[UNCERTAINTY].strip()
    if text and not _NUMBER.fullmatch(text):
        raise row.error(UNCERTAINTY, f"{text[:40]!r} is not a number of percent")
    if not mix.parts and "poste" in row.cells[STRUCTURE]:
        raise row.error(STRUCTURE, f"{row.cells[STRUCTURE]!r}, and no part follows; {_AGAIN}")
    factor = Factor(
        indicator="gwp",
        zone="FR",
        value=mix.value,
        unit=GWP_UNIT,
        valid_from=date(mix.year, 1, 1),
        valid_to=date(mix.year + 1, 1, 1),
        basis=BASIS,
        method="location",
        uncertainty_percent=Decimal(text.replace(",", ".")) if text else None,
        source=f"ADEME Base Empreinte, {mix.year} mix moyen consommation (id {row.cells[ID]})",
        published=_modified(row).isoformat(),
        known_from=known_from,
        licence=LICENCE,
        parts=mix.parts,
    )
    if found := factors.flaw(factor):
        raise row.error(TOTAL, found)
    return factor
