"""What the meter knows, kept and sent: seals pages, keeps checkpoints, and follows a ledger that
cannot go on with one that names it as its parent.

In: the sampler, after every tick; what the pusher finds out. Out: pages in the spool, a checkpoint
at most `checkpoint_seconds` after the last. What the disk does not take stays in memory.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from exporters import fingerprint, link, push, salvage, sqlite_file
from exporters.clock import Clock, Instant
from exporters.drafts import Chain, DeviceKey, Draft, Drafts, seal
from exporters.errors import DamagedError, SpoolError
from exporters.heir import Found, Heir, at_end, counter
from exporters.ledger_file import Counts
from exporters.sampler import Sampler
from exporters.sensors.sensor import Device
from exporters.settings import Settings
from exporters.spool import Checkpoint, Spool
from exporters.surroundings import Surroundings
from exporters.timekeeping import Timekeeper, begin_at, skip_to
from footprint.interval import QUARTER_HOUR_SECONDS, to_us
from footprint.ledger import GENESIS, Page
from footprint.reading import Counter
from footprint.units import NS_PER_S

HALF_A_TICK_NS = 500_000_000
MIB = 1024 * 1024
HARDWARE = "hardware"
"""The file beside the spool that says on which machine it was kept."""
BESIDE_MIB = 9
"""What the spool's log and its reserve may take beside its file."""
MOST_IN_MEMORY = 96
"""Pages that wait for the disk: a day of them, some megabytes."""
ERROR_EVERY = 60
"""A disk that refuses every tick is said once a minute or so."""

log = logging.getLogger("footprint.agent")


class Keeping(msgspec.Struct, frozen=True):
    """How keeping and sending go, for /metrics."""

    ledger_id: str
    counts: Counts
    pushes: dict[str, int]
    ledgers: dict[str, int]
    quarantined: int = 0
    limit_bytes: int = 0
    refused: int = 0
    in_memory: int = 0


class Lost(msgspec.Struct):
    """Time over which pages could not be kept, on disk or in memory: a gap of every device."""

    start_us: int
    end_us: int
    devices: dict[str, Device]

    def drafts(self) -> list[Draft]:
        """The pages that tell so."""
        found = Drafts(QUARTER_HOUR_SECONDS, self.start_us)
        found.reach(self.end_us)
        found.open[-1].end_us = self.end_us
        for device in self.devices.values():
            found.gap(device, "gap", "spool_refused", self.start_us, self.end_us)
        return found.open


