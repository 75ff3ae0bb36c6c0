"""What the `footprint` command turns into one line on standard error, or in the log."""

from collections.abc import Callable


class CommandError(Exception):
    """A command that cannot be done; the message says what, where and the remedy."""


class SettingError(ValueError):
    """A setting that cannot be used; the message says which and what to do."""


class SendError(Exception):
    """Something that did not arrive; the message says why."""


Held = list[Callable[[], None]]
"""What breaks off a sending, from another thread."""


def one_line(words: object) -> str:
    """Text of unknown origin without what would break the line or steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(words)).split())


Place = tuple[str | int, ...]
"""Keys and list positions that lead to a value of a file."""


class PlaceError(ValueError):
    """Something wrong in a file. `path` leads to it: keys and list positions."""

    def __init__(self, message: str, path: Place = ()) -> None:
        super().__init__(message)
        self.path = path
