"""What a host sends when it is its turn, faults of the host included: parcels, in order.

In: a host, the slots that are due, the fault that befalls it. Out: `Parcel`s, each with the answer
that is promised to it. A page is accounted for here, where it is known whether it counts.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import msgspec

from footprint.fleet.host import Host, Sealed, Story
from footprint.fleet.plan import Slot
from footprint.interval import month_of
from footprint.ledger import Envelope, Page, canonical_bytes


class Parcel(msgspec.Struct, frozen=True):
    """Pages of one ledger that go out in one request.

    `promised`: "taken", or the problem that refuses the whole. `quarantined`: how many of them are
    kept and left out.
    """

    host_id: str
    ledger_id: str
    pages: list[Envelope]
    first_seq: int
    last_seq: int
    promised: str
    quarantined: int


class Told(msgspec.Struct, frozen=True):
    """A page of a host that is held now: its ledger, itself, and whether it counts."""

    host: int
    host_id: str
    ledger_id: str
    page: Sealed
    counts: bool


Account = Callable[[Told], None]
Pick = Callable[[int, int], int]
"""A number for a purpose, less than the second."""


class Turn:
    """One host's turn; `host` is what goes on afterwards."""

    def __init__(self, number: int, host: Host, account: Account, pick: Pick) -> None:
        self.host = host
        self._number = number
        self._account = account
        self._pick = pick

    def parcels(self, slots: Sequence[Slot], fault: str) -> Iterator[Parcel]:
        """What is sent for `slots`, in order."""
        if fault in ("restart", "new-ledger"):
            yield from self._restarted(slots, anew=fault == "new-ledger")
        elif fault == "clone":
            yield from self._cloned(slots)
        elif fault == "set-back":
            yield from self._set_back(slots)
        elif fault == "unusable":
            yield self._unusable(slots)
        else:
            yield self._taken(self.host, [self.host.tell(slot) for slot in slots])

    def _restarted(self, slots: Sequence[Slot], *, anew: bool) -> Iterator[Parcel]:
        """Down at the beginning of one of the slots."""
        place = self._pick(0, len(slots))
        before = [self.host.tell(slot) for slot in slots[:place]]
        if before:
            yield self._taken(self.host, before)
        self.host.restart(anew=anew)
        down = Story(down="outage" if anew else "reboot")
        after = [self.host.tell(slots[place], down)]
        after += [self.host.tell(slot) for slot in slots[place + 1 :]]
        yield self._taken(self.host, after)

    def _cloned(self, slots: Sequence[Slot]) -> Iterator[Parcel]:
        """The original and its clone send the same numbers; chance says who comes first. The clone
        is then found and switched off."""
        clone = self.host.copy()
        original_first = self._pick(1, 2) == 0
        first, second = (self.host, clone) if original_first else (clone, self.host)
        shared = second.copy()
        of_clone = Story(salt=1)
        stories = (Story(), of_clone) if original_first else (of_clone, Story())
        yield self._taken(first, [first.tell(slot, stories[0]) for slot in slots])
        yield self._refused(shared, [shared.tell(slot, stories[1]) for slot in slots])
        second.open_ledger(branch=0 if original_first else 1)
        yield self._overlapping(
            second, [second.tell(slot, stories[1]) for slot in slots], len(slots)
        )
        if not original_first:
            self.host = second
        else:
            # Its identifiers are not to be met again.
            self.host.ledgers = second.ledgers

    def _set_back(self, slots: Sequence[Slot]) -> Iterator[Parcel]:
        """The spool goes back by some of the slots, after they were sent."""
        told = 1 + self._pick(2, len(slots))
        back = 1 + self._pick(3, told)
        before = [self.host.tell(slot) for slot in slots[: told - back]]
        restored = self.host.copy()
        yield self._taken(
            self.host, before + [self.host.tell(s) for s in slots[told - back : told]]
        )
        blind = Story(salt=2, blind=True)
        again = slots[told - back : told]
        in_vain = restored.copy()
        yield self._refused(in_vain, [in_vain.tell(slot, blind) for slot in again])
        restored.open_ledger()
        pages = [restored.tell(slot, blind) for slot in again]
        pages += [restored.tell(slot) for slot in slots[told:]]
        yield self._overlapping(restored, pages, back)
        self.host = restored

    def _unusable(self, slots: Sequence[Slot]) -> Parcel:
        """One to three of the pages are ruined."""
        ruined = {self._pick(4 + index, len(slots)) for index in range(1 + self._pick(7, 3))}
        pages = []
        for place, slot in enumerate(slots):
            if place in ruined:
                page, body = _ruin(self.host.page(slot), self._pick(8 + place, DEFECTS))
                pages.append(self.host.seal(page, month_of(page.start), body))
            else:
                pages.append(self.host.tell(slot))
        return self._parcel(self.host, pages, "taken", ruined)

    def _taken(self, host: Host, pages: list[Sealed]) -> Parcel:
        return self._parcel(host, pages, "taken", set())

    def _overlapping(self, host: Host, pages: list[Sealed], count: int) -> Parcel:
        return self._parcel(host, pages, "taken", set(range(count)))

    def _refused(self, host: Host, pages: list[Sealed]) -> Parcel:
        return self._parcel(host, pages, "page-conflict", None)

    def _parcel(
        self, host: Host, pages: list[Sealed], promised: str, left_out: set[int] | None
    ) -> Parcel:
        if left_out is not None:
            for place, page in enumerate(pages):
                self._account(
                    Told(self._number, host.host_id, host.ledger_id, page, place not in left_out)
                )
        return Parcel(
            host_id=host.host_id,
            ledger_id=host.ledger_id,
            pages=[Envelope(page.hash, msgspec.Raw(page.body)) for page in pages],
            first_seq=pages[0].seq,
            last_seq=pages[-1].seq,
            promised=promised,
            quarantined=len(left_out or ()),
        )


DEFECTS = 4


def _ruin(page: Page, how: int) -> tuple[Page, bytes | None]:
    """The page with something wrong in it, and the bytes to send where they are not its own."""
    replace = msgspec.structs.replace
    if how == 0 and page.entries:  # a microjoule that no sensor metered
        first = replace(page.entries[0], energy_uj=page.entries[0].energy_uj + 1)
        return replace(page, entries=[first, *page.entries[1:]]), None
    if how == 1:  # a member that nobody knows
        return page, canonical_bytes(page)[:-1] + b',"remark":"0"}'
    if how == 2:  # not canonical
        return page, canonical_bytes(page).replace(b'"seq":', b'"seq": ', 1)
    wrong = timedelta(days=20 * 365)  # the clock has lost the date
    return replace(page, start=page.start - wrong, end=page.end - wrong, gaps=[]), None
