"""OpenGateLLM's usage view: one record a request, and the gateway's own estimate of its energy.

In: JSON of `GET /v1/usage`, flat as it was first or with a `usage` object as later, which is also
the `usage` object of its responses. Out: records with what counts. Whose account it was is not even
decoded: users end here. Its energy is a range in kWh at first (`carbon`, `kwh_min`: we take the
middle), one value later (`impacts`). Source: etalab-ia/OpenGateLLM, api/schemas.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec

from exporters.gateway.tally import Tally
from footprint.units import uj_from_watt_hours

PAGE_RECORDS = 100
"""As many as it gives at once."""

Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None
MOST_KWH = Decimal(10)
"""Of one request."""


class RecordsError(ValueError):
    """An answer that is no such view."""


class _Range(msgspec.Struct):
    min: Decimal | None = None
    max: Decimal | None = None


class _Carbon(msgspec.Struct):
    kwh: _Range | None = msgspec.field(default=None, name="kWh")


class _Impacts(msgspec.Struct):
    kwh: Decimal | None = msgspec.field(default=None, name="kWh")


class _Details(msgspec.Struct):
    cached_tokens: Tokens = None


class Usage(msgspec.Struct):
    """The `usage` object of a response or record, in both shapes."""

    prompt_tokens: Tokens = None
    completion_tokens: Tokens = None
    total_tokens: Tokens = None
    prompt_tokens_details: _Details | None = None
    carbon: _Carbon | None = None
    impacts: _Impacts | None = None


class _Flat(Usage):
    """A record of the first shape, with what it says of the key; nothing of the account."""

    datetime: int | None = None
    created: int | None = None
    model: str | None = None
    request_model: str | None = None
    key: str | None = None
    token_id: int | None = None
    endpoint: str | None = None
    usage: Usage | None = None
    kwh_min: Decimal | None = None
    kwh_max: Decimal | None = None


class _View(msgspec.Struct):
    data: list[_Flat]


class Record(msgspec.Struct, frozen=True):
    """One request: when it was noted (Unix seconds), for which model by which of its names, with
    what rules may look at."""

    second: int
    models: tuple[str, ...]
    labels: Mapping[str, str]
    tally: Tally


_view_decoder = msgspec.json.Decoder(_View)
_usage_decoder = msgspec.json.Decoder(Usage)


def read_usage(body: bytes) -> Tally:
    """The `usage` object of one response. Raises RecordsError, which repeats nothing of it."""
    try:
        return tally(_usage_decoder.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise RecordsError("no usage object of OpenGateLLM, or a damaged one") from None


def read(body: bytes) -> list[Record]:
    """The records of one page of the view. Raises RecordsError, which repeats nothing of it."""
    try:
        return [_record(item) for item in _view_decoder.decode(body).data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise RecordsError("no usage view of OpenGateLLM, or a damaged one") from None


def _record(item: _Flat) -> Record:
    second = item.datetime if item.created is None else item.created
    if second is None:
        raise ValueError("no time")
    if item.usage is None:
        item.carbon = item.carbon or _Carbon(_Range(item.kwh_min, item.kwh_max))
    labels = {
        "key": item.key,
        "token": None if item.token_id is None else str(item.token_id),
        "model": item.model,
        "requested_model": item.request_model,
        "route": item.endpoint,
    }
    return Record(
        second=second,
        models=tuple(name for name in (item.model, item.request_model) if name),
        labels={name: text for name, text in labels.items() if text},
        tally=tally(item.usage or item),
    )


def tally(usage: Usage) -> Tally:
    """One request's tokens: one that names a total alone has the rest of it prompted."""
    generated = usage.completion_tokens or 0
    prompt = usage.prompt_tokens
    if prompt is None:
        prompt = max(0, (usage.total_tokens or 0) - generated)
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Tally(1, prompt, min(cached, prompt), generated, _estimated_uj(usage))


def _estimated_uj(usage: Usage) -> int | None:
    """The gateway's own figure, None where it gives none."""
    values: list[Decimal] = []
    if usage.impacts and usage.impacts.kwh is not None:
        values = [usage.impacts.kwh]
    elif usage.carbon and usage.carbon.kwh:
        ends = (usage.carbon.kwh.min, usage.carbon.kwh.max)
        values = [value for value in ends if value is not None]
    if not values:
        return None
    if not all(value.is_finite() and 0 <= value <= MOST_KWH for value in values):
        raise ValueError("no energy")
    return uj_from_watt_hours(sum(values, Decimal(0)) * 1000 / len(values))
