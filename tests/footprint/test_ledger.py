"""One page and what it may hold."""

from footprint import ledger


def test_the_page_can_be_decoded_at_all() -> None:
    """The contract's bounds are ones that the decoder accepts."""
    assert ledger.Page.__struct_fields__[0] == "format"
