"""A code stands for one thing: aliases and what is registered exclude each other, both ways."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from footprint.interval import to_us
from footprint.service import rollups, store_register, store_totals
from footprint.service.register import Alias, Register, Sia
from footprint.service.store_facts import Window
from footprint.service.subjects import month_interval
from footprint.statement import Statement
from tests import usage_pages
from tests.pages import START, chain, make_page
from tests.service import shared_house
from tests.service.house import House
from tests.service.test_aliases import CHAT, settled
from tests.service.test_hardware import statement

SERVER = usage_pages.SERVER
EXTERNAL = {"name": "O", "provider": "openai", "models": {"gpt-4o": "gpt-4o"}}
SETTINGS: dict[str, Any] = {"servers": {"name": "S"}, "externals": EXTERNAL, "sia": {"name": "S"}}


@pytest.mark.parametrize("kind", SETTINGS)
def test_nothing_is_registered_under_an_alias(house: House, kind: str) -> None:
    """A server, a service outside, another SIA: 422 with the remedy, which helps."""
    shared_house.register(house)
    assert house.put("/v1/sia/chat-demo", CHAT | {"aliases": [{"code": "essai"}]}).is_success
    answer = house.put(f"/v1/{kind}/essai", SETTINGS[kind])
    assert answer.status_code == 422
    assert "'essai' is an alias of the SIA 'chat-demo'" in answer.json()["detail"]
    assert house.put("/v1/sia/chat-demo", CHAT).is_success
    assert house.put(f"/v1/{kind}/essai", SETTINGS[kind]).is_success
    refused = house.put("/v1/sia/chat-demo", CHAT | {"aliases": [{"code": "essai"}]})
    assert refused.status_code == 422
    assert "own code" in refused.json()["detail"]


def test_there_are_neither_chains_nor_swaps(house: House) -> None:
    """Of two SIA in one register, or one after the other."""
    shared_house.register(house)
    one = {"name": "A", "aliases": [{"code": "bb"}]}
    assert house.put("/v1/sia/aa", one).is_success
    assert house.put("/v1/sia/bb", {"name": "B"}).status_code == 422
    assert house.put("/v1/sia/cc", {"name": "C", "aliases": [{"code": "aa"}]}).status_code == 422


def behind(house: House, *sia: Sia) -> None:
    """Register as an earlier version would have, which did not look."""
    with house.app.state.footprint.store.write() as connection:
        store_register.store(connection, Register(sia=list(sia)), to_us(house.now))


def test_a_server_s_energy_is_never_told_twice(house: House) -> None:
    """Even where an earlier version took its code as an alias: stated is what was metered."""
    shared_house.register(house)
    shared_house.post_energy(house)
    shared_house.post_usage(house, shared_house.told())
    before = statement(house, rolled=True)
    behind(house, Sia(code="chat-demo", name="Chat", aliases=[Alias(code=SERVER)]))
    house.now += timedelta(minutes=1)
    after = statement(house, rolled=True)
    assert after.total.energy_uj == before.total.energy_uj
    assert settled(after) == settled(before)
    assert statement(house, rolled=False).total.energy_uj == before.total.energy_uj


def test_what_an_earlier_version_took_keeps_nothing_else_out(house: House) -> None:
    """Aliases of two SIA on the same days: whatever does not touch them is registered, and what
    does is refused until it is mended."""
    shared_house.register(house)
    twice = [Alias(code="essai")]
    behind(house, *(Sia(code=code, name=code, aliases=twice) for code in ("aa", "bb")))
    assert house.put("/v1/directorates/insee", {"name": "Insee"}).is_success
    assert house.put("/v1/servers/other", {"name": "S"}).is_success
    again = {"name": "A", "aliases": [{"code": "essai"}]}
    assert house.put("/v1/sia/aa", again).status_code == 422
    assert house.put("/v1/sia/aa", {"name": "A"}).is_success
    assert house.put("/v1/sia/bb", again).is_success


def test_days_of_one_code_exclude_each_other_in_whatever_order(house: House) -> None:
    """One after the other is held; one that reaches over any of them is refused."""
    shared_house.register(house)
    days = ["2026-01-01", "2026-03-01", "2026-05-01", "2026-07-01"]
    after_each_other = [
        {"code": "essai", "from": first, "to": last} for first, last in pairwise(days)
    ]
    one = {"name": "A", "aliases": after_each_other[::-1]}
    assert house.put("/v1/sia/aa", one).is_success
    for first, last in (("2025-01-01", "2027-01-01"), ("2026-06-30", "2027-01-01")):
        over = {"code": "essai", "from": first, "to": last}
        answer = house.put("/v1/sia/bb", {"name": "B", "aliases": [over]})
        assert answer.status_code == 422
        assert "'essai' is 'aa''s at the same time" in answer.json()["detail"]
    later = {"code": "essai", "from": days[-1]}
    assert house.put("/v1/sia/bb", {"name": "B", "aliases": [later]}).is_success


def test_a_code_that_stands_for_a_part_of_a_month_has_its_own_line(house: House) -> None:
    """Asked by it, the line of the whole statement answers; on whole months, the SIA does."""
    shared_house.register(house)
    day = timedelta(days=1)
    house.now = START + 6 * day
    made = [make_page(start=START + n * day, consumers={"old": 10**n}) for n in range(4)]
    assert house.post(list(chain(made))).json()["accepted"] == 4
    until = (START + 2 * day).date().isoformat()
    for alias in ({"code": "old", "to": until}, {"code": "old", "from": until}):
        assert house.put("/v1/sia/chat-demo", CHAT | {"aliases": [alias]}).is_success
        house.now += timedelta(minutes=1)
        whole: Statement = statement(house, rolled=True)
        for code in ("old", "chat-demo"):
            own = statement(house, rolled=True, sia=code)
            assert (own.scope.code, own.total.energy_uj) == (code, settled(whole)[code])
            trend = house.get(f"/v1/trend?to=2026-11&months=1&sia={code}").json()["months"]
            assert trend[0]["figure"]["energy_uj"] == own.total.energy_uj
    assert house.put("/v1/sia/chat-demo", CHAT | {"aliases": [{"code": "old"}]}).is_success
    house.now += timedelta(minutes=1)
    assert statement(house, rolled=True, sia="old").scope.code == "chat-demo"


def test_very_many_codes_are_asked_for_at_once(house: House) -> None:
    """More, in every phase, than a database takes parameters."""
    made = [make_page(consumers={"code-9": 100})]
    assert house.post(list(chain(made))).json()["accepted"] == 1
    names = tuple(f"code-{number}" for number in range(14_000))
    window = Window(month_interval("2026-11"), to_us(house.now), rolled=True)
    with rollups.figures(house.app.state.footprint.store) as connection:
        assert store_totals.hosts_of(connection, window, names) == ("host-1",)
        (found,) = store_totals.energies(connection, window, names)
        assert found.energy_uj == 100


def test_a_history_reads_one_item_s_versions(house: House) -> None:
    """Whatever else is in the register; each version with the shares and aliases of its time."""
    shared_house.register(house)
    for number in range(3):
        house.now += timedelta(minutes=1)
        aliases = [{"code": f"alias-{n}"} for n in range(number)]
        assert house.put("/v1/sia/chat-demo", CHAT | {"aliases": aliases}).is_success
    items = house.get("/v1/sia/chat-demo/history").json()["items"]
    assert [len(one["item"]["aliases"]) for one in items][-2:] == [1, 2]
    assert all(one["item"]["code"] == "chat-demo" for one in items)


@pytest.mark.parametrize("name", [" Chat", "Chat\u00a0", "\u2003Chat"])
def test_a_text_has_no_blanks_around_it(house: House, name: str) -> None:
    """No spreadsheet would keep them."""
    answer = house.put("/v1/sia/chat-demo", {"name": name})
    assert answer.status_code == 422
    assert "has blanks around it; take them away" in answer.json()["detail"]
