"""The rows of a statement's CSV that tell of shared servers; they come before the header row.

`# consumer`: consumer, energy and mass of its own, then via shared servers (uJ, ug). `# server`:
server, name, weight of a prompt token and of a generated one, who says so, key of idle energy, then
in uJ energy, active, idle, unallocated active and unallocated idle. `# server_fit`: server, the
weights that its own energy tells (prompt, generated), quarter-hours, permille explained, permille
off, code of refusal. `# server_share`: server, consumer, then energy (uJ), mass (ug), active,
least, most and idle energy (uJ), requests, tokens (prompt, cached of them, generated, all), units.
`# efficiency`: consumer, server (empty: over all), for each what, sample, its energy (uJ), Wh, g,
why not, unit. `# server_load`: server, generated tokens a second from and to, quarter-hours,
generated tokens, active and idle energy (uJ), J for 1000 tokens of the active and of both.
`# server_usage_gap`: server, cause, duration in us. `# server_estimate`: server, consumer (empty:
all), estimated and measured energy (uJ), ratio, reasons, estimated mass (ug).
"""

from collections.abc import Iterator
from typing import Any

from footprint.statement import (
    Efficiency,
    Estimate,
    Ratio,
    SharedConsumer,
    SharedServer,
    Statement,
)

Row = tuple[Any, ...]


def rows(statement: Statement) -> Iterator[Row]:
    """Every row about shared servers; none where there is none."""
    for total in statement.consumers:
        if total.own is not None and total.shared is not None:
            parts = (total.own, total.shared)
            figures = [value for part in parts for value in (part.energy_uj, part.emissions_ug)]
            yield ("# consumer", total.consumer, *figures)
        if total.efficiency is not None:
            yield from _efficiency(total.consumer, "", total.efficiency)
    for server in statement.servers:
        yield from _server(server)


def _server(server: SharedServer) -> Iterator[Row]:
    weights, fit = server.weights, server.fit
    yield (
        "# server",
        server.code,
        server.name,
        weights.prompt,
        weights.generated,
        weights.source,
        server.idle,
        server.energy_uj,
        server.active_uj,
        server.idle_uj,
        server.unallocated_uj,
        server.unallocated_idle_uj,
    )
    yield (
        "# server_fit",
        server.code,
        fit.prompt,
        fit.generated,
        fit.quarter_hours,
        fit.explained_permille,
        fit.off_permille,
        fit.refusal,
    )
    for one in server.consumers:
        yield from _consumer(server.code, one)
    for load in server.load:
        yield (
            "# server_load",
            server.code,
            load.from_per_s,
            load.to_per_s,
            load.quarter_hours,
            load.generated_tokens,
            load.active_uj,
            load.idle_uj,
            load.active_j_per_1000,
            load.with_idle_j_per_1000,
        )
    for gap in server.gaps:
        yield ("# server_usage_gap", server.code, gap.cause, gap.duration_us)
    yield from _estimate(server.code, "", server.estimate)


def _consumer(code: str, one: SharedConsumer) -> Iterator[Row]:
    counts = one.counts
    yield (
        "# server_share",
        code,
        one.consumer,
        one.energy_uj,
        one.emissions_ug,
        one.active_uj,
        one.least_uj,
        one.most_uj,
        one.idle_uj,
        counts.requests,
        counts.prompt_tokens,
        counts.cached_tokens,
        counts.generated_tokens,
        counts.tokens,
        counts.units,
    )
    yield from _efficiency(one.consumer, code, one.efficiency)
    yield from _estimate(code, one.consumer, one.estimate)


def _efficiency(consumer: str, server: str, found: Efficiency) -> Iterator[Row]:
    ratios: tuple[tuple[str, Ratio], ...] = (
        ("1000_generated_tokens", found.per_1000_generated_tokens),
        ("request", found.per_request),
        ("unit", found.per_unit),
    )
    for each, ratio in ratios:
        yield (
            "# efficiency",
            consumer,
            server,
            each,
            ratio.sample,
            ratio.sample_uj,
            None if ratio.energy_wh is None else f"{ratio.energy_wh:f}",
            None if ratio.emissions_g is None else f"{ratio.emissions_g:f}",
            ratio.reason,
            found.unit,
        )


def _estimate(server: str, consumer: str, found: Estimate | None) -> Iterator[Row]:
    if found is not None:
        yield (
            "# server_estimate",
            server,
            consumer,
            found.estimated_uj,
            found.measured_uj,
            None if found.ratio is None else f"{found.ratio:f}",
            " ".join(found.reasons),
            found.estimated_ug,
        )
