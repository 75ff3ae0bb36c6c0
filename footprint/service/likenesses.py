"""What each host is, so that hosts of one model can be told: from the newest page of each.

In: pages of a window. Out: `Likeness` by host. A host has none where its firmware names no model,
in a virtual machine (its platform is the hypervisor's), and where a component is modelled: then a
difference from the meter would have a model in it.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from footprint.ledger import Component, Quality
from footprint.platform_model import Likeness
from footprint.service import store_nodes
from footprint.service.store_facts import Window


class _Sensor(msgspec.Struct, frozen=True):
    component: Component | None
    evidence: bool
    quality: Quality
    parameters: dict[str, str] = {}


class _Face(msgspec.Struct, frozen=True):
    """The part of a page that says what its host is."""

    host: dict[str, str]
    sensors: list[_Sensor]


def gather(connection: Connection, window: Window, hosts: Sequence[str]) -> dict[str, Likeness]:
    """The hosts whose model is known."""
    found = {}
    for host_id, body in store_nodes.newest_bodies(connection, window, hosts):
        likeness = _likeness(msgspec.json.decode(body, type=_Face))
        if likeness is not None:
            found[host_id] = likeness
    return found


def _likeness(face: _Face) -> Likeness | None:
    machine, processor = face.host.get("machine"), face.host.get("processor")
    own = [one for one in face.sensors if one.component is not None and not one.evidence]
    unlike = face.host.get("virtualised") == "yes" or any(one.quality == "modelled" for one in own)
    if not (machine and processor and own) or unlike:
        return None
    counts: Counter[Component] = Counter(one.component for one in own if one.component)
    boards = [one.parameters for one in own if one.component == "gpu"]
    gpus = {parameters["model"] for parameters in boards if "model" in parameters}
    return Likeness(machine, processor, tuple(sorted(counts.items())), tuple(sorted(gpus)))
