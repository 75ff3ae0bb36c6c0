"""`--alert-...` of `footprint serve`, and `footprint alert-test`, which tries them.

In: command line arguments. Out: `Alerts`. Whatever is secret lies in a file, never in an argument
that other programs of the machine can read.
"""

import argparse
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from footprint import json_text
from footprint.alert import Told
from footprint.interval import to_us
from footprint.service import alert_settings
from footprint.service.alert_settings import Alerts, Mail, Security, Webhook
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError, SendError
from footprint.service.store_alerts import Message

_MAIL: dict[str, dict[str, Any]] = {
    "server": {"metavar": "HOST[:PORT]", "help": "mail server that takes alerts of budgets"},
    "security": {
        "choices": get_args(Security),
        "default": "starttls",
        "help": "how it is spoken to (default: %(default)s)",
    },
    "from": {"metavar": "ADDRESS", "help": "sender of the mails"},
    "to": {
        "metavar": "ADDRESS",
        "action": "append",
        "default": [],
        "help": "who is told everything; may be repeated",
    },
    "domain": {
        "metavar": "DOMAIN",
        "action": "append",
        "default": [],
        "help": "budgets may name addresses of this domain (mail_to); may be repeated",
    },
    "user": {"metavar": "NAME", "help": "who signs in at the mail server"},
    "password-file": {"metavar": "FILE", "type": Path, "help": "file with the password"},
}


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments that say how alerts leave."""
    group = parser.add_argument_group("alerts of budgets")
    for name, options in _MAIL.items():
        group.add_argument(f"--alert-mail-{name}", **options)
    group.add_argument(
        "--alert-webhook-file",
        type=Path,
        metavar="FILE",
        help="file with the address that alerts are posted to",
    )
    group.add_argument(
        "--alert-webhook-key-file",
        type=Path,
        metavar="FILE",
        help="file with the key that they are signed with, in base64 (Standard Webhooks)",
    )
    group.add_argument(
        "--alert-quiet", metavar="HH:MM-HH:MM", help="hours of Paris in which alerts wait"
    )
    group.add_argument(
        "--alert-quiet-weekends", action="store_true", help="they wait on Saturdays and Sundays"
    )
    group.add_argument(
        "--alert-language", choices=("fr", "en"), default="fr", help="of mails (default: fr)"
    )
    group.add_argument(
        "--alert-seconds",
        type=float,
        default=Alerts().seconds,
        metavar="SECONDS",
        help="between two looks at the budgets (default: %(default)g)",
    )


def read(chosen: argparse.Namespace) -> Alerts:
    """What they say. Raises SettingError, CommandError."""
    return Alerts(
        public_url=chosen.public_url or "",
        mail=_mail(chosen),
        webhook=_webhook(chosen),
        quiet=alert_settings.parse_quiet(chosen.alert_quiet, weekends=chosen.alert_quiet_weekends),
        language=chosen.alert_language,
        seconds=chosen.alert_seconds,
    )


def _mail(chosen: argparse.Namespace) -> Mail | None:
    told = {name: getattr(chosen, f"alert_mail_{name.replace('-', '_')}") for name in _MAIL}
    if told["server"] is None:
        for name, value in told.items():
            if value and name != "security":
                raise CommandError(f"--alert-mail-{name}: only with --alert-mail-server")
        return None
    if told["from"] is None:
        raise CommandError("--alert-mail-server: needs --alert-mail-from too")
    if not told["to"] and not told["domain"]:
        raise CommandError("--alert-mail-server: needs --alert-mail-to, or --alert-mail-domain")
    host, port = alert_settings.parse_server(told["server"], told["security"])
    path = told["password-file"]
    return Mail(
        host=host,
        port=port,
        security=told["security"],
        sender=told["from"],
        to=tuple(told["to"]),
        domains=tuple(told["domain"]),
        user=told["user"],
        password=path and alert_settings.read_line("alert-mail-password-file", path),
    )


def _webhook(chosen: argparse.Namespace) -> Webhook | None:
    path, key = chosen.alert_webhook_file, chosen.alert_webhook_key_file
    if path is None:
        if key is not None:
            raise CommandError("--alert-webhook-key-file: only with --alert-webhook-file")
        return None
    return Webhook(
        alert_settings.read_line("alert-webhook-file", path),
        key and alert_settings.read_key("alert-webhook-key-file", key),
    )


def add_test(parser: argparse.ArgumentParser) -> None:
    """The arguments of `footprint alert-test`."""
    add(parser)
    parser.add_argument(
        "--public-url", metavar="URL", help="address at which people reach the service"
    )
    parser.set_defaults(run=run_test)


def run_test(chosen: argparse.Namespace) -> int:
    """Send one message to every receiver; 1 where one could not be sent."""
    from footprint.service import sending  # noqa: PLC0415 - only here

    alerts = read(chosen)
    now = utc_now()
    targets = [("webhook", "the webhook's receiver")] if alerts.webhook else []
    targets += [("mail", address) for address in (alerts.mail.to if alerts.mail else ())]
    if not targets:
        raise CommandError("nobody to send to: give --alert-mail-server or --alert-webhook-file")
    failed, channels = False, sending.channels_of(alerts)
    for channel, target in targets:
        try:
            channels[channel](_message(alerts, channel, target, now))
        except SendError as error:
            failed = True
            sys.stderr.write(f"footprint: {target}: {error}\n")
        else:
            sys.stdout.write(f"{target}: accepted\n")
    return int(failed)


def _message(alerts: Alerts, channel: str, target: str, now: datetime) -> Message:
    words = {
        "fr": ("Essai des alertes de footprint", "Les alertes des budgets arriveront ici."),
        "en": ("A test of footprint's alerts", "Alerts of budgets will arrive here."),
    }
    subject, text = words[alerts.language]
    told = Told(
        event="ended",
        kind="threshold",
        percent=0,
        budget="test",
        name="test",
        project=None,
        sia=None,
        indicator="energy",
        unit="kWh",
        period=now.strftime("%Y"),
        amount=Decimal(0),
        used=None,
        interval=None,
        forecast=None,
        forecast_band=None,
        exhausted=None,
        coverage=0,
        recent_coverage=None,
        state="not_enough_coverage",
        at=now,
        link=alerts.public_url,
        subject=subject,
        text=f"{text}\n{alerts.public_url}\n",
    )
    now_us = to_us(now)
    return Message(
        message_id=f"test-{now_us}",
        channel=channel,
        target=target,
        budget="test",
        kind="threshold",
        percent=0,
        raised_us=now_us,
        event="ended",
        content=json_text.encode(told).decode(),
        made_us=now_us,
        due_us=now_us,
    )
