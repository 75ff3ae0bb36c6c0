"""The agent's settings: one frozen class, from a TOML file and the command line.

An unknown setting is fatal: a misspelt one must not be taken for its default.
"""

import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec

from exporters.errors import SettingsError
from exporters.link import Trust
from footprint import codes
from footprint.interval import check_page_seconds

DEFAULT_CONFIG = Path("/etc/footprint/agent.toml")
MAX_CHECKPOINT_SECONDS = 30
LEAST_SPOOL_MIB = 16
"""A month of pages of a host without cards; the spool's log and reserve take nine of it."""
CGROUP_MOUNT = "/sys/fs/cgroup"
GPU_UUID = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z/-]+")


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule: what it names belongs to SIA `sia`. The first rule that matches wins.

    It names one of: control groups whose path below the root matches `cgroup` (`*` for any name, or
    part of one, of one level); containers and pods with the label `label` (`NAME=VALUE`; `NAME`
    alone, without `sia`: the label's value is the SIA); Slurm jobs of the account `account`.
    `phase` says what of the SIA's life they are for.
    """

    cgroup: str | None = None
    sia: str = ""
    label: str | None = None
    account: str | None = None
    phase: codes.Phase | None = None

    @property
    def consumer(self) -> str:
        """Whose energy it is."""
        return codes.phased(self.sia, self.phase)


class Kubelet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This node's kubelet, asked for the labels of its pods: a bearer token that may read
    `nodes/pods`, and the certificate authority that signed the kubelet's certificate."""

    token_file: str
    ca_file: str
    url: str = "https://127.0.0.1:10250"


class Reservation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GPUs (by UUID) held for one SIA, or one phase of its life, whoever runs there."""

    sia: str
    gpus: list[str]
    phase: codes.Phase | None = None

    @property
    def consumer(self) -> str:
        """Whose energy it is."""
        return codes.phased(self.sia, self.phase)


class Bmc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A management controller that meters this host, by Redfish; `password_file` holds the
    password of `user`, `ca_file` certificates to trust instead of the system's."""

    url: str
    user: str
    password_file: str
    ca_file: str | None = None
    name: str = "bmc"


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The emission factor of an agent that runs without a service; shown beside the grams."""

    grams_per_kwh: Decimal
    zone: str
    source: str
    valid_from: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything an agent can be told; every setting has a working default.

    `service` is the base URL of the service (none: pages stay in the spool); `token_file` holds the
    bearer token for it; `ca_file`, `certificate_file`, `key_file`: whom to trust and what to show
    (`link.Trust`). `spool_mib`: what the spool may take of the disk. `page_seconds` divides 900.
    `cgroup_root` is found when not given.
    `workload_group` is the control group under which `footprint-agent run` puts commands.
    `declared_dir` holds one file a pod, job or container that says whose it is; `docker_root` and
    `podman_root` are where the engines keep what they know of containers; `engine_sockets` are
    sockets of engines to ask, none unless named: whoever may connect to one is root.
    """

    host_id: str | None = None
    service: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    state_dir: str | None = None
    run_dir: str | None = None
    spool_mib: Annotated[int, msgspec.Meta(ge=LEAST_SPOOL_MIB)] = 512
    listen: str = "127.0.0.1:9877"
    page_seconds: int = 900
    checkpoint_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHECKPOINT_SECONDS)] = 10
    record: str | None = None
    powercap_root: str = "/sys/class/powercap"
    event_source_root: str = "/sys/bus/event_source/devices"
    hwmon_root: str = "/sys/class/hwmon"
    cgroup_root: str | None = None
    workload_group: str = "footprint"
    declared_dir: str = "/run/footprint-declared"
    docker_root: str = "/var/lib/docker"
    podman_root: str = "/var/lib/containers/storage"
    engine_sockets: list[str] = []
    kubelet: Kubelet | None = None
    rapl: Literal["auto", "powercap", "perf", "off"] = "auto"
    nvml: Literal["auto", "off"] = "auto"
    hwmon: Literal["auto", "off"] = "auto"
    model: Literal["auto", "off"] = "auto"
    ipmi: Literal["auto", "off"] = "auto"
    factor: Factor | None = None
    workloads: list[Workload] = []
    reservations: list[Reservation] = []
    bmc: list[Bmc] = []

    @property
    def trust(self) -> Trust:
        """Whom to trust as the service, and what to show to it."""
        return Trust(self.ca_file, self.certificate_file, self.key_file)

    @property
    def state_path(self) -> Path:
        """Where the spool lives."""
        return Path(self.state_dir) if self.state_dir else default_state_dir()

    @property
    def run_path(self) -> Path:
        """Where the host-wide lock and the declarations of followed processes live."""
        return Path(self.run_dir) if self.run_dir else default_run_dir()

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port of /metrics."""
        return split_listen(self.listen)


def default_state_dir() -> Path:
    """/var/lib/footprint-agent for root, else the user's own state folder (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/footprint-agent")
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "footprint-agent"


