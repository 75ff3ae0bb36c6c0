"""How a workload takes requests: one JSON line in, one out, over a Unix socket.

In: a function from request to reply. Out: the process's whole life, so that its cgroup holds the
model and nothing else; whoever sends the requests is another process. SIGTERM and SIGINT end it at
once: an inference library in native code would not see a flag.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def end_on_signals() -> None:
    """End promptly and quietly on SIGTERM and SIGINT, whatever is being computed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def serve(path: Path, answer: Answer) -> None:
    """Answer requests on the Unix socket `path`, one connection after the other, until ended.

    Each reply also carries `cpu_ns`, this process's CPU time spent on the request.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        path.unlink(missing_ok=True)
        server.bind(str(path))
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                _converse(connection, answer)


def _converse(connection: socket.socket, answer: Answer) -> None:
    with connection.makefile("rw", encoding="utf-8") as lines:
        try:
            for line in lines:
                before_ns = time.process_time_ns()
                reply = answer(json.loads(line))
                reply["cpu_ns"] = time.process_time_ns() - before_ns
                lines.write(json.dumps(reply) + "\n")
                lines.flush()
        except (BrokenPipeError, ConnectionResetError) as error:
            print(f"demo: the sender left: {error}", file=sys.stderr)
