"""`make soak`: 10,000 hosts for a day and 500 hosts for 30 days; writes RESULTS.md."""

import argparse
import random
import re
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psycopg

from tests.bench import machine
from tests.faults.fleets import Load
from tests.postgres import Postgres, running
from tests.running import BIN
from tests.soak import report
from tests.soak.report import Finding
from tests.soak.storm import Storm

RESULTS = Path(__file__).with_name("RESULTS.md")
SETTINGS = ("shared_buffers=512MB", "max_wal_size=2GB", "checkpoint_timeout=15min")
MOST_SECONDS = 4 * 3600
"""A fleet that takes longer has not ended: the run is broken, not slow."""
FAULTS = "all=0.01"
CONNECTIONS = 16


class Run(msgspec.Struct, frozen=True):
    """One fleet. `batch_pages`: pages of a host in a request; an hour's, or a day's."""

    hosts: int
    days: int
    batch_pages: int

    @property
    def name(self) -> str:
        """Its heading."""
        return f"{self.hosts} hosts, {self.days} days"

    @property
    def options(self) -> list[str]:
        """Those of `footprint fleet`, besides the seed."""
        return [
            *("--hosts", str(self.hosts), "--days", str(self.days)),
            *("--batch-pages", str(self.batch_pages), "--faults", FAULTS),
            *("--connections", str(CONNECTIONS)),
        ]


RUNS = (Run(hosts=10_000, days=1, batch_pages=4), Run(hosts=500, days=30, batch_pages=96))


def main() -> int:
    """0 where every sum was equal and fsck found nothing."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another fleet (default: %(default)s)")
    parser.add_argument("--only", type=int, choices=(1, 2), help="the first run, or the second")
    parser.add_argument("--share", type=float, default=1.0, help="of the hosts (default: all)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    chosen = parser.parse_args()
    if chosen.results == RESULTS and (chosen.only or chosen.share != 1):
        parser.error("a part of it is no result: say where with --results FILE")
    facts = machine.facts()
    findings = []
    for number, run in enumerate(RUNS, 1):
        if chosen.only in (None, number):
            hosts = max(1, int(run.hosts * chosen.share))
            finding = _soak(msgspec.structs.replace(run, hosts=hosts), chosen.seed)
            sys.stdout.write(f"{finding.name}: {finding.wrong or 'equal'}\n{finding.said}\n")
            sys.stdout.flush()
            findings.append(finding)
    text = "\n".join(report.lines(chosen.seed, facts, findings)) + "\n"
    chosen.results.write_text(text)
    return 1 if any(finding.wrong for finding in findings) else 0


def _soak(run: Run, seed: int) -> Finding:
    with (
        tempfile.TemporaryDirectory(prefix="footprint-soak-") as name,
        running(*SETTINGS) as server,
    ):
        folder, place = Path(name), server.new()
        token = _token_file(folder)
        storm = Storm(folder, server, place, random.Random(seed), *token)
        load = Load(folder, storm.service.url, seed, *run.options, *token)
        began, wrong = time.monotonic(), ""
        try:
            storm.rage(load.delivering)
            load.agreed_uj(MOST_SECONDS)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            wrong = f"the fleet ended otherwise: {' '.join(str(error).split())[-500:]}"
        finally:
            load.end()
        seconds = time.monotonic() - began
        storm.end()
        if not (storm.done["service killed"] and storm.done["PostgreSQL crashed"]):
            wrong = wrong or "there was no storm: the service or PostgreSQL was never killed"
        found, fsck_seconds = _fsck(place)
        return Finding(
            name=run.name,
            options=run.options,
            said=_without_progress(load.said()),
            done=storm.done,
            most_mib=storm.most_kib // 1024,
            database_mib=_mib(server, place),
            fleet_seconds=seconds,
            fsck=found.stdout.strip().rpartition("\n")[2],
            fsck_seconds=fsck_seconds,
            wrong=wrong or _wrong(found),
        )


def _token_file(folder: Path) -> tuple[str, str]:
    path = folder / "token"
    path.write_text(f"{secrets.token_urlsafe()}\n")
    path.chmod(0o600)
    return "--token-file", str(path)


def _fsck(place: str) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    command = [str(BIN / "footprint"), "fsck", "--database", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done, time.monotonic() - began


def _wrong(found: subprocess.CompletedProcess[str]) -> str:
    if not found.returncode:
        return ""
    return f"fsck ended with {found.returncode}: {' '.join(found.stderr.split())[-500:]}"


def _without_progress(said: str) -> str:
    return re.sub(r"^fleet: .*\n", "", said, flags=re.MULTILINE)


def _mib(server: Postgres, place: str) -> int:
    database = place.rpartition("/")[2]
    with psycopg.connect(server.url("postgres")) as connection:
        row = connection.execute("SELECT pg_database_size(%s)", (database,)).fetchone()
    return int(row[0]) // 2**20 if row else 0


if __name__ == "__main__":
    sys.exit(main())
