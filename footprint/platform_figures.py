"""What hosts draw beyond their components, as a statement has it: plain structs, no SQL.

In: node meters' facts beside components (`nodes`, `platform_model`). Out: `Platform`.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from footprint.ledger import Component, Quality


class PlatformMeter(msgspec.Struct, frozen=True):
    """A node meter's hosts over the month, in microjoules and microseconds.

    `platform_uj` = `node_uj` - `components_uj`, both over the time that both cover (`common_us`).
    `residue_uj` is node energy outside that time, `set_aside_uj` that of quarter-hours in which
    another meter of a host counted: node energy of the month is the sum of the three.
    `node_quality_uj` and `components_quality_uj` say how the two were obtained.
    """

    meter: str
    hosts: list[str]
    node_uj: int
    components_uj: int
    platform_uj: int
    residue_uj: int
    set_aside_uj: int
    node_us: int
    common_us: int
    node_quality_uj: dict[Quality, int]
    components_quality_uj: dict[Quality, int]


class PlatformAnomaly(msgspec.Struct, frozen=True):
    """A day (Paris) on which a node meter says less than the components of its own hosts: one of
    the meters named is wrong, or the hosts are not those it feeds."""

    day: str
    meter: str
    hosts: list[str]
    sensors: list[str]
    node_uj: int
    components_uj: int
    platform_uj: int


class PlatformModelled(msgspec.Struct, frozen=True):
    """A range for the platform of `hosts` without a node meter, which are of one model; in no sum.

    The powers are the least, the mean and the greatest of `from_days` days of `from_hosts`, hosts
    of the same model with a meter, over `from_quarter_hours` of common cover; the energies are
    these powers over `covered_us`, the time that the components of `hosts` are covered.
    `components_uj` is what these components used. `devices` counts each component's devices.
    """

    quality: Literal["modelled"]
    machine: str
    processor: str
    devices: dict[Component, int]
    gpus: list[str]
    hosts: list[str]
    components_uj: int
    covered_us: int
    power_low_uw: int
    power_uw: int
    power_high_uw: int
    energy_low_uj: int
    energy_uj: int
    energy_high_uj: int
    from_hosts: list[str]
    from_days: int
    from_quarter_hours: int


class Platform(msgspec.Struct, frozen=True):
    """What the hosts with a node meter draw beyond their components; in no other figure.

    `energy_uj` and the sums beside it are those of `meters`. Of `unmetered_hosts` the platform is
    unknown, not zero: their components used `unmetered_components_uj`, and for some of them
    `modelled` has a range, which is in none of these sums. `overlapping` facts were left out, since
    an earlier one of the same meter covers their time.
    """

    boundary: Literal["wall"]
    energy_uj: int
    energy_kwh: Decimal
    node_uj: int
    components_uj: int
    residue_uj: int
    set_aside_uj: int
    node_us: int
    common_us: int
    overlapping: int
    meters: list[PlatformMeter]
    anomalies: list[PlatformAnomaly]
    unmetered_hosts: list[str]
    unmetered_components_uj: int = 0
    modelled: list[PlatformModelled] = []
