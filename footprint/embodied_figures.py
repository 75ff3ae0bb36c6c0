"""What making the hardware caused, for whom: from shares of machines to a statement's `Embodied`.

In: machines, who used them, and who carries what. Out: `Embodied`, apart from every figure of use,
and in no sum with them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from footprint import embodied
from footprint.applied import FactorUse
from footprint.attribution import attribute
from footprint.embodied import MAKINGS, SCENARIOS, Machine, Making, Share, Spread
from footprint.embodied_statement import Embodied, EmbodiedConsumer, EmbodiedHost, Scenario
from footprint.figures import Named
from footprint.interval import Interval

Amounts = Mapping[str, Mapping[Making, Spread]]
"""By consumer."""


NOTHING = Spread(0, 0, 0)


class Carried(msgspec.Struct, frozen=True):
    """Whose part of it is asked for: of `consumers` (None: of all), and of them what `project`
    carries by the energy that `by_project` says; and how shared servers are divided: by server,
    what each consumer and it itself has of its energy."""

    named: Named
    servers: Mapping[str, Mapping[str, int]]
    consumers: Collection[str] | None = None
    project: str | None = None
    by_project: Mapping[str, Mapping[str, int]] = {}

    @property
    def whole(self) -> bool:
        """Whether all consumers are asked for."""
        return self.consumers is None


class Made(msgspec.Struct, frozen=True):
    """What a statement's hardware is made of: machines, who used them, and the time (`span`: so
    far) of the `month` that is stated."""

    machines: Sequence[Machine]
    uses: embodied.Uses
    factor_of: embodied.FactorOf
    span: Interval
    month: Interval

    def of(self, host_id: str) -> Mapping[str, embodied.Used]:
        """Who used a host."""
        return self.uses.get(host_id, {})


def gather(made: Made, carried: Carried, hosts: Iterable[str]) -> Embodied:
    """The month's part: of all machines in service, or of those of `hosts` where not all consumers
    are asked for; `hosts` are those that the statement speaks of."""
    of = {*hosts}
    serving = [
        one
        for one in made.machines
        if embodied.in_service(one, made.month) and (carried.whole or one.host_id in of)
    ]
    without_use = sorted(one.host_id for one in serving if embodied.unsplit(made.of(one.host_id)))
    # Of whom it is, nothing is known: a part of all, but not to be told of some.
    told = [one for one in serving if carried.whole or one.host_id not in without_use]
    shares = [embodied.share(one, made.factor_of, made.of(one.host_id), made.span) for one in told]
    amounts = _carried(shares, carried)
    month = _month(shares, amounts)
    if not carried.whole and not of:
        month = dict.fromkeys(MAKINGS, NOTHING)  # who used no host carries nothing
    return Embodied(
        month=month,
        consumers=[
            EmbodiedConsumer(consumer, *carried.named.of(consumer), dict(amounts[consumer]))
            for consumer in sorted(amounts, key=lambda name: (name[0] == "@", name))
        ],
        hosts=[_host(one) for one in shares],
        scenarios=[
            Scenario(years, _in_years(made, told, carried, years) if month[_GASES] else None)
            for years in (SCENARIOS if shares else ())
        ],
        without_hosts=sorted(of - {one.host_id for one in serving}),
        without_parts=_without(shares),
        factors=_factors(made, told),
        without_use=without_use,
    )


_GASES: Making = "emissions_ug"


def _in_years(made: Made, machines: Iterable[Machine], carried: Carried, years: int) -> int:
    """Greenhouse gases of the time if machines were written off over so many years; of all
    consumers it does not matter who used them."""
    shares = [
        embodied.share(
            msgspec.structs.replace(machine, years=years),
            made.factor_of,
            {} if carried.whole else made.of(machine.host_id),
            made.span,
            (_GASES,),
        )
        for machine in machines
    ]
    if carried.whole:
        return sum(part.value for one in shares if (part := one.span[_GASES]))
    return embodied.total(_carried(shares, carried).values()).get(_GASES, NOTHING).value


def _month(shares: Iterable[Share], amounts: Amounts) -> dict[Making, Spread | None]:
    """The sum; None where it is known of no machine."""
    sums = embodied.total(amounts.values())
    known = {making for one in shares for making, amount in one.span.items() if amount}
    return {making: sums.get(making, NOTHING) if making in known else None for making in MAKINGS}


def _carried(shares: Iterable[Share], carried: Carried) -> Amounts:
    """By consumer, of those asked for, what the project carries."""
    found = _summed(one.by_consumer for one in shares)
    for server, weights in carried.servers.items():
        if server in found:
            found = embodied.again(found, server, weights)
    if carried.consumers is not None:
        found = {name: own for name, own in found.items() if name in carried.consumers}
    if carried.project is None:
        return found
    return {
        name: {
            making: _of_project(one, carried.by_project.get(name, {}), carried.project)
            for making, one in own.items()
        }
        for name, own in found.items()
    }


def _of_project(whole: Spread, by_project: Mapping[str, int], project: str) -> Spread:
    return Spread(
        *(
            attribute(amount, by_project, "").get(project, 0)
            for amount in (whole.value, whole.low, whole.high)
        )
    )


def _summed(parts: Iterable[Amounts]) -> dict[str, dict[Making, Spread]]:
    by_consumer: dict[str, list[Mapping[Making, Spread]]] = {}
    for part in parts:
        for consumer, own in part.items():
            by_consumer.setdefault(consumer, []).append(own)
    return {consumer: embodied.total(own) for consumer, own in by_consumer.items()}


def _host(one: Share) -> EmbodiedHost:
    machine = one.machine
    return EmbodiedHost(
        host_id=machine.host_id,
        name=machine.name,
        in_service=machine.first.isoformat(),
        out_of_service=machine.last.isoformat() if machine.last else None,
        lifetime_years=machine.years,
        parts=machine.parts,
        source=machine.source,
        whole=dict(one.whole),
        month=dict(one.span),
    )


def _without(shares: Iterable[Share]) -> dict[Making, list[str]]:
    found: dict[Making, set[str]] = {}
    for one in shares:
        for making, parts in one.lacking.items():
            found.setdefault(making, set()).update(parts)
    return {making: sorted(found[making]) for making in MAKINGS if making in found}


def _factors(made: Made, machines: Iterable[Machine]) -> list[FactorUse]:
    uses = {
        use.id: use
        for machine in machines
        for part in machine.parts
        for indicator in embodied.INDICATOR_OF.values()
        if (use := made.factor_of(part.part, indicator))
    }
    return [uses[name] for name in sorted(uses)]
