"""Another meter as a process of its own, asked line by line, on a host that shows it our files.

A private mount namespace lays a folder of ours over /sys/class/powercap, and a compiled
libnvidia-ml.so.1 is loaded first, so that the unmodified library reads our inputs by the very paths
it reads on a real host. In: the inputs' folder. Out: the library's answers.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.exporters.nobody import require_root
from tests.powercap import WIDTH, make_zone
from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("nvml_more.c")
ZEUS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
DRIVERS = {
    "codecarbon": (sys.executable, "-W", "ignore", "-m", "tests.peers.drive_codecarbon"),
    "zeus": (str(ZEUS_PYTHON), "-W", "ignore", str(Path(__file__).with_name("drive_zeus.py"))),
}
SHOWN = (
    "mount -t tmpfs tmpfs /sys/class && mkdir /sys/class/powercap && "
    'mount --bind "$0" /sys/class/powercap && exec "$@"'
)
RANGE_J = 262_144
PACKAGE_W, CARD_W = 300, 700


class Host:
    """The inputs: zones as the kernel lays them out, and cards as lines of a state file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.powercap = folder / "powercap"
        self.cards = folder / "cards"
        (self.powercap / "intel-rapl").mkdir(parents=True)
        (self.powercap / "intel-rapl" / "subsystem").symlink_to("..")  # CodeCarbon looks there
        self._files: dict[str, Path] = {}

    def zone(self, zone: str, name: str, joules: float, limit_watts: int = PACKAGE_W) -> None:
        """Add `intel-rapl:0` or, inside it, `intel-rapl:0:1`: nested, and linked from the top."""
        parent = zone.rpartition(":")[0]
        inside = Path("intel-rapl", *([parent] if ":" in parent else []))
        file = make_zone(
            self.powercap / inside,
            zone,
            name,
            value_uj=round(joules * 1e6),
            range_uj=RANGE_J * 1_000_000,
            limit_uw=limit_watts * 1_000_000,
        )
        (self.powercap / zone).symlink_to(inside / zone)
        self._files[name] = file

    def show(self, name: str, joules: float | None) -> None:
        """What a zone's counter shows from now on; None: its file cannot be read."""
        value = "" if joules is None else f"{round(joules * 1e6):0{WIDTH}d}\n"
        self._files[name].write_text(value)

    def show_cards(self, *cards: tuple[str, float], driver: str = "0") -> None:
        """The cards: (UUID, joules), at 100 W; `driver` as nvml.c's first line."""
        lines = [
            f"{uuid} {round(joules * 1000)} 0 1 {CARD_W * 1000} power=100000"
            for uuid, joules in cards
        ]
        draft = self.cards.with_suffix(".new")
        draft.write_text("\n".join([driver, *lines]) + "\n")
        os.replace(draft, self.cards)

    def environment(self) -> dict[str, str]:
        """With the fake library, and a `nvidia-smi`: CodeCarbon asks whether it runs."""
        library = self.folder / "libnvidia-ml.so.1"
        if not library.exists():
            command = [require_tool("gcc"), "-shared", "-fPIC", f"-Wl,-soname,{library.name}"]
            subprocess.run([*command, "-o", library, SOURCE], check=True)
            smi = self.folder / "bin" / "nvidia-smi"
            smi.parent.mkdir()
            smi.write_text("#!/bin/sh\n")
            smi.chmod(0o755)
        return {
            "LD_PRELOAD": str(library),
            "FAKE_NVML_STATE": str(self.cards),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
        }


class Driven:
    """One library on one host."""

    def __init__(self, library: str, host: Host, **settings: str) -> None:
        require_root()
        unshare = require_tool("unshare")
        if library == "zeus" and not ZEUS_PYTHON.exists():
            pytest.skip("zeus-ml is not installed: make peers does it, in .venv-peers")
        environment = {**os.environ, **settings}
        if host.cards.exists():
            environment |= host.environment()
        self._errors = host.folder / f"{library}.log"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [unshare, "--mount", "sh", "-c", SHOWN, host.powercap, *DRIVERS[library]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**environment, "HOME": str(host.folder)},
                text=True,
            )

    def ask(self, command: str) -> dict[str, Any]:
        """One command, and the answer as it comes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._errors.read_text()[-2000:]
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def end(self) -> None:
        """Its input ends, and so does it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