class Keeper:
    """The spool of one meter, and its pusher."""

    def __init__(
        self, settings: Settings, host_id: str, boot_id: str, around: Surroundings
    ) -> None:
        """Open the spool. Raises SpoolError."""
        self._settings = settings
        self._boot_id = boot_id
        self._around = around
        sys = around.proc.parent / "sys"
        check_hardware(settings.state_path, host_id, sys)
        most_bytes = (settings.spool_mib - BESIDE_MIB) * MIB
        self.spool = Spool(settings.state_path / "spool.db", host_id, most_bytes)
        fingerprint.note(settings.state_path / HARDWARE, fingerprint.marks(sys))
        self._pushes: dict[str, int] = {}
        self._ledgers = {"clock": 0, "damaged": 0, "diverged": 0}
        self._pusher: push.Pusher | None = None
        self._trouble: Found | DamagedError | None = None
        self._sealed: list[Draft] = []
        self._lost: Lost | None = None
        self._ended: tuple[str, Sequence[Draft]] = ("", [])
        self._refused = self._refused_in_a_row = 0
        self._saved_ns = 0
        self._counts = self.spool.counts()

    def begin(
        self,
        sampler: Sampler,
        clock: Clock,
        host_facts: dict[str, str],
        ended: tuple[str, Sequence[Draft]],
    ) -> None:
        """Keep where the meter begins; `ended`: a boot that is over, and its drafts. A disk that
        does not take it now is asked again at every tick."""
        self._sampler, self._clock, self._host_facts = sampler, clock, host_facts
        self._ended = ended
        self._began_ns = clock.instant().mono_ns
        self._time = Timekeeper(clock, self._around.wall_ns)
        self._asked = False
        self._try_to(self._save)

    def prepare_push(self) -> None:
        """Make ready to send, where a service is configured. Raises SettingsError."""
        url = self._settings.service
        if url is None:
            return
        token_file = self._settings.token_file
        token = push.read_token(token_file)
        service = push.Service(url, token, token_file=token_file, trust=self._settings.trust)
        if token and link.is_open(url):
            log.warning(
                "push: the token goes to %s by plain http, for everybody on the way to read; "
                "write https://",
                url,
            )
        jitter_seconds = self._settings.page_seconds * self._around.push_spread
        self._pusher = push.Pusher(
            self.spool, service, self._count, url, self._find, jitter_seconds=jitter_seconds
        )
        service.dated = self._time.dated

    def start_push(self) -> None:
        """Send what waits, from now on."""
        if self._pusher:
            self._pusher.start()

    def keep(self, now: Instant, *, final: bool = False) -> None:
        """Seal what is due; a checkpoint at most `checkpoint_seconds` after the last."""
        self._seal_and_save(now, final)
        self._counts = self.spool.counts()

    def _seal_and_save(self, now: Instant, final: bool) -> None:
        self._keep_time(now)
        for draft in self._sampler.due(now, final=final):
            self._hold(draft)
            if len(self._sealed) >= MOST_IN_MEMORY and not self._trouble:
                self._try_to(self._save)  # after an outage of days all its pages are over at once
        interval_ns = self._settings.checkpoint_seconds * NS_PER_S
        is_time = now.mono_ns - self._saved_ns >= interval_ns - HALF_A_TICK_NS
        if not (self._sealed or final or is_time or self._trouble):
            return
        if self._try_to(lambda: self._mend_and_save(now)):
            self._saved_ns = now.mono_ns

    def _keep_time(self, now: Instant) -> None:
        """Set the agent's time where it is wrong: forward at once, else in a new ledger."""
        verdict = self._time.verdict()
        if verdict == "well":
            self._asked = False
        elif verdict == "behind":
            self._clock.step()
            later = self._clock.instant()
            log.error(
                "clock: the agent's time was %d s behind, as the service confirms; it is set, and "
                "that time is a gap",
                (later.utc_us - now.utc_us) // 1_000_000,
            )
            skip_to(self._sampler, later.utc_us)
        elif self._pusher and not self._asked:
            self._asked = True
            self._pusher.ask_for_heir(f"the agent's time is {verdict}, as the service confirms")

    def _hold(self, draft: Draft) -> None:
        """A page that is over waits for the disk; what finds no room in memory either becomes a
        gap."""
        if self._lost is None and len(self._sealed) < MOST_IN_MEMORY:
            self._sealed.append(draft)
            return
        lost = self._lost = self._lost or Lost(draft.start_us, draft.end_us, {})
        lost.end_us = draft.end_us
        gap_us = self._sampler.totals.gap_us
        for key, cover in draft.covers.items():
            lost.devices[key] = cover.device
            place = ((cover.device.sensor, cover.device.device), "spool_refused")
            gap_us[place] = gap_us.get(place, 0) + draft.end_us - draft.start_us

    def _try_to(self, step: Callable[[], None]) -> bool:
        """Have the disk take it; whether it did. What it does not take is kept in memory."""
        try:
            step()
        except DamagedError as error:
            self._trouble = error  # the next tick begins anew
            return False
        except SpoolError as error:
            if self._refused_in_a_row % ERROR_EVERY == 0:
                log.error("%s", error)
            self._refused_in_a_row += 1
            self._refused += 1
            return False
        if self._refused_in_a_row:
            log.info("spool: %s takes pages again", self.spool.path)
        self._refused_in_a_row = 0
        return True

    def _mend_and_save(self, now: Instant) -> None:
        self._mend(now)
        self._save()

    def _save(self) -> None:
        """Raises SpoolError; nothing is written then, and nothing forgotten."""
        sealed = self._unsaved()
        self.spool.save(self._checkpoint(), sealed, self._ended)
        self._sealed, self._lost, self._ended = [], None, ("", [])
        if sealed and self._pusher:
            self._pusher.wake()

    def _unsaved(self) -> list[Draft]:
        return [*self._sealed, *(self._lost.drafts() if self._lost else [])]

    def shown(self) -> Keeping:
        """How it goes, the spool as the last tick left it."""
        return Keeping(
            ledger_id=self.spool.ledger_id,
            counts=self._counts,
            pushes=dict(self._pushes),
            ledgers=dict(self._ledgers),
            quarantined=self._pusher.quarantined if self._pusher else 0,
            limit_bytes=self._settings.spool_mib * MIB,
            refused=self._refused,
            in_memory=len(self._sealed),
        )

    def stop_push(self, seconds: float) -> None:
        """Try to send what waits, for `seconds` at most."""
        if self._pusher:
            self._pusher.stop(seconds)

    def _count(self, result: str) -> None:
        self._pushes[result] = self._pushes.get(result, 0) + 1

    def _find(self, trouble: Found | DamagedError) -> None:
        """From the pusher's thread: the next tick sees to it."""
        self._trouble = trouble

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            boot_id=self._boot_id,
            start_us=self._sampler.drafts.start_us,
            drafts=self._sampler.drafts.open,
            tracks=list(self._sampler.tracks.values()),
            clock_offset_us=self._clock.offset_us(),
            host=self._host_facts,
        )

    def _mend(self, now: Instant) -> None:
        """See to what keeps the ledger from going on. Raises SpoolError; tried again then."""
        trouble = self._trouble
        if isinstance(trouble, Found) and trouble.of != self.spool.ledger_id:
            self._trouble = None  # told twice
            return
        if self._ended[1]:
            self._save()
        if isinstance(trouble, DamagedError):
            self.spool.begin_anew(trouble, self._checkpoint())
            self._ledgers["damaged"] += 1
        elif trouble is not None:
            if trouble.clock:
                self._clock.step()
                now = self._clock.instant()
            self._take_up(trouble, now)
            self._ledgers["clock" if trouble.clock else "diverged"] += 1
        if self._trouble is trouble:
            self._trouble = None
        if trouble is not None and self._pusher:
            self._pusher.wake()

    def _take_up(self, found: Found, now: Instant) -> None:
        """Go on in a new ledger from the last page that counts at the service."""
        steady, writing = self._steady(), self._writing()
        heir = Heir(found.last, steady, now.utc_us, writing, found.last_hash)
        if found.clock:
            heir = Heir(found.last, {}, 0)  # no page is of the time that it says
        until_us = to_us(found.last.end) if found.last else 0

        def rest() -> tuple[Checkpoint, Sequence[Draft]]:
            if found.clock and found.last is None:
                since_us = now.utc_us - (now.mono_ns - self._began_ns) // 1000
                begin_at(self._sampler, now, since_us)
                self._sealed, self._lost = [], None
            elif not heir.joined and found.last is not None:
                begin_after(self._sampler, found.last, now, self._boot_id)
                self._sealed, self._lost = [], None
            return self._checkpoint(), self._unsaved()

        before = self.spool.ledger_id
        self.spool.take_up(found.parent, heir, until_us, rest)
        self._sealed, self._lost, self._ended = [], None, ("", [])
        log.error("%s: ledger %s follows %s", found.why, self.spool.ledger_id, before)

    def _steady(self) -> dict[DeviceKey, Device]:
        """The devices whose counters go on while the meter does not."""
        return {
            key: track.device
            for key, track in self._sampler.tracks.items()
            if isinstance(track.baseline, Counter) and track.baseline.boot_id == self._boot_id
        }

    def _writing(self) -> Page | None:
        """The oldest page that is not in the spool yet, as it is now."""
        draft = next(iter([*self._unsaved(), *self._sampler.drafts.open]), None)
        if draft is None or draft.end_us <= draft.start_us:
            return None
        chain = Chain(self.spool.host_id, self.spool.ledger_id, self._boot_id, 0, GENESIS)
        return seal(draft, chain)


