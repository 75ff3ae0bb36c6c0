"""Where labels are asked for: engines' files, declarations, an engine's socket, a kubelet."""

import json
import logging
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from exporters.settings import Kubelet
from exporters.workloads import listings
from exporters.workloads.engine_files import Declared, DockerFiles, PodmanFiles
from exporters.workloads.labels import LABEL, Known, Labels, Unknown
from exporters.workloads.listings import Listing
from exporters.workloads.units import Unit
from tests.exporters.engine_server import container, engine, kubelet, pod, pods
from tests.exporters.test_redfish_tls import authority, certified

ID, OTHER = "ab" * 32, "cd" * 32
UID = "8f7b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d"
DOCKER, PODMAN = Unit("container", ID, "docker"), Unit("container", ID, "libpod")
WANTED = frozenset([LABEL, "team"])
SAID = {LABEL: "chat", "team": "ia", "maintainer": "somebody"}
KEPT = {LABEL: "chat", "team": "ia"}


README = Path(__file__).parents[2] / "README.md"


def write(path: Path, content: object) -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_dockers_file_gives_the_labels_that_rules_name(tmp_path: Path) -> None:
    """The form of config.v2.json; of its environment and command nothing is kept."""
    state = {
        "ID": ID,
        "Image": "sha256:0",
        "Name": "/brave_turing",
        "Config": {"Env": ["SECRET=1"], "Cmd": ["serve"], "Labels": SAID},
    }
    path = write(tmp_path / "containers" / ID / "config.v2.json", state)
    source = DockerFiles(tmp_path, WANTED)
    assert source.ask(DOCKER) == Known(KEPT, str(path))
    assert source.ask(PODMAN) is None
    assert source.ask(Unit("pod", UID)) is None
    write(path, {"Config": {"Labels": None}})
    assert source.ask(DOCKER) == Known({}, str(path))


def test_podmans_file_gives_annotations(tmp_path: Path) -> None:
    """The runtime's config.json; one without an annotation may have a label elsewhere."""
    path = tmp_path / "overlay-containers" / ID / "userdata" / "config.json"
    write(path, {"ociVersion": "1.0.2", "process": {"env": ["A=b"]}, "annotations": SAID})
    source = PodmanFiles(tmp_path, WANTED)
    assert source.ask(PODMAN) == Known(KEPT, str(path))
    write(path, {"ociVersion": "1.0.2", "annotations": {"run.oci.handler": "krun"}})
    assert isinstance(source.ask(PODMAN), Unknown)


@pytest.mark.parametrize(
    ("content", "why"),
    [("{", "truncated"), ('{"Config": []}', "Expected `object"), ('{"Config": {"Labels": 1}}', "")],
)
def test_a_state_file_that_cannot_be_used_is_a_reason(
    tmp_path: Path, content: str, why: str
) -> None:
    """Never labels without reason, never an exception."""
    path = write(tmp_path / "containers" / ID / "config.v2.json", content)
    answer = DockerFiles(tmp_path, WANTED).ask(DOCKER)
    assert isinstance(answer, Unknown)
    assert answer.failed
    assert str(path) in answer.why
    assert why in answer.why


def test_pipes_and_huge_files_are_not_waited_for(tmp_path: Path) -> None:
    """A pipe without a writer; a file that is longer than any state."""
    folder = tmp_path / "containers" / ID
    folder.mkdir(parents=True)
    path = folder / "config.v2.json"
    os.mkfifo(path)
    answer = DockerFiles(tmp_path, WANTED).ask(DOCKER)
    assert isinstance(answer, Unknown)
    assert "no regular file" in answer.why
    path.unlink()
    with path.open("w") as file:
        file.truncate(5 * 2**20)
    answer = DockerFiles(tmp_path, WANTED).ask(DOCKER)
    assert isinstance(answer, Unknown)
    assert "longer than" in answer.why


