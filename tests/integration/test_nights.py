"""A night is frozen on its own day and only finished later; what it leaves out, and why it brought nothing, is said."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange.cli import app
from exchange.context import local_date, open_exchange, utc_now
from exchange.faults import NightAhead, NightNeverFrozen
from exchange.register import stilstand
from exchange.register.stilstand import Onderwerp, Soort
from exchange.register.tables import batch, nacht
from exchange.sandbox import files as sandbox_files
from exchange.sandbox.create import create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import build, bundle, pickup, publish, report, waarom
from tests.integration.test_delivery import MONDAY, PARTNER, clock, files, intake, night, opening, party, template
from tests.integration.test_leases import worker
from tests.integration.test_night import as_csv, opened_as_exchange

__all__ = ["clock", "opening", "template"]  # fixtures


def test_a_night_after_today_is_refused_by_every_step_and_the_real_one_delivers_everything(opening, clock):
    with opening() as exchange:
        intake(exchange, clock)
        waits, ahead = status(exchange)["balans"]["wachtend"], MONDAY + timedelta(days=1)
        for step in (bundle.bundle, report.report):
            with pytest.raises(NightAhead):
                step(exchange, ahead, clock)
        with pytest.raises(NightAhead):
            build.build(exchange, ahead, [], clock)
        assert files(exchange, "uitvoerder-01") == []
        bundled, _ = night(exchange, clock)
        assert (bundled.regels, status(exchange)["balans"]["doorgezet"]) == (waits, waits)


def test_a_past_night_is_finished_and_what_came_later_goes_with_tonight(opening, clock):
    with opening() as exchange:
        intake(exchange, clock)
        bundled = bundle.bundle(exchange, MONDAY, clock)
        clock.now += timedelta(days=1)
        check_again(exchange, clock)
        again = bundle.bundle(exchange, MONDAY, clock)
        assert (again.batches, again.regels) == (bundled.batches, bundled.regels)
        [codes] = build.shards(exchange, MONDAY, 1)
        assert build.build(exchange, MONDAY, codes, clock).regels == bundled.regels
        publish.publish(exchange, clock)
        report.report(exchange, MONDAY, clock)
        with exchange.register.connect() as db:
            assert db.scalar(sa.select(nacht.c.gesloten_op)) == clock.now
        assert night(exchange, clock)[0].regels == status(exchange)["batches"][-1]["regels"] > 0


def check_again(exchange, clock) -> None:
    """The partner delivers ten new signals."""
    [source] = (party(exchange, PARTNER) / "in" / "opgehaald").glob("*_001.csv.pgp")
    rows = [row | {"signaal_id": f"N-{row['signaal_id']}"} for row in opened_as_exchange(exchange, source)[:1]]
    name = sandbox_files.file_name(PARTNER, MONDAY, 50)
    sandbox_files.drop_file(exchange.config.folder.parent, PARTNER, name, as_csv(rows))
    intake(exchange, clock)


def test_a_past_night_that_was_never_frozen_is_not_frozen_any_more(opening, clock):
    with opening() as exchange:
        intake(exchange, clock)
        clock.now += timedelta(days=1)
        for step in (bundle.bundle, report.report):
            with pytest.raises(NightNeverFrozen):
                step(exchange, MONDAY, clock)
        with exchange.register.connect() as db:
            assert db.scalar(sa.select(sa.func.count()).select_from(nacht)) == 0
        assert files(exchange, "uitvoerder-01") == []


def test_files_that_were_not_checked_in_time_are_counted_per_partner(opening, clock):
    with opening() as exchange:
        intake(exchange, clock)
        assert bundle.bundle(exchange, MONDAY, clock).niet_gecontroleerd == {}
        for number in (50, 51):
            name = sandbox_files.file_name(PARTNER, MONDAY, number)
            sandbox_files.drop_file(exchange.config.folder.parent, PARTNER, name, str(number).encode())
        pickup.pickup(exchange, clock)
        assert bundle.bundle(exchange, MONDAY, clock).niet_gecontroleerd == {PARTNER: 2}


def test_a_run_that_published_nothing_says_why(opening, clock):
    closed = 'dagen = ["dinsdag"]'
    late = 'vanaf = "09:30"'
    with opening(uitvoerder_01=closed, uitvoerder_02=late) as exchange:

        def why(*uitgesteld: str) -> list[str]:
            return waarom.nothing_published(exchange, MONDAY, uitgesteld, clock)

        assert why() == ["Er waren geen aanvaarde signalen om te bundelen."]
        assert build.shards(exchange, MONDAY, 3) == []
        intake(exchange, clock)
        bundle.bundle(exchange, MONDAY, clock)
        assert f"Nog niet gebouwd: {len(status(exchange)['batches'])} batches." in why()
        night(exchange, clock)
        assert why("uitvoerder-03") == [
            "Bij deze partijen lukte het niet, de volgende ronde probeert het opnieuw: uitvoerder-03.",
            "De bestanden van uitvoerder-02 wachten op het uur dat zij koos: 09:30.",
            "Dit is geen leverdag van uitvoerder-01: die signalen wachten op de volgende.",
        ]
        clock.now += timedelta(hours=12)
        publish.publish(exchange, clock)
        with exchange.register.begin() as db:
            stilstand.stop(db, clock(), {Onderwerp(Soort.BATCH, 1): {"bevroren": 2, "over": 1}})
        assert why()[0] == "De aantallen kloppen niet; daarom staat stil: batch 1."


def test_a_night_of_which_everything_is_there_says_since_when(opening, clock):
    with opening() as exchange:
        intake(exchange, clock)
        night(exchange, clock)
        assert waarom.nothing_published(exchange, MONDAY, [], clock) == [
            "Van deze nacht is alles er al: gebundeld op 23-11-2026 02:00, gepubliceerd op 23-11-2026 02:00."
        ]


# on the command line: today's night, for the program has its own clock


@pytest.fixture
def today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sandbox of today, served, with everything accepted."""
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    made = create(tmp_path / "s", partners=1, uitvoerders=1, signalen=10, seed=7, wrong=False)
    return made.config


