"""Every fault, some times, with a fixed seed: the promise holds and the sums are equal.

`make faults` does each as often as the report says, with a seed of its own.
"""

import random
from pathlib import Path

import pytest

from tests.faults.ground import Fault, Ground
from tests.faults.registry import FAULTS

SEED = 6


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_sums_are_equal_after(fault: Fault, tmp_path: Path) -> None:
    """It raises where a promise is broken, and says what it found."""
    assert "==" in fault.run(Ground(tmp_path, fault.short, random.Random(SEED)))
