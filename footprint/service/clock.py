"""The present, read in one place and handed on."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The present as an aware UTC instant."""


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)
