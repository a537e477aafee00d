"""Uitvoerders with profiles of their own, over real SFTP: what they receive, when, where, and what becomes of it."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from exchange import pgp, register
from exchange.configuration import Levering, load
from exchange.context import Exchange, local_date, open_exchange
from exchange.register import ledger
from exchange.register.tables import zending
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report
from schemas import batch as bat1
from tests.integration.test_night import Clock, opened, root

MONDAY = date(2026, 11, 23)
PARTNER = "huur-01"
COLUMNS = ["signaal_ref", "soort", "vervangt_signaal_ref", "urgent", "telefoon", "gemeentecode", "bedrag_euro"]
Opener = Callable[..., AbstractContextManager[Exchange]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = create(
        tmp_path_factory.mktemp("t") / "s", partners=1, uitvoerders=4, signalen=40, day=MONDAY, seed=11, wrong=False
    )
    register.upgrade(f"sqlite:///{made.folder}/var/register.sqlite")
    return made


@pytest.fixture
def opening(template: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens a fresh copy of the sandbox, served, in which uitvoerders have these lines under [levering]."""
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    folder = tmp_path / "s"
    shutil.copytree(template.folder, folder)

    @contextmanager
    def made(**profiles: str) -> Iterator[Exchange]:
        for party, lines in profiles.items():
            file = folder / "config" / "uitvoerders" / f"{party.replace('_', '-')}.toml"
            file.write_text(file.read_text().replace("\n[[gemeenten]]", f"\n[levering]\n{lines}\n[[gemeenten]]", 1))
        with serving(folder), open_exchange(folder / "config") as exchange:
            yield exchange

    yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


def intake(exchange: Exchange, clock: Clock) -> None:
    pickup.pickup(exchange, clock)
    check.check(exchange, [PARTNER], clock)
    publish.publish(exchange, clock)


def night(exchange: Exchange, clock: Clock) -> tuple[bundle.BundleResult, publish.PublishResult]:
    """The night of the clock's day, up to and including what partners are told."""
    day = local_date(clock.now)
    bundled = bundle.bundle(exchange, day, clock)
    for shard in build.shards(exchange, day, 3):
        build.build(exchange, day, shard, clock)
    published = publish.publish(exchange, clock)
    assert report.report(exchange, day, clock).klopt
    return bundled, published


def party(exchange: Exchange, id: str) -> Path:
    return root(exchange) / "sftp" / id


def files(exchange: Exchange, id: str) -> list[Path]:
    return sorted(path for path in (party(exchange, id) / "uit").rglob("*") if path.is_file())


