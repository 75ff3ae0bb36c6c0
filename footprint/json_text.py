"""JSON whose decimals are written out: `0.000000086`, not `8.6E-8`, which few programs read alike.

In: structs, lists, mappings. Out: bytes; decimals are texts, exact, as everywhere in this API.
"""

from decimal import Decimal
from typing import Any

import msgspec


def encode(value: Any) -> bytes:
    """`value` as compact JSON."""
    return msgspec.json.encode(_plain(msgspec.to_builtins(value, builtin_types=(Decimal,))))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
