"""Names that may leave a host: SIA codes, the reserved consumers, host identifiers.

Only codes of a fixed pattern enter the ledger, so that no command line, user name or e-mail can.
`@` is reserved for consumers that are not a SIA.
"""

import re
from collections.abc import Iterable
from typing import Literal, get_args

SYSTEM = "@system"
AGENT = "@agent"
IDLE = "@idle"
UNREGISTERED = "@unregistered"
UNATTRIBUTED = "@unattributed"
RESERVED = (SYSTEM, AGENT, IDLE, UNREGISTERED, UNATTRIBUTED)

CODE_PATTERN = r"[a-z0-9][a-z0-9._-]{0,62}"
CONSUMER_PATTERN = rf"^(?:{CODE_PATTERN}|{'|'.join(RESERVED)})\Z"
Phase = Literal["training", "fine-tuning", "inference", "evaluation"]
"""What of a SIA's life an energy is for, where that is declared."""
PHASES: tuple[Phase, ...] = get_args(Phase)
PHASED_PATTERN = rf"{CODE_PATTERN}(?::(?:{'|'.join(PHASES)}))?"
USER_PATTERN = rf"^(?:{PHASED_PATTERN}|{'|'.join(RESERVED)})\Z"
"""A consumer of energy: a SIA, of which the phase may be said (`chat:training`), or a reserved one.
"""
SHOWN_PATTERN = r"[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*"
"""Text that shows as it is kept: no control characters, and none that turns its direction."""
_CODE = re.compile(CODE_PATTERN)
_PHASED = re.compile(PHASED_PATTERN)


def is_code(text: str) -> bool:
    """Whether `text` may name a SIA, project, directorate or host."""
    return _CODE.fullmatch(text) is not None


def is_phased(text: str) -> bool:
    """Whether `text` names a SIA, with or without a phase."""
    return _PHASED.fullmatch(text) is not None


def phased(sia: str, phase: Phase | None) -> str:
    """The consumer that a SIA is in a phase of its life."""
    return sia if phase is None else f"{sia}:{phase}"


def sia_of(consumer: str) -> str:
    """The consumer whatever the phase."""
    return consumer.partition(":")[0]


def phase_of(consumer: str) -> Phase | None:
    """The phase that a consumer's energy is declared for."""
    return consumer.partition(":")[2] or None  # type: ignore[return-value]


def in_phases(consumers: Iterable[str]) -> tuple[str, ...]:
    """The consumers, and each in every phase."""
    return tuple(phased(one, phase) for one in consumers for phase in (None, *PHASES))


def check_code(text: str, what: str) -> str:
    """`text` if it is a code, else ValueError that says the form (`what` names the thing)."""
    if not is_code(text):
        raise ValueError(
            f"{what}: {text!r} is not a code; use 1 to 63 of a-z, 0-9, '.', '_', '-', "
            "beginning with a letter or digit"
        )
    return text


ConsumerKind = Literal["sia", "server", "system", "agent", "idle", "unregistered", "unattributed"]
"""What a consumer is: a SIA, a shared server, or one of the reserved ones without its `@`."""
