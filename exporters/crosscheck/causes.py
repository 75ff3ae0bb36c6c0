"""Why two figures for one component differ: causes that are known, and that apply to this host.

In: which sensor and quality the agent used, and how CodeCarbon came to its figure. Out: sentences.
What is said of CodeCarbon was read in the source of 3.3.2, whose files are named: `rapl.py`,
`cpu.py`, `units.py`, `gpu_device.py`, `gpu_nvidia.py` and `resource_tracker.py` of its core,
`hardware.py` and `ram.py` of its external part, and `emissions_tracker.py`.
"""

from collections.abc import Iterator, Mapping, Sequence

from exporters.crosscheck.ours import Meter
from exporters.crosscheck.tracker import Method
from footprint.units import joules

UNIT = "CodeCarbon takes a joule for 2.77778e-7 kWh, 0.8 millionths too much (units.py)"
EDGES = (
    "the two do not read at the same instant: the bound is what the devices can draw in that time"
)
SILENT_ZERO = (
    "CodeCarbon counts a counter that it cannot read as 0 J, and says so nowhere (rapl.py); the "
    "agent waits for the counter to come back, or declares a gap"
)
RESETS_ITS_CLOCK = (
    "CodeCarbon multiplies power by time and starts its clock anew after each measurement, so the "
    "time that measuring takes is left out (emissions_tracker.py)"
)
CURVES = (
    "both model from the same table of processors, by other curves: CodeCarbon takes 0.1 + 0.9 x "
    "load^3 of full power (hardware.py), the agent the straight line from idle to full (METHOD.md, "
    "Hosts without counters)"
)
STOLEN = (
    "CodeCarbon counts time stolen by other guests as work of this one (hardware.py); the agent "
    "leaves it out"
)


def known(
    component: str,
    meters: Sequence[Meter],
    method: Method | None,
    host: Mapping[str, str],
    *,
    same: bool,
) -> list[str]:
    """The causes that apply to a row; `same`: both read the same counters."""
    found = list(_of_gaps(meters))
    if same:
        found += [EDGES, UNIT]
        found += [SILENT_ZERO] if any(meter.failures for meter in meters) else []
    elif component == "cpu":
        found += _of_processors(meters, method, host)
    elif component == "dram":
        found += _of_memory(meters, method)
    else:
        found += _of_cards(meters, method)
    return found


def _of_gaps(meters: Sequence[Meter]) -> Iterator[str]:
    for meter in meters:
        if meter.gap_us:
            yield (
                f"{joules(meter.gap_us).normalize():f} s of {meter.device} are a gap of the "
                f"agent's ({', '.join(meter.gap_causes)}): its energy is unknown, and not judged"
            )


def _of_processors(
    meters: Sequence[Meter], method: Method | None, host: Mapping[str, str]
) -> Iterator[str]:
    if not meters:
        yield "nothing measures or models the processors for the agent: unknown, not zero"
    if method is None:
        yield "CodeCarbon found no processor"
        return
    modelled = any(meter.quality == "modelled" for meter in meters)
    if method.method == "intel_rapl":
        yield from _of_zones(meters, method)
        return
    if not modelled and meters:
        yield (
            f"CodeCarbon read no RAPL zone here and modelled {method.full_watts} W from the load; "
            f"the agent read {_names(meters)}"
        )
    if modelled:
        yield CURVES
        yield from _of_scale(meters[0], method)
    if host.get("virtualised") == "yes":
        yield STOLEN
    yield RESETS_ITS_CLOCK


def _of_scale(meter: Meter, method: Method) -> Iterator[str]:
    ours, theirs = meter.parameters.get("full_watts", "unknown"), method.full_watts or "unknown"
    scale = meter.parameters.get("scale", "unknown")
    if method.generic == "yes":
        yield f"CodeCarbon knows no power of this processor and takes {theirs} W (hardware.py)"
    if ours != theirs:
        yield (
            f"full power: CodeCarbon {theirs} W (its table times {method.sockets} socket(s), "
            f"resource_tracker.py, however few of the processor's threads a guest has), the "
            f"agent {ours} W ({scale})"
        )


def _of_zones(meters: Sequence[Meter], method: Method) -> Iterator[str]:
    zones = ", ".join(method.zones) or "no zone"
    if any("mmio" in file for file in method.files):
        yield "CodeCarbon prefers the mmio view of a zone (cpu.py), the agent the other one"
    if any(zone.lower() == "psys" for zone in method.zones):
        yield "CodeCarbon found no package and counts psys, the whole platform, as processors"
    if any(meter.quality == "modelled" for meter in meters):
        yield f"CodeCarbon read RAPL ({zones}) where the agent modelled: look at its settings"
    else:
        yield (
            f"not the same zones: CodeCarbon {zones}, the agent {_names(meters)}; CodeCarbon "
            "keeps one of several zones of one name, and drops one that counts like another "
            "(cpu.py)"
        )


def _of_memory(meters: Sequence[Meter], method: Method | None) -> Iterator[str]:
    if method is not None and method.modules is not None:
        yield (
            f"CodeCarbon assumes {method.watts} W at any load, for {method.modules} modules that "
            f"it guesses from {method.memory_gib} GiB (ram.py)"
        )
        yield RESETS_ITS_CLOCK
    if meters:
        yield (
            f"the agent read {_names(meters)}; CodeCarbon leaves dram zones inside a package out, "
            "also when asked for them (cpu.py)"
        )
    else:
        yield "nothing measures memory here and the agent does not model it: unknown, not zero"


def _of_cards(meters: Sequence[Meter], method: Method | None) -> Iterator[str]:
    if method is None:
        yield "CodeCarbon found no card: it looks only where `nvidia-smi` runs (gpu_nvidia.py)"
        if not meters:
            yield "the agent found none that it can read: unknown if there is one, not zero"
        return
    missed = sorted({meter.device for meter in meters} - set(method.cards))
    if missed:
        yield f"CodeCarbon leaves out {', '.join(missed)}"
    if method.by_power:
        yield (
            f"CodeCarbon averages power read once a second of {', '.join(method.by_power)} "
            "(gpu_device.py)"
        )
    if any(meter.quality == "integrated" for meter in meters):
        yield "the agent integrates power read five times a second where a card has no counter"
    if not meters:
        yield "the agent reads no card here: look at its settings"


def _names(meters: Sequence[Meter]) -> str:
    return ", ".join(f"{meter.sensor} {meter.device}" for meter in meters) or "nothing"
