"""The catalogue of every metric: name, type, labels, help. Dashboards and exporters read only this.

Counters are joules and grams since the process started; figures that a later page or factor can
change are gauges; static facts are `_info`.
"""

from footprint import metric, metrics_budget, metrics_keeping

Kind = metric.Kind
Metric = metric.Metric


# Agent: energy
AGENT_ENERGY = Metric(
    "footprint_energy_joules_total",
    "counter",
    "Energy attributed to a consumer (a SIA code, or @system, @agent, @idle, @unregistered, "
    "@unattributed) since the agent started.",
    ("component", "device", "consumer", "part", "quality"),
)
AGENT_DEVICE_ENERGY = Metric(
    "footprint_device_energy_joules_total",
    "counter",
    "Energy metered per device since the agent started; equals the sum of its consumers.",
    ("component", "device", "sensor", "quality"),
)
AGENT_EVIDENCE_ENERGY = Metric(
    "footprint_evidence_energy_joules_total",
    "counter",
    "Energy of counters that cover other devices (psys, core, uncore) since the agent started; "
    "evidence, never to be added.",
    ("device", "covers", "sensor"),
)
AGENT_EMISSIONS = Metric(
    "footprint_emissions_grams_total",
    "counter",
    "Greenhouse gases in grams of CO2 equivalent for the use of electricity by the host since the "
    "agent started, at the configured factor; without what its site adds.",
    ("consumer", "quality"),
)
EMISSION_FACTOR = Metric(
    "footprint_emission_factor_grams_per_kwh",
    "gauge",
    "Emission factor in use, in grams of CO2 equivalent per kilowatt-hour, with its source.",
    ("zone", "method", "source", "valid_from", "provisional"),
)
# Agent: sensors
SENSOR_INFO = Metric(
    "footprint_sensor_info",
    "gauge",
    "What a sensor reads: 1 for each device, with its quality and what it covers.",
    ("sensor", "component", "device", "quality", "covers"),
)
SENSOR_UP = Metric(
    "footprint_sensor_up",
    "gauge",
    "1 where the device could be read at the last tick, 0 where not.",
    ("sensor", "device"),
)
SENSOR_READ_SECONDS = Metric(
    "footprint_sensor_read_seconds",
    "gauge",
    "How long the sensor took to read all its devices at the last tick.",
    ("sensor",),
)
SENSOR_FAILURES = Metric(
    "footprint_sensor_read_failures_total",
    "counter",
    "Readings that failed since the agent started.",
    ("sensor", "device"),
)
GAP_SECONDS = Metric(
    "footprint_gap_seconds_total",
    "counter",
    "Time for which the energy of a device is unknown, since the agent started.",
    ("component", "device", "cause"),
)
# Agent: who uses the GPUs
GPU_UNREGISTERED = Metric(
    "footprint_gpu_unregistered_processes",
    "gauge",
    "Processes that compute on a GPU and that nobody declared, at the last tick; not told of a GPU "
    "that is reserved as a whole.",
    ("device",),
)
GPU_ATTRIBUTION_SECONDS = Metric(
    "footprint_gpu_attribution_seconds_total",
    "counter",
    "Time for which a GPU's energy was divided by a basis (reserved, idle, sm, memory, alone, "
    "instances, slices, unknown: METHOD.md) since the agent started.",
    ("device", "basis"),
)
# Agent: node meters
NODE_ENERGY = Metric(
    "footprint_node_energy_joules_total",
    "counter",
    "Energy of the whole host by a node meter (BMC) since the agent started; never to be added to "
    "the energy of devices, which it contains.",
    ("meter", "quality"),
)
NODE_UP = Metric(
    "footprint_node_meter_up",
    "gauge",
    "1 where the node meter could be read last time, 0 where not, or not yet.",
    ("meter",),
)
NODE_READ_SECONDS = Metric(
    "footprint_node_meter_read_seconds",
    "gauge",
    "How long the last reading of the node meter took; the agent's ticks do not wait for it.",
    ("meter",),
)
NODE_FAILURES = Metric(
    "footprint_node_meter_read_failures_total",
    "counter",
    "Readings of the node meter that failed since the agent started.",
    ("meter",),
)
NODE_LAST_READ = Metric(
    "footprint_node_meter_last_read_timestamp_seconds",
    "gauge",
    "Instant of the node meter's last good reading (Unix time).",
    ("meter",),
)
NODE_LAST_FAILURE = Metric(
    "footprint_node_meter_last_failure_timestamp_seconds",
    "gauge",
    "Instant of the node meter's last failed reading, where there was one (Unix time).",
    ("meter",),
)
# Agent: itself
AGENT_BUILD_INFO = Metric(
    "footprint_agent_build_info",
    "gauge",
    "Version of the agent and its method.",
    ("version", "method"),
)
AGENT_LEDGER_INFO = Metric(
    "footprint_agent_ledger_info",
    "gauge",
    "The ledger that the agent writes.",
    ("host_id", "ledger_id"),
)
AGENT_LAST_TICK = Metric(
    "footprint_agent_last_tick_timestamp_seconds", "gauge", "Instant of the last tick (Unix time)."
)
AGENT_TICK_SECONDS = Metric(
    "footprint_agent_tick_seconds", "gauge", "How long the last tick took, sensors included."
)
AGENT_TICKS_LATE = Metric(
    "footprint_agent_ticks_late_total", "counter", "Ticks that began more than half a tick late."
)
AGENT_CLOCK_OFFSET = Metric(
    "footprint_agent_clock_offset_seconds",
    "gauge",
    "Wall clock less the agent's own time, which follows the monotonic clock.",
)
AGENT_SPOOL_PAGES = Metric(
    "footprint_agent_spool_pages", "gauge", "Pages in the spool.", ("state",)
)
AGENT_SPOOL_BYTES = Metric("footprint_agent_spool_bytes", "gauge", "Size of the spool's file.")
AGENT_PUSHES = Metric(
    "footprint_agent_pushes_total", "counter", "Attempts to push pages to the service.", ("result",)
)
# Usage reader (`footprint-agent gateway`)
GATEWAY_UP = Metric(
    "footprint_gateway_up",
    "gauge",
    "1 where a gateway, or a model server's own counters, could be read last time, 0 where not.",
    ("role", "kind", "endpoint"),
)
GATEWAY_LOOKS = Metric(
    "footprint_gateway_looks_total",
    "counter",
    "Times that it was asked since the reader started.",
    ("role", "kind", "endpoint"),
)
GATEWAY_FAILURES = Metric(
    "footprint_gateway_failures_total",
    "counter",
    "Times that counts may be missing since the reader started: it did not answer (unreachable), "
    "gave what is no count (unreadable), or lost its counters (restarted).",
    ("role", "kind", "endpoint", "cause"),
)
GATEWAY_LAST_SUCCESS = Metric(
    "footprint_gateway_last_success_timestamp_seconds",
    "gauge",
    "Instant at which it was read last (Unix time).",
    ("role", "kind", "endpoint"),
)
GATEWAY_TOKENS = Metric(
    "footprint_gateway_tokens_total",
    "counter",
    "Tokens that gateways counted for a consumer (a SIA code, or @unattributed) since the reader "
    "started: prompt, of them cached, and generated.",
    ("server", "model", "consumer", "type"),
)
GATEWAY_REQUESTS = Metric(
    "footprint_gateway_requests_total",
    "counter",
    "Requests that gateways counted for a consumer since the reader started.",
    ("server", "model", "consumer"),
)
GATEWAY_SERVER_TOKENS = Metric(
    "footprint_gateway_server_tokens_total",
    "counter",
    "Tokens that the model servers themselves counted since the reader started; never to be added "
    "to those of gateways, which they contain.",
    ("server", "model", "type"),
)
GATEWAY_LEFT_OUT = Metric(
    "footprint_gateway_left_out_tokens_total",
    "counter",
    "Tokens in no line since the reader started: of a model that the settings do not name (model), "
    "or by a rule that ignores them (rule).",
    ("reason",),
)
# Service
SERVICE_BUILD_INFO = Metric(
    "footprint_service_build_info",
    "gauge",
    "Version of the service and its method.",
    ("version", "method"),
)
SERVICE_PAGES = Metric(
    "footprint_service_pages_total",
    "counter",
    "Pages of energy and of usage received since the service started, by what became of them.",
    ("result",),
)
SERVICE_ENERGY = Metric(
    "footprint_service_energy_joules_total",
    "counter",
    "Energy of the entries accepted since the service started.",
    ("component", "consumer", "quality"),
)
SERVICE_REFUSED = Metric(
    "footprint_service_refused_total",
    "counter",
    "Requests and connections turned away since the service started, by why.",
    ("reason",),
)
SERVICE_QUARANTINED = Metric(
    "footprint_service_quarantined_pages",
    "gauge",
    "Pages of energy and of usage kept but left out of totals; look at each.",
)
SERVICE_HOSTS = Metric("footprint_service_hosts", "gauge", "Hosts that ever sent a page.")
SERVICE_LAST_PAGE = Metric(
    "footprint_service_last_page_timestamp_seconds",
    "gauge",
    "End of the last page held of a host (Unix time).",
    ("host_id",),
)
SERVICE_LAST_USAGE = Metric(
    "footprint_service_last_usage_timestamp_seconds",
    "gauge",
    "End of the last usage held of a gateway (Unix time).",
    ("host_id",),
)
MONTH_ENERGY = Metric(
    "footprint_month_energy_joules",
    "gauge",
    "Energy of the current month (Europe/Paris) so far.",
    ("component", "consumer", "quality"),
)
MONTH_EMISSIONS = Metric(
    "footprint_month_emissions_grams",
    "gauge",
    "Greenhouse gases of the current month so far, in grams of CO2 equivalent: use of electricity "
    "by hosts, and by their sites on top of it (PUE).",
    ("consumer", "quality"),
)
MONTH_COVERAGE = Metric(
    "footprint_month_coverage_ratio",
    "gauge",
    "Covered over expected in-service seconds of the current month so far.",
    ("component",),
)
# Service: shared servers. `server` is @all over all servers of a consumer.
MONTH_SHARED_ENERGY = Metric(
    "footprint_month_shared_joules",
    "gauge",
    "Energy of a shared server that is a consumer's in the current month so far, active or idle; "
    "already in the month's energy.",
    ("server", "consumer", "part"),
)
MONTH_SAMPLE = Metric(
    "footprint_month_efficiency_sample",
    "gauge",
    "Generated tokens, requests or units that a consumer's efficiency of the month rests on.",
    ("server", "consumer", "of"),
)
MONTH_LOAD = Metric(
    "footprint_month_load_joules_per_1000_generated_tokens",
    "gauge",
    "Active energy of a shared server for 1000 generated tokens, by generated tokens a second of "
    "the quarter-hour, in the current month so far.",
    ("server", "tokens_per_second"),
)


