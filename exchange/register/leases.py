"""Leases: who works on what. Compare-and-set in the register, with a fencing number that only rises."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exchange.faults import LeaseLost
from exchange.register.tables import lease

#: Longer than any single piece of work done between two renewals.
DURATION = timedelta(minutes=10)


@dataclass(frozen=True)
class Lease:
    """A lease that is held: quote it in the transaction that records the work."""

    naam: str
    houder: str
    nummer: int


@contextmanager
def held(engine: sa.Engine, naam: str, nu: Callable[[], datetime]) -> Iterator[Lease | None]:
    """Hold `naam` for the body, or yield None when somebody else does."""
    taken = _take(engine, naam, nu())
    try:
        yield taken
    finally:
        if taken:
            with engine.begin() as db:
                db.execute(lease.update().where(*_is(taken)).values(tot=nu()))


def renew(db: sa.Connection, held_lease: Lease, nu: datetime) -> None:
    """Extend the lease inside the caller's transaction; raises LeaseLost when another took it over.

    Because the row is updated in the same transaction as the work, a late worker can never commit.
    """
    done = db.execute(lease.update().where(*_is(held_lease)).values(tot=nu + DURATION))
    if done.rowcount != 1:
        raise LeaseLost(held_lease.naam)


def _take(engine: sa.Engine, naam: str, nu: datetime) -> Lease | None:
    houder = f"{socket.gethostname()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    values = {"houder": houder, "tot": nu + DURATION}
    with engine.begin() as db:
        now = db.execute(sa.select(lease.c.tot, lease.c.nummer).where(lease.c.naam == naam)).first()
        if now is None:
            made = db.execute(_insert_if_absent(db, naam, values)).first()
            return Lease(naam, houder, 1) if made else None
        if now.tot > nu:
            return None
        taken = db.execute(
            lease.update()
            .where(lease.c.naam == naam, lease.c.nummer == now.nummer, lease.c.tot <= nu)
            .values(nummer=now.nummer + 1, **values)
        )
        return Lease(naam, houder, now.nummer + 1) if taken.rowcount == 1 else None


def _insert_if_absent(db: sa.Connection, naam: str, values: dict[str, object]) -> Any:
    if db.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        return pg_insert(lease).values(naam=naam, nummer=1, **values).on_conflict_do_nothing().returning(lease.c.naam)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(lease).values(naam=naam, nummer=1, **values).on_conflict_do_nothing().returning(lease.c.naam)


def _is(held_lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        lease.c.naam == held_lease.naam,
        lease.c.houder == held_lease.houder,
        lease.c.nummer == held_lease.nummer,
    )
