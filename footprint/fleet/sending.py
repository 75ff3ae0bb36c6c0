"""Delivers parcels, with the faults of a network, until the service answered what was promised.

In: a parcel and the fault that befalls its request. Out: nothing; what was not as promised becomes
a finding, and how long answers took and how often there was none is counted. A service that does
not answer, is too busy or fails is asked again, as an agent would.
"""

import time
from array import array
from collections import Counter

import msgspec

from footprint.fleet.errors import FleetError
from footprint.fleet.turns import Parcel
from footprint.fleet.wire import TROUBLE, Address, Answer, Connection
from footprint.ledger import GENESIS, Batch

BUSY = (408, 429, 500, 502, 503, 504)
"""Statuses after which an agent tries again."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0
MOST_FINDINGS = 50
WRONG_TOKEN = "x" * 40


class Behind(Exception):  # noqa: N818 - a state of the service, not of this program
    """The service holds less of a ledger than it acknowledged."""


class Refused(Exception):  # noqa: N818 - as above
    """The service does not take what it has to take; the finding says so already."""


class Tally:
    """What was seen on the way. `latencies` of requests without a fault, from sending, and `late`
    from when they were due, in seconds; `troubles` by what they were; `faults` done, by name."""

    def __init__(self) -> None:
        self.latencies = array("d")
        self.late = array("d")
        self.requests = 0
        self.pages = 0
        self.troubles: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.findings: list[str] = []
        self.more_findings = 0

    def find(self, text: str) -> None:
        """Something was not as promised."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(text)
        else:
            self.more_findings += 1

    def add(self, other: "Tally") -> None:
        """Add what another thread saw."""
        self.latencies.extend(other.latencies)
        self.late.extend(other.late)
        self.requests += other.requests
        self.pages += other.pages
        self.troubles += other.troubles
        self.faults += other.faults
        for text in other.findings:
            self.find(text)
        self.more_findings += other.more_findings


