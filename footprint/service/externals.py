"""AI services outside the house over a month: what was asked of them, and what that causes.

In: a read connection, a window, the register, whose figures. Out: `Externals`. What is stored are
counts alone; they are estimated whenever a statement is made, by the estimator that is installed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec
from sqlalchemy import Connection

from footprint import codes, external
from footprint.allocation import Usage
from footprint.counts import counted, known_sum, unnamed
from footprint.external import (
    Asked,
    Dependence,
    Ends,
    Estimator,
    Externals,
    ExternalService,
    ExternalUse,
    Measure,
    Range,
    Reason,
    Request,
)
from footprint.figures import Named
from footprint.interval import paris_date
from footprint.service import ecologits_model, servers, store_usage
from footprint.service.aliases import Aliases
from footprint.service.archived_facts import Facts
from footprint.service.known import Known
from footprint.service.register import External, Sia, permille
from footprint.service.servers import usage_of
from footprint.service.store_facts import Window
from footprint.service.store_usage import ToldLine
from footprint.shared_figures import Served
from footprint.statement import ConsumerTotal, Figure, SharedServer


class Whose(msgspec.Struct, frozen=True):
    """Whose use: `consumers` (None: all), as `project` carries them where there is one."""

    consumers: tuple[str, ...] | None
    project: str | None
    sia: Mapping[str, Sia]
    named: Named

    def permille(self, line: ToldLine) -> int:
        """How much of a line counts."""
        consumer = codes.sia_of(line.line.consumer)
        if self.consumers is not None and consumer not in self.consumers:
            return 0
        if self.project is None:
            return 1000
        shares = self.sia[consumer].shares
        return permille(shares, paris_date(line.start)).get(self.project, 0)


def used(
    connection: Connection,
    window: Window,
    externals: Mapping[str, External],
    *,
    left: Facts | None,
    aliases: Aliases,
) -> list[ToldLine]:
    """What was asked of registered services; of a month that has `left`, what was kept of it."""
    if not externals:
        return []
    if left is not None:
        lines = [one for one in left.lines if one.line.server in externals]
        totals = [one for one in left.totals if one.line.server in externals]
    else:
        lines = store_usage.lines(connection, window, tuple(externals))
        totals = store_usage.totals(connection, window, tuple(externals))
    return [*aliases.lines(lines), *_unnamed(totals, lines)]


def strangers(
    connection: Connection, window: Window, known: Known, whose: Whose, *, left: Facts | None
) -> list[str]:
    """Under which codes those in question asked something that are no server's and no external
    service's; of a month that has `left`, by what was kept of it."""
    registered = {*known.servers, *known.externals}
    if left is not None:
        kept = [*left.lines, *left.totals]
        found = {one.line.server for one in kept} - registered
    else:
        found = {*store_usage.servers_told(connection, window)} - registered
    if whose.consumers is None or not found:
        return sorted(found)
    if left is not None:
        told = [one for one in kept if one.line.server in found]
    else:
        told = store_usage.lines(connection, window, sorted(found))
        told += store_usage.totals(connection, window, sorted(found))
    return sorted({one.line.server for one in known.aliases.lines(told) if whose.permille(one)})


def _unnamed(totals: Iterable[ToldLine], lines: Iterable[ToldLine]) -> Iterator[ToldLine]:
    """What a service counted itself beyond what was named, interval by interval and model by
    model."""

    def key(one: ToldLine) -> tuple[datetime, datetime, str, str]:
        return one.start, one.end, one.line.server, one.line.model

    named: dict[Any, list[Usage]] = defaultdict(list)
    for one in lines:
        named[key(one)].append(usage_of(one))
    counted_by: dict[Any, list[ToldLine]] = defaultdict(list)
    for one in totals:
        counted_by[key(one)].append(one)
    for of, found in counted_by.items():
        rest = unnamed([usage_of(one) for one in found], named[of])
        if rest is not None:
            line = msgspec.structs.replace(
                found[0].line,
                consumer=rest.consumer,
                requests=rest.requests,
                prompt_tokens=rest.prompt_tokens,
                cached_tokens=rest.cached_tokens,
                generated_tokens=rest.generated_tokens,
                total_tokens=rest.total_tokens,
                estimated_uj=None,
                estimated_ug=msgspec.UNSET,
            )
            yield found[0]._replace(line=line)


def gather(
    connection: Connection,
    window: Window,
    externals: Mapping[str, External],
    whose: Whose,
    *,
    lines: Iterable[ToldLine],
    left: Facts | None,
) -> Externals | None:
    """The services that consumers in question used, None where they used none. `dependence` is
    left empty: see `with_dependence`."""
    found: dict[str, list[ToldLine]] = defaultdict(list)
    for one in lines:
        if whose.permille(one):
            found[one.line.server].append(one)
    if not found:
        return None
    estimator = ecologits_model.load()
    services = []
    for code, own in sorted(found.items()):
        gateways = {one.host_id for one in own}
        gaps = servers.missing(connection, window, gateways, left)
        services.append(_service(estimator, externals[code], own, whose, gaps))
    uses = [use for service in services for use in service.uses]
    return Externals(
        services=services,
        modelled=external.total(use.modelled for use in uses if use.modelled is not None),
        without=sum(use.modelled is None for use in uses),
        dependence=[],
        estimator=estimator.name if estimator else None,
        data=dict(estimator.data) if estimator else {},
        assumptions=estimator.assumptions if estimator else [],
    )


