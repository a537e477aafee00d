"""What arrives unencrypted: never readable on a disk of ours, told to its sender and to the beheerder, soon gone."""

# the fixtures of test_night, under their own names
# ruff: noqa: F811

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange.cli import app
from exchange.context import Exchange
from exchange.faults import PgpFault
from exchange.pgp import Keyring
from exchange.register import ledger
from exchange.register.aanleveringen import Soort
from exchange.register.tables import aanlevering, logboek
from exchange.sandbox import files
from exchange.status import status
from exchange.steps import check, pickup, publish, verzegelen
from tests.integration.test_night import (  # noqa: F401
    ANY_REGISTER,
    DAY,
    Clock,
    clock,
    exchange,
    opened,
    root,
    template,
)

pytestmark = ANY_REGISTER

NAME, MARK = files.file_name("huur-01", DAY, 90), b"Jansen-die-niemand-mag-lezen"
#: Longer than what is looked at before anything is written.
ROWS = b"signaal_id;achternaam\r\n" + (b"A-1;" + MARK + b"\r\n") * 40_000


@pytest.fixture(autouse=True)
def empty(exchange: Exchange) -> None:
    """Nothing waits but what a test drops."""
    for folder in (root(exchange) / "sftp").glob("*/in"):
        for file in folder.iterdir():
            file.unlink() if file.is_file() else shutil.rmtree(file)


def drop(exchange: Exchange, content: bytes, name: str = NAME, to: str = "in", party: str = "huur-01") -> Path:
    (root(exchange) / "sftp" / party / to).mkdir(parents=True, exist_ok=True)
    return files.drop_file(root(exchange), party, name, content, encrypt=False, to=to)


def archived(exchange: Exchange) -> list[Path]:
    archive = Path(exchange.config.opslag.archief.removeprefix("file://"))
    return sorted(path for folder in ("ontvangen", "proef", "verzegeld") for path in archive.glob(f"{folder}/*/*"))


def fetched(exchange: Exchange, clock: Clock, soort: Soort = Soort.SIGNALEN) -> pickup.PickupResult:
    found = pickup.pickup(exchange, clock, soort)
    for group in check.groups(exchange, 1, soort):
        check.check(exchange, group, clock)
    publish.publish(exchange, clock)
    return found


def raising(error: BaseException) -> Callable[..., None]:
    def stop(*_: object) -> None:
        raise error

    return stop


def newest(exchange: Exchange) -> sa.Row[tuple[object, ...]]:
    with exchange.register.connect() as db:
        return db.execute(sa.select(aanlevering).order_by(aanlevering.c.nr.desc())).first()


def unsealed(exchange: Exchange, path: Path, clock: Clock) -> bytes:
    own = [exchange.config.exchange.pgp_vingerafdruk]
    with exchange.keyring.decrypt(path, signers=own, at=clock(), max_bytes=10**8) as plaintext:
        return os.pread(plaintext.fd, plaintext.size, 0)


def test_it_is_sealed_as_it_is_written_and_at_no_moment_readable_on_our_disk(exchange, clock, monkeypatch, tmp_path):
    drop(exchange, ROWS)
    looked: list[int] = []
    write = verzegelen.Incoming.write

    def watched(self: verzegelen.Incoming, data: bytes, /) -> int:
        """Whatever stops us, stops us between two writes: what stands on the disk then, stays there."""
        done = write(self, data)
        standing = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "in"]
        assert not [path for path in standing if MARK in path.read_bytes()]
        looked.append(len(standing))
        return done

    monkeypatch.setattr(verzegelen.Incoming, "write", watched)
    assert pickup.pickup(exchange, clock).onversleuteld == ["huur-01"]
    assert len(looked) > 3
    [sealed] = archived(exchange)
    assert MARK not in sealed.read_bytes()
    assert unsealed(exchange, sealed, clock) == ROWS


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("signalen.csv", ROWS)
    return target.getvalue()


READABLE: dict[str, Callable[[Exchange], bytes]] = {
    "csv": lambda _: ROWS,
    "a short csv": lambda _: ROWS[:60],
    "csv in UTF-16": lambda _: ROWS.decode().encode("utf-16"),
    "zip": lambda _: zipped(),
    "gzip": lambda _: gzip.compress(ROWS),
    "garbage": lambda _: bytes(100_000),
    "signed and not encrypted": lambda exchange: exchange.keyring.sign(ROWS),
    "a key": lambda exchange: (root(exchange) / "parties" / "huur-01" / "public.asc").read_bytes(),
}


@pytest.mark.parametrize("kind", READABLE)
def test_whatever_anybody_can_read_is_sealed_refused_and_gone_from_its_senders_folder(exchange, clock, kind):
    content = READABLE[kind](exchange)
    dropped = drop(exchange, content)
    assert fetched(exchange, clock).onversleuteld == ["huur-01"]
    row = newest(exchange)
    assert (row.staat, row.code, row.verzegeld) == ("AFGEKEURD", "E-PGP-01", True)
    assert (row.sha256, row.grootte) == (hashlib.sha256(content).hexdigest(), len(content))
    assert row.verplaatst_op is not None
    assert not [path for path in dropped.parent.rglob("*") if path.is_file()]
    [sealed] = archived(exchange)
    assert unsealed(exchange, sealed, clock) == content
    [told] = opened(exchange, "huur-01", next((dropped.parents[1] / "terugmelding").glob("*_090_ONTVANGST_*")))
    assert (told["bestand"], told["code"], told["bestand_sha256"]) == (NAME, "E-PGP-01", row.sha256)
    assert "leesbaar" in told["tekst"] and "datalek" in told["tekst"]


