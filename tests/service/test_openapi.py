"""The committed OpenAPI is the running service's, and every answer is as it says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.service.openapi import COMMITTED, document
from footprint.service.place import Server
from footprint.service.roles import Role
from footprint.service.settings import digest
from tests.service.contract import BATCHES, OPERATOR, Run
from tests.service.house import House

BYTES_AS_HASHED = "/pages/{seq}"


def test_the_committed_document_is_the_running_services(house: House) -> None:
    """Who reads the file reads what the service says of itself."""
    committed = COMMITTED.read_bytes()
    assert committed == document(), "the API changed: make openapi"
    assert json.loads(committed) == house.get("/openapi.json").json()


def test_every_success_has_a_type() -> None:
    """A route whose answer may be anything would be held to nothing (`described.answers`)."""
    for path, operations in json.loads(COMMITTED.read_bytes())["paths"].items():
        for method, operation in operations.items():
            told = [answer for code, answer in operation["responses"].items() if code < "300"]
            assert told, (method, path)
            for content in told[0]["content"].values():
                assert content["schema"] or path.endswith(BYTES_AS_HASHED), (method, path)


LARGE = pytest.mark.filterwarnings("ignore:Generating overly large repr")
"""Hypothesis says so of some batches of pages that it makes up."""


@pytest.mark.slow
@LARGE
def test_every_answer_is_as_the_committed_document_says(house: House) -> None:
    """Whatever is asked, no answer is a server error, and each has a status, a media type and a
    body that the document has; every operation succeeds, and most pages are accepted.

    With a defect planted in a copy (a page with a gap of cause `stuck` failed while it was stored)
    this fails by a server error. With pages sent as they are generated (`mend=False`) none of the
    checks sees that defect, because no page is accepted: then what fails is `never succeeded`.
    """
    run = Run(house, 5, 15 if isinstance(house.database, Server) else 50, boundaries=False)
    run.run()
    _hold(run, least_pages=10)


@LARGE
@pytest.mark.fuzz
def test_answers_hold_at_the_boundaries_of_the_document(tmp_path: Path) -> None:
    """The same with more requests, and with each value that a schema just allows or forbids."""
    with House(tmp_path / "footprint.db", datetime(2026, 1, 1, tzinfo=UTC)) as house:
        house.now = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
        run = Run(house, 20, 100)
        run.run()
        _hold(run, least_pages=1000)


@pytest.mark.slow
@LARGE
@pytest.mark.parametrize("role", ["nobody", *(role.value for role in Role)])
def test_each_role_is_answered_as_the_document_says(tmp_path: Path, role: str) -> None:
    """No server error and no answer that is not described; what the document gives to the role
    succeeds, what it does not never does."""
    told = json.loads(COMMITTED.read_bytes())["paths"]
    given = {
        f"{method.upper()} {path}"
        for path, operations in told.items()
        for method, operation in operations.items()
        if {"everybody", role} & set(operation["x-footprint-roles"])
    }
    token = digest(OPERATOR)
    with House(tmp_path / "f.db", datetime(2026, 1, 1, tzinfo=UTC), token_sha256=token) as house:
        house.now = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
        batches = 30 if role == Role.METER.value else 6
        run = Run(house, 3, batches, boundaries=False, role=role)
        run.run()
    print(role, run.table(), sep="\n")
    assert not run.broken, "\n".join(run.broken[:20])
    assert {name for name in run.asked if run.succeeded[name]} <= given
    assert not [name for name in given if not run.succeeded[name]], "never succeeded"
    if role == Role.METER.value:
        for path in BATCHES:
            assert run.pages[f"{path} accepted"] > run.pages[f"{path} quarantined"]


def _hold(run: Run, *, least_pages: int) -> None:
    print(run.table())
    assert not run.broken, "\n".join(run.broken[:20])
    assert not [name for name in run.asked if not run.succeeded[name]], "never succeeded"
    for path in BATCHES:
        name = f"POST {path}"
        assert run.fitting_succeeded[name] >= 0.9 * run.fitting[name]
        assert run.pages[f"{path} accepted"] > least_pages
        assert run.pages[f"{path} accepted"] >= 9 * run.pages[f"{path} quarantined"]
