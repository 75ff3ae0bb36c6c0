"""The part of the catalogue of metrics about budgets and the alerts of them."""

from footprint.metric import Metric

INFO = Metric(
    "footprint_budget_info",
    "gauge",
    "A budget that is watched, with whose it is (project or sia) and what it counts: 1.",
    ("budget", "project", "sia", "indicator", "period"),
)
USED = Metric(
    "footprint_budget_used_ratio",
    "gauge",
    "What was measured of a budget's use so far, as a ratio of its amount; what was not measured "
    "can only add to it.",
    ("budget",),
)
PLANNED = Metric(
    "footprint_budget_planned_ratio",
    "gauge",
    "What a budget plans until the end of today, as a ratio of its amount.",
    ("budget",),
)
FORECAST = Metric(
    "footprint_budget_forecast_ratio",
    "gauge",
    "What a budget's whole period comes to at the present pace, as a ratio of its amount: "
    "expected, and the ends of its band (low, high).",
    ("budget", "end"),
)
COVERAGE = Metric(
    "footprint_budget_coverage_ratio",
    "gauge",
    "How much of the time of a budget's period so far was measured, as a ratio.",
    ("budget",),
)
RECENT_COVERAGE = Metric(
    "footprint_budget_recent_coverage_ratio",
    "gauge",
    "How much of yesterday and today was measured of what a budget counts, as a ratio.",
    ("budget",),
)
THRESHOLD = Metric(
    "footprint_budget_threshold_reached",
    "gauge",
    "1 where a threshold of a budget, in percent of its amount, is reached by what was measured, 0 "
    "where not.",
    ("budget", "percent"),
)
STATE = Metric(
    "footprint_budget_state",
    "gauge",
    "1 for the state of a budget (on_track, at_risk, exceeded, not_enough_coverage), 0 for the "
    "others.",
    ("budget", "state"),
)
UNREADABLE = Metric(
    "footprint_unreadable_budgets",
    "gauge",
    "Budgets that cannot be watched: what they are about has left the register.",
)
LOOKED = Metric(
    "footprint_budgets_last_look_timestamp_seconds",
    "gauge",
    "Instant at which the service looked at the budgets last (Unix time).",
)
MESSAGES = Metric(
    "footprint_alert_messages",
    "gauge",
    "Messages about budgets that have not arrived: waiting for their hour, failing and tried "
    "again, given_up after 30 days.",
    ("state",),
)
METRICS = (
    *(INFO, USED, PLANNED, FORECAST, COVERAGE, RECENT_COVERAGE),
    *(THRESHOLD, STATE, UNREADABLE, LOOKED, MESSAGES),
)
