"""Grafana's own Python types, imported quietly, and the gaps they leave in classic dashboards.

In: builders of `grafana-foundation-sdk`. Out: a dashboard as plain data that Grafana shows as it
was meant (`finish`), and the keys of any dashboard that its types do not know (`unknown_keys`).
"""

import json
import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings():
    # The package points every import at its second dashboard format, which Grafana before 12 cannot
    # read; the classic one is what all versions in service take.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        bargauge,
        common,
        prometheus,
        stat,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.builders import dashboard as dashboards
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import common as common_model
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models import prometheus as prometheus_model

__all__ = [
    "bargauge",
    "common",
    "common_model",
    "dashboards",
    "finish",
    "model",
    "prometheus",
    "prometheus_model",
    "stat",
    "table",
    "timeseries",
    "unknown_keys",
]

PANEL_TYPES = ("bargauge", "row", "stat", "table", "timeseries")
"""What every Grafana brings along; the types accept any name, an uninstalled plugin's too."""

register_default_plugins()  # else panel options would be read back as untyped data


def finish(dashboard: Any) -> dict[str, Any]:
    """The built dashboard as plain data, with the numbers that Grafana needs and the types lack.

    Panels get an `id`, targets a `refId` (A, B...), in their order.
    """
    data = _plain(dashboard)
    for number, panel in enumerate(data["panels"], start=1):
        panel["id"] = number
        for index, target in enumerate(panel.get("targets", [])):
            target["refId"] = chr(ord("A") + index)
    for placed in (*data.get("links", []), *data["annotations"].get("list", [])):
        placed.pop("placement", None)  # written empty by the types, refused by Grafana's schema
    return data


def unknown_keys(data: dict[str, Any]) -> list[str]:
    """Where `data` holds what Grafana's types or our list of panel types do not know."""
    again = _plain(model.Dashboard.from_json(data))
    wrong = [
        f"panels[{index}].type: {panel['type']}"
        for index, panel in enumerate(data["panels"])
        if panel["type"] not in PANEL_TYPES
    ]
    return wrong + list(_lost("", data, again))


def _plain(dashboard: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    return data


def _lost(place: str, before: Any, after: Any) -> Iterator[str]:
    """Places in `before` that are missing or different in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            inner = f"{place}.{key}".lstrip(".")
            if key in after:
                yield from _lost(inner, value, after[key])
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(f"{place}[{index}]", one, other)
    elif before != after:
        yield place
