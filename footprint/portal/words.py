"""The codes of the ledger in plain words: components, qualities, causes, consumers, factors.

In: a code as the structs carry it. Out: its words in a reader's language. A code without words is
shown as it is, never hidden.
"""

import re
from collections.abc import Callable, Mapping

from footprint.portal.marking import mark
from footprint.portal.words_external import EXTERNAL

COMPONENTS = {
    "cpu": mark("Processor (CPU)"),
    "dram": mark("Memory (DRAM)"),
    "gpu": mark("Graphics or AI accelerator (GPU)"),
}
QUALITIES = {
    "counter": mark("measured by an energy counter"),
    "integrated": mark("computed from measured power"),
    "modelled": mark("estimated by a model, not measured"),
}
QUALITY_MEANINGS = {
    "counter": mark("the equipment itself counts the energy that passes through it"),
    "integrated": mark("power is measured at short intervals and multiplied by time"),
    "modelled": mark(
        "no meter: a typical consumption is assumed from the equipment’s type and load"
    ),
}
BOUNDARIES = {
    "components": mark("components: what the processors, memory or accelerators draw"),
    "wall": mark("wall: the whole machine, metered at its supply"),
}
KINDS = {
    "server": mark("Shared AI server"),
    "system": mark("System and undeclared software"),
    "agent": mark("This meter"),
    "idle": mark("Devices that nobody uses"),
    "unregistered": mark("Undeclared AI"),
    "unattributed": mark("Energy whose user is not known"),
}
KIND_MEANINGS = {
    "server": mark(
        "A model that serves several AI systems. The statement of the month divides its energy "
        "over them."
    ),
    "system": mark("The operating system and every program that nobody declared as an AI system."),
    "agent": mark("What measuring itself costs: the program that reads the sensors."),
    "idle": mark("Accelerators that are switched on while no program holds them."),
    "unregistered": mark("Programs that use an accelerator and that nobody declared."),
    "unattributed": mark(
        "The energy is known, but nobody was watching which program used it "
        "(for example while the meter restarted)."
    ),
}
PARTS = {
    "static": mark("standing (being switched on)"),
    "dynamic": mark("activity"),
    "undivided": mark("not divided"),
}
STATUSES = {
    "ok": mark("works"),
    "degraded": mark("works in part"),
    "failed": mark("does not work"),
}
GAP_KINDS = {
    "server": mark("Shared AI server"),
    "gap": mark("energy unknown"),
    "blind": mark("energy known, its user unknown"),
}
CAUSES = {
    "read_failed": mark("the sensor could not be read"),
    "permission": mark("reading was not permitted"),
    "absent": mark("the device or its driver is missing"),
    "reset": mark("the counter went back to zero"),
    "wrap": mark("the counter may have gone full circle unseen"),
    "reboot": mark("the machine restarted"),
    "stuck": mark("the counter stood still under load"),
    "unsupported": mark("the device has no energy counter"),
    "implausible": mark("more energy than the device can draw"),
    "outage": mark("the meter was not running"),
    "clock": mark("the clock did not move forward"),
    "spool_lost": mark("what the meter had kept was damaged or lost"),
    "spool_refused": mark("the meter’s disk was full or read-only"),
    "no_page": mark("nothing was received for this time"),
}
USAGE_CAUSES = {
    "unreachable": mark("the gateway did not answer"),
    "unreadable": mark("the gateway’s answer could not be read"),
    "restarted": mark("the gateway lost its counters"),
    "spool_lost": mark("what the meter had kept was damaged or lost"),
    "spool_refused": mark("the meter’s disk was full or read-only"),
    "no_page": mark("nothing was received for this time"),
}
WEIGHT_SOURCES = {
    "default": mark("the method’s, because nothing better is known of this server"),
    "declared": mark("as the register declares them"),
    "fitted": mark("as the server’s own energy tells them"),
}
REFUSALS = {
    "few": mark("too few quarter-hours with tokens"),
    "together": mark("prompt and generated tokens rise and fall together"),
    "unexplained": mark("tokens explain too little of the energy"),
    "no_cost": mark("prompt or generated tokens show no cost of their own"),
    "unsteady": mark("one half of the quarter-hours says something else than the other"),
}
IDLE_KEYS = {
    "use": mark("divided over the month as the activity was"),
    "none": mark("stays with the server"),
}
RATIO_REASONS = {
    "not_counted": mark("not counted"),
    "too_few": mark("too few to say"),
}
ESTIMATE_REASONS = {
    "estimate_by_model_size": mark(
        "the estimate is made from the model’s size and the number of generated tokens, not from "
        "what the server drew"
    ),
    "no_idle_energy": mark("it has no energy of a server that waits"),
    "whole_gpu_assumed": mark(
        "it takes accelerators as used whole, for an assumed number of requests at once"
    ),
    "other_boundary": mark(
        "it adds the rest of the machine and the data centre, which are outside our figures"
    ),
    "unknown_method": mark("how the estimate is made is not known"),
}
OMISSIONS = {
    "platform": mark(
        "The rest of each machine: power supply losses, fans, disks, main board and network cards."
    ),
    "embodied": mark(
        "Making the equipment (a statement has it apart, where the hardware is declared), "
        "transporting it and disposing of it."
    ),
    "network_storage_terminals": mark("The network, remote storage and the users’ own devices."),
    "public_chatbots": mark(
        "What staff asks of public AI services by itself: nobody can count it."
    ),
    "other_impacts": mark("Effects other than greenhouse gases: water, metals, primary energy."),
}
"""What figures leave out, by code. The first page names them all, a statement its own."""
OF_MONTHS = {
    "pue_unknown": mark(
        "Cooling and power distribution of the data centre, for machines of which they are unknown."
    ),
    "pages_archived": mark(
        "The pages of this month have left the service as an archive: figures follow from what was "
        "summed before, and which site a machine stands at is as it was known then."
    ),
}
"""What is said besides of a single month."""
IMPACTS = {
    "primary_energy_uj": mark("Primary energy"),
    "water_grid_ul": mark("Water of generation"),
    "water_site_ul": mark("Water of the site"),
    "adpe_pg": mark("Metals and minerals"),
}
IMPACT_MEANINGS = {
    "primary_energy_uj": mark("what was taken from nature to generate the electricity"),
    "water_grid_ul": mark("used up by generating the electricity, and not given back"),
    "water_site_ul": mark("used by the data centre itself, mostly to cool"),
    "adpe_pg": mark("used up for the plants and grids behind the electricity, as antimony (Sb eq)"),
}
MAKINGS = {
    "emissions_ug": mark("Greenhouse gases"),
    "adpe_pg": mark("Metals and minerals"),
    "primary_energy_uj": mark("Primary energy"),
}
MEASURES = {
    "site_energy_uj": mark("Energy with what the data centres use"),
    "emissions_ug": mark("Greenhouse gases"),
}
ERRORS = {
    "sensor": mark("Accuracy of sensors"),
    "coverage": mark("Time without a reading"),
    "pue": mark("What data centres use on top (PUE)"),
    "factor": mark("Emission factor"),
    "split": mark("How a shared server is divided"),
}
ACCURACIES = {
    "assumed": mark("assumed: no maker states it"),
    "assumed-sampled": mark("assumed: some boards look only part of the time"),
    "assumed-later": mark("NVML reference, ±5 % of older boards; assumed of later ones"),
    "assumed-models": mark("assumed: models of hosts without counters differ by as much"),
    "tokens": mark("what the server’s own month says of its tokens’ weights"),
    "as-the-rest": mark("taken to have used as much as the rest of the time"),
}
PHASES = {
    "training": mark("training"),
    "fine-tuning": mark("fine-tuning"),
    "inference": mark("inference (answering)"),
    "evaluation": mark("evaluation"),
    "undeclared": mark("declared for no phase"),
}
SCI_REASONS = {
    "no_factor": mark("no emission factor applies"),
    "no_hardware": mark("the hardware of some machine it used is not known"),
    "not_counted": mark("its units of work are not counted"),
    "too_few": mark("too few units of work to say anything"),
}
VIEWS = {
    "emissions_ug": mark("By place, over the life cycle (the headline)"),
    "market": mark("By what is bought, direct"),
    "hourly_direct": mark("By quarter-hour, direct"),
    "hourly_life_cycle": mark("By quarter-hour, over the life cycle"),
}
VIEW_MEANINGS = {
    "emissions_ug": mark(
        "the electricity consumed in the place, as a mean over a year: fuel and its supply, "
        "plants, imports and grid losses. This is what a regulatory balance uses"
    ),
    "hourly_direct": mark(
        "CO₂ of burning fuel alone, in what the place generated in the quarter-hour in which the "
        "electricity was used, as the grid’s operator counts it. Imports, fuel supply, plants and "
        "grid losses are not in it"
    ),
    "hourly_life_cycle": mark(
        "the same with what fuel supply and plants emit, by technology. Imports and grid losses "
        "are not in it"
    ),
    "market": mark(
        "CO₂ of burning fuel alone, for the electricity that is bought: what contracts prove, and "
        "for the rest the residual mix, which nobody holds a guarantee of origin for. Fuel supply, "
        "plants and grid losses are not in it"
    ),
}
NATURES = {
    "real-time": mark("in real time"),
    "consolidated": mark("consolidated"),
    "definitive": mark("definitive"),
}
PUE_STATES = {
    "declared": mark("declared by the site"),
    "assumed": mark("assumed: the site declares none"),
    "unknown": mark("unknown: what the site adds is in no figure"),
}

