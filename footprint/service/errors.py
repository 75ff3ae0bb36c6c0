"""What the `footprint` command turns into one line on standard error."""


class CommandError(Exception):
    """A command that cannot be done; the message says what, where and the remedy."""
