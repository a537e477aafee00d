"""What a receiver took away, as far as its profile lets us see it; and what stood there long enough.

A file is never called collected, nor not collected, when that cannot be known: then it stays GEPUBLICEERD.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exchange.configuration import Levering
from exchange.faults import FileFault
from exchange.register import states
from exchange.register.tables import zending
from exchange.sentences import sentence
from exchange.sftp import Connection
from exchange.sftp.connection import RemoteFile

log = logging.getLogger(__name__)

Rows = Sequence[sa.Row[Any]]


def past(db: sa.Connection, receiver: str, levering: Levering, moment: datetime) -> Rows:
    """Zendingen that stood at `receiver` for as long as its profile says.

    Only files that we know to be collected and that still stand where we put them, unless the profile says that the
    others go as well.
    """
    gone = [states.Zending.OPGEHAALD] if levering.afhalen == "bevestigd" else []
    gone += [states.Zending.GEPUBLICEERD] if levering.verwijder_niet_opgehaald else []
    if levering.bewaren_dagen is None or not gone:
        return []
    until = moment - timedelta(days=levering.bewaren_dagen)
    query = sa.select(zending).where(
        zending.c.ontvanger == receiver, zending.c.staat.in_(gone), zending.c.gepubliceerd_op <= until
    )
    return db.execute(query.order_by(zending.c.id)).all()


def collected(connection: Connection, levering: Levering, rows: Rows) -> Rows:
    """Of published `rows` those that the receiver took; none where the profile says that it does not show.

    Absence counts only for what we saw under its own name: that is what published means.
    """
    if levering.afhalen == "verdwenen":
        shown = _shown(connection, {row.map for row in rows})
        return [row for row in rows if row.map in shown and row.naam not in shown[row.map]]
    return confirmed(connection, levering, rows)


def confirmed(connection: Connection, levering: Levering, rows: Rows) -> Rows:
    """Of `rows` those of which something stands there that only comes of collecting."""
    if levering.afhalen == "verplaatst":
        shown = _shown(connection, {_moved(levering, row.map) for row in rows})
        return [row for row in rows if row.naam in shown.get(_moved(levering, row.map), ())]
    if levering.afhalen == "bevestigd":
        shown = _shown(connection, {row.map for row in rows})
        return [row for row in rows if f"{row.naam}.ok" in shown.get(row.map, ())]
    return []


def removed(connection: Connection, rows: Rows) -> Rows:
    """Remove `rows` from where we put them; returns those that stand there no longer. What is not ours by its bytes
    stays: somebody gave it the name of ours."""
    shown = _shown(connection, {row.map for row in rows})
    return [row for row in rows if row.map in shown and _removed(connection, row, shown[row.map].get(row.naam))]


def _removed(connection: Connection, row: sa.Row[Any], file: RemoteFile | None) -> bool:
    try:
        if file is not None and ours(connection, row, file):
            connection.remove(f"{row.map}/{row.naam}")
    except FileFault as fault:  # the others go all the same; this one is tried again
        log.warning("zending %d: %s", row.id, sentence(fault))
        return False
    return True


def ours(connection: Connection, row: sa.Row[Any], file: RemoteFile) -> bool:
    """Whether `file`, which has the name of the zending `row`, has its bytes as well."""
    there = io.BytesIO()
    if file.regular and file.size == row.grootte:
        connection.fetch(f"{row.map}/{row.naam}", there, file.size)
    return hashlib.sha256(there.getbuffer()).hexdigest() == str(row.sha256)


def _moved(levering: Levering, folder: str) -> str:
    to = levering.verplaatst_naar or ""
    return to[1:] if to.startswith("/") else f"{folder}/{to}"


def _shown(connection: Connection, folders: Collection[str]) -> dict[str, dict[str, RemoteFile]]:
    """What stands in each folder, by name. A folder that is not there, or may not be read, says nothing of its files:
    the account may have been moved."""
    shown = {}
    for folder in sorted(folders):
        try:
            files = connection.listing(folder)
        except FileFault as fault:
            log.warning("%s", sentence(fault))
            continue
        if files is not None:
            shown[folder] = {file.name: file for file in files}
    return shown
