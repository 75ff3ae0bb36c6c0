"""What runs in a control group, told from its path: a container, a pod, a Slurm job.

In: a path below the root. Out: the kind of unit and its id. Only the outermost unit counts: what is
made inside a container (or in a user's own part of the tree) can have any name, and must not be
taken for another's.

Names, by who makes them (systemd driver; cgroupfs driver):
  Docker       docker-<id>.scope; docker/<id>, or <--cgroup-parent>/<id>
  Podman       libpod-<id>.scope; libpod_parent/libpod-<id>
  containerd   nerdctl-<id>.scope (in pods cri-containerd-<id>.scope, which counts as its pod)
  Kubernetes   [kubelet-]kubepods[-burstable|-besteffort]-pod<uid with _ for ->.slice;
               kubepods[/burstable|/besteffort]/pod<uid>
  Slurm        [<node>_]slurmstepd.scope/job_<id>; with cgroup v1 slurm[_<node>]/uid_<n>/job_<id>
Sources: moby/daemon/oci_linux.go; podman/libpod/container_internal_linux.go; kubernetes/pkg/kubelet
/cm/{cgroup_manager,pod_container_manager}_linux.go; Slurm, cgroup_v2.html and cgroups.html.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

Kind = Literal["container", "pod", "job"]

_CONTAINER = (
    re.compile(r"/(?P<engine>docker|libpod|nerdctl)-(?P<id>[0-9a-f]{64})\.scope$"),
    re.compile(r"/libpod_parent/(?P<engine>libpod)-(?P<id>[0-9a-f]{64})$"),
    re.compile(r"/(?P<id>[0-9a-f]{64})$"),
)
_POD = (
    re.compile(
        r"/(?:[^/]+-)?kubepods(?:-burstable|-besteffort)?-pod(?P<id>[0-9a-f_]{32,36})\.slice$"
    ),
    re.compile(r"/kubepods(?:/burstable|/besteffort)?/pod(?P<id>[0-9a-f-]{32,36})$"),
)
_JOB = (
    re.compile(r"^(?:/[^/]+\.slice)?/(?:[^/]+_)?slurmstepd\.scope/job_(?P<id>\d{1,10})$"),
    re.compile(r"^/slurm(?:_[^/]+)?/uid_\d+/job_(?P<id>\d{1,10})$"),
)
_KINDS: tuple[tuple[Kind, tuple[re.Pattern[str], ...]], ...] = (
    ("pod", _POD),
    ("job", _JOB),
    ("container", _CONTAINER),
)
_HOLDS = re.compile(
    r"^/(?:docker|libpod_parent|(?:[^/]+-)?kubepods[^/]*(?:/[^/]*)?|slurm[^/]*|slurm[^/]*/uid_\d+"
    r"|(?:[^/]+\.slice/)?(?:[^/]+_)?slurmstepd\.scope)$"
)

USERS = "/user.slice"
"""Users name their own groups here: no name below it is believed."""


class Unit(msgspec.Struct, frozen=True):
    """A container (of which engine, where the name says it), a pod, or a job, and its id."""

    kind: Kind
    id: str
    engine: str = ""

    def __str__(self) -> str:
        """`container 0123456789ab`, `pod <uid>`, `job 17`."""
        return f"{self.kind} {self.id[:12] if self.kind == 'container' else self.id}"


def unit_at(path: str) -> Unit | None:
    """The unit whose outermost group this very path is."""
    found = _named(path)
    if found is None or path.startswith(USERS + "/") or any(map(_named, above(path))):
        return None
    return found


def may_hold_units(path: str) -> bool:
    """Whether this is a place where nothing but containers, pods or jobs are made."""
    return _HOLDS.match(path) is not None and unit_at(path) is None


def above(path: str) -> Iterator[str]:
    """The groups above a path, nearest first, without the root."""
    while "/" in path[1:]:
        path = path.rpartition("/")[0]
        yield path


def _named(path: str) -> Unit | None:
    for kind, patterns in _KINDS:
        for pattern in patterns:
            match = pattern.search(path)
            if match:
                unit = match["id"].replace("_", "-") if kind == "pod" else match["id"]
                return Unit(kind, unit, match.groupdict().get("engine") or "")
    return None
