"""One agent a host: two would count every joule twice.

In: the run folder, the root of the cgroup tree. Out: what to hold while metering. The lock file is
found by every agent that sees the same run folder; one in a container has a folder of its own, but
the tree that it watches is the host's (one file system for all, cgroups(7)), and is locked as well.
"""

import contextlib
import fcntl
import logging
import os
from pathlib import Path

from exporters.errors import AgentError

HOSTS_OWN = Path("/run/footprint")
"""The run folder of an agent that meters for good; another one is given on purpose, to meter beside
it."""

log = logging.getLogger("footprint.agent")


class Lock:
    """Held from the start to the end of metering."""

    def __init__(self, run_dir: Path, tree: Path | None, proc: Path = Path("/proc")) -> None:
        """Raises AgentError: who holds it, or why it cannot be taken."""
        self._held = [_lock_file(run_dir)]
        if tree is not None and run_dir == HOSTS_OWN:
            try:
                self._held += _lock_tree(tree, proc)
            except BaseException:
                self.release()
                raise

    def release(self) -> None:
        """Let another one meter."""
        while self._held:
            os.close(self._held.pop())


def _lock_file(run_dir: Path) -> int:
    path = run_dir / "agent.lock"
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        facts = run_dir.stat()
        if facts.st_uid not in (0, os.geteuid()) or facts.st_mode & 0o022:
            raise AgentError(
                f"lock: others can write to {run_dir}; give --run-dir a folder of your own"
            )
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise AgentError(
            f"lock: cannot open {path}: {error.strerror}; give --run-dir a folder of your own"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise AgentError(
            f"lock: another footprint-agent runs on this host ({path} is held); stop it first"
        ) from error
    return descriptor


def _lock_tree(tree: Path, proc: Path) -> list[int]:
    try:
        descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return []  # whoever cannot open the tree meters nothing in it either
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holders = _holders(descriptor, proc)
        os.close(descriptor)
        if holders and not holders & {0, os.geteuid()}:
            log.warning(
                "lock: %s is held by user %d, who is no agent: metering goes on", tree, min(holders)
            )
            return []
        raise AgentError(
            f"lock: another footprint-agent meters this host, maybe in a container ({tree} is "
            "held); stop one of them, or both would count the same joules"
        ) from error
    except OSError:
        os.close(descriptor)
        return []
    return [descriptor]


def _holders(descriptor: int, proc: Path) -> set[int]:
    """The users of processes that hold a lock on a file, as far as they can be seen (proc(5):
    locks): anybody may lock a folder that he may read."""
    facts = os.fstat(descriptor)
    place = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    users = set()
    with contextlib.suppress(OSError):
        for line in (proc / "locks").read_text().splitlines():
            words = line.split()
            if place in words and "->" not in words:
                with contextlib.suppress(OSError):
                    users.add((proc / words[4]).stat().st_uid)
    return users
