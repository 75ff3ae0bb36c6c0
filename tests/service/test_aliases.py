"""Codes that stand for a SIA: what nobody knew is settled, and the past follows by restatement."""

from datetime import timedelta
from typing import Any

import pytest

from footprint.statement import Statement
from tests import usage_pages
from tests.pages import START, chain, make_page
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import QUARTER
from tests.service.test_hardware import HARDWARE, statement
from tests.service.test_restatement import restated

CHAT = {"name": "Assistant", "shares": [{"project": "accueil", "permille": 1000}]}


def settled(found: Statement) -> dict[str, int]:
    return {one.consumer: one.figure.energy_uj for one in found.consumers}


def tell(house: House) -> None:
    """Energy of `chat-demo` and of two codes that no register has; one of them asked a server."""
    shared_house.register(house)
    assert house.put("/v1/hardware/host-1", HARDWARE).is_success
    told = {"chat-demo": 5_000_000, "essai": 70_000_000, "essai:training": 300_000_000, "vieux": 11}
    pages = [make_page(start=START + place * QUARTER, consumers=told) for place in range(2)]
    assert house.post(list(chain(pages))).json()["accepted"] == 2
    host = {"host_id": "host-2", "ledger_id": "00000000-0000-4000-8000-0000000000f2"}
    house.post(list(chain([shared_house.page(0, shared_house.ENERGY[0], **host)])))
    shared_house.post_usage(
        house,
        [shared_house.usage_page(0, [usage_pages.line("essai"), usage_pages.line("tri-courrier")])],
    )


def test_settling_whose_a_code_is_changes_the_past_by_restatement(house: House) -> None:
    """Everything that stood under the code is the SIA's: own energy, phases, its part of servers,
    making; the sum is as it was, and as of before nothing has changed."""
    tell(house)
    at = house.now
    before = statement(house)
    unknown = {one.consumer for one in before.consumers if not one.registered}
    assert unknown == {"essai", "vieux"}
    house.now += timedelta(minutes=1)
    body = CHAT | {"aliases": [{"code": "essai"}]}
    assert house.put("/v1/sia/chat-demo", body).is_success
    house.now += timedelta(minutes=1)
    after = statement(house)
    assert statement(house, rolled=True).consumers == after.consumers
    was, is_ = settled(before), settled(after)
    assert is_["chat-demo"] == was["chat-demo"] + was["essai"]
    assert "essai" not in is_
    assert {code for code in is_ if code != "chat-demo"} == {
        code for code in was if code not in ("chat-demo", "essai")
    }
    assert after.total.energy_uj == before.total.energy_uj
    assert after.total.quality_uj == before.total.quality_uj
    assert after.total.emissions_ug is not None  # what is caused is rounded once for each line
    assert abs(after.total.emissions_ug - (before.total.emissions_ug or 0)) <= len(before.lines)
    (chat,) = [one for one in after.consumers if one.consumer == "chat-demo"]
    assert {part.phase: part.figure.energy_uj for part in chat.phases}["training"] == 600_000_000
    assert chat.shared is not None
    (server,) = after.servers
    assert {one.consumer for one in server.consumers} >= {"chat-demo", "tri-courrier"}
    for found in (before, after):
        assert found.embodied is not None
    made = {one.consumer: one.month["emissions_ug"].value for one in before.embodied.consumers}  # type: ignore[union-attr]
    now = {one.consumer: one.month["emissions_ug"].value for one in after.embodied.consumers}  # type: ignore[union-attr]
    assert "essai" not in now  # of a month that is not over there is more, two minutes later
    part = (made["chat-demo"] + made["essai"]) / sum(made.values())
    assert now["chat-demo"] / sum(now.values()) == pytest.approx(part, rel=1e-6)
    again = statement(house, at)
    assert again.consumers == before.consumers
    found = restated(house, at)
    assert {(one.kind, one.id) for one in found.causes} >= {("sia", "chat-demo")}
    changed = {row.consumer: row.difference for row in found.changed if row.measure == "energy_uj"}
    assert changed == {"chat-demo": was["essai"], "essai": -was["essai"]}


def test_a_project_carries_what_was_settled(house: House) -> None:
    """In statements, the month by project and trends; asked by its old code, the SIA answers."""
    tell(house)
    before = statement(house, project="accueil").total.energy_uj
    house.now += timedelta(minutes=1)
    house.put("/v1/sia/chat-demo", CHAT | {"aliases": [{"code": "essai"}]})
    house.now += timedelta(minutes=1)
    for rolled in (False, True):
        after = statement(house, rolled=rolled, project="accueil").total.energy_uj
        assert after > before + 2 * 370_000_000
        own = statement(house, rolled=rolled, sia="chat-demo")
        assert statement(house, rolled=rolled, sia="essai").scope == own.scope
        assert statement(house, rolled=rolled, sia="essai").total == own.total
    months = house.get("/v1/months/2026-11").json()["projects"]
    carried = {one["code"]: one["figure"]["energy_uj"] for one in months}
    assert carried["accueil"] == after
    trend = house.get("/v1/trend?to=2026-11&months=1&project=accueil").json()["months"]
    assert trend[0]["figure"]["energy_uj"] == after
    overview = {one["consumer"] for one in house.get("/v1/overview").json()["consumers"]}
    assert "essai" not in overview


def test_an_alias_holds_on_its_days(house: House) -> None:
    """From a day on: what was before stays under its own code."""
    shared_house.register(house)
    day = timedelta(days=1)
    pages = [make_page(start=START + place * day, consumers={"essai": 100}) for place in range(3)]
    house.now = START + 4 * day
    assert house.post(list(chain(pages))).json()["accepted"] == 3
    first = (START + day).date().isoformat()
    last = (START + 2 * day).date().isoformat()
    alias = {"code": "essai", "from": first, "to": last}
    assert house.put("/v1/sia/chat-demo", CHAT | {"aliases": [alias]}).is_success
    house.now += timedelta(minutes=1)
    for rolled in (False, True):
        assert settled(statement(house, rolled=rolled)) == {"chat-demo": 100, "essai": 200}
        assert settled(statement(house, rolled=rolled, project="accueil")) == {"chat-demo": 100}


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ([{"code": "chat-demo"}], "the SIA's own code"),
        ([{"code": "albert-large"}], "a shared server's"),
        ([{"code": "essai", "from": "2026-03-01", "to": "2026-03-01"}], "is not after `from`"),
        ([{"code": "essai"}, {"code": "essai", "from": "2026-03-01"}], "at the same time"),
        ([{"code": "vieux", "to": "2026-03-01"}], "at the same time"),
        ([{"code": "Essai"}], "code"),
        ([{"code": "essai", "from": "9999-12-31"}], "from"),
    ],
)
def test_what_no_alias_can_be(house: House, aliases: list[dict[str, Any]], said: str) -> None:
    shared_house.register(house)
    tri = {"name": "Tri", "aliases": [{"code": "vieux", "to": "2026-06-01"}]}
    assert house.put("/v1/sia/tri-courrier", tri).is_success
    answer = house.put("/v1/sia/chat-demo", CHAT | {"aliases": aliases})
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]
    after = CHAT | {"aliases": [{"code": "vieux", "from": "2026-06-01"}]}
    assert house.put("/v1/sia/chat-demo", after).is_success
