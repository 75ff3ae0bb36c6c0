"""Panels that say whether the others can be trusted: sensors, gaps, silent agents, waiting pages.

In: the catalogue of metrics. Out: `TRUST`.
"""

from footprint import metrics
from grafana.panel import Panel, Query, Text
from grafana.queries import age_seconds, gained_by, rate_by, select, sum_by

TRUST = (
    Panel(
        kind="table",
        title=Text("Capteurs en panne", "Sensors that are down"),
        meaning=Text(
            "Capteurs qui n’ont pas pu lire leur équipement à la dernière seconde. Leur énergie "
            "est inconnue tant que cela dure ; un compteur qui revient la restitue souvent.",
            "Sensors that could not read their device at the last second. Its energy is unknown "
            "while that lasts; a counter that comes back often returns it.",
        ),
        certainty=Text(
            "sûr pour les agents qui répondent. Un agent muet n’apparaît pas ici : voir l’âge de "
            "la dernière seconde mesurée.",
            "certain for agents that answer. A silent agent is not listed here: see the age of the "
            "last second metered.",
        ),
        queries=(
            Query(
                sum_by(
                    metrics.SENSOR_UP,
                    ["instance", "sensor", "device"],
                    f"{select(metrics.SENSOR_UP)} == 0",
                )
            ),
        ),
        unit="none",
        empty=Text("aucun capteur en panne connu", "no sensor known to be down"),
        columns={
            "instance": Text("Machine", "Host"),
            "sensor": Text("Capteur", "Sensor"),
            "device": Text("Équipement", "Device"),
            "Value": Text("État", "State"),
        },
        words={"0": Text("en panne", "down")},
        alarming=("0",),
    ),
    Panel(
        kind="bargauge",
        title=Text("Durée inconnue, par cause", "Time unknown, by cause"),
        meaning=Text(
            "Durée pendant laquelle l’énergie d’un équipement est restée inconnue, tous "
            "équipements additionnés, pendant la période choisie.",
            "How long the energy of a device remained unknown over the chosen period, all devices "
            "added.",
        ),
        certainty=Text(
            "un trou n’est inscrit qu’à la clôture de sa page, jusqu’à un quart d’heure plus tard. "
            "Un agent arrêté ne compte pas le sien : il l’inscrit dans sa prochaine page.",
            "a gap is only recorded when its page is sealed, up to a quarter of an hour later. An "
            "agent that is stopped does not count its own: it records it in its next page.",
        ),
        queries=(Query(gained_by(metrics.GAP_SECONDS, ["cause"]), Text("{{cause}}", "{{cause}}")),),
        unit="s",
        empty=Text("aucun trou enregistré", "no gap recorded"),
        red_from=1,
    ),
    Panel(
        kind="bargauge",
        title=Text("Âge de la dernière seconde mesurée", "Age of the last second metered"),
        meaning=Text(
            "Temps écoulé depuis la dernière mesure de chaque agent, y compris de ceux qui se sont "
            "tus pendant la période choisie.",
            "Time since each agent last metered, also of those that fell silent during the chosen "
            "period.",
        ),
        certainty=Text(
            "à l’intervalle de collecte de Prometheus près. Un agent muet depuis plus longtemps "
            "que la période choisie n’apparaît plus : allongez-la.",
            "to within Prometheus’s scrape interval. An agent silent for longer than the chosen "
            "period is no longer listed: choose a longer one.",
        ),
        queries=(
            Query(
                age_seconds(metrics.AGENT_LAST_TICK, "instance"),
                Text("{{instance}}", "{{instance}}"),
            ),
        ),
        unit="s",
        red_from=120,
    ),
    Panel(
        kind="timeseries",
        title=Text("Pages en attente d’envoi", "Pages waiting to be sent"),
        meaning=Text(
            "Pages scellées que le service n’a pas encore accusées. Elles sont sur le disque de la "
            "machine et repartent seules : rien n’est perdu.",
            "Sealed pages that the service has not acknowledged yet. They are on the host’s disk "
            "and are sent again by themselves: nothing is lost.",
        ),
        certainty=Text(
            "exact à chaque seconde. Sans service configuré, toutes les pages restent en attente.",
            "exact at every second. Where no service is configured all pages go on waiting.",
        ),
        queries=(
            Query(
                sum_by(
                    metrics.AGENT_SPOOL_PAGES,
                    ["instance"],
                    select(metrics.AGENT_SPOOL_PAGES, 'state="waiting"'),
                ),
                Text("{{instance}}", "{{instance}}"),
            ),
        ),
        unit="short",
        width=16,
        decimals=0,
    ),
    Panel(
        kind="timeseries",
        title=Text("Lectures échouées", "Failed readings"),
        meaning=Text(
            "Lectures échouées par seconde, par capteur et équipement.",
            "Readings that failed per second, by sensor and device.",
        ),
        certainty=Text(
            "exact. Une lecture échouée n’est jamais comptée comme zéro joule.",
            "exact. A reading that failed is never counted as zero joules.",
        ),
        queries=(
            Query(
                rate_by(metrics.SENSOR_FAILURES, ["sensor", "device"]),
                Text("{{sensor}} {{device}}", "{{sensor}} {{device}}"),
            ),
        ),
        unit="cps",
    ),
)
