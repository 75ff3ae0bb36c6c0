"""What one consumer asked of one model: a sum that grows, and that can be spread over time.

In: increments of counters, records of requests. Out: sums, and parts of them that add up to them.
"""

from collections.abc import Mapping

import msgspec

from footprint.attribution import attribute


class Tally(msgspec.Struct):
    """Requests and tokens; None: nobody counts them. `estimated_uj` and `estimated_ug` are the
    gateway's own figures, in microjoules and micrograms of CO2e; `total` is all tokens together,
    instead of the others, where nothing tells them apart."""

    requests: int | None = 0
    prompt: int = 0
    cached: int = 0
    generated: int = 0
    estimated_uj: int | None = None
    total: int | None = None
    estimated_ug: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was asked."""
        return not (self.requests or self.largest)

    @property
    def largest(self) -> int:
        """The largest of its numbers."""
        return max(self.requests or 0, self.prompt, self.cached, self.generated, self.total or 0)

    def add(self, other: "Tally") -> None:
        """Grow by the other: requests that one of them does not count are not counted."""
        if self.requests is not None:
            self.requests = None if other.requests is None else self.requests + other.requests
        self.prompt += other.prompt
        self.cached += other.cached
        self.generated += other.generated
        if other.estimated_uj is not None:
            self.estimated_uj = (self.estimated_uj or 0) + other.estimated_uj
        if other.estimated_ug is not None:
            self.estimated_ug = (self.estimated_ug or 0) + other.estimated_ug
        if other.total is not None:
            self.total = (self.total or 0) + other.total

    def spread(self, weights: Mapping[str, int]) -> dict[str, "Tally"]:
        """Parts by name that add up to it, each number by `attribute()`; cached tokens and the rest
        of the prompt apart, so that no part has more cached than prompted where the whole has not.
        """
        if len(weights) == 1:
            return dict.fromkeys(weights, self)
        apart = self.cached <= self.prompt
        prompt = _parts(self.prompt - self.cached if apart else self.prompt, weights)
        cached = _parts(self.cached, weights)
        generated = _parts(self.generated, weights)
        requests = None if self.requests is None else _parts(self.requests, weights)
        told_uj = None if self.estimated_uj is None else _parts(self.estimated_uj, weights)
        told_ug = None if self.estimated_ug is None else _parts(self.estimated_ug, weights)
        return {
            name: Tally(
                requests=requests[name] if requests else None,
                prompt=prompt[name] + (cached[name] if apart else 0),
                cached=cached[name],
                generated=generated[name],
                estimated_uj=told_uj[name] if told_uj else None,
                estimated_ug=told_ug[name] if told_ug else None,
            )
            for name in weights
        }


def _parts(number: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`number` by weights; a name of weight zero gets nothing, and is there."""
    return {**dict.fromkeys(weights, 0), **attribute(number, weights)}