def test_declarations_are_read_when_they_come(tmp_path: Path) -> None:
    """A file for a pod, one for a job with its account; a unit unknown before is asked again."""
    folder = tmp_path / "declared"
    labels = Labels([Declared(folder, WANTED)])
    job, unit = Unit("job", "17"), Unit("pod", UID)
    for _ in range(5):
        assert labels.of(job).known is None
    folder.mkdir(mode=0o755)
    path = write(folder / "job-17", "account=ia-vision\nuser=somebody\n")
    assert labels.of(job).known == Known({}, str(path), "ia-vision")
    path = write(folder / f"pod-{UID}", "sia=chat\naccount=not-a-job\n")
    assert labels.of(unit).known == Known({LABEL: "chat"}, str(path), "")
    path.unlink()
    assert labels.of(unit).known is not None, "what is known of a unit stays while it lives"
    labels.keep([job])
    assert labels.of(unit).known is None


@pytest.mark.parametrize("says", ["", "\n", "note=nothing\n", "sia=\n", "account=ia\n"])
def test_a_declaration_that_says_nothing_hides_no_label(tmp_path: Path, says: str) -> None:
    """Docker's label holds, and it alone is named as the place where that is known."""
    write(tmp_path / "declared" / f"container-{ID}", says)
    path = write(tmp_path / "containers" / ID / "config.v2.json", {"Config": {"Labels": SAID}})
    labels = Labels([Declared(tmp_path / "declared", WANTED), DockerFiles(tmp_path, WANTED)])
    assert labels.of(DOCKER).known == Known(KEPT, str(path))


def test_a_declaration_holds_before_dockers_label(tmp_path: Path) -> None:
    """Also one that begins with the mark that some editors put before UTF-8."""
    path = write(tmp_path / "declared" / f"container-{ID}", "\ufeffsia=ocr\n")
    write(tmp_path / "containers" / ID / "config.v2.json", {"Config": {"Labels": SAID}})
    labels = Labels([Declared(tmp_path / "declared", WANTED), DockerFiles(tmp_path, WANTED)])
    assert labels.of(DOCKER).known == Known({LABEL: "ocr"}, str(path))


def test_a_declared_sia_that_is_no_code_is_told_and_dockers_label_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, without the value: it may be a name. Where nobody knows better, it stays."""
    declared = write(tmp_path / "declared" / f"container-{ID}", "sia=Somebody's\nteam=ocr\n")
    labels = Labels([Declared(tmp_path / "declared", WANTED), DockerFiles(tmp_path, WANTED)])
    before = labels.of(DOCKER).known
    assert before == Known({LABEL: "Somebody's", "team": "ocr"}, str(declared))
    path = write(tmp_path / "containers" / ID / "config.v2.json", {"Config": {"Labels": SAID}})
    where = f"{declared}, {path}"
    for _ in range(5):
        assert labels.of(DOCKER).known == Known({LABEL: "chat", "team": "ocr"}, where)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        f"container {ID[:12]}: the value of its label {LABEL} is no code in {declared}; that in "
        f"{path} holds"
    )


def test_what_two_sources_say_of_one_unit_is_joined(tmp_path: Path) -> None:
    """A job's account of the first, the labels of the second, of each name the first."""
    first = write(tmp_path / "first" / "job-17", "account=ia\n")
    second = write(tmp_path / "second" / "job-17", "account=other\nsia=chat\n")
    labels = Labels([Declared(first.parent, WANTED), Declared(second.parent, WANTED)])
    known = labels.of(Unit("job", "17")).known
    assert known == Known({LABEL: "chat"}, f"{first}, {second}", "ia")


def test_a_container_without_labels_is_known_when_it_is_declared(tmp_path: Path) -> None:
    """Docker's file without a label is no last word: the folder of declarations has news."""
    docker = write(tmp_path / "containers" / ID / "config.v2.json", {"Config": {"Labels": {}}})
    labels = Labels([Declared(tmp_path / "declared", WANTED), DockerFiles(tmp_path, WANTED)])
    for _ in range(5):
        assert labels.of(DOCKER).known == Known({}, str(docker))
    path = write(tmp_path / "declared" / f"container-{ID}", "sia=chat\n")
    assert labels.of(DOCKER).known == Known({LABEL: "chat"}, str(path))


