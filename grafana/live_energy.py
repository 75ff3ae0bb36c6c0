"""Panels of power and energy: now, and over the chosen period, from the agents' counters.

In: the catalogue of metrics. Out: `POWER`, `ENERGY`. These figures are for watching; what is
published comes from the service's statements, and the descriptions say so.
"""

from collections.abc import Callable

from footprint import metrics
from grafana.panel import Panel, Query, Text
from grafana.queries import (
    METERED,
    MODELLED,
    NOT_SIA,
    SIA,
    increase_by,
    rate_by,
    select_any,
    sum_by,
)

JOULES_PER_WH = 3600

CONSUMER = Text("{{consumer}}", "{{consumer}}")
CONSUMER_MODELLED = Text("{{consumer}} (modélisé)", "{{consumer}} (modelled)")

QUALITIES = {
    "counter": Text("mesuré par un compteur d’énergie", "metered by an energy counter"),
    "integrated": Text("calculé à partir de puissances mesurées", "integrated from metered power"),
    "modelled": Text("MODÉLISÉ, non mesuré", "MODELLED, not measured"),
}
COMPONENTS = {
    "cpu": Text("processeurs", "processors"),
    "dram": Text("mémoire", "memory"),
    "gpu": Text("accélérateurs (GPU)", "accelerators (GPU)"),
}
INCREASE = Text(
    "ordre de grandeur. Prometheus prolonge la hausse des compteurs jusqu’aux bords de la période "
    "et ignore ce qui a précédé leur première lecture ; le relevé du service fait foi, au "
    "microjoule près.",
    "for watching. Prometheus extends the rise of counters to the edges of the period and misses "
    "what came before their first scrape; the service’s statement is exact to the microjoule.",
)


def split(expression: Callable[[str], str]) -> tuple[Query, ...]:
    """Two queries, so that what is modelled is never summed unseen with what is measured."""
    return (
        Query(expression(METERED), CONSUMER),
        Query(expression(MODELLED), CONSUMER_MODELLED),
    )


POWER = (
    Panel(
        kind="timeseries",
        title=Text("Puissance par SIA", "Power per AI system (SIA)"),
        meaning=Text(
            "Puissance électrique attribuée à chaque système d’IA (SIA) sur les machines choisies. "
            "Ce qui est modélisé porte la mention « (modélisé) ».",
            "Electrical power attributed to each AI system (SIA) on the chosen hosts. What is "
            "modelled says “(modelled)”.",
        ),
        certainty=Text(
            "l’énergie des composants vient de leurs compteurs ; le partage entre SIA suit leur "
            "temps de processeur. Un trou dans la courbe est une valeur inconnue, pas zéro.",
            "the components’ energy comes from their counters; it is divided between SIA by their "
            "processor time. A hole in the curve is an unknown value, not zero.",
        ),
        queries=split(lambda quality: rate_by(metrics.AGENT_ENERGY, ["consumer"], SIA, quality)),
        unit="watt",
        width=16,
        height=9,
        stacked=True,
    ),
    Panel(
        kind="timeseries",
        title=Text("Puissance du reste des machines", "Power of the rest of the hosts"),
        meaning=Text(
            "@system : le système et ce que personne n’a déclaré ; @agent : cet instrument ; "
            "@idle : accélérateurs que personne n’occupe ; @unregistered : IA non déclarée sur un "
            "accélérateur ; @unattributed : énergie connue, usage inconnu.",
            "@system: the operating system and what nobody declared; @agent: this meter; @idle: "
            "accelerators nobody holds; @unregistered: undeclared AI on an accelerator; "
            "@unattributed: energy known, user unknown.",
        ),
        certainty=Text(
            "comme pour les SIA : avec eux, ces lignes font exactement l’énergie des composants.",
            "as for the SIA: with them, these lines add up exactly to the components’ energy.",
        ),
        queries=split(
            lambda quality: rate_by(metrics.AGENT_ENERGY, ["consumer"], NOT_SIA, quality)
        ),
        unit="watt",
        height=9,
        stacked=True,
    ),
)

