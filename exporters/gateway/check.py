"""What the gateways and servers of the settings offer, asked once: before the reader runs.

In: settings. Out: a line for each endpoint, and one for each model that it names, with where the
settings put it and how many of its counters have a SIA. Names of models are printed, because the
settings have to name them; those of teams, keys and users are not. Nothing is written.
"""

import secrets
from collections.abc import Iterator

from exporters.gateway import dialects, opengatellm
from exporters.gateway.dialects import DIALECTS, DialectError, Scrape, Series
from exporters.gateway.fetching import Source, UnreadError
from exporters.gateway.mapping import Owners
from exporters.gateway.opengatellm import RecordsError
from exporters.gateway.settings import Gateway, Server, Settings
from footprint import codes


def check(settings: Settings) -> int:
    """Print what each endpoint offers; 1 where one of them gives nothing to count."""
    well = True
    tables: list[Gateway | Server] = [*settings.gateways, *settings.servers]
    for table in tables:
        source = Source(table.kind, table.url, table.token_file)
        try:
            lines = list(_offered(table, source))
        except (UnreadError, DialectError, RecordsError) as error:
            well, lines = False, [str(error)]
        for line in lines:
            print(f"{table.kind} {source.name}: {_printable(line)}")  # noqa: T201 - asked for
    return 0 if well else 1


def _printable(line: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in line)


def _offered(table: Gateway | Server, source: Source) -> Iterator[str]:
    if table.kind == "opengatellm":
        records = opengatellm.read(source.get("limit=1"))
        yield f"its usage view answers, with {len(records)} record"
        return
    try:
        text = source.get().decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadError("unreadable", "no text in UTF-8") from None
    scrape = dialects.read(text, table.kind, secrets.token_bytes(32))
    kinds = sorted({series.kind for series in scrape.counts})
    yield f"{len(scrape.counts)} counters of {', '.join(kinds)}"
    if isinstance(table, Gateway):
        yield from _models(table, scrape)


def _models(gateway: Gateway, scrape: Scrape) -> Iterator[str]:
    """A line a model, by the name that the settings go by."""
    owners = Owners(gateway.rules)
    found: dict[str, list[str | None]] = {}
    for series in scrape.counts:
        name = _name(gateway, series)
        found.setdefault(name, []).append(owners.whose(dict(series.labels)))
    for name, consumers in sorted(found.items()):
        place = gateway.place((name,))
        where = f"{place.server}, {place.model}" if place else "not in `models`: left out"
        ignored = consumers.count(None)
        nobody = consumers.count(codes.UNATTRIBUTED)
        named = len(consumers) - ignored - nobody
        yield (
            f"model {name!r}: {where}; {named} counters of a SIA, {nobody} of nobody, "
            f"{ignored} ignored"
        )


def _name(gateway: Gateway, series: Series) -> str:
    labels = dict(series.labels)
    names = [labels[name] for name in DIALECTS[gateway.kind].model if labels.get(name)]
    names.append(series.model)
    return next((name for name in names if name in gateway.models), names[0])
