"""The register: directorates, projects, SIA and their dated shares, servers, sites, hardware, and
AI services outside the house.

In: JSON or YAML bodies. Out: structs; `register_check` says what they must hold. A SIA belongs to
one project or, by dated shares in permille that add up to 1000 at each instant, to several.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from footprint import codes
from footprint.embodied import YEARS
from footprint.service.errors import PlaceError

Code = Annotated[str, msgspec.Meta(pattern=rf"^{codes.CODE_PATTERN}\Z")]
SHOWN = rf"^{codes.SHOWN_PATTERN}\Z"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=SHOWN)]
Permille = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Weight = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Proof = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=SHOWN)]
Zone = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,8})*\Z", max_length=40)]
Unit = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=SHOWN)]
ModelName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}\Z")]
PART_PATTERN = r"^[a-z][a-z0-9_-]{0,40}(/[a-z][a-z0-9_-]{0,40}){0,2}\Z"
WHOLE = 1000


class RegisterError(PlaceError):
    """Something that cannot be registered."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict about what it decodes."""


class Directorate(_Strict, frozen=True):
    """A directorate of the ministry."""

    code: Code
    name: Name


class Project(_Strict, frozen=True):
    """A project and the directorate that runs it."""

    code: Code
    name: Name
    directorate: Code


class Dated(_Strict, frozen=True, kw_only=True, rename={"from_": "from"}, omit_defaults=True):
    """What holds over Paris days [from, to); both may be left out: since ever, for ever."""

    from_: date | None = None
    to: date | None = None


class Share(Dated, frozen=True, kw_only=True):
    """Permille of a SIA that a project carries."""

    project: Code
    permille: Permille


class Alias(Dated, frozen=True, kw_only=True):
    """Another code under which facts of a SIA stand: an earlier one, or one nobody had known."""

    code: Code


Stage = Literal["study", "experiment", "deployment", "production", "retired"]
Hosting = Literal["own", "shared", "external"]
Charter = Literal["recommended", "allowed", "restricted", "forbidden"]
Users = Literal["1-9", "10-49", "50-249", "250+"]
"""How many people use a SIA."""
SMALL: Users = "1-9"


class Sia(_Strict, frozen=True):
    """An AI system and the projects that carry it (none: not allocated). `unit` names what it does
    one of at a time (page, document, second of audio): its functional unit, if it has one.
    `purpose` is in plain words; `hosting` says where it runs: a server of its own, a shared
    platform, a service of others; `charter` what the charter for AI makes of it; `owner` is a role,
    never a person; `users` how many people use it, by which small ones are published together.
    None: nobody said. `aliases` are further codes of it.
    """

    code: Code
    name: Name
    shares: Annotated[list[Share], msgspec.Meta(max_length=1000)] = []
    aliases: Annotated[list[Alias], msgspec.Meta(max_length=1000)] = []
    unit: Unit | None = None
    purpose: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=SHOWN)] | None = (
        None
    )
    stage: Stage | None = None
    hosting: Hosting | None = None
    charter: Charter | None = None
    owner: Name | None = None
    users: Users | None = None

    @property
    def is_small(self) -> bool:
        """Whether what it uses would tell of few people; where nobody said, it might."""
        return self.users in (None, SMALL)


class Weights(_Strict, frozen=True):
    """What a token weighs when a server's energy is split: one prompted, one generated."""

    prompt: Weight
    generated: Weight


class Server(_Strict, frozen=True):
    """A shared server: a consumer whose energy is split over those who use it.

    `weights` is None where none are declared: the method's own then; "fit": those that the server's
    own energy tells, as long as it tells them, else the method's. `idle`: whether its idle
    energy is split over its users of the month, or stays its own. `models` names the boards (GPU
    UUIDs) of each of its models, where it serves several on boards of their own.
    """

    code: Code
    name: Name
    weights: Weights | Literal["fit"] | None = None
    idle: Literal["use", "none"] = "use"
    models: dict[str, list[str]] = {}


class SiteHost(Dated, frozen=True, kw_only=True):
    """A host that stands in a site."""

    host: Code


