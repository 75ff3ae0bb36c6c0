"""The settings of the usage reader: one frozen class, from one TOML file.

In: the file. Out: which gateways and servers are asked, whose each team or key is, and where pages
go. An unknown setting is fatal; a message names the file, the field and the remedy.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from exporters import push
from exporters.errors import SettingsError
from exporters.gateway.mapping import MappingError, Owners, Rule
from exporters.gateway.options import DEFAULT_CONFIG
from exporters.link import Trust
from exporters.settings import check_service, read_toml, split_listen
from footprint import codes
from footprint.interval import check_page_seconds

ANY_MODEL = "*"

GatewayKind = Literal["litellm", "sglang", "opengatellm"]
ServerKind = Literal["vllm", "sglang", "tgi", "llamacpp"]

PATHS = {
    "litellm": "/metrics/",
    "opengatellm": "/v1/usage",
}
"""Where each kind tells its usage unless the URL has a path of its own; the others: /metrics."""


_MODEL_EXAMPLE = 'models = { "NAME" = { server = "CODE", model = "CODE" } }'


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gateway's model is here: the code of the server and of the model."""

    server: str
    model: str


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gateway. `models`: its name of each model (`*`: any other) to a server and a model;
    `rules`: from labels to a SIA, in order; `token_file`: the bearer token that it wants."""

    kind: GatewayKind
    url: str
    models: dict[str, Model]
    rules: list[Rule] = []
    token_file: str | None = None

    def place(self, names: tuple[str, ...]) -> Model | None:
        """The model by the first of its names that is known, None where none is."""
        known = (self.models[name] for name in names if name in self.models)
        return next(known, self.models.get(ANY_MODEL))


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model server whose own counters are read: everything it serves is `model` of `server`;
    several tables with the same two are its replicas."""

    kind: ServerKind
    url: str
    server: str
    model: str
    token_file: str | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a reader can be told. `name` is its own code in the ledger, one for each reader.

    `service` is the base URL of the service (none: pages stay in the spool), `token_file` holds the
    bearer token for it, `ca_file`, `certificate_file` and `key_file` whom to trust and what to show
    (`link.Trust`); gateways and servers are asked every `poll_seconds`.
    """

    name: str
    gateways: Annotated[list[Gateway], msgspec.Meta(min_length=1)]
    servers: list[Server] = []
    service: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    state_dir: str = "/var/lib/footprint-gateway"
    listen: str = "127.0.0.1:9878"
    poll_seconds: Annotated[int, msgspec.Meta(ge=1, le=300)] = 15
    page_seconds: int = 900

    @property
    def trust(self) -> Trust:
        """Whom to trust as the service, and what to show to it."""
        return Trust(self.ca_file, self.certificate_file, self.key_file)

    @property
    def state_path(self) -> Path:
        """Where the spool and the key of its digests live."""
        return Path(self.state_dir)

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port of /metrics."""
        return split_listen(self.listen)


def load(path: Path | None) -> Settings:
    """Settings from the file (None: the default one). Raises SettingsError."""
    source = path or Path(DEFAULT_CONFIG)
    return parse(read_toml(source, optional=False), source)


def parse(values: dict[str, Any], source: Path) -> Settings:
    """Settings from what a file holds. Raises SettingsError: what, in which file, the remedy."""
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {error} (in {source}); {_known(str(error))}") from error
    try:
        _check(settings)
    except (ValueError, SettingsError) as error:
        raise SettingsError(f"settings: {error} (in {source})") from error
    return settings


def _known(error: str) -> str:
    """What may be written where the error is: of the innermost table that it names."""
    tables: dict[str, type[msgspec.Struct]] = {
        ".rules[": Rule,
        ".models[": Model,
        ".gateways[": Gateway,
        ".servers[": Server,
    }
    table = next((table for at, table in tables.items() if at in error), Settings)
    fields = ", ".join(field.name for field in msgspec.structs.fields(table))
    return f"known there: {fields}"


def _check(settings: Settings) -> None:
    codes.check_code(settings.name, "name")
    check_page_seconds(settings.page_seconds)
    split_listen(settings.listen)
    check_service(settings.service)
    kinds = {gateway.kind for gateway in settings.gateways}
    if len(kinds) > 1:
        raise ValueError(
            f"gateways: {' and '.join(sorted(kinds))} in one reader; run a reader for each kind, "
            "with a name and a state_dir of its own"
        )
    for number, gateway in enumerate(settings.gateways, 1):
        _check_gateway(f"gateways, table {number}", gateway)
    for number, server in enumerate(settings.servers, 1):
        where = f"servers, table {number}"
        codes.check_code(server.server, f"{where}: server")
        codes.check_code(server.model, f"{where}: model")
        check_url(server.url, f"{where}: url")
    for what, tables in (("gateways", settings.gateways), ("servers", settings.servers)):
        urls = [table.url for table in tables]
        for url in urls:
            if urls.count(url) > 1:
                raise ValueError(f"{what}: {url} stands twice; it would be counted twice")


def _check_gateway(where: str, gateway: Gateway) -> None:
    check_url(gateway.url, f"{where}: url")
    if not gateway.models:
        raise ValueError(f"{where}: models is empty; write {_MODEL_EXAMPLE}")
    for name, model in gateway.models.items():
        codes.check_code(model.server, f"{where}: models, {name}: server")
        codes.check_code(model.model, f"{where}: models, {name}: model")
    try:
        Owners(gateway.rules)
    except MappingError as error:
        raise ValueError(f"{where}: {error}") from error


def check_url(url: str, what: str) -> None:
    """Raise ValueError or SettingsError unless it is the URL of something to ask."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{what}: {url!r} is not a URL; write http://HOST[:PORT]")
    push.split_url(url, what)