class Sender:
    """One thread's way to the service."""

    def __init__(self, to: Address, patience_seconds: float) -> None:
        self.tally = Tally()
        self._to = to
        self._patience_seconds = patience_seconds
        self._retried = False
        self._line = Connection(to)
        self._other = Connection(to)

    def close(self) -> None:
        """Hang up."""
        self._line.close()
        self._other.close()

    def deliver(
        self, parcel: Parcel, fault: str, due: float | None = None, *, again: bool = False
    ) -> None:
        """Send `parcel` until it is answered as promised. `due`: when it should have gone out, by
        `time.monotonic`; `again`: all or part of it was acknowledged before.

        Raises Behind, Refused; FleetError where patience ends.
        """
        body = msgspec.json.encode(Batch(parcel.pages))
        if parcel.promised != "taken":
            self._check_refusal(parcel, self._ask(body))
            return
        began = time.monotonic()
        if fault == "duplicated":
            self._twice(parcel, body)
            return
        uncertain = again or self._spoil(parcel, body, fault)
        answer = self._ask(body)
        if not fault:
            now = time.monotonic()
            self.tally.latencies.append(now - began)
            self.tally.late.append(now - (began if due is None else due))
        self._check(parcel, answer, uncertain=uncertain or self._retried, partly=again)
        self.tally.pages += len(parcel.pages)

    def _spoil(self, parcel: Parcel, body: bytes, fault: str) -> bool:
        """What happens before a parcel arrives in the end; whether it may have arrived already."""
        try:
            if fault == "lost-before":
                self._line.half(body)
            elif fault == "lost-after":
                self._line.begin(body)
                self._line.close()
            elif fault == "wrong-token" and self._to.token:
                self._promised(parcel, self._line.send(body, WRONG_TOKEN), 401, "unauthorized")
            elif fault == "reordered" and len(parcel.pages) > 1:
                self._reordered(parcel)
            else:
                return False
        except TROUBLE as error:
            self._trouble(error)
        self.tally.faults[fault] += 1
        return fault == "lost-after"

    def _reordered(self, parcel: Parcel) -> None:
        half = len(parcel.pages) // 2
        answer = self._line.send(msgspec.json.encode(Batch(parcel.pages[half:])))
        self._promised(parcel, answer, 409, "chain-hole")
        held = _head(parcel, answer)
        if answer.problem == "chain-hole" and held[0] != parcel.first_seq - 1:
            self._behind_or_wrong(parcel, held[0], answer)

    def _twice(self, parcel: Parcel, body: bytes) -> None:
        """The same on two connections at once; either may be the first."""
        answers = []
        lines = (self._line, self._other)
        begun = [line for line in lines if self._begin(line, body)]
        for line in begun:
            try:
                answers.append(line.end())
            except TROUBLE as error:
                self._trouble(error)
        answers = [answer for answer in answers if answer.status not in BUSY]
        if len(answers) < len(lines):  # one was lost: what it did is not known
            self._check(parcel, self._ask(body), uncertain=True)
            self.tally.pages += len(parcel.pages)
            return
        for answer in answers:
            self._check(parcel, answer, uncertain=True)
        fresh = sum(answer.duplicates == 0 for answer in answers)
        if fresh != 1:
            said = "; ".join(answer.said() for answer in answers)
            self.tally.find(f"{_name(parcel)}: sent twice, accepted {fresh} times: {said}")
        self.tally.faults["duplicated"] += 1
        self.tally.pages += len(parcel.pages)

    def _begin(self, line: Connection, body: bytes) -> bool:
        try:
            line.begin(body)
        except TROUBLE as error:
            self._trouble(error)
            return False
        return True

    def _ask(self, body: bytes) -> Answer:
        """The answer, after as many attempts as it takes; `_retried` where one may have arrived."""
        self._retried = False
        until = time.monotonic() + self._patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            wait, said = pause, ""
            try:
                answer = self._line.send(body)
            except TROUBLE as error:
                said = self._trouble(error)
            else:
                self.tally.requests += 1
                if answer.status not in BUSY:
                    return answer
                self.tally.troubles[str(answer.status)] += 1
                said = answer.said()
                wait = answer.retry_after_seconds or pause
            self._retried = True
            if time.monotonic() + wait > until:
                raise FleetError(
                    f"--service {self._to.url}: no answer in {self._patience_seconds:g} s: {said}"
                )
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _trouble(self, error: Exception) -> str:
        said = f"{type(error).__name__}: {error}"
        self.tally.troubles["no answer"] += 1
        return said

    def _promised(self, parcel: Parcel, answer: Answer, status: int, problem: str) -> None:
        if answer.status in BUSY:
            self.tally.troubles[str(answer.status)] += 1
        elif (answer.status, answer.problem) != (status, problem):
            self.tally.find(f"{_name(parcel)}: promised {status} {problem}, got {answer.said()}")

    def _check_refusal(self, parcel: Parcel, answer: Answer) -> None:
        self._promised(parcel, answer, 409, parcel.promised)
        if answer.problem == "chain-hole":
            self._behind_or_wrong(parcel, _head(parcel, answer)[0], answer)

    def _check(
        self, parcel: Parcel, answer: Answer, *, uncertain: bool, partly: bool = False
    ) -> None:
        """Whether a parcel was taken as promised: whole, and what is to be left out left out."""
        if answer.status != 200:
            self._behind_or_wrong(parcel, _head(parcel, answer)[0], answer)
        count = len(parcel.pages)
        fresh = answer.duplicates == 0 and answer.quarantined == parcel.quarantined
        held = uncertain and answer.duplicates == count
        whole = answer.accepted + answer.duplicates + answer.quarantined == count
        if not (whole and (fresh or held or partly)):
            self.tally.find(
                f"{_name(parcel)}: {count} pages, {parcel.quarantined} to be quarantined; the "
                f"service accepted {answer.accepted}, quarantined {answer.quarantined}, had "
                f"{answer.duplicates} already"
            )
        if _head(parcel, answer) != (parcel.last_seq, parcel.pages[-1].hash) and not partly:
            self.tally.find(
                f"{_name(parcel)}: acknowledged with the head {_head(parcel, answer)[0]}"
            )

    def _behind_or_wrong(self, parcel: Parcel, held_seq: int, answer: Answer) -> None:
        if answer.problem == "chain-hole" and held_seq < parcel.first_seq - 1:
            raise Behind
        if answer.status == 401:
            raise FleetError(
                "--token-file: the service wants another token than this"
                if self._to.token
                else "--service: the service wants a token; give it with --token-file"
            )
        self.tally.find(f"{_name(parcel)}: refused: {answer.said()}; this host sends no more")
        raise Refused


def _head(parcel: Parcel, answer: Answer) -> tuple[int, str]:
    for head in answer.heads:
        if (head.host_id, head.ledger_id) == (parcel.host_id, parcel.ledger_id):
            return head.seq, head.hash
    return -1, GENESIS


def _name(parcel: Parcel) -> str:
    return (
        f"host {parcel.host_id}, ledger {parcel.ledger_id}, pages {parcel.first_seq} to "
        f"{parcel.last_seq}"
    )
