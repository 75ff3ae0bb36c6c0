"""The register as known at an instant, as figures need it.

In: a read connection. Out: `Known`.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection

from footprint.figures import Named
from footprint.service import store_register, store_versions
from footprint.service.aliases import Aliases
from footprint.service.register import External, Hardware, Server, Sia, Site


class Known(msgspec.Struct, frozen=True):
    """The register as known at an instant: SIA, shared servers, sites and services outside the
    house by code, hardware by host."""

    sia: Mapping[str, Sia]
    servers: Mapping[str, Server]
    sites: Mapping[str, Site]
    hardware: Mapping[str, Hardware]
    externals: Mapping[str, External]

    @property
    def named(self) -> Named:
        """The names of all of them."""
        return Named(
            {code: item.name for code, item in self.sia.items()},
            {code: item.name for code, item in self.servers.items()},
        )

    @property
    def aliases(self) -> Aliases:
        """Under which codes facts of SIA stand."""
        return Aliases(self.sia, {*self.sia, *self.servers, *self.externals})

    @property
    def units(self) -> dict[str, str]:
        """The functional unit of each SIA that has one."""
        return {code: item.unit for code, item in self.sia.items() if item.unit is not None}


def known_at(connection: Connection, as_of_us: int = store_versions.EVER_US) -> Known:
    """All of them as known at an instant."""
    return Known(
        store_register.sia(connection, as_of_us),
        store_register.servers(connection, as_of_us),
        store_register.sites(connection, as_of_us),
        store_register.hardware(connection, as_of_us),
        store_register.externals(connection, as_of_us),
    )
