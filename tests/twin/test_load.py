"""What the simulated SIA do is made of whole requests, wherever the requests come from."""

import random
from pathlib import Path

import pytest

from exporters.twin.load import TRACE, profile, requests
from exporters.twin.plan import STEP_US


@pytest.mark.parametrize("path", [TRACE, Path("no such trace")])
def test_requests_come_in_order_with_tokens(path: Path) -> None:
    """The committed extract, or arrivals drawn by chance where there is none: 400 requests."""
    found, source = requests(random.Random(1), path)
    assert len(found) == 400
    assert found == sorted(found, key=lambda request: request[0])
    assert all(prompt > 0 and generated > 0 for _, prompt, generated in found)
    assert ("trace 2023" in source) == path.exists()


def test_the_same_seed_draws_the_same_requests() -> None:
    """A run can be repeated by its seed."""
    nowhere = Path("no such trace")
    first, again, other = (requests(random.Random(seed), nowhere)[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_prompt_is_a_burst_shorter_than_a_tick() -> None:
    """A thousand tokens are read in a tenth of a second at full power, here across two steps."""
    does = profile([(1.25, 1000, 0), (5.0, 1, 0)], 1.0)
    busy = {step: used_us for step, used_us in enumerate(does.gpu_us) if used_us}
    assert busy == {12: 50_000, 13: 50_000, 50: 100}
    assert does.cpu_us[12] == 4 * 50_000


def test_no_step_holds_more_than_its_length() -> None:
    """A hundred requests at once keep a card busy for a whole step, no longer."""
    does = profile([(0.0, 1000, 100)] * 100, 1.0)
    assert max(does.gpu_us) == STEP_US
