"""bundle: freeze what is accepted at this moment into the night's batches.

A partij that is accepted before the freeze goes tonight, a later one tomorrow. Where its gemeente has meanwhile gone
into one other gemeente, the partij follows; the uitvoerder is the one that serves that gemeente (and sector) on the
night's date. A night is frozen once: run again, nothing is added to it.

What is urgent to an uitvoerder with `spoed_direct` does not wait for the night: after each intake it is frozen as a
round of its own, with the next volgnr of that day and batches and a manifest of that number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange, local_date
from exchange.register import ledger, states
from exchange.register.tables import aanlevering, batch, nacht, partij, uitzondering
from exchange.steps import unwanted
from schemas import gemeenten

#: The volgnr of the night itself; rounds of spoed have the next ones, whenever on that day they go.
NIGHT = 1


@dataclass(frozen=True)
class BundleResult:
    """What the night holds, and for what rows wait until a beheerder has looked: gemeenten that nobody serves, and
    uitvoerders (ids) whose key cannot encrypt."""

    batches: int
    regels: int
    zonder_uitvoerder: list[str]
    zonder_sleutel: list[str]


def bundle(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> BundleResult:
    """Freeze `night`; what no uitvoerder serves, or can open, stays waiting and is named in the result."""
    moment = nu()
    shut = _shut(exchange, moment)
    with _alone(exchange) as db:
        known = db.execute(sa.select(nacht.c.bevroren_op).where(nacht.c.nacht == night)).first()
        if known is None or known.bevroren_op is None:
            if known is None:
                db.execute(nacht.insert().values(nacht=night, bevroren_op=moment))
            else:  # spoed went out before this night
                db.execute(nacht.update().where(nacht.c.nacht == night).values(bevroren_op=moment))
            _freeze(exchange, db, night, NIGHT, _served(exchange, _waiting(db), night, shut))
            batches, rows = _size(db, night, NIGHT)
            ledger.append(db, moment, "NACHT_BEVROREN", {"nacht": str(night), "batches": batches, "regels": rows})
        left = [(row, _receiver(exchange, row, night)) for row in _waiting(db)]
        return BundleResult(
            *_size(db, night, NIGHT),
            sorted({_current(row.gemeentecode, night) for row, receiver in left if receiver is None}),
            sorted({receiver for _, receiver in left if receiver in shut}),
        )


def bundle_spoed(exchange: Exchange, nu: Callable[[], datetime]) -> int | None:
    """Freeze what is urgent to uitvoerders with `spoed_direct` as one more round of today; returns its volgnr, None
    when there is nothing. What cannot go now waits for the night, which also says why."""
    direct = {one.id for one in exchange.config.uitvoerders.values() if one.spoed_direct}
    if not direct:
        return None
    moment = nu()
    night, shut = local_date(moment), _shut(exchange, moment)
    with _alone(exchange) as db:
        urgent = [row for row in _waiting(db) if row.spoed]
        members = _served(exchange, urgent, night, shut)
        members = {place: parts for place, parts in members.items() if place[0] in direct}
        if not members:
            return None
        if db.scalar(sa.select(nacht.c.nacht).where(nacht.c.nacht == night)) is None:
            db.execute(nacht.insert().values(nacht=night))
        last = db.scalar(sa.select(sa.func.max(batch.c.volgnr)).where(batch.c.nacht == night))
        volgnr = max(int(last or 0), NIGHT) + 1
        _freeze(exchange, db, night, volgnr, members)
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


def _shut(exchange: Exchange, moment: datetime) -> set[str]:
    """Uitvoerders for whom nothing can be encrypted."""
    return {
        uitvoerder.id
        for uitvoerder in exchange.config.uitvoerders.values()
        if not exchange.keyring.can_encrypt(uitvoerder.pgp.vingerafdrukken[0], moment)
    }


def _receiver(exchange: Exchange, row: sa.Row[Any], night: date) -> str | None:
    return exchange.config.uitvoerder_of(_current(row.gemeentecode, night), night, row.sector)


def _served(
    exchange: Exchange, waiting: list[sa.Row[Any]], night: date, shut: set[str]
) -> dict[tuple[str, str], list[sa.Row[Any]]]:
    """Per (uitvoerder, gemeente) the partijen that can go."""
    members: dict[tuple[str, str], list[sa.Row[Any]]] = defaultdict(list)
    for row in waiting:
        receiver = _receiver(exchange, row, night)
        if receiver is not None and receiver not in shut:
            members[receiver, _current(row.gemeentecode, night)].append(row)
    return members


def _freeze(
    exchange: Exchange,
    db: sa.Connection,
    night: date,
    volgnr: int,
    members: Mapping[tuple[str, str], list[sa.Row[Any]]],
) -> None:
    """Take out the repeats that gemeenten do not want, and assign the rest to the batch of its uitvoerder and
    gemeente."""
    refused = unwanted.take_out(exchange, db, night, members)
    over = {row.id: row.over - refused[row.id] for parts in members.values() for row in parts}
    left = {place: [row for row in parts if over[row.id]] for place, parts in members.items()}
    frozen = [
        {
            "nacht": night,
            "volgnr": volgnr,
            "uitvoerder": receiver,
            "gemeentecode": code,
            "bestand": f"VS_BATCH_{code}_{night:%Y%m%d}_{volgnr:03d}.csv.pgp",
            "staat": states.Batch.BEVROREN,
            "regels": sum(over[row.id] for row in parts),
        }
        for (receiver, code), parts in sorted(left.items())
        if parts
    ]
    if not frozen:
        return
    made = db.execute(batch.insert().returning(batch.c.uitvoerder, batch.c.gemeentecode, batch.c.id), frozen)
    assigned = [
        {"partij_id": part.id, "made": row.id} for row in made for part in left[row.uitvoerder, row.gemeentecode]
    ]
    db.execute(
        partij.update().where(partij.c.id == sa.bindparam("partij_id")).values(batch_id=sa.bindparam("made")), assigned
    )


def _waiting(db: sa.Connection) -> list[sa.Row[Any]]:
    """Partijen that wait, with the rows that still go with them (`over`): at least one, or there is nothing to send."""
    gone = (
        sa.select(uitzondering.c.partij_id, sa.func.count().label("weg")).group_by(uitzondering.c.partij_id).subquery()
    )
    over = partij.c.aantal - sa.func.coalesce(gone.c.weg, 0)
    return list(
        db.execute(
            sa.select(partij, aanlevering.c.poging, over.label("over"))
            .join(aanlevering, aanlevering.c.nr == partij.c.aanlevering_nr)
            .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
            .where(partij.c.batch_id.is_(None), partij.c.houdreden.is_(None), over > 0)
            .order_by(partij.c.id)
        )
    )


def _current(code: str, night: date) -> str:
    codes = gemeenten.successor(code, night).codes
    return codes[0] if len(codes) == 1 else code


def _size(db: sa.Connection, night: date, volgnr: int) -> tuple[int, int]:
    row = db.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(batch.c.regels), 0)).where(
            batch.c.nacht == night, batch.c.volgnr == volgnr
        )
    ).one()
    return int(row[0]), int(row[1])
