"""A simulated model server that batches: what every step draws, and because of whom.

In: requests. Out: energy and busy time of each tenth of a second, what the server counts, and the
energy that each consumer caused, by quarter-hour, in exact integer microjoules. Prompts are read in
chunks beside the answers that are being written (continuous batching with chunked prefill); the
step that ends a prompt brings its first token, each further step one more. All answers of a batch
share the step's fixed energy, so that a token costs less in company.

The truth: a step's whole energy is divided over the sequences in it by what each adds at the
margin, one a prompt token and seven a generated one; cached prompt tokens add nothing. Sequences of
one consumer are alike to that, so that it is kept by consumer. It shares no code with the agent.
"""

from array import array
from collections import deque
from collections.abc import Sequence

import msgspec

from exporters.twin.plan import STEP_US, STEPS_PER_S
from exporters.twin.serving.asking import Asked
from exporters.twin.serving.plan import (
    CONSUMERS,
    GENERATED_UNITS,
    MOST_SEQUENCES,
    MOST_STEP_TOKENS,
    Model,
)

QUARTER_US = 900_000_000


class Done(msgspec.Struct, frozen=True):
    """A request that is answered, and in which step of the host."""

    step: int
    asked: Asked


class Served(msgspec.Struct, frozen=True):
    """What one server did. Arrays are by tenths of a second; `caused_uj` by quarter-hour and
    consumer, cards and processor apart."""

    energy_uj: "array[int]"
    busy_us: "array[int]"
    computed: "array[int]"
    cached: "array[int]"
    generated: "array[int]"
    done: list[Done]
    cards_uj: list[list[int]]
    processor_uj: list[list[int]]

    def caused_uj(self, consumer: int) -> int:
        """Of the whole run, cards and processor."""
        rows = (*self.cards_uj, *self.processor_uj)
        return sum(row[consumer] for row in rows)


class _Reading(msgspec.Struct):
    """A prompt that is being read."""

    asked: Asked
    left: int


def serve(model: Model, asked: Sequence[Asked], seconds: int) -> Served:
    """Answer these requests, in order of arrival, within so many seconds."""
    engine = _Engine(model, asked, seconds)
    while engine.step():
        pass
    return engine.served


class _Engine:
    def __init__(self, model: Model, asked: Sequence[Asked], seconds: int) -> None:
        self._model = model
        self._asked = asked
        self._next = 0
        self._now_us = 0
        self._number = 0
        self._reading: deque[_Reading] = deque()
        self._writing = [0] * len(CONSUMERS)
        self._ends: dict[int, list[Asked]] = {}
        self._steps = seconds * STEPS_PER_S
        quarters = -(-seconds * 1_000_000 // QUARTER_US)
        energy, busy, computed, cached, generated = (
            array("q", bytes(8 * self._steps)) for _ in range(5)
        )
        tables = ([[0] * len(CONSUMERS) for _ in range(quarters)] for _ in range(2))
        self.served = Served(energy, busy, computed, cached, generated, [], *tables)

    def step(self) -> bool:
        """One step, or several that are all alike; False when all is answered."""
        self._admit()
        batch = sum(self._writing)
        if not batch and not self._reading:
            if self._next == len(self._asked):
                return False
            self._now_us = self._asked[self._next].at_us
            return True
        chunks = self._chunks(batch)
        units = [GENERATED_UNITS * count for count in self._writing]
        prompt = 0
        for reading, tokens in chunks:
            units[reading.asked.consumer] += tokens
            prompt += tokens
        model = self._model
        step_us = model.step_us + prompt * model.prompt_us + batch * model.generated_us
        times = 1 if chunks else self._alike(step_us)
        self._draw(units, step_us, times)
        _spread(self.served.generated, self._now_us, step_us * times, batch * times)
        self._now_us += step_us * times
        self._number += times
        self._end(chunks)
        return True

    def _admit(self) -> None:
        while self._next < len(self._asked) and self._asked[self._next].at_us <= self._now_us:
            one = self._asked[self._next]
            self._reading.append(_Reading(one, one.prompt - one.cached))
            self._next += 1

    def _chunks(self, batch: int) -> list[tuple[_Reading, int]]:
        """What is read of prompts in this step, first come, first served."""
        found: list[tuple[_Reading, int]] = []
        room = MOST_STEP_TOKENS - batch
        for reading in self._reading:
            if room <= 0 or batch + len(found) >= MOST_SEQUENCES:
                break
            tokens = min(room, reading.left)
            found.append((reading, tokens))
            room -= tokens
        return found

    def _alike(self, step_us: int) -> int:
        """How many steps there are until anything changes: an answer ends, or a request comes."""
        times = min(self._ends) - self._number
        if self._next < len(self._asked):
            until_us = self._asked[self._next].at_us - self._now_us
            times = min(times, -(-until_us // step_us))
        return max(1, times)

    def _draw(self, units: list[int], step_us: int, times: int) -> None:
        """Energy and time of so many equal steps, and whose they are."""
        model, whole = self._model, sum(units)
        curved = model.saturating_uj * whole * model.half_units // (model.half_units + whole)
        energy_uj = model.fixed_uj + model.linear_uj * whole + curved
        length_us = step_us * times
        _spread(self.served.energy_uj, self._now_us, length_us, energy_uj * times)
        _spread(self.served.busy_us, self._now_us, length_us, length_us)
        quarter = self._now_us // QUARTER_US
        processor_uj = length_us * model.processor_watts
        _divide(self.served.cards_uj[quarter], energy_uj * times, units, whole)
        _divide(self.served.processor_uj[quarter], processor_uj, units, whole)

    def _end(self, chunks: list[tuple[_Reading, int]]) -> None:
        """Prompts that are read begin their answers; answers that are complete end."""
        step = (self._now_us - 1) // STEP_US
        for reading, tokens in chunks:
            reading.left -= tokens
            self.served.computed[step] += tokens
            if reading.left:
                continue
            one = reading.asked
            self._reading.popleft()
            self.served.cached[step] += one.cached
            self.served.generated[step] += 1
            if one.generated == 1:
                self.served.done.append(Done(step, one))
                continue
            self._writing[one.consumer] += 1
            self._ends.setdefault(self._number + one.generated - 1, []).append(one)
        for one in self._ends.pop(self._number, ()):
            self._writing[one.consumer] -= 1
            self.served.done.append(Done(step, one))


def _divide(row: list[int], energy_uj: int, units: list[int], whole: int) -> None:
    """Energy by units; what is left of a microjoule is the last one's."""
    left_uj = energy_uj
    last = 0
    for place, count in enumerate(units):
        if count:
            part_uj = energy_uj * count // whole
            row[place] += part_uj
            left_uj -= part_uj
            last = place
    row[last] += left_uj


def _spread(row: "array[int]", start_us: int, length_us: int, amount: int) -> None:
    """An amount evenly over a time, in whole numbers that add up to it."""
    before, at_us, end_us = 0, start_us, start_us + length_us
    while at_us < end_us:
        step = at_us // STEP_US
        at_us = min(end_us, (step + 1) * STEP_US)
        until = amount * (at_us - start_us) // length_us
        row[step] += until - before
        before = until
