"""What files say of containers, pods and jobs: engines' own state, and declarations.

In: `<docker_root>/containers/<id>/config.v2.json` (labels), Podman's
`<podman_root>/overlay-containers/<id>/userdata/config.json` (annotations: its labels are in a
database of its own), and `<declared_dir>/<kind>-<id>`, a file for each unit, which a Slurm prolog
or whoever starts pods writes. Out: the labels that are asked for; the rest is skipped unread.
Sources: moby/container/container.go (`Config.Labels`); OCI runtime-spec, config.md (annotations).
"""

import os
import stat
from collections.abc import Collection
from pathlib import Path

import msgspec

from exporters.workloads.labels import LABEL, Known, Unknown
from exporters.workloads.units import Unit

MOST_BYTES = 4 * 2**20
DECLARED_BYTES = 4096


class _DockerConfig(msgspec.Struct):
    labels: dict[str, str] | None = msgspec.field(name="Labels", default=None)


class _Docker(msgspec.Struct):
    config: _DockerConfig | None = msgspec.field(name="Config", default=None)


class _Oci(msgspec.Struct):
    annotations: dict[str, str] | None = None


class DockerFiles:
    """Docker's state files: readable by root."""

    name = "Docker's state file"
    version = 0

    def __init__(self, root: Path, wanted: Collection[str]) -> None:
        self._folder = root / "containers"
        self._wanted = wanted

    def ask(self, unit: Unit) -> Known | Unknown | None:
        """Labels of a container that Docker may have started."""
        if unit.kind != "container" or unit.engine not in ("docker", ""):
            return None
        path = self._folder / unit.id / "config.v2.json"
        try:
            found = msgspec.json.decode(read(path, MOST_BYTES), type=_Docker)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            return _unknown(path, error)
        labels = (found.config.labels if found.config else None) or {}
        return Known(chosen(labels, self._wanted), str(path))

    def wait(self, _spent_seconds: float) -> bool:
        """It answered at once."""
        return False

    def close(self) -> None:
        """Nothing is held."""


class PodmanFiles:
    """The OCI configuration that Podman wrote for the runtime: readable by root."""

    name = "Podman's container file"
    version = 0

    def __init__(self, root: Path, wanted: Collection[str]) -> None:
        self._folder = root / "overlay-containers"
        self._wanted = wanted

    def ask(self, unit: Unit) -> Known | Unknown | None:
        """Annotations of a container that Podman started."""
        if unit.kind != "container" or unit.engine not in ("libpod", ""):
            return None
        path = self._folder / unit.id / "userdata" / "config.json"
        try:
            found = msgspec.json.decode(read(path, MOST_BYTES), type=_Oci)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            return _unknown(path, error)
        labels = chosen(found.annotations or {}, self._wanted)
        if labels or not unit.engine:
            return Known(labels, str(path))
        return Unknown(f"{path} has no annotation that a rule names (labels are not in it)")

    def wait(self, _spent_seconds: float) -> bool:
        """It answered at once."""
        return False

    def close(self) -> None:
        """Nothing is held."""


class Declared:
    """A folder that its owner alone may write: one file a unit, `pod-<uid>`, `job-<id>`,
    `container-<id>`, with lines NAME=VALUE: `sia=CODE`, or for a job `account=NAME`.

    It is watched: the folder's own time says when a file came or went.
    """

    name = "the folder of declarations"

    def __init__(self, folder: Path, wanted: Collection[str]) -> None:
        self._folder = folder
        self._wanted = wanted

    @property
    def version(self) -> int:
        """The folder's time of change, 0 where there is none."""
        try:
            return os.stat(self._folder).st_mtime_ns
        except OSError:
            return 0

    def ask(self, unit: Unit) -> Known | Unknown | None:
        """What a unit's file says."""
        path = self._folder / f"{unit.kind}-{unit.id}"
        try:
            if os.stat(self._folder).st_mode & stat.S_IWOTH:
                return Unknown(
                    f"{self._folder} may be written by everybody; chmod o-w", failed=True
                )
            text = read(path, DECLARED_BYTES).decode("utf-8-sig")
        except FileNotFoundError:
            return Unknown(f"there is no {path}")
        except (OSError, ValueError) as error:
            return _unknown(path, error)
        pairs = [line.partition("=") for line in text.splitlines() if "=" in line]
        # The first of a name: what a user could add to it (a comment of two lines) comes later.
        said = {name.strip(): value.strip() for name, _, value in reversed(pairs)}
        account = said.get("account", "") if unit.kind == "job" else ""
        labels = {LABEL: said["sia"]} if said.get("sia") else {}
        return Known(labels | chosen(said, self._wanted), str(path), account)

    def wait(self, _spent_seconds: float) -> bool:
        """It answered at once."""
        return False

    def close(self) -> None:
        """Nothing is held."""


def chosen(labels: dict[str, str], wanted: Collection[str]) -> dict[str, str]:
    """The labels that a rule names."""
    return {name: value for name, value in labels.items() if name in wanted}


def read(path: Path, most_bytes: int) -> bytes:
    """A regular file, whole. Raises OSError, ValueError."""
    # Not blocking: where a pipe stands instead, opening it must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it is longer than {most_bytes} bytes")
    return data


def _unknown(path: Path, error: Exception) -> Unknown:
    if isinstance(error, FileNotFoundError):
        return Unknown(f"there is no {path}")
    if isinstance(error, PermissionError):
        return Unknown(f"cannot read {path}: permission denied; run as root", failed=True)
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Unknown(f"cannot use {path}: {reason}", failed=True)
