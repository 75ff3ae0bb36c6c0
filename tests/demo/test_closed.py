"""A demonstration for a newcomer who may not read the machine's counters."""

import json
from pathlib import Path
from typing import Any

from demo import closed
from tests.exporters.nobody import footprint_agent, shared_folder
from tests.powercap import make_zone


def doctor(folder: Path, settings: str) -> dict[str, Any]:
    """What the doctor says to somebody without rights."""
    config = folder / "agent.toml"
    config.write_text(settings)
    answer = footprint_agent("doctor", "--json", "--config", config, nobody=True)
    report: dict[str, Any] = json.loads(answer.stdout)
    return report


def test_closed_counters_are_left_out_with_the_remedy() -> None:
    """The reader learns why and what to do; with what the demonstration sets, RAPL is left out."""
    with shared_folder() as folder:
        energy = make_zone(folder / "powercap", "intel-rapl:0", "package-0", range_uj=10**12)
        energy.chmod(0o400)
        root = f'powercap_root = "{folder / "powercap"}"\n'
        why = closed.reason(doctor(folder, root))
        after = doctor(folder, root + closed.SETTINGS)
    assert why is not None
    said, advice = closed.lines(why)
    assert "permission denied" in said
    assert "udev rule" in said
    assert "models the processors" in advice
    assert closed.reason(after) is None
    assert [check["says"] for check in after["checks"] if check["about"] == "rapl"] == [
        "switched off in the settings"
    ]


def test_counters_that_are_open_or_absent_change_nothing() -> None:
    """Nothing is said and nothing is set."""
    with shared_folder() as folder:
        root = folder / "powercap"
        assert closed.reason(doctor(folder, f'powercap_root = "{root}"\n')) is None
        make_zone(root, "intel-rapl:0", "package-0", range_uj=10**12)
        assert closed.reason(doctor(folder, f'powercap_root = "{root}"\n')) is None
