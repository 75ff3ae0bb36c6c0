"""Panels of the month so far, from the service's gauges: what the statement will say, as of now.

In: the catalogue of metrics. Out: `MONTH`.
"""

from footprint import metrics
from grafana.live_energy import CONSUMER, split
from grafana.panel import Panel, Query, Text
from grafana.queries import age_seconds, select, sum_by

JOULES_PER_KWH = 3_600_000

MONTH_CERTAINTY = Text(
    "les pages reçues, exactes au microjoule ; celles qui manquent encore et un facteur publié "
    "plus tard peuvent changer le chiffre. La couverture dit ce qui manque.",
    "the pages received, exact to the microjoule; pages still to come and a factor published later "
    "can change the figure. Coverage says what is missing.",
)

MONTH = (
    Panel(
        kind="bargauge",
        title=Text("Énergie du mois en cours", "Energy of the current month"),
        meaning=Text(
            "Énergie par SIA depuis le début du mois (heure de Paris), toutes machines du service, "
            "et du reste des machines (@).",
            "Energy per SIA since the month began (Paris time), all hosts of the service, and of "
            "the rest of the hosts (@).",
        ),
        certainty=MONTH_CERTAINTY,
        queries=split(
            lambda quality: (
                sum_by(metrics.MONTH_ENERGY, ["consumer"], select(metrics.MONTH_ENERGY, quality))
                + f" / {JOULES_PER_KWH}"
            )
        ),
        unit="kwatth",
    ),
    Panel(
        kind="bargauge",
        title=Text("Gaz à effet de serre du mois en cours", "Greenhouse gases of the month"),
        meaning=Text(
            "Grammes d’équivalent CO₂ de cette électricité et de celle que les sites ajoutent "
            "(PUE déclaré, ou supposé), au facteur du service ; mesuré et modélisé ensemble, dans "
            "la proportion du panneau voisin.",
            "Grams of CO₂ equivalent of that electricity and of what sites add (PUE declared, or "
            "assumed), at the service’s factor; measured and modelled together, in the proportion "
            "of the panel beside.",
        ),
        certainty=MONTH_CERTAINTY,
        queries=(
            Query(
                sum_by(metrics.MONTH_EMISSIONS, ["consumer"], select(metrics.MONTH_EMISSIONS)),
                CONSUMER,
            ),
        ),
        unit="massg",
        empty=Text("aucun facteur applicable", "no factor applies"),
    ),
    Panel(
        kind="stat",
        title=Text("Couverture du mois en cours", "Coverage of the month"),
        meaning=Text(
            "Part du temps pendant laquelle l’énergie de chaque composant est connue, parmi le "
            "temps où elle devrait l’être. Le reste est inconnu : il n’est pas compté comme nul.",
            "Share of the time for which each component’s energy is known, of the time it should "
            "be. The rest is unknown: it is not counted as zero.",
        ),
        certainty=Text(
            "exact pour les équipements vus au moins une fois ; une machine jamais équipée d’un "
            "agent n’y figure pas. Vert à partir de 99 %.",
            "exact for devices seen at least once; a host that never had an agent is not in it. "
            "Green from 99 % on.",
        ),
        queries=(
            Query(
                f"min by (component) ({select(metrics.MONTH_COVERAGE)})",
                Text("{{component}}", "{{component}}"),
            ),
        ),
        unit="percentunit",
        most=1,
        decimals=2,
        red_below=0.99,
    ),
    Panel(
        kind="bargauge",
        title=Text("Âge de la dernière page reçue", "Age of the last page received"),
        meaning=Text(
            "Temps écoulé depuis la fin de la dernière page que le service tient de chaque "
            "machine. Au-delà de 30 minutes, quelque chose retient les pages.",
            "Time since the end of the last page that the service holds of each host. Beyond 30 "
            "minutes something holds pages back.",
        ),
        certainty=Text(
            "exact. Normal jusqu’à un quart d’heure : une page dure ce temps.",
            "exact. Up to a quarter of an hour is normal: a page lasts that long.",
        ),
        queries=(
            Query(
                age_seconds(metrics.SERVICE_LAST_PAGE, "host_id"),
                Text("{{host_id}}", "{{host_id}}"),
            ),
        ),
        unit="s",
        width=16,
        red_from=1800,
    ),
    Panel(
        kind="stat",
        title=Text("Pages écartées des totaux", "Pages left out of the totals"),
        meaning=Text(
            "Pages conservées mais inutilisables, par exemple deux agents pour une machine. "
            "Chacune demande un examen.",
            "Pages that are kept but cannot be used, such as those of two agents for one host. "
            "Each wants to be looked at.",
        ),
        certainty=Text("exact.", "exact."),
        queries=(
            Query(
                f"max by (instance) ({select(metrics.SERVICE_QUARANTINED)})",
                Text("{{instance}}", "{{instance}}"),
            ),
        ),
        unit="short",
        decimals=0,
        red_from=1,
    ),
)
