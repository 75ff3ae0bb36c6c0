"""The second opinion: records small enough to be computed by hand, and records it must refuse."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "demo" / "recompute.py"
S = 1_000_000_000
PACKAGE = {
    "sensor": "rapl",
    "component": "cpu",
    "device": "package-0",
    "evidence": False,
    "quality": "counter",
    "range_uj": None,
    "floor_uw": None,
    "max_power_uw": None,
}


def header(*devices: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "record": "footprint",
        "format": 1,
        "host_id": "h",
        "ledger_id": "l",
        "boot_id": "b",
        "page_seconds": 5,
        "ncpu": 2,
        "cgroup_root": "/nowhere",
        "devices": [PACKAGE | device for device in devices or ({},)],
        **other,
    }


def tick(
    second: float, energy_uj: int | str, host: int, agent: int, sia: dict[str, int], **other: Any
) -> dict[str, Any]:
    at_ns = int(second * S)
    reading: dict[str, Any] = {"device": "package-0"}
    if isinstance(energy_uj, str):
        reading["gap"] = energy_uj
    else:
        reading |= {"value_uj": energy_uj, "at_ns": at_ns}
    return {
        "at": "2026-11-21T21:00:01.000000Z",
        "mono_ns": at_ns,
        "readings": [reading],
        "cpu_ns": {"host": host, "agent": agent, "sia": sia},
        **other,
    }


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -I and another folder: neither this project nor its packages can be imported.
    return subprocess.run(
        [sys.executable, "-I", "-S", str(PROGRAM), str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def recompute(tmp_path: Path, *lines: dict[str, Any], arguments: tuple[str, ...] = ()) -> Any:
    path = tmp_path / "record.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = run(path, *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refused(tmp_path: Path, *lines: dict[str, Any], arguments: tuple[str, ...] = ()) -> str:
    path = tmp_path / "record.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = run(path, *arguments)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    return result.stderr


def energy(totals: dict[str, dict[str, int]]) -> dict[str, int]:
    return {code: total["energy_uj"] for code, total in totals.items()}


def test_the_first_tick_is_a_baseline_and_the_rest_is_split_by_cpu_time(tmp_path: Path) -> None:
    """100 uJ over chat 30, tri 10, agent 5, system 55 of 100 ns; nothing before the first tick."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 7_000, 1_000, 10, {"chat": 500, "tri": 40}),
        tick(2, 7_100, 1_100, 15, {"chat": 530, "tri": 50}),
    )
    assert energy(totals) == {"chat": 30, "tri": 10, "@agent": 5, "@system": 55}
    assert {code: total["cpu_ns"] for code, total in totals.items()} == {
        "chat": 30,
        "tri": 10,
        "@agent": 5,
        "@system": 55,
    }


def test_the_odd_microjoule_goes_to_the_largest_remainder_then_to_the_first_code(
    tmp_path: Path,
) -> None:
    """10 uJ over a 1, b 1, c 1: 3 each and one left, all remainders equal: a has it."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 0, 0, 0, {"a": 0, "b": 0, "c": 0}),
        tick(2, 10, 3, 0, {"a": 1, "b": 1, "c": 1}),
    )
    assert energy(totals) == {"a": 4, "b": 3, "c": 3, "@agent": 0, "@system": 0}


def test_the_floor_is_static_and_goes_to_the_system(tmp_path: Path) -> None:
    """A floor of 40 uW over 2 s is 80 of 100 uJ; the 20 left over 1 to 3 are 5 and 15."""
    totals = recompute(
        tmp_path,
        header({"floor_uw": 40}),
        tick(1, 0, 0, 0, {"chat": 0}),
        tick(3, 100, 4, 0, {"chat": 1}),
    )
    assert totals["chat"] == {"energy_uj": 5, "dynamic_uj": 5, "cpu_ns": 1}
    assert totals["@system"] == {"energy_uj": 95, "dynamic_uj": 15, "cpu_ns": 3}


def test_a_floor_above_the_reading_leaves_nothing_dynamic(tmp_path: Path) -> None:
    """Static is never more than what was metered."""
    totals = recompute(
        tmp_path,
        header({"floor_uw": 400}),
        tick(1, 0, 0, 0, {"chat": 0}),
        tick(2, 100, 4, 0, {"chat": 4}),
    )
    assert totals["@system"]["energy_uj"] == 100
    assert totals["chat"]["energy_uj"] == 0


def test_weights_add_up_while_the_counter_stands_or_fails(tmp_path: Path) -> None:
    """The 60 uJ that show in the fourth tick belong to all three seconds: chat 2, tri 1."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 0, 0, 0, {"chat": 0, "tri": 0}),
        tick(2, 0, 2, 0, {"chat": 2, "tri": 0}),
        tick(3, "read_failed", 3, 0, {"chat": 2, "tri": 1}),
        tick(4, 60, 3, 0, {"chat": 2, "tri": 1}),
    )
    assert energy(totals) == {"chat": 40, "tri": 20, "@agent": 0, "@system": 0}


