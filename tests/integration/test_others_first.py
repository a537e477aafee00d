"""What cannot be read or recorded for one is said at the end: everybody else's night is done by then."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange.cli import app
from exchange.cli.door import Exit
from exchange.context import Exchange, open_exchange, utc_now
from exchange.faults import StateConflict, StoreFault
from exchange.register.tables import aanlevering, batch, nacht, partij, zending
from exchange.sandbox.create import create
from exchange.sandbox.serve import serving
from exchange.steps import build, bundle, check, pickup, report
from tests.integration.test_night import ANY_REGISTER, DAY, clock, exchange, steps, template

__all__ = ["clock", "exchange", "template"]  # fixtures


def halved(exchange: Exchange, partner: str) -> set[int]:
    """Make what was accepted of `partner` unreadable; returns the batches (ids) with rows of it."""
    mine = sa.select(aanlevering.c.nr).where(aanlevering.c.partner == partner, aanlevering.c.aanvaard > 0)
    with exchange.register.connect() as db:
        nrs = db.scalars(mine).all()
        theirs = db.scalars(sa.select(partij.c.batch_id).where(partij.c.aanlevering_nr.in_(nrs))).all()
    for nr in nrs:
        for name in exchange.work._store.list(str(nr)):
            whole = exchange.work._store.open(name).read()
            with exchange.work._store.put_atomic(name) as sink:
                sink.write(whole[: len(whole) // 2])
    return {id for id in theirs if id}


def published(exchange: Exchange, *soorten: str) -> set[str]:
    query = sa.select(zending.c.naam).where(zending.c.staat == "GEPUBLICEERD", zending.c.soort.in_(soorten))
    with exchange.register.connect() as db:
        return set(db.scalars(query))


def test_on_the_command_line_an_unreadable_file_costs_only_the_batches_with_its_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    sandbox = create(tmp_path / "s", partners=2, uitvoerders=2, signalen=60, seed=7, wrong=False)
    hasty = sandbox.config / "uitvoerders" / "uitvoerder-01.toml"  # the other one waits for the night
    hasty.write_text('spoed_direct = true\nurgent_soorten = ["VROEG"]\n' + hasty.read_text())

    def run(command: str) -> None:
        done = CliRunner().invoke(app, [command, "--config", str(sandbox.config), "--json"])
        assert (json.loads(done.stdout)["fout"], done.exit_code) == ("StoreFault", Exit.RETRY)

    first, second = sandbox.partners
    CliRunner().invoke(app, ["register", "upgrade", "--config", str(sandbox.config)])
    with serving(sandbox.folder), open_exchange(sandbox.config) as exchange:
        pickup.pickup(exchange, utc_now)
        check.check(exchange, [first], utc_now)
        assert bundle.bundle_spoed(exchange, utc_now) == 2
        halved(exchange, first)

        run("intake")  # the round of the first cannot be built, that of the second can
        assert len(published(exchange, "CONTROLE")) == 2
        assert {name.split("_")[4][:3] for name in published(exchange, "BATCH")} == {"003"}

        run("uitlevering")
        lost = halved(exchange, first)
        with exchange.register.connect() as db:
            waits = db.scalars(sa.select(batch.c.id).where(batch.c.staat == "BEVROREN")).all()
            every = db.scalar(sa.select(sa.func.count()).select_from(batch))
        assert set(waits) == lost
        assert len(published(exchange, "BATCH")) == every - len(lost) > 1
        assert [name.split("_")[2] for name in published(exchange, "DOORGEZET")] == [second]


@ANY_REGISTER
def test_a_partner_that_cannot_be_told_keeps_nobody_from_being_told_and_no_night_open(exchange, clock):
    for _, step in steps(exchange, clock)[:-1]:
        step()
    halved(exchange, "huur-01")
    with pytest.raises(StoreFault):
        report.report(exchange, DAY, clock)
    told = {name.split("_")[2] for name in published(exchange, "DOORGEZET")}
    assert told == exchange.config.partners.keys() - {"huur-01"}
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(nacht.c.gesloten_op)) == clock.now


@ANY_REGISTER
def test_a_batch_whose_name_is_taken_is_not_encrypted_for_ever(exchange, clock):
    for _, step in steps(exchange, clock)[:4]:
        step()
    with exchange.register.begin() as db:
        row = db.execute(sa.select(batch).where(batch.c.regels > 0).limit(1)).one()
        taken = {"ontvanger": row.uitvoerder, "map": f"uit/{row.gemeentecode}", "naam": row.bestand}
        facts = {"soort": "BATCH", "archief": "x", "sha256": "x", "grootte": 1, "staat": "GEPUBLICEERD"}
        db.execute(zending.insert().values(gebouwd_op=clock(), **taken, **facts))
    kept = set(exchange.archive.list("verzonden"))
    [codes] = build.shards(exchange, DAY, 1)
    with pytest.raises(StateConflict):
        build.build(exchange, DAY, codes, clock)
    with exchange.register.connect() as db:
        known = set(db.scalars(sa.select(zending.c.archief)))
    assert set(exchange.archive.list("verzonden")) - kept <= known  # and nothing is left of what was tried