def test_the_readmes_prolog_declares_a_job(tmp_path: Path) -> None:
    """As Slurm would run it: account and comment; a comment of two lines changes no account."""
    text = README.read_text(encoding="utf-8").partition("\n#!/bin/sh\n")[2].partition("```")[0]
    script = text.replace("/run/footprint-declared", str(tmp_path / "declared"))
    comment = "sia:chat\naccount=another\nsia=another"
    names = {"SLURM_JOB_ID": "17", "SLURM_JOB_ACCOUNT": "ia", "SLURM_JOB_COMMENT": comment}
    subprocess.run(["sh", "-c", script], env=names, check=True)
    found = Declared(tmp_path / "declared", WANTED).ask(Unit("job", "17"))
    assert found == Known({LABEL: "chat"}, str(tmp_path / "declared" / "job-17"), "ia")
    subprocess.run(["sh", "-c", script], env={**names, "SLURM_JOB_COMMENT": "a note"}, check=True)
    found = Declared(tmp_path / "declared", WANTED).ask(Unit("job", "17"))
    assert found == Known({}, str(tmp_path / "declared" / "job-17"), "ia")


def test_a_folder_that_everybody_may_write_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody could charge another's SIA: one line, however many units ask."""
    caplog.set_level(logging.INFO, "footprint.agent")
    write(tmp_path / "job-17", "sia=chat\n")
    write(tmp_path / "job-18", "sia=chat\n")
    tmp_path.chmod(0o777)
    labels = Labels([Declared(tmp_path, WANTED)])
    assert labels.of(Unit("job", "17")).known is None
    assert labels.of(Unit("job", "18")).known is None
    (line,) = [record.getMessage() for record in caplog.records]
    assert "may be written by everybody; chmod o-w" in line
    tmp_path.chmod(0o755)
    (tmp_path / "job-19").touch()
    assert labels.of(Unit("job", "17")).known is not None
    assert caplog.records[-1].getMessage() == "the folder of declarations answers again"


def asked(source: Listing, unit: Unit, *, known: bool = True) -> Known | Unknown:
    """The answer once the thread has had it."""
    for _ in range(200):
        answer = source.ask(unit)
        if isinstance(answer, Known) == known:
            assert answer is not None
            return answer
        time.sleep(0.05)
    raise AssertionError(answer)


def told(source: Listing, unit: Unit) -> Known | Unknown | None:
    """The answer to the first question."""
    source.ask(unit)
    source.wait(0)
    return source.ask(unit)


def test_an_engines_socket_is_asked_once_for_what_it_lists(tmp_path: Path) -> None:
    """A list answers for all in it; a new container makes one more; known ones none."""
    listed = [container(ID, SAID)]
    paths: list[str] = []

    def reply(path: str, _: str) -> tuple[int, Any]:
        paths.append(path)
        return 200, listed

    with engine(tmp_path / "sock", reply):
        source = listings.engine(str(tmp_path / "sock"), WANTED, 5)
        for _ in range(10):
            assert told(source, DOCKER) == Known(KEPT, f"the engine at {tmp_path}/sock")
        assert source.ask(Unit("pod", UID)) is None
        assert paths == ["/containers/json"]
        listed.append(container(OTHER, None))
        answer = asked(source, Unit("container", OTHER))
        assert answer == Known({}, f"the engine at {tmp_path}/sock")
        assert len(paths) == 2
        source.close()


