"""bundle: freeze what is accepted at this moment into the night's batches.

A partij that is accepted before the freeze goes tonight, a later one tomorrow. Where its gemeente has meanwhile gone
into one other gemeente, the partij follows; the uitvoerder is the one that serves that gemeente (and sector) on the
night's date, and on a night that is not one of its delivery days the partij stays waiting. A night is frozen once: run
again, nothing is added to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import ledger, states
from exchange.register.tables import batch, nacht, partij, uitzondering
from exchange.steps import levering
from schemas import gemeenten


@dataclass(frozen=True)
class BundleResult:
    """What the night holds, and what waits until a beheerder has looked: rows for gemeenten that nobody serves, and
    everything for uitvoerders (ids) whose key cannot encrypt."""

    batches: int
    regels: int
    zonder_uitvoerder: list[str]
    zonder_sleutel: list[str]


def bundle(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> BundleResult:
    """Freeze `night`; what no uitvoerder serves, or can open, stays waiting and is named in the result."""
    moment = nu()
    shut = exchange.shut(moment)
    with exchange.register.begin() as db:
        if db.dialect.name == "postgresql":
            db.execute(sa.text("LOCK TABLE nacht, partij IN SHARE ROW EXCLUSIVE MODE"))
        if db.scalar(sa.select(nacht.c.nacht).where(nacht.c.nacht == night)) is None:
            db.execute(nacht.insert().values(nacht=night, bevroren_op=moment))
            _freeze(exchange, db, night, shut | _not_tonight(exchange, night))
            batches, rows = _size(db, night)
            ledger.append(db, moment, "NACHT_BEVROREN", {"nacht": str(night), "batches": batches, "regels": rows})
        left = [(row, _receiver(exchange, row, night)) for row in _waiting(db)]
        return BundleResult(
            *_size(db, night),
            sorted({gemeenten.current(row.gemeentecode, night) for row, receiver in left if receiver is None}),
            sorted(shut),
        )


def _not_tonight(exchange: Exchange, night: date) -> set[str]:
    """Uitvoerders who receive nothing in this night."""
    every = exchange.config.uitvoerders.values()
    return {uitvoerder.id for uitvoerder in every if not uitvoerder.levering.levert_op(night)}


def _receiver(exchange: Exchange, row: sa.Row[Any], night: date) -> str | None:
    return exchange.config.uitvoerder_of(gemeenten.current(row.gemeentecode, night), night, row.sector)


def _freeze(exchange: Exchange, db: sa.Connection, night: date, without: set[str]) -> None:
    """Assign every waiting partij to the batch of its uitvoerder and gemeente, but for the uitvoerders in `without`."""
    members: dict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    for row in _waiting(db):
        receiver = _receiver(exchange, row, night)
        if receiver is not None and receiver not in without:
            members[receiver, gemeenten.current(row.gemeentecode, night)].append(row)
    for receiver, code in levering.empty_batches(exchange.config, night):
        if receiver not in without:
            members.setdefault((receiver, code), [])
    frozen = [
        {
            "nacht": night,
            "uitvoerder": receiver,
            "gemeentecode": code,
            "bestand": levering.name(exchange.config.uitvoerders[receiver], f"VS_BATCH_{code}_{night:%Y%m%d}_001"),
            "staat": states.Batch.BEVROREN,
            "regels": sum(row.over for row in parts),
        }
        for (receiver, code), parts in sorted(members.items())
    ]
    if not frozen:
        return
    made = db.execute(batch.insert().returning(batch.c.uitvoerder, batch.c.gemeentecode, batch.c.id), frozen)
    assigned = [
        {"partij_id": part.id, "made": row.id} for row in made for part in members[row.uitvoerder, row.gemeentecode]
    ]
    if assigned:
        to_batch = partij.update().where(partij.c.id == sa.bindparam("partij_id"))
        db.execute(to_batch.values(batch_id=sa.bindparam("made")), assigned)


def _waiting(db: sa.Connection) -> list[sa.Row[Any]]:
    """Partijen that wait, with the rows that still go with them (`over`): at least one, or there is nothing to send."""
    gone = (
        sa.select(uitzondering.c.partij_id, sa.func.count().label("weg")).group_by(uitzondering.c.partij_id).subquery()
    )
    over = partij.c.aantal - sa.func.coalesce(gone.c.weg, 0)
    return list(
        db.execute(
            sa.select(partij.c.id, partij.c.gemeentecode, partij.c.sector, over.label("over"))
            .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
            .where(partij.c.batch_id.is_(None), partij.c.houdreden.is_(None), over > 0)
            .order_by(partij.c.id)
        )
    )


def _size(db: sa.Connection, night: date) -> tuple[int, int]:
    row = db.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(batch.c.regels), 0)).where(batch.c.nacht == night)
    ).one()
    return int(row[0]), int(row[1])
