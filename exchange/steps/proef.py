"""A proef leaves nothing behind: what a partner dropped in `in/proef/` is read and answered like any other file, and a
day later it is gone, here and at the partner, and so are our answers.

It never becomes a signaal, stands in no balance and no batch, and is not remembered: the same file is simply answered
again. The register keeps that it came, its counts and its code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import FileFault
from exchange.register import aanleveringen, leases, ledger, outbox, states
from exchange.register.aanleveringen import Soort
from exchange.register.tables import aanlevering, zending
from exchange.sentences import sentence
from exchange.sftp import Connection
from exchange.steps import answers, collected

log = logging.getLogger(__name__)

IN, DONE = "in/proef", "in/proef/opgehaald"
#: How long a file stays after it was picked up, and an answer after it was published.
BEWAARTIJD = timedelta(hours=24)

_READ = (states.Aanlevering.GECONTROLEERD, states.Aanlevering.AFGEKEURD)
_VISIBLE = (states.Zending.GEPUBLICEERD, states.Zending.OPGEHAALD)


def wipe_archive(exchange: Exchange, account: str, moment: datetime) -> None:
    """Remove what is over from our archive: also of a partner that cannot be reached."""
    files, told = _over(exchange, account, moment)
    if not files and not told:
        return
    unread = sa.select(aanlevering.c.archief).where(
        aanleveringen.dropped_by(account), aanlevering.c.staat == states.Aanlevering.OPGEHAALD
    )
    with exchange.register.connect() as db:
        kept = set(db.scalars(unread))  # the same bytes lie at one place, and may have come again
    for row in [*files, *told]:
        if row.archief and row.archief not in kept:
            exchange.archive.remove(row.archief)


def wipe(exchange: Exchange, account: str, connection: Connection, nu: Callable[[], datetime]) -> None:
    """Remove what is over at the partner, then record that it is gone; what its server refuses stays for a next time,
    and stops nothing."""
    moment = nu()
    files, told = _over(exchange, account, moment)
    gone = []
    for row in files:
        if row.verplaatst_op is not None:
            with _said():
                connection.remove(f"{DONE}/{row.nr}_{row.bestand}")
                gone.append(row.nr)
    if gone:
        _record_files(exchange, gone, moment)
    if told:
        with _said(), leases.held(exchange.register, f"publish:{account}", nu) as lease:
            if lease is not None:  # else publish looks at the same files just now: at the next intake
                _wipe_answers(exchange, connection, told, lease, moment)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except FileFault as fault:
        log.warning("%s", sentence(fault))


def _wipe_answers(
    exchange: Exchange, connection: Connection, told: list[sa.Row[Any]], lease: leases.Lease, moment: datetime
) -> None:
    gone = collected.removed(connection, told)
    if gone:
        with exchange.register.begin() as db:
            leases.renew(db, lease, moment)
            outbox.move(db, [row.id for row in gone], states.Zending.VERWIJDERD, moment)


def _record_files(exchange: Exchange, nrs: list[int], moment: datetime) -> None:
    target = states.Aanlevering.GEWIST
    with exchange.register.begin() as db:
        db.execute(
            aanlevering.update()
            .where(aanlevering.c.nr.in_(nrs), aanlevering.c.staat.in_(states.sources(target)))
            .values(staat=target)
        )
        event = aanleveringen.event_of(Soort.PROEF, target)
        ledger.append(db, moment, event, *({"aanlevering": nr} for nr in nrs))


def _over(exchange: Exchange, account: str, moment: datetime) -> tuple[list[sa.Row[Any]], list[sa.Row[Any]]]:
    """The proeven that an account dropped, and our answers to them, whose time is over."""
    until = moment - BEWAARTIJD
    files = sa.select(aanlevering).where(
        aanleveringen.dropped_by(account),
        aanlevering.c.soort == Soort.PROEF,
        aanlevering.c.staat.in_(_READ),
        aanlevering.c.opgehaald_op <= until,
    )
    told = sa.select(zending).where(
        zending.c.ontvanger == account,
        zending.c.map == answers.PROEF,
        zending.c.staat.in_(_VISIBLE),
        zending.c.gepubliceerd_op <= until,
    )
    with exchange.register.connect() as db:
        found = list(db.execute(files.order_by(aanlevering.c.nr)))
        return found, list(db.execute(told.order_by(zending.c.id)))
