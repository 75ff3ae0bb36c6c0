"""Alerts of budgets: each told once to a real mail server and a real webhook's receiver, whatever
ends or is away meanwhile."""

import base64
import hashlib
import hmac
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import cache
from typing import Any

import msgspec
import pytest

from footprint.interval import from_us
from footprint.ledger import Page
from footprint.service import sending, watching
from footprint.service.alert_settings import Mail
from footprint.service.place import Place
from footprint.service.roles import Role
from tests.pages import Sealed, chain, make_page
from tests.running import samples
from tests.service import entry
from tests.service.house import House
from tests.service.receivers import KEY, PUBLIC_URL, TO, MailServer, Receiver, alerts

KWH_UJ = 3_600_000_000_000
DAY = timedelta(days=1)
DAYS = 12
REST_SECONDS = 3600.0
MIDNIGHT = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
"""The beginning of November in Paris."""
BUDGET: dict[str, Any] = {
    "name": "Novembre",
    "project": entry.PROJECT,
    "indicator": "energy",
    "period": "2026-11",
    "amount": "10",
    "thresholds": [50, 80, 100],
}
EVERY = [("threshold", 50), ("threshold", 80), ("threshold", 100)]


@cache
def november(kwh: int = 1) -> list[list[Sealed[Page]]]:
    """The pages of its first days, of one host: so many kWh a day, covered throughout."""
    pages = [
        make_page(
            start=MIDNIGHT + day * DAY + quarter * timedelta(minutes=15),
            consumers={entry.SIA: kwh * KWH_UJ if quarter == 40 else 0},
        )
        for day in range(DAYS)
        for quarter in range(96)
    ]
    sealed = list(chain(pages))
    return [sealed[day * 96 : day * 96 + 96] for day in range(DAYS)]


@pytest.fixture(autouse=True)
def nobody_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test says when budgets are looked at and messages sent; the service's own threads rest."""
    monkeypatch.setattr(watching, "FIRST_SECONDS", REST_SECONDS)
    monkeypatch.setattr(sending, "PAUSE_SECONDS", REST_SECONDS)


def words(mail: EmailMessage) -> str:
    """A mail's text, with plain spaces."""
    return mail.get_content().replace("\u202f", " ").replace("\xa0", " ")


def measure(house: House, days: int = 5) -> None:
    """It is the end of that day; each until then was measured."""
    house.now = MIDNIGHT + days * DAY
    for pages in november()[:days]:
        assert house.post(pages).status_code == 200


def work(house: House) -> None:
    """What the service does now and then."""
    house.app.state.footprint.watcher.look()
    house.app.state.footprint.courier.deliver()


def begin(database: Place, mail: MailServer | None, hook: Receiver | None, **others: Any) -> House:
    """A service on that database."""
    return House(database, MIDNIGHT, alerts=alerts(mail, hook, language="en", **others))


def furnish(house: House, **change: Any) -> None:
    """The register, and the budget."""
    entry.furnish(house)
    answer = house.put("/v1/budgets/b", BUDGET | change)
    assert answer.is_success, answer.text


def told(hook: Receiver) -> list[tuple[str, str, int]]:
    """What was posted: event, kind, percent."""
    return [(one["event"], one["kind"], one["percent"]) for one in hook.told()]


def test_each_threshold_is_told_once(database: Place, mail: MailServer, hook: Receiver) -> None:
    """In simulated time: the service restarts every day, the mail server is away while 80 % is
    passed, the webhook's receiver fails while 50 % and 100 % are."""
    days = november()
    with begin(database, mail, hook) as house:
        furnish(house)
    for number, pages in enumerate(days):
        with begin(database, mail, hook) as house:
            house.now = MIDNIGHT + (number + 1) * DAY
            assert house.post(pages).status_code == 200
            if number == 6:
                mail.stop()
            if number == 8:
                mail.start()
            hook.status = 503 if number in (4, 5, 9, 10) else 204
            for _ in range(3):
                work(house)
                house.now += timedelta(minutes=20)
    assert told(hook) == [("raised", "forecast", 0), *(("raised", *one) for one in EVERY)]
    assert mail.subjects() == [
        "Budget “Novembre”: it will be exceeded at this pace",
        "Budget “Novembre”: 50% is reached",
        "Budget “Novembre”: 80% is reached",
        "Budget “Novembre”: 100% is reached",
    ]
    ids = Counter(one["Message-ID"] for one in mail.taken)
    ids.update(heads["webhook-id"] for heads, _ in hook.taken)
    assert set(ids.values()) == {1}
    assert len(ids) == 8


