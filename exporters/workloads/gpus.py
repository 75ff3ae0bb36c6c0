"""Whose a board's energy is: the weights of its static and of its dynamic part, tick by tick.

In: who used each board (`Use`), and whose a process is. Out: per board cumulative weights, of which
each booking takes the difference since its own last, as it does for CPU time; how long each board
was divided by what; and how many processes nobody declared. Static weights are the board's time in
nanoseconds, shared at each tick by the memory held; dynamic weights are SM time. METHOD.md,
"GPU boards", has the rules and worked numbers. No pid and no name of a process leaves this file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from exporters.sensors.use import Held, Slice, Use
from exporters.workloads.owners import Owners
from footprint import codes
from footprint.attribution import attribute

FULL = 100
"""Percent: a busy board's SM time."""
NS_PER_US = 1000

Basis = Literal["reserved", "idle", "sm", "memory", "alone", "instances", "slices", "unknown"]
"""By what the dynamic part was divided: METHOD.md names each."""

Whose = Callable[[Held], str | None]
"""The consumer that a process belongs to; None: it serves the others there (MPS)."""


class Weights(msgspec.Struct, frozen=True):
    """By consumer, non-negative integers: the static part's, the dynamic part's."""

    static: Mapping[str, int]
    dynamic: Mapping[str, int]
    basis: Basis

    @property
    def following(self) -> Mapping[str, int]:
        """What the dynamic part follows, and the whole where no floor is known: SM time where there
        was any, else the static weights."""
        return self.dynamic if any(self.dynamic.values()) else self.static


class Owned:
    """Processes of a board, each with its consumer (None: it serves the others), and what follows
    from these alone: mostly they are the same look after look."""

    def __init__(self, processes: Iterable[Held], consumers: Sequence[str | None]) -> None:
        self.processes, self.consumers = tuple(processes), consumers
        self.by_pid = {
            one.pid: consumer for one, consumer in zip(self.processes, consumers, strict=True)
        }
        self.holders: Holders = [
            (one, consumer)
            for one, consumer in zip(self.processes, consumers, strict=True)
            if consumer is not None
        ]
        self.memory = _memory(self.holders)
        self.strangers = [one for one, whose in self.holders if whose == codes.UNREGISTERED]
        self.is_told = all(one.instance is not None or not one.computes for one in self.processes)
        """Whether the driver says in which MIG instance each of them computes."""
        self._inside: tuple[Sequence[Place], list[Inside]] = (), []

    def inside(self, instances: Sequence[Slice], reserved: Mapping[str, str]) -> "list[Inside]":
        """Who holds each MIG instance."""
        places = [(one.instance, one.uuids) for one in instances]
        if self._inside[0] != places:
            self._inside = places, [_inside(one, self.holders, reserved) for one in instances]
        return self._inside[1]


Holders = Sequence[tuple[Held, str]]
Memory = Mapping[str, int]
"""By consumer the weights by which memory divides; empty: nobody holds any."""
Place = tuple[int, tuple[str, ...]]
Inside = tuple[Memory, str]
"""Of a MIG instance the memory held there, and whose its activity is."""


