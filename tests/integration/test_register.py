"""The register, the same on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from exchange import register
from exchange.faults import LeaseLost, LedgerBroken, StateConflict
from exchange.register import (
    aanleveringen,
    balance,
    leases,
    ledger,
    outbox,
    signalen,
    states,
    terugkoppelingen,
    vervolg,
)
from exchange.register.tables import (
    aanlevering,
    batch,
    logboek,
    metadata,
    nacht,
    partij,
    signaal,
    uitzondering,
    zending,
)

NU = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def engine(register_url: str) -> Iterator[sa.Engine]:
    register.upgrade(register_url)
    made = register.engine(register_url)
    yield made
    made.dispose()


def receive(db: sa.Connection, bestand: str = "a.csv.pgp", sha256: str = "ab", partner: str = "woonstad") -> int:
    values = {"partner": partner, "bestand": bestand, "sha256": sha256, "grootte": 1, "mtime": 1, "archief": "x"}
    return db.execute(
        aanlevering.insert().values(opgehaald_op=NU, staat=states.Aanlevering.OPGEHAALD, **values)
    ).inserted_primary_key[0]


def rows(nr: int, *lines: int, gemeentecode: str = "0363", first_hash: int = 0) -> pa.Table:
    count = len(lines)
    return pa.table(
        {
            "nr": pa.array([nr << 24 | line for line in lines], pa.int64()),
            "signaal_id": [f"k,{line}" for line in lines],
            "signaal_hash": pa.array([first_hash + line for line in lines], pa.int64()),
            "inhoud_hash": pa.array([-line for line in lines], pa.int64()),
            "adres_hash": pa.array([None] * count, pa.int64()),
            "sleutel_id": pa.array([1] * count, pa.int16()),
            "gemeentecode": [gemeentecode] * count,
            "soort": ["VROEG"] * count,
            "sector": ["Huur"] * count,
            "bedrag_cent": pa.array([12_345] * count, pa.int64()),
            "peildatum": pa.array([date(2026, 11, 1)] * count, pa.date32()),
            "ontvangen_op": pa.array([date(2026, 11, 23)] * count, pa.date32()),
        }
    )


def naming(block: pa.Table, soort: str, followed: dict[int, int]) -> pa.Table:
    """The block with what some lines (by nr) name, they being of this soort."""
    nrs = block["nr"].to_pylist()
    soorten = [soort if nr in followed else "VROEG" for nr in nrs]
    at = block.column_names.index("soort")
    block = block.set_column(at, "soort", pa.array(soorten))
    return block.append_column("vervangt_nr", pa.array([followed.get(nr) for nr in nrs], pa.int64()))


def check(db: sa.Connection, nr: int, block: pa.Table, afgekeurd: int = 0) -> None:
    verdict = aanleveringen.Verdict(
        states.Aanlevering.GECONTROLEERD,
        poging=1,
        regels=block.num_rows + afgekeurd,
        aanvaard=block.num_rows,
        afgekeurd=afgekeurd,
        partijen={("0363", "Huur", False): block.num_rows},
    )
    aanleveringen.close(db, aanleveringen.received(db, nr), verdict, NU, accepted=[block])


def test_the_migrations_make_exactly_the_tables_of_the_code(engine):
    with engine.connect() as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []


def test_upgrading_twice_changes_nothing(engine, register_url):
    register.upgrade(register_url)
    with engine.connect() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(signaal)) == 0


def test_a_moment_without_a_time_zone_is_refused(engine):
    with engine.begin() as db, pytest.raises(sa.exc.StatementError):
        db.execute(logboek.insert().values(nr=1, tijdstip=datetime(2026, 1, 1), gebeurtenis="", gegevens="", kop=""))  # noqa: DTZ001


def test_signal_rows_come_back_by_hash_with_dates_and_amounts_as_written(engine):
    with engine.begin() as db:
        signalen.insert(db, signaal, rows(receive(db), 2, 3, 4))
        found = signalen.known(db, [3, 4, 99])
        assert sorted(row.signaal_hash for row in found) == [3, 4]
        row = db.execute(sa.select(signaal).where(signaal.c.signaal_hash == 2)).one()
    assert (row.signaal_id, row.peildatum, row.bedrag_cent, row.adres_hash) == ("k,2", date(2026, 11, 1), 12_345, None)


def test_the_same_bytes_are_known_only_after_they_reached_a_controle(engine):
    with engine.begin() as db:
        first, second = receive(db), receive(db, "b.csv.pgp")
        assert aanleveringen.received(db, second).eerder_op is None
        check(db, first, rows(first, 2))
        assert aanleveringen.received(db, second).eerder_op == NU
        assert aanleveringen.received(db, receive(db, partner="vitens")).eerder_op is None


def test_a_file_is_closed_once(engine):
    with engine.begin() as db:
        nr = receive(db)
        check(db, nr, rows(nr, 2))
    with engine.begin() as db, pytest.raises(StateConflict):
        check(db, nr, rows(nr, 3))


def test_a_withdrawal_before_the_freeze_takes_both_rows_out_and_the_balance_holds(engine):
    with engine.begin() as db:
        nr = receive(db)
        check(db, nr, naming(rows(nr, 2, 3, 4), "INTREKKING", {nr << 24 | 4: nr << 24 | 2}), afgekeurd=2)
        proof = balance.prove(db)
    assert proof.klopt
    assert proof.totals["ingetrokken"] == 2
    assert proof.totals["wachtend"] == 1
    assert proof.totals["afgekeurd"] == 2


def test_who_withdraws_a_signal_twice_before_it_goes_out_bothers_nobody(engine):
    with engine.begin() as db:
        nr = receive(db)
        twice = {nr << 24 | 3: nr << 24 | 2, nr << 24 | 4: nr << 24 | 2}
        check(db, nr, naming(rows(nr, 2, 3, 4), "INTREKKING", twice))
        assert balance.prove(db).totals["ingetrokken"] == 3  # nobody has anything to withdraw
        assert balance.prove(db).klopt


def in_a_batch(db: sa.Connection, nr: int) -> None:
    """What waits of this aanlevering is frozen into a batch."""
    db.execute(nacht.insert().values(nacht=date(2026, 11, nr), bevroren_op=NU))
    made = batch.insert().values(
        nacht=date(2026, 11, nr),
        uitvoerder="u",
        gemeentecode="0363",
        bestand="b",
        staat=states.Batch.BEVROREN,
        regels=1,
    )
    [id] = db.execute(made).inserted_primary_key
    db.execute(partij.update().where(partij.c.aanlevering_nr == nr).values(batch_id=id))


def taken_out(db: sa.Connection) -> set[tuple[int, int]]:
    return {(nr >> 24, nr & 0xFFFFFF) for nr in db.scalars(sa.select(uitzondering.c.signaal_nr))}


def points_at(db: sa.Connection, nr: int) -> int | None:
    followers = sa.select(signaal.c.nr, signaal.c.vervangt_nr).where(signaal.c.nr == nr)
    return db.execute(sa.select(vervolg.targets(followers))).one().doel


def test_an_update_before_delivery_takes_the_old_one_out_and_after_it_points_at_it(engine):
    with engine.begin() as db:
        first = receive(db)
        check(db, first, rows(first, 2, 3))
        second = receive(db)
        check(db, second, naming(rows(second, 2), "ACTUALISATIE", {second << 24 | 2: first << 24 | 2}))
        assert taken_out(db) == {(first, 2)}
        assert points_at(db, second << 24 | 2) is None  # nobody has what it replaces
        in_a_batch(db, first)
        in_a_batch(db, second)
        third = receive(db)
        check(db, third, naming(rows(third, 2), "ACTUALISATIE", {third << 24 | 2: second << 24 | 2}))
        assert taken_out(db) == {(first, 2)}
        assert points_at(db, third << 24 | 2) == second << 24 | 2
        assert balance.prove(db).totals["ingetrokken"] == 1


def updated_while_it_waits(db: sa.Connection) -> tuple[int, int]:
    """A signaal that an uitvoerder has and its update that waits: both as aanlevering, line 2."""
    first = receive(db)
    check(db, first, rows(first, 2))
    in_a_batch(db, first)
    second = receive(db)
    check(db, second, naming(rows(second, 2), "ACTUALISATIE", {second << 24 | 2: first << 24 | 2}))
    return first, second


def test_who_withdraws_an_update_that_never_went_out_withdraws_what_the_uitvoerder_has(engine):
    with engine.begin() as db:
        first, second = updated_while_it_waits(db)
        third = receive(db)
        check(db, third, naming(rows(third, 2), "INTREKKING", {third << 24 | 2: second << 24 | 2}))
        assert taken_out(db) == {(second, 2)}  # and the INTREKKING goes out
        assert points_at(db, third << 24 | 2) == first << 24 | 2


def test_who_withdraws_a_repeat_that_was_not_delivered_withdraws_what_it_repeats(engine):
    with engine.begin() as db:
        first, second = receive(db), receive(db)
        check(db, first, rows(first, 2))
        in_a_batch(db, first)
        check(db, second, rows(second, 2))
        repeat = {"signaal_nr": second << 24 | 2, "staat": "NIET_DOORGEZET", "door_signaal_nr": first << 24 | 2}
        part = db.scalar(sa.select(partij.c.id).where(partij.c.aanlevering_nr == second))
        db.execute(uitzondering.insert().values(partij_id=part, **repeat))
        third = receive(db)
        check(db, third, naming(rows(third, 2), "INTREKKING", {third << 24 | 2: second << 24 | 2}))
        assert taken_out(db) == {(second, 2)}
        assert points_at(db, third << 24 | 2) == first << 24 | 2
        totals = balance.prove(db).totals
        assert (totals["niet_doorgezet"], totals["ingetrokken"]) == (1, 0)


def test_who_withdraws_an_update_that_was_for_a_divided_gemeente_withdraws_what_the_uitvoerder_has(engine):
    """The one that was taken out because its gemeente was divided names no other signal: see `verdeeld`."""
    with engine.begin() as db:
        first, second = updated_while_it_waits(db)
        part = db.scalar(sa.select(partij.c.id).where(partij.c.aanlevering_nr == second))
        itself = {"signaal_nr": second << 24 | 2, "door_signaal_nr": second << 24 | 2}
        db.execute(uitzondering.insert().values(partij_id=part, staat="NIET_DOORGEZET", **itself))
        third = receive(db)
        check(db, third, naming(rows(third, 2), "INTREKKING", {third << 24 | 2: second << 24 | 2}))
        assert points_at(db, third << 24 | 2) == first << 24 | 2


def test_a_melding_holds_what_came_in_the_six_months_up_to_its_newest_signal(engine):
    """What came before may be about who lived there earlier."""
    with engine.begin() as db:
        for month, melding in ((1, 7), (5, 7), (9, 7), (1, 8)):
            nr = receive(db)
            block = rows(nr, 2).append_column("melding", pa.array([melding], pa.int64()))
            at = block.column_names.index("ontvangen_op")
            check(db, nr, block.set_column(at, "ontvangen_op", pa.array([date(2026, month, 10)])))
            in_a_batch(db, nr)
            sent: list[int] = []
            outbox.add(db, NU, [outbox.Built("u", "BATCH", "uit", f"b{nr}", "x", "ab", 1, None)], sent.extend)
            for state in (states.Zending.GEUPLOAD, states.Zending.GEPUBLICEERD):
                outbox.move(db, sent, state, NU)
            db.execute(batch.update().where(batch.c.nacht == date(2026, 11, nr)).values(zending_id=sent[0]))
        found = terugkoppelingen.of_meldingen(db, "u", np.array([7, 8], np.int64)).to_pylist()
    assert {(one["melding"], one["nr"] >> 24) for one in found} == {(7, 2), (7, 3), (8, 4)}


def test_two_who_take_the_first_number_of_a_party_do_not_both_get_it(engine):
    with engine.begin() as db:
        outbox.take_numbers(db, "koepel", "terugmelding", 1, 1)
    with engine.begin() as db, pytest.raises(StateConflict):  # that is tried again
        outbox.take_numbers(db, "koepel", "terugmelding", 1, 1)


def test_what_was_recorded_before_an_upgrade_is_there_after_it(register_url):
    """SQLite changes a table by copying it; the rows that point at it must not stand in the way."""
    config = Config()
    config.set_main_option("script_location", str(Path(register.__file__).parent / "migrations"))
    config.attributes["url"] = register_url
    command.upgrade(config, "0001")
    made = register.engine(register_url)
    with made.begin() as db:
        nr = receive(db)
        db.exec_driver_sql("INSERT INTO nacht (nacht, bevroren_op) VALUES ('2026-11-23', '2026-11-23 04:30:00')")
        db.exec_driver_sql(
            "INSERT INTO batch (id, nacht, uitvoerder, gemeentecode, bestand, staat, regels) "
            "VALUES (7, '2026-11-23', 'u', '0363', 'b', 'BEVROREN', 1)"
        )
        db.exec_driver_sql(
            "INSERT INTO partij (aanlevering_nr, gemeentecode, sector, aantal, batch_id) "
            f"VALUES ({nr}, '0363', 'Huur', 1, 7)"
        )
    register.upgrade(register_url)
    with made.begin() as db:
        assert db.execute(sa.select(partij.c.batch_id, partij.c.spoed)).one() == (7, False)
        assert db.scalar(sa.select(batch.c.volgnr)) == 1
    made.dispose()


def test_a_missing_row_shows_in_the_balance(engine):
    with engine.begin() as db:
        nr = receive(db)
        check(db, nr, rows(nr, 2, 3))
        db.execute(partij.update().values(aantal=1))
        assert not balance.prove(db).klopt


def test_a_lease_is_held_by_one_and_passes_on_when_it_ends(engine):
    with leases.held(engine, "check:x", lambda: NU) as first:
        assert first is not None
        with leases.held(engine, "check:x", lambda: NU) as second:
            assert second is None
    with leases.held(engine, "check:x", lambda: NU) as third:
        assert third is not None
        assert third.nummer > first.nummer


def test_who_comes_back_after_its_lease_ran_out_cannot_record_anything(engine):
    late = NU + leases.DURATION + leases.PATIENCE  # its process lives, and has not been heard of for very long
    with leases.held(engine, "check:x", lambda: NU) as first, leases.held(engine, "check:x", lambda: late) as second:
        assert first is not None
        assert second is not None
        with engine.begin() as db, pytest.raises(LeaseLost):
            leases.renew(db, first, late)


def test_the_ledger_chains_and_a_changed_entry_is_found(engine):
    with engine.begin() as db:
        ledger.append(db, NU, "OPGEHAALD", {"aanlevering": 1})
        first = ledger.head(db)
        ledger.append(db, NU, "OPGEHAALD", {"aanlevering": 2}, {"aanlevering": 3})
        assert ledger.head(db) != first
    assert ledger.verify(engine) == 3
    with engine.begin() as db:
        db.execute(logboek.update().where(logboek.c.nr == 2).values(gegevens='{"aanlevering":9}'))
    with pytest.raises(LedgerBroken) as broken:
        ledger.verify(engine)
    assert broken.value.nr == 2


def test_a_zending_moves_only_along_its_states(engine):
    with engine.begin() as db:
        made: list[int] = []
        file = outbox.Built("gemeente-x", "BATCH", "uit/0363", "b.csv.pgp", "v/b", "ab", 3, None)
        outbox.add(db, NU, [file], made.extend)
        with pytest.raises(StateConflict):
            outbox.move(db, made, states.Zending.GEPUBLICEERD, NU)
        outbox.move(db, made, states.Zending.GEUPLOAD, NU)
        outbox.move(db, made, states.Zending.GEPUBLICEERD, NU)
        assert db.scalar(sa.select(zending.c.gepubliceerd_op)) == NU
        assert outbox.waiting(db) == []


def test_numbers_of_terugmeldingen_rise_by_party_without_gaps(engine):
    with engine.begin() as db:
        assert outbox.next_number(db, "woonstad", "terugmelding") == 1
        outbox.take_numbers(db, "woonstad", "terugmelding", 1, 2)
        assert outbox.next_number(db, "woonstad", "terugmelding") == 3
        assert outbox.next_number(db, "vitens", "terugmelding") == 1
        with pytest.raises(StateConflict):
            outbox.take_numbers(db, "woonstad", "terugmelding", 2, 1)