def test_a_counter_that_wraps_counts_modulo_its_range(tmp_path: Path) -> None:
    """From 990 of 1000 to 20 is 30 uJ."""
    totals = recompute(
        tmp_path,
        header({"range_uj": 1000, "max_power_uw": 100}),
        tick(1, 990, 0, 0, {"chat": 0}),
        tick(2, 20, 1, 0, {"chat": 1}),
    )
    assert totals["chat"]["energy_uj"] == 30


def test_a_counter_that_jumps_or_falls_starts_anew(tmp_path: Path) -> None:
    """More than 50 uW can make, then a fall without a known range: only the 7 uJ after count."""
    totals = recompute(
        tmp_path,
        header({"max_power_uw": 50}),
        tick(1, 0, 0, 0, {"chat": 0}),
        tick(2, 900, 1, 0, {"chat": 1}),
        tick(3, 100, 2, 0, {"chat": 2}),
        tick(4, 107, 3, 0, {"chat": 3}),
    )
    assert totals["chat"]["energy_uj"] == 7


def test_a_counter_that_stands_long_loses_nothing(tmp_path: Path) -> None:
    """Twelve seconds still, then 30 uJ: a third of the time was chat's."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 0, 0, 0, {"chat": 0}),
        *(tick(1 + at, 0, 3 * at, 0, {"chat": at}) for at in range(1, 13)),
        tick(14, 30, 39, 0, {"chat": 13}),
    )
    assert energy(totals) == {"chat": 10, "@system": 20, "@agent": 0}


def test_a_group_seen_later_counts_from_zero(tmp_path: Path) -> None:
    """tri appears in the second tick with 3 of the 4 ns used."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 0, 100, 0, {}),
        tick(2, 40, 104, 0, {"tri": 3}, watch={"tri": "/footprint/tri"}),
    )
    assert energy(totals) == {"tri": 30, "@system": 10, "@agent": 0}


