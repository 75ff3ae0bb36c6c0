"""What runs in a group, told from names as each engine and driver makes them."""

import pytest

from exporters.workloads.units import Unit, may_hold_units, unit_at

ID = "0123456789abcdef" * 4
UID = "8f7b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d"
UNDERSCORED = UID.replace("-", "_")
HASH = "0123456789abcdef" * 2
PODS = "/kubepods.slice/kubepods-burstable.slice"

FOUND = {
    f"/system.slice/docker-{ID}.scope": Unit("container", ID, "docker"),
    f"/docker/{ID}": Unit("container", ID),
    f"/chat.slice/{ID}": Unit("container", ID),
    f"/chat.slice/docker-{ID}.scope": Unit("container", ID, "docker"),
    f"/machine.slice/libpod-{ID}.scope": Unit("container", ID, "libpod"),
    f"/libpod_parent/libpod-{ID}": Unit("container", ID, "libpod"),
    f"/system.slice/nerdctl-{ID}.scope": Unit("container", ID, "nerdctl"),
    f"{PODS}/kubepods-burstable-pod{UNDERSCORED}.slice": Unit("pod", UID),
    f"/kubepods.slice/kubepods-pod{HASH}.slice": Unit("pod", HASH),
    f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UNDERSCORED}.slice": Unit(
        "pod", UID
    ),
    f"/kubepods/besteffort/pod{UID}": Unit("pod", UID),
    f"/kubepods/pod{UID}": Unit("pod", UID),
    "/system.slice/slurmstepd.scope/job_17": Unit("job", "17"),
    "/system.slice/node1_slurmstepd.scope/job_17": Unit("job", "17"),
    "/slurm/uid_1000/job_17": Unit("job", "17"),
    "/slurm_node1/uid_1000/job_17": Unit("job", "17"),
}

NOTHING = [
    "/",
    "/system.slice/docker.service",
    f"/machine.slice/libpod-conmon-{ID}.scope",
    f"/system.slice/docker-{ID[:-1]}.scope",
    f"/system.slice/docker-{ID}.scope/init",
    f"{PODS}/kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope",
    f"/kubepods/besteffort/pod{UID}/{ID}",
    "/system.slice/slurmstepd.scope/system",
    "/system.slice/slurmstepd.scope/job_17/step_0/user/task_0",
    # names that users and containers choose
    f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope",
    "/user.slice/user-1000.slice/slurmstepd.scope/job_17",
    f"/system.slice/docker-{ID}.scope/docker/{ID[::-1]}",
    f"/system.slice/docker-{ID}.scope/slurmstepd.scope/job_17",
    f"/system.slice/docker-{ID}.scope/kubepods/pod{UID}",
]


@pytest.mark.parametrize("path", FOUND)
def test_a_unit_is_told_from_its_groups_name(path: str) -> None:
    """systemd and cgroupfs drivers, v1 and v2, several daemons on one node."""
    assert unit_at(path) == FOUND[path]


@pytest.mark.parametrize("path", NOTHING)
def test_what_is_no_unit_or_inside_of_one_is_none(path: str) -> None:
    """Monitors, groups inside a unit, and whatever users may have named so."""
    assert unit_at(path) is None


def test_places_of_units_are_known_before_the_first_one() -> None:
    """What begins and ends there unseen is then not taken for the system's."""
    for path in ("/docker", "/kubepods/burstable", PODS, "/system.slice/slurmstepd.scope"):
        assert may_hold_units(path)
    for path in ("/system.slice", "/", f"/docker/{ID}", f"{PODS}/kubepods-pod{HASH}.slice"):
        assert not may_hold_units(path)
