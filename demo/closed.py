"""Energy counters that this user may not read: a demonstration goes on without them and says so.

A meter must not (an agent that starts ends with the same line): its figures would turn into a
model's without anybody knowing. In: the doctor's report. Out: lines for the reader, settings.
"""

from collections.abc import Mapping
from typing import Any

SETTINGS = 'rapl = "off"\n'


def reason(report: Mapping[str, Any]) -> str | None:
    """What keeps RAPL closed and how to open it, in a line; None where it is not closed."""
    for check in report["checks"]:
        if check["about"] == "rapl" and check["state"] == "BROKEN":
            return f"rapl: {check['says']}; {check['remedy']}"
    return None


def lines(why: str) -> list[str]:
    """What the reader of the demonstration has to know."""
    return [
        f"closed: {why}",
        "        until then this demonstration models the processors; a meter would not",
    ]
