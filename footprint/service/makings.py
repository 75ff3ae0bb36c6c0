"""What making the hardware of hosts caused, in a statement's month: gathers what is known of it.

In: a read connection, a window, the register's hardware and the registry's factors of parts. Out:
`Embodied`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

import msgspec
from sqlalchemy import Connection

from footprint import embodied_figures, factors, sci
from footprint.amounts import UNALLOCATED, Period
from footprint.applied import FactorUse
from footprint.attribution import attribute
from footprint.codes import sia_of
from footprint.embodied import ANYWHERE, FactorOf, Machine, Part, Used, Uses
from footprint.embodied_figures import Carried, Made
from footprint.embodied_statement import Embodied
from footprint.factors import FactorError
from footprint.interval import Interval, paris_date
from footprint.service import store_factors, store_uses
from footprint.service.aliases import Aliases
from footprint.service.register import Hardware
from footprint.service.store_facts import Window
from footprint.shared_figures import Served
from footprint.statement import ConsumerTotal, Sci


class Named(msgspec.Struct, frozen=True):
    """Under which codes facts stand, and the parts of the month in which that is the same."""

    aliases: Aliases
    parts: Sequence[Interval]

    def uses(self, connection: Connection, window: Window, hosts: Sequence[str]) -> Uses:
        """Who used `hosts`, under the codes whose it is."""
        if not self.aliases:
            return store_uses.uses(connection, window, hosts)
        found: dict[str, dict[str, Used]] = {host: {} for host in hosts}
        for part in self.parts:
            day = paris_date(part.start)
            of_part = msgspec.structs.replace(window, interval=part)
            for host, used in store_uses.uses(connection, of_part, hosts).items():
                for code, one in used.items():
                    sia = self.aliases.of(code, day)
                    held = found[host].get(sia, Used(0, 0))
                    found[host][sia] = Used(
                        held.boards_mj + one.boards_mj, held.rest_mj + one.rest_mj
                    )
        return {host: used for host, used in found.items() if used}


def gather(
    connection: Connection,
    window: Window,
    hardware: Mapping[str, Hardware],
    carried: Carried,
    *,
    as_of: datetime,
    hosts: Iterable[str],
    named: Named,
) -> Embodied:
    """The month's part so far; `hosts` are those that the statement speaks of."""
    interval = window.interval
    span = Interval(interval.start, max(interval.start, min(interval.end, as_of)))
    spoken = {*hosts}
    machines = [_machine(one) for one in hardware.values() if carried.whole or one.code in spoken]
    everywhere = msgspec.structs.replace(window, hosts=None)
    uses = named.uses(connection, everywhere, [one.host_id for one in machines])
    made = Made(machines, uses, factor_of(connection, interval, as_of), span, interval)
    return embodied_figures.gather(made, carried, spoken)


def _machine(one: Hardware) -> Machine:
    parts = [Part(part.part, part.count) for part in one.parts]
    document = one.document or ""
    return Machine(one.code, one.name, one.from_, one.to, one.lifetime_years, parts, document)


def factor_of(connection: Connection, interval: Interval, as_of: datetime) -> FactorOf:
    """The factors of parts as known at an instant: of hardware nothing changes with the day."""
    known = store_factors.all_factors(connection, ANYWHERE)
    day = paris_date(interval.start)

    @cache
    def found(part: str, indicator: str) -> FactorUse | None:
        try:
            return factors.applicable(
                known,
                indicator,
                ANYWHERE,
                "location",
                day,
                as_of=as_of,
                basis="",
                subject=f"{factors.HARDWARE}{part}",
            )
        except FactorError:
            return None

    return found


def by_project(energies: Iterable[Period]) -> dict[str, dict[str, int]]:
    """What projects carry of each consumer's energy."""
    found: dict[str, Counter[str]] = {}
    for period in energies:
        for cell in period.cells:
            sia = sia_of(cell.consumer)
            split = attribute(cell.energy_uj, period.shares.get(sia, {}), UNALLOCATED)
            found.setdefault(sia, Counter()).update(split)
    return {consumer: dict(split) for consumer, split in found.items()}


def of_servers(served: Iterable[Served]) -> dict[str, dict[str, int]]:
    """Whose the energy of each shared server is, its own rest included."""
    return {
        one.split.rules.code: {
            **{name: share.active_uj + share.idle_uj for name, share in one.split.shares.items()},
            one.split.rules.code: one.split.stays_active_uj + one.split.stays_idle_uj,
        }
        for one in served
    }


def intensities(
    connection: Connection,
    window: Window,
    made: Embodied,
    *,
    totals: Iterable[ConsumerTotal],
    units: Mapping[str, str],
    served: Sequence[Served],
    named: Named,
) -> list[Sci]:
    """Of each SIA that has a functional unit, in the order of `totals`."""
    wanted = [one for one in totals if one.kind == "sia" and one.consumer in units]
    if not wanted:
        return []
    unknown = _on_unknown(connection, window, made, served, named)
    own_ug = {
        one.consumer: one.month["emissions_ug"].value
        for one in made.consumers
        if "emissions_ug" in one.month
    }
    return [
        sci.sci(
            one.consumer,
            units[one.consumer],
            one.figure,
            sci.done(served, one.consumer),
            sci.Made(None if one.consumer in unknown else own_ug.get(one.consumer, 0)),
        )
        for one in wanted
    ]


def _on_unknown(
    connection: Connection,
    window: Window,
    made: Embodied,
    served: Iterable[Served],
    named: Named,
) -> set[str]:
    """Who used a host of which making the hardware is not known, also by a shared server."""
    hosts = [*made.without_hosts, *made.without_use]
    hosts += [one.host_id for one in made.hosts if one.month["emissions_ug"] is None]
    everywhere = msgspec.structs.replace(window, hosts=None)
    found = {name for used in named.uses(connection, everywhere, hosts).values() for name in used}
    for one in served:
        if one.split.rules.code in found:
            found |= one.consumers
    return found
