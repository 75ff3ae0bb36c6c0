"""`footprint fleet` as it is called: what cannot be done is one line with its remedy."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.fleet import command
from footprint.fleet.errors import FleetError
from footprint.fleet.plan import Plan, Shape
from footprint.service.cli import main

NOW = datetime(2026, 11, 10, 12, 7, tzinfo=UTC)


def plan_of(*words: str) -> Plan:
    """The plan that words ask for."""
    parser = argparse.ArgumentParser()
    command.add(parser)
    return command.plan_of(parser.parse_args(["--service", "http://[::1]:1", *words]), NOW)


def test_a_run_ends_now_unless_told_otherwise() -> None:
    """The service refuses pages that end in its future."""
    plan = plan_of("--days", "2")
    assert (plan.pages, plan.start) == (192, datetime(2026, 11, 8, 12, 0, tzinfo=UTC))
    assert plan.slots()[-1].end <= NOW
    assert plan_of("--start", "2026-10-01T02:00:00+02:00").start.day == 1


def test_hosts_wait_less_for_each_other_where_time_is_measured() -> None:
    """More connections by default with --in-seconds; what is asked for wins."""
    assert plan_of().connections == 4
    assert plan_of("--in-seconds", "120").connections == 32
    assert plan_of("--in-seconds", "120", "--connections", "5").connections == 5


def test_shapes_and_rates_are_read() -> None:
    """Devices in turn; `all`, and a name of its own after it."""
    plan = plan_of("--devices", "cpu=2,dram=2,gpu=8", "cpu=1", "--faults", "all=0.1", "clone=0")
    assert list(plan.shapes) == [Shape(2, 2, 8), Shape(1)]
    assert plan.rates["late"] == 0.1
    assert plan.rates["clone"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hosts", "0"], "--hosts: 0 is not between 1 and"),
        (["--days", "0"], "--days: 0.0; give more than 0"),
        (["--days", "nan"], "--days: nan; give"),
        (["--days", "1e300"], "--days: 1e+300; give more than 0, below 367"),
        (["--pages", "-1"], "--days, --pages: -1"),
        (["--in-seconds", "0"], "--in-seconds: 0 is not more than 0"),
        (["--patience-seconds", "inf"], "--patience-seconds: inf"),
        (["--page-seconds", "7"], "--page-seconds: page_seconds: 7 does not divide 900"),
        (["--page-seconds", "0"], "--days, --pages"),
        (["--batch-pages", "1001"], "--batch-pages: 1001"),
        (["--connections", "0"], "--connections: 0"),
        (["--start", "yesterday"], "--start yesterday: write an instant with its zone"),
        (["--start", "2026-10-01T00:00:00"], "write an instant with its zone"),
        (["--start", "2026-10-01T00:00:10Z"], "choose 2026-10-01T00:00:00+00:00"),
        (["--devices", "gpu=1"], "every host has a processor"),
        (["--devices", "cpu=1;gpu=1"], "write such as cpu=2,dram=2,gpu=8"),
        (["--faults", "flood=1"], "the names are all, lost-before"),
        (["--faults", "clone=2"], "a rate from 0 to 1"),
        (["--faults", "clone"], "write NAME=RATE"),
    ],
)
def test_what_cannot_be_run_is_said(words: list[str], said: str) -> None:
    """The option, what is wrong with it, and what to write."""
    with pytest.raises(FleetError) as raised:
        plan_of(*words)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--service", "ftp://127.0.0.1"], "footprint: fleet: --service 'ftp://127.0.0.1': write"),
        (["--service", "http://127.0.0.1:99999"], "--service 'http://127.0.0.1:99999': Port"),
        (["--service", "http://127.0.0.1:9", "--token-file", "none"], "cannot read none: No such"),
    ],
)
def test_the_command_ends_with_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, nothing on standard output."""
    assert main(["fleet", *words]) == 1
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


def test_a_service_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Port 9 of this machine discards, or nobody listens."""
    token = tmp_path / "token"
    token.write_text("é", encoding="utf-8")
    assert main(["fleet", "--service", "http://127.0.0.1:9", "--token-file", str(token)]) == 1
    assert "does not hold a token of visible ASCII" in capsys.readouterr().err
    assert main(["fleet", "--service", "http://127.0.0.1:9"]) == 1
    assert "is it running?" in capsys.readouterr().err