FACTOR_WORDS = {
    "life-cycle": mark("life cycle (making of fuel and plants included)"),
    "direct CO2": mark("CO₂ of combustion only"),
    "consumption mix": mark("mix of the electricity consumed, imports included"),
    "residual mix": mark("residual mix (what no guarantee of origin claims)"),
    "losses included": mark("grid losses included"),
    "location": mark("by place: the grid that supplies the machines"),
    "market": mark("by contract: the electricity bought"),
    "combustion": mark("burning fuel"),
    "upstream": mark("fuel and plants before that"),
    "losses": mark("grid losses"),
}
_SMOOTHED = re.compile(r"smoothed over (\d{4})-(\d{4})")


class Words:
    """The vocabulary of one language, through its catalogue."""

    def __init__(self, gettext: Callable[[str], str]) -> None:
        self._gettext = gettext

    def _say(self, table: Mapping[str, str], code: str) -> str:
        return self._gettext(table[code]) if code in table else code

    def component(self, code: str) -> str:
        """A component's name."""
        return self._say(COMPONENTS, code)

    def quality(self, code: str) -> str:
        """How a figure was obtained."""
        return self._say(QUALITIES, code)

    def quality_meaning(self, code: str) -> str:
        """What that way of obtaining it is."""
        return self._say(QUALITY_MEANINGS, code)

    def boundary(self, code: str) -> str:
        """What a host's figures take in."""
        return self._say(BOUNDARIES, code)

    def kind(self, code: str) -> str:
        """The name of a consumer that is not a SIA."""
        return self._say(KINDS, code)

    def kind_meaning(self, code: str) -> str:
        """What that consumer is."""
        return self._say(KIND_MEANINGS, code)

    def part(self, code: str) -> str:
        """Part of a device's energy."""
        return self._say(PARTS, code)

    def status(self, code: str) -> str:
        """How a sensor does."""
        return self._say(STATUSES, code)

    def gap_kind(self, code: str) -> str:
        """What is unknown."""
        return self._say(GAP_KINDS, code)

    def cause(self, code: str) -> str:
        """Why it is unknown."""
        return self._say(CAUSES, code)

    def usage_cause(self, code: str) -> str:
        """Why usage may be missing."""
        return self._say(USAGE_CAUSES, code)

    def weights_source(self, code: str) -> str:
        """Who says what tokens weigh."""
        return self._say(WEIGHT_SOURCES, code)

    def refusal(self, code: str) -> str:
        """Why a server's energy does not tell the weights."""
        return self._say(REFUSALS, code)

    def idle_key(self, code: str) -> str:
        """What becomes of a server's idle energy."""
        return self._say(IDLE_KEYS, code)

    def ratio_reason(self, code: str) -> str:
        """Why there is no ratio."""
        return self._say(RATIO_REASONS, code)

    def estimate_reason(self, code: str) -> str:
        """Why a gateway's estimate may differ from our figure."""
        return self._say(ESTIMATE_REASONS, code)

    def pue_state(self, code: str) -> str:
        """How what a site adds is known."""
        return self._say(PUE_STATES, code)

    def view(self, code: str) -> str:
        """A view of greenhouse gases."""
        return self._say(VIEWS, code)

    def making(self, code: str) -> str:
        """What making hardware causes."""
        return self._say(MAKINGS, code)

    def measure(self, code: str) -> str:
        """A measure of a total."""
        return self._say(MEASURES, code)

    def error(self, code: str) -> str:
        """A kind of source of uncertainty."""
        return self._say(ERRORS, code)

    def accuracy(self, code: str) -> str:
        """Who says how far something may be off: our own words, or a source as it is named."""
        return self._say(ACCURACIES, code)

    def phase(self, code: str) -> str:
        """A phase of a SIA's life."""
        return self._say(PHASES, code)

    def sci_reason(self, code: str) -> str:
        """Why a SIA has no software carbon intensity."""
        return self._say(SCI_REASONS, code)

    def external(self, code: str) -> str:
        """Something of services outside the house."""
        return self._say(EXTERNAL, code)

    def nature(self, code: str) -> str:
        """How final what a grid's operator publishes is."""
        return self._say(NATURES, code)

    def view_meaning(self, code: str) -> str:
        """What a view counts."""
        return self._say(VIEW_MEANINGS, code)

    def impact(self, code: str) -> str:
        """What is caused beside greenhouse gases."""
        return self._say(IMPACTS, code)

    def impact_meaning(self, code: str) -> str:
        """What that is."""
        return self._say(IMPACT_MEANINGS, code)

    def omission(self, text: str) -> str:
        """Something a statement leaves out."""
        return self._say(OMISSIONS | OF_MONTHS, text)

    def omissions(self) -> list[str]:
        """What the first page's figures never hold."""
        return [self.omission(code) for code in OMISSIONS]

    def factor(self, text: str) -> str:
        """A factor's basis or method: the phrases known here in words, the others as published."""
        return ", ".join(self._phrase(phrase) for phrase in text.split(", "))

    def _phrase(self, phrase: str) -> str:
        smoothed = _SMOOTHED.fullmatch(phrase)
        if smoothed:
            words = self._gettext(mark("mean of the years %(first)s to %(last)s"))
            return words % {"first": smoothed[1], "last": smoothed[2]}
        return self._say(FACTOR_WORDS, phrase)