def contents(exchange: Exchange, id: str, paths: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Files as their receiver has them, decrypted."""
    own, ours = root(exchange) / "parties" / id, exchange.config.exchange.pgp_vingerafdruk
    with pgp.Keyring.open((own / "secret.asc").read_bytes(), "", [(own / "exchange.asc").read_bytes()]) as keyring:
        for path in paths:
            with keyring.decrypt(path, signers=[ours], at=datetime.now(UTC), max_bytes=10**8) as plaintext:
                yield path, os.pread(plaintext.fd, plaintext.size, 0)


def sheet(content: bytes) -> list[dict[str, str]]:
    [page] = openpyxl.load_workbook(io.BytesIO(content))
    head, *rows = ([cell or "" for cell in row] for row in page.iter_rows(values_only=True))
    assert all(isinstance(cell, str) for row in rows for cell in row)
    return [dict(zip(head, row, strict=True)) for row in rows]


def standing(exchange: Exchange) -> dict[str, str]:
    """The state of every outgoing file to an uitvoerder, by name."""
    with exchange.register.connect() as db:
        found = db.execute(sa.select(zending.c.naam, zending.c.staat).where(zending.c.ontvanger != PARTNER))
        return {row.naam: row.staat for row in found}


def told(exchange: Exchange, kind: str) -> list[dict[str, str]]:
    """The lines about rows that the partner read in its terugmeldingen of one kind."""
    found = sorted((party(exchange, PARTNER) / "terugmelding").glob(f"*{kind}*"))
    return [line for path in found for line in opened(exchange, PARTNER, path) if line["niveau"] == "REGEL"]


def test_each_receives_the_same_signals_in_the_form_columns_and_folder_of_its_own(opening: Opener, clock: Clock):
    xlsx = f'formaat = "xlsx"\nkolommen = {COLUMNS}\nmap = "een_map"\nlege_batch = "leeg_bestand"'
    csv_bom = f"kolommen = {COLUMNS}\nbom = true"
    with opening(uitvoerder_01=xlsx, uitvoerder_02=csv_bom) as exchange:
        intake(exchange, clock)
        night(exchange, clock)
        assert status(exchange)["balans"]["wachtend"] == 0

        *batches, manifest, form = files(exchange, "uitvoerder-01")
        assert form.name == "VS_TK_SJABLOON_uitvoerder-01_20261123_001.csv.pgp"  # as it is to come back
        assert {path.parent.name for path in batches} == {"uit"}
        [(_, content)] = contents(exchange, "uitvoerder-01", [manifest])
        lines = {line["bestand"]: line for line in sheet(content)}
        assert set(lines) == {path.name for path in batches}
        assert len(lines) == len(exchange.config.uitvoerders["uitvoerder-01"].gemeenten)
        for path in batches:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert (lines[path.name]["grootte"], lines[path.name]["sha256"]) == (str(path.stat().st_size), digest)
        empty = [path for path in batches if lines[path.name]["staat"] == "LEEG"]
        full = [path for path in batches if path not in empty]
        assert empty and full

        refs: list[str] = []
        for path, content in contents(exchange, "uitvoerder-01", [*full, empty[0]]):
            rows = sheet(content)
            assert str(len(rows)) == lines[path.name]["regels"]
            assert all(list(row) == COLUMNS for row in rows)
            refs += [row["signaal_ref"] for row in rows]
        for id in ("uitvoerder-02", "uitvoerder-03", "uitvoerder-04"):
            for path, content in contents(exchange, id, files(exchange, id)):
                if "SJABLOON" not in path.name:
                    assert content.startswith(b"\xef\xbb\xbf") == (id == "uitvoerder-02")
                if "BATCH" in path.name:
                    assert path.parent.name == path.name.split("_")[2]
                    read = csv.DictReader(content.decode("utf-8-sig").splitlines(), delimiter=";")
                    refs += [row["signaal_ref"] for row in read]
                    assert read.fieldnames == (COLUMNS if id == "uitvoerder-02" else list(bat1.COLUMNS))
        assert sorted(refs) == sorted(line["signaal_ref"] for line in told(exchange, "DOORGEZET"))


def test_the_sandbox_shows_profiles(tmp_path: Path):
    made = create(tmp_path / "s", partners=1, uitvoerders=6, signalen=1, day=MONDAY, wrong=False)
    uitvoerders = load(made.config).uitvoerders
    profiles = {id: one.levering for id, one in uitvoerders.items() if one.levering != Levering()}
    assert set(profiles) == {"uitvoerder-05", "uitvoerder-06"}
    assert "XLSX" in (made.folder / "sftp" / "uitvoerder-05" / "LEESMIJ.txt").read_text()
    assert list((made.folder / "sftp" / "uitvoerder-05" / "uit").iterdir()) == []


def test_on_a_night_that_is_not_its_own_signals_wait_and_the_partner_reads_the_right_night(
    opening: Opener, clock: Clock
):
    with opening(uitvoerder_01='dagen = ["woensdag"]', uitvoerder_02="feestdagen = false") as exchange:
        intake(exchange, clock)
        expected = {(line["uitvoerder"][-2:], line["nacht"]) for line in told(exchange, "CONTROLE")}
        assert expected == {("01", "2026-11-25"), ("02", "2026-11-23"), ("03", "2026-11-23"), ("04", "2026-11-23")}

        bundled, _ = night(exchange, clock)
        assert (bundled.zonder_uitvoerder, bundled.zonder_sleutel) == ([], [])
        assert files(exchange, "uitvoerder-01") == []  # no manifest either: nothing was due
        waiting = status(exchange)["balans"]["wachtend"]
        assert waiting == len([line for line in told(exchange, "CONTROLE") if line["uitvoerder"].endswith("01")])
        for _ in range(2):
            clock.now += timedelta(days=1)
            night(exchange, clock)
        assert status(exchange)["balans"]["wachtend"] == 0
        delivered = {(line["uitvoerder"][-2:], line["nacht"]) for line in told(exchange, "DOORGEZET")}
        assert delivered == expected
        names = [path.name for path in files(exchange, "uitvoerder-01")]
        assert [name for name in names if "MANIFEST" in name] == ["VS_MANIFEST_uitvoerder-01_20261125_001.csv.pgp"]


def test_files_of_a_night_are_published_from_the_hour_of_the_uitvoerder(opening: Opener, clock: Clock):
    with opening(uitvoerder_01='vanaf = "07:00"') as exchange:
        intake(exchange, clock)
        _, published = night(exchange, clock)
        assert (published.uitgesteld, files(exchange, "uitvoerder-01")) == ([], [])
        assert status(exchange)["balans"]["wachtend"] > 0
        for moment, seen in (
            (datetime(2026, 11, 23, 5, 59, tzinfo=UTC), 0),
            (datetime(2026, 11, 23, 6, tzinfo=UTC), 1),
        ):
            clock.now = moment
            publish.publish(exchange, clock)
            assert len([path for path in files(exchange, "uitvoerder-01") if "MANIFEST" in path.name]) == seen
        assert status(exchange)["balans"]["wachtend"] == 0
        clock.now += timedelta(days=1)
        night(exchange, clock)
        assert {line["uitvoerder"][-2:] for line in told(exchange, "DOORGEZET")} == {"01", "02", "03", "04"}


def test_collected_shows_as_the_profile_says_and_is_never_guessed(opening: Opener, clock: Clock):
    profiles = {
        "uitvoerder_01": 'afhalen = "verplaatst"\nverplaatst_naar = "verwerkt"',
        "uitvoerder_02": 'afhalen = "bevestigd"',
        "uitvoerder_03": 'afhalen = "onbekend"',
        "uitvoerder_04": 'afhalen = "verplaatst"\nverplaatst_naar = "/archief/van ons"',
    }
    with opening(**profiles) as exchange:
        intake(exchange, clock)
        night(exchange, clock)
        taken: list[str] = []
        for id in exchange.config.uitvoerders:
            first, second, third, *_ = (path for path in files(exchange, id) if "BATCH" in path.name)
            taken.append(first.name)
            second.unlink()  # says nothing to who moves, confirms, or does not show
            if id == "uitvoerder-02":
                first.with_name(f"{first.name}.ok").touch()
                third.with_name(f"{third.name}.OK.txt").touch()
            elif id == "uitvoerder-03":
                first.unlink()
            else:
                to = party(exchange, id) / "archief" / "van ons" if id == "uitvoerder-04" else first.parent / "verwerkt"
                to.mkdir(parents=True)
                first.rename(to / first.name)
        before = standing(exchange)
        clock.now += timedelta(days=1)
        assert night(exchange, clock)[1].opgehaald == 3
        after = standing(exchange)
        changed = {name for name in before if after[name] != before[name]}
        assert changed == {name for number, name in enumerate(taken) if number != 2}
        assert {after[name] for name in changed} == {"OPGEHAALD"}


def test_files_go_when_they_stood_long_enough_and_only_those_that_may(opening: Opener, clock: Clock):
    profiles = {
        "uitvoerder_01": 'afhalen = "bevestigd"\nbewaren_dagen = 7',
        "uitvoerder_02": 'afhalen = "onbekend"\nbewaren_dagen = 7\nverwijder_niet_opgehaald = true',
        "uitvoerder_03": "bewaren_dagen = 7\nverwijder_niet_opgehaald = true",
    }
    with opening(**profiles) as exchange:
        intake(exchange, clock)
        night(exchange, clock)
        confirmed, also_confirmed, unconfirmed, *_ = files(exchange, "uitvoerder-01")
        for path in (confirmed, also_confirmed):
            path.with_name(f"{path.name}.ok").touch()
        replaced = files(exchange, "uitvoerder-02")[0]
        own = bytes(replaced.stat().st_size)
        replaced.write_bytes(own)
        fetched = files(exchange, "uitvoerder-03")[0]
        fetched.unlink()
        clock.now += timedelta(days=1)
        night(exchange, clock)  # sees what was collected
        assert standing(exchange)[fetched.name] == "OPGEHAALD"
        also_confirmed.unlink()  # as when a run removed it and stopped before it was recorded

        clock.now += timedelta(days=5, hours=23)
        assert publish.publish(exchange, clock).verwijderd == 0
        untouched = files(exchange, "uitvoerder-04")
        clock.now += timedelta(hours=1)
        result = publish.publish(exchange, clock)
        now = standing(exchange)
        assert result.verwijderd == len([name for name, state in now.items() if state == "VERWIJDERD"]) > 4
        assert result.uitgesteld == []
        assert {now[path.name] for path in (confirmed, also_confirmed)} == {"VERWIJDERD"}
        assert not confirmed.exists()
        assert unconfirmed.exists() and now[unconfirmed.name] == "GEPUBLICEERD"
        assert replaced.read_bytes() == own
        assert now[fetched.name] == "OPGEHAALD"
        for id in ("uitvoerder-02", "uitvoerder-03"):  # what is left is from the night after
            left = [path.name for path in files(exchange, id) if path != replaced]
            assert left == [f"VS_MANIFEST_{id}_20261124_001.csv.pgp"]
        assert files(exchange, "uitvoerder-04") == untouched
        assert status(exchange)["balans"]["klopt"]
        assert publish.publish(exchange, clock).verwijderd == 0
        assert ledger.verify(exchange.register) > 0
        with exchange.register.connect() as db:
            removed = sa.select(zending.c.verwijderd_op).where(zending.c.naam == confirmed.name)
            moment: Any = db.scalar(removed)
        assert moment == clock.now
