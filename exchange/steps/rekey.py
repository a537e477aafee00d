"""rekey: what was encrypted to a key that its receiver has revoked or replaced since, is encrypted anew before it goes.

Every message of ours can be read by ourselves as well, so that its content need not be made a second time: it is the
same to the byte, under another key. What was uploaded already goes on as it is: the receiver may have it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import PgpFault, StoreFault
from exchange.pgp import PgpRefusal
from exchange.register import ledger, outbox, states
from exchange.register.tables import zending
from exchange.sentences import sentence
from exchange.steps import answers
from exchange.steps.visit import Visit

log = logging.getLogger(__name__)

_BLOCK = 1 << 20


def renew(visit: Visit, rows: Collection[sa.Row[Any]]) -> set[int]:
    """Encrypt anew those of `rows` that need it; returns the zendingen (ids) that have to wait for a usable key."""
    exchange, moment = visit.exchange, visit.nu()
    stale = [row for row in rows if _stale(visit, row, moment)]
    key = exchange.receiving_key(visit.receiver, moment) if stale else None
    if stale and key is None:
        waits = "%s: geen sleutel om mee te versleutelen; vraag de partij om een nieuwe. Deze zendingen wachten: %s"
        log.warning(waits, visit.receiver.id, ", ".join(str(row.id) for row in stale))
        return {row.id for row in stale}
    return {row.id for row in stale if not _again(visit, row, str(key))}


def _stale(visit: Visit, row: sa.Row[Any], moment: datetime) -> bool:
    if row.staat != states.Zending.GEBOUWD or row.sleutel is None:
        return False
    known = row.sleutel in visit.receiver.pgp.vingerafdrukken
    return not (known and visit.exchange.keyring.can_encrypt(row.sleutel, moment))


def _again(visit: Visit, row: sa.Row[Any], key: str) -> bool:
    """Encrypt it to `key`; False where we cannot read it ourselves: then it waits, and only it."""
    archief = answers.archive_name(visit.receiver.id)
    try:
        sha256, size = _encrypted(visit.exchange, row, archief, key)
    except (PgpFault, StoreFault) as fault:
        log.error("zending %d: %s", row.id, sentence(fault))
        return False
    made = outbox.Built(row.ontvanger, row.soort, row.map, row.naam, archief, sha256, size, key)
    values = {"archief": archief, "sha256": sha256, "grootte": size, "sleutel": key}
    with answers.unless_lost(visit.exchange, [made]), visit.recording() as (db, moment):
        db.execute(zending.update().where(zending.c.id == row.id).values(**values))
        ledger.append(db, moment, "ZENDING_VERSLEUTELD", {"zending": row.id, "sha256": sha256})
    visit.exchange.archive.remove(row.archief)
    return True


def _encrypted(exchange: Exchange, row: sa.Row[Any], archief: str, key: str) -> tuple[str, int]:
    ours = exchange.config.exchange.pgp_vingerafdruk
    try:
        with (
            exchange.archive.local(row.archief) as path,
            exchange.keyring.decrypt(path, signers=[ours], at=row.gebouwd_op, max_bytes=_LARGEST) as plaintext,
            exchange.archive.target(archief) as target,
            exchange.keyring.encryptor(target, key) as stream,
        ):
            os.lseek(plaintext.fd, 0, os.SEEK_SET)
            while block := os.read(plaintext.fd, _BLOCK):
                stream.write(block)
    except PgpRefusal as refusal:  # of a message of our own: the store or our key changed under it
        raise PgpFault("opnieuw versleutelen", refusal.code) from None
    return stream.sha256, stream.size


#: Bytes of content that no message of ours comes near.
_LARGEST = 1 << 36
