"""Names that may leave a host: SIA codes, the reserved consumers, host identifiers.

Only codes of a fixed pattern enter the ledger, so that no command line, user name or e-mail can.
`@` is reserved for consumers that are not a SIA.
"""

import re
from typing import Literal

SYSTEM = "@system"
AGENT = "@agent"
IDLE = "@idle"
UNREGISTERED = "@unregistered"
UNATTRIBUTED = "@unattributed"
RESERVED = (SYSTEM, AGENT, IDLE, UNREGISTERED, UNATTRIBUTED)

CODE_PATTERN = r"[a-z0-9][a-z0-9._-]{0,62}"
CONSUMER_PATTERN = rf"^(?:{CODE_PATTERN}|{'|'.join(RESERVED)})\Z"
SHOWN_PATTERN = r"[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*"
"""Text that shows as it is kept: no control characters, and none that turns its direction."""
_CODE = re.compile(CODE_PATTERN)


def is_code(text: str) -> bool:
    """Whether `text` may name a SIA, project, directorate or host."""
    return _CODE.fullmatch(text) is not None


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
