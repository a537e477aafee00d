"""The ledger: an append-only, hash-chained list of what happened to aanleveringen, zendingen and keys.

One entry per event, never per row of a file; it holds numbers, counts and sha256 of ciphertext, nothing about a
signaal. Its head stands in every terugmelding, so that each partner holds a witness.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from exchange.faults import LedgerBroken
from exchange.register import snapshot
from exchange.register.tables import logboek

#: The head before the first entry.
GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One entry: its number, moment (UTC), what happened, and the head of the ledger with it."""

    nr: int
    tijdstip: datetime
    gebeurtenis: str
    kop: str


def append(db: sa.Connection, nu: datetime, gebeurtenis: str, *gegevens: Mapping[str, str | int | None]) -> None:
    """Append an entry for each of `gegevens`, in the event's own transaction.

    Call it last: on PostgreSQL it locks the ledger until the transaction ends.
    """
    if db.dialect.name == "postgresql":
        db.execute(sa.text("LOCK TABLE logboek IN EXCLUSIVE MODE"))
    nr, kop = last(db)
    entries = []
    for one in gegevens:
        nr += 1
        body = json.dumps(dict(one), sort_keys=True, separators=(",", ":"))
        kop = _hash(kop, nr, nu, gebeurtenis, body)
        entries.append({"nr": nr, "tijdstip": nu, "gebeurtenis": gebeurtenis, "gegevens": body, "kop": kop})
    db.execute(logboek.insert(), entries)


def last(db: sa.Connection) -> tuple[int, str]:
    """The newest entry's number and hash; 0 and GENESIS when there is none."""
    found = db.execute(sa.select(logboek.c.nr, logboek.c.kop).order_by(logboek.c.nr.desc()).limit(1)).first()
    return (found.nr, found.kop) if found else (0, GENESIS)


def head(db: sa.Connection) -> str:
    """The newest entry's hash."""
    return last(db)[1]


def about(db: sa.Connection, subjects: Collection[tuple[str, int]], moments: Collection[datetime]) -> list[Entry]:
    """Entries that name one of `subjects` (such as ("aanlevering", 7)) and were made at one of `moments`.

    The moments are those that stand beside the subject's states: they spare the parsing of a year of entries.
    """
    query = sa.select(logboek).where(logboek.c.tijdstip.in_(moments)).order_by(logboek.c.nr)
    return [
        Entry(row.nr, row.tijdstip, row.gebeurtenis, row.kop)
        for row in db.execute(query)
        if not json.loads(row.gegevens).items().isdisjoint(subjects)
    ]


def verify(engine: sa.Engine) -> int:
    """Walk the whole chain as it is now and return its length; raises LedgerBroken (see `walk`)."""
    with snapshot(engine) as db:
        return walk(db)


def walk(db: sa.Connection) -> int:
    """Walk the whole chain and return its length; raises LedgerBroken at the first entry that does not fit."""
    previous, expected = GENESIS, 1
    for row in db.execute(sa.select(logboek).order_by(logboek.c.nr).execution_options(yield_per=10_000)):
        kop = _hash(previous, row.nr, row.tijdstip, row.gebeurtenis, row.gegevens)
        if row.nr != expected or kop != row.kop:
            raise LedgerBroken(expected)
        previous, expected = row.kop, expected + 1
    return expected - 1


def _hash(previous: str, nr: int, nu: datetime, gebeurtenis: str, body: str) -> str:
    moment = nu.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256("\n".join((previous, str(nr), moment, gebeurtenis, body)).encode()).hexdigest()