def _per(what: str, words: str, *labels: str) -> tuple[Metric, Metric]:
    """Energy and gases of a consumer's share of shared servers for what it got."""
    return (
        Metric(
            f"footprint_month_joules_per_{what}",
            "gauge",
            f"Energy of a consumer's share of a shared server {words}, current month so far.",
            ("server", "consumer", *labels),
        ),
        Metric(
            f"footprint_month_grams_per_{what}",
            "gauge",
            f"Greenhouse gases of a consumer's share of a shared server {words}, current month so "
            "far, in grams of CO2 equivalent.",
            ("server", "consumer", *labels),
        ),
    )


MONTH_PER_TOKENS = _per("1000_generated_tokens", "for 1000 generated tokens")
MONTH_PER_REQUEST = _per("request", "for a request")
MONTH_PER_UNIT = _per("unit", "for a functional unit of the consumer", "unit")

AGENT_METRICS = (
    AGENT_ENERGY,
    AGENT_DEVICE_ENERGY,
    AGENT_EVIDENCE_ENERGY,
    AGENT_EMISSIONS,
    EMISSION_FACTOR,
    SENSOR_INFO,
    SENSOR_UP,
    SENSOR_READ_SECONDS,
    SENSOR_FAILURES,
    GAP_SECONDS,
    GPU_UNREGISTERED,
    GPU_ATTRIBUTION_SECONDS,
    NODE_ENERGY,
    NODE_UP,
    NODE_READ_SECONDS,
    NODE_FAILURES,
    NODE_LAST_READ,
    NODE_LAST_FAILURE,
    AGENT_BUILD_INFO,
    AGENT_LEDGER_INFO,
    AGENT_LAST_TICK,
    AGENT_TICK_SECONDS,
    AGENT_TICKS_LATE,
    AGENT_CLOCK_OFFSET,
    AGENT_SPOOL_PAGES,
    AGENT_SPOOL_BYTES,
    AGENT_PUSHES,
    *metrics_keeping.METRICS,
)
GATEWAY_METRICS = (
    GATEWAY_UP,
    GATEWAY_LOOKS,
    GATEWAY_FAILURES,
    GATEWAY_LAST_SUCCESS,
    GATEWAY_TOKENS,
    GATEWAY_REQUESTS,
    GATEWAY_SERVER_TOKENS,
    GATEWAY_LEFT_OUT,
    AGENT_BUILD_INFO,
    AGENT_LEDGER_INFO,
    AGENT_SPOOL_PAGES,
    AGENT_SPOOL_BYTES,
    AGENT_PUSHES,
)
SERVICE_METRICS = (
    SERVICE_BUILD_INFO,
    SERVICE_PAGES,
    SERVICE_ENERGY,
    SERVICE_REFUSED,
    SERVICE_QUARANTINED,
    SERVICE_HOSTS,
    SERVICE_LAST_PAGE,
    SERVICE_LAST_USAGE,
    EMISSION_FACTOR,
    MONTH_ENERGY,
    MONTH_EMISSIONS,
    MONTH_COVERAGE,
    MONTH_SHARED_ENERGY,
    MONTH_SAMPLE,
    MONTH_LOAD,
    *MONTH_PER_TOKENS,
    *MONTH_PER_REQUEST,
    *MONTH_PER_UNIT,
    *metrics_budget.METRICS,
)
