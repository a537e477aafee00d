"""Bewijs van melding: what a partner can show that it reported, after one night of a sandbox with real SFTP and gpg."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdf
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange import bewijsblad, register
from exchange.bewijs import Bewijs, gather
from exchange.cli import app
from exchange.context import Exchange, local_date, open_exchange
from exchange.register.tables import logboek, partij, signaal, uitzondering, zending
from exchange.sandbox import files
from exchange.sandbox.create import create
from exchange.sandbox.serve import serving
from exchange.status import newest_ref
from exchange.steps import build, bundle, check, pickup, publish, report
from tests.conftest import program

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DAY = local_date(START)
PARTNER, OTHER, UITVOERDER = "huur-01", "energie-02", "uitvoerder-01"
#: Nobody is called this, so wherever it stands it came from the row.
PERSON = {"achternaam": "Wegsluizer", "straat": "Onvindbaarlaan", "bedrag_cent": "777331", "huisletter": "Q"}
AMOUNTS = {"777331", "7773", "7773,31", "7.773,31", "7773.31"}


@dataclass
class World:
    """The folder of the sandbox, the sqlite file of the register after the night, and the rows that were reported."""

    folder: Path
    sqlite: Path
    rows: list[dict[str, str]]
    now: datetime = START

    def clock(self) -> datetime:
        return self.now

    def drop(self, number: int, *rows: dict[str, str]) -> str:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
        name = files.file_name(PARTNER, DAY, number)
        files.drop_file(self.folder, PARTNER, name, text.getvalue().encode())
        return name

    def intake(self, exchange: Exchange) -> None:
        self.now += timedelta(minutes=15)
        pickup.pickup(exchange, self.clock)
        check.check(exchange, [PARTNER], self.clock)
        publish.publish(exchange, self.clock)

    def night(self, exchange: Exchange) -> None:
        self.now += timedelta(minutes=30)
        day = local_date(self.now)
        bundle.bundle(exchange, day, self.clock)
        for shard in build.shards(exchange, day, 1):
            build.build(exchange, day, shard, self.clock)
        self.now += timedelta(minutes=30)
        publish.publish(exchange, self.clock)
        report.report(exchange, day, self.clock)

    def withdrawal(self, row: dict[str, str]) -> dict[str, str]:
        own = {"signaal_id": f"I-{row['signaal_id']}", "soort": "INTREKKING", "vorig_signaal_id": row["signaal_id"]}
        return dict.fromkeys(row, "") | own


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Reported: row 0 delivered and collected, row 1 withdrawn before the night, row 2 delivered, row 3 after it."""
    folder = tmp_path_factory.mktemp("b") / "s"
    create(folder, partners=2, signalen=8, uitvoerders=1, day=DAY, seed=7, wrong=False)
    sqlite = folder / "var" / "bewijs.sqlite"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NACHTPOST_OPSLAG__REGISTER", f"sqlite:///{sqlite}")
        environment.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
        register.upgrade(f"sqlite:///{sqlite}")
        with serving(folder), open_exchange(folder / "config") as exchange:
            for party in (PARTNER, OTHER):
                [dropped] = (folder / "sftp" / party / "in").glob("*.csv.pgp")
                if party == PARTNER:
                    rows = [row | PERSON for row in opened(exchange, dropped)]
                dropped.unlink()
            made = World(folder, sqlite, rows)
            made.drop(1, *rows[:3])
            made.intake(exchange)
            made.drop(2, made.withdrawal(rows[1]))
            made.intake(exchange)
            made.night(exchange)
            for path in (folder / "sftp" / UITVOERDER / "uit").glob(f"{delivery(exchange, rows[0]).gemeentecode}/*"):
                path.unlink()
            made.now = START + timedelta(days=1)
            made.night(exchange)  # nothing but a manifest; then is seen what was collected
            made.drop(3, rows[3])
            made.intake(exchange)
        yield made


