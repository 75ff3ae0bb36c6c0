"""The part of the catalogue of metrics about what an agent keeps and sends."""

from footprint.metric import Metric

LEDGERS = Metric(
    "footprint_agent_ledgers_begun_total",
    "counter",
    "Ledgers that the agent had to follow with another since it started: its spool was damaged "
    "(damaged), the service holds other pages, as after a copy (diverged), or time was wrong "
    "(clock).",
    ("reason",),
)
QUARANTINED = Metric(
    "footprint_agent_quarantined_pages_total",
    "counter",
    "Pages of this host that the service keeps out of its totals, as told since the agent started: "
    "a second agent, a copied host or a wrong clock.",
)
SPOOL_LIMIT = Metric(
    "footprint_agent_spool_limit_bytes",
    "gauge",
    "The most that the spool may take of the disk.",
)
REFUSED = Metric(
    "footprint_agent_spool_refusals_total",
    "counter",
    "Times that the disk did not take what was to be kept since the agent started.",
)
IN_MEMORY = Metric(
    "footprint_agent_pages_in_memory",
    "gauge",
    "Pages that are over and that the disk does not take now.",
)
METRICS = (LEDGERS, QUARANTINED, SPOOL_LIMIT, REFUSED, IN_MEMORY)
