"""Groups leave file descriptors to everything else: at the limit a scrape is answered too."""

import subprocess
import sys
from pathlib import Path

LIMIT = 100

PROGRAM = """
import errno, http.client, os, resource, sys
from pathlib import Path
from exporters.telemetry import Exposition, serve
from exporters.workloads.tree import SPARE_FILES, Tree

resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
server = serve(Exposition(), ("127.0.0.1", 0))
tree = Tree(Path(sys.argv[1]))
opened = []
try:
    while len(opened) < 2 * {limit}:
        opened.append(tree.open("/chat.slice"))
except OSError as error:
    print(errno.errorcode[error.errno], error.filename)
print(all(tree.used_ns(descriptor) == 7000 for descriptor in opened))
print(len(opened) + SPARE_FILES < {limit})
spare = [os.open("/dev/null", os.O_RDONLY) for _ in range(SPARE_FILES)]
print(len(spare))
for descriptor in spare:
    os.close(descriptor)
connection = http.client.HTTPConnection(*server.server_address, timeout=60)
connection.request("GET", "/metrics")
print(connection.getresponse().status)
server.shutdown()
"""


def test_where_groups_used_all_files_but_the_spare_ones_a_scrape_is_answered(
    tmp_path: Path,
) -> None:
    """The group that would take one of those is refused as the kernel refuses; others are read."""
    group = tmp_path / "chat.slice"
    group.mkdir()
    (group / "cpu.stat").write_text("usage_usec 7\nuser_usec 5\nsystem_usec 2\n")
    program = PROGRAM.format(limit=LIMIT)
    result = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False
    )
    said = result.stdout.splitlines()
    assert said == [f"EMFILE {group}/cpu.stat", "True", "True", "32", "200"], result.stderr


WAITING = """
import os, resource, socket, time
from exporters.telemetry import Exposition, serve

resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
server = serve(Exposition(), ("127.0.0.1", 0))
client = socket.socket()
opened = []
try:
    while len(opened) < 2 * {limit}:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
client.connect(server.server_address)
client.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
began = time.process_time()
time.sleep(2)
print(time.process_time() - began < 0.5)
for descriptor in opened:
    os.close(descriptor)
client.settimeout(60)
print(client.recv(12).decode())
server.shutdown()
"""


def test_a_scrape_that_no_file_is_left_for_waits_at_no_cost_and_is_answered() -> None:
    """Two seconds without any file take far less than the CPU time of asking in a loop."""
    result = subprocess.run(
        [sys.executable, "-c", WAITING.format(limit=LIMIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines() == ["True", "HTTP/1.1 200"], result.stderr
