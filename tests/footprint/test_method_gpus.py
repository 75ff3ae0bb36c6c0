"""METHOD.md computed again, GPU boards: whose a board's energy is."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from exporters.sensors.nvml_library import Sample
from exporters.sensors.nvml_use import Utilisation
from exporters.sensors.use import Held, Slice, Use
from exporters.workloads.gpus import Owned, Weights, weigh
from footprint.attribution import divide
from footprint.codes import IDLE
from footprint.units import NS_PER_S, uw_from_watts
from tests.footprint.method import METHOD, Row, golden, number, summed, weights

MIB = 2**20


def held(rows: list[Row]) -> list[Held]:
    """The processes of a table: one a consumer with memory, its pid the number of its row."""
    return [
        Held(
            pid,
            number(row["memory (MiB)"]) * MIB,
            number(row["instance"]) if "instance" in row else None,
        )
        for pid, row in enumerate(rows)
        if number(row["memory (MiB)"]) and row["consumer"] != "sum"
    ]


def weighed(use: Use, rows: list[Row]) -> Weights:
    """The weights of one second."""
    processes = use.processes or ()
    owned = Owned(processes, [rows[one.pid]["consumer"] for one in processes])
    return weigh(use, owned, lambda one: rows[one.pid]["consumer"], NS_PER_S, {})


def assert_shares(found: Weights, rows: list[Row], energy_uj: int) -> None:
    """Static weights and every share, with a floor and without, are the table's."""
    assert found.static == weights(rows, "static weight (ns)")
    for floor_uw in (None, uw_from_watts(70)):
        parts = divide(
            energy_uj,
            NS_PER_S,
            floor_uw=floor_uw,
            static_weights=found.static,
            dynamic_weights=found.following,
            otherwise=IDLE,
        )
        assert sum(sum(shares.values()) for shares in parts.values()) == energy_uj
        floor = "no floor" if floor_uw is None else "floor 70 W"
        for part, shares in parts.items():
            assert shares == weights(rows, f"{part}, {floor} (uJ)")


def answering(samples: list[Sample]) -> Callable[[int], list[Sample]]:
    """A driver that gives these, whatever it is asked for."""
    return lambda _: samples


def test_samples_made_into_sm_time() -> None:
    """What each sample stands for, one that comes twice and one before a long silence included."""
    rows = golden("gpu_samples")
    utilisation = Utilisation()
    for tick in ("1", "2"):
        answer: list[Sample] = [
            (number(row["process"]), number(row["at (ms)"]) * 1000, number(row["SM (%)"]))
            for row in rows
            if row["tick"] == tick
        ]
        expected: dict[int, int] = {}
        for row in rows:
            stands_us, used = number(row["stands for (us)"]), number(row["SM time (percent x us)"])
            assert used == stands_us * number(row["SM (%)"])
            if row["tick"] == tick:
                pid = number(row["process"])
                expected[pid] = expected.get(pid, 0) + used
        assert utilisation.look(answering(answer)) == expected


def test_a_board_that_three_share() -> None:
    """SM time for the dynamic part, memory for the static one, to the microjoule."""
    rows = golden("gpu_board")
    sm = {pid: number(row["SM time (percent x us)"]) for pid, row in enumerate(rows[:-1])}
    found = weighed(Use(held(rows), sm), rows)
    assert found.basis == "sm"
    assert_shares(found, rows, number(rows[-1]["undivided, no floor (uJ)"]))
    assert all(total == parts for total, parts in summed(rows))


def test_a_board_in_three_instances() -> None:
    """Slices and activity between instances, memory inside; what is not told is nobody's."""
    rows = golden("gpu_mig")
    instances = {
        row["instance"]: Slice(
            number(row["instance"]),
            (row["instance"],),
            number(row["slices"]),
            int(100 * Decimal(row["activity (%)"])),
        )
        for row in rows
    }
    found = weighed(Use(held(rows), None, list(instances.values())), rows)
    assert found.basis == "instances"
    assert_shares(found, rows, sum(number(row["undivided, no floor (uJ)"]) for row in rows))


@pytest.mark.parametrize("basis", Weights.__annotations__["basis"].__args__)
def test_every_basis_is_explained(basis: str) -> None:
    """The label's values are in the document."""
    assert f"`{basis}`" in METHOD
