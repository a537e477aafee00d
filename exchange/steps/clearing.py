"""Out of `in/`: what was registered goes to `in/opgehaald/`, whatever a party's server makes of that.

Nothing is recorded that was not seen: only when our file stands under its new name, or nowhere, is it out. Until then
each round tries again, and the file that still stands there is known: it is not taken in a second time. Two files are
the same by size and mtime, and where a server changes mtimes (object storage at a rename, some at each look) by their
bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from exchange.configuration import Partij
from exchange.context import Exchange
from exchange.faults import FileFault, NameTaken, NotDone, TargetExists
from exchange.register.aanleveringen import Soort, dropped_by
from exchange.register.tables import aanlevering
from exchange.sftp import Connection, RemoteFile, Sink
from exchange.steps import inbox, namens


@dataclass(frozen=True)
class Registered:
    """An aanlevering as it stood in its party's folder; `sha256` is empty where it was too large to fetch."""

    nr: int
    soort: Soort
    partner: str
    bestand: str
    grootte: int
    mtime: int
    sha256: str
    verzegeld: bool


def uncleared(exchange: Exchange, account: str) -> list[Registered]:
    """What this account dropped and what was not seen to be out of `in/`."""
    columns = [aanlevering.c[name] for name in Registered.__dataclass_fields__]
    query = sa.select(*columns).where(dropped_by(account), aanlevering.c.verplaatst_op.is_(None))
    with exchange.register.connect() as db:
        rows = db.execute(query.order_by(aanlevering.c.nr)).all()
    return [Registered(**{**row._mapping, "soort": Soort(row.soort)}) for row in rows]


def clear(
    exchange: Exchange, party: Partij, connection: Connection, one: Registered, nu: Callable[[], datetime]
) -> None:
    """Move it out of `in/`; what was written in its place meanwhile stays, or goes back, for a next aanlevering.

    Raises a FileFault when it could not be moved, or that was not seen.
    """
    folder, done = inbox.folders(one.soort)
    source, target = f"{folder}/{one.bestand}", f"{done}/{one.nr}_{one.bestand}"  # a name that is never taken
    standing, moved = stands(connection, source, one), connection.stat(target)
    if standing and moved is None:
        connection.ensure_folder(done)
        if namens.waits(exchange.config, one.partner):
            connection.remove(
                f"{source}{inbox.READY}"
            )  # first: behind the move it might be that of a next file of this name
        _move(connection, party, source, target)
        standing, moved = stands(connection, source, one), connection.stat(target)
        if moved is None and standing:
            raise NotDone(party.id, "het verplaatsen van een bestand")
    if moved is not None and not is_it(connection, target, moved, one):
        if standing or not moved.regular:
            raise NameTaken(party.id)
        _move(connection, party, target, source)  # it was overwritten between our fetch and the move
    elif moved is not None:
        if standing and one.sha256 == sha256(connection, source, one.grootte):
            connection.remove(
                source
            )  # some servers copy; a next file may have the size and mtime of ours, not its bytes
        if one.verzegeld:
            connection.remove(target)  # anybody can read it there
    _record(exchange, one.nr, nu())


def stands(connection: Connection, path: str, one: Registered) -> bool:
    """Whether our file is what stands there."""
    found = connection.stat(path)
    return found is not None and is_it(connection, path, found, one)


def is_it(connection: Connection, path: str, found: RemoteFile, one: Registered) -> bool:
    """Whether `found`, which stands at `path`, is the file that was registered."""
    if not found.regular or found.size != one.grootte:
        return False
    if found.mtime == one.mtime != 0 or not one.sha256:
        return True
    return sha256(connection, path, found.size) == one.sha256


def sha256(connection: Connection, path: str, size: int) -> str:
    """The hash of a file's bytes at a party; raises FileChanged when it is not of that size any more."""
    hashing = Hashing()
    connection.fetch(path, hashing, size)
    return hashing.hexdigest()


class Hashing:
    """A sink that hashes what passes, on its way to another one if there is one."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink, self._hash = sink, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Raises what the other sink raises."""
        self._hash.update(data)
        return self._sink.write(data) if self._sink else len(data)

    def hexdigest(self) -> str:
        """The hash of what has passed."""
        return self._hash.hexdigest()


def _move(connection: Connection, party: Partij, source: str, target: str) -> None:
    try:
        connection.move(source, target)
    except TargetExists:
        raise NameTaken(party.id) from None  # without the name, which the party chose
    except FileFault:
        if connection.stat(target) is None or connection.stat(source) is not None:
            raise  # else it was done all the same


def _record(exchange: Exchange, nr: int, moment: datetime) -> None:
    with exchange.register.begin() as db:
        db.execute(aanlevering.update().where(aanlevering.c.nr == nr).values(verplaatst_op=moment))
