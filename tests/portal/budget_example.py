"""Budgets to render: an ordinary one, an unknown one, one by tokens, a hostile one."""

from datetime import date
from decimal import Decimal

import msgspec

from footprint.budget import Forecast
from footprint.burn import BurnUp, Day, Listed, Passed, Ranked, Target
from footprint.uncertainty import Bounds
from tests.portal.examples import AT, HOSTILE, STATEMENTS


def burn(**changes: object) -> BurnUp:
    """A budget of a project for November, ten days of it measured."""
    made = BurnUp(
        format=1,
        code="assistance-novembre",
        name="Assistance, novembre",
        project="albert",
        sia_code=None,
        indicator="emissions",
        unit="gCO2e",
        base_unit="ug",
        period="2026-11",
        first=date(2026, 11, 1),
        last=date(2026, 11, 30),
        as_of=AT,
        amount=Decimal(12_000),
        amount_base=12_000_000_000,
        used=6_150_000_000,
        used_shown=Decimal(6_150),
        interval=Bounds(5_920_000_000, 6_380_000_000),
        planned=4_000_000_000,
        coverage=987,
        recent_coverage=1000,
        state="at_risk",
        forecast=Forecast(
            "pace",
            10,
            15_100_000_000,
            18_450_000_000,
            19_900_000_000,
            date(2026, 11, 20),
            date(2026, 11, 18),
            date(2026, 11, 24),
        ),
        thresholds=[
            Passed(50, 6_000_000_000, True),
            Passed(80, 9_600_000_000, False),
            Passed(100, 12_000_000_000, False),
        ],
        days=[
            Day(date(2026, 11, number), number * 615_000_000, number * 400_000_000, 1000)
            for number in range(1, 11)
        ]
        + [Day(date(2026, 11, 11), None, 4_400_000_000, None)],
        sia=[
            Ranked("chat-demo", "Assistant", 5_000_000_000),
            Ranked("tri", None, 1_150_000_000),
            Ranked("vil", "Vil", None),
        ],
        trajectory=[Target(2027, 10_000_000_000), Target(2030, 6_000_000_000)],
        factors=STATEMENTS["normal"].factors,
        pues=STATEMENTS["normal"].pues,
        method_version="1",
        method_changed=True,
        known_from=AT,
        reason="A third team joined",
        ended=False,
    )
    return msgspec.structs.replace(made, **changes)


BURNS = {
    "normal": burn(),
    "unknown": burn(
        used=None,
        used_shown=None,
        interval=None,
        forecast=None,
        state="not_enough_coverage",
        factors=[],
        ended=True,
        method_changed=False,
    ),
    "tokens": burn(
        project=None,
        sia_code="chat-demo",
        indicator="energy_per_1000_tokens",
        base_unit="uJ/1000 tokens",
        amount_base=3_600_000_000,
        used=4_100_000_000,
        interval=None,
        forecast=None,
        state="exceeded",
        days=[],
        sia=[],
        trajectory=[],
        thresholds=[Passed(100, 3_600_000_000, True)],
        factors=[],
    ),
    "hostile": burn(name=HOSTILE, reason=HOSTILE, sia=[Ranked("vil", HOSTILE, 1)]),
}


def listed(**changes: object) -> Listed:
    """A budget in the list."""
    made = Listed(
        code="assistance-novembre",
        name="Assistance, novembre",
        project="albert",
        sia=None,
        indicator="emissions",
        period="2026-11",
        amount=Decimal(12_000),
        unit="gCO2e",
        base_amount=12_000_000_000,
        used=6_150_000_000,
        state="at_risk",
        ended=False,
    )
    return msgspec.structs.replace(made, **changes)


LISTS = {
    "normal": [
        listed(),
        listed(code="an", name="Une année", period="2026", used=None, state="not_enough_coverage"),
        listed(code="new", project=None, sia="chat-demo", used=None, state=None),
        listed(code="old", indicator="energy_per_1000_tokens", unit="Wh", ended=True),
    ],
    "empty": [],
    "hostile": [listed(name=HOSTILE)],
}