@pytest.fixture
def exchange(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    """The same night, with a register of its own to change."""
    with closing(sqlite3.connect(world.sqlite)) as night, closing(sqlite3.connect(tmp_path / "r.sqlite")) as own:
        night.backup(own)
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", f"sqlite:///{tmp_path}/r.sqlite")
    with open_exchange(world.folder / "config") as found:
        yield found


def opened(exchange: Exchange, path: Path) -> list[dict[str, str]]:
    signers = exchange.config.partners[PARTNER].pgp.vingerafdrukken
    with (
        exchange.keyring.decrypt(path, signers=signers, at=datetime.now(UTC), max_bytes=10**8) as plaintext,
        open(plaintext.fd, newline="", encoding="utf-8", closefd=False) as text,
    ):
        return list(csv.DictReader(text, delimiter=";"))


def delivery(exchange: Exchange, row: dict[str, str], nu: datetime = START) -> Bewijs:
    ref = newest_ref(exchange, PARTNER, row["signaal_id"])
    assert ref is not None
    found = gather(exchange, ref, nu)
    assert found is not None
    return found


def text_of(content: bytes) -> str:
    """What the page says, with every run of white space as one space; the properties of the document too."""
    document = pypdf.PdfReader(io.BytesIO(content))
    assert len(document.pages) == 1
    properties = " ".join(map(str, (document.metadata or {}).values()))
    return " ".join(f"{document.pages[0].extract_text()} {properties}".split())


def page(bewijs: Bewijs) -> str:
    return text_of(bewijsblad.draw(bewijs, "bewijs.pdf"))


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["bewijs", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_it_says_when_it_was_received_and_when_delivered_and_plain_gpg_accepts_the_signature(
    world: World, exchange: Exchange, tmp_path: Path, gpg_home: Path
) -> None:
    known = delivery(exchange, world.rows[0])
    asked = (known.signaal_ref, "--config", exchange.config.folder, "--output", tmp_path / "uit")
    said = json.loads(run(*asked, "--json"))
    content = Path(said["pdf"]).read_bytes()

    text = text_of(content)
    received = next((world.folder / "sftp" / PARTNER / "in" / "opgehaald").glob("*_001.csv.pgp"))
    for wanted in (
        world.rows[0]["signaal_id"],
        known.signaal_ref,
        received.name.partition("_")[2],
        subprocess.run(["sha256sum", received], check=True, capture_output=True, text=True).stdout.split()[0],
        "Ontvangen op 23-11-2026 02:15:00 (+01:00)",
        f"{known.gemeente} ({known.gemeentecode})",
        f"Uitvoerder {exchange.config.uitvoerders[UITVOERDER].naam}",
        "Klaargezet op 23-11-2026 03:30:00 (+01:00)",
        "Opgehaald gezien op 24-11-2026 03:00:00 (+01:00)",
        exchange.config.exchange.pgp_vingerafdruk,
    ):
        assert wanted in text
    with exchange.register.connect() as db:
        entries = {row.nr: row for row in db.execute(sa.select(logboek))}
        batch_file = db.execute(
            sa.select(zending).where(zending.c.soort == "BATCH", zending.c.map.endswith(known.gemeentecode))
        ).one()
    assert [(one.gebeurtenis, one.kop) for one in known.regels] == [
        (entries[one.nr].gebeurtenis, entries[one.nr].kop) for one in known.regels
    ]
    assert [one.gebeurtenis for one in known.regels] == [
        *("OPGEHAALD", "GECONTROLEERD", "ZENDING_GEBOUWD", "ZENDING_GEPUBLICEERD", "ZENDING_OPGEHAALD")
    ]
    assert all(batch_file.sha256 in entries[one.nr].gegevens for one in known.regels[2:])
    assert all(f"Regel {one.nr} " in text and one.kop in text for one in known.regels)
    assert f"Laatste regel {max(entries)} Kop van het logboek {entries[max(entries)].kop}" in text

    gpg = [program("gpg"), "--homedir", str(gpg_home), "--batch"]
    subprocess.run([*gpg, "--import", world.folder / "parties" / PARTNER / "exchange.asc"], check=True)
    verify = [*gpg, "--verify", said["handtekening"], said["pdf"]]
    assert b"BEGIN PGP SIGNATURE" in Path(said["handtekening"]).read_bytes()
    subprocess.run(verify, check=True)
    Path(said["pdf"]).write_bytes(content.replace(b"/Title", b"/title", 1))
    assert subprocess.run(verify, check=False).returncode == 1


def test_nothing_of_the_person_or_of_the_debt_is_in_it(world: World, exchange: Exchange) -> None:
    for row in world.rows:
        text = page(delivery(exchange, row))
        for name in ("achternaam", "straat", "postcode", "klantnummer", "telefoon", "email"):
            value = row.get(name, "")
            assert not value or value not in text
        words = {word.strip(".,;:()") for word in text.split()}
        assert not words & (AMOUNTS | {row["voorletters"].strip("."), row["huisletter"]})


def test_the_partners_own_signaal_id_leads_to_it_and_anothers_does_not(
    world: World, exchange: Exchange, tmp_path: Path
) -> None:
    own = world.rows[2]["signaal_id"]
    config = ("--config", exchange.config.folder, "--output", tmp_path)
    assert "aan niemand anders" in run(own, "--partner", PARTNER, *config)
    [made] = tmp_path.glob("*.pdf")
    assert own in text_of(made.read_bytes())
    assert (tmp_path / f"{made.name}.asc").is_file()
    made.unlink()
    assert "Er is geen aanvaard signaal" in run(own, "--partner", OTHER, *config, code=1)
    assert "Er is geen aanvaard signaal" in run("bestaat-niet", "--partner", PARTNER, *config, code=1)
    assert "teken verkeerd" in run("S00000Z0002P", *config, code=2)
    assert not list(tmp_path.glob("*.pdf"))


def test_an_unknown_reference_is_said_so(world: World, exchange: Exchange, tmp_path: Path) -> None:
    ref = "S00000G0002P"  # line 2 of the first file: known here, so it is taken away
    with exchange.register.begin() as db:
        db.execute(signaal.delete())
    said = run(ref, "--config", exchange.config.folder, "--output", tmp_path / "uit", code=1)
    assert said.strip() == "Er is geen aanvaard signaal met deze verwijzing."
    assert not (tmp_path / "uit").exists()


def test_what_was_not_delivered_is_not_said_to_be(world: World, exchange: Exchange) -> None:
    waiting = delivery(exchange, world.rows[3])
    assert (waiting.staat, waiting.levering) == ("WACHTEND", None)
    assert [one.gebeurtenis for one in waiting.regels] == ["OPGEHAALD", "GECONTROLEERD"]
    assert "op het moment van dit bewijs nog niet doorgezet" in page(waiting)

    withdrawn = delivery(exchange, world.rows[1])
    withdrawal = delivery(exchange, world.withdrawal(world.rows[1]))
    assert (withdrawn.staat, withdrawn.levering) == (withdrawal.staat, withdrawal.levering) == ("INGETROKKEN", None)
    assert f"ingetrokken of vervangen met signaal {withdrawal.signaal_ref}." in page(withdrawn)
    assert [one.gebeurtenis for one in withdrawn.regels] == ["OPGEHAALD", "GECONTROLEERD"] * 2
    assert "een intrekking van een signaal dat zelf nog niet was doorgezet" in page(withdrawal)

    ref = delivery(exchange, world.rows[2])
    with exchange.register.begin() as db:  # it was in a partij that went out; itself it did not
        nr = db.scalar(sa.select(signaal.c.nr).where(signaal.c.signaal_id == ref.signaal_id))
        part = db.scalar(sa.select(partij.c.id).where(partij.c.gemeentecode == ref.gemeentecode).limit(1))
        values = {"signaal_nr": nr, "partij_id": part, "staat": "NIET_DOORGEZET", "door_signaal_nr": nr - 1}
        db.execute(uitzondering.insert().values(**values))
        db.execute(partij.update().where(partij.c.batch_id.is_(None)).values(houdreden="H-BRD-01"))
    refused, held = delivery(exchange, world.rows[2]), delivery(exchange, world.rows[3])
    assert "de gemeente is vóór de uitlevering opgegaan in meer dan één" in page(replace(refused, verdeeld=True))
    assert "de gemeente heeft ervoor gekozen herhalingen niet te ontvangen" in page(refused)
    assert "Het wordt aangehouden" in page(held)
    for one in (waiting, withdrawn, withdrawal, refused, held):
        assert "Niet doorgezet" in page(one)
        assert not {"Klaargezet", "Uitvoerder"} & set(page(one).split())


def test_the_same_facts_make_the_same_bytes_and_long_names_stay_on_the_page(world: World, exchange: Exchange) -> None:
    found = delivery(exchange, world.rows[0])
    assert bewijsblad.draw(found, "b.pdf") == bewijsblad.draw(delivery(exchange, world.rows[0]), "b.pdf")
    later = delivery(exchange, world.rows[0], START + timedelta(days=1))
    assert bewijsblad.draw(found, "b.pdf") != bewijsblad.draw(later, "b.pdf")
    long = replace(found, bestand="n" * 251 + ".pgp", partner_naam="Škoda " * 20, signaal_id="W" * 40)
    assert page(long).replace(" ", "").count("n" * 251) == 1


def test_a_ledger_that_was_tampered_with_proves_nothing(world: World, exchange: Exchange, tmp_path: Path) -> None:
    found = delivery(exchange, world.rows[0])
    with exchange.register.begin() as db:
        db.execute(logboek.update().where(logboek.c.nr == 2).values(gebeurtenis="ANDERS"))
    said = run(found.signaal_ref, "--config", exchange.config.folder, "--output", tmp_path / "uit", code=1)
    assert "Het logboek klopt niet vanaf regel 2" in said
    assert not (tmp_path / "uit").exists()
