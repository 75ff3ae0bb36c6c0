"""A service of its own sends alerts, is killed while a receiver is away, and goes on."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footprint.interval import floor_to, paris_date
from tests.pages import chain, make_page
from tests.running import Service, ended, wait_until
from tests.service import entry
from tests.service.house import House
from tests.service.receivers import MailServer, Receiver, command

KWH_UJ = 3_600_000_000_000
EACH = [50, 80, 100]


def posted(hook: Receiver) -> list[int]:
    """The thresholds that were posted. Coverage may be told besides, by the time of day."""
    return [one["percent"] for one in hook.told() if one["kind"] == "threshold"]


def mailed(mail: MailServer) -> list[str]:
    """The same, as subjects of mails."""
    return [subject for subject in mail.subjects() if subject.endswith("is reached")]


@pytest.mark.slow
def test_a_kill_and_an_outage_tell_nothing_twice_and_lose_nothing(tmp_path: Path) -> None:
    """The mail server is away, the service is killed (-9) after the webhook's receiver has all:
    what is left is mailed, once, and nothing is posted again."""
    now = floor_to(datetime.now(UTC), 900)
    with House(tmp_path / "footprint.db", now - timedelta(days=1)) as house:
        entry.furnish(house)
        budget = {
            "name": "Ce mois",
            "project": entry.PROJECT,
            "indicator": "energy",
            "period": f"{paris_date(now - timedelta(minutes=15)):%Y-%m}",
            "amount": "10",
        }
        assert house.put("/v1/budgets/b", budget).is_success
        house.now = datetime.now(UTC)
        page = make_page(start=now - timedelta(minutes=15), consumers={entry.SIA: 10 * KWH_UJ})
        assert house.post(chain([page])).status_code == 200
    with MailServer() as mail, Receiver() as hook:
        mail.stop()
        arguments = command(tmp_path, mail, hook)
        first = Service(tmp_path, *arguments)
        with ended(first):
            wait_until(lambda: len(posted(hook)) == 3, "the posts")
            wait_until(lambda: "Connection refused" in first.output(), "a mail to be refused")
            first.kill()
        mail.start()
        second = Service(tmp_path, *arguments)
        with ended(second):
            wait_until(lambda: len(mailed(mail)) == 3, "the mails", seconds=150)
            time.sleep(5)
            assert second.terminate() == 0
        assert posted(hook) == EACH
        assert mailed(mail) == [f"Budget “Ce mois”: {percent}% is reached" for percent in EACH]
        assert max(Counter(mail.subjects()).values()) == 1