def check_hardware(state: Path, host_id: str, sys: Path) -> None:
    """See whether the spool was kept on this machine.

    A copy that has got a name of its own is set aside: its original sends what is in it. One of the
    same name is refused (SpoolError): who of the two is the host, the operator knows.
    """
    spool, beside, now = state / "spool.db", state / HARDWARE, fingerprint.marks(sys)
    if fingerprint.is_other(now, fingerprint.noted(beside)):
        owner = salvage.owner(spool)
        if owner in (host_id, None):
            raise SpoolError(
                f"spool: {state} was kept on other hardware than this. If this is a copy of "
                f"{host_id}, give it a machine id of its own (systemd-machine-id-setup), or set "
                f"host_id, and empty {state}; if {host_id} has got new hardware, delete {beside}"
            )
        aside = sqlite_file.set_aside(spool, f"of-{owner}")
        log.error(
            "spool: it is a copy of %s's, made on other hardware, and kept as %s; this host, %s, "
            "begins a ledger of its own",
            *(owner, aside.name, host_id),
        )
        beside.unlink(missing_ok=True)
        salvage.forget_stand(spool)


def begin_after(sampler: Sampler, last: Page, now: Instant, boot_id: str) -> None:
    """Have the meter go on from the end of a page: what its counters moved since is known, whose it
    was is not; without a counter to go on from, the time since is a gap."""
    start_us = to_us(last.end)
    marks = {(one.sensor, one.device): at_end(last, one) for one in last.sensors}
    sampler.drafts.open.clear()
    for key, track in sampler.tracks.items():
        mark, baseline = marks.get(key), track.baseline
        steady = isinstance(baseline, Counter) and baseline.boot_id == boot_id == last.boot_id
        track.stuck = track.forfeited = False
        if mark and steady:
            ago_us = max(0, now.utc_us - to_us(mark.at))
            track.baseline = counter(track.device, mark, boot_id, now.mono_ns - ago_us * 1000)
            track.baseline_us, track.mark, track.blind = start_us, mark, True
            track.failing = None
        else:
            track.baseline, track.mark, track.blind = None, None, False
            track.failing = "spool_lost"
    sampler.begin(Instant(now.mono_ns, start_us))
