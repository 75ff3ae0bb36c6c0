"""By which of its two interfaces RAPL is read: powercap or perf, and never both.

In: the setting `rapl`, and where both are. Out: one sensor, or why there is none. Both show the
same counters. powercap's go on while the agent is away, perf's begin anew with each opening: so
perf is read only where powercap is absent or refuses.
"""

import logging
from pathlib import Path
from typing import Literal

from exporters.clock import Boot
from exporters.errors import SensorError
from exporters.sensors import rapl, rapl_perf
from exporters.sensors.rapl_perf import RaplPerf
from exporters.sensors.sensor import Absent

Choice = Literal["auto", "powercap", "perf"]

log = logging.getLogger("footprint.agent")


def discover(
    choice: Choice, powercap_root: Path, event_source_root: Path, boot: Boot
) -> rapl.Rapl | RaplPerf | Absent:
    """The sensor. Raises SensorError where RAPL is there and nothing may read it; where both
    interfaces refuse, with powercap's remedy."""
    if choice == "perf":
        return rapl_perf.discover(event_source_root, boot)
    try:
        powercap = rapl.discover(powercap_root, boot)
    except SensorError as refused:
        if choice == "auto" and (perf := _stand_in(event_source_root, boot)) is not None:
            log.info("%s; until then perf is read, which begins anew at each start", refused)
            return perf
        raise
    if choice == "auto" and isinstance(powercap, Absent):
        instead = rapl_perf.discover(event_source_root, boot)
        if isinstance(instead, RaplPerf):
            return instead
        if (event_source_root / "power").is_dir():
            return Absent("rapl", f"{powercap.reason}; {instead.reason}")
    return powercap


def _stand_in(root: Path, boot: Boot) -> RaplPerf | None:
    """perf in the place of a powercap that refuses; None where it cannot be read either."""
    try:
        perf = rapl_perf.discover(root, boot)
    except SensorError:
        return None
    return perf if isinstance(perf, RaplPerf) else None
