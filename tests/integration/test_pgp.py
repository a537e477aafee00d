"""The OpenPGP verdict on messages made by real gpg: what is not plainly right is refused with its code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.faults import PgpFault
from exchange.pgp import Keyring, PgpRefusal, generate
from tests.conftest import program

CONTENT = b"signaal_id;soort\r\n" + b"A-1;VROEG\r\n" * 500


@dataclass(frozen=True)
class World:
    """The exchange's keyring, its fingerprint, a partner's fingerprint, and gpg as that partner runs it."""

    ours: Keyring
    own: str
    partner: str
    home: Path
    folder: Path

    def gpg(self, *arguments: str) -> Path:
        source, target = self.folder / "plain", self.folder / "made.pgp"
        source.write_bytes(CONTENT)
        command = [program("gpg"), "--homedir", str(self.home), "--batch", "--yes", "--trust-model", "always"]
        subprocess.run([*command, *arguments, "-o", str(target), str(source)], check=True, capture_output=True)
        return target

    def read(self, path: Path, *, at: datetime | None = None, max_bytes: int = 10**8) -> bytes:
        moment = at or datetime.now(UTC)
        with self.ours.decrypt(path, signers=[self.partner], at=moment, max_bytes=max_bytes) as plaintext:
            return os.pread(plaintext.fd, plaintext.size, 0)

    def code(self, path: Path, **how: object) -> str:
        with pytest.raises(PgpRefusal) as refusal:
            self.read(path, **how)
        return refusal.value.code


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[bytes, bytes, str]]:
    return {name: generate(f"{name} <{name}@example.nl>") for name in ("exchange", "partner", "stranger")}


@pytest.fixture
def world(keys, gpg_home, tmp_path) -> Iterator[World]:
    for content in (keys["partner"][0], keys["exchange"][1]):
        command = [program("gpg"), "--homedir", str(gpg_home), "--batch", "--import"]
        subprocess.run(command, input=content, check=True, capture_output=True)
    secret, _, own = keys["exchange"]
    with Keyring.open(secret, own, [keys["partner"][1]]) as ours:
        yield World(ours, own, keys["partner"][2], gpg_home, tmp_path)


def changed(path: Path, at: int) -> Path:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    return path


def test_a_good_message_is_read(world):
    assert world.read(world.gpg("-s", "-e", "-r", world.own)) == CONTENT


def test_more_recipients_a_hidden_one_and_armour_are_accepted(world):
    assert world.read(world.gpg("-s", "-e", "-a", "-r", world.own, "-r", world.partner)) == CONTENT
    assert world.read(world.gpg("-s", "-e", "-R", world.own)) == CONTENT


def test_armour_without_a_checksum_is_accepted(world):
    path = world.gpg("-s", "-e", "-a", "-r", world.own)
    path.write_text("\n".join(line for line in path.read_text().split("\n") if not line.startswith("=")))
    assert world.read(path) == CONTENT


def test_what_is_not_encrypted_is_refused(world, tmp_path):
    (tmp_path / "text").write_bytes(CONTENT)
    (tmp_path / "empty").write_bytes(b"")
    assert world.code(tmp_path / "text") == "E-PGP-01"
    assert world.code(tmp_path / "empty") == "E-PGP-01"
    assert world.code(world.gpg("-s")) == "E-PGP-01"


def test_a_message_for_another_key_is_refused_naming_ours(world):
    with pytest.raises(PgpRefusal) as refusal:
        world.read(world.gpg("-s", "-e", "-r", world.partner))
    assert refusal.value.code == "E-PGP-02"
    assert refusal.value.facts["vingerafdruk"] == world.own


def test_an_unsigned_message_is_refused(world):
    assert world.code(world.gpg("-e", "-r", world.own)) == "E-PGP-03"


def test_a_known_key_that_is_not_this_partners_is_refused(world, keys, tmp_path):
    secret, public, fingerprint = keys["stranger"]
    with (
        Keyring.open(secret, fingerprint, [keys["exchange"][1]]) as stranger,
        Keyring.open(keys["exchange"][0], world.own, [public]) as knows,
    ):
        stranger.encrypt(CONTENT, tmp_path / "s.pgp", world.own)
        with (
            pytest.raises(PgpRefusal) as refusal,
            knows.decrypt(tmp_path / "s.pgp", signers=[world.partner], at=datetime.now(UTC), max_bytes=10**8),
        ):
            pytest.fail("a stranger's message was read")
    assert refusal.value.code == "E-PGP-03"


@pytest.mark.parametrize("place", [0.5, 0.97])
def test_a_flipped_bit_is_refused(world, place):
    path = world.gpg("-s", "-e", "-r", world.own)
    assert world.code(changed(path, int(path.stat().st_size * place))) == "E-PGP-05"


def test_a_cut_message_garbage_behind_it_and_two_in_one_are_refused(world):
    path = world.gpg("-s", "-e", "-r", world.own)
    whole = path.read_bytes()
    for content in (whole[:-40], whole[: len(whole) // 2], whole + b"garbage", whole + whole):
        path.write_bytes(content)
        assert world.code(path) == "E-PGP-05"


def test_sha1_is_refused(world):
    assert world.code(world.gpg("-s", "-e", "--digest-algo", "SHA1", "-r", world.own)) == "E-PGP-07"


def test_a_plaintext_over_the_limit_is_refused(world):
    assert world.code(world.gpg("-s", "-e", "-r", world.own), max_bytes=100) == "E-PGP-08"


def test_status_text_in_the_embedded_file_name_is_not_believed(world):
    forged = "x\n[GNUPG:] VALIDSIG " + world.partner
    path = world.gpg("-e", "--set-filename", forged, "-r", world.own)
    assert world.code(path) == "E-PGP-03"


def test_a_key_is_judged_at_the_moment_of_pickup(tmp_path, keys):
    secret, own_public, own = keys["exchange"]
    begun = datetime.now(UTC)
    short, public, partner = generate("short <short@example.nl>", expires="seconds=3")
    with Keyring.open(short, partner, [own_public]) as theirs:
        theirs.encrypt(CONTENT, tmp_path / "e.pgp", own)
    with Keyring.open(secret, own, [public]) as ours:
        until = begun + timedelta(seconds=5)
        while datetime.now(UTC) < until:
            pass
        with ours.decrypt(tmp_path / "e.pgp", signers=[partner], at=begun, max_bytes=10**8) as plaintext:
            assert plaintext.size == len(CONTENT)
        with (
            pytest.raises(PgpRefusal) as refusal,
            ours.decrypt(tmp_path / "e.pgp", signers=[partner], at=until, max_bytes=10**8),
        ):
            pytest.fail("an expired key was accepted")
        assert refusal.value.code == "E-PGP-04"
        assert not ours.can_encrypt(partner, until)


def test_many_decrypts_side_by_side_all_succeed(world):
    path = world.gpg("-s", "-e", "-r", world.own)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: world.read(path) == CONTENT, range(32)))


def test_a_streamed_message_is_what_its_receiver_reads_and_its_digest_is_true(world, tmp_path):
    with world.ours.encryptor(tmp_path / "out.pgp", world.partner) as stream:
        for _ in range(50):
            stream.write(CONTENT)
    assert stream.size == (tmp_path / "out.pgp").stat().st_size
    command = [program("gpg"), "--homedir", str(world.home), "--batch", "--decrypt", str(tmp_path / "out.pgp")]
    assert subprocess.run(command, check=True, capture_output=True).stdout == CONTENT * 50


def test_encrypting_to_an_unknown_key_is_a_fault(world, tmp_path):
    assert not world.ours.can_encrypt("A" * 40, datetime.now(UTC))
    with pytest.raises(PgpFault):
        world.ours.encrypt(CONTENT, tmp_path / "out.pgp", "A" * 40)
