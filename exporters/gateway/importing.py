"""LiteLLM's daily export as pages of usage, one a day, the same day again only where it changed.

In: the export, the settings. Out: pages in a spool of their own beside the reader's, and remarks.
Where the export has numbers by model, each model's go to its server. Where it repeats a team's
totals, it does not say which tokens went to which model: they go to the server that all its models
are on; where these are on several, or one of them is on none that the settings name, they go to
none, and the day has a gap: dividing them would be inventing. No name leaves the file.
"""

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from pathlib import Path

import msgspec

from exporters.errors import AgentError
from exporters.gateway import litellm_csv
from exporters.gateway.book import Draft
from exporters.gateway.litellm_csv import ExportError, TeamDay
from exporters.gateway.mapping import Owners
from exporters.gateway.settings import Gateway
from exporters.gateway.spool import UsageSpool
from exporters.gateway.tally import Tally
from footprint import codes
from footprint.interval import FIRST_DAY, LAST_DAY, paris_day, to_us

SEVERAL = "several"
"""The model of a team's day whose models are on one server: which had how many is not told."""
ENDPOINT = "csv"

Period = tuple[int, int]


class ImportFileError(AgentError):
    """A file that cannot be imported; nothing of it was."""


class DaySpool(UsageSpool):
    """The ledger of imports: it keeps every day for good, so that it knows one again."""

    KEEP_US = None


class Report(msgspec.Struct):
    """What became of an export: days by what was done, and remarks for a person."""

    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    left_out: int = 0
    remarks: list[str] = []


def read(path: Path) -> litellm_csv.Export:
    """The export in a file. Raises ImportFileError: which file and line, what, remedy."""
    try:
        with path.open("rb") as file:
            body = file.read(litellm_csv.MOST_BYTES + 1)
        return litellm_csv.read(body.decode("utf-8"))
    except OSError as error:
        raise ImportFileError(f"import: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImportFileError(f"import: {path} is no text in UTF-8; export it again") from error
    except ExportError as error:
        raise ImportFileError(f"import: {path}: {error}") from error


def take(
    spool: UsageSpool,
    export: litellm_csv.Export,
    gateway: Gateway,
    now_us: int,
    live: Period | None,
) -> Report:
    """Write a page for each day that is new or changed. `live`: the time in which the reader has
    looked at this gateway itself. Raises SpoolError."""
    report = Report(remarks=list(export.remarks))
    owners = Owners(gateway.rules)
    for day, teams in groupby(export.days, key=lambda team: team.day):
        reason = _refused(day, now_us, live)
        if reason:
            report.left_out += 1
            report.remarks.append(f"{day}: {reason}")
            continue
        draft = _draft(day, teams, gateway, owners, report)
        _write(spool, draft, report)
    return report


def _refused(day: date, now_us: int, live: Period | None) -> str:
    """Why a day cannot be taken; empty where it can."""
    if not FIRST_DAY <= day <= LAST_DAY:
        return f"no day between {FIRST_DAY} and {LAST_DAY}; left out"
    start_us, end_us = _period(day)
    if end_us > now_us:
        return "is not over yet; left out, export it again afterwards"
    if live and start_us < live[1] and live[0] < end_us:
        return "the reader has looked at the gateway itself on it; left out, not counted twice"
    return ""


def _period(day: date) -> Period:
    whole = paris_day(day)
    return to_us(whole.start), to_us(whole.end)


def _draft(
    day: date, teams: Iterable[TeamDay], gateway: Gateway, owners: Owners, report: Report
) -> Draft:
    draft = Draft(*_period(day))
    for team in teams:
        consumer = _consumer(team, owners)
        place = None if consumer is None else _place(team, gateway, draft, report)
        if consumer is None or place is None:
            continue
        tally = Tally(requests=team.requests, total=team.total_tokens)
        if not tally.empty:
            key = " ".join((ENDPOINT, *place, consumer))
            draft.lines.setdefault(key, Tally()).add(tally)
    return draft


def _consumer(team: TeamDay, owners: Owners) -> str | None:
    """Whose it was; None: left out."""
    if team.is_health_check:
        return None
    labels = {"team_alias": team.team, "team": team.team_id}
    if len(team.models) == 1:
        labels["model"] = labels["requested_model"] = team.models[0]
    if not team.team:
        return codes.UNATTRIBUTED if owners.whose(labels) is not None else None
    return owners.whose(labels)


def _place(team: TeamDay, gateway: Gateway, draft: Draft, report: Report) -> tuple[str, str] | None:
    """Server and model; None where the export does not say."""
    places = [gateway.place((model,)) for model in team.models]
    known = [place for place in places if place is not None]
    where = f"{team.day}, line {team.line}"
    if not known:
        report.remarks.append(f"{where}: none of its models is in `models`; left out")
        return None
    servers = {place.server for place in known}
    if len(known) < len(places) or len(servers) > 1:
        draft.gap("unreadable", draft.start_us, draft.end_us)
        report.remarks.append(
            f"{where}: its {team.total_tokens} tokens went to models on several servers, or to "
            "some that `models` does not name, and the export does not say how many to which; "
            "left out, the day has a gap"
        )
        return None
    models = {place.model for place in known}
    return servers.pop(), models.pop() if len(models) == 1 else SEVERAL


def _write(spool: UsageSpool, draft: Draft, report: Report) -> None:
    known = next(iter(spool.drafts(draft.start_us, draft.end_us)), None)
    before = known or Draft(draft.start_us, draft.end_us)
    if (before.lines, before.gaps) == (draft.lines, draft.gaps):
        report.unchanged += 1
        return
    spool.save(draft.end_us, [draft], [draft])
    if known:
        report.replaced += 1
    else:
        report.new += 1
