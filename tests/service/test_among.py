"""A column among what a query finds: the same on both databases, and always by an index."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from footprint.interval import to_us
from footprint.service import rollups, store_facts, tables
from footprint.service.store_among import among
from tests.pages import START, make_ledger
from tests.service.house import House

_ENTRY = tables.table(tables.Entry)


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        (sqlite.dialect(), "entry.host_id IN (SELECT DISTINCT ledger_head.host_id"),
        (postgresql.dialect(), "entry.host_id = ANY (ARRAY(SELECT DISTINCT ledger_head.host_id"),
    ],
)
def test_each_database_is_asked_in_its_way(dialect, words: str) -> None:
    query = select(_ENTRY.c.seq).where(among(_ENTRY.c.host_id, store_facts.every_host()))
    assert words in " ".join(str(query.compile(dialect=dialect)).split())


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_the_newest_day_is_read_by_host_whatever_its_statistics(house: House) -> None:
    """As they stand in the first hours of a day: what is known of the table ends before it. A join
    compared every entry with every host then."""
    ledgers = [
        make_ledger(
            12,
            host_id=f"host-{number:02}",
            ledger_id=f"00000000-0000-4000-8000-{number:012}",
        )
        for number in range(40)
    ]
    for pages in ledgers:
        house.post(pages[:8])
    house.execute("ANALYZE")
    for pages in ledgers:
        house.post(pages)
    late_us = to_us(START + timedelta(hours=2))
    query = select(_ENTRY.c.consumer).where(
        among(_ENTRY.c.host_id, store_facts.every_host()),
        _ENTRY.c.start_us >= late_us,
    )
    with house.app.state.footprint.store.read() as connection:
        dialect = connection.dialect
        text = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}"))
        assert len(connection.execute(query).all()) == 40 * 4 * 3
    assert "Join" not in plan
    assert "Nested Loop" not in plan
    assert rollups.refresh(house.app.state.footprint.store) > 0
