"""What a metering agent needs around its sensors: is it there, and what to do where it is not.

In: settings, the machine's files. Out: `Check`s for the doctor. Nothing here writes, takes a lock
or opens the spool, so that it can run beside an agent that is metering.
"""

import ctypes
import http.client
import os
import shutil
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import msgspec

from exporters import link, push
from exporters.errors import AgentError
from exporters.settings import Settings
from exporters.workloads.labels import LABEL
from exporters.workloads.tree import find_tree, is_tree, is_v1

LEAST_FREE_BYTES = 200 * 1024 * 1024
"""Pages of 35 days of a host with many devices take less."""

MOST_OFFSET_SECONDS = 2
"""Between our clock and the service's Date, which counts whole seconds."""

ANSWER_SECONDS = 5

State = Literal["ok", "note", "missing", "BROKEN"]


class Check(msgspec.Struct, frozen=True):
    """One finding: about what, its state, what was seen, and the remedy where there is one.

    `note` is good to know; `missing` is what this host does not offer; `BROKEN` should work and
    does not.
    """

    about: str
    state: State
    says: str
    remedy: str = ""


def surroundings(settings: Settings, proc: Path = Path("/proc")) -> Iterator[Check]:
    """Workloads, spool, clock, service, and whether an agent runs already."""
    yield from _cgroups(settings)
    yield _spool(settings)
    yield _clock()
    yield from _service(settings)
    yield from _agent(settings, proc)


def _cgroups(settings: Settings) -> Iterator[Check]:
    root = Path(settings.cgroup_root) if settings.cgroup_root else find_tree()
    if root is None:
        remedy = "boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2"
        says = "no tree of control groups: declared processes are followed one by one, at a cost"
        yield Check("workloads", "note", says, remedy)
        return
    if not is_tree(root):
        remedy = "leave cgroup_root out to have the tree found"
        yield Check("workloads", "BROKEN", f"{root} is no tree of control groups", remedy)
        return
    kind = "v1 tree of cpuacct" if is_v1(root) else "cgroup v2 tree"
    yield Check("workloads", "ok", f"{kind} at {root}")
    if not (settings.workloads or (root / settings.workload_group).is_dir()):
        says = "no workload is declared: all CPU energy will be @system's"
        if _hears_labels(settings):
            says = f"no rule is set: a SIA is only what has a label {LABEL} or a declaration"
        remedy = "add [[workloads]] rules, or start with: footprint-agent run --sia CODE -- COMMAND"
        yield Check("workloads", "note", says, remedy)
    for rule in settings.workloads:
        if rule.cgroup is not None and not any(root.glob(rule.cgroup.strip("/"))):
            says = f"no control group matches {rule.cgroup} of SIA {rule.sia} now"
            yield Check("workloads", "note", says, "start the service, or correct the rule")
    yield from _labels(settings)


def _hears_labels(settings: Settings) -> bool:
    """Whether there is a source that may know a label or a declaration."""
    folders = (settings.docker_root, settings.podman_root, settings.declared_dir)
    readable = any(os.access(folder, os.R_OK | os.X_OK) for folder in folders)
    return readable or bool(settings.engine_sockets or settings.kubelet)


def _labels(settings: Settings) -> Iterator[Check]:
    """Engines whose containers' labels this user cannot read, and declarations of anybody."""
    places = {"Docker": Path(settings.docker_root), "Podman": Path(settings.podman_root)}
    for engine, folder in places.items():
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
            says = f"cannot read {folder}: the labels of {engine}'s containers are not known"
            remedy = "run as root, or start them with --cgroup-parent and add a rule for that group"
            yield Check("workloads", "note", says, remedy)
    declared = Path(settings.declared_dir)
    if os.path.isdir(declared) and declared.stat().st_mode & stat.S_IWOTH:
        says = f"everybody may write {declared}: declarations there are not believed"
        yield Check("workloads", "BROKEN", says, f"chmod o-w {declared}")


