"""The command `footprint-agent`: start the agent, or run a command that says whose it is.

Every failure is one line: what, where, remedy; exit code 1 (2 for a wrong command line).
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from exporters import settings as settings_file
from exporters.agent import Agent
from exporters.crosscheck import options as crosscheck_options
from exporters.errors import AgentError, SettingsError
from exporters.gateway import options as gateway_options
from exporters.settings import Settings
from exporters.twin import command as twin
from exporters.workloads import launch
from exporters.workloads.tree import allow_many_files
from footprint import METHOD_VERSION, __version__, codes

NOBODY_READS = 141
"""What a shell calls the end by SIGPIPE (128 + 13)."""

OVERRIDES = (
    *("service", "token_file", "state_dir", "run_dir", "listen", "page_seconds"),
    *("checkpoint_seconds", "record", "host_id", "powercap_root", "cgroup_root", "workload_group"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    try:
        code = _main(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough (Python, signal: Note on SIGPIPE)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    return code


def _main(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "twin":
            return twin.main(arguments)
        if arguments.command == "gateway":
            return _gateway(arguments)
        settings = settings_file.load(
            getattr(arguments, "config", None),
            {name: getattr(arguments, name, None) for name in OVERRIDES},
        )
        verbs = {
            "run": _run,
            "doctor": _doctor,
            "crosscheck": _crosscheck,
            "explain": _explain,
            "enrol": _enrol,
            "rotate": _rotate,
        }
        verb = verbs.get(arguments.command)
        return verb(arguments, settings) if verb else _start(settings)
    except AgentError as error:
        line = _printable(f"footprint-agent: {error}", sys.stderr.encoding)
        print(line, file=sys.stderr)  # noqa: T201 - the line for the user
        return 1
    except KeyboardInterrupt:
        return 130  # before metering began: nothing to keep


def _start(settings: Settings) -> int:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    allow_many_files()
    agent = Agent(settings)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's own form
        agent.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    for line in agent.findings():
        print(line)  # noqa: T201 - what an operator looks for first
    address, port = agent.server.server_address[:2]
    where = settings.service or "no service: pages stay in the spool"
    print(  # noqa: T201
        f"footprint-agent {__version__}: host {agent.host_id}, ledger {agent.ledger_id}, "
        f"/metrics on http://{address!s}:{port}/metrics, {where}",
        flush=True,
    )
    agent.run()
    return 0


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    # An agent that meters does not pay for these.
    from exporters import doctor, doctor_html, doctor_report  # noqa: PLC0415

    logging.disable(logging.WARNING)  # what a sensor logs, the report says
    report = doctor.examine(settings)
    forms = {
        "text": lambda: "\n".join(doctor_report.text(report)),
        "json": lambda: doctor_report.as_json(report),
        "html": lambda: doctor_html.page(report),
    }
    print(forms[arguments.format]())  # noqa: T201 - what was asked for
    return 0 if report.ok else 1


def _crosscheck(arguments: argparse.Namespace, settings: Settings) -> int:
    from exporters.crosscheck import command  # noqa: PLC0415 - only this verb pays for it

    return command.main(arguments, settings)


def _gateway(arguments: argparse.Namespace) -> int:
    from exporters.gateway import command  # noqa: PLC0415 - only this verb pays for it

    return command.main(arguments)


def _explain(arguments: argparse.Namespace, settings: Settings) -> int:
    from exporters import explain  # noqa: PLC0415 - only this verb pays for it

    logging.disable(logging.WARNING)  # what a source of labels logs, the answer says
    answer = explain.explain(settings, arguments.what)
    for line in answer.lines:
        print(_printable(line, sys.stdout.encoding))  # noqa: T201 - what was asked for
    return answer.code


def _enrol(arguments: argparse.Namespace, settings: Settings) -> int:
    from exporters import enrol  # noqa: PLC0415 - only these verbs pay for it

    print(enrol.enrol(settings, arguments.code_file))  # noqa: T201 - what was asked for
    return 0


def _rotate(_arguments: argparse.Namespace, settings: Settings) -> int:
    from exporters import enrol  # noqa: PLC0415 - see _enrol

    print(enrol.rotate(settings))  # noqa: T201 - what was asked for
    return 0


def _printable(line: str, encoding: str) -> str:
    """The line without what would steer a terminal or cannot be written to it: `\\x1b` instead.

    Names of groups and files may hold any byte. Their backslashes stay as they are: systemd's own
    names have some.
    """
    written = "".join(one if one.isprintable() else _escaped(one) for one in line)
    return written.encode(encoding, "backslashreplace").decode(encoding)


def _escaped(character: str) -> str:
    number = ord(character)
    byte = number - 0xDC00 if 0xDC80 <= number <= 0xDCFF else number  # PEP 383: a lone byte
    return f"\\x{byte:02x}" if byte < 0x100 else ascii(character)[1:-1]


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    command = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not command:
        raise SettingsError("run: no command given; write: footprint-agent run --sia CODE -- CMD")
    try:
        codes.check_code(arguments.sia, "sia")
    except ValueError as error:
        raise SettingsError(str(error)) from error
    root = launch.default_root(settings.cgroup_root)
    sia = codes.phased(arguments.sia, arguments.phase)
    return launch.run(sia, command, root, settings.workload_group, settings.run_path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="footprint-agent",
        description="Meters the energy of this host and attributes it to the AI systems on it.",
    )
    version = f"footprint-agent {__version__} (method {METHOD_VERSION})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    start = commands.add_parser("start", help="start metering (the default command)")
    for target in (parser, start):
        _add_start(target)
    examined = commands.add_parser("doctor", help="what this host offers, is read by, and lacks")
    _add_start(examined)
    examined.add_argument(
        "--format",
        choices=("text", "json", "html"),
        default="text",
        help="text; json for programs; html: one page that needs nothing else, for a ticket",
    )
    examined.add_argument(
        "--json", action="store_const", const="json", dest="format", help="--format json"
    )
    run = commands.add_parser("run", help="run a command that belongs to a SIA")
    run.add_argument("--sia", required=True, metavar="CODE", help="code of the SIA")
    run.add_argument("--phase", choices=codes.PHASES, help="what of the SIA's life it is for")
    _add_common(run)
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    explained = commands.add_parser("explain", help="whose a process or control group is, and why")
    _add_common(explained)
    explained.add_argument("what", metavar="PID|CGROUP", help="a process, or a path below the root")
    enrolled = commands.add_parser("enrol", help="exchange a one-time code for this host's token")
    enrolled.add_argument("--code-file", required=True, metavar="FILE", help="- for standard input")
    enrolled.add_argument("--host-id", metavar="CODE", help="this host's code")
    for verb in (enrolled, commands.add_parser("rotate", help="replace this host's token")):
        verb.argument_default = argparse.SUPPRESS
        verb.add_argument("--config", type=Path, metavar="FILE", help="TOML settings")
        verb.add_argument("--service", metavar="URL", help="the service")
        verb.add_argument("--token-file", metavar="FILE", help="where the token is kept")
    _add_twin(commands)
    _add_crosscheck(commands)
    gateway_options.add_options(
        commands.add_parser("gateway", help="read who asked shared model servers for what")
    )
    return parser


def _add_crosscheck(commands: Any) -> None:  # argparse gives its sub-commands no public type
    checked = commands.add_parser("crosscheck", help="our figures beside CodeCarbon's, here")
    _add_start(checked)
    crosscheck_options.add_options(checked)


def _add_twin(commands: Any) -> None:  # argparse gives its sub-commands no public type
    twin.add_options(
        commands.add_parser("twin", help="meter a simulated host whose true energy is known")
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    # Suppressed defaults: an option given before the command must not be undone by the command's.
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML settings")
    parser.add_argument("--run-dir", metavar="DIR", help="lock and declared processes")
    parser.add_argument("--cgroup-root", metavar="DIR", help="where the cgroup v2 tree is mounted")
    parser.add_argument(
        "--workload-group", metavar="NAME", help="group for commands started by run (footprint)"
    )


def _add_start(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.add_argument("--service", metavar="URL", help="where to send pages")
    parser.add_argument("--token-file", metavar="FILE", help="bearer token for the service")
    parser.add_argument("--state-dir", metavar="DIR", help="where the spool lives")
    parser.add_argument("--listen", metavar="ADDRESS:PORT", help="for /metrics (127.0.0.1:9877)")
    parser.add_argument("--page-seconds", type=int, metavar="N", help="a divisor of 900 (900)")
    parser.add_argument(
        "--checkpoint-seconds", type=int, metavar="N", help="1 to 30: most that a kill leaves blind"
    )
    parser.add_argument("--record", metavar="FILE", help="write every raw reading to a new file")
    parser.add_argument("--host-id", metavar="CODE", help="this host's code")
    parser.add_argument("--powercap-root", metavar="DIR", help="/sys/class/powercap")


if __name__ == "__main__":
    sys.exit(main())
