"""proof: add the register up, and let what does not add up stand still until a beheerder lifts it.

An aanlevering whose equation does not hold is neither frozen nor published nor answered; a batch that is not what was
frozen keeps its uitvoerder's manifest waiting; what nobody can place stops everything. All the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import balance, besluiten, snapshot, stilstand
from exchange.register.stilstand import Onderwerp, Soort, Wrong
from exchange.steps import frozen


@dataclass(frozen=True)
class Resumed:
    """What was lifted, and what still differs and therefore stands still: subjects, for people."""

    opgeheven: list[str]
    verschilt: list[str]


def prove(exchange: Exchange, nu: Callable[[], datetime]) -> balance.Balance:
    """Prove the balance as it is at one moment; what is wrong stands still from now on."""
    with snapshot(exchange.register) as db:
        found = balance.prove(db)
    stop(exchange, found.wrong, nu)
    return found


def stop(exchange: Exchange, wrong: Wrong, nu: Callable[[], datetime]) -> None:
    """Let these stand still."""
    if wrong:
        with exchange.register.begin() as db:
            stilstand.stop(db, nu(), wrong)


def standing(exchange: Exchange) -> list[str]:
    """What stands still, for people."""
    with exchange.register.connect() as db:
        return [str(stilstand.onderwerp_of(row)) for row in stilstand.standing(db)]


def resume(
    exchange: Exchange, wanted: Onderwerp | None, reden: str, nu: Callable[[], datetime], *, toch: bool = False
) -> Resumed:
    """Lift `wanted`, or everything that stands still, for a reason; proves it again first.

    What still differs stays where it is, unless a beheerder wants it to go `toch`: then the same figures do not stop it
    again. Of a batch that cannot be built because rows are missing, no word makes a whole one.
    """
    with snapshot(exchange.register) as db:
        rows = [row for row in stilstand.standing(db) if wanted in (None, stilstand.onderwerp_of(row))]
        wrong = dict(balance.prove(db).wrong)
    stored = [row.onderwerp for row in rows if row.soort == Soort.BATCH]
    wrong |= frozen.incomplete(exchange, stored)
    moment = nu()
    with exchange.register.begin() as db:
        done = [row for row in rows if _lifts(db, row, wrong, moment, toch=toch)]
        for row in done:
            one = stilstand.onderwerp_of(row)
            facts: dict[str, str | int | None] = {"soort": one.soort, "nr": one.nr, "verschilt": one in wrong}
            besluiten.record(db, moment, "PUBLICEREN_HERVAT", reden, onderwerp=row.nr, gegevens=facts)
    left = [row for row in rows if row not in done]
    return Resumed(*([str(stilstand.onderwerp_of(row)) for row in some] for some in (done, left)))


def _lifts(db: sa.Connection, row: sa.Row[Any], wrong: Wrong, moment: datetime, *, toch: bool) -> bool:
    differs = wrong.get(stilstand.onderwerp_of(row))
    return (differs is None or toch) and stilstand.lift(db, row.nr, moment, differs)
