"""A proef leaves nothing behind: what a partner dropped in `in/proef/` is read and answered like any other file, and a
day later it is gone, here and at the partner, and so are our answers.

It never becomes a signaal, stands in no balance and no batch, and is not remembered: the same file is simply answered
again. The register keeps that it came, its counts and its code.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import aanleveringen, leases, ledger, outbox, states
from exchange.register.aanleveringen import Soort
from exchange.register.tables import aanlevering, zending
from exchange.sftp import Connection
from exchange.steps import answers, collected

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
        if row.archief not in kept:
            exchange.archive.remove(row.archief)


def wipe(exchange: Exchange, account: str, connection: Connection, nu: Callable[[], datetime]) -> None:
    """Remove what is over at the partner, then record that it is gone."""
    moment = nu()
    files, told = _over(exchange, account, moment)
    for row in files:
        connection.remove(f"{DONE}/{row.nr}_{row.bestand}")
    if files:
        _record_files(exchange, [row.nr for row in files], moment)
    if not told:
        return
    with leases.held(exchange.register, f"publish:{account}", nu) as lease:
        if lease is None:
            return  # publish looks at the same files just now: at the next intake
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
        aanlevering.c.verplaatst_op.is_not(None),
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
