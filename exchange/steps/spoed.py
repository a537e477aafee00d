"""spoed: after an intake, what is urgent to an uitvoerder with `spoed_direct` goes out at once.

A round of its own: the next volgnr of the day, batches of that number and a manifest of that number after them. Run
again after a crash it finishes the rounds that were begun; publish does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import states
from exchange.register.tables import batch
from exchange.steps import build, bundle


@dataclass(frozen=True)
class SpoedResult:
    """How many batches of urgent signals were built, and their rows; which stand still because their rows are not those
    that were frozen, and which other process is at them."""

    batches: int
    regels: int
    stilstand: list[str]
    bezet: list[str]


NOTHING = SpoedResult(0, 0, [], [])


def spoed(exchange: Exchange, nu: Callable[[], datetime]) -> SpoedResult:
    """Freeze and build what is urgent now, and what an earlier run left."""
    bundle.bundle_spoed(exchange, nu)
    built = [
        build.build(exchange, night, codes, nu, volgnr)
        for night, volgnr in _unfinished(exchange)
        for codes in build.shards(exchange, night, 1, volgnr)
    ]
    return SpoedResult(
        sum(one.batches for one in built),
        sum(one.regels for one in built),
        [which for one in built for which in one.stilstand],
        sorted({which for one in built for which in one.bezet}),
    )


def _unfinished(exchange: Exchange) -> list[tuple[date, int]]:
    """Rounds (nacht, volgnr) with a batch that is not built."""
    frozen = sa.select(batch.c.nacht, batch.c.volgnr).where(
        batch.c.volgnr != bundle.NIGHT, batch.c.staat == states.Batch.BEVROREN
    )
    with exchange.register.connect() as db:
        return [
            (row.nacht, row.volgnr) for row in db.execute(frozen.distinct().order_by(batch.c.nacht, batch.c.volgnr))
        ]
