"""The doctor on the simulated host: the same files, library and BMC that the agent reads there."""

import json
import subprocess
import sys
from pathlib import Path

from tests.tools import require_tool

EXAMINE = """
import random, sys
from pathlib import Path
from exporters import doctor, doctor_report
from exporters.settings import Bmc, Settings
from exporters.surroundings import Surroundings
from exporters.twin import library, redfish
from exporters.twin.controller import Controller
from exporters.twin.faces import Faces
from exporters.twin.load import requests
from exporters.twin.plan import STEP_US, STEPS_PER_S, Plan
from exporters.twin.truth import Truth

folder = Path(sys.argv[1])
plan = Plan(gpus=2, sockets=2, systems=2, seconds=3600)
chance = random.Random(plan.seed)
truth = Truth(plan, requests(chance)[0], chance)
faces, controller = Faces(plan, folder), Controller(plan)

def second(_):
    for _ in range(STEPS_PER_S):
        truth.advance()
    controller.note(truth)
    faces.show(truth)

for _ in range(20):
    second(1)
library.load(folder, faces.cards)
(folder / "password").write_text(redfish.PASSWORD)
with redfish.serving(controller.answer) as service:
    bmc = Bmc(service.url, redfish.USER, str(folder / "password"))
    settings = Settings(host_id="twin", state_dir=str(folder), run_dir=str(folder), model="off",
                        powercap_root=str(faces.powercap), cgroup_root=str(faces.cgroups),
                        hwmon="off", bmc=[bmc])
    clock = lambda: 10**12 + truth.step * STEP_US * 1000
    around = Surroundings(wall_ns=clock, mono_ns=clock, proc=faces.proc)
    report = doctor.examine(settings, around, folder / "sys", second)
print("\\n".join(doctor_report.text(report)), file=sys.stderr)
print(doctor_report.as_json(report))
"""


def test_a_whole_simulated_host_is_read(tmp_path: Path) -> None:
    """Two packages with their memory, two cards, the wall above their sum; psys is evidence."""
    require_tool("gcc")
    program = [sys.executable, "-c", EXAMINE, str(tmp_path)]
    answer = subprocess.run(program, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    counted = [proof for proof in found["devices"] if not proof["evidence"]]
    assert [proof["component"] for proof in counted] == ["cpu", "dram", "cpu", "dram", "gpu", "gpu"]
    assert {proof["quality"] for proof in counted} == {"counter"}
    [node] = found["nodes"]
    assert node["power_watts"] > sum(proof["power_watts"] for proof in counted)
    for line in ("reading your processors: 2 found", "reading your GPU: 2 found"):
        assert line in answer.stderr
    assert "W at the wall (integrated, by redfish)" in answer.stderr
    assert "evidence rapl psys:" in answer.stderr
    assert [check for check in found["checks"] if check["state"] == "BROKEN"] == []