def default_run_dir() -> Path:
    """/run/footprint for root, else the user's own runtime folder."""
    if os.geteuid() == 0:
        return Path("/run/footprint")
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "footprint" if base else Path(f"/tmp/footprint-{os.geteuid()}")  # noqa: S108


def load(path: Path | None, overrides: dict[str, Any]) -> Settings:
    """Settings from the file (the default one if it exists), then `overrides` that are not None.

    Raises SettingsError: what, in which file, and the remedy.
    """
    source = path or DEFAULT_CONFIG
    values = read_toml(source, optional=path is None)
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings: {error} (in {source}); {_known(str(error))}") from error
    _check(settings)
    try:
        _check_workloads(settings)
        _check_reservations(settings.reservations)
    except ValueError as error:  # of tables that only a file can hold
        raise SettingsError(f"settings: {error} (in {source})") from error
    return settings


def _known(error: str) -> str:
    """What may be written where the error is: the settings, or what one of their tables holds."""
    tables: dict[str, type[msgspec.Struct]] = {
        "workloads": Workload,
        "reservations": Reservation,
        "bmc": Bmc,
        "kubelet": Kubelet,
        "factor": Factor,
    }
    at = re.search(r"at `\$\.(\w+)", error)
    table = tables.get(at[1]) if at else None
    known = ", ".join(field.name for field in msgspec.structs.fields(table or Settings))
    return f"known in {at[1]}: {known}" if at and table else f"known settings: {known}"


def read_toml(path: Path, *, optional: bool) -> dict[str, Any]:
    """What the file holds; nothing where it may be missing and is. Raises SettingsError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return {}
        raise SettingsError(
            f"settings: cannot read {path}: {error.strerror}; give --config a file you can read"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings: {path} is not TOML: {error}") from error


def _check(settings: Settings) -> None:
    try:
        check_page_seconds(settings.page_seconds)
        codes.check_code(settings.workload_group, "workload_group")
    except ValueError as error:
        raise SettingsError(str(error)) from error
    names = [rule.name for rule in settings.bmc]
    for name in names:
        if not codes.is_code(name) or names.count(name) > 1:
            raise SettingsError(
                f"bmc: name = {name!r} is no code, or stands twice; give each its own code"
            )
    grams_per_kwh = settings.factor.grams_per_kwh if settings.factor else Decimal(0)
    if not (grams_per_kwh.is_finite() and 0 <= grams_per_kwh < 10_000):
        raise SettingsError(
            f"factor: grams_per_kwh = {grams_per_kwh} is no emission factor; "
            "write grams of CO2 equivalent per kilowatt-hour, such as 46.1"
        )
    split_listen(settings.listen)
    check_service(settings.service)


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of an address to listen on. Raises SettingsError."""
    host, separator, port = listen.rpartition(":")
    numeric = port.isascii() and port.isdigit()
    if not separator or not host or not numeric or int(port) > 65535:
        raise SettingsError(
            f"listen: {listen!r} is not ADDRESS:PORT; write 127.0.0.1:9877, for example"
        )
    return host.strip("[]"), int(port)


