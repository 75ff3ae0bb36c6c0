"""Two shared servers to render: one busy, with every way a figure can be unknown; one nobody asked.
Their figures come from the split itself, as the service's do."""

from datetime import UTC, datetime, timedelta

import msgspec

from footprint import shared
from footprint.allocation import TokenWeights, Usage
from footprint.amounts import Cell
from footprint.codes import UNATTRIBUTED
from footprint.interval import Interval, paris_month
from footprint.shared import Rules, Spending, Split
from footprint.shared_figures import Served
from footprint.statement import UsageGap, WeightsFit, WeightsUsed

MONTH = paris_month("2026-11")
START = datetime(2026, 11, 3, 9, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
SERVERS = {"albert-large": "Albert, grand modèle", "albert-ocr": "Albert, lecture"}
UNITS = {"albert-chat": "conversation", "tri-courriels": "courriel"}


def _usage(at: int, consumer: str, prompt: int, generated: int, requests: int | None) -> Usage:
    return Usage(
        start=START + at * QUARTER,
        end=START + (at + 1) * QUARTER,
        consumer=consumer,
        requests=requests,
        prompt_tokens=prompt,
        generated_tokens=generated,
        cached_tokens=prompt // 4,
        model="mistral-small",
        origin="opengatellm",
    )


def _busy() -> Split:
    usage, spending = [], []
    for at in range(60):
        chat = _usage(at, "albert-chat", 41_000 + 900 * (at % 7), 5_100 + 70 * at, 23)
        usage.append(msgspec.structs.replace(chat, estimated_uj=2_400_000_000))
        mail = _usage(at, "tri-courriels", 88_000 - 700 * (at % 5), 640, 41)
        usage.append(msgspec.structs.replace(mail, units=40))
        energy_uj = 150_000_000_000 + 1_100_000_000 * at + 3_000_000_000 * (at % 7)
        when = START + at * QUARTER
        spending += [
            Spending(when, "gpu", "GPU-1", "dynamic", "counter", energy_uj),
            Spending(when, "gpu", "GPU-1", "static", "counter", 60_000_000_001),
            Spending(when, "cpu", "package-0", "undivided", "modelled", 9_000_000_007),
        ]
    usage.append(_usage(3, "essai-ocr", 4_000, 90, None))
    totals = [_usage(5, UNATTRIBUTED, 150_000, 9_000, 99)]
    late = Spending(START + 70 * QUARTER, "gpu", "GPU-1", "dynamic", "counter", 7_000_000_003)
    rules = Rules("albert-large", TokenWeights(1000, 6812))
    return shared.split(rules, [*spending, late], usage, totals, [MONTH])


def _alone() -> Split:
    spending = [Spending(START, "gpu", "GPU-2", "static", "counter", 44_000_000_000)]
    pieces = [Interval(MONTH.start, MONTH.end)]
    return shared.split(Rules("albert-ocr", idle="none"), spending, [], [], pieces)


SERVED = [
    Served(
        SERVERS["albert-large"],
        _busy(),
        WeightsUsed(1000, 6812, "fitted"),
        WeightsFit(1000, 6812, 60, 934, 41, None, None),
        [UsageGap("no_page", 900_000_000), UsageGap("unreachable", 47_000_000)],
    ),
    Served(
        SERVERS["albert-ocr"],
        _alone(),
        WeightsUsed(1, 4, "default"),
        WeightsFit(None, None, 0, None, None, "few", "0 intervals with tokens; 48 are needed"),
        [],
    ),
]
CELLS: list[Cell] = [cell for one in SERVED for cell in one.split.cells[0]]
