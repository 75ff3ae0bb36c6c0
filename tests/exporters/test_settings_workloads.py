"""Rules and reservations without sense are refused: which one, in which file, the remedy."""

from pathlib import Path

import pytest

from exporters.settings import Reservation, load
from tests.exporters.test_settings import file, refusal

RULES = {
    'cgroup = "a"\nsia = "Chat"': "sia: 'Chat' is not a code",
    'cgroup = "a"\nsia = "@system"': "sia: '@system' is not a code",
    'sia = "chat"': "it names nothing; write one of cgroup, label or account, and sia",
    'cgroup = "a"\nlabel = "b=c"\nsia = "x"': "it names cgroup and label; write one of",
    'label = "team=ia"': "sia: '' is not a code",
    'label = "=ia"\nsia = "x"': "label = '=ia' is no label; write NAME=VALUE",
    'label = ""': "label = '' is no label; write NAME=VALUE or NAME",
    'label = "team"\nsia = "x"': "takes the SIA from the label's value; leave sia out",
    'account = "ia"': "sia: '' is not a code",
    'account = ""\nsia = "x"': "account = '' is no account; write the name of one",
    'account = " ia"\nsia = "x"': "account = ' ia' is no account; write the name of one",
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_without_sense_is_told_by_its_number_and_file(tmp_path: Path, rule: str) -> None:
    """As `explain` counts them, from 1; the one before it is right."""
    right = '[[workloads]]\ncgroup = "/a"\nsia = "chat"\n'
    path = file(tmp_path, f"{right}[[workloads]]\n{rule}\n")
    line = refusal(path)
    assert line.startswith("settings: workloads, rule 2: ")
    assert RULES[rule] in line
    assert line.endswith(f" (in {path})")


@pytest.mark.parametrize(
    "cgroup",
    ["", "/", ".", "//./", "..", "a/../..", "/x/../y", "**", "a/b**", "/x/**", "a\\u0000"],
)
def test_a_rule_that_names_no_group_below_the_root_is_refused(tmp_path: Path, cgroup: str) -> None:
    """The root group counts the whole host and is nobody's."""
    path = file(tmp_path, f'[[workloads]]\ncgroup = "{cgroup}"\nsia = "chat"\n')
    line = refusal(path)
    assert line.startswith("settings: workloads, rule 1: cgroup = ")
    assert "names no group below the root; write a path such as" in line
    assert line.endswith(f" (in {path})")


@pytest.mark.parametrize("root", ["", "/", "/sys/fs/cgroup", "/host/cgroup"])
def test_a_rule_begins_below_the_mounted_tree(tmp_path: Path, root: str) -> None:
    """A group's folder in place of its path would name nothing; groups of like names may be."""
    said = f'cgroup_root = "{root}"\n' if root else ""
    tree = "/host/cgroup" if root == "/host/cgroup" else "/sys/fs/cgroup"
    for cgroup in (tree, f"{tree}/chat.slice", f"{tree[1:]}/chat.slice/", "/sys/fs/cgroup/x"):
        path = file(tmp_path, f'{said}[[workloads]]\ncgroup = "{cgroup}"\nsia = "chat"\n')
        line = refusal(path)
        assert f"workloads, rule 1: cgroup = '{cgroup}' begins with where the tree is" in line
        assert "the path begins below it, such as '/system.slice/chat.service'" in line
    for cgroup in ("/sys/fs", "/sys", "/host", "/x/sys/fs/cgroup", "/sys/fs/cgroups/x", "^a$"):
        path = file(tmp_path, f'{said}[[workloads]]\ncgroup = "{cgroup}"\nsia = "chat"\n')
        assert load(path, {}).workloads[0].cgroup == cgroup


def reserve(*tables: tuple[str, list[str]]) -> str:
    """A file's text."""
    return "".join(f'[[reservations]]\nsia = "{sia}"\ngpus = {gpus}\n' for sia, gpus in tables)


@pytest.mark.parametrize("name", ["0", "", "1,2", "gpu-1", "GPU-", " GPU-1", "NVIDIA H200"])
def test_a_reserved_gpu_is_named_by_its_uuid(tmp_path: Path, name: str) -> None:
    """An index would name no card, and reserve nothing."""
    path = file(tmp_path, reserve(("chat", ["GPU-1"]), ("vision", ["GPU-2", name])))
    line = refusal(path)
    assert line.startswith(f"settings: reservations, table 2: gpus = {name!r} is no UUID, which ")
    assert line.endswith(f"begins with GPU- or MIG-; `nvidia-smi -L` shows them (in {path})")


def test_a_gpu_is_reserved_for_one_sia(tmp_path: Path) -> None:
    """Both are named; the same one twice is no contradiction."""
    mig = "MIG-5b4e07f6-3a86-4340-039d-25f2a83cdc43"
    path = file(tmp_path, reserve(("chat", ["GPU-1", mig]), ("vision", ["GPU-2", mig])))
    line = refusal(path)
    assert f"reservations, table 2: {mig} is reserved for vision and for chat; " in line
    assert line.endswith(f" (in {path})")
    file(tmp_path, reserve(("chat", ["GPU-1", mig]), ("chat", [mig, f"MIG-{mig}/3/0"])))
    assert load(path, {}).reservations == [
        Reservation("chat", ["GPU-1", mig]),
        Reservation("chat", [mig, f"MIG-{mig}/3/0"]),
    ]


def test_a_reservation_is_for_a_code(tmp_path: Path) -> None:
    """What is no code never reaches the ledger."""
    path = file(tmp_path, reserve(("a b", [])))
    assert "reservations, table 1: sia: 'a b' is not a code" in refusal(path)
