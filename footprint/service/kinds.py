"""The two kinds of pages that the service takes in, and what is different about them.

Energy comes from agents, usage from the readers of gateways; both are numbered, chained, taken in
and checked by the same code, which asks here for the rest.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Literal

import msgspec
from sqlalchemy import Connection

from footprint import ledger, usage
from footprint.service import store_pages, store_usage
from footprint.service.store_chains import Chains, Dated, P


class Kind(msgspec.Struct, Generic[P], frozen=True):
    """One kind of pages. `restates`: a page may take the place of one with the same interval
    (`judge.restates`), where any other overlap is quarantined. `heir` says what a ledger that went
    wrong is followed by. `whole`: a page that cannot be read is kept as it came; otherwise its
    place in the chain alone (`ledger.Stub`), because it may name a person. `also` keeps what is no
    row of a page alone. `archived`: what archives and statements' evidence call the kind.
    """

    name: str
    archived: Literal["energy", "usage"]
    heir: str
    restates: bool
    whole: bool
    decode: Callable[[bytes], P]
    chains: Chains[P]
    also: Callable[[Connection, Sequence[Dated[P]], int], None]


def _nothing_else(
    _connection: Connection, _pages: Sequence[Dated[usage.UsagePage]], _now_us: int
) -> None:
    """Usage is its lines."""


ENERGY: Kind[ledger.Page] = Kind(
    name="page",
    archived="energy",
    heir="one that names its parent",
    restates=False,
    whole=True,
    decode=ledger.decode,
    chains=store_pages.CHAINS,
    also=store_pages.insert_devices,
)
USAGE: Kind[usage.UsagePage] = Kind(
    name="usage page",
    archived="usage",
    heir="another",
    restates=True,
    whole=False,
    decode=usage.decode,
    chains=store_usage.CHAINS,
    also=_nothing_else,
)
