"""The proof is one moment; what does not add up stands still, alone, until a beheerder lifts it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from exchange import bewijs, monitor, register
from exchange.context import Exchange, local_date, open_exchange
from exchange.faults import BalanceFault, StoreFault
from exchange.register import balance, ledger, stilstand, tables
from exchange.register.stilstand import Onderwerp, Soort
from exchange.register.tables import aanlevering, batch, besluit, logboek, nacht, partij, uitzondering, zending
from exchange.sandbox import files
from exchange.status import find, status
from exchange.steps import build, bundle, check, pickup, proof, publish, report, spoed
from tests.integration.test_night import (
    ANY_REGISTER,
    DAY,
    clock,
    delivered,
    exchange,
    night,
    root,
    steps,
    template,
)
from tests.integration.test_register import NU, engine, receive, rows
from tests.integration.test_register import check as close
from transforms.identity import signaal_ref

__all__ = ["clock", "engine", "exchange", "template"]  # fixtures


@contextmanager
def meanwhile(engine: sa.Engine, work: Callable[[], object]) -> Iterator[None]:
    """After the first statement that reads files, another worker does something and commits it."""
    done = threading.Event()

    def after(_db, _cursor, statement, *_rest) -> None:
        if "FROM aanlevering" in statement and not done.is_set():
            done.set()
            other = threading.Thread(target=work)
            other.start()
            other.join()

    sa.event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        sa.event.remove(engine, "after_cursor_execute", after)
    assert done.is_set()


@pytest.fixture
def another(register_url: str, engine: sa.Engine) -> Iterator[Callable[[], None]]:
    """Picks up and checks one more file, as another worker."""
    own = register.engine(register_url)

    def work() -> None:
        with own.begin() as db:
            nr = receive(db)
            close(db, nr, rows(nr, 2, 3), afgekeurd=1)

    yield work
    own.dispose()


def test_a_check_that_commits_in_the_middle_of_a_proof_changes_nothing_in_it(engine, another):
    another()
    with meanwhile(engine, another), register.snapshot(engine) as db:
        proven = balance.prove(db)
    assert (proven.klopt, proven.totals["regels"], proven.logboek_nr) == (True, 3, 1)
    with register.snapshot(engine) as db:
        assert (balance.prove(db).totals["regels"], balance.prove(db).logboek_nr) == (6, 2)


@ANY_REGISTER
def test_a_night_is_closed_with_the_entry_of_the_ledger_for_which_it_was_proven(exchange, clock):
    night(exchange, clock)
    with exchange.register.connect() as db:
        row = db.execute(sa.select(nacht)).one()
        closing = db.execute(sa.select(logboek).where(logboek.c.gebeurtenis == "NACHT_GESLOTEN")).one()
    assert row.gesloten_op is not None
    assert row.logboek_nr == json.loads(closing.gegevens)["bewezen_tot"] == closing.nr - 1


@pytest.mark.parametrize("register_url", ["postgresql"], indirect=True)  # on SQLite every read is one moment
def test_what_a_beheerder_asks_is_answered_from_one_moment_while_another_worker_is_busy(exchange, clock):
    for _, step in steps(exchange, clock)[:2]:
        step()
    files.drop_file(root(exchange), "huur-01", files.file_name("huur-01", DAY, 60), b"")
    with open_exchange(exchange.config.folder) as other, meanwhile(exchange.register, lambda: night(other, clock)):
        found = status(exchange)
    assert found["balans"]["klopt"]
    assert {row["staat"] for row in found["batches"]} == set()


@ANY_REGISTER
def test_who_reads_waits_for_no_writer_and_no_writer_waits_for_who_reads(exchange, clock):
    """Nothing of this ends if one waits for the other."""
    night(exchange, clock)
    with exchange.register.connect() as db:
        ref = db.scalar(sa.select(sa.func.min(tables.signaal.c.nr)))
    [ref] = signaal_ref(pa.array([ref], pa.int64())).to_pylist()
    with exchange.register.begin() as writer:
        writer.execute(aanlevering.update().values(regels=0))
        assert status(exchange)["balans"]["klopt"]
        assert find(exchange, ref)["signaal_ref"] == ref
        assert bewijs.gather(exchange, ref, clock()).logboek_nr == ledger.verify(exchange.register)
        assert monitor.month(exchange, DAY.replace(day=1)).num_rows
        writer.rollback()
    with register.snapshot(exchange.register) as reader:
        before = balance.prove(reader).totals
        with exchange.register.begin() as writer:
            writer.execute(aanlevering.update().values(regels=0))
        assert balance.prove(reader).totals == before


@pytest.mark.parametrize("register_url", ["postgresql"], indirect=True)
def test_a_connection_that_read_one_moment_writes_again_as_before(engine):
    with pytest.raises(sa.exc.InternalError), register.snapshot(engine) as db:
        db.execute(nacht.insert().values(nacht=DAY))
    with engine.begin() as db:
        db.execute(nacht.insert().values(nacht=DAY))
        assert db.scalar(sa.text("SHOW transaction_isolation")) == "read committed"


# what stands still


def checked(exchange: Exchange, clock: Callable[[], object]) -> int:
    """Everything accepted; returns an aanlevering of huur-01 with rows."""
    for _, step in steps(exchange, clock)[:2]:
        step()
    of_huur = sa.and_(aanlevering.c.partner == "huur-01", aanlevering.c.aanvaard > 0)
    with exchange.register.connect() as db:
        return int(db.scalar(sa.select(sa.func.min(aanlevering.c.nr)).where(of_huur)))


def change(exchange: Exchange, statement: sa.Executable) -> None:
    with exchange.register.begin() as db:
        db.execute(statement)


def went_out(exchange: Exchange) -> set[str]:
    """Which aanleveringen are in a published batch, and which files stand at the parties."""
    query = (
        sa.select(partij.c.aanlevering_nr)
        .join(batch, batch.c.id == partij.c.batch_id)
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(zending.c.staat == "GEPUBLICEERD")
    )
    with exchange.register.connect() as db:
        return set(db.scalars(query))


def answered(exchange: Exchange, nr: int) -> list[str]:
    with exchange.register.connect() as db:
        return list(db.scalars(sa.select(zending.c.staat).where(zending.c.aanlevering_nr == nr)))


def test_an_aanlevering_whose_rows_do_not_add_up_stands_still_with_its_answers_and_all_others_go(exchange, clock):
    nr = checked(exchange, clock)
    others = set(went_to_be(exchange)) - {nr}
    change(exchange, aanlevering.update().where(aanlevering.c.nr == nr).values(regels=aanlevering.c.regels + 1))
    assert proof.prove(exchange, clock).wrong.keys() == {Onderwerp(Soort.AANLEVERING, nr)}
    publish.publish(exchange, clock)
    assert set(answered(exchange, nr)) == {"GEBOUWD"}
    bundle.bundle(exchange, DAY, clock)
    [codes] = build.shards(exchange, DAY, 1)
    build.build(exchange, DAY, codes, clock)
    publish.publish(exchange, clock)
    assert went_out(exchange) == others
    with pytest.raises(BalanceFault, match=f"aanlevering {nr}"):
        report.report(exchange, DAY, clock)
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(nacht.c.gesloten_op)) is None
    assert status(exchange)["stilstand"][0]["wat"] == f"aanlevering {nr}"

    refused = proof.resume(exchange, None, "gok", clock)
    assert (refused.opgeheven, refused.verschilt) == ([], [f"aanlevering {nr}"])
    change(exchange, aanlevering.update().where(aanlevering.c.nr == nr).values(regels=aanlevering.c.regels - 1))
    assert proof.resume(exchange, None, "teller hersteld", clock).opgeheven == [f"aanlevering {nr}"]
    clock.now += timedelta(days=1)
    night(exchange, clock)
    assert went_out(exchange) == {*others, nr}
    assert set(answered(exchange, nr)) == {"GEPUBLICEERD"}
    with exchange.register.connect() as db:
        assert db.execute(sa.select(besluit.c.besluit, besluit.c.reden)).all() == [
            ("PUBLICEREN_HERVAT", "teller hersteld")
        ]
    assert ledger.verify(exchange.register) > 0


def went_to_be(exchange: Exchange) -> list[int]:
    with exchange.register.connect() as db:
        return list(db.scalars(sa.select(partij.c.aanlevering_nr)))


@ANY_REGISTER
def test_what_was_frozen_and_told_of_an_aanlevering_before_it_stood_still_waits_as_well(exchange, clock):
    nr = checked(exchange, clock)
    bundle.bundle(exchange, DAY, clock)
    [codes] = build.shards(exchange, DAY, 1)
    build.build(exchange, DAY, codes, clock)
    change(exchange, aanlevering.update().where(aanlevering.c.nr == nr).values(afgekeurd=aanlevering.c.afgekeurd + 1))
    proof.prove(exchange, clock)
    publish.publish(exchange, clock)
    assert nr not in went_out(exchange)
    mixed = {row.uitvoerder for row in batches_of(exchange, nr)}
    assert went_out(exchange)
    assert {uitvoerder for uitvoerder in mixed if manifest(exchange, uitvoerder)} == set()
    assert all(manifest(exchange, id) for id in exchange.config.uitvoerders.keys() - mixed)
    proof.resume(exchange, Onderwerp(Soort.AANLEVERING, nr), "zo is het", clock, toch=True)
    assert proof.prove(exchange, clock).klopt  # the same figures do not stop it again
    night(exchange, clock)
    assert status(exchange)["balans"]["wachtend"] == 0
    assert all(manifest(exchange, id) for id in exchange.config.uitvoerders)


def batches_of(exchange: Exchange, nr: int) -> list[sa.Row]:
    ids = sa.select(partij.c.batch_id).where(partij.c.aanlevering_nr == nr)
    with exchange.register.connect() as db:
        return list(db.execute(sa.select(batch).where(batch.c.id.in_(ids))))


def manifest(exchange: Exchange, uitvoerder: str) -> list[Path]:
    return list((root(exchange) / "sftp" / uitvoerder / "uit").glob("VS_MANIFEST_*"))


def rewritten(exchange: Exchange, nr: int, what: Callable[[pa.Table], pa.Table]) -> None:
    """Write the rows of an aanlevering again, as `what` makes them."""
    [name] = exchange.work._store.list(str(nr))
    generation = int(name.partition("/")[2].removesuffix(".parquet"))
    table = pa.concat_tables(list(exchange.work.read(nr, generation, None, None)))
    with exchange.work.writer(nr, generation, table.schema) as writer:
        writer.write(what(table))


@ANY_REGISTER
def test_a_batch_of_which_rows_are_gone_stands_still_alone_and_goes_when_they_are_back(exchange, clock):
    nr = checked(exchange, clock)
    [name] = exchange.work._store.list(str(nr))
    whole = exchange.work._store.open(name).read()
    bundle.bundle(exchange, DAY, clock)
    rewritten(exchange, nr, lambda table: table.slice(1))
    [codes] = build.shards(exchange, DAY, 1)
    built = build.build(exchange, DAY, codes, clock)
    [stopped] = built.stilstand
    assert built.batches == len(codes) - 1
    [left] = [row for row in batches_of(exchange, nr) if f"batch {row.id}" == stopped]
    publish.publish(exchange, clock)
    told = report.report(exchange, DAY, clock)
    assert (told.klopt, told.niet_gebouwd, told.stilstand) == (True, [f"{DAY} {left.gemeentecode}"], [stopped])
    assert {id for id in exchange.config.uitvoerders if not manifest(exchange, id)} == {left.uitvoerder}
    again = build.build(exchange, DAY, codes, clock)
    assert (again.batches, again.stilstand) == (0, [stopped])  # nobody tries it again, nobody forgets it

    wanted = Onderwerp(Soort.BATCH, left.id)
    assert proof.resume(exchange, wanted, "gok", clock).verschilt == [stopped]
    proof.resume(exchange, wanted, "dan maar zonder", clock, toch=True)
    assert build.build(exchange, DAY, codes, clock).stilstand == [stopped]  # no word makes a whole batch
    with exchange.work._store.put_atomic(name) as sink:
        sink.write(whole)
    assert proof.resume(exchange, wanted, "teruggezet", clock).opgeheven == [stopped]
    clock.now += timedelta(days=1)
    night(exchange, clock)
    with exchange.register.connect() as db:
        closed = db.scalars(sa.select(nacht.c.nacht).where(nacht.c.gesloten_op.is_not(None))).all()
    assert closed == [local_date(clock.now)]  # what an earlier night lacks keeps only that one open
    assert report.report(exchange, local_date(clock.now), clock).niet_gebouwd == [f"{DAY} {left.gemeentecode}"]
    clock.now += timedelta(days=1)
    bundle.bundle(exchange, DAY, clock)
    assert build.build(exchange, DAY, codes, clock).batches == 1
    publish.publish(exchange, clock)
    assert report.report(exchange, DAY, clock).niet_gebouwd == []
    assert all(manifest(exchange, id) for id in exchange.config.uitvoerders)


@ANY_REGISTER
def test_a_file_of_the_work_store_that_cannot_be_read_costs_only_the_batches_with_its_rows(exchange, clock):
    nr = checked(exchange, clock)
    [name] = exchange.work._store.list(str(nr))
    whole = exchange.work._store.open(name).read()
    bundle.bundle(exchange, DAY, clock)
    with exchange.work._store.put_atomic(name) as sink:
        sink.write(whole[: len(whole) // 2])
    [codes] = build.shards(exchange, DAY, 1)
    with pytest.raises(StoreFault):  # that is tried again
        build.build(exchange, DAY, codes, clock)
    theirs = {row.id for row in batches_of(exchange, nr)}
    with exchange.register.connect() as db:
        assert set(db.scalars(sa.select(batch.c.id).where(batch.c.staat == "BEVROREN"))) == theirs
    with exchange.work._store.put_atomic(name) as sink:
        sink.write(whole)
    assert build.build(exchange, DAY, codes, clock).batches == len(theirs)


@ANY_REGISTER
def test_a_batch_that_lost_a_row_in_the_register_after_it_was_built_is_not_published(exchange, clock):
    checked(exchange, clock)
    bundle.bundle(exchange, DAY, clock)
    [codes] = build.shards(exchange, DAY, 1)
    build.build(exchange, DAY, codes, clock)
    with exchange.register.begin() as db:
        row = db.execute(sa.select(partij).where(partij.c.batch_id.is_not(None)).limit(1)).one()
        values = {"signaal_nr": row.aanlevering_nr << 24 | 2, "door_signaal_nr": 1, "staat": "INGETROKKEN"}
        db.execute(uitzondering.insert().values(partij_id=row.id, **values))
    assert proof.prove(exchange, clock).wrong.keys() == {Onderwerp(Soort.BATCH, row.batch_id)}
    publish.publish(exchange, clock)
    with exchange.register.connect() as db:
        waits = db.scalars(
            sa.select(batch.c.id).join(zending, zending.c.id == batch.c.zending_id).where(zending.c.staat == "GEBOUWD")
        ).all()
    assert waits == [row.batch_id]


@ANY_REGISTER
def test_rows_that_are_in_no_aanlevering_any_more_stop_everything_answers_too(exchange, clock):
    night(exchange, clock)
    with exchange.register.begin() as db:
        totals = db.scalar(sa.select(nacht.c.totalen))
        db.execute(nacht.update().values(totalen={**totals, "regels": totals["regels"] + 1}))
    clock.now += timedelta(days=1)
    today, before = local_date(clock.now), delivered(exchange)
    name = files.file_name("huur-01", DAY, 80)
    files.drop_file(root(exchange), "huur-01", name, b"")
    assert proof.prove(exchange, clock).wrong.keys() == {Onderwerp(Soort.ALLES)}
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    assert publish.publish(exchange, clock).gepubliceerd == 0
    bundle.bundle(exchange, today, clock)
    build.build(exchange, today, [], clock)
    publish.publish(exchange, clock)
    with pytest.raises(BalanceFault, match="alles"):
        report.report(exchange, today, clock)
    assert delivered(exchange) == before

    assert proof.resume(exchange, None, "gewist op verzoek", clock).verschilt == ["alles"]
    assert proof.resume(exchange, None, "gewist op verzoek", clock, toch=True).opgeheven == ["alles"]
    assert report.report(exchange, today, clock).stilstand == []
    assert all(manifest(exchange, id)[1:] for id in exchange.config.uitvoerders)
    clock.now += timedelta(days=1)
    night(exchange, clock)  # and the next one starts from what is
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(sa.func.count(nacht.c.gesloten_op))) == 3


@ANY_REGISTER
def test_urgent_rows_are_proven_before_they_are_built_and_every_run_names_what_stands_still(exchange, clock):
    for file in (exchange.config.folder / "uitvoerders").glob("*.toml"):
        file.write_text("spoed_direct = true\n" + file.read_text())
    with open_exchange(exchange.config.folder) as direct:
        checked(direct, clock)
        with direct.register.connect() as db:
            nr = db.scalar(sa.select(partij.c.aanlevering_nr).where(partij.c.spoed).limit(1))
        assert bundle.bundle_spoed(direct, clock) is not None
        rewritten(direct, nr, lambda table: table.filter(pc.invert(table["spoed"])))
        change(direct, aanlevering.update().where(aanlevering.c.nr == nr).values(regels=aanlevering.c.regels + 1))
        done = spoed.spoed(direct, clock)
        assert [one.partition(" ")[0] for one in done.stilstand] == ["aanlevering", "batch"]
        assert spoed.spoed(direct, clock).stilstand == done.stilstand
        with direct.register.connect() as db:
            events = db.scalars(sa.select(logboek.c.gebeurtenis).order_by(logboek.c.nr)).all()
        assert events[events.index("SPOED_BEVROREN") + 1] == "STILGEZET"


def test_the_same_thing_is_stopped_once_however_many_find_it(engine):
    wrong = {Onderwerp(Soort.BATCH, 7): {"bevroren": 2, "over": 1}}
    for _ in range(2):
        with engine.begin() as db:
            stilstand.stop(db, NU, wrong)
    with engine.begin() as db:
        assert [str(stilstand.onderwerp_of(row)) for row in stilstand.standing(db)] == ["batch 7"]
        assert ledger.last(db)[0] == 1
