"""Only codes leave a host: what is one, and what looks like one."""

import re

import pytest

from footprint import codes


@pytest.mark.parametrize("code", ["a", "0", "chat", "dgfip.chat-2_b", "a" * 63])
def test_codes(code: str) -> None:
    """Small letters, digits, '.', '_', '-', up to 63, beginning with a letter or digit."""
    assert codes.is_code(code)
    assert codes.check_code(code, "sia") == code
    assert re.search(codes.CONSUMER_PATTERN, code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Chat",
        "a" * 64,
        "-chat",
        ".chat",
        "chat\n",
        "chat bot",
        "someone@example.org",
        "chaté",
        "a/b",
        "@system",
        "@other",
        "\u0661",
    ],
)
def test_what_is_no_code_is_refused_with_the_form(text: str) -> None:
    """Names with spaces, addresses, paths, accents, reserved names and line ends are no codes."""
    assert not codes.is_code(text)
    with pytest.raises(ValueError, match=r"sia: .* is not a code; use 1 to 63 of"):
        codes.check_code(text, "sia")
    consumer = re.search(codes.CONSUMER_PATTERN, text)
    assert bool(consumer) == (text in codes.RESERVED)


@pytest.mark.parametrize("reserved", codes.RESERVED)
def test_reserved_consumers_are_exact(reserved: str) -> None:
    """A reserved name with anything before or after it is no consumer."""
    assert re.search(codes.CONSUMER_PATTERN, reserved)
    for text in (reserved + "\n", reserved + "x", "x" + reserved, reserved.upper()):
        assert not re.search(codes.CONSUMER_PATTERN, text)
