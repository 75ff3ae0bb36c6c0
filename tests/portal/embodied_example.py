"""Making the hardware of the examples: a machine that is known, one that is not, a part without a
factor."""

from datetime import date
from decimal import Decimal

import msgspec

from footprint import embodied_figures, sci
from footprint.applied import FactorUse
from footprint.embodied import Machine, Part, Used
from footprint.embodied_figures import Carried, Made
from footprint.embodied_statement import Embodied
from footprint.figures import Named
from footprint.interval import paris_month
from footprint.statement import Figure, Sci
from tests.portal.applied_example import ADEME

H100 = msgspec.structs.replace(
    ADEME,
    id="gwp:hardware/gpu/h100:life-cycle:XW:location:2022-01-01:2025",
    zone="XW",
    subject="hardware/gpu/h100",
    value=Decimal(273),
    low=Decimal(164),
    high=Decimal(575),
    uncertainty_percent=None,
    unit="kgCO2e/part",
    basis="life-cycle, making",
    source="EcoLogits 0.11.3; NVIDIA; Boavizta",
    provisional=False,
)
HOST = msgspec.structs.replace(
    H100,
    id="gwp:hardware/server/gpu-host:life-cycle:XW:location:2020-01-01:2025",
    subject="hardware/server/gpu-host",
    value=Decimal(5700),
    low=None,
    high=None,
    source="EcoLogits 0.11.3",
)
USES = {
    "gpu-01": {
        "albert-chat": Used(6_586_123_456, 322_000_111),
        "essai-ocr": Used(12_345_678, 0),
        "@idle": Used(733_000_000, 0),
        "@system": Used(0, 88_000_000),
    }
}


def _factor_of(part: str, indicator: str) -> FactorUse | None:
    return {("gpu/h100", "gwp"): H100, ("server/gpu-host", "gwp"): HOST}.get((part, indicator))


def embodied(named: Named) -> Embodied:
    """November 2026."""
    parts = [Part("gpu/h100", 8), Part("server/gpu-host", 1)]
    machine = Machine(
        "gpu-01", "Serveur à 8 cartes", date(2026, 3, 1), None, 5, parts, "Bon de livraison 2026-14"
    )
    gone = Machine("gpu-02", "Ancien serveur", date(2021, 1, 1), date(2026, 11, 16), 5, parts)
    made = Made([machine, gone], USES, _factor_of, paris_month("2026-11"), paris_month("2026-11"))
    return embodied_figures.gather(made, Carried(named, {}), ["gpu-01", "vm-07"])


def intensities(figure: Figure) -> list[Sci]:
    """One that is known, one that is not."""
    return [
        sci.sci("albert-chat", "réponse", figure, 12_345, sci.Made(115_000_000_000)),
        sci.sci("essai-ocr", "page", figure, None, sci.Made(None)),
    ]
