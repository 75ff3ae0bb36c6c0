"""Real groups named as each engine names them, real processes in them: whose their CPU time is."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from exporters.settings import Settings, Workload
from exporters.workloads import compose
from exporters.workloads.cgroups import RESCAN_TICKS, Cgroups
from exporters.workloads.mounts import cgroup_of
from tests.exporters.burning import Burner, burn, house, near
from tests.exporters.engine_server import container, engine

IDS = [secrets.token_hex(32) for _ in range(5)]
"""New in every run: the whole tree is looked at, and a killed run leaves its groups there."""
UID = str(uuid4())
JOB = secrets.randbelow(10**9)


@pytest.fixture
def own() -> Iterator[Path]:
    """A group of the test's own: it stands for the slice that an engine is told to use."""
    with house() as group:
        yield group


def settings(folder: Path, *rules: Workload, sockets: tuple[Path, ...] = ()) -> Settings:
    """Engines' state below `folder`."""
    return Settings(
        docker_root=str(folder / "docker"),
        podman_root=str(folder / "podman"),
        declared_dir=str(folder / "declared"),
        engine_sockets=[str(path) for path in sockets],
        workload_group="none-of-run",
        workloads=list(rules),
    )


def write(path: Path, content: object) -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def docker(folder: Path, number: str, labels: dict[str, str]) -> None:
    """What Docker keeps of a container."""
    write(folder / "docker/containers" / number / "config.v2.json", {"Config": {"Labels": labels}})


def test_every_engines_containers_pods_and_jobs_have_their_time(tmp_path: Path, own: Path) -> None:
    """One process in each, held against its own getrusage; those without a label are nobody's."""
    docker(tmp_path, IDS[0], {"footprint.sia": "chat"})
    docker(tmp_path, IDS[1], {"com.docker.compose.project": "vision"})
    docker(tmp_path, IDS[2], {"maintainer": "somebody"})
    oci = {"annotations": {"footprint.sia": "traduction"}}
    write(tmp_path / "podman/overlay-containers" / IDS[3] / "userdata/config.json", oci)
    write(tmp_path / f"declared/pod-{UID}", "sia=resume\n")
    write(tmp_path / f"declared/job-{JOB}", "account=ia-ocr\n")
    pod = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + UID.replace("-", "_")
    places = {
        f"docker-{IDS[0]}.scope": "chat",
        IDS[1]: "vision",
        f"docker-{IDS[2]}.scope": None,
        f"libpod-{IDS[3]}.scope/container": "traduction",
        f"{pod}.slice/cri-containerd-{IDS[4]}.scope": "resume",
        "slurm.slice/cron.service": None,
    }
    by_label = Workload(label="com.docker.compose.project=vision", sia="vision")
    by_account = Workload(account="ia-ocr", sia="ocr")
    rules = compose.rules(settings(tmp_path, by_label, by_account))
    true_ns = {}
    for place, sia in places.items():
        (own / place).mkdir(parents=True)
        burner = Burner(own / place, 0.2)
        match = rules.sia_of(cgroup_of(burner.pid) or "")
        assert (match.sia if match else None) == sia, place
        burner.end()
        if sia:
            true_ns[sia] = burner.used_ns
    groups = Cgroups(own.parent, rules)
    read = groups.read_ns()
    groups.close()
    assert read.keys() == true_ns.keys()
    assert all(near(read[sia], true_ns[sia]) for sia in true_ns), (read, true_ns)


def test_a_slurm_job_is_its_accounts(tmp_path: Path, own: Path) -> None:
    """Named as slurmstepd does, in its own scope; the prolog's file comes before the job."""
    scope = own.parent / f"{own.name}_slurmstepd.scope"
    step = scope / f"job_{JOB}" / "step_0"
    rules = compose.rules(settings(tmp_path, Workload(account="ia-ocr", sia="ocr")))
    write(tmp_path / f"declared/job-{JOB}", "account=ia-ocr\n")
    step.mkdir(parents=True)
    try:
        used_ns = burn(step, 0.2)
        groups = Cgroups(own.parent, rules)
        assert near(groups.read_ns()["ocr"], used_ns)
        groups.close()
    finally:
        for folder in (step, step.parent, scope):
            folder.rmdir()


def test_a_label_that_comes_late_counts_from_then_on(tmp_path: Path, own: Path) -> None:
    """An engine that answers after a while: what ran before is not charged at once."""
    group = own / f"libpod-{IDS[0]}.scope"
    group.mkdir()
    burn(group, 0.3)
    path = tmp_path / "podman.sock"
    rules = compose.rules(settings(tmp_path, sockets=(path,)), 5)
    groups = Cgroups(own.parent, rules)
    assert groups.read_ns() == {}
    listed: list[Any] = [container(IDS[0], {"footprint.sia": "chat"})]
    with engine(path, lambda *_: (200, listed)):
        while "chat" not in groups.read_ns():
            time.sleep(0.05)
    late_ns = burn(group, 0.2)
    assert near(groups.read_ns()["chat"], late_ns)
    groups.close()


def test_an_unusable_label_stays_the_systems(
    tmp_path: Path, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, however often it is looked at; the value is not repeated: it may be a name."""
    docker(tmp_path, IDS[0], {"footprint.sia": "Chat de Quelqu'un"})
    group = own / f"docker-{IDS[0]}.scope"
    group.mkdir()
    burn(group, 0.05)
    groups = Cgroups(own.parent, compose.rules(settings(tmp_path)))
    for _ in range(3 * RESCAN_TICKS):
        assert groups.read_ns() == {}
    groups.close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"container {IDS[0][:12]}: the value of its label footprint.sia is no")
    assert "Quelqu" not in line


def test_asking_does_not_grow_with_time(tmp_path: Path, own: Path) -> None:
    """Fifty containers, ten of them nobody knows: a hundred looks later no file was read again."""
    for number in range(50):
        name = secrets.token_hex(32)
        (own / f"docker-{name}.scope").mkdir()
        if number >= 10:
            docker(tmp_path, name, {"footprint.sia": f"sia-{number}"})
    groups = Cgroups(own.parent, compose.rules(settings(tmp_path)))
    for _ in range(4 * RESCAN_TICKS):
        groups.read_ns()
    assert len(groups.paths()) == 40
    files = sorted((tmp_path / "docker/containers").iterdir())
    for folder in files:
        os.utime(folder / "config.v2.json", ns=(0, 0))
    before = [os.stat(folder / "config.v2.json").st_atime_ns for folder in files]
    for _ in range(100):
        groups.read_ns()
    assert [os.stat(folder / "config.v2.json").st_atime_ns for folder in files] == before
    groups.close()
