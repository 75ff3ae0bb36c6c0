"""What the demo prints of a statement."""

import msgspec

from demo import report
from tests.portal.examples import STATEMENTS


def test_factor_and_pue_of_the_grams_are_printed() -> None:
    """Each with its value; an assumed PUE with its range."""
    facts = msgspec.json.decode(msgspec.json.encode(STATEMENTS["normal"]))
    printed = report.statement(facts)
    assert any(line.startswith("factor ") and "46.1 gCO2e/kWh" in line for line in printed)
    (assumed,) = (line for line in printed if "(assumed, 1.2 to 2.0; pue:site:" in line)
    assert assumed.startswith("in g CO2e: PUE 1.5 ")
    assert "in g CO2e: PUE 1.31 (declared; pue:salle-1:2026-01-01)" in printed
