"""A killed agent loses no joule that its counter still holds, and says what it cannot know."""

import random
import time
from pathlib import Path

import pytest

from footprint.ledger import Page, verify_chain
from tests.powercap import scripted
from tests.running import Agent, Service, ended, page_bodies, service_pages, wait_until

POWER_UW = 100_000_000
LIMIT_UW = 100_000_000
RANGE_UJ = 4_000_000_000
"""Wraps every 40 s at 100 W; the agent allows twice the limit, so 20 s of silence are ambiguous."""
CHECKPOINT_SECONDS = 2
KILLS = 20


def settled(service: Service, agent: Agent) -> None:
    """Wait until the service holds every sealed page of the agent."""
    wait_until(
        lambda: agent.metrics().get('footprint_agent_spool_pages{state="waiting"}') == 0,
        "the spool to empty",
    )
    assert service.get("/livez")


def totals(pages: list[Page]) -> dict[str, int]:
    """Energy by consumer."""
    result: dict[str, int] = {}
    for page in pages:
        for entry in page.entries:
            result[entry.consumer] = result.get(entry.consumer, 0) + entry.energy_uj
    return result


@pytest.mark.slow
def test_twenty_kills_lose_no_joule_of_the_counter(tmp_path: Path) -> None:
    """After twenty kill -9 at random moments the service holds exactly what the counter counted."""
    chance = random.Random(20)
    with scripted(
        tmp_path, power_uw=POWER_UW, range_uj=RANGE_UJ, limit_uw=LIMIT_UW, start_uj=RANGE_UJ - 1
    ) as (root, counter):
        service = Service(tmp_path)
        arguments = ("--service", service.url, "--powercap-root", str(root), "--page-seconds", "5")
        arguments += ("--checkpoint-seconds", str(CHECKPOINT_SECONDS))
        agent = Agent(tmp_path, *arguments)
        with ended(service):
            try:
                wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
                counter.go()
                down_seconds = 0.0
                for _ in range(KILLS):
                    time.sleep(chance.uniform(0.05, 3.5))
                    agent.kill()
                    killed = time.monotonic()
                    agent = Agent(tmp_path, *arguments)
                    wait_until(lambda a=agent: len(a.metrics()) > 5, "a tick")  # type: ignore[misc]
                    down_seconds += time.monotonic() - killed
                true_uj = counter.hold()
                time.sleep(1.5)
                assert agent.terminate() == 0
            finally:
                agent.end()
            pages = list(verify_chain(service_pages(service.database)))
    found = totals(pages)
    assert sum(found.values()) == true_uj
    assert [gap for page in pages for gap in page.gaps if gap.kind == "gap"] == []
    most_uj = POWER_UW * (KILLS * (CHECKPOINT_SECONDS + 1) + down_seconds)
    assert 0 < found["@unattributed"] <= most_uj
    assert found["@system"] > 0


@pytest.mark.slow
def test_an_outage_longer_than_the_counter_can_tell_is_a_gap(tmp_path: Path) -> None:
    """Once the counter may have wrapped unseen, the time is a gap with its cause, not a figure."""
    range_uj = 1_000_000_000
    with scripted(tmp_path, power_uw=POWER_UW, range_uj=range_uj, limit_uw=LIMIT_UW) as (
        root,
        counter,
    ):
        arguments = ("--powercap-root", str(root), "--page-seconds", "5")
        agent = Agent(tmp_path, *arguments, "--checkpoint-seconds", "1")
        try:
            wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
            counter.go()
            time.sleep(2.5)
            agent.kill()
            time.sleep(range_uj / (2 * LIMIT_UW) + 1)
            agent = Agent(tmp_path, *arguments)
            wait_until(lambda: len(agent.metrics()) > 5, "a tick")
            time.sleep(1.2)
            assert agent.terminate() == 0
        finally:
            agent.end()
        pages = list(verify_chain(page_bodies(agent.spool)))
    gaps = [gap for page in pages for gap in page.gaps if gap.kind == "gap"]
    assert {gap.cause for gap in gaps} == {"wrap"}
    unknown_seconds = sum((gap.end - gap.start).total_seconds() for gap in gaps)
    assert unknown_seconds >= range_uj / (2 * LIMIT_UW)
    covered_seconds = (pages[-1].end - pages[0].start).total_seconds() - unknown_seconds
    # What is known is bounded by the power and the time that is covered.
    assert sum(totals(pages).values()) <= POWER_UW * (covered_seconds + 0.1)
