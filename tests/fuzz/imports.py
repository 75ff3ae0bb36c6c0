"""Files that a person imports, and the answers of gateways: as their commands read them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

from exporters.gateway import dialects, importing, opengatellm
from exporters.gateway.dialects import DIALECTS, DialectError
from exporters.gateway.opengatellm import RecordsError
from footprint import factor_table, factors
from footprint.factor_files import ademe, electricity_maps, owid
from footprint.factors import FactorError
from footprint.grid import eco2mix
from footprint.grid.intensity import RTE_DIRECT, intensity_ug_per_kwh
from footprint.grid.quarter import GridError
from footprint.service import cli_pdu, rack_file, register_check, registry_file
from footprint.service.errors import CommandError
from footprint.service.rack_file import Powers, Rack
from footprint.service.register import Register, RegisterError
from tests import pdu_exports
from tests.factor_files import test_ademe, test_electricity_maps, test_owid
from tests.fuzz.target import Target, file, one_line, parts
from tests.gateway import house, test_litellm_csv, test_records
from tests.grid import test_eco2mix
from tests.pages import START

KEY = b"0123456789abcdef"
RACK = Rack(code="r12", feeds=["a", "b"], powers=[Powers(hosts=["gpu-01"])])


def _registry(data: bytes) -> None:
    path = file("registry.yaml", data)
    try:
        found = registry_file.read(path)
        register_check.check(found.register, Register())
    except RegisterError as error:
        one_line(found.error(error))
    except CommandError as error:
        one_line(error)


def _racks(data: bytes) -> None:
    path = file("racks.yaml", data)
    try:
        rack_file.read(path)
    except CommandError as error:
        one_line(error)


def _factors(data: bytes) -> None:
    try:
        found = factor_table.parse(data.decode("utf-8-sig"), START)
        assert all(
            not one.value or factors.SMALLEST <= one.value <= factors.LARGEST for one in found
        )
    except (FactorError, UnicodeDecodeError):
        pass


def _published(data: bytes) -> None:
    """Each format as its publisher writes it."""
    lines = data.splitlines(keepends=True)
    try:
        if ademe.recognises(data[:100]):
            found = ademe.read(lines, START)
        elif electricity_maps.recognises(data[:100]):
            found = electricity_maps.read(data, START)
        else:
            found = owid.read(lines, {"FRA": "FR", "DEU": "DE"}, "2025", START)
    except FactorError as error:
        one_line(error)
        return
    assert found.factors
    for one in found.factors:
        assert not factors.flaw(one)
        assert one.valid_to is not None
        assert one.valid_from < one.valid_to


def _is_factor(value: Decimal) -> bool:
    return not value or factors.SMALLEST <= value <= factors.LARGEST


def _pdu(data: bytes) -> None:
    exports = {
        name: [file(f"{name}.csv", text)]
        for name, text in zip(RACK.feeds, parts(data, 2), strict=False)
    }
    try:
        found = cli_pdu.read_rack(RACK, exports, START)
    except CommandError:
        return
    for fact in found.facts:
        assert 0 <= fact.energy_uj < 2**62
        assert fact.start_us < fact.end_us


def _eco2mix(data: bytes) -> None:
    try:
        found = eco2mix.read(data.splitlines(keepends=True))
    except GridError as error:
        one_line(error)
        return
    for start_s, quarter in found.quarters.items():
        assert start_s == quarter.start_s
        assert not start_s % 900
        intensity_ug = intensity_ug_per_kwh(quarter.generation_mw, RTE_DIRECT)
        assert intensity_ug is None or 0 <= intensity_ug <= 984_000_000


def _litellm_csv(data: bytes) -> None:
    try:
        found = importing.read(file("usage.csv", data))
    except importing.ImportFileError:
        return
    assert all(min(day.requests, day.total_tokens) >= 0 for day in found.days)


def _metrics(data: bytes) -> None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    for name in DIALECTS:
        try:
            found = dialects.read(text, name, KEY)
        except DialectError as error:
            one_line(error)
        else:
            assert all(type(count) is int and count >= 0 for count in found.counts.values())


def _opengatellm(data: bytes) -> None:
    for read in (opengatellm.read, opengatellm.read_usage):
        try:
            read(data)
        except RecordsError as error:
            one_line(error)


def _registries() -> Iterator[bytes]:
    text = registry_file.__doc__ or ""
    example = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    yield example.encode()
    yield b"sia:\n  - {code: chat, name: Chat, project: p}\nservers:\n  - {code: s, weights: fit}\n"


def _rack_files() -> Iterator[bytes]:
    text = rack_file.__doc__ or ""
    yield "\n".join(line[4:] for line in text.splitlines() if line.startswith("    ")).encode()


def _factor_tables() -> Iterator[bytes]:
    table = files("footprint.service").joinpath("data/french_electricity.csv").read_bytes()
    lines = table.splitlines(keepends=True)
    yield b"".join(lines[:6])
    yield b"".join([lines[0], *lines[-4:]])


def _exports() -> Iterator[bytes]:
    rows = pdu_exports.rows(START - timedelta(hours=2), [100, 200, 200, None, 150, "1e3"])
    short = [",".join(row.split(",")[:5]) + "\n" for row in rows]
    head = "Export\n" + ",".join(pdu_exports.COLUMNS[:5]) + "\n"
    one = head + "".join(short)
    yield f"{one}\n---\n{one}".encode()
    yield one.replace(",", ";").replace("50.0", "50,0").encode()


def _published_files() -> Iterator[bytes]:
    for module in (test_ademe, test_owid):
        yield b"".join(module.LINES[:1] + module.LINES[-4:])
    yield json.dumps(test_electricity_maps.answer()).encode()


def _grids() -> Iterator[bytes]:
    yield b"".join(test_eco2mix.ODRE[:3])
    yield test_eco2mix.HEADER + b"".join(test_eco2mix.rte_day("2026-03-29")) + test_eco2mix.CLOSING


def _usage_exports() -> Iterator[bytes]:
    row = test_litellm_csv.row
    yield (test_litellm_csv.HEADER + row("A", "b", 2, 90) + row("A", "a", 40, 1_200)).encode()
    yield (test_litellm_csv.HEADER + row("Unassigned", "m", 3, 20) * 2).encode()


def _scrapes() -> Iterator[bytes]:
    yield house.litellm({"a": (1, 20, 30), "b": (2, 40, 60, 7)}, started=1e9).encode()
    yield house.vllm(3, 500, 70).encode()
    yield house.vllm(3, 500, 70, "sglang:").encode()
    yield b"llamacpp:prompt_tokens_total 5\nllamacpp:tokens_predicted_total 7.0\n"


def _views() -> Iterator[bytes]:
    yield json.dumps({"data": [test_records.FLAT]}).encode()
    yield json.dumps({"data": [test_records.nested(1, "k")]}).encode()
    yield json.dumps({**test_records.USAGE, "carbon": test_records.CARBON}).encode()


TARGETS = (
    Target("registry", _registry, _registries),
    Target("racks", _racks, _rack_files),
    Target("factors", _factors, _factor_tables),
    Target("pdu", _pdu, _exports),
    Target("published-factors", _published, _published_files),
    Target("eco2mix", _eco2mix, _grids),
    Target("litellm-csv", _litellm_csv, _usage_exports),
    Target("metrics", _metrics, _scrapes),
    Target("opengatellm", _opengatellm, _views, json=True),
)
