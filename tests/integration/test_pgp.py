"""The OpenPGP verdict on messages made by real gpg: what is not plainly right is refused with its code."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESOCB3

from exchange.faults import PgpFault
from exchange.pgp import Keyring, PgpRefusal, generate, keyring
from exchange.pgp.keyring import LEAST_SECONDS
from tests.conftest import program

CONTENT = b"signaal_id;soort\r\n" + b"A-1;VROEG\r\n" * 500


@dataclass(frozen=True)
class World:
    """The exchange's keyring, fingerprint and secret key, a partner's fingerprint, and gpg as that partner runs it."""

    ours: Keyring
    own: str
    secret: bytes
    partner: str
    home: Path
    folder: Path

    def run(self, *arguments: str, content: bytes | None = None) -> bytes:
        command = [program("gpg"), "--homedir", str(self.home), "--batch", "--yes", "--trust-model", "always"]
        return subprocess.run([*command, *arguments], input=content, check=True, capture_output=True).stdout

    def gpg(self, *arguments: str, content: bytes = CONTENT) -> Path:
        source, target = self.folder / "plain", self.folder / "made.pgp"
        source.write_bytes(content)
        self.run(*arguments, "-o", str(target), str(source))
        return target

    def wrapped(self, packets: bytes) -> Path:
        """An encrypted message with exactly these packets inside."""
        return self.gpg("-e", "-z", "0", "--no-literal", "-r", self.own, content=packets)

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
        yield World(ours, own, secret, keys["partner"][2], gpg_home, tmp_path)


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
    assert world.code(tmp_path / "text") == "E-PGP-01"
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


def test_a_cut_message_and_garbage_behind_it_are_refused(world):
    path = world.gpg("-s", "-e", "-r", world.own)
    whole = path.read_bytes()
    for content in (whole[:-40], whole[: len(whole) // 2], whole + b"garbage"):
        path.write_bytes(content)
        assert world.code(path) == "E-PGP-05"


def test_a_large_message_that_was_damaged_on_the_way_is_refused_too(world):
    """gpg ends before it has read everything, and that is no fault of ours: the partner has to hear of it."""
    path = world.gpg("-s", "-e", "-r", world.own, content=os.urandom(2_000_000))
    whole = path.read_bytes()
    for damaged in (whole.replace(b"\n", b"\r\n"), whole[:10_000] + whole[20_000:], bytes(64) + whole[64:]):
        path.write_bytes(damaged)
        assert world.code(path).startswith("E-PGP-")


def test_sha1_is_refused(world):
    assert world.code(world.gpg("-s", "-e", "--digest-algo", "SHA1", "-r", world.own)) == "E-PGP-07"


def test_a_plaintext_over_the_limit_is_refused(world):
    assert world.code(world.gpg("-s", "-e", "-r", world.own), max_bytes=100) == "E-PGP-08"


def test_a_bomb_costs_seconds_whatever_it_unpacks_to(world):
    """A gigabyte of zeros in two kilobytes; a partner can as well send a terabyte."""
    command = [program("gpg"), "--homedir", str(world.home), "--batch", "--trust-model", "always", "--encrypt"]
    path = world.folder / "bomb.pgp"
    bomb = [*command, "--compress-algo", "bzip2", "-r", world.own, "-o", str(path)]
    with subprocess.Popen(bomb, stdin=subprocess.PIPE) as making:
        for _ in range(1000):
            making.stdin.write(bytes(10**6))
    assert path.stat().st_size < 5000
    for behind in (b"", bytes(10**7)):  # also where gpg ends before it has read everything
        path.write_bytes(path.read_bytes() + behind)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        assert world.code(path, max_bytes=1000) == "E-PGP-08"
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < LEAST_SECONDS + 0.5


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


def revocation(world: World, fingerprint: str, *how: str) -> bytes:
    command = [program("gpg"), "--homedir", str(world.home), "--no-tty", "--pinentry-mode", "loopback"]
    command += [*how, "--command-fd", "0", "--gen-revoke", fingerprint]
    answers = b"y\n1\n\ny\n"  # do it; the key is compromised; no comment; sure
    return subprocess.run(command, input=answers, check=True, capture_output=True).stdout


@pytest.mark.parametrize("first", ["revoked", "signed"])
def test_a_revoked_key_is_refused_whether_the_message_came_before_or_after(world, keys, first):
    begun = datetime.now(UTC)
    made = [revocation(world, world.partner)] if first == "revoked" else []
    path = world.gpg("-s", "-e", "-r", world.own)
    made = made or [revocation(world, world.partner)]
    secret, _, own = keys["exchange"]
    with Keyring.open(secret, own, [keys["partner"][1], *made]) as ours:
        for moment in (begun, datetime.now(UTC)):
            with (
                pytest.raises(PgpRefusal) as refusal,
                ours.decrypt(path, signers=[world.partner], at=moment, max_bytes=10**8),
            ):
                pytest.fail("a revoked key was accepted")
            assert refusal.value.code == "E-PGP-04"
        assert not ours.can_encrypt(world.partner, begun)


def session_key(world: World, message: bytes) -> bytes:
    """What a message to the exchange is encrypted with; gpg in the partner's home must have our secret key for it."""
    told = world.run("--status-fd", "1", "--show-session-key", "-o", os.devnull, "-d", content=message).decode()
    return bytes.fromhex(told.partition("SESSION_KEY 9:")[2].split()[0])