class Pue(Dated, frozen=True, kw_only=True):
    """Power usage effectiveness: energy of the whole site over that of its IT (ISO/IEC 30134-2),
    and the document that proves it. `category`: where the IT's energy is measured (1: at the UPS,
    2: at the distribution units, 3: at the IT itself)."""

    value: Decimal
    document: Proof
    category: Annotated[int, msgspec.Meta(ge=1, le=3)] | None = None


class Wue(Dated, frozen=True, kw_only=True):
    """Water usage effectiveness: litres of water that the site uses for each kilowatt-hour of its
    IT (ISO/IEC 30134-9), and the document that proves it. `category` as that standard has it."""

    value: Decimal
    document: Proof
    category: Annotated[int, msgspec.Meta(ge=1, le=3)] | None = None


class Contract(Dated, frozen=True, kw_only=True):
    """Permille of a site's electricity that is bought under a contract with its own emissions (a
    supplier's offer, guarantees of origin), in gCO2 per kWh, and the document that proves it."""

    permille: Permille
    g_per_kwh: Decimal
    document: Proof


class Site(_Strict, frozen=True):
    """A place where hosts stand: the zone of its electricity, its hosts, its dated PUE and WUE
    (none on a day: not known then), and what of its electricity is bought under contracts."""

    code: Code
    name: Name
    zone: Zone = "FR"
    hosts: Annotated[list[SiteHost], msgspec.Meta(max_length=20_000)] = []
    pue: Annotated[list[Pue], msgspec.Meta(max_length=1000)] = []
    wue: Annotated[list[Wue], msgspec.Meta(max_length=1000)] = []
    contracts: Annotated[list[Contract], msgspec.Meta(max_length=1000)] = []


class HardwarePart(_Strict, frozen=True):
    """So many of a part, named as factors name it: `gpu/h100`."""

    part: Annotated[str, msgspec.Meta(pattern=PART_PATTERN)]
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class Hardware(_Strict, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What a host (`code`) is made of: in service from a Paris day on, until another if that is
    known; what making it caused is written off over so many years."""

    code: Code
    name: Name
    from_: date
    to: date | None = None
    lifetime_years: Annotated[int, msgspec.Meta(ge=1, le=20)] = YEARS
    parts: Annotated[list[HardwarePart], msgspec.Meta(min_length=1, max_length=1000)]
    document: Proof | None = None


class External(_Strict, frozen=True):
    """An AI service outside the house, whose hosts nobody here can measure. `provider` and the
    values of `models` are called as EcoLogits calls them; the keys of `models` are the codes that
    usage has. `zone` is that of its electricity (ISO 3166-1 alpha-3), None where the provider does
    not say: then where EcoLogits supposes its hosts to be.
    """

    code: Code
    name: Name
    provider: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}\Z")]
    models: Annotated[dict[Code, ModelName], msgspec.Meta(min_length=1, max_length=1000)]
    zone: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")] | None = None


class Register(_Strict, frozen=True):
    """A register's file: everything in it is taken over, or nothing."""

    directorates: list[Directorate] = []
    projects: list[Project] = []
    sia: list[Sia] = []
    servers: list[Server] = []
    sites: list[Site] = []
    hardware: list[Hardware] = []
    externals: list[External] = []


Item = Directorate | Project | Sia | Server | Site | Hardware | External
LISTS: dict[str, type[Item]] = {
    "directorates": Directorate,
    "projects": Project,
    "sia": Sia,
    "servers": Server,
    "sites": Site,
    "hardware": Hardware,
    "externals": External,
}
"""Every list of a register, and what its items are."""


def holds(dated: Dated, day: date) -> bool:
    """Whether something holds on a Paris day."""
    return (dated.from_ is None or dated.from_ <= day) and (dated.to is None or day < dated.to)


def permille(shares: Iterable[Share], day: date) -> Mapping[str, int]:
    """The projects that carry a SIA on a Paris day, with their permille."""
    return {share.project: share.permille for share in shares if holds(share, day)}
