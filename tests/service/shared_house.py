"""A shared server's day for tests: its energy, what was asked of it, and its register.

`tell(house)` registers two SIA and the server `albert-large`, and posts energy of four
quarter-hours and the usage of three of them, in three of the ways that usage comes.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from footprint.attribution import Part
from footprint.ledger import Entry, Page
from footprint.usage import Line, UsagePage
from tests import usage_pages
from tests.pages import START, chain, make_page
from tests.service.house import House

SERVER = usage_pages.SERVER
SECOND = "00000000-0000-4000-8000-00000000a002"
QUARTER = timedelta(minutes=15)
ENERGY: tuple[dict[tuple[str, Part], int], ...] = (
    {
        ("gpu", "dynamic"): 400_000_003,
        ("gpu", "static"): 90_000_001,
        ("cpu", "dynamic"): 12_345_678,
    },
    {("gpu", "dynamic"): 500_000_000, ("gpu", "static"): 90_000_000, ("cpu", "undivided"): 7},
    {("gpu", "dynamic"): 300_000_011, ("gpu", "static"): 90_000_000},
    {("gpu", "dynamic"): 1_000_000, ("gpu", "static"): 90_000_000},
)
"""Of the server, by quarter-hour."""


def register(house: House, **server: Any) -> None:
    """`chat-demo` and `tri-courrier` (two projects) and the server."""
    house.put("/v1/directorates/dgfip", {"name": "DGFiP"})
    for code in ("accueil", "courrier"):
        house.put(f"/v1/projects/{code}", {"name": code.title(), "directorate": "dgfip"})
    whole = [{"project": "accueil", "permille": 1000}]
    house.put("/v1/sia/chat-demo", {"name": "Assistant", "shares": whole})
    shares = [
        {"project": "accueil", "permille": 333},
        {"project": "courrier", "permille": 667},
    ]
    house.put("/v1/sia/tri-courrier", {"name": "Tri", "shares": shares, "unit": "document"})
    answer = house.put(f"/v1/servers/{SERVER}", {"name": "Grand Albert"} | server)
    assert answer.status_code == 200, answer.text


def page(at: int, energy: dict[tuple[str, Part], int], code: str = SERVER, **where: Any) -> Page:
    """The `at`-th quarter-hour of a host whose board and package only `code` used, but for 5 uJ of
    `chat-demo` itself."""
    whole = make_page(start=START + at * QUARTER, consumers={"chat-demo": 5, "@system": 1}, **where)
    devices = {"gpu": "GPU-a", "cpu": "package-0"}
    entries = [
        Entry(
            component=component,  # type: ignore[arg-type]
            device=devices[component],
            consumer=code,
            part=part,
            energy_uj=energy_uj,
            quality="counter",
        )
        for (component, part), energy_uj in energy.items()
    ]
    sensors = [
        msgspec.structs.replace(
            whole.sensors[0],
            component=component,
            device=device,
            metered_uj=sum(
                e.energy_uj for e in (*whole.entries, *entries) if e.component == component
            ),
        )
        for component, device in devices.items()
    ]
    return msgspec.structs.replace(whole, sensors=sensors, entries=[*whole.entries, *entries])


def post_energy(house: House, energy: Sequence[dict[tuple[str, Part], int]] = ENERGY) -> None:
    """Pages of the server's host."""
    answer = house.post(chain([page(at, one) for at, one in enumerate(energy)]))
    assert answer.status_code == 200, answer.text


def post_usage(house: House, pages: Iterable[UsagePage]) -> None:
    """Usage pages of one gateway, chained."""
    answer = house.tell(usage_pages.chain(pages))
    assert answer.status_code == 200, answer.text


def usage_page(at: int, lines: Sequence[Line], **more: Any) -> UsagePage:
    """The `at`-th quarter-hour of a gateway."""
    return usage_pages.make_page(start=START + at * QUARTER, lines=lines, **more)


def told() -> list[UsagePage]:
    """Usage of the first three quarter-hours: two SIA by name; the server's own counts beside; and
    one SIA alone, whom nobody registered."""
    line = usage_pages.line
    return [
        usage_page(0, [line("chat-demo", 1000, 900), line("tri-courrier", 5000, 60)]),
        usage_page(
            1,
            [line("chat-demo", 2000, 700, cached_tokens=500)],
            totals=[line("@unattributed", 2600, 800)],
        ),
        usage_page(2, [line("ghost", 10, 3)]),
    ]


def tell(house: House, **server: Any) -> None:
    """Register, energy and usage."""
    register(house, **server)
    post_energy(house)
    post_usage(house, told())


def on_board(page: Page, board: str) -> Page:
    """The same with its GPU energy on another board."""
    return msgspec.structs.replace(
        page,
        entries=[
            msgspec.structs.replace(one, device=board) if one.component == "gpu" else one
            for one in page.entries
        ],
        sensors=[
            msgspec.structs.replace(one, device=board) if one.component == "gpu" else one
            for one in page.sensors
        ],
    )


def tell_much(house: House) -> None:
    """As `tell`, and a busy quarter-hour of `tri-courrier`: enough for every ratio, with units and
    the gateway's own estimate."""
    tell(house)
    busy = usage_pages.line("tri-courrier", 900_000, 100_000, requests=400)
    much = msgspec.structs.replace(busy, units=50, estimated_uj=3_000_000)
    post_usage(
        house,
        [usage_page(3, [much], host_id="gateway-2", ledger_id=SECOND, origin="opengatellm")],
    )
