"""A shared server in the statement: whose its energy was, in every scope and format, exactly."""

import json
from datetime import timedelta

from footprint import json_text
from footprint.attribution import attribute
from footprint.service import reports, subjects
from footprint.usage import Gap
from tests.pages import START
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import ENERGY, QUARTER, SECOND, SERVER
from tests.service.test_statements import statement
from tests.usage_pages import line

ACTIVE = [{key: uj for key, uj in energy.items() if key[1] != "static"} for energy in ENERGY]
IDLE_UJ = sum(energy["gpu", "static"] for energy in ENERGY)


def shares_by_hand() -> dict[str, int]:
    """Active energy by consumer: 1 : 4, each quarter-hour and component by itself."""
    asked = [
        {"chat-demo": 1000 + 4 * 900, "tri-courrier": 5000 + 4 * 60},
        {"chat-demo": 1500 + 4 * 700, "@unattributed": 600 + 4 * 100},
        {"ghost": 10 + 4 * 3},
        {SERVER: 1},
    ]
    sums: dict[str, int] = {}
    for energy, weights in zip(ACTIVE, asked, strict=True):
        for energy_uj in energy.values():
            for consumer, share_uj in attribute(energy_uj, weights).items():
                sums[consumer] = sums.get(consumer, 0) + share_uj
    return sums


def lines(found: dict, **wanted: str | None) -> list[dict]:
    """The lines of a statement with these fields."""
    return [
        one for one in found["lines"] if all(one[name] == value for name, value in wanted.items())
    ]


def energy_uj(found: list[dict]) -> int:
    """Of lines or totals."""
    return sum(one["figure"]["energy_uj"] for one in found)


def consumer(found: dict, code: str) -> dict:
    """A consumer's sum."""
    return next(one for one in found["consumers"] if one["consumer"] == code)


def test_each_consumer_has_its_share_as_computed_by_hand(house: House) -> None:
    """By quarter-hour and component, 1 : 4, uncached prompt tokens; idle energy as the active."""
    shared_house.tell(house)
    found = statement(house)
    active = shares_by_hand()
    idle = attribute(IDLE_UJ, active)
    for code, active_uj in active.items():
        via = None if code == SERVER else SERVER
        own = lines(found, consumer=code, via=via)
        assert energy_uj([one for one in own if one["part"] != "static"]) == active_uj
        assert energy_uj([one for one in own if one["part"] == "static"]) == idle[code]
    (server,) = found["servers"]
    assert {one["consumer"]: (one["active_uj"], one["idle_uj"]) for one in server["consumers"]} == {
        code: (active[code], idle[code]) for code in active if code != SERVER
    }
    assert (server["unallocated_uj"], server["unallocated_idle_uj"]) == (
        active[SERVER],
        idle[SERVER],
    )


def test_dividing_moves_energy_and_makes_none(house: House) -> None:
    """Total, components and qualities are the same before the server is registered and after."""
    shared_house.post_energy(house)
    before = statement(house)
    shared_house.register(house)
    shared_house.post_usage(house, [shared_house.usage_page(0, [line()])])
    after = statement(house)
    assert after["total"]["energy_uj"] == before["total"]["energy_uj"]
    assert after["total"]["quality_uj"] == before["total"]["quality_uj"]
    assert [energy_uj([one]) for one in after["components"]] == [
        energy_uj([one]) for one in before["components"]
    ]
    assert (
        energy_uj(after["lines"])
        == energy_uj(after["consumers"])
        == energy_uj([before["total"] and {"figure": before["total"]}])
    )
    (server,) = after["servers"]
    shared = sum(one["energy_uj"] for one in server["consumers"])
    stays = server["unallocated_uj"] + server["unallocated_idle_uj"]
    assert shared + stays == server["energy_uj"] == sum(sum(e.values()) for e in ENERGY)


def test_own_and_shared_stand_apart_and_together(house: House) -> None:
    """Of a SIA with energy of its own; one without a share has neither; the server is no SIA."""
    shared_house.tell(house)
    found = statement(house)
    chat = consumer(found, "chat-demo")
    assert chat["own"]["energy_uj"] == 5 * len(ENERGY)
    assert chat["shared"]["energy_uj"] == energy_uj(lines(found, consumer="chat-demo", via=SERVER))
    for field in ("energy_uj", "emissions_ug"):
        assert chat["own"][field] + chat["shared"][field] == chat["figure"][field]
    assert (consumer(found, "@system")["own"], consumer(found, "@system")["shared"]) == (None, None)
    server = consumer(found, SERVER)
    assert (server["kind"], server["name"], server["shared"]) == ("server", "Grand Albert", None)
    assert consumer(found, "@unattributed")["shared"]["energy_uj"] > 0


