"""Each SIA's share of shared servers beside the truth, as tables.

In: a run of the servers, and its variants. Out: lines of text as Markdown.
"""

from collections.abc import Iterable, Iterator, Sequence

from exporters.twin.report import joules, percent, table
from exporters.twin.serving.judging import IS_SIA, Judged, Row, together
from exporters.twin.serving.plan import GENERATED_UNITS, MODELS, SIA
from exporters.twin.serving.rehearsal import Rehearsal
from exporters.twin.serving.variants import Variant, worst_percent
from footprint.allocation import DEFAULT, LEAST, MOST
from footprint.token_fit import SCALE, Fit, Refusal

WEIGHTS = f"{DEFAULT.prompt} : {DEFAULT.generated}"
RANGE = f"1 : {LEAST.generated} and 1 : {MOST.generated}"

CAUSES = (
    "The truth: each step of a server that batches is divided over the sequences in it by what "
    f"each adds at the margin, one a prompt token that no cache had and {GENERATED_UNITS} a "
    "generated one; the step's own fixed energy goes with it. It is not linear in tokens: a token "
    "costs less in a full batch, and energy saturates. Known causes of the errors: a generated "
    "token of a batch of few bears much of the step's fixed energy, so that its mean cost is above "
    f"{GENERATED_UNITS} and, on a server with little to do, above {MOST.generated}; one weight for "
    "all hours, though batches are smaller at night; a quarter-hour has one price, whoever came in "
    "its busy minute; the gateway counts a request in the quarter-hour in which it ends. The range "
    f"is what the weights {RANGE} do and those that the server's own energy tells, wider on both "
    "sides by three times the root mean square of what its tokens leave unexplained."
)


def lines(done: Rehearsal, others: Sequence[Variant]) -> Iterator[str]:
    """The whole report."""
    plan = done.run.plan
    yield (
        f"{plan.seconds / 3600:g} simulated hours, {len(MODELS)} shared servers on {plan.gpus} "
        f"cards behind one gateway, {len(SIA)} SIA, {done.load.requests:,} requests, seed "
        f"{plan.seed}; load: {done.load.source}. {len(done.run.at_us):,} ticks of the agent and "
        f"{len(done.run.pages)} pages in {done.run.seconds:.0f} s."
    )
    yield ""
    for judged in done.judged:
        yield from _server(judged)
    yield "All servers together (a server whose weights are not known: by the default):"
    yield ""
    yield from _rows(together(done.judged))
    yield ""
    yield from _kept(done.judged)
    yield ""
    yield CAUSES
    yield ""
    yield from _variants(others)
    yield ""
    yield _verdict(done)


def _server(judged: Judged) -> Iterator[str]:
    yield f"Server `{judged.server}`; {_fit(judged)}."
    yield ""
    yield from _rows(judged.rows)
    yield ""


def _fit(judged: Judged) -> str:
    fit = judged.fit
    if isinstance(fit, Refusal):
        return f"its own energy does not tell the weights: {fit.why}"
    return (
        f"by its own energy a generated token weighs {fit.weights.generated / SCALE:.2f} prompt "
        f"tokens ({fit.samples} quarter-hours, {fit.explained_permille / 10:.1f} % explained)"
    )


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    head = ("consumer", "true (J)", f"{WEIGHTS} (J)", "error (%)", "least (J)", "most (J)")
    more = ("truth in range", "fitted (J)", "error (%)")
    yield from table(head, more, rows=map(_row, (row for row in rows if row.true_uj)))


def _row(row: Row) -> Iterator[str]:
    yield row.consumer
    yield joules(row.true_uj)
    yield joules(row.default_uj)
    yield percent(row.default_uj, row.true_uj)
    yield joules(row.least_uj)
    yield joules(row.most_uj)
    yield "yes" if row.inside else "NO"
    yield "" if row.fitted_uj is None else joules(row.fitted_uj)
    yield "" if row.fitted_uj is None else percent(row.fitted_uj, row.true_uj)


def _kept(judged: Iterable[Judged]) -> Iterator[str]:
    """What came in and what became of it."""
    head = ("server", "active, true (J)", "active (J)", "error (%)", "of it nobody's (J)")
    more = ("idle, true (J)", "idle (J)", "error (%)", "lost by the split (uJ)")
    yield from table(
        head,
        more,
        rows=(
            (
                one.server,
                joules(one.true_active_uj),
                joules(one.active_uj),
                percent(one.active_uj, one.true_active_uj),
                joules(one.unallocated_uj),
                joules(one.true_idle_uj),
                joules(one.idle_uj),
                percent(one.idle_uj, one.true_idle_uj),
                f"{one.lost_uj:,}",
            )
            for one in judged
        ),
    )


def _variants(others: Sequence[Variant]) -> Iterator[str]:
    yield (
        "And what moves them, by calculation without an agent. Misplaced: the part of the active "
        "energy that is another consumer's than it says."
    )
    yield ""
    head = ("variant", "server", "fitted weights", "SIA in range")
    more = ("largest error (%)", "misplaced (%)", "fitted: largest error (%)", "misplaced (%)")
    yield from table(head, more, rows=map(_variant, others))


def _variant(one: Variant) -> Iterator[str]:
    fit = one.judged.fit
    fitted = isinstance(fit, Fit)
    yield one.what
    yield one.judged.server
    yield f"1 : {fit.weights.generated / SCALE:.2f}" if isinstance(fit, Fit) else "refused"
    yield f"{one.inside} of {one.asking}"
    yield f"{worst_percent(one.judged.rows):.1f}"
    yield f"{one.misplaced_permille / 10:.1f}"
    yield f"{worst_percent(one.judged.rows, fitted=True):.1f}" if fitted else ""
    permille = one.fitted_misplaced_permille
    yield "" if permille is None else f"{permille / 10:.1f}"


def _verdict(done: Rehearsal) -> str:
    lost_uj = sum(abs(one.lost_uj) for one in done.judged)
    rows = [row for row in together(done.judged) if row.consumer in IS_SIA]
    beyond = [f"{row.consumer} by {_beyond_percent(row):.2f} %" for row in rows if not row.inside]
    kept = "Nothing is lost: every microjoule of the servers is somebody's or stays on their lines."
    if lost_uj:
        kept = f"LOST BY THE SPLIT: {lost_uj:,} uJ"
    inside = f"{len(rows) - len(beyond)} of {len(rows)} SIA are in their range under {WEIGHTS}"
    outside = f", beyond it {', '.join(beyond)} of what it caused" if beyond else ""
    return f"{inside}{outside}. {kept}"


def _beyond_percent(row: Row) -> float:
    """How far the truth is outside of the range."""
    return 100 * max(row.least_uj - row.true_uj, row.true_uj - row.most_uj) / row.true_uj
