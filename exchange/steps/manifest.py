"""manifest: the last file of a round, made when all its batches stand at the uitvoerder; without it, a round is not
complete.

What it says of each batch (size, sha256, OPNIEUW) is therefore what was delivered. With it comes the template for
terugkoppeling: one per uitvoerder and round, not one beside each batch. It is what an uitvoerder sends back, one file
for all its gemeenten; and hundreds of times one more gpg, upload and rename would cost a night more than it gives.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from exchange.configuration import Uitvoerder
from exchange.context import Exchange
from exchange.register import outbox
from exchange.register.states import PUBLISHED
from exchange.register.tables import batch, ronde, sjabloon, zending
from exchange.steps import answers, levering
from exchange.steps.bundle import NIGHT
from exchange.steps.visit import Visit
from transforms import batch as batches
from transforms import csvbytes
from transforms import terugkoppeling as feedback


def owed(exchange: Exchange, db: sa.Connection, moment: datetime) -> dict[str, list[sa.Row[Any]]]:
    """Per uitvoerder (id) the rounds that are owed a manifest: every batch stands there, and its hour has come."""
    missing = (
        sa.select(batch.c.id)
        .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
        .where(
            batch.c.nacht == ronde.c.nacht,
            batch.c.volgnr == ronde.c.volgnr,
            batch.c.uitvoerder == ronde.c.uitvoerder,
            sa.or_(zending.c.id.is_(None), zending.c.staat.not_in(PUBLISHED)),
        )
    )
    open_ = sa.select(ronde).where(ronde.c.manifest_id.is_(None), ~missing.exists())
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in db.execute(open_.order_by(ronde.c.uitvoerder, ronde.c.nacht, ronde.c.volgnr)):
        receiver = exchange.config.uitvoerders.get(row.uitvoerder)
        if receiver is None or moment >= receiver.levering.niet_voor(row.nacht):  # without one somebody must be told
            found.setdefault(row.uitvoerder, []).append(row)
    return found


def make(visit: Visit) -> tuple[int, int]:
    """Make what the receiver of this visit is owed, and put it in the outbox: how many were made, and how many wait
    until it has a key that can encrypt."""
    if not isinstance(visit.receiver, Uitvoerder):
        return 0, 0
    moment = visit.nu()
    with visit.exchange.register.connect() as db:
        rounds = owed(visit.exchange, db, moment).get(visit.receiver.id, [])
    if not rounds or visit.exchange.receiving_key(visit.receiver, moment) is None:
        return 0, len(rounds)
    for row in rounds:
        _make(visit, visit.receiver, row.nacht, row.volgnr)
    return len(rounds), 0


def _make(visit: Visit, receiver: Uitvoerder, night: date, volgnr: int) -> None:
    with visit.exchange.register.connect() as db:
        rows = _batches(db, receiver.id, night, volgnr)
        form = feedback.template(_kept(db, [row.id for row in rows]))
    built = []
    if form.num_rows:  # a CSV for everybody: that is what comes back
        name = f"VS_TK_SJABLOON_{receiver.id}_{night:%Y%m%d}_{volgnr:03d}.csv.pgp"
        built.append(_encrypted(visit, csvbytes.to_csv(form), "SJABLOON", name, night))
    name = levering.name(receiver, f"VS_MANIFEST_{receiver.id}_{night:%Y%m%d}_{volgnr:03d}")
    served = levering.served(receiver, night) if volgnr == NIGHT else []
    table = batches.manifest(receiver.id, night, served, [row._asdict() for row in rows])
    built.append(_encrypted(visit, levering.content(receiver, name, table), "MANIFEST", name, night))
    with answers.unless_lost(visit.exchange, built), visit.recording() as (db, moment):

        def closed(made: list[int]) -> None:
            own = (ronde.c.nacht == night, ronde.c.volgnr == volgnr, ronde.c.uitvoerder == receiver.id)
            db.execute(ronde.update().where(*own).values(manifest_id=made[-1]))
            db.execute(sjabloon.delete().where(sjabloon.c.batch_id.in_([row.id for row in rows])))

        outbox.add(db, moment, built, closed)


def _encrypted(visit: Visit, content: bytes, soort: str, name: str, night: date) -> outbox.Built:
    return answers.encrypted(visit.exchange, visit.receiver, content, soort, name, visit.nu(), night=night, to="uit")


def _batches(db: sa.Connection, uitvoerder: str, night: date, volgnr: int) -> list[sa.Row[Any]]:
    query = sa.select(batch, zending.c.grootte, zending.c.sha256, zending.c.opnieuw).join(zending)
    own = (batch.c.nacht == night, batch.c.volgnr == volgnr, batch.c.uitvoerder == uitvoerder)
    return list(db.execute(query.where(*own).order_by(batch.c.gemeentecode)))


def _kept(db: sa.Connection, batches_: Collection[int]) -> list[bytes]:
    """What `build` kept of each batch for the template, in their order."""
    query = sa.select(sjabloon).where(sjabloon.c.batch_id.in_(batches_))
    kept = {row.batch_id: row.signaal_nrs for row in db.execute(query)}
    return [kept[id] for id in batches_ if id in kept]
