"""Leases: who works on what. Compare-and-set in the register, with a fencing number that only rises.

A lease is short and kept alive by a heartbeat of its process. Whoever finds it held asks first whether its owner lives:
on the same machine the kernel knows, elsewhere its heartbeat shows it. What a living worker holds is left to it; what a
dead one left is taken over, and who comes too late for that waits for it. All of this only decides who works: what may
be recorded, the fencing number alone decides (`renew`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exchange.faults import LeaseLost, RegisterUnreachable
from exchange.register import processes
from exchange.register.tables import lease
from exchange.sentences import at_work, sentence

log = logging.getLogger(__name__)

#: How long a lease lasts after the last sign of life, and the seconds between two of those.
DURATION, BEAT = timedelta(seconds=60), 10.0
#: How far the clocks of two machines may differ.
SKEW = timedelta(seconds=15)
#: How long a process that lives may be kept from its heartbeat by a register that is busy: longer than any transaction.
PATIENCE = timedelta(minutes=15)
#: Seconds between two looks at a lease whose owner may be dead.
LOOK = 1.0

#: Nobody has it.
_FREE = ""


@dataclass(frozen=True)
class Lease:
    """A lease that is held: quote it in the transaction that records the work."""

    naam: str
    houder: str
    nummer: int


@contextmanager
def held(engine: sa.Engine, naam: str, nu: Callable[[], datetime]) -> Iterator[Lease | None]:
    """Hold `naam` for the body, or yield None when a living worker does (`who` says which)."""
    with _HEART.of(engine, nu) as houder:
        taken = _take(engine, naam, houder, nu)
        if taken is None:
            yield None
            return
        _HEART.beats_for(taken)
        try:
            yield taken
        finally:
            _HEART.ends(houder)
            with engine.begin() as db:
                db.execute(lease.update().where(*_is(taken)).values(houder=_FREE, tot=nu()))


def renew(db: sa.Connection, held_lease: Lease, nu: datetime) -> None:
    """Extend the lease inside the caller's transaction; raises LeaseLost when another took it over.

    Because the row is updated in the same transaction as the work, a late worker can never commit. Call it late in a
    long transaction: on PostgreSQL the row is locked from then on, and the heartbeat passes over it.
    """
    done = db.execute(lease.update().where(*_is(held_lease)).values(tot=nu + DURATION))
    if done.rowcount != 1:
        raise LeaseLost(held_lease.naam)


def who(engine: sa.Engine, naam: str, wat: str) -> list[str]:
    """Who is at `wat` (whose lease is `naam`), for people; nobody when it has just been let go."""
    with engine.connect() as db:
        row = db.execute(sa.select(lease).where(lease.c.naam == naam, lease.c.houder != _FREE)).first()
    return [at_work(wat, *processes.named(row.houder), row.sinds)] if row else []


def others(engine: sa.Engine, prefix: str, wat: str, nu: datetime) -> list[str]:
    """Which other processes hold leases whose names begin with `prefix`, for people."""
    query = sa.select(lease).where(lease.c.naam.startswith(prefix, autoescape=True), lease.c.houder != _FREE)
    with engine.connect() as db:
        every = db.execute(query.order_by(lease.c.sinds.desc())).all()
    rows = [row for row in every if not (_HEART.made(row.houder) or _over(row, nu))]
    since = {processes.named(row.houder): row.sinds for row in rows}
    return [at_work(wat, *process, moment) for process, moment in since.items()]


def _take(engine: sa.Engine, naam: str, houder: str, nu: Callable[[], datetime]) -> Lease | None:
    """Take a lease that is free or whose owner is dead; None when its owner lives.

    Of an owner on another machine that shows only after a while: in a heartbeat, or in none for the whole term.
    """
    seen, until = None, time.monotonic() + (DURATION + SKEW).total_seconds()
    while True:
        silent = seen if time.monotonic() >= until else None
        found = _try(engine, naam, houder, nu(), silent)
        if isinstance(found, Lease):
            return found
        if found is None or silent or _lives(found.houder) or (seen and seen != (found.houder, found.tot)):
            return None
        seen = found.houder, found.tot
        time.sleep(LOOK)


def _try(
    engine: sa.Engine, naam: str, houder: str, nu: datetime, silent: tuple[str, datetime] | None
) -> Lease | sa.Row[Any] | None:
    """The lease when it could be taken, else the row that stands in the way, None when that was just made.

    A row that is locked is not touched, for its owner is recording. `silent` is a (houder, tot) that showed no life for
    long enough.
    """
    values = {"houder": houder, "tot": nu + DURATION, "sinds": nu}
    row = sa.select(lease).where(lease.c.naam == naam)
    with engine.begin() as db:
        now = db.execute(row.with_for_update(skip_locked=True)).first()
        if now is None and (locked := db.execute(row).first()):  # to insert it would wait for its owner
            return locked
        if now is None:
            made = db.execute(_insert_if_absent(db, naam, values)).first()
            return Lease(naam, houder, 1) if made else None
        if not _over(now, nu) and (now.houder, now.tot) != silent:
            return now
        db.execute(lease.update().where(lease.c.naam == naam).values(nummer=now.nummer + 1, **values))
        return Lease(naam, houder, now.nummer + 1)


def _over(row: sa.Row[Any], nu: datetime) -> bool:
    """Whether nobody has this lease any more."""
    lives = _lives(row.houder)
    if row.houder == _FREE or lives is False:
        return True
    return bool(row.tot + (PATIENCE if lives else SKEW) <= nu)


def _lives(houder: str) -> bool | None:
    """Whether who took a lease still has it, None where that cannot be known from here."""
    return houder in _HEART.mine if _HEART.made(houder) else processes.lives(houder)


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


class _Heart:
    """Extends the leases of this process, one by one and each in a transaction of its own, until they are let go."""

    def __init__(self) -> None:
        self._process, self.mine = processes.this(), dict[str, tuple[sa.Engine, Callable[[], datetime]]]()
        self._beating: dict[str, Lease] = {}
        self._lock, self._thread = threading.Lock(), threading.Thread()

    @contextmanager
    def of(self, engine: sa.Engine, nu: Callable[[], datetime]) -> Iterator[str]:
        """A new name of this process as a holder, known here before it stands in the register."""
        houder = f"{self._process}:{os.urandom(4).hex()}"
        self.mine[houder] = engine, nu
        try:
            yield houder
        finally:
            self.ends(houder)

    def made(self, houder: str) -> bool:
        """Whether it is a name of this process."""
        return houder.startswith(f"{self._process}:")

    def beats_for(self, taken: Lease) -> None:
        """Begin to extend it."""
        with self._lock:
            self._beating[taken.houder] = taken
            if not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()

    def ends(self, houder: str) -> None:
        """Extend it no longer."""
        with self._lock:
            self._beating.pop(houder, None)
        self.mine.pop(houder, None)

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            for taken in list(self._beating.values()):
                if where := self.mine.get(taken.houder):  # else it was let go meanwhile
                    self._extend(taken, *where)

    def _extend(self, taken: Lease, engine: sa.Engine, nu: Callable[[], datetime]) -> None:
        try:
            with engine.begin() as db:
                here = sa.select(lease.c.naam).where(*_is(taken)).with_for_update(skip_locked=True)
                if db.execute(here).first():  # else a transaction of ours has it, and renews it
                    db.execute(lease.update().where(*_is(taken)).values(tot=nu() + DURATION))
        except sa.exc.SQLAlchemyError:  # a heart that waits is not dead: the next beat tries again
            log.warning("%s", sentence(RegisterUnreachable()))


_HEART = _Heart()


def _born() -> None:
    """A process that was forked holds nothing of its parent's and has no thread."""
    global _HEART  # noqa: PLW0603
    _HEART = _Heart()


os.register_at_fork(after_in_child=_born)
