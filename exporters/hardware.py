"""Which accelerators are plugged into this host, whatever its drivers say.

In: the PCI bus below `/sys` (Linux, Documentation/ABI/testing/sysfs-bus-pci). Out: how many, by
whether an NVIDIA driver should show them. A card that nobody reads must not go unnoticed.
"""

from pathlib import Path

import msgspec

NVIDIA = "0x10de"
OTHERS = ("0x1002", "0x8086", "0x1da3", "0x1e52")  # AMD, Intel, Habana, Tenstorrent
DISPLAYS = ("0x0300", "0x0302")  # VGA, 3D controller
ACCELERATORS = ("0x0302", "0x0380", "0x1200")  # without the screen adapter of a board or chipset


class Cards(msgspec.Struct, frozen=True):
    """Cards by maker: NVIDIA's, and accelerators of others."""

    nvidia: int
    others: int


def cards_on_pci(sys: Path) -> Cards:
    """The cards on the PCI bus."""
    nvidia = others = 0
    for folder in sorted((sys / "bus" / "pci" / "devices").glob("*")):
        vendor, kind = _word(folder / "vendor"), _word(folder / "class")[:6]
        nvidia += vendor == NVIDIA and kind in DISPLAYS
        others += vendor in OTHERS and kind in ACCELERATORS
    return Cards(nvidia, others)


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
