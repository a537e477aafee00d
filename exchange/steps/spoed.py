"""spoed: after an intake, what is urgent to an uitvoerder with `spoed_direct` goes out at once.

A round of its own: the next volgnr of the day, batches of that number and a manifest of that number after them. Run
again after a crash it finishes the rounds that were begun; publish does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from exchange.context import Exchange, local_date
from exchange.register import states
from exchange.register.tables import batch, zending
from exchange.steps import build, bundle

#: How far back a manifest that is missing is made; later a beheerder has been told for days.
_BEGUN = timedelta(days=7)


@dataclass(frozen=True)
class SpoedResult:
    """How many batches of urgent signals were built, and their rows; which stand still because their rows are not those
    that were frozen, and which other process is at them."""

    batches: int
    regels: int
    stilgezet: list[str]
    bezet: list[str]


NOTHING = SpoedResult(0, 0, [], [])


def spoed(exchange: Exchange, nu: Callable[[], datetime]) -> SpoedResult:
    """Freeze and build what is urgent now, and what an earlier run left."""
    bundle.bundle_spoed(exchange, nu)
    built = [
        build.build(exchange, night, codes, nu, volgnr)
        for night, volgnr in _unfinished(exchange, local_date(nu()) - _BEGUN)
        for codes in build.shards(exchange, night, 1, volgnr)
    ]
    return SpoedResult(
        sum(one.batches for one in built),
        sum(one.regels for one in built),
        [which for one in built for which in one.stilgezet],
        sorted({which for one in built for which in one.bezet}),
    )


def _unfinished(exchange: Exchange, since: date) -> list[tuple[date, int]]:
    """Rounds (nacht, volgnr) with a batch that is not built or a receiver without its manifest."""
    rounds = sa.select(batch.c.nacht, batch.c.volgnr, batch.c.uitvoerder, batch.c.staat).where(
        batch.c.volgnr != bundle.NIGHT, sa.or_(batch.c.nacht >= since, batch.c.staat == states.Batch.BEVROREN)
    )
    told = sa.select(zending.c.naam).where(zending.c.soort == "MANIFEST", zending.c.nacht >= since)
    with exchange.register.connect() as db:
        stems = {name.partition(".")[0] for name in db.scalars(told)}
        return sorted(
            {
                (row.nacht, row.volgnr)
                for row in db.execute(rounds.distinct())
                if row.staat == states.Batch.BEVROREN
                or build.manifest_stem(row.uitvoerder, row.nacht, row.volgnr) not in stems
            }
        )
