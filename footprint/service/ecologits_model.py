"""EcoLogits as the model of AI providers' hosts: the only file that imports it.

In: provider, model, zone, generated tokens. Out: what its own API says of a request, in our units.
It is an optional extra (MPL-2.0, used as it is), asked only where somebody used a service outside
the house; it makes no network call. Latency is not known by quarter-hours: without one it takes
that of its own model of the hosts, so that its estimate is at its upper side.
"""

import hashlib
import importlib.metadata
import logging
import math
import threading
from collections.abc import Mapping
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from footprint.external import Assumption, Ends, Measure, Reason, Request

EXTRA = "external"
REMEDY = f"install EcoLogits: pip install 'footprint[{EXTRA}]'"

_DATA = ("models.json", "electricity_mixes.json")
_PER: Mapping[Measure, tuple[str, str, int]] = {
    "energy_uj": ("usage", "energy", 3_600_000_000_000),
    "emissions_ug": ("usage", "gwp", 10**9),
    "primary_energy_uj": ("usage", "pe", 10**12),
    "water_ul": ("usage", "wcf", 10**6),
    "adpe_pg": ("usage", "adpe", 10**15),
    "making_ug": ("embodied", "gwp", 10**9),
    "making_primary_energy_uj": ("embodied", "pe", 10**12),
    "making_adpe_pg": ("embodied", "adpe", 10**15),
}
"""Where its answer has each measure, and how many of our units its own is: kWh, kg, MJ, L."""


_loading = threading.Lock()


def load() -> "EcoLogits | None":
    """The library, made once however many threads ask; None where it is not installed."""
    with _loading:
        return _loaded()


@cache
def _loaded() -> "EcoLogits | None":
    """Importing it makes its own class that of every logger made later in the process, so that the
    class before is put back; what it logs are names of models that it does not know, which are said
    in the statement instead.
    """
    of_loggers = logging.getLoggerClass()
    try:
        return EcoLogits()
    except ImportError:
        return None
    finally:
        logging.setLoggerClass(of_loggers)


class EcoLogits:
    """The library's API: see `footprint.external.Estimator`."""

    def __init__(self) -> None:
        """Raises ImportError."""
        import ecologits  # noqa: PLC0415 - an optional extra, slow to import
        from ecologits import electricity_mix_repository, model_repository  # noqa: PLC0415
        from ecologits.impacts import llm  # noqa: PLC0415
        from ecologits.tracers import utils  # noqa: PLC0415

        logging.getLogger("ecologits").disabled = True
        self._api, self._llm = utils, llm
        self._models, self._mixes = (
            model_repository.models,
            electricity_mix_repository.electricity_mixes,
        )
        self.name = f"EcoLogits {importlib.metadata.version('ecologits')}"
        folder = Path(ecologits.__file__).with_name("data")
        self.data = {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in _DATA
        }
        self.request = lru_cache(maxsize=4096)(self._request)

    @property
    def assumptions(self) -> list[Assumption]:
        """What it supposes of every provider's hosts (EcoLogits, "LLM inference", methodology)."""
        llm = self._llm
        years = llm.HARDWARE_LIFESPAN // (365 * 24 * 60 * 60)
        return [
            _assumption("batch_size", llm.BATCH_SIZE, "requests"),
            _assumption("bits_per_weight", llm.MODEL_QUANTIZATION_BITS, "bit"),
            _assumption("gpu_memory", llm.GPU_MEMORY, "GB"),
            _assumption("gpus_per_server", llm.SERVER_GPUS, "GPU"),
            _assumption("server_power_without_gpus", llm.SERVER_POWER, "kW"),
            _assumption("lifetime", years, "year"),
        ]

    def of_provider(self, provider: str, zone: str | None) -> list[Assumption]:
        """Where its hosts are taken to be, and what their site and electricity add."""
        config = self._api.PROVIDER_CONFIG_MAP.get(provider)
        if config is None:
            return []
        place = zone or config.datacenter_location
        found = [
            Assumption("zone", place, place, ""),
            _assumption("pue", config.datacenter_pue, ""),
            _assumption("wue", config.datacenter_wue, "L/kWh"),
        ]
        mix = self._mixes.find_electricity_mix(zone=place)
        if mix is not None:
            grams = float(Fraction(str(mix.gwp)) * 1000)
            found.append(_assumption("electricity", f"{grams:g}", "gCO2e/kWh"))
        return found

    def known(self, provider: str | None = None) -> list[tuple[str, str]]:
        """Every provider and model that it knows, in order."""
        return sorted(
            {
                (model.provider.value, model.name)
                for model in self._models.list_models()
                if provider in (None, model.provider.value)
            }
        )

    def _request(
        self, provider: str, model: str, zone: str | None, tokens: int
    ) -> Request | Reason:
        if self._models.find_model(provider=provider, model_name=model) is None:
            return "model_unknown"
        if zone is not None and self._mixes.find_electricity_mix(zone=zone) is None:
            return "zone_unknown"
        told = self._api.llm_impacts(provider, model, tokens, math.inf, zone)
        causes = {
            measure: _ends(getattr(getattr(told, phase), impact).value, per)
            for measure, (phase, impact, per) in _PER.items()
        }
        return Request(causes, tuple(warning.code for warning in told.warnings or ()))


def _ends(value: Any, per: int) -> Ends:
    low, high = _bounds(value)
    return Ends(Fraction(low) * per, Fraction(high) * per)


def _bounds(value: Any) -> tuple[Any, Any]:
    """The ends of one of its ranges; both the same of a plain number."""
    return getattr(value, "min", value), getattr(value, "max", value)


def _assumption(name: str, value: Any, unit: str) -> Assumption:
    low, high = _bounds(value)
    return Assumption(name, str(low), str(high), unit)
