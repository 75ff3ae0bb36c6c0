"""`footprint-agent explain`, as its user meets it: on real processes in real control groups."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.settings import load
from exporters.workloads.mounts import find_root
from exporters.workloads.rules import Rules
from tests.exporters.burning import Burner, house
from tests.exporters.nobody import footprint_agent, shared_folder, the_line

CONTAINER = "ab" * 32
EXPLAIN = """
docker_root = "{folder}"
declared_dir = "{folder}/declared"
[[workloads]]
cgroup = "/{own}/chat-*.service"
sia = "chat"
[[workloads]]
account = "ia-vision"
sia = "vision"
"""


@pytest.fixture
def own() -> Iterator[Path]:
    """A group of the test's own."""
    with house() as group:
        yield group


def explain(
    folder: Path, own: Path, what: object, started: str = "none", **environment: str
) -> tuple[int, str]:
    """Exit code and what was printed, with rules for groups below `own`, and `run`'s group."""
    config = folder / "agent.toml"
    config.write_text(EXPLAIN.format(folder=folder, own=own.name))
    options = ("--config", config, "--run-dir", folder / "run", "--workload-group", started)
    result = footprint_agent("explain", what, *options, **environment)
    assert result.stderr == ""
    return result.returncode, result.stdout


def test_a_nested_process_is_its_units(tmp_path: Path, own: Path) -> None:
    """Which group above decides, by which rule; every group up to it; those beyond are named."""
    inner = own / "chat-1.service" / "inner"
    inner.mkdir(parents=True)
    burner = Burner(inner, 0.01)
    code, text = explain(tmp_path, own, burner.pid)
    burner.end()
    unit, rule = f"/{own.name}/chat-1.service", f"rule 1 (cgroup /{own.name}/chat-*.service)"
    assert code == 0
    head, why, *_ = text.splitlines()
    assert head.startswith(f"Process {burner.pid} is in the control group {unit}/inner")
    assert head.endswith("belongs to SIA chat: its CPU time is counted there.")
    assert why == f"Why: {rule} applies to the group {unit} above it: its path matches."
    assert f"    no: {rule}: its path does not match\n" in text
    assert f"    yes: {rule}: its path matches\n" in text
    assert f"not looked at, because the nearest decides: /{own.name}\n" in text


def test_a_group_may_be_named_by_its_path_or_its_folder(tmp_path: Path, own: Path) -> None:
    """Below the root, or below the file system; what `run` made says so."""
    group = own / "traduction"
    group.mkdir()
    for what in (group, f"/{own.name}/traduction", f"{own.name}/traduction/"):
        code, text = explain(tmp_path, own, what, own.name)
        assert code == 0
        assert "belongs to SIA traduction" in text
        assert "`footprint-agent run` applies to that group" in text


def test_what_nobody_declared_is_the_systems_and_says_how_to_declare_it(
    tmp_path: Path, own: Path
) -> None:
    """Exit code 3; the rule to write; on a GPU it would be a finding."""
    group = own / "cron.service"
    group.mkdir()
    burner = Burner(group, 0.01)
    code, text = explain(tmp_path, own, burner.pid)
    burner.end()
    assert code == 3
    assert "belongs to no SIA: its CPU time is @system's." in text
    assert f'\n[[workloads]]\ncgroup = "/{own.name}/cron.service"\nsia = "CODE"\n' in text
    assert "@unregistered" in text


ODD = ("[ab]", "a?", "a*b", "a**b", 'say "hi"', r"disk-by\x2dlabel", "été", "a\x1b[2Jb", "\u202eb")
ODD_BYTES = (b"chat-\xff\xfe", b"\xf0\x9f\x92\xbe\xf3\xa0\x80\x81")


@pytest.mark.parametrize("name", [*ODD, *map(os.fsdecode, ODD_BYTES)], ids=ascii)
def test_the_rule_it_advises_can_be_pasted_and_names_the_group(
    tmp_path: Path, own: Path, name: str
) -> None:
    """Whatever the name: the advised lines, read as a settings file, make the group the SIA's."""
    group = own / name
    group.mkdir()
    code, text = explain(tmp_path, own, group, PYTHONIOENCODING="utf-8:strict")
    assert code == 3
    advised = text[text.index("[[workloads]]") :].partition("\n\n")[0].replace("CODE", "chat")
    path = tmp_path / "agent.toml"
    path.write_text(advised)
    (rule,) = load(path, {}).workloads
    match = Rules([rule], "footprint").sia_of(f"/{own.name}/{name}")
    assert match is not None
    assert (match.sia, match.group) == ("chat", f"/{own.name}/{name}")


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_a_name_never_reaches_the_terminal_as_more_than_text(
    tmp_path: Path, own: Path, encoding: str
) -> None:
    """What would steer a terminal, or cannot be written to it, is shown as its number."""
    group = own / os.fsdecode(b"a\x1b[31m\xff\xc3\xa9")
    group.mkdir()
    burner = Burner(group, 0.01)
    _, of_group = explain(tmp_path, own, group, PYTHONIOENCODING=encoding)
    _, of_process = explain(tmp_path, own, burner.pid, PYTHONIOENCODING=encoding)
    burner.end()
    shown = r"a\x1b[31m\xff" + ("é" if encoding.startswith("utf") else r"\xe9")
    for text in (of_group, of_process):
        assert f"control group /{own.name}/{shown}" in text
        assert not [one for one in text if not one.isprintable() and one != "\n"]
    absent = the_line(footprint_agent("explain", "/no\x1b[2Jsuch", PYTHONIOENCODING=encoding))
    assert r"explain: /no\x1b[2Jsuch is no control group below" in absent