def test_a_sia_and_projects_have_their_shares_of_servers(house: House) -> None:
    """A SIA's statement holds its lines via servers; those of all projects add up to them."""
    shared_house.tell(house)
    whole = statement(house)
    alone = statement(house, sia="tri-courrier")
    assert alone["lines"] == lines(whole, consumer="tri-courrier")
    assert [one["consumer"] for one in alone["servers"][0]["consumers"]] == ["tri-courrier"]
    assert alone["servers"][0]["active_uj"] == whole["servers"][0]["active_uj"]
    assert [host["host_id"] for host in alone["hosts"]] == ["host-1"]
    parts = [statement(house, project=code) for code in ("accueil", "courrier")]
    for field in ("energy_uj", "emissions_ug"):
        found = [one["figure"][field] for part in parts for one in lines(part, via=SERVER)]
        expected = [
            one["figure"][field]
            for code in ("chat-demo", "tri-courrier")
            for one in lines(whole, consumer=code, via=SERVER)
        ]
        assert sum(found) == sum(expected)
    of_server = {
        one["consumer"]: one["energy_uj"]
        for part in parts
        for one in part["servers"][0]["consumers"]
    }
    assert of_server["tri-courrier"] == energy_uj(alone["lines"])


def test_a_sia_that_only_a_gateway_names_has_a_statement(house: House) -> None:
    """Nobody registered it and it is in no page of energy."""
    shared_house.tell(house)
    found = statement(house, sia="ghost")
    assert energy_uj(found["lines"]) > 0
    assert consumer(found, "ghost")["registered"] is False


def test_a_servers_own_statement_says_what_stays_and_who_asked(house: House) -> None:
    """Asked for by its code as a SIA is: its line, and all its consumers beside."""
    shared_house.tell(house)
    whole, found = statement(house), statement(house, sia=SERVER)
    assert found["scope"] == {"kind": "server", "code": SERVER, "name": "Grand Albert"}
    assert found["lines"] == lines(whole, consumer=SERVER)
    assert found["servers"] == whole["servers"]
    page = house.get(f"/v1/statements/2026-11?format=html&lang=fr&sia={SERVER}").text
    assert "Serveur d’IA mutualisé <bdi>Grand Albert</bdi>" in page
    assert f"?sia={SERVER}&amp;format=html&amp;lang=en" in page


def test_without_usage_all_stays_on_the_servers_line(house: House) -> None:
    """And is shown as what nobody was found for, not as a SIA's."""
    shared_house.register(house)
    shared_house.post_energy(house)
    found = statement(house)
    server = consumer(found, SERVER)
    assert server["figure"]["energy_uj"] == sum(sum(energy.values()) for energy in ENERGY)
    assert found["servers"][0]["unallocated_uj"] == sum(sum(e.values()) for e in ACTIVE)
    assert found["servers"][0]["consumers"] == []


def test_idle_energy_stays_where_the_register_says_so(house: House) -> None:
    """Key `none`: nobody pays for the server's being awake."""
    shared_house.tell(house, idle="none")
    (server,) = statement(house)["servers"]
    assert server["unallocated_idle_uj"] == server["idle_uj"] == IDLE_UJ
    assert {one["idle_uj"] for one in server["consumers"]} == {0}


def test_late_usage_restates_and_the_past_can_be_had_again(house: House) -> None:
    """A page of the same interval takes the place of the one before; as of earlier, it does not."""
    shared_house.tell(house)
    as_of = house.now
    first = statement(house)
    house.now += timedelta(hours=1)
    late = shared_house.usage_page(3, [line("tri-courrier", 5, 5)])
    again = shared_house.usage_page(0, [line("tri-courrier", 1, 0)])
    shared_house.post_usage(house, [*shared_house.told(), again, late])
    now = statement(house)
    assert energy_uj(lines(now, consumer="chat-demo")) < energy_uj(
        lines(first, consumer="chat-demo")
    )
    assert energy_uj(lines(now, consumer="tri-courrier")) > ACTIVE[0]["gpu", "dynamic"]
    assert energy_uj(lines(now, consumer=SERVER)) == 0
    with house.app.state.footprint.store.read() as connection:
        past = reports.statement(connection, subjects.Asked("2026-11"), "FR", as_of, rolled=False)
    assert json.loads(json_text.encode(past)) == first


def test_two_gateways_and_two_servers_add_up(house: House) -> None:
    """Each server's energy is theirs who asked it, whichever gateway tells; one SIA used both."""
    shared_house.register(house)
    house.put("/v1/servers/petit", {"name": "Petit"})
    shared_house.post_energy(house, ENERGY[:1])
    other = [
        shared_house.page(
            0, {("gpu", "dynamic"): 1000}, "petit", host_id="host-2", ledger_id=SECOND
        )
    ]
    house.post(shared_house.chain(other))
    for gateway, tokens in (("gateway-1", 100), ("gateway-2", 300)):
        asked = [
            line("chat-demo", tokens, 0),
            line("chat-demo", 7, 0, server="petit"),
        ]
        page = shared_house.usage_page(0, asked, host_id=gateway)
        shared_house.post_usage(house, [page])
    shared_house.post_usage(
        house, [shared_house.usage_page(0, [line("tri-courrier", 400, 0)], host_id="gateway-3")]
    )
    found = statement(house)
    (gpu,) = lines(found, consumer="chat-demo", via=SERVER, component="gpu", part="dynamic")
    assert (
        energy_uj([gpu]) == attribute(400_000_003, {"chat-demo": 1, "tri-courrier": 1})["chat-demo"]
    )
    assert energy_uj(lines(found, consumer="chat-demo", via="petit")) == 1000
    assert [one["code"] for one in found["servers"]] == [SERVER, "petit"]
    assert consumer(found, "chat-demo")["shared"]["energy_uj"] == energy_uj(
        [one for one in lines(found, consumer="chat-demo") if one["via"]]
    )


