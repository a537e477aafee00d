"""What goes wrong with one party, or in one worker, costs nobody else anything, and is mended by running again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from exchange.context import Exchange, open_exchange
from exchange.faults import ConfigurationFault, StateConflict
from exchange.register import leases
from exchange.register.aanleveringen import Soort
from exchange.register.tables import aanlevering, nacht, zending
from exchange.sandbox import files
from exchange.sandbox.create import read_expected
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report, spoed
from tests.integration.test_night import (
    DAY,
    Clock,
    clock,
    encryption_key_expires,
    exchange,
    night,
    root,
    template,
)

__all__ = ["clock", "exchange", "template"]  # fixtures


@pytest.fixture
def register_url(tmp_path: Path) -> str:
    """What is shown here does not depend on the register."""
    return f"sqlite:///{tmp_path}/register.sqlite"


@pytest.fixture
def second(exchange: Exchange) -> Iterator[Exchange]:
    """Another worker."""
    with open_exchange(exchange.config.folder) as opened:
        yield opened


def frozen(exchange: Exchange, clock: Clock) -> None:
    pickup.pickup(exchange, clock)
    check.check(exchange, sorted(exchange.config.partners), clock)
    publish.publish(exchange, clock)
    bundle.bundle(exchange, DAY, clock)


def whole(exchange: Exchange, clock: Clock) -> None:
    """Everything that is built goes out once, and adds up."""
    publish.publish(exchange, clock)
    reported = report.report(exchange, DAY, clock)
    assert (reported.klopt, reported.uitgesteld, reported.niet_gebouwd) == (True, [], [])
    assert status(exchange)["balans"]["wachtend"] == 0
    for row in status(exchange)["batches"]:
        place = root(exchange) / "sftp" / row["uitvoerder"] / "uit" / row["gemeentecode"] / row["bestand"]
        assert place.is_file()


def manifests(exchange: Exchange) -> list[str]:
    with exchange.register.connect() as db:
        return sorted(db.scalars(sa.select(zending.c.ontvanger).where(zending.c.soort == "MANIFEST")))


def test_a_file_that_is_not_ours_keeps_its_name_and_ours_waits_until_it_is_gone(exchange, clock):
    frozen(exchange, clock)
    build.build(exchange, DAY, build.shards(exchange, DAY, 1)[0], clock)
    row = status(exchange)["batches"][0]
    taken = root(exchange) / "sftp" / row["uitvoerder"] / "uit" / row["gemeentecode"] / row["bestand"]
    taken.parent.mkdir(parents=True, exist_ok=True)
    taken.write_bytes(b"something else")
    for _ in range(3):
        assert publish.publish(exchange, clock).uitgesteld == [row["uitvoerder"]]
        assert taken.read_bytes() == b"something else"
    taken.unlink()
    whole(exchange, clock)


def test_a_night_without_the_files_of_an_uitvoerder_that_another_worker_serves_is_not_called_done(exchange, clock):
    frozen(exchange, clock)
    build.build(exchange, DAY, build.shards(exchange, DAY, 1)[0], clock)
    with leases.held(exchange.register, "publish:uitvoerder-02", clock):
        assert publish.publish(exchange, clock).uitgesteld == ["uitvoerder-02"]
    whole(exchange, clock)


def test_two_workers_that_build_the_same_batches_leave_each_once(exchange, second, clock):
    frozen(exchange, clock)
    codes = build.shards(exchange, DAY, 1)[0]
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(build.build, one, DAY, codes, clock) for one in (exchange, second)]
    faults = [one.exception() for one in both if one.exception()]
    assert all(isinstance(fault, StateConflict) for fault in faults)
    build.build(exchange, DAY, codes, clock)  # the retry
    whole(exchange, clock)


def test_a_night_of_which_a_batch_was_never_built_stays_open(exchange, clock):
    frozen(exchange, clock)
    codes = build.shards(exchange, DAY, 1)[0]
    build.build(exchange, DAY, codes[1:], clock)
    publish.publish(exchange, clock)
    assert report.report(exchange, DAY, clock).niet_gebouwd == [f"{DAY} {codes[0]}"]
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(nacht.c.gesloten_op)) is None
    build.build(exchange, DAY, codes, clock)
    whole(exchange, clock)
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(nacht.c.gesloten_op)) == clock.now


def test_an_uitvoerder_whose_key_ran_out_after_the_freeze_waits_alone(exchange, clock, gpg_home):
    frozen(exchange, clock)
    encryption_key_expires(exchange, "uitvoerder-01", gpg_home)
    with open_exchange(exchange.config.folder) as changed:
        build.build(changed, DAY, build.shards(changed, DAY, 1)[0], clock)
        publish.publish(changed, clock)
        waits = report.report(changed, DAY, clock).niet_gebouwd
    mine = {row["gemeentecode"] for row in status(exchange)["batches"] if row["uitvoerder"] == "uitvoerder-01"}
    assert {one.split()[1] for one in waits} == mine
    assert manifests(exchange) == ["uitvoerder-02", "uitvoerder-03"]


def test_files_of_a_partner_that_was_taken_out_of_the_configuration_hold_up_nobody(exchange, clock):
    pickup.pickup(exchange, clock)
    config = exchange.config.folder
    (config / "partners" / "energie-02.toml").unlink()
    lines = (config / "overeenkomsten.csv").read_text().splitlines()
    (config / "overeenkomsten.csv").write_text(
        "\n".join(line for line in lines if not line.startswith("energie-02;")) + "\n"
    )
    with open_exchange(config) as without:
        with pytest.raises(ConfigurationFault, match="energie-02"):
            check.check(without, check.groups(without, 1)[0], clock)
        left = {row["partner"] for row in status(without)["aanleveringen"] if row["staat"] == "OPGEHAALD"}
    assert left == {"energie-02"}


def test_a_partner_that_is_taken_out_after_its_rows_were_accepted_holds_up_no_night(exchange, clock):
    frozen(exchange, clock)
    with exchange.register.begin() as db:
        db.execute(zending.update().where(zending.c.ontvanger == "energie-02").values(staat="GEBOUWD"))
    config = exchange.config.folder
    (config / "partners" / "energie-02.toml").unlink()
    lines = (config / "overeenkomsten.csv").read_text().splitlines()
    (config / "overeenkomsten.csv").write_text("\n".join(one for one in lines if "energie-02;" not in one) + "\n")
    with open_exchange(config) as without:
        build.build(without, DAY, build.shards(without, DAY, 1)[0], clock)
        assert publish.publish(without, clock).uitgesteld == ["energie-02"]
        reported = report.report(without, DAY, clock)
        assert (reported.klopt, reported.uitgesteld, reported.niet_gebouwd) == (True, ["energie-02"], [])
        with without.register.connect() as db:
            assert db.scalar(sa.select(nacht.c.gesloten_op)) is not None


def test_an_uitvoerder_that_is_taken_out_after_the_freeze_holds_up_no_other(exchange, clock):
    frozen(exchange, clock)
    file = exchange.config.folder / "uitvoerders" / "uitvoerder-01.toml"
    text = file.read_text()
    file.unlink()
    (file.parent / "uitvoerder-09.toml").write_text(text.replace('id = "uitvoerder-01"', 'id = "uitvoerder-09"'))
    with open_exchange(exchange.config.folder) as without:
        build.build(without, DAY, build.shards(without, DAY, 1)[0], clock)
        reported = report.report(without, DAY, clock)
        waiting = {row["uitvoerder"] for row in status(without)["batches"] if row["staat"] == "BEVROREN"}
    assert reported.niet_gebouwd
    assert waiting == {"uitvoerder-01"}


def test_a_round_of_spoed_is_finished_however_long_ago_it_was_begun(exchange, clock):
    for file in (exchange.config.folder / "uitvoerders").glob("*.toml"):
        file.write_text("spoed_direct = true\n" + file.read_text())
    with open_exchange(exchange.config.folder) as direct:
        pickup.pickup(direct, clock)
        check.check(direct, sorted(direct.config.partners), clock)
        assert bundle.bundle_spoed(direct, clock) is not None
        clock.now += timedelta(days=30)
        assert spoed.spoed(direct, clock).regels > 0
        assert spoed.spoed(direct, clock).regels == 0


def test_what_changed_after_it_was_fetched_comes_in_later_however_many_there_are_of_it(exchange, clock):
    """Stopped after the move; the partner wrote a second version before it, and a third after it."""
    folder = root(exchange) / "sftp" / "huur-01" / "in"
    name = files.file_name("huur-01", DAY, 90)
    files.drop_file(root(exchange), "huur-01", name, b"first")
    pickup.pickup(exchange, clock)
    with exchange.register.begin() as db:
        nr = db.scalar(sa.select(aanlevering.c.nr).where(aanlevering.c.bestand == name))
        db.execute(aanlevering.update().where(aanlevering.c.nr == nr).values(verplaatst_op=None))
    (folder / "opgehaald" / f"{nr}_{name}").write_bytes(b"a second version")
    (folder / name).write_bytes(b"and a third one")
    for _ in range(3):
        pickup.pickup(exchange, clock)
    with exchange.register.connect() as db:
        sizes = list(db.scalars(sa.select(aanlevering.c.grootte).where(aanlevering.c.bestand == name)))
    assert sizes[1:] == [len(b"and a third one"), len(b"a second version")]
    assert not (folder / name).exists()


def test_the_list_of_gemeenten_is_there_every_day_also_after_a_visit_that_stopped_half_way(exchange, clock):
    publish.publish(exchange, clock)
    folder = root(exchange) / "sftp" / "huur-01" / "terugmelding"
    listed = (folder / "aansluitlijst.csv").read_text()
    assert listed.startswith("layout;partner;gemeentecode;gemeente;sector;uitvoerder;van;tot;soorten\n")
    (folder / "aansluitlijst.csv").rename(folder / ".aansluitlijst.csv.tmp")
    publish.publish(exchange, clock)
    assert not (folder / "aansluitlijst.csv").exists()  # it was placed today: the partner may have taken it
    clock.now += timedelta(days=1)
    publish.publish(exchange, clock)
    assert [path.name for path in folder.iterdir() if "aansluitlijst" in path.name] == ["aansluitlijst.csv"]
    assert (folder / "aansluitlijst.csv").read_text() == listed


def test_what_was_picked_up_or_frozen_waits_with_its_party(exchange, clock):
    config = exchange.config.folder
    keys = {id: (config / "keys" / f"{id}.asc").read_bytes() for id in ("energie-02", "uitvoerder-01")}
    pickup.pickup(exchange, clock)
    (config / "keys" / "energie-02.asc").write_text("geen sleutel")
    with open_exchange(config) as changed:
        assert "energie-02" not in {id for group in check.groups(changed, 3) for id in group}
        check.check(changed, ["energie-02", "huur-01", "water-03"], clock)
        standing = {(row["partner"], row["staat"]) for row in status(changed)["aanleveringen"]}
        assert ("energie-02", "OPGEHAALD") in standing
        assert {staat for partner, staat in standing if partner == "energie-02"} == {"OPGEHAALD"}
        bundle.bundle(changed, DAY, clock)
    (config / "keys" / "energie-02.asc").write_bytes(keys["energie-02"])
    (config / "keys" / "uitvoerder-01.asc").unlink()
    with open_exchange(config) as changed:
        check.check(changed, ["energie-02"], clock)
        build.build(changed, DAY, build.shards(changed, DAY, 1)[0], clock)
        publish.publish(changed, clock)
        reported = report.report(changed, DAY, clock)
        mine = {row["gemeentecode"] for row in status(changed)["batches"] if row["uitvoerder"] == "uitvoerder-01"}
        assert {one.split()[1] for one in reported.niet_gebouwd} == mine
        assert manifests(changed) == ["uitvoerder-02", "uitvoerder-03"]
    (config / "keys" / "uitvoerder-01.asc").write_bytes(keys["uitvoerder-01"])
    with open_exchange(config) as mended:
        build.build(mended, DAY, build.shards(mended, DAY, 1)[0], clock)
        publish.publish(mended, clock)
        assert report.report(mended, DAY, clock).niet_gebouwd == []
        assert {row["staat"] for row in status(mended)["aanleveringen"] if row["partner"] == "energie-02"} >= {
            "GECONTROLEERD"
        }


def test_what_is_for_a_gemeente_that_nobody_serves_by_mistake_is_accepted_and_waits(exchange, clock):
    file = exchange.config.folder / "uitvoerders" / "uitvoerder-02.toml"
    whole = file.read_text()
    file.write_text("\n[[gemeenten]]\n".join(whole.split("\n[[gemeenten]]\n")[:2]))
    with open_exchange(exchange.config.folder) as gaps:
        assert gaps.config.problemen and not gaps.config.stilgezet
        pickup.pickup(gaps, clock)
        check.check(gaps, sorted(gaps.config.partners), clock)
        bundled = bundle.bundle(gaps, DAY, clock)
        refused = sum(row["afgekeurd"] for row in status(gaps)["aanleveringen"])
    assert refused == sum(expected["fout"] for expected in read_expected(root(exchange)))
    assert bundled.zonder_uitvoerder
    file.write_text(whole)
    clock.now += timedelta(days=1)
    again = bundle.bundle(exchange, DAY + timedelta(days=1), clock)
    assert (again.zonder_uitvoerder, again.regels > 0) == ([], True)


def test_an_airflow_connection_that_is_not_there_stops_its_party_alone(exchange, clock, monkeypatch):
    file = exchange.config.folder / "uitvoerders" / "uitvoerder-01.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(("host =", "poort", "gebruiker"))]
    file.write_text("\n".join(lines).replace("[sftp]", '[sftp]\nverbinding = "weg"'))
    monkeypatch.setenv("AIRFLOW_HOME", str(root(exchange)))
    with open_exchange(exchange.config.folder) as changed:
        night(changed, clock)
        reported = report.report(changed, DAY, clock)
        assert (reported.uitgesteld, reported.niet_gebouwd) == (["uitvoerder-01"], [])
        with changed.register.connect() as db:
            assert db.scalar(sa.select(nacht.c.gesloten_op)) is not None
        told = pickup.pickup(changed, clock, Soort.TERUGKOPPELING)
        assert (told.onbereikbaar, told.mislukt) == (
            [],
            ["uitvoerder-01"],
        )  # it is ours, so it is not called unreachable