@pytest.mark.parametrize("sign", ["a", "7", "a/"])
def test_a_name_that_is_too_long_is_one_short_line(sign: str) -> None:
    """No name of a file or number of a process is that long; it is not repeated whole."""
    line = the_line(footprint_agent("explain", sign * 5000))
    assert line.startswith(f"footprint-agent: explain: {'no process ' if sign == '7' else sign}")
    assert len(line) < 400


def test_a_container_says_where_its_label_was_looked_for(tmp_path: Path, own: Path) -> None:
    """Without state: every place, and the remedy; with it: the SIA, never its environment."""
    group = own / f"docker-{CONTAINER}.scope"
    group.mkdir()
    code, text = explain(tmp_path, own, group)
    state = tmp_path / "containers" / CONTAINER / "config.v2.json"
    assert code == 3
    why = f"As for the label footprint.sia: nothing is known of container {CONTAINER[:12]}: "
    assert text.splitlines()[2].startswith(why)
    assert f"there is no {state}" in text
    assert f"there is no {tmp_path}/declared/container-{CONTAINER}" in text
    assert "start it with the label footprint.sia=CODE" in text
    state.parent.mkdir(parents=True)
    labels = {"footprint.sia": "vision", "maintainer": "somebody"}
    state.write_text(json.dumps({"Config": {"Env": ["SECRET=1"], "Labels": labels}}))
    code, text = explain(tmp_path, own, group)
    assert code == 0
    assert "belongs to SIA vision" in text
    assert "SECRET" not in text
    assert "somebody" not in text


def test_kernel_first_process_root_and_ended_ones(tmp_path: Path, own: Path) -> None:
    """Each has its own sentence; what is not there is one line with a remedy."""
    for what, says in {
        2: "it is a thread of the kernel",
        1: "it is the first process",
        "/": "it counts the whole host",
    }.items():
        code, text = explain(tmp_path, own, what)
        assert code == 3
        assert says in text
    ended = subprocess.Popen([sys.executable, "-I", "-c", ""])
    ended.wait()
    for what, line in {
        str(
            ended.pid
        ): f"footprint-agent: explain: no process {ended.pid} can be seen here; it has ended",
        "/no/such": "footprint-agent: explain: /no/such is no control group below",
        "/../etc": "footprint-agent: explain: /../etc is no control group below",
    }.items():
        assert the_line(footprint_agent("explain", what)).startswith(line)
    assert footprint_agent("explain").returncode == 2


def test_a_followed_process_is_told_and_nothing_is_removed(tmp_path: Path, own: Path) -> None:
    """Declared in the run folder, because no group could be made: its children too."""
    root = tmp_path / "none"
    root.mkdir()
    run_dir = tmp_path / "run"
    program = Path(sys.executable).parent / "footprint-agent"
    command = ["run", "--sia", "chat", "--cgroup-root", root, "--run-dir", run_dir, "--"]
    process = subprocess.Popen(
        [program, *command, "sh", "-c", "sleep 60 & echo $!; wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.stdout.close()
    stale = run_dir / "workloads" / "4194000"
    stale.write_text("chat 1\n")
    code, text = explain(tmp_path, own, child)
    os.kill(child, 15)
    process.wait()
    assert code == 0
    assert text.startswith(f"Process {child} belongs to SIA chat.\nWhy: it, or a process that it")
    assert stale.exists()


def test_without_rights_the_group_is_told_and_what_could_not_be_read(own: Path) -> None:
    """Whose a process is needs no right; a label that only root may read is a reason, no zero."""
    group = own / f"docker-{CONTAINER}.scope"
    group.mkdir()
    with shared_folder() as folder:
        closed = folder / "docker" / "containers"
        closed.mkdir(parents=True, mode=0o700)
        config = folder / "agent.toml"
        config.write_text(f'docker_root = "{folder}/docker"\ndeclared_dir = "{folder}/declared"\n')
        burner = Burner(group, 0.01)
        result = footprint_agent("explain", burner.pid, "--config", config, nobody=True)
        burner.end()
    assert result.returncode == 3, result.stderr
    assert result.stderr == ""
    assert f"cannot read {closed}/{CONTAINER}/config.v2.json: permission denied" in result.stdout


def test_without_a_tree_it_is_one_line(tmp_path: Path) -> None:
    """A folder that is no tree is refused; the tree that is found is named in errors."""
    line = the_line(footprint_agent("explain", "1", "--cgroup-root", tmp_path))
    assert line.endswith(f"explain: {tmp_path} is no tree of control groups; leave cgroup_root out")
    assert str(find_root()) in the_line(footprint_agent("explain", "/no/such"))