def weigh(
    use: Use, owned: Owned, whose: Whose, elapsed_ns: int, reserved: Mapping[str, str]
) -> Weights:
    """The weights of one look at a board. `owned`: its processes; `whose` is asked for those that
    were sampled and are listed no more; `reserved`: SIA by UUID of a MIG device."""
    if use.processes is None:
        whole = elapsed_ns // NS_PER_US * FULL
        return Weights({codes.UNATTRIBUTED: elapsed_ns}, {codes.UNATTRIBUTED: whole}, "unknown")
    if use.instances:
        return _divided(use.instances, owned, elapsed_ns, reserved)
    static = attribute(elapsed_ns, owned.memory, codes.IDLE)
    if use.sm is None:
        return _unseen(static, owned, elapsed_ns // NS_PER_US * FULL)
    dynamic = _by_sm(use.sm, owned, whose) if use.sm else {}
    if any(dynamic.values()):
        return Weights(static, dynamic, "sm")
    return Weights(static, {}, "memory" if owned.memory else "idle")


def _by_sm(sm: Mapping[int, int], owned: Owned, whose: Whose) -> dict[str, int]:
    """SM time by consumer; that of a process that serves the others by the memory they hold."""
    dynamic: dict[str, int] = {}
    by_pid = owned.by_pid
    for pid, used in sm.items():
        consumer = by_pid[pid] if pid in by_pid else whose(Held(pid, None))
        if consumer is not None:
            dynamic[consumer] = dynamic.get(consumer, 0) + used
        else:
            _add(dynamic, attribute(used, owned.memory, codes.IDLE))
    return dynamic


def _unseen(static: Mapping[str, int], owned: Owned, whole: int) -> Weights:
    """A board whose processes' SM time is not told: certain only where one consumer holds it."""
    if not owned.memory:
        return Weights(static, {}, "idle")
    if len(static) == 1:
        return Weights(static, dict.fromkeys(static, whole), "alone")
    return Weights(static, {codes.UNATTRIBUTED: whole}, "unknown")


def _divided(
    instances: Sequence[Slice], owned: Owned, elapsed_ns: int, reserved: Mapping[str, str]
) -> Weights:
    """A board in MIG mode: by slices and their activity, then by memory inside an instance."""
    if not owned.is_told:
        whole = {codes.UNATTRIBUTED: elapsed_ns}
        return Weights(whole, whole, "unknown")  # the driver does not say who is in which instance
    inside = owned.inside(instances, reserved)
    busy = [one.busy for one, (memory, _) in zip(instances, inside, strict=True) if memory]
    if not busy:
        return Weights({codes.IDLE: elapsed_ns}, {}, "idle")
    measured = None not in busy
    static: dict[str, int] = {}
    dynamic: dict[str, int] = {}
    times = attribute(elapsed_ns, {f"{one.instance}": one.slices for one in instances})
    for one, (memory, whose) in zip(instances, inside, strict=True):
        _add(static, attribute(times.get(f"{one.instance}", 0), memory, codes.IDLE))
        if memory:
            activity = one.busy if measured and one.busy is not None else FULL * FULL
            work = activity * one.slices * elapsed_ns
            dynamic[whose] = dynamic.get(whose, 0) + work
    return Weights(static, dynamic, "instances" if measured else "slices")


def _inside(instance: Slice, holders: Holders, reserved: Mapping[str, str]) -> Inside:
    """Who holds an instance; one whose MIG devices are all one SIA's is that SIA's. Its activity is
    one consumer's, or nobody can say whose."""
    sia = _sia_of(instance, reserved)
    if sia is not None:
        return {sia: 1}, sia
    memory = _memory([here for here in holders if here[0].instance == instance.instance])
    there = [consumer for consumer, weight in memory.items() if weight]
    return memory, there[0] if len(there) == 1 else codes.UNATTRIBUTED


def _sia_of(instance: Slice, reserved: Mapping[str, str]) -> str | None:
    """The SIA for which all MIG devices of an instance are reserved."""
    whose = {reserved.get(uuid) for uuid in instance.uuids}
    return whose.pop() if len(whose) == 1 else None


def _memory(holders: Holders) -> Memory:
    """The memory that each consumer holds, in bytes; a process whose memory is not told counts as
    the mean of the others. Where nothing is told or held: all alike."""
    told = [one.memory_bytes for one, _ in holders if one.memory_bytes is not None]
    mean = sum(told) // len(told) if told else 1
    memory: dict[str, int] = {}
    for one, consumer in holders:
        held = mean if one.memory_bytes is None else one.memory_bytes
        memory[consumer] = memory.get(consumer, 0) + held
    return memory if any(memory.values()) else dict.fromkeys(memory, 1)


def _add(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for consumer, amount in more.items():
        totals[consumer] = totals.get(consumer, 0) + amount


NOTHING = Weights({}, {}, "unknown")
NOBODYS = Owned((), [])


class Board:
    """One board's weights since its energy was last booked, and times by basis."""

    def __init__(self) -> None:
        self.owned = NOBODYS
        """Whose its processes were at the last look."""
        self.waiting = NOTHING
        """Of all looks since the last booking: mostly of one."""
        self.basis_ns: dict[Basis, int] = {}

    def advance(self, weights: Weights, elapsed_ns: int) -> None:
        """Take one look in."""
        self.waiting = weights if self.waiting is NOTHING else _both(self.waiting, weights)
        self.count(weights.basis, elapsed_ns)

    def count(self, basis: Basis, elapsed_ns: int) -> None:
        """Some time was divided by this."""
        self.basis_ns[basis] = self.basis_ns.get(basis, 0) + elapsed_ns

    def booked(self) -> None:
        """What waits has had its energy."""
        self.waiting = NOTHING


def _both(before: Weights, newest: Weights) -> Weights:
    static, dynamic = dict(before.static), dict(before.dynamic)
    _add(static, newest.static)
    _add(dynamic, newest.dynamic)
    return Weights(static, dynamic, newest.basis)


class BoardState(msgspec.Struct, frozen=True):
    """A board for /metrics: processes on it that nobody declared (None: not asked), and for how
    long its energy was divided by what, in nanoseconds."""

    uuid: str
    unregistered: int | None
    basis_ns: Mapping[Basis, int]


class Boards:
    """The boards of one host."""

    def __init__(
        self, owners: Owners, reservations: Mapping[str, str], *, recorded: bool = False
    ) -> None:
        """`reservations`: SIA by UUID, of a board or of a MIG device; `recorded`: whether totals
        are asked for."""
        self._owners = owners
        self._reserved = reservations
        self._last_ns: int | None = None
        self.by_uuid: dict[str, Board] = {}
        self._unregistered: dict[str, int | None] = {}
        self._totals: dict[str, Weights] | None = {} if recorded else None

    @property
    def reserved(self) -> Mapping[str, str]:
        """SIA by UUID: these boards need not be looked at."""
        return self._reserved

    def totals(self) -> Mapping[str, Weights]:
        """The weights of all looks so far, by board that is not reserved."""
        return self._totals or {}

    def states(self) -> list[BoardState]:
        """Every board as the last look left it."""
        return [
            BoardState(uuid, self._unregistered.get(uuid), dict(board.basis_ns))
            for uuid, board in self.by_uuid.items()
        ]

    def advance(self, at_ns: int, uses: Mapping[str, Use], boards: Iterable[str]) -> None:
        """Take a look at the boards in; `uses` of those that are not reserved as a whole."""
        elapsed_ns = 0 if self._last_ns is None else max(0, at_ns - self._last_ns)
        self._last_ns = at_ns
        for uuid in boards:
            board = self.by_uuid.get(uuid)
            if board is None:
                board = self.by_uuid[uuid] = Board()
            if uuid in self._reserved:
                board.count("reserved", elapsed_ns)
            elif uuid in uses:
                self._look(uuid, board, uses[uuid], elapsed_ns)
        self._owners.forget()

    def _look(self, uuid: str, board: Board, use: Use, elapsed_ns: int) -> None:
        whose, processes = self._owners.whose, use.processes or ()
        consumers = [whose(one) for one in processes]
        owned = board.owned
        if owned.processes != processes or owned.consumers != consumers:
            owned = board.owned = Owned(processes, consumers)
        weights = weigh(use, owned, whose, elapsed_ns, self._reserved)
        board.advance(weights, elapsed_ns)
        if self._totals is not None:
            self._totals[uuid] = _both(self._totals.get(uuid, NOTHING), weights)
        self._unregistered[uuid] = None if use.processes is None else self._strangers(use, owned)

    def _strangers(self, use: Use, owned: Owned) -> int:
        """Processes that nobody declared, where nothing is reserved."""
        if not owned.strangers:
            return 0
        reserved = {one.instance for one in use.instances if _sia_of(one, self._reserved)}
        return sum(one.instance not in reserved for one in owned.strangers)