def test_the_systems_time_never_falls(tmp_path: Path) -> None:
    """The host's clock lags behind the group's: system 4, then 2 seen, then 6: +2 in all."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 0, 0, 0, {"chat": 0}),
        tick(2, 10, 10, 0, {"chat": 6}),
        tick(3, 20, 12, 0, {"chat": 10}),
        tick(4, 30, 18, 0, {"chat": 12}),
    )
    # 10 uJ over 6:4, then 4:0, then 2:2.
    assert energy(totals) == {"chat": 6 + 10 + 5, "@system": 4 + 0 + 5, "@agent": 0}


def test_energy_without_any_cpu_time_goes_to_the_system(tmp_path: Path) -> None:
    """All weights zero."""
    totals = recompute(
        tmp_path, header(), tick(1, 0, 5, 0, {"chat": 2}), tick(2, 9, 5, 0, {"chat": 2})
    )
    assert energy(totals) == {"@system": 9, "@agent": 0, "chat": 0}


def test_evidence_is_added_to_nothing(tmp_path: Path) -> None:
    """A psys counter beside the package changes no total."""
    psys = {"device": "psys", "evidence": True, "component": None}
    first, second = tick(1, 0, 0, 0, {"chat": 0}), tick(2, 8, 1, 0, {"chat": 1})
    for at, line in enumerate((first, second), start=1):
        line["readings"].append({"device": "psys", "value_uj": at * 500, "at_ns": at * S})
    assert recompute(tmp_path, header({}, psys), first, second)["chat"]["energy_uj"] == 8


def test_power_samples_are_integrated_by_their_trapezium(tmp_path: Path) -> None:
    """10 and 30 uW two seconds apart are 40 uJ."""
    first, second = tick(1, 0, 0, 0, {"chat": 0}), tick(3, 0, 1, 0, {"chat": 1})
    for line, power_uw, second_at in ((first, 10, 1), (second, 30, 3)):
        line["readings"] = [{"device": "package-0", "power_uw": power_uw, "at_ns": second_at * S}]
    totals = recompute(tmp_path, header({"quality": "integrated"}), first, second)
    assert totals["chat"]["energy_uj"] == 40


def test_a_window_counts_only_its_ticks(tmp_path: Path) -> None:
    """After the second tick and up to the third: 20 of the 60 uJ."""
    totals = recompute(
        tmp_path,
        header(),
        tick(1, 0, 0, 0, {"chat": 0}),
        tick(2, 10, 1, 0, {"chat": 1}),
        tick(3, 30, 2, 0, {"chat": 2}),
        tick(4, 60, 3, 0, {"chat": 3}),
        arguments=("--after-ns", str(2 * S), "--until-ns", str(3 * S)),
    )
    assert totals["chat"] == {"energy_uj": 20, "dynamic_uj": 20, "cpu_ns": 1}


def test_a_line_still_being_written_is_left_out(tmp_path: Path) -> None:
    """Half a last line, as a reader meets it while the agent runs."""
    path = tmp_path / "record.jsonl"
    whole = [header(), tick(1, 0, 0, 0, {"a": 0}), tick(2, 8, 1, 0, {"a": 1})]
    path.write_text("".join(json.dumps(line) + "\n" for line in whole) + '{"at": "20')
    result = run(path)
    assert json.loads(result.stdout)["a"]["energy_uj"] == 8


def test_a_gpu_is_refused_unless_it_is_left_out_on_purpose(tmp_path: Path) -> None:
    """Its energy follows other rules: saying nothing would be a wrong total."""
    gpu = {"device": "gpu-0", "component": "gpu", "sensor": "nvml"}
    first, second = tick(1, 0, 0, 0, {"chat": 0}), tick(2, 8, 1, 0, {"chat": 1})
    assert "gpu-0" in refused(tmp_path, header({}, gpu), first, second)
    alone = recompute(tmp_path, header({}, gpu), first, second, arguments=("--cpu-only",))
    assert alone["chat"]["energy_uj"] == 8


@pytest.mark.parametrize("record", [{}, {"record": "footprint", "format": 2, "devices": []}])
def test_another_format_is_refused(tmp_path: Path, record: dict[str, Any]) -> None:
    """One line, no traceback."""
    assert "not a footprint record" in refused(tmp_path, record)


def test_cpu_time_that_falls_is_a_contradiction(tmp_path: Path) -> None:
    """Cumulative values of a record never fall."""
    line = refused(
        tmp_path, header(), tick(1, 0, 0, 0, {"chat": 9}), tick(2, 0, 20, 0, {"chat": 8})
    )
    assert "line 3" in line
    assert "chat" in line


def group(root: Path, usage_usec: int) -> None:
    folder = root / "footprint" / "chat"
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text(f"usage_usec {usage_usec}\nuser_usec 1\nsystem_usec 1\n")


def watched(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    watch = {"chat": "/footprint/chat"}
    return header(cgroup_root=str(tmp_path)), tick(1, 0, 0, 0, {"chat": 5_000_000}, watch=watch)


def test_the_kernels_total_is_compared_with_the_records_last(tmp_path: Path) -> None:
    """5,200 us in the kernel, 5,000 us in the record: used since, within what is allowed."""
    group(tmp_path, 5_200)
    found = recompute(tmp_path, *watched(tmp_path), arguments=("--check-cgroups",))
    assert found == {"chat": {"kernel_ns": 5_200_000, "recorded_ns": 5_000_000}}


@pytest.mark.parametrize("usage_usec", [4_999, 9_000_000])
def test_a_record_that_claims_more_than_the_kernel_or_lags_is_refused(
    tmp_path: Path, usage_usec: int
) -> None:
    """Both values are in the line."""
    group(tmp_path, usage_usec)
    line = refused(tmp_path, *watched(tmp_path), arguments=("--check-cgroups",))
    assert str(usage_usec * 1000) in line
    assert "5000000" in line


def test_a_record_without_groups_cannot_be_checked_against_them(tmp_path: Path) -> None:
    """The agent followed processes: said, not passed over."""
    line = refused(
        tmp_path, header(), tick(1, 0, 0, 0, {"chat": 1}), arguments=("--check-cgroups",)
    )
    assert "followed processes" in line


def test_ratios_are_compared_between_readings_and_over_the_whole(tmp_path: Path) -> None:
    """A CPU ns costs 2 mJ, then 1 mJ: each split is exact, the whole is 4/3 against 3/2."""
    found = recompute(
        tmp_path,
        header(),
        tick(1, 0, 0, 0, {"chat": 0, "tri": 0}),
        tick(2, 4_000, 2, 0, {"chat": 1, "tri": 1}),
        tick(3, 7_000, 5, 0, {"chat": 3, "tri": 2}),
        arguments=("--ratio", "chat", "tri"),
    )
    assert found["splits"] == 2
    assert found["worst_percent"] == 0
    # Energies 2 + 2 and 2 + 1 mJ are 4/3; times 3 and 2 ns are 3/2: 11.1 % apart.
    assert round(found["whole_percent"], 3) == 11.111


def test_packages_are_told_apart_where_cpusets_are(tmp_path: Path) -> None:
    """The numbers of METHOD.md, "Packages": before the first `confined` and after the last one set
    of weights divides."""
    packages = {"package-0": 60_000_000, "package-1": 110_000_000}
    used = {"chat": S, "search": 2 * S, "map": 600_000_000}
    confined = {"sia": {"chat": "package-0", "search": "package-1"}}

    def at(second: int, **other: Any) -> dict[str, Any]:
        line = tick(second, 0, 4 * S * second, 10_000_000 * second, dict.fromkeys(used, 0), **other)
        line["cpu_ns"]["sia"] = {code: ns * second for code, ns in used.items()}
        line["readings"] = [
            {"device": name, "value_uj": uj * second, "at_ns": second * S}
            for name, uj in packages.items()
        ]
        return line

    def busy(second: int) -> dict[str, Any]:
        spent = {"package-0": 1_250_000_000 * second, "package-1": 2_750_000_000 * second}
        return confined | {"package_ns": spent}

    devices = [{"device": name, "package": name} for name in packages]
    apart = recompute(tmp_path, header(*devices), at(0, confined=busy(0)), at(1, confined=busy(1)))
    pooled = {"chat": 42_500_000, "search": 85_000_000, "map": 25_500_000}
    told = {"chat": 48_000_000, "search": 80_000_000, "map": 25_200_000}
    assert {code: apart[code]["energy_uj"] for code in used} == told
    mixed = recompute(
        tmp_path,
        header(*devices),
        at(0),
        at(1, confined=busy(1)),
        at(2, confined=busy(2)),
        at(3),
    )
    found = {code: mixed[code]["energy_uj"] for code in used}
    assert found == {code: 2 * pooled[code] + told[code] for code in used}