def test_a_message_says_the_figure_its_interval_and_where(
    database: Place, mail: MailServer, hook: Receiver
) -> None:
    """The same as the budget's page; signed, so that the receiver knows whose it is."""
    with begin(database, mail, hook) as house:
        furnish(house, thresholds=[50])
        measure(house)
        work(house)
        burn = house.get("/v1/budgets/b/burn-up").json()
    posted = next(one for one in hook.told() if one["kind"] == "threshold")
    assert posted["used"] == burn["used_shown"] == "5"
    assert float(posted["interval"]["low"]) * KWH_UJ == pytest.approx(burn["interval"]["low"])
    assert float(posted["interval"]["high"]) * KWH_UJ == pytest.approx(burn["interval"]["high"])
    assert posted["forecast"] == "30"
    assert posted["link"] == f"{PUBLIC_URL}/v1/budgets/b/burn-up?format=html&lang=en"
    text = words(next(one for one in mail.taken if "50%" in one["Subject"]))
    assert "Used so far: 5.00 kWh of 10.0 kWh (50%)" in text
    assert "In 95 of 100 cases between 4." in text
    assert "Used up at this pace on 11 November 2026" in text
    assert posted["link"] in text
    assert "Measured so far: 100% of the time" in text
    heads, body = hook.taken[0]
    signed = f"{heads['webhook-id']}.{heads['webhook-timestamp']}.".encode() + body
    code = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert heads["webhook-signature"] == f"v1,{code}"
    assert all(one["Auto-Submitted"] == "auto-generated" for one in mail.taken)


def test_it_is_told_once_when_it_is_over(database: Place, mail: MailServer, hook: Receiver) -> None:
    """A larger budget: thresholds are over at once, a forecast after a calm day."""
    with begin(database, mail, hook) as house:
        furnish(house)
        measure(house, 8)
        work(house)
        raised = [("raised", "forecast", 0), *(("raised", *one) for one in EVERY[:2])]
        assert told(hook) == raised
        held = house.get("/v1/budgets/b")
        more = {**BUDGET, "amount": "100", "reason": "a third team"}
        etag = {"If-Match": held.headers["etag"]}
        assert house.client.put("/v1/budgets/b", json=more, headers=etag).is_success
        for _ in range(4):
            work(house)
        over = [("cleared", *one) for one in EVERY[:2]]
        assert told(hook) == [*raised, *over]
        measure(house, 10)
        work(house)
        assert told(hook) == [*raised, *over, ("cleared", "forecast", 0)]
        assert len(mail.subjects()) == 6
        items = house.get("/v1/alerts").json()["items"]
        assert all(one["ended"] and one["event"] == "cleared" for one in items)
        assert house.get("/v1/alerts?standing=true").json()["items"] == []


def test_an_agent_that_is_off_silences_nothing(database: Place, hook: Receiver) -> None:
    """What stands stays; that nothing is measured is told, once, and that it is again."""
    with begin(database, None, hook) as house:
        furnish(house)
        measure(house)
        work(house)
        raised = [("raised", "forecast", 0), ("raised", "threshold", 50)]
        assert told(hook) == raised
        for _ in range(8):
            house.now += timedelta(hours=6)
            work(house)
        assert told(hook) == [*raised, ("raised", "coverage", 0)]
        standing = house.get("/v1/alerts?standing=true").json()["items"]
        assert {one["kind"] for one in standing} == {"forecast", "threshold", "coverage"}
        for days in (8, 9, 10):
            measure(house, days)
            work(house)
        assert ("cleared", "coverage", 0) in told(hook)
        assert max(Counter(told(hook)).values()) == 1


