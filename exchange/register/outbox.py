"""The outbox: every outgoing file is a *zending* with a state, moved only by the transitions of `states`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from exchange.faults import StateConflict
from exchange.register import ledger, states, stilstand
from exchange.register.tables import volgnummer, zending

#: Order of publication to one party: batches, and the template that goes with them, before the manifest.
ORDER = ("ONTVANGST", "CONTROLE", "CORRECTIE", "BATCH", "SJABLOON", "MANIFEST", "DOORGEZET", "UITKOMST")


@dataclass(frozen=True)
class Built:
    """A file whose ciphertext is in the archive and that may go out."""

    ontvanger: str
    soort: str
    map: str
    naam: str
    archief: str
    sha256: str
    grootte: int
    sleutel: str | None  # primary fingerprint that it is encrypted to; None where it is plain text
    aanlevering_nr: int | None = None
    nacht: date | None = None


def add(
    db: sa.Connection, nu: datetime, files: Sequence[Built], then: Callable[[list[int]], None] | None = None
) -> None:
    """Put files in the outbox, each with its ledger entry.

    then: what else the transaction records, given the zending ids in the same order; it comes before the ledger, which
    is locked until the transaction ends. Raises StateConflict when another worker has put one of them there.
    """
    if not files:
        return
    values = [{"staat": states.Zending.GEBOUWD, "gebouwd_op": nu, **built.__dict__} for built in files]
    try:
        made = db.scalars(zending.insert().returning(zending.c.id, sort_by_parameter_order=True), values).all()
    except sa.exc.IntegrityError as error:  # (ontvanger, map, naam) is unique
        raise StateConflict("zending", len(files), str(states.Zending.GEBOUWD)) from error
    facts = [
        {"zending": nr, "soort": built.soort, "sha256": built.sha256} for nr, built in zip(made, files, strict=True)
    ]
    if then:
        then([int(nr) for nr in made])
    ledger.append(db, nu, "ZENDING_GEBOUWD", *facts)


def move(db: sa.Connection, ids: Collection[int], target: states.Zending, nu: datetime) -> None:
    """Take zendingen to `target`, all of them or none, with a ledger entry each where a receiver can notice; call it
    last. Raises StateConflict when another worker moved one first."""
    if not ids:
        return
    query = zending.update().where(zending.c.id.in_(ids), zending.c.staat.in_(states.sources(target)))
    done = db.execute(query.values({"staat": target, **_moments(target, nu)}).returning(zending.c.id, zending.c.sha256))
    moved = sorted(done.all())
    if len(moved) != len(ids):
        raise StateConflict("zending", min(ids), str(target))
    if target is not states.Zending.GEUPLOAD:
        facts = [{"zending": row.id, "sha256": row.sha256} for row in moved]
        event = "TERUG" if target is states.Zending.GEBOUWD else target  # the ledger has its GEBOUWD already
        ledger.append(db, nu, f"ZENDING_{event}", *facts)


def _moments(target: states.Zending, nu: datetime) -> dict[str, Any]:
    match target:
        case states.Zending.GEBOUWD:
            return {"hernoemen_op": None}
        case states.Zending.OPGEHAALD:  # of what was ONZEKER nobody saw when it came to stand there
            return {"opgehaald_op": nu, "gepubliceerd_op": sa.func.coalesce(zending.c.gepubliceerd_op, _ASKED)}
        case _:
            return {f"{target.value.lower()}_op": nu}


_ASKED = zending.c.hernoemen_op


def ask(db: sa.Connection, ids: Collection[int], nu: datetime | None) -> None:
    """Record that a rename is about to be sent for these zendingen, or (None) that it was refused or never sent."""
    db.execute(zending.update().where(zending.c.id.in_(ids)).values(hernoemen_op=nu))


def doubtful(db: sa.Connection, ontvanger: str | None = None) -> list[sa.Row[Any]]:
    """Zendingen of which nobody knows whether they were delivered, oldest first."""
    query = sa.select(zending).where(zending.c.staat == states.Zending.ONZEKER)
    if ontvanger is not None:
        query = query.where(zending.c.ontvanger == ontvanger)
    return list(db.execute(query.order_by(zending.c.id)))


def waiting(db: sa.Connection, ontvanger: str | None = None) -> list[sa.Row[Any]]:
    """Zendingen still to be published, without what stands still: per receiver by night and kind (ORDER), then in the
    order they were made."""
    rank = sa.case({soort: place for place, soort in enumerate(ORDER)}, value=zending.c.soort)
    query = sa.select(zending).where(zending.c.staat.in_([states.Zending.GEBOUWD, states.Zending.GEUPLOAD]))
    query = query.where(sa.not_(stilstand.holds_back()))
    if ontvanger is not None:
        query = query.where(zending.c.ontvanger == ontvanger)
    return list(db.execute(query.order_by(zending.c.ontvanger, zending.c.nacht, rank, zending.c.id)))


def next_number(db: sa.Connection, partij: str, soort: str) -> int:
    """The number the next file of this kind for this party will carry (starts at 1)."""
    last = db.scalar(sa.select(volgnummer.c.waarde).where(volgnummer.c.partij == partij, volgnummer.c.soort == soort))
    return (last or 0) + 1


def take_numbers(db: sa.Connection, partij: str, soort: str, first: int, count: int) -> None:
    """Record that `count` numbers from `first` are used; raises StateConflict when `first` is no longer the next."""
    if count == 0:
        return
    if first == 1:
        try:
            db.execute(volgnummer.insert().values(partij=partij, soort=soort, waarde=count))
        except sa.exc.IntegrityError:
            raise StateConflict("volgnummer", first, soort) from None
        return
    done = db.execute(
        volgnummer.update()
        .where(volgnummer.c.partij == partij, volgnummer.c.soort == soort, volgnummer.c.waarde == first - 1)
        .values(waarde=first - 1 + count)
    )
    if done.rowcount != 1:
        raise StateConflict("volgnummer", first, soort)
