"""`make faults`: every fault as often as the report says, with a seed; writes RESULTS.md."""

import argparse
import logging
import os
import platform
import random
import shutil
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults import report
from tests.faults.ground import Fault, Ground
from tests.faults.registry import FAULTS
from tests.faults.report import Finding

RESULTS = Path(__file__).with_name("RESULTS.md")
MOST_CHARACTERS = 500


def main() -> int:
    """0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="other moments (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="WORD", help="faults with WORD in their name")
    parser.add_argument("--share", type=float, default=1.0, help="of the times (default: all)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    chosen = parser.parse_args()
    logging.getLogger("footprint").addHandler(logging.NullHandler())
    at = datetime.now(UTC)
    findings = []
    for fault in FAULTS:
        if chosen.only in fault.name:
            findings.append(_inject(fault, chosen.seed, max(1, int(fault.full * chosen.share))))
            _tell(findings[-1])
    machine = f"{os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}"
    report.renew(chosen.results, chosen.seed, report.section(machine, at, findings))
    return 1 if any(finding.kept is False for finding in findings) else 0


def _inject(fault: Fault, seed: int, times: int) -> Finding:
    folder = Path(tempfile.mkdtemp(prefix="footprint-faults-"))
    began = time.monotonic()
    kept: bool | None = True
    try:
        found = fault.run(Ground(folder, times, random.Random(f"{seed} {fault.name}")))
    except pytest.skip.Exception as reason:
        kept, found = None, str(reason)
    except Exception as error:  # noqa: BLE001 - the others are injected all the same
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}: {place.line}"
        sys.stderr.write(f"{fault.name}: its folder is kept: {folder}\n")
        kept, found = False, f"{type(error).__name__} in {where}: {error}"
    if kept is not False:
        shutil.rmtree(folder)
    found = " ".join(found.split())[:MOST_CHARACTERS]
    return Finding(fault, times, time.monotonic() - began, kept, found)


def _tell(finding: Finding) -> None:
    state = {True: "kept", False: "BROKEN", None: "not injected"}[finding.kept]
    sys.stdout.write(
        f"{finding.fault.name}: {finding.times} times in {finding.seconds:.0f} s: {state}: "
        f"{finding.found}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
