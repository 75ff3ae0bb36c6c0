"""AI services outside the house: what a statement says of them, with EcoLogits and without."""

import csv
import io
import logging
import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from footprint import usage
from footprint.external import MEASURES
from footprint.interval import to_us
from footprint.service import ecologits_model
from footprint.usage import Line
from tests import usage_pages
from tests.pages import START
from tests.service import shared_house
from tests.service.house import House
from tests.service.shared_house import QUARTER
from tests.service.test_restatement import restated
from tests.service.test_restatement import statement as stated
from tests.service.test_statements import statement

OPENAI = {
    "name": "OpenAI, by its API",
    "provider": "openai",
    "models": {"gpt-4o": "gpt-4o", "own-name": "gpt-4o-mini", "new": "gpt-999"},
}


def ask(consumer: str, generated: int, requests: int | None, model: str = "gpt-4o") -> Line:
    """What a consumer asked of the service outside."""
    found = usage_pages.line(consumer, 5000, generated, server="openai", model=model)
    return msgspec.structs.replace(found, requests=requests)


def tell(house: House, *quarters: list[Line], **service: Any) -> None:
    """The register, the service outside and what was asked of it by quarter-hours."""
    shared_house.register(house)
    answer = house.put("/v1/externals/openai", OPENAI | service)
    assert answer.status_code == 200, answer.text
    shared_house.post_usage(
        house,
        [shared_house.usage_page(place, lines) for place, lines in enumerate(quarters)],
    )


def by_its_api(
    provider: str, model: str, tokens: list[int], zone: str | None = None
) -> dict[str, tuple[Fraction, Fraction]]:
    """What EcoLogits' own API gives for these requests, one by one, added up."""
    from ecologits.tracers.utils import llm_impacts

    sums = {name: [Fraction(0), Fraction(0)] for name in MEASURES}
    scale = {"energy": 3_600_000_000_000, "gwp": 10**9, "pe": 10**12, "wcf": 10**6, "adpe": 10**15}
    names = {
        "usage": ("energy_uj", "emissions_ug", "primary_energy_uj", "water_ul", "adpe_pg"),
        "embodied": (None, "making_ug", "making_primary_energy_uj", None, "making_adpe_pg"),
    }
    for count in tokens:
        told = llm_impacts(provider, model, count, math.inf, zone)
        for phase, of in names.items():
            for name, impact in zip(of, ("energy", "gwp", "pe", "wcf", "adpe"), strict=True):
                if name:
                    value = getattr(getattr(told, phase), impact).value
                    ends = (getattr(value, "min", value), getattr(value, "max", value))
                    for place, end in enumerate(ends):
                        sums[name][place] += Fraction(end) * scale[impact]
    return {name: (low, high) for name, (low, high) in sums.items()}