def test_what_is_encrypted_stays_as_it_is_whoever_may_read_it(exchange, clock):
    sealed = files.drop_file(root(exchange), "huur-01", NAME, ROWS)
    content = sealed.read_bytes()
    drop(exchange, b"", files.file_name("huur-01", DAY, 91))
    drop(exchange, content[:50], files.file_name("huur-01", DAY, 92))
    assert fetched(exchange, clock).onversleuteld == []
    assert {path.read_bytes() for path in archived(exchange)} == {content, b"", content[:50]}
    codes = {row["bestand"][-11:-8]: row["code"] for row in status(exchange)["aanleveringen"]}
    assert codes == {"090": "E-BST-01", "091": "E-BST-05", "092": "E-PGP-05"}
    assert len(list(sealed.parent.glob("opgehaald/*"))) == 3


def test_its_name_does_not_come_before_what_it_is(exchange, clock):
    drop(exchange, ROWS, "signalen van vandaag.csv")
    fetched(exchange, clock)
    assert newest(exchange).code == "E-PGP-01"


def test_nothing_leaves_its_folder_before_it_is_sealed(exchange, clock, monkeypatch):
    dropped = drop(exchange, ROWS)
    with monkeypatch.context() as broken:
        broken.setattr(Keyring, "_encrypt_file", raising(PgpFault("versleutelen", "x")))
        assert pickup.pickup(exchange, clock).mislukt == ["huur-01"]
    assert dropped.exists()
    assert newest(exchange) is None and archived(exchange) == []
    assert fetched(exchange, clock).opgehaald == 1
    assert not dropped.exists()


def test_a_pickup_that_stopped_before_it_was_taken_away_does_so_the_next_time(exchange, clock, monkeypatch):
    dropped = drop(exchange, ROWS)
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(pickup, "_clear", raising(KeyboardInterrupt()))
        pickup.pickup(exchange, clock)
    assert dropped.exists()
    assert pickup.pickup(exchange, clock).opgehaald == 0
    assert not [path for path in dropped.parent.rglob("*") if path.is_file()]


def test_the_beheerder_is_told_by_intake_log_and_status_and_nobody_is_named_but_the_party(exchange, clock, caplog):
    drop(exchange, ROWS)
    config = str(exchange.config.folder)
    done = CliRunner().invoke(app, ["intake", "--config", config, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["onversleuteld"]) == (1, ["huur-01"])
    said = [record.getMessage() for record in caplog.records if record.name == verzegelen.__name__]
    assert said == ["huur-01: een bestand kwam onversleuteld aan; wij verzegelen het. Is dit een datalek?"]
    [found] = status(exchange)["onversleuteld"]
    assert (found["partij"], found["bestand"]) == ("huur-01", NAME)
    assert "datalek" in CliRunner().invoke(app, ["status", "--config", config]).stdout


def test_after_its_term_it_is_gone_from_our_archive_too(exchange, clock):
    drop(exchange, ROWS)
    fetched(exchange, clock)
    clock.now += timedelta(days=5)
    drop(exchange, ROWS, files.file_name("huur-01", DAY, 91))  # the same bytes again
    fetched(exchange, clock)
    clock.now += timedelta(days=2)
    fetched(exchange, clock)
    assert [row["bestand"] for row in status(exchange)["onversleuteld"]] == [files.file_name("huur-01", DAY, 91)]
    assert len(archived(exchange)) == 1
    clock.now += timedelta(days=5)
    for _ in range(2):
        fetched(exchange, clock)
    assert (archived(exchange), status(exchange)["onversleuteld"]) == ([], [])
    with exchange.register.connect() as db:
        gone = sa.select(sa.func.count()).where(logboek.c.gebeurtenis == "VERZEGELD_GEWIST")
        assert db.scalar(gone) == 2
    assert ledger.verify(exchange.register)
    assert newest(exchange).code == "E-PGP-01"


def test_a_proef_and_terugkoppeling_are_sealed_too(exchange, clock):
    drop(exchange, ROWS, to="in/proef")
    assert fetched(exchange, clock).onversleuteld == ["huur-01"]
    assert newest(exchange).code == "E-PGP-01"
    drop(exchange, ROWS, "VS_TK_uitvoerder-01_20261123_001.csv.pgp", party="uitvoerder-01")
    assert fetched(exchange, clock, Soort.TERUGKOPPELING).onversleuteld == ["uitvoerder-01"]
    assert newest(exchange).code == "E-PGP-01"
    assert not [path for path in archived(exchange) if MARK in path.read_bytes()]
    clock.now += timedelta(days=1)
    fetched(exchange, clock)
    assert [row["partij"] for row in status(exchange)["onversleuteld"]] == ["uitvoerder-01"]