ENERGY = (
    Panel(
        kind="bargauge",
        title=Text("Énergie par SIA, période choisie", "Energy per SIA, chosen period"),
        meaning=Text(
            "Énergie attribuée à chaque SIA pendant la période choisie en haut à droite.",
            "Energy attributed to each SIA over the period chosen at the top right.",
        ),
        certainty=INCREASE,
        queries=split(
            lambda quality: (
                increase_by(metrics.AGENT_ENERGY, ["consumer"], SIA, quality)
                + f" / {JOULES_PER_WH}"
            )
        ),
        unit="watth",
    ),
    Panel(
        kind="bargauge",
        title=Text(
            "Gaz à effet de serre par SIA, période choisie",
            "Greenhouse gases per SIA, chosen period",
        ),
        meaning=Text(
            "Grammes d’équivalent CO₂ de l’électricité consommée, au facteur inscrit dans la "
            "configuration de l’agent. Rien ne s’affiche pour une machine sans facteur : inconnu, "
            "pas nul. La fabrication des machines et le refroidissement n’y sont pas.",
            "Grams of CO₂ equivalent of the electricity used, at the factor in the agent’s "
            "configuration. Nothing shows for a host without one: unknown, not zero. Making the "
            "hosts and cooling them are not included.",
        ),
        certainty=Text(
            "celle de l’énergie, aggravée de celle du facteur (10 % pour la moyenne annuelle de "
            "l’ADEME). Énergies mesurée et modélisée y sont mêlées : voir le tableau voisin.",
            "that of the energy, and that of the factor on top (10 % for ADEME’s yearly mean). "
            "Measured and modelled energy are mixed here: see the table beside it.",
        ),
        queries=(Query(increase_by(metrics.AGENT_EMISSIONS, ["consumer"], SIA), CONSUMER),),
        unit="massg",
        empty=Text("aucun facteur configuré", "no factor configured"),
    ),
    Panel(
        kind="table",
        title=Text("Énergie par composant et qualité", "Energy by component and quality"),
        meaning=Text(
            "Énergie de chaque composant pendant la période choisie, selon la façon dont elle est "
            "connue. Un composant absent n’est mesuré par personne : il est hors périmètre.",
            "Energy of each component over the chosen period, by how it is known. A component that "
            "is not listed is measured by nobody: it is outside the boundary.",
        ),
        certainty=Text(
            "un compteur vaut ce qu’en dit son fabricant ; ce qui est MODÉLISÉ est déduit de la "
            "charge et d’une table de processeurs : un ordre de grandeur.",
            "a counter is as good as its maker says; what is MODELLED is derived from the load and "
            "a table of processors: an order of magnitude.",
        ),
        queries=(
            Query(
                increase_by(metrics.AGENT_DEVICE_ENERGY, ["component", "quality"])
                + f" / {JOULES_PER_WH}"
            ),
        ),
        unit="watth",
        columns={
            "component": Text("Composant", "Component"),
            "quality": Text("Qualité", "Quality"),
            "Value": Text("Énergie", "Energy"),
        },
        words={**COMPONENTS, **QUALITIES},
        alarming=("modelled",),
    ),
    Panel(
        kind="table",
        title=Text("Facteurs d’émission en usage", "Emission factors in use"),
        meaning=Text(
            "Le facteur que chaque agent tient de sa configuration, et celui du service.",
            "The factor that each agent has from its configuration, and the service’s.",
        ),
        certainty=Text(
            "chaque facteur nomme sa source. « Provisoire » : celui de l’année n’est pas encore "
            "publié, le plus récent le remplace. L’agent ne sait pas dire si le sien l’est.",
            "each factor names its source. “Provisional”: the year’s own is not published yet and "
            "the newest stands in. An agent cannot tell whether its own is.",
        ),
        queries=(
            Query(
                sum_by(
                    metrics.EMISSION_FACTOR,
                    ["instance", "zone", "method", "source", "valid_from", "provisional"],
                    select_any(metrics.EMISSION_FACTOR),
                )
            ),
        ),
        unit="none",
        width=24,
        height=5,
        empty=Text("aucun facteur connu", "no factor known"),
        columns={
            "instance": Text("Qui l’emploie", "Used by"),
            "Value": Text("gCO₂e/kWh", "gCO₂e/kWh"),
            "zone": Text("Zone", "Zone"),
            "method": Text("Méthode", "Method"),
            "valid_from": Text("Valable à partir de", "Valid from"),
            "provisional": Text("Provisoire", "Provisional"),
            "source": Text("Source", "Source"),
        },
        words={
            "true": Text("oui, provisoire", "yes, provisional"),
            "false": Text("non", "no"),
            "unknown": Text("non su", "not known"),
        },
        alarming=("true",),
        decimals=1,
    ),
)