def run(*arguments: object) -> dict:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return json.loads(result.stdout)


def test_a_second_uitlevering_says_who_is_at_it_and_one_after_it_that_all_is_done(today):
    run("register", "upgrade", "--config", today)
    with serving(today.parent):
        run("intake", "--config", today)
        with open_exchange(today) as exchange:
            night_ = local_date(utc_now())
            bundle.bundle(exchange, night_, utc_now)
            [codes] = build.shards(exchange, night_, 1)
            url = exchange.config.opslag.register
        with worker(url, f"bouwen:{night_}:001:{codes[0]}-{codes[-1]}") as other:
            second = run("uitlevering", "--config", today)
            assert f"bouwen (proces {other.pid} op " in second["bezet"][0]
            assert second["niet_gebouwd"]
        assert run("uitlevering", "--config", today)["gepubliceerd"] > 0
        [why] = run("uitlevering", "--config", today)["waarom_niets"]
        assert why.startswith("Van deze nacht is alles er al")


def test_two_uitleveringen_at_once_deliver_every_batch_once(today):
    run("register", "upgrade", "--config", today)
    program = [Path(sys.executable).with_name("nachtpost"), "uitlevering", "--config", today, "--json"]
    with serving(today.parent):
        run("intake", "--config", today)
        both = [subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        for one in both:
            one.communicate(timeout=200)
        run("uitlevering", "--config", today)
        with open_exchange(today) as exchange:
            found, kept = status(exchange), set(exchange.archive.list("verzonden"))
            with exchange.register.connect() as db:
                known = set(db.scalars(sa.text("SELECT archief FROM zending")))
                assert db.scalar(sa.select(sa.func.count()).where(batch.c.staat == "BEVROREN")) == 0
    assert (found["balans"]["klopt"], found["balans"]["wachtend"]) == (True, 0)
    assert kept == known  # who came second left nothing of what it wrote


def test_what_stands_still_is_shown_and_lifted_with_a_reason_and_only_when_it_adds_up(today):
    run("register", "upgrade", "--config", today)
    with serving(today.parent), open_exchange(today) as exchange:
        run("intake", "--config", today)
        with exchange.register.begin() as db:
            db.execute(sa.text("UPDATE aanlevering SET regels = regels + 1"))
        assert run("uitlevering", "--config", today)["fout"] == "BalanceFault"
        with exchange.register.connect() as db:
            events = list(db.scalars(sa.text("SELECT gebeurtenis FROM logboek ORDER BY nr")))
        assert events[events.index("NACHT_BEVROREN") + 1] == "STILGEZET"  # before a batch is built that may go out
        [stands] = run("status", "--config", today)["stilstand"]
        assert (stands["wat"], stands["gegevens"]["regels"]) == ("aanlevering 1", stands["gegevens"]["geteld"] + 1)
        assert run("publiceren", "hervat", "--config", today)["fout"] == "WrongUse"
        assert run("publiceren", "hervat", "batch", "--reason", "x", "--config", today)["fout"] == "WrongUse"
        asked = ("publiceren", "hervat", "aanlevering", "1", "--reason", "geteld", "--config", today)
        assert run(*asked) == {"opgeheven": [], "verschilt": ["aanlevering 1"]}
        with exchange.register.begin() as db:
            db.execute(sa.text("UPDATE aanlevering SET regels = regels - 1"))
        assert run(*asked) == {"opgeheven": ["aanlevering 1"], "verschilt": []}
        assert run("status", "--config", today)["stilstand"] == []