def test_models_on_their_own_boards_are_divided_apart(house: House) -> None:
    """Who asked the small model pays nothing of the large one's board; the package follows both."""
    boards = {"large": ["GPU-a"], "small": ["GPU-b"]}
    shared_house.register(house, models=boards)
    page = shared_house.page(0, {("gpu", "dynamic"): 3000, ("cpu", "dynamic"): 400})
    other = shared_house.page(0, {("gpu", "dynamic"): 1000}, host_id="host-2", ledger_id=SECOND)
    house.post(shared_house.chain([page]))
    house.post(shared_house.chain([shared_house.on_board(other, "GPU-b")]))
    asked = [line("chat-demo", 9, 9, model="large"), line("tri-courrier", 1, 0, model="small")]
    shared_house.post_usage(house, [shared_house.usage_page(0, asked)])
    found = statement(house)
    for code, gpu_uj, cpu_uj in (("chat-demo", 3000, 300), ("tri-courrier", 1000, 100)):
        assert energy_uj(lines(found, consumer=code, via=SERVER, component="gpu")) == gpu_uj
        assert energy_uj(lines(found, consumer=code, via=SERVER, component="cpu")) == cpu_uj


def test_where_usage_may_be_missing_is_shown(house: House) -> None:
    """Gaps that a gateway tells, and quarter-hours that it tells nothing of."""
    house.now = START + 4 * QUARTER
    shared_house.register(house)
    shared_house.post_energy(house)
    gap = Gap(start=START, end=START + timedelta(seconds=40), cause="unreachable")
    pages = [shared_house.usage_page(0, [line()], gaps=[gap]), shared_house.usage_page(2, [line()])]
    shared_house.post_usage(house, pages)
    assert statement(house)["servers"][0]["gaps"] == [
        {"cause": "no_page", "duration_us": 2 * 900_000_000},
        {"cause": "unreachable", "duration_us": 40_000_000},
    ]


def test_a_server_without_energy_changes_no_figure(house: House) -> None:
    """Registering one leaves the statement as it was, field by field."""
    shared_house.post_energy(house)
    before = statement(house)
    house.put("/v1/servers/later", {"name": "Later"})
    assert statement(house) == before
    assert before["servers"] == []
    assert {one["via"] for one in before["lines"]} == {None}


def test_weights_are_those_of_the_register(house: House) -> None:
    """Declared ones are used; to be fitted, the default's hold until the data tell, and say why."""
    shared_house.tell(house, weights={"prompt": 1, "generated": 7})
    (server,) = statement(house)["servers"]
    assert server["weights"] == {"prompt": 1, "generated": 7, "source": "declared"}
    house.now += timedelta(minutes=1)
    house.put(f"/v1/servers/{SERVER}", {"name": "Grand Albert", "weights": "fit"})
    assert house.get(f"/v1/servers/{SERVER}").json()["weights"] == "fit"
    (server,) = statement(house)["servers"]
    assert server["weights"] == {"prompt": 1, "generated": 4, "source": "default"}
    assert server["fit"]["refusal"] == "few"
    assert server["fit"]["why"] == "3 intervals with tokens; 48 are needed"
    for one in server["consumers"]:
        assert one["least_uj"] <= one["active_uj"] <= one["most_uj"]


def test_weights_that_the_servers_energy_tells_are_used_where_asked_for(house: House) -> None:
    """A server that costs 200 and 1400 uJ a token: fitted 1 : 7, and divided so."""
    shared_house.register(house, weights="fit")
    asked = [(1000 * (1 + n % 7), 100 * (1 + n % 5)) for n in range(60)]
    energy = [{("gpu", "dynamic"): 200 * p + 1400 * g} for p, g in asked]
    house.now = START + timedelta(days=2)
    shared_house.post_energy(house, energy)
    shared_house.post_usage(
        house,
        [
            shared_house.usage_page(n, [line("chat-demo", p, 0), line("tri-courrier", 0, g)])
            for n, (p, g) in enumerate(asked)
        ],
    )
    (server,) = statement(house)["servers"]
    assert server["weights"] == {"prompt": 1000, "generated": 7000, "source": "fitted"}
    assert server["fit"]["quarter_hours"] == 60
    assert {one["consumer"]: one["active_uj"] for one in server["consumers"]} == {
        "chat-demo": sum(200 * p for p, _ in asked),
        "tri-courrier": sum(1400 * g for _, g in asked),
    }
