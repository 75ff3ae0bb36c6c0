"""What is told about an alert: one JSON document, with the words of it, for every channel.

In: a `BurnUp`, what changed, where the service is reached. Out: `Told`. What was not measured can
only add to what was used, and the message says how much was measured.
"""

from decimal import Decimal
from typing import cast
from urllib.parse import quote, urlencode

import msgspec

from footprint.alert import Event, Range, Told, Watched
from footprint.burn import BurnUp
from footprint.service.alert_settings import Alerts
from footprint.service.budgets import BASES, Indicator


def told(burn: BurnUp, watched: Watched, event: Event, alerts: Alerts) -> Told:
    """The message about an alert that was raised or is over."""
    # The templates are slow to load: a service without alerts does without.
    from footprint.portal.alert_words import alert_text  # noqa: PLC0415

    found = _facts(burn, watched, event, alerts)
    subject, text = alert_text(found, alerts.language)
    return msgspec.structs.replace(found, subject=subject, text=text)


def _facts(burn: BurnUp, watched: Watched, event: Event, alerts: Alerts) -> Told:
    base = BASES[cast(Indicator, burn.indicator)]
    forecast, ends = burn.forecast, burn.interval
    return Told(
        event=event,
        kind=watched.kind,
        percent=watched.percent,
        budget=burn.code,
        name=burn.name,
        project=burn.project,
        sia=burn.sia_code,
        indicator=burn.indicator,
        unit=burn.unit,
        period=burn.period,
        amount=burn.amount,
        used=burn.used_shown,
        interval=Range(Decimal(ends.low) / base, Decimal(ends.high) / base) if ends else None,
        forecast=Decimal(forecast.value) / base if forecast else None,
        forecast_band=(
            Range(Decimal(forecast.low) / base, Decimal(forecast.high) / base) if forecast else None
        ),
        exhausted=forecast.exhausted if forecast else None,
        coverage=burn.coverage,
        recent_coverage=burn.recent_coverage,
        state=burn.state,
        at=burn.as_of,
        link=link(alerts.public_url, burn.code, alerts.language),
    )


def link(public_url: str, code: str, lang: str) -> str:
    """Where a budget's page is."""
    asked = urlencode({"format": "html", "lang": lang})
    return f"{public_url.rstrip('/')}/v1/budgets/{quote(code)}/burn-up?{asked}"
