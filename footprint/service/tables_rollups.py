"""The tables of rollups: sums that statements read, each recomputed from pages whenever one comes.

A mark says that a day of a host has to be summed again; it is written with the pages. By host and
day: how long each device is covered, gaps, and who used the host. By quarter-hour and by day
(Europe/Paris): energies by site, and cover by component, over all hosts. Nothing is counted up:
rows are replaced by what pages say. Days are named by the microsecond at which they begin.
"""

from sqlmodel import SQLModel

from footprint.service.tables import big, big_key, compare_bytes, key


class RollupMark(SQLModel, table=True):
    """Pages came that begin in [first_us, last_us] of a host's day. Named after the last of them:
    no two marks are the same, and none is taken for one that is being worked off."""

    __tablename__ = "rollup_mark"

    host_id: str = key()
    day_us: int = big_key()
    ledger_id: str = key()
    seq: int = big_key()
    first_us: int = big()
    last_us: int = big()


class HostSite(SQLModel, table=True):
    """Where a host stands over [from_us, until_us), as the register has it now."""

    __tablename__ = "host_site"

    host_id: str = key()
    from_us: int = big_key()
    until_us: int = big()
    site: str


class HostDayCover(SQLModel, table=True):
    """A device's day: its energy, time of the pages that have a sensor state of it, the part of
    that in gaps, and gaps of pages that have none."""

    __tablename__ = "host_day_cover"

    host_id: str = key()
    day_us: int = big_key()
    component: str = key()
    device: str = key()
    quality: str = key()
    metered_uj: int = big()
    paged_us: int = big()
    lost_us: int = big()
    told_us: int = big()


class HostDayGap(SQLModel, table=True):
    """Unknown time of a host's day by kind, component and cause, summed over devices."""

    __tablename__ = "host_day_gap"

    host_id: str = key()
    day_us: int = big_key()
    kind: str = key()
    component: str = key()
    cause: str = key()
    duration_us: int = big()


class HostDayUse(SQLModel, table=True):
    """A consumer's energy on a host on a day, that of boards (GPUs) and the rest, in
    millijoules: a day's microjoules may be more than a database's integer holds."""

    __tablename__ = "host_day_use"

    host_id: str = key()
    day_us: int = big_key()
    consumer: str = key()
    boards_mj: int = big()
    rest_mj: int = big()


class QuarterTotal(SQLModel, table=True):
    """Energy of all hosts of a site ("": of none) in a quarter-hour: whole joules, and the
    microjoules besides."""

    __tablename__ = "quarter_total"

    quarter_us: int = big_key()
    consumer: str = key()
    component: str = key()
    part: str = key()
    quality: str = key()
    site: str = key()
    energy_j: int = big()
    rest_uj: int = big()


class DayTotal(SQLModel, table=True):
    """Energy of all hosts of a site on a day, as above; `profile` has it by quarter-hour of the day
    (`profiles`)."""

    __tablename__ = "day_total"

    day_us: int = big_key()
    consumer: str = key()
    component: str = key()
    part: str = key()
    quality: str = key()
    site: str = key()
    energy_j: int = big()
    rest_uj: int = big()
    profile: bytes


class DayCover(SQLModel, table=True):
    """As `HostDayCover`, of all devices of a component and rated power (0: of unknown power)."""

    __tablename__ = "day_cover"

    day_us: int = big_key()
    component: str = key()
    rated_power_uw: int = big_key()
    paged_us: int = big()
    lost_us: int = big()
    told_us: int = big()


class DayGap(SQLModel, table=True):
    """As `HostDayGap`, of all hosts."""

    __tablename__ = "day_gap"

    day_us: int = big_key()
    kind: str = key()
    component: str = key()
    cause: str = key()
    duration_us: int = big()


compare_bytes()
