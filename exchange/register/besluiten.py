"""What a beheerder decided: the words in a table of their own, their salted hash in the ledger.

The words of a reason may have to go (AVG art. 5); that something was decided, and that these were the words, stays
provable for as long as they are there.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from exchange.register import ledger
from exchange.register.tables import besluit


def record(
    db: sa.Connection,
    nu: datetime,
    genomen: str,
    reden: str,
    *,
    onderwerp: int | None = None,
    gegevens: Mapping[str, str | int | None] | None = None,
) -> None:
    """Record a decision in the transaction that carries it out; call it last, for it appends to the ledger.

    genomen: as the ledger calls it; onderwerp: the number of what it is about; gegevens: facts for the ledger.
    """
    zout = secrets.token_hex(16)
    values = {"tijdstip": nu, "besluit": genomen, "onderwerp": onderwerp, "reden": reden, "zout": zout}
    nr = db.execute(besluit.insert().values(**values).returning(besluit.c.nr)).scalar_one()
    ledger.append(db, nu, genomen, {**(gegevens or {}), "besluit": nr, "reden": hashed(reden, zout)})


def hashed(reden: str, zout: str) -> str:
    """What the ledger keeps of a reason."""
    return hashlib.sha256(f"{zout}\n{reden}".encode()).hexdigest()