def _spool(settings: Settings) -> Check:
    folder = settings.state_path
    # os.path: a folder that this user may not look into is one that it cannot write either.
    existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    remedy = "run as the agent's user, or give --state-dir a folder that you can write"
    if not existing.is_dir():
        return Check("spool", "BROKEN", f"{existing} is no folder", remedy)
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check("spool", "BROKEN", f"cannot write {folder}: permission denied", remedy)
    free_bytes = shutil.disk_usage(existing).free
    where = f"{folder}, {free_bytes // 2**20:,} MiB free on its disk"
    if free_bytes < LEAST_FREE_BYTES:
        says = f"{where}: pages that find no room become gaps"
        return Check("spool", "BROKEN", says, "free 200 MiB there, or move it with --state-dir")
    return Check("spool", "ok", where if existing == folder else f"{where} (made at start)")


def _clock() -> Check:
    """adjtimex(2): the kernel knows whether something keeps its clock."""
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if answer == 5:  # TIME_ERROR
        says = f"{at}; the kernel does not know its clock to be synchronised"
        remedy = "install chrony or systemd-timesyncd (in a guest, the hypervisor may keep it)"
        return Check("clock", "note", says, remedy)
    if answer < 0:
        return Check("clock", "note", f"{at}; the kernel does not say whether it is synchronised")
    return Check("clock", "ok", f"{at}, synchronised")


def _service(settings: Settings) -> Iterator[Check]:
    url = settings.service
    if url is None:
        says = "none configured: pages stay in the spool"
        yield Check("service", "note", says, "give --service URL, or set service in agent.toml")
        return
    try:
        token = push.read_token(settings.token_file)
        service = push.Service(url, token, trust=settings.trust)
        try:
            status, answer = service.send([])
        finally:
            service.close()
    except AgentError as error:
        yield Check("service", "BROKEN", str(error))
        return
    except (OSError, http.client.HTTPException) as error:
        remedy = "is it running, and does a firewall let this host reach it? curl -v URL/readyz"
        yield Check("service", "BROKEN", f"{url} does not answer: {error}", remedy)
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        says = f"{url} answers {status}: {answer.title or 'refused'}"
        yield Check("service", "BROKEN", says, "put this host's token into token_file")
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.NOT_FOUND:
        says = f"{url} answers {status}: {answer.title or 'no reason given'}"
        yield Check("service", "BROKEN", says, "is this the address of the footprint service?")
        return
    yield Check("service", "ok", f"{url} answers, and takes pages from this host")
    if token and link.is_open(url):
        says = "the token goes there by plain http, for everybody on the way to read"
        yield Check("service", "BROKEN", says, "give the service a certificate, and write https://")
    yield from _service_clock(url)


def _service_clock(url: str) -> Iterator[Check]:
    """Our clock against the Date of the service's answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url.rstrip('/')}/livez", timeout=ANSWER_SECONDS) as answer:
            then = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return  # a proxy without a Date: nothing to compare with
    offset_seconds = time.time() - then
    if abs(offset_seconds) > MOST_OFFSET_SECONDS + 1:
        says = (
            f"{offset_seconds:+.0f} s from the service's clock: pages land in wrong quarter-hours"
        )
        yield Check("clock", "BROKEN", says, "synchronise both hosts (chronyc tracking)")


def _agent(settings: Settings, proc: Path) -> Iterator[Check]:
    """Whether somebody holds the host-wide lock, from proc(5) locks: asking is not taking."""
    path = settings.run_path / "agent.lock"
    try:
        facts = path.stat()
        table = (proc / "locks").read_text()
    except OSError:
        yield Check("agent", "note", "none runs on this host", "footprint-agent start")
        return
    place = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    held = any(place in line.split() for line in table.splitlines())
    if not held:
        yield Check("agent", "note", "none runs on this host", "footprint-agent start")
        return
    yield _metrics(settings)


def _metrics(settings: Settings) -> Check:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"http://{settings.listen}/metrics"
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            answer.read(1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        says = f"one runs, and {url} does not answer: {error}"
        return Check("agent", "note", says, "does it listen elsewhere? give its --config")
    return Check("agent", "ok", f"one runs; {url} answers")
