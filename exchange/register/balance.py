"""The balance: every data line of every aanlevering is in exactly one place.

    regels = afgekeurd + dubbel + ingetrokken + niet_doorgezet + aangehouden + wachtend + doorgezet

`regels`, `aanvaard`, `afgekeurd` and `dubbel` were counted by check; the rest is derived from the partijen, the rows
that were taken out of them, and the zending each batch went out with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from exchange.register import states
from exchange.register.aanleveringen import Soort
from exchange.register.states import PUBLISHED
from exchange.register.tables import aanlevering, batch, partij, uitzondering, zending

#: The columns of the balance, in the order of its equation.
PLACES = ("afgekeurd", "dubbel", "ingetrokken", "niet_doorgezet", "aangehouden", "wachtend", "doorgezet")


@dataclass(frozen=True)
class Balance:
    """Counts of rows; `klopt` when the equation holds for every aanlevering and for the published batches."""

    klopt: bool
    totals: Mapping[str, int]


def per_aanlevering(db: sa.Connection) -> dict[int, Counter[str]]:
    """Per aanlevering nr how many rows stand in each place of the balance, with `regels` and `aanvaard`.

    Signals only: rows of terugkoppeling are about signals, and are counted in their own CONTROLE.
    """
    counts: dict[int, Counter[str]] = {}
    for row in db.execute(sa.select(aanlevering).where(aanlevering.c.soort == Soort.SIGNALEN)):
        counts[row.nr] = Counter(regels=row.regels, aanvaard=row.aanvaard, afgekeurd=row.afgekeurd, dubbel=row.dubbel)
    for nr, place, rows in db.execute(_placed_query()).all():
        counts[nr][place] += int(rows)  # PostgreSQL sums to a Decimal
    for nr, place, rows in db.execute(_exception_query()).all():
        counts[nr][place] += int(rows)  # PostgreSQL sums to a Decimal
    return counts


def prove(db: sa.Connection) -> Balance:
    """Add everything up: per aanlevering, per frozen batch, and over what was published."""
    counts = per_aanlevering(db)
    totals = Counter(dict.fromkeys(("regels", *PLACES), 0))
    holds = True
    for one in counts.values():
        holds &= one["regels"] == sum(one[place] for place in PLACES)
        holds &= all(one[place] >= 0 for place in PLACES)
        totals.update({name: one[name] for name in totals})
    published = db.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(batch.c.regels), 0))
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(zending.c.staat.in_(PUBLISHED))
    )
    holds &= int(published or 0) == totals["doorgezet"] and not _changed(db)
    return Balance(klopt=holds, totals=dict(totals))


def unbuilt(db: sa.Connection, night: date) -> list[str]:
    """Batches (night and gemeentecode) up to `night` that were frozen and not built."""
    query = sa.select(batch.c.nacht, batch.c.gemeentecode).where(
        batch.c.staat == states.Batch.BEVROREN, batch.c.nacht <= night
    )
    return sorted(f"{row.nacht} {row.gemeentecode}" for row in db.execute(query))


def _changed(db: sa.Connection) -> bool:
    """Whether any batch no longer has as many rows as were frozen into it."""
    gone = _taken_out()
    over = partij.c.aantal - sa.func.coalesce(gone.c.rows, 0)
    query = (
        sa.select(batch.c.id)
        .join(partij, partij.c.batch_id == batch.c.id, isouter=True)
        .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
        .group_by(batch.c.id, batch.c.regels)
        .having(sa.func.coalesce(sa.func.sum(over), 0) != batch.c.regels)
    )
    return db.execute(query.limit(1)).first() is not None


def _placed_query() -> sa.Select[Any]:
    """Rows that still go with their partij: waiting, held or delivered."""
    gone = _taken_out()
    place = sa.case(
        (partij.c.houdreden.is_not(None), "aangehouden"),
        (zending.c.staat.in_(PUBLISHED), "doorgezet"),
        else_="wachtend",
    )
    rows = sa.func.sum(partij.c.aantal - sa.func.coalesce(gone.c.rows, 0))
    return (
        sa.select(partij.c.aanlevering_nr, place, rows)
        .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
        .join(batch, batch.c.id == partij.c.batch_id, isouter=True)
        .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
        .group_by(partij.c.aanlevering_nr, place)
    )


def _taken_out() -> sa.Subquery:
    """How many rows were taken out of each partij."""
    counted = sa.select(uitzondering.c.partij_id, sa.func.count().label("rows"))
    return counted.group_by(uitzondering.c.partij_id).subquery()


def _exception_query() -> sa.Select[Any]:
    """Rows taken out of their partij."""
    place = sa.func.lower(uitzondering.c.staat)
    return (
        sa.select(partij.c.aanlevering_nr, place, sa.func.count())
        .join(partij, partij.c.id == uitzondering.c.partij_id)
        .group_by(partij.c.aanlevering_nr, place)
    )
