"""Whether the spool was kept on this machine: a copied one would count another host's time.

In: what identifies the hardware, as the kernel shows it (SMBIOS, device tree, addresses of real
network cards), as digests; what was noted beside the spool. Nothing of it leaves the host. A
machine of which one piece is the same is the same; without any piece to compare nobody knows.
"""

import contextlib
import hashlib
from pathlib import Path

import msgspec

from exporters import sqlite_file
from exporters.host import NO_NAMES

IDENTITIES = {
    "uuid": "class/dmi/id/product_uuid",
    "product": "class/dmi/id/product_serial",
    "board": "class/dmi/id/board_serial",
    "tree": "firmware/devicetree/base/serial-number",
}
"""Below /sys; the first three may be read by root alone."""

PERMANENT = "0"
"""`addr_assign_type` of an address that the card came with (Documentation/ABI/testing/
sysfs-class-net)."""

Marks = dict[str, list[str]]


def marks(sys: Path) -> Marks:
    """Digests of what identifies this machine, by kind; none where nothing may be read."""
    found: Marks = {}
    for kind, place in IDENTITIES.items():
        value = _read(sys / place).strip("\0 ").lower()
        if value and not NO_NAMES.fullmatch(value) and set(value) - set("0f-"):
            found[kind] = [_digest(value)]
    cards = sorted(card.parent for card in (sys / "class" / "net").glob("*/device"))
    addresses = [
        _digest(_read(card / "address"))
        for card in cards
        if _read(card / "addr_assign_type") == PERMANENT and _read(card / "address")
    ]
    return found | ({"network": addresses} if addresses else {})


def is_other(now: Marks, noted: Marks) -> bool:
    """Whether no piece is the same although some could be compared."""
    both = now.keys() & noted.keys()
    return bool(both) and not any(set(now[kind]) & set(noted[kind]) for kind in both)


def noted(path: Path) -> Marks:
    """What was noted beside a spool."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Marks)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def note(path: Path, now: Marks) -> None:
    """Note the machine as it is now; what cannot be read today stays as it was."""
    before = noted(path)
    if before | now != before:
        with contextlib.suppress(OSError):
            sqlite_file.write_whole(path, msgspec.json.encode(before | now).decode())


def _digest(value: str) -> str:
    return hashlib.blake2b(value.encode(), key=b"footprint hardware", digest_size=16).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
