"""`footprint serve`: the settings of the service, from the command line alone."""

import argparse
from pathlib import Path
from typing import Any

from footprint.service import cli_alerts
from footprint.service import settings as setting
from footprint.service.errors import CommandError

_PROVIDER = {
    "issuer": ("URL", "provider of OpenID Connect at which people sign in, as its tokens name it"),
    "client-id": ("ID", "how the provider knows this service"),
    "secret-file": ("FILE", "file with the client's secret"),
    "scopes": ("SCOPES", "what is asked for besides openid (default: email)"),
    "acr": ("VALUES", "assurances asked for, and held to, such as eidas1 at ProConnect"),
}


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--listen",
        default=setting.DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where to listen; port 0 chooses a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="token that writers must present"
    )
    for name, says in (
        ("cert", "certificate (and chain) to serve https with, PEM; without it, a proxy's matter"),
        ("key", "its key, where it is not in the same file"),
        ("client-ca", "answer only who has a certificate of this authority, PEM"),
    ):
        parser.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=says)
    parser.add_argument(
        "--proxy",
        action="append",
        metavar="ADDRESS",
        help="believe X-Forwarded-For and -Proto of this address or network (default: this "
        "machine's own); may be repeated",
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="change a limit, such as connections=2000; may be repeated",
    )
    parser.add_argument(
        "--audit-days",
        type=int,
        default=setting.Settings().audit_days,
        metavar="N",
        help="how long the audit log is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--keep-months",
        type=int,
        default=0,
        metavar="N",
        help="let months leave that are more than N months old (default: keep all for good)",
    )
    parser.add_argument(
        "--archive-to", type=Path, metavar="FOLDER", help="where months that leave are written"
    )
    _add_provider(parser)
    cli_alerts.add(parser)
    parser.add_argument(
        "--open-reading",
        action="store_true",
        help="let whoever reaches the service read all figures, without an account",
    )
    parser.set_defaults(run=run)


def _add_provider(parser: argparse.ArgumentParser) -> None:
    for name, (metavar, says) in _PROVIDER.items():
        parser.add_argument(f"--oidc-{name}", metavar=metavar, help=says)
    parser.add_argument(
        "--oidc-require",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="claim that whoever signs in must have, such as siret=...; may be repeated",
    )
    parser.add_argument(
        "--public-url", metavar="URL", help="address at which people reach this service"
    )


def _provider(chosen: argparse.Namespace) -> setting.Provider | None:
    required = setting.parse_required(chosen.oidc_require)
    told = {name: getattr(chosen, f"oidc_{name.replace('-', '_')}") for name in _PROVIDER}
    if told["issuer"] is None:
        for name, value in {**told, "require": required or None}.items():
            if value is not None:
                raise CommandError(f"--oidc-{name}: only with --oidc-issuer")
        return None
    for name in ("client-id", "secret-file"):
        if told[name] is None:
            raise CommandError(f"--oidc-issuer: needs --oidc-{name} too")
    if chosen.public_url is None:
        raise CommandError(
            "--oidc-issuer: needs --public-url, where the provider sends people back"
        )
    scopes = ("email",) if told["scopes"] is None else tuple(told["scopes"].split())
    return setting.Provider(
        told["issuer"],
        told["client-id"],
        Path(told["secret-file"]),
        chosen.public_url,
        scopes,
        told["acr"],
        required,
    )


def run(chosen: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from footprint.service import server  # noqa: PLC0415 - FastAPI is slow to import

    host, port = setting.parse_listen(chosen.listen)
    token = setting.read_token(chosen.token_file) if chosen.token_file else None
    limits: dict[str, Any] = setting.parse_limits(chosen.limit)
    try:
        return server.serve(
            setting.Settings(
                database=chosen.database,
                host=host,
                port=port,
                token_sha256=token,
                zone=chosen.zone,
                proxies=tuple(chosen.proxy or setting.DEFAULT_PROXIES),
                audit_days=chosen.audit_days,
                keep_months=chosen.keep_months,
                archive_to=chosen.archive_to,
                tls_cert=chosen.tls_cert,
                tls_key=chosen.tls_key,
                tls_client_ca=chosen.tls_client_ca,
                provider=_provider(chosen),
                open_reading=chosen.open_reading,
                alerts=cli_alerts.read(chosen),
                **limits,
            )
        )
    except server.ListenError as error:
        raise CommandError(str(error)) from error
