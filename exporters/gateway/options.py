"""The options of `footprint-agent gateway` and its commands: all that the agent's parser needs."""

import argparse
from pathlib import Path

DEFAULT_CONFIG = "/etc/footprint/gateway.toml"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `gateway` and its commands."""
    parser.argument_default = argparse.SUPPRESS
    _add_config(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND")
    checked = verbs.add_parser("check", help="ask every gateway and server once, and say what came")
    imported = verbs.add_parser("import", help="take in LiteLLM's daily usage export (CSV)")
    imported.add_argument("file", type=Path, metavar="FILE")
    imported.add_argument(
        "--gateway", type=int, metavar="N", help="whose export it is: the Nth of the settings"
    )
    for verb in (checked, imported):
        _add_config(verb)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help=f"TOML settings ({DEFAULT_CONFIG})",
    )
