"""PDU exports as a rack's feeds write them: a title, 47 columns, a row every five minutes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from footprint.pdu import ENERGY, POWER, TIME

COLUMNS = [TIME, "Device", "Input Frequency (Hz)", POWER, ENERGY] + [
    f"Outlet {n} Active Power (W)" for n in range(1, 43)
]
STEP = timedelta(minutes=5)
Value = float | str | None


def row(at: datetime, energy_wh: Value, power_watts: Value) -> str:
    """One line of an export."""
    cells = [at.strftime("%Y-%m-%d %H:%M:%S"), "PDU-12-A", "50.0"]
    cells += ["" if value is None else str(value) for value in (power_watts, energy_wh)]
    return ",".join(cells + ["1.5"] * 42) + "\n"


def rows(start: datetime, energies_wh: Iterable[Value], power_watts: Value = 1200) -> list[str]:
    """Lines five minutes apart."""
    return [
        row(start + STEP * number, energy_wh, power_watts)
        for number, energy_wh in enumerate(energies_wh)
    ]


def write(path: Path, lines: Iterable[str], columns: Iterable[str] = COLUMNS) -> Path:
    """An export with its title and header."""
    text = f"Export of measurements\n{','.join(columns)}\n" + "".join(lines)
    path.write_text(text, encoding="utf-8")
    return path
