"""`python -m exporters.doctor_page`: one examination in a process of its own, for a running agent.

In: the agent's settings as JSON on standard input. Out: the page's Content-Security-Policy on the
first line of standard output, the page after it. The agent starts it when somebody asks for
/doctor: whatever a driver does to it, the agent goes on metering.
"""

import logging
import sys

import msgspec

from exporters import doctor, doctor_html
from exporters.settings import Settings


def main() -> int:
    """Examine this host, print the page."""
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=Settings)
    logging.disable(logging.WARNING)  # what a sensor logs, the report says
    page = doctor_html.page(doctor.examine(settings))
    print(doctor_html.POLICY, page, sep="\n", end="")  # noqa: T201 - what was asked for
    return 0


if __name__ == "__main__":
    sys.exit(main())
