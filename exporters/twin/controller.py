"""The simulated host's management controller: it sees the wall late, averaged, in whole watts.

In: the true energy at the wall, once a second. Out: Redfish documents, and what the last one said.
Traits as of real ones: several supplies, a chassis inside another whose power is in the outer's
already, an answer of 503 now and then, and one restart during which it never answers otherwise.
"""

import random
from collections import deque
from collections.abc import Mapping
from typing import Any

from exporters.twin.plan import Plan
from exporters.twin.truth import Truth

LAG_S = 3
"""How long after its end a second is first shown."""
MEAN_S = 4
"""The power shown is the mean of so many seconds: at least the agent's interval between polls, so
that no second goes unseen."""
SUPPLIES_PERMILLE = (263, 254, 246, 237)
"""How unequally the supplies share the load; each shows whole watts of its own."""
ENERGY_STEP_UJ = 3_600_000_000
"""An energy counter of 0.001 kWh."""
COUNTED_BEFORE_UJ = 8_765_432 * ENERGY_STEP_UJ
UNANSWERED = 0.005
"""One request in two hundred is answered by 503."""
ROOT = "/redfish/v1"
CHASSIS = f"{ROOT}/Chassis"
HOST, BASEBOARD = f"{CHASSIS}/Self", f"{CHASSIS}/HGX_Baseboard"
Document = dict[str, Any]
UJ_PER_J = 1_000_000


class Controller:
    """One host's controller. `shown` is what its last answer said of the host: its power (uW) or,
    where it has one, its energy counter (uJ); None where it said neither."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)  # noqa: S311 - a simulation, repeated by its seed
        self._restart = plan.bmc_restart()
        self._wall_uj: deque[int] = deque(maxlen=LAG_S + MEAN_S + 1)
        self._step = self._before_uj = self._boards_uj = self._boards_w = 0
        self.shown: int | None = None

    def note(self, truth: Truth) -> None:
        """A second is over."""
        self._step = truth.step
        self._wall_uj.append(truth.wall_uj)
        boards_uj = sum(truth.gpu_uj)
        self._boards_w = (boards_uj - self._boards_uj) // UJ_PER_J if self._boards_uj else 0
        self._boards_uj = boards_uj

    def forget(self) -> None:
        """What was shown is old."""
        self.shown = None

    def answer(self, path: str) -> tuple[int, Document | None]:
        """Status and document of a GET with the right password."""
        self.forget()
        full = len(self._wall_uj) == self._wall_uj.maxlen
        away = self._restart.holds(self._step) or self._chance.random() < UNANSWERED
        if path != ROOT and (away or not full):
            return 503, None
        document = self._documents().get(path)
        if document is None:
            return 404, None
        counts = self._plan.bmc == "energy"
        if path == f"{HOST}/Power" and not counts:
            self.shown = sum(self._watts()) * UJ_PER_J
        if path == f"{HOST}/EnvironmentMetrics" and counts:
            self.shown = self._counted_uj()
        return 200, document

    def _watts(self) -> list[int]:
        """Whole watts into each supply: the mean of MEAN_S seconds that ended LAG_S ago."""
        mean_uw = (self._wall_uj[MEAN_S] - self._wall_uj[0]) // MEAN_S
        return [
            (mean_uw * permille + 500 * UJ_PER_J) // (1000 * UJ_PER_J)
            for permille in SUPPLIES_PERMILLE
        ]

    def _counted_uj(self) -> int:
        return COUNTED_BEFORE_UJ + self._wall_uj[MEAN_S] // ENERGY_STEP_UJ * ENERGY_STEP_UJ

    def _documents(self) -> Mapping[str, Document]:
        supplies = [
            {"MemberId": str(number), "PowerInputWatts": watts, "Status": {"State": "Enabled"}}
            for number, watts in enumerate(self._watts())
        ]
        supplies.append({"MemberId": "4", "PowerInputWatts": None, "Status": {"State": "Absent"}})
        # What the whole chassis consumes is behind the supplies: less than what goes into them.
        control = [{"PowerConsumedWatts": sum(self._watts()) * 94 // 100}]
        counted_kwh = round(self._counted_uj() / ENERGY_STEP_UJ) / 1000
        metrics = {"EnergykWh": {"Reading": counted_kwh}} if self._plan.bmc == "energy" else {}
        return {
            ROOT: {"RedfishVersion": "1.15.1", "Chassis": _link(CHASSIS)},
            CHASSIS: {"Members": [_link(HOST), _link(BASEBOARD)], "Members@odata.count": 2},
            HOST: {
                "ChassisType": "RackMount",
                "Power": _link(f"{HOST}/Power"),
                "EnvironmentMetrics": _link(f"{HOST}/EnvironmentMetrics"),
            },
            f"{HOST}/Power": {"PowerControl": control, "PowerSupplies": supplies},
            f"{HOST}/EnvironmentMetrics": metrics,
            BASEBOARD: {
                "ChassisType": "Component",
                "Links": {"ContainedBy": _link(HOST)},
                "Power": _link(f"{BASEBOARD}/Power"),
            },
            f"{BASEBOARD}/Power": {"PowerControl": [{"PowerConsumedWatts": self._boards_w}]},
        }


def _link(path: str) -> Document:
    return {"@odata.id": path}