def test_what_is_above_the_budget_is_told_whatever_was_covered(
    database: Place, hook: Receiver
) -> None:
    """A lower bound above the amount alerts: one day of five was measured."""
    with begin(database, None, hook) as house:
        furnish(house)
        house.now = MIDNIGHT + 5 * DAY
        house.post(november(kwh=25)[0])
        work(house)
    assert {("raised", *one) for one in EVERY} <= set(told(hook))
    assert ("raised", "coverage", 0) in told(hook)


def test_what_nobody_takes_waits_and_says_why(
    database: Place, mail: MailServer, hook: Receiver
) -> None:
    """Later and later, with the reason; another receiver does not wait."""
    mail.refuses = "451 come back later\r\n"
    with begin(database, mail, hook) as house:
        furnish(house, thresholds=[50])
        measure(house)
        began = house.now
        work(house)
        assert len(hook.taken) == 2
        messages = [
            message
            for one in house.get("/v1/alerts").json()["items"]
            for message in one["messages"]
            if message["channel"] == "mail"
        ]
        tried = [one for one in messages if one["attempts"]]
        assert [one["attempts"] for one in tried] == [1]
        assert "451 come back later" in tried[0]["said"]
        assert datetime.fromisoformat(tried[0]["due"]) == began + timedelta(minutes=1)
        assert TO not in house.get("/v1/alerts").text
        for minutes in (1, 2, 4, 8, 16, 32):
            house.now += timedelta(minutes=minutes)
            work(house)
        assert mail.taken == []
        mail.refuses = None
        house.now += timedelta(hours=1)
        work(house)
        assert len(mail.taken) == 2
        house.now += timedelta(days=100)
        house.app.state.footprint.courier.clean()
        assert [one["messages"] for one in house.get("/v1/alerts").json()["items"]] == [[], []]


@pytest.mark.parametrize("status", [301, 307, 400, 500])
def test_only_a_yes_is_one(database: Place, hook: Receiver, status: int) -> None:
    """No redirection is followed."""
    hook.status = status
    with begin(database, None, hook) as house:
        furnish(house, thresholds=[50])
        measure(house)
        work(house)
        said = [
            m["said"] for one in house.get("/v1/alerts").json()["items"] for m in one["messages"]
        ]
        assert f"answered {status}" in said
        assert "secret" not in house.get("/v1/alerts").text
        hook.status = 200
        house.now += timedelta(minutes=1)
        work(house)
    assert told(hook) == [("raised", "forecast", 0), ("raised", "threshold", 50)]


def test_a_sender_that_ended_is_followed_by_another(database: Place, hook: Receiver) -> None:
    """A message that somebody took and never marked is sent again under the same id."""
    with begin(database, None, hook) as house:
        furnish(house, thresholds=[50])
        measure(house)
        state = house.app.state.footprint
        state.watcher.look()
        taken = take(house)
    with begin(database, None, hook) as house:
        house.now = MIDNIGHT + 5 * DAY + timedelta(minutes=1)
        work(house)
        assert hook.taken == []
        house.now += timedelta(minutes=20)
        work(house)
    assert hook.taken[0][0]["webhook-id"] == taken


def take(house: House) -> str:
    """Take a message, as a sender does that ends before it marks it."""
    from footprint.interval import to_us
    from footprint.service import sending, store_alerts

    now_us = to_us(house.now)
    with house.app.state.footprint.store.write() as connection:
        found = store_alerts.take(connection, ["webhook"], now_us, now_us + sending.LEASE_US)
    assert found is not None
    assert from_us(found.made_us) == house.now
    return found.message_id


