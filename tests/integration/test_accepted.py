"""What a beheerder accepted although it differs (`publiceren hervat --toch`) stays accepted while the exchange goes on,
and hides nothing else."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from exchange import register
from exchange.context import Exchange
from exchange.register import balance, stilstand
from exchange.register.stilstand import Onderwerp, Soort, Wrong
from exchange.register.tables import aanlevering, batch, nacht, partij, zending
from exchange.steps import proof
from tests.integration.test_night import ANY_REGISTER, DAY, clock, exchange, night, template
from tests.integration.test_proof import another
from tests.integration.test_register import NU, check, engine, receive, rows

__all__ = ["another", "clock", "engine", "exchange", "template"]  # fixtures

ALLES = Onderwerp(Soort.ALLES)


def wrong(engine: sa.Engine) -> Wrong:
    with register.snapshot(engine) as db:
        return balance.prove(db).wrong


def accept(engine: sa.Engine, later: timedelta) -> None:
    """Stop what is wrong, and lift it as it is."""
    found = wrong(engine)
    with engine.begin() as db:
        stilstand.stop(db, NU, found)
        for row in stilstand.standing(db):
            assert stilstand.lift(db, row.nr, NU + later, found[stilstand.onderwerp_of(row)])


def test_after_a_loss_was_accepted_an_intake_changes_nothing_and_a_further_loss_is_seen(engine, another):
    another()
    with engine.begin() as db:
        values = {"regels": 1003, "afgekeurd": 1001}
        db.execute(nacht.insert().values(nacht=DAY, bevroren_op=NU, gesloten_op=NU, totalen=values))
        refused = receive(db, bestand="b", sha256="b")
        db.execute(aanlevering.update().where(aanlevering.c.nr == refused).values(regels=5, afgekeurd=5))
    assert wrong(engine) == {ALLES: {"regels": 8, "eerder": 1003}}
    accept(engine, timedelta(hours=1))
    assert wrong(engine) == {}
    another()
    assert wrong(engine) == {}
    with engine.begin() as db:
        db.execute(aanlevering.update().where(aanlevering.c.nr == refused).values(regels=0, afgekeurd=0))
    assert wrong(engine) == {ALLES: {"regels": 6, "eerder": 8}}
    accept(engine, timedelta(hours=2))
    assert wrong(engine) == {}
    with engine.begin() as db:  # the next closing is what counts from then on
        late = NU + timedelta(hours=3)
        tomorrow = DAY + timedelta(days=1)
        db.execute(nacht.insert().values(nacht=tomorrow, bevroren_op=late, gesloten_op=late, totalen={"regels": 7}))
    assert wrong(engine) == {ALLES: {"regels": 6, "eerder": 7}}


def moved(exchange: Exchange) -> int:
    """Hold back a partij that is delivered, which only the stock as a whole can show; returns how many rows it has."""
    with exchange.register.begin() as db:
        row = db.execute(sa.select(partij).where(partij.c.batch_id.is_not(None), partij.c.houdreden.is_(None))).first()
        db.execute(partij.update().where(partij.c.id == row.id).values(houdreden="E-ROU-02"))
    return int(row.aantal)


@ANY_REGISTER
def test_rows_without_a_place_that_were_accepted_stop_no_later_night(exchange, clock):
    night(exchange, clock)
    one = moved(exchange)
    assert proof.prove(exchange, clock).wrong == {ALLES: {"gepubliceerd_min_doorgezet": one}}
    assert proof.resume(exchange, None, "zo is het", clock, toch=True).opgeheven == ["alles"]
    with exchange.register.begin() as db:  # two rows more are accepted and published meanwhile
        row = db.execute(sa.select(partij).where(partij.c.houdreden.is_(None))).first()
        nr = receive(db, bestand="later", sha256="later", partner="huur-01")
        check(db, nr, rows(nr, 2, 3, first_hash=900))
        db.execute(partij.update().where(partij.c.aanlevering_nr == nr).values(batch_id=row.batch_id))
        db.execute(batch.update().where(batch.c.id == row.batch_id).values(regels=batch.c.regels + 2))
    assert proof.prove(exchange, clock).klopt
    two = moved(exchange)
    assert proof.prove(exchange, clock).wrong == {ALLES: {"gepubliceerd_min_doorgezet": one + two}}


@ANY_REGISTER
def test_rows_without_a_place_are_seen_also_beside_a_batch_and_an_aanlevering_that_were_accepted(exchange, clock):
    night(exchange, clock)
    with exchange.register.begin() as db:
        sent = sa.select(sa.func.min(batch.c.id)).join(zending).where(zending.c.staat == "GEPUBLICEERD", batch.c.regels)
        db.execute(batch.update().where(batch.c.id == db.scalar(sent)).values(regels=batch.c.regels + 1))
        first = sa.select(sa.func.min(aanlevering.c.nr)).where(aanlevering.c.aanvaard > 0).scalar_subquery()
        db.execute(aanlevering.update().where(aanlevering.c.nr == first).values(regels=aanlevering.c.regels + 1))
    assert {one.soort for one in proof.prove(exchange, clock).wrong} == {Soort.BATCH, Soort.AANLEVERING}
    proof.resume(exchange, None, "zo is het", clock, toch=True)
    assert proof.prove(exchange, clock).klopt
    rows_ = moved(exchange)
    assert proof.prove(exchange, clock).wrong == {ALLES: {"gepubliceerd_min_doorgezet": rows_}}
