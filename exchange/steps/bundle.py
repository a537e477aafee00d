"""bundle: freeze what is accepted at this moment into the night's batches.

A partij that is accepted before the freeze goes tonight, a later one tomorrow. Where its gemeente has meanwhile gone
into one other gemeente, the partij follows (where it was divided, see `verdeeld`); the uitvoerder is the one that
serves that gemeente (and sector) on the night's date, and on a night that is not one of its delivery days the partij
stays waiting. A night is frozen once, on its own day: run again, or later, nothing is added to it.

What is urgent to an uitvoerder with `spoed_direct` does not wait for the night: after each intake it is frozen as a
round of its own, with the next volgnr of that day and batches and a manifest of that number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange, local_date
from exchange.faults import NightAhead, NightNeverFrozen
from exchange.register import ledger, states, stilstand
from exchange.register.aanleveringen import Soort
from exchange.register.tables import aanlevering, batch, nacht, partij, ronde, uitzondering
from exchange.steps import levering, unwanted, verdeeld
from schemas import gemeenten

#: The volgnr of the night itself; rounds of spoed have the next ones, whenever on that day they go.
NIGHT = 1


@dataclass(frozen=True)
class BundleResult:
    """What the night (its date) holds, and what waits until a beheerder has looked: rows for gemeenten that nobody
    serves, and everything for uitvoerders (ids) whose key cannot encrypt. `niet_gecontroleerd` counts per partner (id)
    the files that were picked up and not checked: they miss the night."""

    nacht: str
    batches: int
    regels: int
    zonder_uitvoerder: list[str]
    zonder_sleutel: list[str]
    niet_gecontroleerd: dict[str, int]


def bundle(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> BundleResult:
    """Freeze `night`; what no uitvoerder serves, or can open, stays waiting and is named in the result. What is
    for one that is stopped waits as well; and while a file of one cannot be read, nobody can say that a gemeente has
    none.

    Raises NightAhead for a night that has not come, and NightNeverFrozen for a past one of which nothing was frozen.
    """
    moment = nu()
    shut = exchange.shut(moment)
    with _alone(exchange) as db:
        frozen_on = may_be_worked_on(db, night, moment)
        if frozen_on is None:
            known = db.scalar(sa.select(nacht.c.nacht).where(nacht.c.nacht == night))
            if known is None:
                db.execute(nacht.insert().values(nacht=night, bevroren_op=moment))
            else:  # spoed went out before this night
                db.execute(nacht.update().where(nacht.c.nacht == night).values(bevroren_op=moment))
            verdeeld.take_out(db, night, waiting(db))
            without = shut | exchange.config.stilgezet.keys() | _not_tonight(exchange, night)
            members = _served(exchange, waiting(db), night, without)
            empty = [place for place in levering.empty_batches(exchange.config, night) if place[0] not in without]
            _freeze(exchange, db, night, NIGHT, members, empty)
            batches, rows = _size(db, night, NIGHT)
            ledger.append(db, moment, "NACHT_BEVROREN", {"nacht": str(night), "batches": batches, "regels": rows})
        if night == local_date(moment):  # also who was stopped, or unknown, when it was frozen
            _open(db, night, NIGHT, exchange.config.uitvoerders.keys() - _not_tonight(exchange, night))
        left = waiting(db) if exchange.config.bediening_bekend else []
        return BundleResult(
            str(night),
            *_size(db, night, NIGHT),
            sorted({gemeenten.current(row.gemeentecode, night) for row in left if not receiver(exchange, row, night)}),
            sorted(shut),
            _unchecked(db),
        )


def may_be_worked_on(db: sa.Connection, night: date, moment: datetime) -> datetime | None:
    """When `night` was frozen; None when it may be now. Raises NightAhead and NightNeverFrozen: what is accepted goes
    out in the night of its day, and in no other."""
    today = local_date(moment)
    if night > today:
        raise NightAhead(night, today)
    frozen_on: datetime | None = db.scalar(sa.select(nacht.c.bevroren_op).where(nacht.c.nacht == night))
    if frozen_on is None and night < today:
        raise NightNeverFrozen(night)
    return frozen_on


def _unchecked(db: sa.Connection) -> dict[str, int]:
    query = sa.select(aanlevering.c.partner, sa.func.count()).where(
        aanlevering.c.soort == Soort.SIGNALEN, aanlevering.c.staat == states.Aanlevering.OPGEHAALD
    )
    rows = db.execute(query.group_by(aanlevering.c.partner).order_by(aanlevering.c.partner))
    return {row[0]: row[1] for row in rows}


def bundle_spoed(exchange: Exchange, nu: Callable[[], datetime]) -> int | None:
    """Freeze what is urgent to uitvoerders with `spoed_direct` as one more round of today; returns its volgnr, None
    when there is nothing. What cannot go now waits for the night, which also says why."""
    direct = {one.id for one in exchange.config.uitvoerders.values() if one.spoed_direct}
    if not direct:
        return None
    moment = nu()
    night, shut = local_date(moment), exchange.shut(moment)
    with _alone(exchange) as db:
        urgent = [row for row in waiting(db) if row.spoed]
        members = _served(exchange, urgent, night, shut)
        members = {place: parts for place, parts in members.items() if place[0] in direct}
        if not members:
            return None
        if db.scalar(sa.select(nacht.c.nacht).where(nacht.c.nacht == night)) is None:
            db.execute(nacht.insert().values(nacht=night))
        last = db.scalar(sa.select(sa.func.max(batch.c.volgnr)).where(batch.c.nacht == night))
        volgnr = max(int(last or 0), NIGHT) + 1
        _freeze(exchange, db, night, volgnr, members)
        within = sa.select(batch.c.uitvoerder).where(batch.c.nacht == night, batch.c.volgnr == volgnr)
        _open(db, night, volgnr, set(db.scalars(within)))
        batches, rows = _size(db, night, volgnr)
        counts = {"batches": batches, "regels": rows}
        ledger.append(db, moment, "SPOED_BEVROREN", {"nacht": str(night), "volgnr": volgnr, **counts})
    return volgnr


@contextmanager
def _alone(exchange: Exchange) -> Iterator[sa.Connection]:
    """A transaction that waits for files being recorded, and lets none begin: what is counted stays so."""
    with exchange.register.begin() as db:
        if db.dialect.name == "postgresql":
            db.execute(sa.text("LOCK TABLE nacht, partij IN SHARE ROW EXCLUSIVE MODE"))
        yield db


def _not_tonight(exchange: Exchange, night: date) -> set[str]:
    """Uitvoerders who receive nothing in this night."""
    every = exchange.config.uitvoerders.values()
    return {uitvoerder.id for uitvoerder in every if not uitvoerder.levering.levert_op(night)}


def receiver(exchange: Exchange, row: sa.Row[Any], night: date) -> str | None:
    """Who (id) receives a partij that waits, in this night; None when nobody serves its gemeente."""
    return exchange.config.uitvoerder_of(gemeenten.current(row.gemeentecode, night), night, row.sector)


def _served(
    exchange: Exchange, parts: list[sa.Row[Any]], night: date, without: set[str]
) -> dict[tuple[str, str], list[sa.Row[Any]]]:
    """Per (uitvoerder, gemeente) the partijen that can go, but for the uitvoerders in `without`."""
    members: dict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    for row in parts:
        id = receiver(exchange, row, night)
        if id is not None and id not in without:
            members[id, gemeenten.current(row.gemeentecode, night)].append(row)
    return members


def _freeze(
    exchange: Exchange,
    db: sa.Connection,
    night: date,
    volgnr: int,
    members: Mapping[tuple[str, str], list[sa.Row[Any]]],
    empty: Iterable[tuple[str, str]] = (),
) -> None:
    """Take out the repeats that gemeenten do not want, and assign the rest to the batch of its uitvoerder and gemeente;
    in `empty` there is a batch also without rows."""
    refused = unwanted.take_out(exchange, db, night, members)
    over = {row.id: row.over - refused[row.id] for parts in members.values() for row in parts}
    left: dict[tuple[str, str], list[sa.Row[Any]]] = {place: [] for place in empty}
    for place, parts in members.items():
        if kept := [row for row in parts if over[row.id]]:
            left[place] = kept
    frozen = [
        {
            "nacht": night,
            "volgnr": volgnr,
            "uitvoerder": receiver,
            "gemeentecode": code,
            "bestand": levering.name(
                exchange.config.uitvoerders[receiver], f"VS_BATCH_{code}_{night:%Y%m%d}_{volgnr:03d}"
            ),
            "staat": states.Batch.BEVROREN,
            "regels": sum(over[row.id] for row in parts),
        }
        for (receiver, code), parts in sorted(left.items())
    ]
    if not frozen:
        return
    made = db.execute(batch.insert().returning(batch.c.uitvoerder, batch.c.gemeentecode, batch.c.id), frozen)
    assigned = [
        {"partij_id": part.id, "made": row.id} for row in made for part in left[row.uitvoerder, row.gemeentecode]
    ]
    if assigned:
        to_batch = partij.update().where(partij.c.id == sa.bindparam("partij_id"))
        db.execute(to_batch.values(batch_id=sa.bindparam("made")), assigned)


def _open(db: sa.Connection, night: date, volgnr: int, receivers: Iterable[str]) -> None:
    """Every receiver of a round is owed a manifest: of the night who has it among its days, zeros too; of spoed who has
    a batch in it. Adds those that are not known yet."""
    known = sa.select(ronde.c.uitvoerder).where(ronde.c.nacht == night, ronde.c.volgnr == volgnr)
    owed = sorted(set(receivers) - set(db.scalars(known)))
    if rounds := [{"nacht": night, "volgnr": volgnr, "uitvoerder": one} for one in owed]:
        db.execute(ronde.insert(), rounds)


def waiting(db: sa.Connection) -> list[sa.Row[Any]]:
    """Partijen that wait, with the rows that still go with them (`over`): at least one, or there is nothing to send.
    Not those of an aanlevering that stands still."""
    gone = (
        sa.select(uitzondering.c.partij_id, sa.func.count().label("weg")).group_by(uitzondering.c.partij_id).subquery()
    )
    over = partij.c.aantal - sa.func.coalesce(gone.c.weg, 0)
    return list(
        db.execute(
            sa.select(partij, aanlevering.c.poging, over.label("over"))
            .join(aanlevering, aanlevering.c.nr == partij.c.aanlevering_nr)
            .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
            .where(
                partij.c.batch_id.is_(None),
                partij.c.houdreden.is_(None),
                over > 0,
                partij.c.aanlevering_nr.not_in(stilstand.standing_still(stilstand.Soort.AANLEVERING)),
            )
            .order_by(partij.c.id)
        )
    )


def _size(db: sa.Connection, night: date, volgnr: int) -> tuple[int, int]:
    row = db.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(batch.c.regels), 0)).where(
            batch.c.nacht == night, batch.c.volgnr == volgnr
        )
    ).one()
    return int(row[0]), int(row[1])