def check_service(service: str | None) -> None:
    """Raise SettingsError unless it is a URL, or none."""
    if service is not None and not service.startswith(("http://", "https://")):
        raise SettingsError(f"service: {service!r} is not a URL; write https://HOST[:PORT]")


def _check_workloads(settings: Settings) -> None:
    for number, rule in enumerate(settings.workloads, 1):
        try:
            _check_workload(rule, settings.cgroup_root or CGROUP_MOUNT)
        except ValueError as error:
            raise ValueError(f"workloads, rule {number}: {error}") from error


def _check_workload(rule: Workload, cgroup_root: str) -> None:
    fields = {"cgroup": rule.cgroup, "label": rule.label, "account": rule.account}
    named = [name for name, value in fields.items() if value is not None]
    if len(named) != 1:
        raise ValueError(
            f"it names {' and '.join(named) or 'nothing'}; write one of cgroup, label or account, "
            "and sia"
        )
    if rule.cgroup is not None:
        _check_pattern(rule.cgroup, cgroup_root)
    if rule.account is not None and not _is_name(rule.account):
        raise ValueError(f"account = {rule.account!r} is no account; write the name of one")
    if rule.label is not None and not _check_label(rule.label, rule.sia):
        return
    codes.check_code(rule.sia, "sia")


def _is_name(text: str) -> bool:
    return text != "" and text == text.strip()


def _check_label(label: str, sia: str) -> bool:
    """Whether the rule needs a SIA: without a value, the label's own value is it."""
    name, equals, _ = label.partition("=")
    if not _is_name(name):
        raise ValueError(f"label = {label!r} is no label; write NAME=VALUE or NAME")
    if not equals and sia:
        raise ValueError(
            f"label = {label!r} takes the SIA from the label's value; leave sia out, or write "
            "NAME=VALUE"
        )
    return equals != ""


def _check_pattern(cgroup: str, cgroup_root: str) -> None:
    """A rule names groups below the root, which itself is nobody's."""
    levels = _levels(cgroup)
    if not levels or any(level == ".." or "**" in level or "\0" in level for level in levels):
        raise ValueError(
            f"cgroup = {cgroup!r} names no group below the root; write a path such as "
            "'system.slice/chat.service', with * for any name of one level"
        )
    for mount in filter(None, (_levels(cgroup_root), _levels(CGROUP_MOUNT))):
        if levels[: len(mount)] == mount:
            raise ValueError(
                f"cgroup = {cgroup!r} begins with where the tree is mounted; leave "
                f"'/{'/'.join(mount)}' out: the path begins below it, such as "
                "'/system.slice/chat.service'"
            )


def _levels(path: str) -> tuple[str, ...]:
    return PurePosixPath(path.strip("/")).parts


def _check_reservations(reservations: list[Reservation]) -> None:
    """Each GPU is named by UUID (an index may be another card after a restart), for one SIA."""
    holders: dict[str, str] = {}
    for number, reserved in enumerate(reservations, 1):
        where = f"reservations, table {number}"
        codes.check_code(reserved.sia, f"{where}: sia")
        for uuid in reserved.gpus:
            if GPU_UUID.fullmatch(uuid) is None:
                raise ValueError(
                    f"{where}: gpus = {uuid!r} is no UUID, which begins with GPU- or MIG-; "
                    "`nvidia-smi -L` shows them"
                )
            holder = holders.setdefault(uuid, reserved.consumer)
            if holder != reserved.consumer:
                raise ValueError(
                    f"{where}: {uuid} is reserved for {reserved.consumer} and for {holder}; leave "
                    "it to one of them"
                )