def tokens_inside(
    served: Iterable[Served], shown: Iterable[SharedServer], totals: Iterable[ConsumerTotal]
) -> int | None:
    """What was generated on `shown` servers. None where more may have been than anybody counts:
    one of `served` worked while nobody told what for, or there is energy of SIA themselves, or of
    AI that nobody declared, which is not counted in tokens."""
    alone = any(
        (one.figure if one.own is None else one.own).energy_uj
        for one in totals
        if one.kind in ("sia", "unregistered")
    )
    if alone or any(one.uncounted_uj for one in served):
        return None
    return known_sum(one.counts.generated_tokens for server in shown for one in server.consumers)


def with_dependence(
    found: Externals | None,
    total: Figure,
    tokens: int | None,
    *,
    complete: bool,
    whole: bool,
) -> Externals | None:
    """`found` with how much of the whole it is. `tokens` is what was generated inside, looked at
    where consumers are `whole` (a part of them has no tokens of its own); `complete`: nothing was
    asked of what nobody registered."""
    if found is None:
        return None
    known = complete and not found.without
    of: list[Dependence] = [
        external.dependence(
            "energy_uj",
            total.site_energy_uj,
            found.modelled.get("energy_uj"),
            complete=known,
        ),
        external.dependence(
            "emissions_ug",
            total.emissions_ug,
            found.modelled.get("emissions_ug"),
            complete=known,
        ),
    ]
    if whole:
        counts = [use.counts for service in found.services for use in service.uses]
        outside = Range(
            sum(one.generated_tokens or 0 for one in counts),
            sum(
                one.tokens if one.generated_tokens is None else one.generated_tokens
                for one in counts
            ),
        )
        of.append(external.dependence("generated_tokens", tokens, outside, complete=complete))
    return msgspec.structs.replace(found, dependence=of)


def _service(
    estimator: Estimator | None,
    service: External,
    lines: Iterable[ToldLine],
    whose: Whose,
    gaps_us: dict[str, int],
) -> ExternalService:
    by_use: dict[tuple[str, str], list[ToldLine]] = defaultdict(list)
    for one in lines:
        by_use[one.line.consumer, one.line.model].append(one)
    ordered = sorted(by_use.items(), key=lambda item: (item[0][0][0] == "@", item[0]))
    return ExternalService(
        code=service.code,
        name=service.name,
        provider=service.provider,
        zone=service.zone,
        assumptions=estimator.of_provider(service.provider, service.zone) if estimator else [],
        uses=[
            _use(own, whose, service, _estimated(estimator, service, model, _groups(own, whose)))
            for (_, model), own in ordered
        ],
        gaps_us=gaps_us,
    )


def _use(
    lines: Sequence[ToldLine], whose: Whose, service: External, told: Request | Reason
) -> ExternalUse:
    """`lines` are of one consumer and model."""
    consumer, model = lines[0].line.consumer, lines[0].line.model
    kind, name, registered = whose.named.of(consumer)
    usage = [usage_of(one) for one in lines]
    declared_uj = [one.estimated_uj for one in usage if one.estimated_uj is not None]
    declared_ug = [one.estimated_ug for one in usage if one.estimated_ug is not None]
    return ExternalUse(
        consumer=consumer,
        kind=kind,
        name=name,
        registered=registered,
        model=model,
        model_name=service.models.get(model),
        counts=counted(usage),
        modelled=external.rounded(told.causes) if isinstance(told, Request) else None,
        reason=None if isinstance(told, Request) else told,
        notes=sorted(told.warnings) if isinstance(told, Request) else [],
        declared_uj=sum(declared_uj) if declared_uj else None,
        declared_ug=sum(declared_ug) if declared_ug else None,
    )


def _groups(lines: Iterable[ToldLine], whose: Whose) -> list[tuple[int, list[Usage]]]:
    """The lines that may be estimated together, with the permille of them that counts: whose
    requests are counted, and whose generated tokens are told apart, or neither."""
    groups: dict[tuple[int, bool, bool], list[Usage]] = defaultdict(list)
    for one in lines:
        alike = (one.line.requests is None, one.line.generated_tokens is None)
        groups[whose.permille(one), *alike].append(usage_of(one))
    return [(key[0], found) for key, found in sorted(groups.items())]


def _estimated(
    estimator: Estimator | None,
    service: External,
    model: str,
    groups: Iterable[tuple[int, list[Usage]]],
) -> Request | Reason:
    if estimator is None:
        return "not_installed"
    if model not in service.models:
        return "model_not_declared"
    sums: dict[Measure, Ends] = dict.fromkeys(external.MEASURES, Ends(Fraction(0), Fraction(0)))
    warnings: set[str] = set()
    for part, usage in groups:
        asked = Asked(service.provider, service.models[model], service.zone, counted(usage), part)
        told = external.estimate(estimator, asked)
        if isinstance(told, str):
            return told
        warnings.update(told.warnings)
        for measure, ends in told.causes.items():
            before = sums[measure]
            sums[measure] = Ends(before.low + ends.low, before.high + ends.high)
    return Request(sums, tuple(warnings))
