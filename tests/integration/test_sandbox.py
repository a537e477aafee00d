"""A sandbox is a whole exchange: complete, right where it should be, and wrong where it says so."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from exchange.configuration import Configuration, load
from exchange.faults import SandboxFault
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create, drop, read_expected
from schemas import gemeenten
from tests.conftest import program

DAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return create(tmp_path_factory.mktemp("t") / "s", partners=5, uitvoerders=3, signalen=300, seed=3, day=DAY)


@pytest.fixture(scope="module")
def config(sandbox: Sandbox) -> Configuration:
    """Its configuration: reading it is checking it as a whole."""
    return load(sandbox.config)


def read(sandbox: Sandbox, home: Path, name: str, partner: str) -> bytes:
    """A dropped file as the exchange reads it, signed by that partner."""
    gpg = [program("gpg"), "--homedir", str(home), "--batch", "--quiet", "--trust-model", "always"]
    keys = [sandbox.config / "keys" / "exchange-secret.asc", sandbox.folder / "parties" / partner / "public.asc"]
    subprocess.run([*gpg, "--import", *map(str, keys)], check=True, capture_output=True)
    path = sandbox.folder / "sftp" / partner / "in" / name
    done = subprocess.run([*gpg, "--status-fd", "2", "--decrypt", str(path)], check=True, capture_output=True)
    assert b"GOODSIG" in done.stderr
    assert f"<{partner}@example.nl>".encode() in done.stderr
    return done.stdout


def test_every_gemeente_of_today_is_served_by_exactly_one_uitvoerder(config):
    served = Counter(one.code for uitvoerder in config.uitvoerders.values() for one in uitvoerder.gemeenten)
    assert set(served) == set(gemeenten.active(DAY))
    assert len(served) == 342
    assert set(served.values()) == {1}
    assert {config.uitvoerder_of(code, DAY) for code in served} == set(config.uitvoerders)


def test_every_partner_may_report_on_every_gemeente_and_half_of_them_declare(config):
    agreed = Counter(config.overeenkomsten["partner"].to_pylist())
    assert agreed == dict.fromkeys(config.partners, 342)
    declaring = [partner.verklaring is not None for partner in config.partners.values()]
    assert 0 < sum(declaring) < len(declaring)


def test_every_party_finds_its_own_side_and_the_folders_that_it_needs(sandbox, config):
    for party in (*config.partners, *config.uitvoerders):
        own = {path.name for path in (sandbox.folder / "parties" / party).iterdir()}
        assert own >= {"id_ed25519", "secret.asc", "public.asc", "exchange.asc", "known_hosts", "ssh_config"}
        assert (sandbox.folder / "sftp" / party / "LEESMIJ.txt").is_file()
        assert {"in", "terugmelding"} <= {path.name for path in (sandbox.folder / "sftp" / party).iterdir()}
    for party, uitvoerder in config.uitvoerders.items():
        there = {path.name for path in (sandbox.folder / "sftp" / party / "uit").iterdir()}
        assert there == {one.code for one in uitvoerder.gemeenten}


def test_secrets_are_for_their_owner_alone(sandbox):
    secret = [
        path
        for pattern in ("**/id_ed25519", "**/secret.asc", "config/keys/*", "server/ssh_host_ed25519")
        for path in sandbox.folder.glob(pattern)
        if b"PRIVATE" in path.read_bytes() or path.suffix == ".key"
    ]
    assert len(secret) > 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_every_kind_of_wrong_file_is_dropped_and_said(sandbox):
    expected = read_expected(sandbox.folder)
    assert [one["bestand"] for one in expected] == [one.bestand for one in sandbox.expected]
    refused = Counter(one["code"] for one in expected if one["code"].startswith("E-"))
    once = ["E-PGP-01", "E-PGP-05", "E-BST-01", "E-BST-02", "E-BST-05", "E-BST-07", "E-BST-09", "E-PRV-02"]
    assert refused == {**dict.fromkeys(once, 1), "E-PGP-03": 2}  # unsigned, and signed by a stranger
    for partner in sandbox.partners:
        there = {path.name for path in (sandbox.folder / "sftp" / partner / "in").iterdir() if path.is_file()}
        assert there - {one["bestand"] for one in expected} == {f"{files.file_name(partner, DAY, 10)}.part"}
        assert {one["bestand"] for one in expected if one["partner"] == partner} <= there


def test_all_signals_asked_for_are_there_and_no_two_have_one_id(sandbox, gpg_home):
    good = [one for one in sandbox.expected if one.regels]
    assert sum(one.regels for one in good) == 300
    assert 0 < sum(one.fout for one in good) < 30
    ids = [
        line.split(b";")[0]
        for one in good
        for line in read(sandbox, gpg_home, one.bestand, one.partner).split(b"\r\n")[1:-1]
    ]
    assert len(set(ids)) == len(ids) == 300


def test_the_same_seed_gives_the_same_rows_under_other_keys(sandbox, gpg_home, tmp_path):
    again = create(tmp_path / "s", partners=5, uitvoerders=1, signalen=300, seed=3, day=DAY)
    other = create(tmp_path / "o", partners=1, uitvoerders=1, signalen=60, seed=4, day=DAY)
    name = files.file_name("huur-01", DAY, 1)
    rows = read(sandbox, gpg_home, name, "huur-01")
    assert read(again, gpg_home, name, "huur-01") == rows
    assert read(other, gpg_home, name, "huur-01") != rows
    keys = {(one.folder / "parties" / "huur-01" / "public.asc").read_bytes() for one in (sandbox, again)}
    assert len(keys) == 2
    assert again.expected == sandbox.expected


def test_nothing_is_wrong_when_nothing_wrong_is_asked(tmp_path):
    made = create(tmp_path / "s", partners=1, uitvoerders=1, signalen=100, day=DAY, wrong=False)
    assert [(one.regels, one.fout, one.code) for one in made.expected] == [(100, 0, "")]
    assert len(list((made.folder / "sftp" / "huur-01" / "in").glob("*.pgp"))) == 1


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("mine")
    for attempt in (create, drop):
        with pytest.raises(SandboxFault):
            attempt(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    made = create(tmp_path / "empty", partners=1, uitvoerders=1, signalen=1, day=DAY)
    drop(made.folder)
    assert not made.folder.exists()


def test_a_dropped_file_is_encrypted_to_the_exchange_and_signed_by_its_partner(sandbox, gpg_home):
    content = b"signaal_id;soort\r\nA-1;VROEG\r\n"
    name = files.file_name("huur-01", DAY, 90)
    path = files.drop_file(sandbox.folder, "huur-01", name, content)
    assert path == sandbox.folder / "sftp" / "huur-01" / "in" / name
    assert b"VROEG" not in path.read_bytes()
    assert read(sandbox, gpg_home, name, "huur-01") == content
    path.unlink()


def test_a_dropped_file_is_never_seen_half(sandbox):
    name, content = files.file_name("huur-01", DAY, 91), os.urandom(50_000_000)
    path = sandbox.folder / "sftp" / "huur-01" / "in" / name
    sizes: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if path.exists():
                sizes.add(path.stat().st_size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    files.drop_file(sandbox.folder, "huur-01", name, content, encrypt=False)
    while not sizes:
        pass
    done.set()
    watcher.join()
    assert sizes == {len(content)}
    assert not list(path.parent.glob("*_091*.part"))
    path.unlink()
