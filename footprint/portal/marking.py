"""Marks messages of Python files for the catalogues, which find them by this call."""


def mark(message: str) -> str:
    """`message` itself."""
    return message
