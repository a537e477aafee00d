"""onzeker: zendingen of which nobody saw what became of the rename, and what settles them.

Evidence does, without anybody: our bytes under the final name, the receiver's `.ok` or the folder to which it moves
what it collected, our file still under its temporary name, or terugkoppeling about one of its signals (see
`exchange.register.terugkoppelingen.settle`). Otherwise a beheerder asks the receiver and decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import FileFault, NotDoubtful
from exchange.register import besluiten, outbox, states
from exchange.register.tables import zending
from exchange.steps import collected
from exchange.steps.placing import Found, look
from exchange.steps.visit import Visit

#: What each kind of find makes of a doubt; any other leaves it.
_SETTLES = {Found.OURS: states.Zending.GEPUBLICEERD, Found.READY: states.Zending.GEUPLOAD}


def settle(visit: Visit) -> None:
    """Take what there is evidence of to where it stands."""
    with visit.exchange.register.connect() as db:
        rows = outbox.doubtful(db, visit.receiver.id)
    if not rows:
        return
    taken = {row.id for row in collected.confirmed(visit.connection, visit.levering, rows)}
    moved: dict[states.Zending, list[int]] = {states.Zending.OPGEHAALD: sorted(taken)}
    for row in rows:
        target = None if row.id in taken else _SETTLES.get(_seen(visit, row))
        if target:
            moved.setdefault(target, []).append(row.id)
    visit.record(moved)


def _seen(visit: Visit, row: sa.Row[Any]) -> Found:
    try:
        return look(visit, row)
    except FileFault:
        return Found.GONE  # not known now; the next visit looks again


def decide(exchange: Exchange, nr: int, target: states.Zending, reden: str, nu: Callable[[], datetime]) -> None:
    """A beheerder says that the zending was collected (OPGEHAALD), or must go once more (GEBOUWD): the same bytes under
    the same name. Raises NotDoubtful when it is not ONZEKER."""
    moment, again = nu(), target is states.Zending.GEBOUWD
    with exchange.register.begin() as db:
        staat = db.scalar(sa.select(zending.c.staat).where(zending.c.id == nr))
        if staat != states.Zending.ONZEKER:
            raise NotDoubtful(nr, staat)
        if again:
            db.execute(zending.update().where(zending.c.id == nr).values(opnieuw=True))
        outbox.move(db, [nr], target, moment)
        besluiten.record(db, moment, f"ZENDING_{'OPNIEUW' if again else 'AFGEHAALD'}", reden, onderwerp=nr)
