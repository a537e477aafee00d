"""Why a night brought nothing, or left something out: in Dutch, for the command line and the log of the step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date, datetime

import sqlalchemy as sa

from exchange.context import AMSTERDAM, Exchange
from exchange.register import outbox, snapshot, states, stilstand
from exchange.register.tables import batch, nacht, zending
from exchange.steps.bundle import NIGHT, receiver, waiting


def nothing_published(
    exchange: Exchange, night: date, uitgesteld: Collection[str], nu: Callable[[], datetime]
) -> list[str]:
    """Sentences that say why a run of `night` published nothing; `uitgesteld` are the parties (ids) where it failed."""
    with snapshot(exchange.register) as db:
        reasons = [
            *_stands_still(db),
            *_doubtful(db),
            *_not_reached(uitgesteld),
            *_waits_for_its_hour(exchange, db, nu()),
            *_not_built(db, night),
            *_waits_for_a_night(exchange, db, night, exchange.shut(nu())),
        ]
        return reasons or _nothing_left(db, night)


def _stands_still(db: sa.Connection) -> Iterator[str]:
    if names := [str(stilstand.onderwerp_of(row)) for row in stilstand.standing(db)]:
        yield f"De aantallen kloppen niet; daarom staat stil: {', '.join(names)}."


def _doubtful(db: sa.Connection) -> Iterator[str]:
    if many := len(outbox.doubtful(db)):
        yield f"Onzeker of het is afgeleverd: {many} zendingen; het manifest waar zij bij horen wacht."


def _not_reached(uitgesteld: Collection[str]) -> Iterator[str]:
    if uitgesteld:
        yield f"Bij deze partijen lukte het niet, de volgende ronde probeert het opnieuw: {', '.join(uitgesteld)}."


def _waits_for_its_hour(exchange: Exchange, db: sa.Connection, moment: datetime) -> Iterator[str]:
    until = {}
    for row in outbox.waiting(db):
        uitvoerder = exchange.config.uitvoerders.get(row.ontvanger)
        if uitvoerder and row.nacht and row.staat == states.Zending.GEBOUWD:
            until[row.ontvanger] = uitvoerder.levering.niet_voor(row.nacht)
    for id, first in until.items():
        if first > moment:
            yield f"De bestanden van {id} wachten op het uur dat zij koos: {first.astimezone(AMSTERDAM):%H:%M}."


def _not_built(db: sa.Connection, night: date) -> Iterator[str]:
    frozen = sa.and_(batch.c.nacht == night, batch.c.staat == states.Batch.BEVROREN)
    if left := db.scalar(sa.select(sa.func.count()).select_from(batch).where(frozen)):
        yield f"Nog niet gebouwd: {left} batches."


def _waits_for_a_night(exchange: Exchange, db: sa.Connection, night: date, shut: Collection[str]) -> Iterator[str]:
    nobody, stopped, locked, later, after = set[str](), set[str](), set[str](), set[str](), 0
    for row in waiting(db):
        id = receiver(exchange, row, night)
        if id is None:
            nobody.add(row.gemeentecode)
        elif id in exchange.config.stilgezet:
            stopped.add(id)
        elif id in shut:
            locked.add(id)
        elif not exchange.config.uitvoerders[id].levering.levert_op(night):
            later.add(id)
        else:
            after += row.over
    if nobody:
        yield f"Geen uitvoerder bedient gemeente {', '.join(sorted(nobody))}: die signalen wachten."
    if stopped:
        yield f"{', '.join(sorted(stopped))} is stilgezet (nachtpost config check): die signalen wachten."
    if locked:
        yield f"De sleutel van {', '.join(sorted(locked))} kan niet versleutelen: die signalen wachten."
    if later:
        yield f"Dit is geen leverdag van {', '.join(sorted(later))}: die signalen wachten op de volgende."
    if after:
        yield f"Na het bundelen aanvaard, en daarom voor de volgende nacht: {after} signalen."


def _nothing_left(db: sa.Connection, night: date) -> list[str]:
    """Nothing waits: there was nothing, or it is there already."""
    members = sa.select(sa.func.count()).select_from(batch).where(batch.c.nacht == night, batch.c.volgnr == NIGHT)
    if not db.scalar(members):
        return ["Er waren geen aanvaarde signalen om te bundelen."]
    frozen_on = db.scalar(sa.select(nacht.c.bevroren_op).where(nacht.c.nacht == night))
    last = db.scalar(sa.select(sa.func.max(zending.c.gepubliceerd_op)).where(zending.c.nacht == night))
    said = [f"gebundeld op {_said(frozen_on)}" if frozen_on else "", f"gepubliceerd op {_said(last)}" if last else ""]
    return [f"Van deze nacht is alles er al: {', '.join(one for one in said if one)}."]


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(AMSTERDAM):%d-%m-%Y %H:%M}"
