"""The card under test: one NVIDIA GPU, or a skip that says why there is none."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pynvml
import pytest

from tests.gpu.results import Results, facts
from tests.tools import CAPABILITY_REASON


class Card(msgspec.Struct, frozen=True):
    """A board by its UUID, its NVML handle, and for how long each load is watched."""

    uuid: str
    handle: Any
    seconds: float


@pytest.fixture(scope="session")
def card() -> Iterator[Card]:
    """The card that GPU_UUID names, else the first."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        pytest.skip(f"{CAPABILITY_REASON}an NVIDIA GPU answers ({error})")
    try:
        yield _card()
    finally:
        pynvml.nvmlShutdown()


@pytest.fixture(scope="session")
def results(card: Card) -> Iterator[Results]:
    """Rows of this run; written when it ends, whatever failed."""
    gathered = Results(facts(card.handle))
    yield gathered
    if gathered.rows:
        print(f"\nwrote {gathered.write()}")


def _card() -> Card:
    uuid = os.environ.get("GPU_UUID")
    try:
        if uuid is None:
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            uuid = pynvml.nvmlDeviceGetUUID(handle)
        else:
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        pytest.skip(f"{CAPABILITY_REASON}an NVIDIA GPU has an energy counter ({error})")
    with contextlib.suppress(pynvml.NVMLError):  # a card without MIG
        if pynvml.nvmlDeviceGetMigMode(handle)[0]:
            pytest.skip(f"{CAPABILITY_REASON}MIG is off (a load would need an instance of its own)")
    return Card(uuid, handle, float(os.environ.get("GPU_SECONDS", "30")))
