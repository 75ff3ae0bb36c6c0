"""Tables as people see them."""

import io

from demo import table


def consumer(code: str, kind: str, power_uw: int | None, energy_uj: int) -> dict[str, object]:
    today = {
        "energy_uj": energy_uj,
        "emissions_ug": None,
        "quality_uj": {"modelled": energy_uj},
        "provisional": False,
    }
    return {
        "consumer": code,
        "kind": kind,
        "name": None,
        "power_uw": power_uw,
        "today": today,
    }


def test_the_live_table_has_the_sia_first_and_says_what_is_unknown() -> None:
    """No factor and no power are `-`, never 0."""
    overview = {
        "consumers": [
            consumer("@system", "system", 1_250_000, 9_000_000),
            consumer("tri", "sia", None, 1_000_000),
        ],
        "total": {
            "energy_uj": 10_000_000,
            "emissions_ug": 1500,
            "quality_uj": {"modelled": 10_000_000},
            "provisional": True,
        },
    }
    counts = {"tri": {"requests": [1, 2], "tokens_in": [1000, 2000], "tokens_out": [0, 0]}}
    assert table.live(overview, counts) == [
        "consumer  W now      J    g CO2e                quality  requests  tokens in  tokens out",
        "----------------------------------------------------------------------------------------",
        "tri           -   1.00         -               modelled         3      3,000           0",
        "@system    1.25   9.00         -               modelled",
        "sum              10.00  0.001500  modelled, provisional",
    ]


def test_tables_follow_each_other_where_there_is_no_terminal() -> None:
    """No control character gets into a file."""
    stream = io.StringIO()
    screen = table.Screen(stream)
    screen.draw(["a"])
    screen.draw(["b"])
    assert stream.getvalue() == "\na\n\nb\n"
    assert screen.every_s == 10


def test_a_terminal_is_redrawn_in_place() -> None:
    """The cursor goes up as many lines as were drawn."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    screen = table.Screen(stream)
    screen.draw(["a", "b"])
    screen.draw(["c"])
    assert stream.getvalue() == "a\nb\n\x1b[2A\x1b[Jc\n"
