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
    """Take zendingen to `target`, all of them or none; raises StateConflict when another worker moved one first."""
    done = db.execute(
        zending.update()
        .where(zending.c.id.in_(ids), zending.c.staat.in_(states.sources(target)))
        .values({"staat": target, f"{target.value.lower()}_op": nu})
    )
    if done.rowcount != len(ids):
        raise StateConflict("zending", min(ids), str(target))


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
