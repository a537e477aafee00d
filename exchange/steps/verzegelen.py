"""What a party dropped unencrypted never stands readable on a disk of ours (AVG art. 32): it is sealed to our own key
as it comes in, told to the party and to the beheerder, never read, and gone after a short term.

What a file is, is seen in memory before its first byte is written.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from exchange.context import Exchange
from exchange.pgp import Keyring, readable
from exchange.pgp.message import PEEK
from exchange.register import aanleveringen, ledger
from exchange.register.tables import aanlevering
from exchange.sftp import Sink

log = logging.getLogger(__name__)

FOLDER = "verzegeld"

_keyring = threading.Lock()


class Incoming:
    """Takes the bytes of one file; `verzegeld` tells whether they were readable, once that is known."""

    def __init__(self, choose: Callable[[bool], Sink]) -> None:
        self._choose = choose
        self._sink: Sink | None = None
        self._head = bytearray()
        self.verzegeld = False

    def write(self, data: bytes, /) -> int:
        """Keep the first bytes until they say what the file is; then write."""
        if self._sink is not None:
            self._sink.write(data)
            return len(data)
        self._head += data
        if len(self._head) >= PEEK:
            self.decide()
        return len(data)

    def decide(self) -> None:
        """Look, and write what was kept; to call once more when the file has ended."""
        if self._sink is None:
            self.verzegeld = readable(bytes(self._head))
            self._sink = self._choose(self.verzegeld)
            self._sink.write(bytes(self._head))
            self._head.clear()


@contextmanager
def incoming(exchange: Exchange, account: str, name: str) -> Iterator[Incoming]:
    """Where a file that an account dropped goes in the archive: as it is where it is encrypted, sealed where not. It is
    there, whole and durable, when the body ended well."""
    with ExitStack() as stack:

        def choose(sealed: bool) -> Sink:
            if not sealed:
                return stack.enter_context(exchange.archive.put_atomic(name))
            log.warning("%s: een bestand kwam onversleuteld aan; wij verzegelen het. Is dit een datalek?", account)
            path = stack.enter_context(exchange.archive.target(name))
            return stack.enter_context(_opened(exchange).encryptor(path, exchange.config.exchange.pgp_vingerafdruk))

        file = Incoming(choose)
        yield file
        file.decide()


def wipe(exchange: Exchange, account: str, moment: datetime) -> None:
    """Remove sealed files of an account whose term is over: bytes first, register second."""
    until = moment - timedelta(days=exchange.config.intake.verzegeld_dagen)
    with exchange.register.connect() as db:
        standing = list(db.execute(aanleveringen.sealed().where(aanleveringen.dropped_by(account))))
    kept = {row.archief for row in standing if row.opgehaald_op > until}  # the same bytes, dropped again
    over = [row.nr for row in standing if row.opgehaald_op <= until]
    if not over:
        return
    for archief in {row.archief for row in standing} - kept:
        exchange.archive.remove(archief)
    with exchange.register.begin() as db:
        gone = aanlevering.update().where(aanlevering.c.nr.in_(over), aanlevering.c.gewist_op.is_(None))
        nrs = sorted(db.scalars(gone.values(gewist_op=moment).returning(aanlevering.c.nr)))
        ledger.append(db, moment, "VERZEGELD_GEWIST", *({"aanlevering": nr} for nr in nrs))


def _opened(exchange: Exchange) -> Keyring:
    """Parties are fetched from side by side; the keyring is opened once, and only where it is needed."""
    with _keyring:
        return exchange.keyring
