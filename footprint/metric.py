"""What one metric is: a name, a type, a help text, labels."""

from typing import Literal

import msgspec

Kind = Literal["counter", "gauge"]


class Metric(msgspec.Struct, frozen=True):
    """One metric family as it is exposed; counters carry `_total` in their name."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