def test_an_engine_that_does_not_answer_is_a_line_and_heals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No socket, then an error, then the answer: one line for the first, one for the last."""
    caplog.set_level(logging.INFO, "footprint.agent")
    path = tmp_path / "sock"
    source = listings.engine(str(path), WANTED, 5)
    labels = Labels([source])
    for _ in range(5):
        assert labels.of(DOCKER).known is None
    assert labels.of(DOCKER).why == [f"the engine at {path}: No such file or directory"]
    with engine(path, lambda *_: (200, [container(ID, SAID)])):
        asked(source, DOCKER)
        assert labels.of(DOCKER).known is not None
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"the engine at {path}: No such file or directory: whose container {ID[:12]} is stays "
        "unknown (@system)",
        f"the engine at {path} answers again",
    ]
    labels.close()


def test_a_slow_engine_does_not_hold_up_a_tick(tmp_path: Path) -> None:
    """A server that never answers: asking returns after a moment, and at once the next time."""
    release = tmp_path / "release"

    def reply(*_: str) -> tuple[int, Any]:
        while not release.exists():
            time.sleep(0.02)
        return 200, [container(ID, SAID)]

    with engine(tmp_path / "sock", reply):
        source = listings.engine(str(tmp_path / "sock"), WANTED)
        assert told(source, DOCKER) == Unknown("has not answered yet")
        assert told(source, DOCKER) == Unknown("has not answered yet")
        release.touch()
        assert asked(source, DOCKER) == Known(KEPT, f"the engine at {tmp_path}/sock")
        source.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities; `ours` vouches for the kubelet."""
    folder = tmp_path_factory.mktemp("tls")
    authority(folder, "ours")
    authority(folder, "theirs")
    return folder


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A token's file."""
    return write(tmp_path / "token", "good\n")


def kubelets(path: str, authorization: str) -> tuple[int, Any]:
    """A kubelet with one pod that knows one token."""
    if authorization != "Bearer good":
        return 401 if not authorization.endswith("weak") else 403, "Unauthorized"
    return (200, pods(pod(UID, SAID))) if path == "/pods" else (404, "")


def test_a_kubelet_gives_the_labels_of_this_nodes_pods(tls: Path, token: Path) -> None:
    """By TLS that our authority vouches for, with a token that is read anew for each call."""
    with kubelet(certified(tls, "127.0.0.1"), kubelets) as url:
        token.write_text("old\n")
        source = listings.kubelet(Kubelet(str(token), str(tls / "ours.pem"), url), WANTED, 5)
        answer = told(source, Unit("pod", UID))
        assert isinstance(answer, Unknown)
        assert answer.why == "GET /pods was answered with 401; check token_file"
        token.write_text("weak\n")
        weak = "GET /pods was answered with 403; the token needs: get nodes/pods (of this node)"
        while isinstance(answer, Unknown) and answer.why != weak:
            time.sleep(0.05)
            answer = source.ask(Unit("pod", UID))
        token.write_text("good\n")
        assert asked(source, Unit("pod", UID)) == Known(KEPT, f"the kubelet at {url}")
        assert source.ask(DOCKER) is None
        source.close()


def test_a_kubelet_of_another_authority_never_sees_the_token(tls: Path, token: Path) -> None:
    """The certificate is checked before anything is said."""
    seen: list[str] = []

    def reply(_: str, authorization: str) -> tuple[int, Any]:
        seen.append(authorization)
        return 200, pods()

    with kubelet(certified(tls, "127.0.0.1"), reply) as url:
        source = listings.kubelet(Kubelet(str(token), str(tls / "theirs.pem"), url), WANTED, 5)
        answer = told(source, Unit("pod", UID))
        source.close()
    assert isinstance(answer, Unknown)
    assert "its certificate is not trusted" in answer.why
    assert "check ca_file" in answer.why
    assert seen == []


def test_a_list_that_is_none_is_a_reason(tmp_path: Path) -> None:
    """Another form, and text that is no JSON's form of a list."""
    for body, why in (({"message": "page not found"}, "Expected `array`"), ("x", "Expected")):
        with engine(tmp_path / "sock", lambda *_, body=body: (200, body)):
            source = listings.engine(str(tmp_path / "sock"), WANTED, 5)
            answer = told(source, DOCKER)
            source.close()
        assert isinstance(answer, Unknown)
        assert why in answer.why
