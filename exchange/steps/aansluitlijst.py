"""aansluitlijst.csv: where a partner may report, to whom it goes and since when; lies in its folder, new every day.

It holds nothing personal and only overeenkomsten of the partner and of those for whom its account may deliver, so it is
plain text. It replaces itself, so it is no zending: the register only knows what was placed on which day, and publish
places it with the first visit of a day.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.configuration import Configuration, Melder, Partner
from exchange.context import Exchange
from exchange.register.tables import aansluitlijst
from exchange.sftp import Connection
from schemas import gemeenten
from schemas.aansluitlijst import COLUMNS, LAYOUT, NAAM
from schemas.codelijsten import SOORT
from transforms import csvbytes

FOLDER = "terugmelding"


#: Per gemeentecode and sector the uitvoerders (names) and the days, first and last, on which they may be told.
Served = Callable[[str, str], list[tuple[str, date, date]]]


def served(config: Configuration) -> Served:
    """Asked once for each gemeente and sector, however many partners have an overeenkomst there."""

    @functools.cache
    def found(code: str, sector: str) -> list[tuple[str, date, date]]:
        return [
            (config.namen[turn.uitvoerder], *period)
            for turn in config.turns_of(code, sector)
            for period in config.regels.open(code, sector, turn.van, turn.tot)
        ]

    return found


def lines(config: Configuration, account: Partner, day: date, found: Served) -> pa.Table:
    """AL1: a line for each gemeente, sector and uitvoerder, of `day` and of what is agreed for later."""
    partners = (account, *config.namens(account.id, day))
    rows = sorted({row for partner in partners for row in _lines(config, partner, day, found)})
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(COLUMNS)})


def due(exchange: Exchange, day: date) -> dict[str, bytes]:
    """Per partner (id) the list that has still to be placed on `day`: not placed yet, or changed since.

    None while the file of an uitvoerder cannot be read: its gemeenten would be missing in all of them.
    """
    if not exchange.config.bediening_bekend:
        return {}
    with exchange.register.connect() as db:
        placed = {row.partner: (row.dag, row.sha256) for row in db.execute(sa.select(aansluitlijst))}
    config, found = exchange.config, served(exchange.config)
    made = {id: csvbytes.to_csv(lines(config, one, day, found)) for id, one in config.partners.items()}
    return {id: content for id, content in made.items() if placed.get(id) != (day, _sha256(content))}


def place(exchange: Exchange, connection: Connection, partner: str, content: bytes, day: date) -> None:
    """Put the list there and record it; stopped half-way, the next visit does it again."""
    temporary, final = f"{FOLDER}/.{NAAM}.tmp", f"{FOLDER}/{NAAM}"
    connection.ensure_folder(FOLDER)
    connection.put(io.BytesIO(content), temporary, len(content))
    connection.replace(temporary, final)
    values = {"dag": day, "sha256": _sha256(content)}
    with exchange.register.begin() as db:
        known = db.execute(aansluitlijst.update().where(aansluitlijst.c.partner == partner).values(**values))
        if not known.rowcount:
            db.execute(aansluitlijst.insert().values(partner=partner, **values))


def _lines(config: Configuration, partner: Melder, day: date, found: Served) -> Iterator[tuple[str, ...]]:
    """An overeenkomst and an uitvoerder on the same days and, for an experimental sector, a designation."""
    every = config.overeenkomsten
    own = every.filter(pc.equal(every["partner"], partner.id)).select(["gemeentecode", "van", "tot", "soorten"])
    for agreement in own.to_pylist():
        soorten = agreement["soorten"] or "|".join(SOORT.waarden)
        code, van, tot = agreement["gemeentecode"], agreement["van"], agreement["tot"] or date.max
        for sector in partner.sectoren:
            for uitvoerder, begin, end in found(code, sector):
                first, last = max(van, begin), min(tot, end)
                if last >= max(first, day):
                    place = partner.id, code, gemeenten.name(code), sector
                    yield LAYOUT, *place, uitvoerder, str(first), "" if last == date.max else str(last), soorten


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
