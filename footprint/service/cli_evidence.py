"""`footprint evidence`: holds a published statement against the pages, and proves one ledger in it.

In: a statement as JSON, or a proof. Out: what differs, a line each, and exit code 1 where anything
does. A proof needs no database, neither to be made nor to be checked.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from footprint import merkle
from footprint.service import evidence, place
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.store import open_store


def add(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    check = verbs.add_parser("check", help="are a statement's pages still the same; is a proof one")
    check.add_argument("file", type=Path, metavar="FILE", help="a statement as JSON, or a proof")
    place.add_option(check)
    check.set_defaults(run=_check)
    proof = verbs.add_parser("proof", help="prove that a ledger is under a statement's root")
    proof.add_argument("file", type=Path, metavar="FILE", help="a statement as JSON")
    proof.add_argument("ledger", metavar="HOST/LEDGER", help="as the statement names it")
    proof.set_defaults(run=_proof)


def _check(chosen: argparse.Namespace) -> int:
    content = _read(chosen.file)
    try:
        proof = msgspec.json.decode(content, type=merkle.Proof)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _check_statement(chosen, content)
    if not merkle.proves(proof):
        raise CommandError(f"{chosen.file}: the path does not lead from the leaf to the root")
    print(f"{proof.leaf} is under the root {proof.root}")  # noqa: T201 - what was asked for
    return 0


def _check_statement(chosen: argparse.Namespace, content: bytes) -> int:
    told = _told(chosen.file, content)
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with store.read() as connection:
            wrong = list(evidence.differences(connection, told))
    finally:
        store.close()
    for line in wrong:
        print(line)  # noqa: T201 - what was asked for
    count = len(told.ledgers) + len(told.usage_ledgers)
    said = f"{len(wrong)} differences" if wrong else f"all pages are as they were at {told.as_of}"
    sys.stderr.write(f"footprint: statement {told.month}, {count} ledgers: {said}\n")
    return 1 if wrong else 0


def _proof(chosen: argparse.Namespace) -> int:
    told = _told(chosen.file, _read(chosen.file))
    leaves = told.leaves()
    if merkle.root(leaves) != told.ledgers_root:
        raise CommandError(f"{chosen.file}: its root is not that of its ledgers; it was changed")
    places = [
        index
        for index, leaf in enumerate(leaves)
        if leaf.partition("/")[2].startswith(f"{chosen.ledger}/")
    ]
    if not places:
        raise CommandError(f"{chosen.ledger}: not among the {len(leaves)} ledgers of {chosen.file}")
    proof = msgspec.json.encode(merkle.prove(leaves, places[0]))
    print(msgspec.json.format(proof).decode())  # noqa: T201 - what was asked for
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error


def _told(path: Path, content: bytes) -> evidence.Told:
    try:
        told = msgspec.json.decode(content, type=evidence.Told)
        "".join(told.leaves()).encode("ascii")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CommandError(
            f"{path}: {error}; give a statement as JSON: footprint statement --month M > FILE"
        ) from error
    return told
