"""METHOD.md computed again: what of making a machine falls into a time."""

import msgspec
import pytest

from footprint import embodied
from footprint.embodied import Spread, Used
from footprint.interval import Interval
from tests.footprint.method import Row, golden, number
from tests.footprint.test_embodied import MACHINE, known, paris


@pytest.mark.parametrize("row", golden("making"), ids=lambda row: row["from (Paris)"])
def test_what_falls_into_a_time(row: Row) -> None:
    """METHOD.md, computed again: boards by the energy of boards, the host by all of it."""
    span = Interval(paris(row["from (Paris)"]), paris(row["to (Paris)"]))
    machine = msgspec.structs.replace(MACHINE, years=number(row["years"]))
    used = {"chat": Used(1, 0), "@system": Used(0, 10**30)}
    share = embodied.share(machine, known, used, span)
    boards, host = number(row["boards (ug)"]), number(row["host (ug)"])
    assert share.span["emissions_ug"] == Spread(
        boards + host, number(row["least (ug)"]), number(row["greatest (ug)"])
    )
    assert share.by_consumer["chat"]["emissions_ug"].value == boards
    if host:
        assert share.by_consumer["@system"]["emissions_ug"].value == host
