"""One thread's hosts: whose turn it is, what is due, what the service lost and gets again.

In: members and what the whole fleet shares. Out: `Books` and the sender's `Tally`.
"""

import math
import threading
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import msgspec

from footprint.fleet.accounts import Books
from footprint.fleet.errors import FleetError
from footprint.fleet.faults import Draw
from footprint.fleet.host import Host
from footprint.fleet.load import Load, mix
from footprint.fleet.plan import Plan, Slot
from footprint.fleet.sending import Behind, Refused, Sender
from footprint.fleet.turns import Account, Parcel, Turn

DAY_SECONDS = 86_400
MOST_SET_BACKS = 10
Heads = Mapping[tuple[str, str], tuple[int, str]]
"""By host and ledger: the last page's number and hash."""


class Shared(msgspec.Struct, frozen=True):
    """What the threads share, and none of them changes."""

    plan: Plan
    slots: Sequence[Slot]
    load: Load
    draw: Draw
    stop: threading.Event

    @property
    def step(self) -> int:
        """Pages of a host that become due in a round."""
        return 1 if self.plan.in_seconds else self.plan.batch_pages

    @property
    def rounds(self) -> int:
        """Rounds until every page is due; one more sends what was held back."""
        return math.ceil(self.plan.pages / self.step)


class Member:
    """A host of the fleet: how many of its slots are done, and where each of its turns began.
    `position`: its place in every round, 0 to 1."""

    __slots__ = ("done", "host", "late", "number", "position", "stopped", "turns")

    def __init__(self, shared: Shared, number: int) -> None:
        plan = shared.plan
        self.number = number
        self.host = Host(plan, shared.load, number)
        self.late = shared.draw.fault("whole", number, 0) == "late"
        self.position = mix(plan.seed, 9, number) / 2**64
        self.done = 0
        self.stopped = False
        self.turns = array("l")

    def holds_back(self, shared: Shared, round_number: int, due: int) -> bool:
        """Whether it sends nothing in this round."""
        if round_number >= shared.rounds:
            return False
        if self.late and due <= DAY_SECONDS // shared.plan.page_seconds:
            return True
        return shared.draw.fault("round", self.number, round_number) == "delayed"


class Crew:
    """The hosts that one thread serves, one after the other."""

    def __init__(self, shared: Shared, numbers: Sequence[int], sender: Sender) -> None:
        self.books = Books()
        self.sender = sender
        self.members = sorted(
            (Member(shared, number) for number in numbers),
            key=lambda member: (member.position if shared.plan.in_seconds else 0, member.number),
        )
        self._shared = shared
        self._began = time.monotonic()

    def run(self, began: float) -> None:
        """Every round to the end, the first from `began` on, by `time.monotonic`. Raises
        FleetError."""
        self._began = began
        try:
            for round_number in range(self._shared.rounds + 1):
                self.round(round_number)
        finally:
            self.sender.close()

    def round(self, round_number: int) -> None:
        """Everything that is due in a round, unless told to stop."""
        shared = self._shared
        due = min((round_number + 1) * shared.step, shared.plan.pages)
        for member in self.members:
            if shared.stop.is_set():
                return
            if not member.stopped and member.done < due:
                self._round(member, round_number, due)

    def _round(self, member: Member, round_number: int, due: int) -> None:
        shared = self._shared
        if member.holds_back(shared, round_number, due):
            if not member.late:
                self.sender.tally.faults["delayed"] += 1
            return
        at = self._due(member, round_number)
        if at is not None and shared.stop.wait(max(0.0, at - time.monotonic())):
            return
        try:
            while member.done < due:
                self._turn(member, due, at)
        except Refused:
            member.stopped = True

    def _due(self, member: Member, round_number: int) -> float | None:
        """When a host has its turn, by `time.monotonic`: spread over the round; None: at once."""
        in_seconds = self._shared.plan.in_seconds
        if in_seconds is None:
            return None
        return self._began + (round_number + member.position) * in_seconds

    def _turn(self, member: Member, due: int, at: float | None) -> None:
        member.turns.append(member.done)
        until = min(due, member.done + self._shared.plan.batch_pages)
        for place, (turn, fault, parcel) in enumerate(
            self._parcels(member.number, member.host, (member.done, until), self.books.take)
        ):
            if not place and fault:
                self.sender.tally.faults[fault] += 1
            of_request = self._shared.draw.fault("request", member.number, mix(member.done, place))
            try:
                self.sender.deliver(parcel, of_request, at)
            except Behind:
                self._send_again(member, until, parcel)
            member.host = turn.host
        member.host = turn.host
        member.done = until

    def _parcels(
        self, number: int, host: Host, part: tuple[int, int], account: Account
    ) -> Iterator[tuple[Turn, str, Parcel]]:
        first, until = part
        fault = self._shared.draw.fault("host", number, first)
        turn = Turn(number, host, account, partial(self._shared.draw.number, number, first))
        for parcel in turn.parcels(self._shared.slots[first:until], fault):
            yield turn, fault, parcel

    def heal(self, held: Heads) -> None:
        """Hosts with a ledger of which the service holds less than they sent, send it again."""
        behind = {
            host_id
            for (host_id, ledger_id), (seq, _) in self.books.heads.items()
            if held.get((host_id, ledger_id), (-1, ""))[0] < seq
        }
        for member in self.members:
            if member.host.host_id in behind and not member.stopped:
                self._send_again(member, member.done)
        self.sender.close()

    def _send_again(self, member: Member, until: int, last: Parcel | None = None) -> None:
        """The service lost pages: everything that the host ever sent, up to `last`, in the same
        order; what it holds still is success again. Once more where it is set back meanwhile."""
        for _ in range(MOST_SET_BACKS):
            self.sender.tally.troubles["set back"] += 1
            try:
                self._send_all(member, until, last)
            except Behind:
                continue
            return
        raise FleetError(
            f"--service: it lost pages of host {member.host.host_id} {MOST_SET_BACKS} times while "
            "they were sent again; see its log, and footprint fsck"
        )

    def _send_all(self, member: Member, until: int, last: Parcel | None) -> None:
        if not self._shared.plan.set_back:
            self.sender.tally.find(
                f"host {member.host.host_id}: the service lost pages that it had acknowledged; "
                "sent again (--set-back, where that is meant)"
            )
        host = Host(self._shared.plan, self._shared.load, member.number)
        ends = [*member.turns[1:], until]
        for first, end in zip(member.turns, ends, strict=True):
            for turn, _, parcel in self._parcels(member.number, host, (first, end), _no_account):
                self.sender.deliver(parcel, "", again=True)
                host = turn.host
                if last and (parcel.ledger_id, parcel.pages) == (last.ledger_id, last.pages):
                    return
            host = turn.host


def _no_account(_told: object) -> None:
    """It is in the books already."""
