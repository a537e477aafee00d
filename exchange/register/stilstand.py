"""What stands still: an aanlevering or a batch whose rows do not add up, or everything when nobody can say where.

A fact that every publish reads. Of an aanlevering that stands still nothing is frozen either, and a batch that does is
not built; while everything stands still, freezing and building go on, and nothing is published. It ends by the decision
of a beheerder (`steps.proof.resume`). What was lifted although it still differed, is not stopped again for the same
figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from exchange.register import ledger
from exchange.register.tables import batch, partij, stilstand, zending


class Soort(StrEnum):
    """What can stand still."""

    AANLEVERING = "AANLEVERING"
    BATCH = "BATCH"
    ALLES = "ALLES"


@dataclass(frozen=True, order=True)
class Onderwerp:
    """One aanlevering or batch (its number); everything has number 0."""

    soort: Soort
    nr: int = 0

    def __str__(self) -> str:
        return f"{self.soort.lower()} {self.nr}" if self.nr else self.soort.lower()


#: Per subject the counts that should be the same and are not.
Wrong = Mapping[Onderwerp, Mapping[str, int]]

#: Closes a round: it waits for every batch of it.
_CLOSING = ("SJABLOON", "MANIFEST")


def stop(db: sa.Connection, nu: datetime, wrong: Wrong) -> None:
    """Let these stand still, in the caller's transaction; call it last, for it appends to the ledger."""
    if db.dialect.name == "postgresql":
        db.execute(sa.text("LOCK TABLE stilstand IN SHARE ROW EXCLUSIVE MODE"))
    known = {onderwerp_of(row) for row in standing(db)}
    for one in sorted(wrong.keys() - known):
        values = {"soort": one.soort, "onderwerp": one.nr, "gegevens": dict(wrong[one]), "sinds": nu}
        db.execute(stilstand.insert().values(**values))
        ledger.append(db, nu, "STILGEZET", {"soort": str(one.soort), "onderwerp": one.nr, **wrong[one]})


def lift(db: sa.Connection, nr: int, nu: datetime, aanvaard: Mapping[str, int] | None) -> bool:
    """End one; `aanvaard` are the figures when they still differ. False when another has ended it."""
    values: dict[str, Any] = {"opgeheven_op": nu}
    if aanvaard is not None:
        values |= {"aanvaard": True, "gegevens": dict(aanvaard)}
    mine = sa.and_(stilstand.c.nr == nr, stilstand.c.opgeheven_op.is_(None))
    return db.execute(stilstand.update().where(mine).values(**values)).rowcount == 1


def standing(db: sa.Connection) -> list[sa.Row[Any]]:
    """What stands still now, in the order in which it was stopped."""
    return list(db.execute(sa.select(stilstand).where(stilstand.c.opgeheven_op.is_(None)).order_by(stilstand.c.nr)))


def accepted(db: sa.Connection) -> list[tuple[Onderwerp, Mapping[str, int]]]:
    """Differences that a beheerder has accepted."""
    rows = db.execute(sa.select(stilstand).where(stilstand.c.aanvaard))
    return [(onderwerp_of(row), row.gegevens) for row in rows]


def accepted_of_all(db: sa.Connection, since: datetime) -> list[Mapping[str, int]]:
    """Differences that nobody can place and that a beheerder has accepted since that moment, the newest first."""
    query = sa.select(stilstand.c.gegevens).where(
        stilstand.c.aanvaard, stilstand.c.soort == Soort.ALLES, stilstand.c.opgeheven_op > since
    )
    return list(db.scalars(query.order_by(stilstand.c.nr.desc())))


def onderwerp_of(row: sa.Row[Any]) -> Onderwerp:
    """What a row of the table is about."""
    return Onderwerp(Soort(row.soort), row.onderwerp)


def standing_still(soort: Soort) -> sa.Select[tuple[int]]:
    """The numbers of the aanleveringen or batches that stand still, to ask `in_` of: there are few, mostly none."""
    return sa.select(stilstand.c.onderwerp).where(stilstand.c.opgeheven_op.is_(None), stilstand.c.soort == soort)


def holds_back() -> sa.ColumnElement[bool]:
    """Whether a row of `zending` may not be published now: it holds something of what stands still, answers it, or
    closes a round that does."""
    files = standing_still(Soort.AANLEVERING)
    theirs = sa.select(partij.c.batch_id).where(partij.c.aanlevering_nr.in_(files), partij.c.batch_id.is_not(None))
    stands = batch.c.id.in_(standing_still(Soort.BATCH).union_all(theirs))
    held = sa.select(batch.c.zending_id).where(stands, batch.c.zending_id.is_not(None))
    told = partij.c.doorgezet_zending_id
    closed = sa.exists().where(batch.c.uitvoerder == zending.c.ontvanger, batch.c.nacht == zending.c.nacht, stands)
    return sa.or_(
        sa.exists(standing_still(Soort.ALLES)),
        sa.and_(zending.c.aanlevering_nr.is_not(None), zending.c.aanlevering_nr.in_(files)),
        zending.c.id.in_(held),
        sa.and_(zending.c.soort.in_(_CLOSING), closed),
        zending.c.id.in_(sa.select(told).where(partij.c.aanlevering_nr.in_(files), told.is_not(None))),
    )
