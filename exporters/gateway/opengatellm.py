"""OpenGateLLM's usage view: one record a request, and the gateway's own estimate of its energy
and greenhouse gases.

In: JSON of `GET /v1/usage`, flat as it was first or with a `usage` object as later, which is also
the `usage` object of its responses. Out: records with what counts. Whose account it was is not even
decoded: users end here. Each estimate is a range in kWh and kgCO2eq at first (`carbon`, `kwh_min`:
we take the middle), one value later (`impacts`). One that cannot be used (of another form,
negative, beyond any request) is unknown, and said; the tokens beside it count all the same. Source:
etalab-ia/OpenGateLLM, api/schemas.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec

from exporters.gateway.tally import Tally
from footprint.units import ug_from_kilograms, uj_from_watt_hours

PAGE_RECORDS = 100
"""As many as it gives at once."""

Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None
MOST_KWH = Decimal(10)
MOST_KG = Decimal(100)
"""Of one request."""
_NONE = msgspec.Raw(b"")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)

log = logging.getLogger("footprint.gateway")


class RecordsError(ValueError):
    """An answer that is no such view."""


class _Range(msgspec.Struct):
    min: msgspec.Raw = _NONE
    max: msgspec.Raw = _NONE


class _Figures(msgspec.Struct):
    """Of energy and of gases: a value each, or a range."""

    kwh: msgspec.Raw = msgspec.field(default=_NONE, name="kWh")
    kg: msgspec.Raw = msgspec.field(default=_NONE, name="kgCO2eq")


class _Details(msgspec.Struct):
    cached_tokens: Tokens = None


class Usage(msgspec.Struct):
    """The `usage` object of a response or record, in both shapes; the estimates are read after
    it, one by one."""

    prompt_tokens: Tokens = None
    completion_tokens: Tokens = None
    total_tokens: Tokens = None
    prompt_tokens_details: _Details | None = None
    carbon: msgspec.Raw = _NONE
    impacts: msgspec.Raw = _NONE


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
    kwh_min: msgspec.Raw = _NONE
    kwh_max: msgspec.Raw = _NONE
    kgco2eq_min: msgspec.Raw = _NONE
    kgco2eq_max: msgspec.Raw = _NONE


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
_figures_decoder = msgspec.json.Decoder(_Figures | None)
_range_decoder = msgspec.json.Decoder(_Range | None)
_number_decoder = msgspec.json.Decoder(Decimal | None)


def read_usage(body: bytes) -> Tally:
    """The `usage` object of one response. Raises RecordsError, which repeats nothing of it."""
    estimates = _Estimates()
    try:
        found = _tally(_usage_decoder.decode(body), estimates)
    except _UNREADABLE:
        raise RecordsError("no usage object of OpenGateLLM, or a damaged one") from None
    estimates.warn()
    return found


def read(body: bytes) -> list[Record]:
    """The records of one page of the view. Raises RecordsError, which repeats nothing of it."""
    estimates = _Estimates()
    try:
        found = [_record(item, estimates) for item in _view_decoder.decode(body).data]
    except _UNREADABLE:
        raise RecordsError("no usage view of OpenGateLLM, or a damaged one") from None
    estimates.warn()
    return found


def _record(item: _Flat, estimates: "_Estimates") -> Record:
    second = item.datetime if item.created is None else item.created
    if second is None:
        raise ValueError("no time")
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
        tally=_tally(item.usage or item, estimates),
    )


def _tally(usage: Usage, estimates: "_Estimates") -> Tally:
    """One request's tokens: one that names a total alone has the rest of it prompted."""
    generated = usage.completion_tokens or 0
    prompt = usage.prompt_tokens
    if prompt is None:
        prompt = max(0, (usage.total_tokens or 0) - generated)
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    kwh, kg = estimates.of(usage)
    return Tally(
        1,
        prompt,
        min(cached, prompt),
        generated,
        estimated_uj=None if kwh is None else uj_from_watt_hours(kwh * 1000),
        estimated_ug=None if kg is None else ug_from_kilograms(kg),
    )


class _Estimates:
    """The gateway's own figures in one answer, and how many of them cannot be used."""

    def __init__(self) -> None:
        self._unusable: Counter[str] = Counter()

    def of(self, usage: Usage) -> tuple[Decimal | None, Decimal | None]:
        """In kWh and kg; None where it gives none, or none that can be used."""
        one = self._figures(usage.impacts)
        of_range = self._figures(usage.carbon)
        kwh, kg = _ends(of_range.kwh), _ends(of_range.kg)
        if isinstance(usage, _Flat) and usage.usage is None and of_range == _Figures():
            kwh = _Range(usage.kwh_min, usage.kwh_max)
            kg = _Range(usage.kgco2eq_min, usage.kgco2eq_max)
        return (
            self._told("kWh", one.kwh, kwh, MOST_KWH),
            self._told("kgCO2eq", one.kg, kg, MOST_KG),
        )

    def warn(self) -> None:
        """Say what was left out; nothing of the answer is repeated."""
        for name, count in sorted(self._unusable.items()):
            log.warning(
                "opengatellm: estimates (%s) that cannot be used: %d; unknown, counts are kept",
                name,
                count,
            )

    def _figures(self, raw: msgspec.Raw) -> _Figures:
        try:
            return (_figures_decoder.decode(raw) if bytes(raw) else None) or _Figures()
        except _UNREADABLE:
            self._unusable["impacts, carbon"] += 1
            return _Figures()

    def _told(
        self, name: str, one: msgspec.Raw, ends: _Range | None, most: Decimal
    ) -> Decimal | None:
        """The one value, else the middle of the range."""
        try:
            value = _number(one, most)
            if value is not None:
                return value
            if ends is None:
                raise ValueError("no range")
            values = [
                end for end in (_number(ends.min, most), _number(ends.max, most)) if end is not None
            ]
        except _UNREADABLE:
            self._unusable[name] += 1
            return None
        return sum(values, Decimal(0)) / len(values) if values else None


def _ends(raw: msgspec.Raw) -> _Range | None:
    """The ends of a range, none of nothing; None where it is no range."""
    try:
        return (_range_decoder.decode(raw) if bytes(raw) else None) or _Range()
    except _UNREADABLE:
        return None


def _number(raw: msgspec.Raw, most: Decimal) -> Decimal | None:
    """None where there is none. Raises ValueError where it cannot be."""
    value = _number_decoder.decode(raw) if bytes(raw) else None
    if value is not None and not (value.is_finite() and 0 <= value <= most):
        raise ValueError("no estimate")
    return value
