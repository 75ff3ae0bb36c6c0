"""METHOD.md computed again: shared servers, from stored facts to shares, ratios and load."""

from datetime import UTC, datetime
from decimal import Decimal

from footprint import allocation, efficiency, shared
from footprint.allocation import DEFAULT, Usage
from footprint.attribution import attribute
from footprint.codes import UNATTRIBUTED
from footprint.interval import Interval
from footprint.shared import Rules, Share, Spending, Split
from tests.footprint.method import METHOD, Row, golden, number

START, END = datetime(2026, 11, 2, 8, tzinfo=UTC), datetime(2026, 11, 2, 8, 15, tzinfo=UTC)


def asked(row: Row, model: str = "") -> Usage:
    """A row of usage."""
    counts = [
        number(row[column]) if row[column] else None
        for column in ("prompt tokens", "generated tokens")
    ]
    return Usage(
        start=START,
        end=END,
        consumer=row["consumer"],
        requests=number(row.get("requests", "1")),
        prompt_tokens=counts[0],
        generated_tokens=counts[1],
        cached_tokens=number(row["of them cached"] or "0"),
        total_tokens=number(row["total alone"]) if row.get("total alone") else None,
        model=model,
    )


def entries() -> list[Spending]:
    """The stored energy of the example."""
    return [
        Spending(
            START,
            row["component"],  # type: ignore[arg-type]
            row["device"],
            row["part"],  # type: ignore[arg-type]
            row["quality"],  # type: ignore[arg-type]
            number(row["energy (uJ)"]),
        )
        for row in golden("server_entries")
    ]


def divided() -> Split:
    """The example, divided."""
    told = golden("server_usage")
    return shared.split(
        Rules("albert"),
        entries(),
        [asked(row) for row in told if row["told as"] == "line"],
        [asked(row) for row in told if row["told as"] == "total"],
        [Interval(START, END)],
    )


def cells_of(split: Split, consumer: str) -> dict[str, int]:
    """Active energy of a consumer by component."""
    return {
        cell.component: cell.energy_uj
        for cell in split.cells[0]
        if cell.consumer == consumer and cell.part == "dynamic"
    }


def test_a_quarter_hour_from_stored_facts() -> None:
    """What nobody named, weights, each component's shares, their sums and ranges."""
    rows, split = golden("server"), divided()
    (found,) = split.divided
    usage = {one.consumer: one for one in found.usage}
    assert usage.keys() == {row["consumer"] for row in rows}
    for row in rows:
        one = usage[row["consumer"]]
        counts = (one.prompt_tokens, one.cached_tokens, one.generated_tokens)
        columns = ("prompt tokens", "of them cached", "generated tokens")
        assert counts == tuple(number(row[column]) for column in columns)
        assert one.weight(DEFAULT) == number(row["weight, 1 : 4"])
        assert cells_of(split, one.consumer) == {
            name: number(row[f"{name} (uJ)"]) for name in ("gpu", "cpu")
        }
        share = split.shares[one.consumer]
        assert (share.active_uj, share.least_uj, share.most_uj) == tuple(
            number(row[f"{name} (uJ)"]) for name in ("energy", "least", "most")
        )
    assert f"active energy was {found.energy_uj:,} uJ" in METHOD


def test_the_words_beside_the_example_are_its_numbers() -> None:
    """Weights, quotients and remainders as they stand in the text."""
    rows = golden("server")
    weights = {row["consumer"]: number(row["weight, 1 : 4"]) for row in rows}
    chat, whole = weights["chat"], sum(weights.values())
    text = " ".join(METHOD.split())
    assert f"= {chat:,} of {whole:,}." in text
    for name, words in (("gpu", "boards' active energy"), ("cpu", "package's")):
        energy_uj = sum(number(row[f"{name} (uJ)"]) for row in rows)
        quotient, rest = divmod(energy_uj * chat, whole)
        assert words in text
        assert all(f"{value:,}" in text for value in (energy_uj, quotient, rest))
        rests = sorted(energy_uj * weight % whole for weight in weights.values())
        assert rest == (rests[0] if name == "gpu" else rests[-1])


def test_by_model_first() -> None:
    """Each model's board is its users'; the package follows the boards."""
    boards = {"GPU-a": "large", "GPU-b": "small"}
    named = {row["consumer"]: row for row in golden("server_usage")}
    rows = golden("server_models")
    usage = [asked(named[row["consumer"]], row["model"]) for row in rows]
    split = shared.split(
        Rules("albert", boards=boards), entries(), usage, [], [Interval(START, END)]
    )
    for row in rows:
        assert cells_of(split, row["consumer"]) == {
            name: number(row[f"{name} (uJ)"]) for name in ("gpu", "cpu")
        }


def test_a_total_alone() -> None:
    """It weighs what a token of the others weighs on average."""
    rows = golden("server_totals")
    weights = allocation.weights_of([asked(row) for row in rows], DEFAULT)
    printed = {row["consumer"]: number(row["weight"]) for row in rows}
    assert len({weights[name] / weight for name, weight in printed.items()}) == 1
    assert attribute(1_000_000, weights) == {
        row["consumer"]: number(row["energy (uJ)"]) for row in rows
    }


def test_idle_energy_follows_the_months_active_energy() -> None:
    """What stayed with the server included."""
    rows = golden("server_idle")
    active = {row["consumer"]: number(row["active energy (uJ)"]) for row in rows}
    idle = {row["consumer"]: number(row["idle energy (uJ)"]) for row in rows}
    assert attribute(sum(idle.values()), active) == idle
    assert f"Idle energy of a month, {sum(idle.values()):,} uJ" in METHOD


def test_ratios_and_load() -> None:
    """Wh for 1000 generated tokens from enough of them, and joules by load."""
    split = divided()
    for row in golden("server_ratios"):
        found = efficiency.efficiency([efficiency.samples(split, row["consumer"], None)], None)
        ratio = found.per_1000_generated_tokens
        share = split.shares[row["consumer"]]
        assert ratio.sample == number(row["generated tokens"])
        assert share.active_uj == number(row["active (uJ)"])
        assert share.idle_uj == number(row["idle (uJ)"])
        wh = Decimal(row["Wh for 1000"]) if row["Wh for 1000"] else None
        assert (ratio.energy_wh, ratio.reason) == (wh, row["reason"] or None)
    (load,) = efficiency.loads(split)
    text = " ".join(METHOD.split())
    assert f"{load.generated_tokens:,} generated tokens in 900 s" in text
    assert f"{load.active_j_per_1000:,} J of active energy for 1000 of them" in text
    assert f"{load.with_idle_j_per_1000:,} J with idle energy" in text
    assert f"idle energy {split.idle_uj:,} uJ" in text
    starts = ", ".join(f"{edge:,}" if edge > 9999 else str(edge) for edge in efficiency.LOADS[:-1])
    assert f"from {starts} and {efficiency.LOADS[-1]:,} on" in text
    assert split.shares[UNATTRIBUTED] != Share()