def test_a_budget_names_who_is_told_too(database: Place, mail: MailServer) -> None:
    """Of domains that the operator allows, and no others; checked again when it is sent."""
    settings = alerts(mail, None, language="fr")
    allowed = Mail(
        "127.0.0.1", mail.port, "none", "f@example.org", (TO,), ("example.org", "Insee.example")
    )
    settings = msgspec.structs.replace(settings, mail=allowed)
    with House(database, MIDNIGHT, alerts=settings) as house:
        entry.furnish(house)
        for address in ("a@evil.example", "no address", "a@example.org\r\nBcc: b@example.org"):
            refused = house.put("/v1/budgets/b", {**BUDGET, "mail_to": [address]})
            assert refused.status_code == 422, refused.text
            assert "mail_to" in refused.json()["detail"]
        furnish(house, mail_to=["pole-ia@insee.example"], thresholds=[50])
        measure(house)
        work(house)
    assert len(mail.subjects("pole-ia@insee.example")) == len(mail.subjects()) == 2
    assert " ".join(mail.subjects()[1].split()) == "Budget « Novembre » : 50 % atteints"
    assert "Utilisé jusqu’ici : 5,00 kWh sur 10,0 kWh (50 %)" in words(mail.taken[-1])


def test_an_owner_reads_the_alerts_of_their_projects(house: House) -> None:
    """Those of others are not there."""
    furnish(house)
    other = {**BUDGET, "project": entry.OTHER}
    assert house.put("/v1/budgets/of-others", other).is_success
    house.now = MIDNIGHT + 12 * DAY
    pages = [
        make_page(start=MIDNIGHT, consumers={entry.SIA: 30 * KWH_UJ, entry.OTHER_SIA: 30 * KWH_UJ})
    ]
    house.post(chain(pages))
    work(house)
    everything = house.get("/v1/alerts").json()["items"]
    assert {one["budget"] for one in everything} == {"b", "of-others"}
    with entry.client(house, entry.token_of(house, Role.OWNER)) as owner:
        found = owner.get("/v1/alerts").json()["items"]
        assert {one["budget"] for one in found} == {"b"}
        cursor, seen = "", []
        while cursor is not None:
            page = owner.get("/v1/alerts", params={"limit": 1, "cursor": cursor}).json()
            seen += page["items"]
            cursor = page["next"]
    assert seen == found
    assert house.get("/v1/alerts?cursor=nonsense").status_code == 400


def test_a_budget_that_ends_is_told_of_no_more(database: Place, hook: Receiver) -> None:
    """What stood has ended, without a message."""
    with begin(database, None, hook) as house:
        furnish(house)
        measure(house)
        work(house)
        etag = {"If-Match": house.get("/v1/budgets/b").headers["etag"]}
        ended = {**BUDGET, "ended": True, "reason": "another one took its place"}
        assert house.client.put("/v1/budgets/b", json=ended, headers=etag).is_success
        count = len(hook.taken)
        work(house)
        assert len(hook.taken) == count
        assert {one["event"] for one in house.get("/v1/alerts").json()["items"]} == {"ended"}


def test_two_services_tell_once(database: Place, hook: Receiver) -> None:
    """One after the other and at once, on one database."""
    with begin(database, None, hook) as house, begin(database, None, hook) as second:
        furnish(house)
        second.now = MIDNIGHT + 5 * DAY
        measure(house)
        for one in (house, second, house, second):
            work(one)
    assert told(hook) == [("raised", "forecast", 0), ("raised", "threshold", 50)]


def test_metrics_speak_of_the_last_look(house: House) -> None:
    """Ratios of each budget, its thresholds and state, and what waits; before a look, no budget."""
    furnish(house)
    before = house.get("/metrics").text
    assert "footprint_budget_used_ratio{" not in before
    assert 'footprint_alert_messages{state="waiting"} 0.0' in before
    measure(house, 12)
    work(house)
    found = samples(house.get("/metrics").text)
    assert found['footprint_budget_used_ratio{budget="b"}'] == 1.2
    assert found['footprint_budget_forecast_ratio{budget="b",end="expected"}'] == 3.0
    assert found['footprint_budget_threshold_reached{budget="b",percent="100"}'] == 1
    assert found['footprint_budget_state{budget="b",state="exceeded"}'] == 1
    assert found['footprint_budget_state{budget="b",state="on_track"}'] == 0
    assert found['footprint_budget_recent_coverage_ratio{budget="b"}'] == 1
    assert found["footprint_budgets_last_look_timestamp_seconds"] == house.now.timestamp()
    labels = 'budget="b",indicator="energy",period="2026-11",project="assistance",sia=""'
    assert found[f"footprint_budget_info{{{labels}}}"] == 1