def uses(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Uses of all services by consumer and model."""
    return {
        (use["consumer"], use["model"]): use
        for service in found["externals"]["services"]
        for use in service["uses"]
    }


def assert_is(modelled: dict[str, Any], expected: dict[str, tuple[Fraction, Fraction]]) -> None:
    """Equal, to the last unit but what adding floats in another order costs."""
    for name, (low, high) in expected.items():
        for got, exact in ((modelled[name]["low"], low), (modelled[name]["high"], high)):
            assert abs(got - exact) <= 1 + abs(exact) * Fraction(1, 10**12), name


def test_one_request_is_what_its_api_says(house: House) -> None:
    """Rounded to whole units, and nothing else: every measure, both ends."""
    tell(house, [ask("chat-demo", 1000, 1)])
    use = uses(statement(house))["chat-demo", "gpt-4o"]
    for name, (low, high) in by_its_api("openai", "gpt-4o", [1000]).items():
        assert use["modelled"][name] == {"low": round(low), "high": round(high)}
    assert use["reason"] is None
    assert use["notes"] == ["model-arch-multimodal", "model-arch-not-released"]


def test_many_requests_are_the_sum_of_what_its_api_says_of_each(house: House) -> None:
    """Though only their number and their tokens are kept; in the zone that is declared."""
    requests = [1, 20, 300, 4000, 7]
    tell(
        house,
        [ask("chat-demo", sum(requests[:2]), 2)],
        [ask("chat-demo", sum(requests[2:]), 3), ask("tri-courrier", 500, 1, "own-name")],
        zone="FRA",
    )
    found = statement(house)
    assert_is(
        uses(found)["chat-demo", "gpt-4o"]["modelled"],
        by_its_api("openai", "gpt-4o", requests, "FRA"),
    )
    other = uses(found)["tri-courrier", "own-name"]
    assert other["model_name"] == "gpt-4o-mini"
    assert_is(other["modelled"], by_its_api("openai", "gpt-4o-mini", [500], "FRA"))
    total = found["externals"]["modelled"]
    for name in MEASURES:
        for end in ("low", "high"):
            assert total[name][end] == sum(
                use["modelled"][name][end] for use in uses(found).values()
            )


def test_nothing_of_it_is_in_a_measured_sum(house: House) -> None:
    """The statement is what it is without the service outside, and says how much is outside."""
    shared_house.tell(house)
    before = statement(house)
    house.put("/v1/externals/openai", OPENAI)
    page = usage_pages.make_page(
        lines=[ask("chat-demo", 10**6, 10)],
        host_id="gateway-2",
        ledger_id="00000000-0000-4000-8000-00000000a009",
    )
    shared_house.post_usage(house, [page])
    found = statement(house)
    for name in ("total", "consumers", "lines", "servers", "uncertainty", "embodied", "sci"):
        assert found[name] == before[name], name
    assert before["externals"] is None
    outside = found["externals"]["modelled"]["energy_uj"]
    of_energy, of_gases, of_tokens = found["externals"]["dependence"]
    inside = found["total"]["site_energy_uj"]
    assert of_energy["inside"] == inside
    assert float(of_energy["low"]) == pytest.approx(
        1000 * outside["low"] / (outside["low"] + inside), abs=0.06
    )
    assert of_energy["outside"] == outside
    assert of_gases["measure"] == "emissions_ug"
    assert of_tokens["outside"] == {"low": 10**6, "high": 10**6}
    assert of_tokens["inside"] is None  # there is energy of a SIA's own


def test_unknown_is_said_and_is_no_zero(house: House) -> None:
    """A model that it does not know, one that the register does not, requests nobody counts."""
    tell(
        house,
        [
            ask("chat-demo", 10, 1, "new"),
            ask("chat-demo", 10, 1, "else"),
            ask("tri-courrier", 10, None),
            ask("@unattributed", 1000, 1),
        ],
    )
    found = statement(house)
    told = uses(found)
    assert {key: use["reason"] for key, use in told.items()} == {
        ("chat-demo", "new"): "model_unknown",
        ("chat-demo", "else"): "model_not_declared",
        ("tri-courrier", "gpt-4o"): "requests_not_counted",
        ("@unattributed", "gpt-4o"): None,
    }
    assert told["chat-demo", "new"]["modelled"] is None
    assert told["chat-demo", "new"]["counts"]["generated_tokens"] == 10
    assert found["externals"]["without"] == 3
    assert all(one["high"] is None for one in found["externals"]["dependence"][:2])
    house.put("/v1/externals/openai", OPENAI | {"zone": "XXX"})
    assert uses(statement(house))["@unattributed", "gpt-4o"]["reason"] == "zone_unknown"


def test_whose_it_is(house: House) -> None:
    """A SIA has its own; a project what it carries of it; who used nothing outside has none."""
    tell(house, [ask("chat-demo", 1000, 1), ask("tri-courrier", 2000, 1)])
    whole = uses(statement(house))
    alone = statement(house, sia="tri-courrier")
    assert [*uses(alone)] == [("tri-courrier", "gpt-4o")]
    assert uses(alone) == {("tri-courrier", "gpt-4o"): whole["tri-courrier", "gpt-4o"]}
    carried = uses(statement(house, project="courrier"))
    assert [*carried] == [("tri-courrier", "gpt-4o")]
    exact = by_its_api("openai", "gpt-4o", [2000])["energy_uj"]
    modelled = carried["tri-courrier", "gpt-4o"]["modelled"]["energy_uj"]
    assert modelled == {"low": round(exact[0] * 667 / 1000), "high": round(exact[1] * 667 / 1000)}
    assert carried["tri-courrier", "gpt-4o"]["counts"]["generated_tokens"] == 2000
    house.put("/v1/sia/idle-one", {"name": "Idle"})
    assert statement(house, sia="idle-one")["externals"] is None


def test_a_change_of_the_register_restates(house: House) -> None:
    """Another zone from now on; as of before, the figures are the same again, and the difference
    has its cause."""
    tell(house, [ask("chat-demo", 1000, 1)])
    at = house.now
    before = stated(house)
    house.now += QUARTER
    house.put("/v1/externals/openai", OPENAI | {"zone": "FRA"})
    house.now += QUARTER
    assert stated(house, at).externals == before.externals
    after = stated(house).externals
    assert after is not None
    found = restated(house, at)
    assert {row.measure for row in found.changed} >= {"external_emissions_ug_low"}
    assert not any("energy_uj" in row.measure for row in found.changed if row.measure[:2] != "ex")
    (row,) = [row for row in found.changed if row.measure == "external_emissions_ug_high"]
    assert row.new == after.modelled["emissions_ug"].high
    (cause,) = found.causes
    assert (cause.kind, cause.id) == ("external", "openai")


def test_the_suppliers_own_figures_stand_beside(house: House) -> None:
    """Energy and gases as a gateway of theirs declares them, in no sum."""
    declared = msgspec.structs.replace(
        ask("chat-demo", 1000, 1), estimated_uj=1_044_000_000, estimated_ug=17_000
    )
    tell(house, [declared], [ask("chat-demo", 1000, 1)])
    use = uses(statement(house))["chat-demo", "gpt-4o"]
    assert (use["declared_uj"], use["declared_ug"]) == (1_044_000_000, 17_000)
    assert_is(use["modelled"], by_its_api("openai", "gpt-4o", [1000, 1000]))


@pytest.mark.parametrize("name", ["estimated_uj", "estimated_ug"])
def test_one_figure_of_a_supplier_alone_is_on_the_page(house: House, name: str) -> None:
    """Energy without gases, and gases without energy: the other is unknown there."""
    declared = msgspec.structs.replace(ask("chat-demo", 1000, 1), **{name: 123_456_789})
    tell(house, [declared], [ask("tri-courrier", 10, 1)])
    page = house.get("/v1/statements/2026-11?format=html&lang=en").text
    table = page[page.index('id="external-1-declared"') :].partition("</table>")[0]
    pointer = name.replace("estimated", "declared")
    value = f'value="123456789" data-pointer="/externals/services/0/uses/0/{pointer}"'
    assert table.count("<data") == table.count(value) == 1
    assert "unknown" in table
    assert "tri-courrier" not in table


def test_what_a_service_counted_itself_beyond_what_was_named_is_nobodys(house: House) -> None:
    """As of shared servers: tokens that no line names stay visible, and are estimated."""
    shared_house.register(house)
    house.put("/v1/externals/openai", OPENAI)
    whole = ask("@unattributed", 1500, 3)
    page = usage_pages.make_page(lines=[ask("chat-demo", 1000, 1)], totals=[whole])
    shared_house.post_usage(house, [page])
    told = uses(statement(house))
    rest = told["@unattributed", "gpt-4o"]
    assert (rest["counts"]["generated_tokens"], rest["counts"]["requests"]) == (500, 2)
    exact = by_its_api("openai", "gpt-4o", [250, 250])
    assert_is(rest["modelled"], exact)


def test_time_without_counts_is_named(house: House) -> None:
    """Of the gateways that told of the service: their gaps, and what they did not tell."""
    shared_house.register(house)
    house.put("/v1/externals/openai", OPENAI)
    gap = usage.Gap(START, START + QUARTER / 3, "unreachable")
    shared_house.post_usage(
        house, [usage_pages.make_page(lines=[ask("chat-demo", 10, 1)], gaps=[gap])]
    )

    (service,) = statement(house)["externals"]["services"]
    untold_us = to_us(house.now) - to_us(START + QUARTER)
    assert service["gaps_us"] == {"no_page": untold_us, "unreachable": 300_000_000}


def test_the_csv_has_every_figure(house: House) -> None:
    """The numbers of the JSON, with what they suppose."""
    tell(house, [ask("chat-demo", 1000, 1), ask("chat-demo", 10, 1, "new")])
    found = statement(house)["externals"]
    text = house.get("/v1/statements/2026-11?format=csv").text
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    use = next(
        row for row in rows if row[:4] == ["# external_use", "openai", "chat-demo", "gpt-4o"]
    )
    of = uses({"externals": found})["chat-demo", "gpt-4o"]["modelled"]
    expected = [str(of[name][end]) for name in MEASURES for end in ("low", "high")]
    assert use[-16:] == expected
    other = next(row for row in rows if row[:4] == ["# external_use", "openai", "chat-demo", "new"])
    assert (other[10], other[-16:]) == ("model_unknown", [""] * 16)
    total = next(row for row in rows if row[0] == "# external_total")
    assert total[1:] == expected
    told = {row[1]: row[2] for row in rows if row[0] == "# external_data"}
    assert told == found["data"]
    suppositions = {(row[1], row[2]): row[3:] for row in rows if row[0] == "# external_assumption"}
    assert suppositions["openai", "zone"][0] == "USA"
    assert suppositions["", "batch_size"] == ["64", "64", "requests"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"provider": "OpenAI"}, "provider"),
        ({"zone": "FR"}, "zone"),
        ({"models": {}}, "models"),
        ({"models": {"GPT": "gpt-4o"}}, "models"),
        ({"models": {"gpt": "a b"}}, "models"),
        ({"code": "other"}, "path"),
    ],
)
def test_what_cannot_be_registered(house: House, body: dict[str, Any], said: str) -> None:
    """What, and where."""
    answer = house.put("/v1/externals/openai", OPENAI | body)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


def test_a_code_is_of_one_kind(house: House) -> None:
    """Neither a SIA's nor a shared server's."""
    shared_house.register(house)
    for code in ("chat-demo", shared_house.SERVER):
        assert house.put(f"/v1/externals/{code}", OPENAI).status_code == 422
    house.put("/v1/externals/openai", OPENAI)
    assert house.put("/v1/servers/openai", {"name": "x"}).status_code == 422
    assert "an external service's" in house.put("/v1/sia/openai", {"name": "x"}).json()["detail"]


def test_loggers_are_left_as_they_were() -> None:
    """Importing it would make every later logger one of its own."""
    before = logging.getLoggerClass()
    assert ecologits_model.load() is not None
    assert logging.getLoggerClass() is before


TOGETHER = """
import threading
from footprint.service import ecologits_model
begin = threading.Barrier(8)
found = []
def ask():
    begin.wait()
    found.append(ecologits_model.load())
threads = [threading.Thread(target=ask) for _ in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
print(len(found), len({id(one) for one in found}))
"""


def test_it_is_loaded_once() -> None:
    """However many ask for it at once, first."""
    done = subprocess.run(
        [sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["8", "1"]


WITHOUT = """
import sys
sys.modules["ecologits"] = None  # as where it is not installed: importing it raises ImportError
from footprint.service.cli import main
sys.exit(main(sys.argv[1:]))
"""


def without(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where EcoLogits is not installed."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=False
    )


def test_without_the_extra_a_statement_says_so(house: House) -> None:
    """Counts stay; the estimate is unknown, with what to install; nothing else is changed."""
    tell(house, [ask("chat-demo", 1000, 1)])
    place = ("--database", str(house.database))
    done = without("statement", *place, "--month", "2026-11", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout)
    use = uses(found)["chat-demo", "gpt-4o"]
    assert (use["modelled"], use["reason"]) == (None, "not_installed")
    assert use["counts"]["generated_tokens"] == 1000
    assert found["externals"]["estimator"] is None
    assert found["externals"]["modelled"] == {}
    assert [one["outside"] for one in found["externals"]["dependence"][:2]] == [None, None]
    assert found["externals"]["dependence"][2]["outside"] == {"low": 1000, "high": 1000}
    page = without("statement", *place, "--month", "2026-11", "--format", "html").stdout
    assert "pip install 'footprint[external]'" in page


def test_the_names_to_register_can_be_listed() -> None:
    """As EcoLogits has them; without it, the extra to install; a provider it does not know."""
    command = [sys.executable, "-m", "footprint.service.cli", "models", "--provider"]
    done = subprocess.run([*command, "mistralai"], capture_output=True, text=True, check=True)
    assert "mistralai\tmistral-large-latest" in done.stdout.splitlines()
    assert all(line.startswith("mistralai\t") for line in done.stdout.splitlines())
    other = subprocess.run([*command, "mistral"], capture_output=True, text=True, check=False)
    assert (other.returncode, "known: anthropic, " in other.stderr) == (1, True)
    absent = without("models")
    assert absent.returncode == 1
    assert "pip install 'footprint[external]'" in absent.stderr
