"""The options of `footprint-agent crosscheck`: all that an agent that meters loads of it."""

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's own options, beside the agent's."""
    parser.add_argument("--minutes", type=float, default=10, metavar="M", help="how long (10)")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="on standard output (text)"
    )
    parser.add_argument(
        "--output", type=Path, default=None, metavar="FILE", help="write JSON to this new file too"
    )
