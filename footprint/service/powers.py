"""What is drawn now: the mean power of each consumer over the newest page of each host heard.

In: the newest pages. Out: microwatts by consumer; None where nothing is known. A host that is
silent says nothing of the present, nor does a device while its page has a gap: unknown, not zero.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

import msgspec
from sqlalchemy import Connection

from footprint.codes import sia_of
from footprint.service import store_facts, tables
from footprint.service.covers import lost_us
from footprint.service.store_facts import DeviceKey, NewestPage
from footprint.units import power_uw_from_energy


class Powers(msgspec.Struct, frozen=True):
    """Microwatts by consumer, and the devices whose power is known."""

    by_consumer: Mapping[str, int]
    devices: frozenset[DeviceKey]

    def of(self, consumer: str, used: Iterable[DeviceKey]) -> int | None:
        """A consumer's power; `used` are the devices on which it has energy today. Zero is known
        only from a device whose power is."""
        if consumer in self.by_consumer:
            return self.by_consumer[consumer]
        return 0 if self.devices.intersection(used) else None


def gather(
    connection: Connection, heard: Iterable[NewestPage], whose: Callable[[str], str]
) -> Powers:
    """The powers over the newest pages of the hosts that are heard; `whose` says under which code a
    consumer's are."""
    powers_uw: Counter[str] = Counter()
    devices: set[DeviceKey] = set()
    for page in heard:
        covered_us = _covered_us(connection, page)
        devices |= {key for key, time_us in covered_us.items() if time_us}
        energies_uj: dict[tuple[str, int], int] = defaultdict(int)
        for row in store_facts.of_page(connection, tables.Entry, page):
            time_us = covered_us.get((page.host_id, row.component, row.device), 0)
            # The ledger forbids energy in a gap; a page from elsewhere counts over its whole time.
            energies_uj[row.consumer, time_us or page.end_us - page.start_us] += row.energy_uj
        for (consumer, time_us), energy_uj in energies_uj.items():
            powers_uw[sia_of(whose(consumer))] += power_uw_from_energy(energy_uj, time_us * 1000)
    return Powers(powers_uw, frozenset(devices))


def _covered_us(connection: Connection, page: NewestPage) -> dict[DeviceKey, int]:
    """How long each device's energy is known within a page."""
    gaps = store_facts.gaps_of_page(connection, page)
    lost = lost_us(gaps)
    return {
        key: max(0, page.end_us - page.start_us - lost.get(key, 0))
        for row in store_facts.of_page(connection, tables.Sensor, page)
        if not row.evidence
        for key in [(page.host_id, row.component, row.device)]
    }