def aead(world: World, message: bytes, packets: bytes) -> bytes:
    """The packets in OCB (packet 20, as GnuPG 2.3 and later make it) under the session key of a message."""
    key = session_key(world, message)
    size = 2 + message[1] if message[0] == 0x84 else 3 + struct.unpack(">H", message[1:3])[0]
    head, salt, cipher = bytes([0xD4, 1, 9, 2, 16]), os.urandom(15), AESOCB3(key)  # one chunk of at most 4 MiB

    def nonce(chunk: int) -> bytes:
        return salt[:7] + (int.from_bytes(salt[7:]) ^ chunk).to_bytes(8)

    body = head[1:] + salt + cipher.encrypt(nonce(0), packets, head + struct.pack(">Q", 0))
    body += cipher.encrypt(nonce(1), b"", head + struct.pack(">QQ", 1, len(packets)))
    return message[:size] + bytes([0xD4, 0xFF]) + struct.pack(">I", len(body)) + body


def test_aead_is_refused_with_what_to_change_be_it_whole_or_damaged(world, keys):
    world.run("--import", content=keys["exchange"][0])
    packets = world.run("-s", "-z", "0", content=CONTENT)
    whole = aead(world, world.gpg("-e", "-r", world.own).read_bytes(), packets)
    path = world.folder / "aead.pgp"
    path.write_bytes(whole)
    assert world.run("-d", str(path)) == CONTENT  # gpg itself reads it
    assert world.code(path) == "E-PGP-06"
    assert world.code(changed(path, len(whole) - 40)) == "E-PGP-06"


def test_a_key_inside_a_message_does_not_become_part_of_the_plaintext(world, keys):
    """gpg lists a key that it meets there; what is read is what was signed, and nothing else."""
    packets, signed = world.run("--export", world.partner), world.run("-s", "-z", "0", content=CONTENT)
    for inside in (packets, packets + signed):
        assert world.code(world.wrapped(inside)) == "E-PGP-03"
    for inside in (signed, signed + packets):
        assert world.read(world.wrapped(inside)) == CONTENT
    block = keys["partner"][1]
    assert world.read(world.gpg("-s", "-e", "-r", world.own, content=block)) == block


def test_a_key_sent_instead_of_a_message_is_refused(world, keys, tmp_path):
    for content in keys["partner"][:2]:
        (tmp_path / "key.asc").write_bytes(content)
        assert world.code(tmp_path / "key.asc") == "E-PGP-01"


def test_a_message_in_text_mode_is_read_line_by_line_the_same(world):
    path = world.gpg("--textmode", "-s", "-e", "-r", world.own)
    assert world.read(path).splitlines() == CONTENT.splitlines()


def test_a_name_in_a_key_that_is_not_utf8_does_not_stand_in_the_way(world, keys):
    world.run("--passphrase", "", "--quick-generate-key", os.fsdecode(b"M\xe9\xe9r <m@example.nl>"), "rsa2048", "sign")
    listing = world.run("--with-colons", "-K", "m@example.nl").decode("latin-1")
    partner = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
    path = world.gpg("-u", partner, "-s", "-e", "-r", world.own)
    with (
        Keyring.open(keys["exchange"][0], world.own, [world.run("--armor", "--export", partner)]) as ours,
        ours.decrypt(path, signers=[partner], at=datetime.now(UTC), max_bytes=10**8) as plaintext,
    ):
        assert plaintext.signer == partner
        assert not ours.can_encrypt(partner, datetime.now(UTC))


def test_binary_keys_and_armoured_ones_are_imported_together(world, keys):
    binary = world.run("--export", world.partner)
    for public in ([binary, keys["stranger"][1]], [keys["stranger"][1], binary]):
        with Keyring.open(keys["exchange"][0], world.own, public) as ours:
            for fingerprint in (world.partner, keys["stranger"][2]):
                assert ours.can_encrypt(fingerprint, datetime.now(UTC))


def test_the_keyring_of_a_killed_process_is_removed_by_the_next_one(world, keys):
    code = (
        "import os, sys; from exchange.pgp import Keyring\n"
        "with Keyring.open(sys.stdin.buffer.read(), sys.argv[1], []) as ours:\n"
        "    print(ours._home, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, world.own]
    done = subprocess.run(command, input=keys["exchange"][0], check=False, capture_output=True)
    left = Path(done.stdout.decode().strip())
    assert list((left / "private-keys-v1.d").iterdir())
    old = time.time() - 3600
    os.utime(left, (old, old))
    os.utime(world.ours._home, (old, old))  # as old, but in use
    with Keyring.open(keys["exchange"][0], world.own, []):
        assert not left.exists()
        assert world.ours._home.exists()


def test_many_decrypts_side_by_side_all_succeed(world):
    path = world.gpg("-s", "-e", "-r", world.own)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: world.read(path) == CONTENT, range(32)))


def test_messages_written_side_by_side_hold_their_own_content_and_nothing_of_another(world, tmp_path):
    contents = [b"%02d" % number * 100 for number in range(24)]
    paths = [tmp_path / f"{number}.pgp" for number in range(24)]

    def interrupted(frame: FrameType, _event: str, _argument: object) -> object:
        """Another thread has its turn between every two lines of ours."""
        if frame.f_code.co_filename != keyring.__file__:
            return None
        time.sleep(0.001)
        return interrupted

    threading.settrace(interrupted)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda content, path: world.ours.encrypt(content, path, world.partner), contents, paths))
    finally:
        threading.settrace(None)
    assert [world.run("--decrypt", str(path)) for path in paths] == contents


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
    with pytest.raises(PgpFault), world.ours.encryptor(tmp_path / "out.pgp", "A" * 40) as stream:
        for _ in range(100):  # more than a pipe holds: gpg ends while we write
            stream.write(bytes(100_000))
