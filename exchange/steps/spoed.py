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
from exchange.steps import build, bundle, proof
from exchange.steps.alone import each_alone


@dataclass(frozen=True)
class SpoedResult:
    """How many batches of urgent signals were built, and their rows; what stands still (all of it, until it is lifted),
    and which other process is at them."""

    batches: int
    regels: int
    stilstand: list[str]
    bezet: list[str]


NOTHING = SpoedResult(0, 0, [], [])


def spoed(exchange: Exchange, nu: Callable[[], datetime]) -> SpoedResult:
    """Freeze, prove and build what is urgent now, and what an earlier run left. A round that cannot be built holds up
    none of the others: its fault is raised at the end."""
    bundle.bundle_spoed(exchange, nu)
    rounds = _unfinished(exchange)
    if rounds:  # also one of a run that was stopped before it had proven
        proof.prove(exchange, nu)
    built = []
    with each_alone() as alone:
        for night, volgnr in rounds:
            with alone(f"ronde {night} {volgnr:03d}"):
                [codes] = build.shards(exchange, night, 1, volgnr)
                built.append(build.build(exchange, night, codes, nu, volgnr))
    return SpoedResult(
        sum(one.batches for one in built),
        sum(one.regels for one in built),
        proof.standing(exchange),
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
