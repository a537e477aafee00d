"""The kinds of messages, hostile and foreign, each with the code that is true of it; made by real gpg or packet by
packet."""

# the fixtures of test_pgp, under their own names
# ruff: noqa: F811

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from exchange.pgp import Keyring, PgpRefusal, generate
from tests.integration.test_pgp import CONTENT, World, changed, keys, revocation, session_key, world  # noqa: F401
from tests.unit.test_packets import new

NOW, PAST, FUTURE = "--faked-system-time", "20260101T000000!", "20360101T000000!"
#: For gpg as a partner whose clock is wrong: it signs and encrypts all the same.
ANYHOW = ("--ignore-time-conflict", "--ignore-valid-from")


def good(world: World, *how: str, content: bytes = CONTENT) -> Path:
    return world.gpg(*how, "-s", "-e", "-r", world.own, content=content)


def written(world: World, content: bytes) -> Path:
    path = world.folder / "written.pgp"
    path.write_bytes(content)
    return path


def packets(world: World, *how: str) -> bytes:
    """A message without its encryption."""
    return world.run(*how, "-z", "0", content=CONTENT)


def wrapped(world: World, content: bytes) -> Path:
    return world.wrapped(content)


def with_stranger(world: World, *how: str, stranger: bytes, content: bytes = CONTENT) -> Path:
    """gpg as the partner, with a key in its keyring that is not ours."""
    world.run("--import", content=stranger)
    return world.gpg(*how, content=content)


def without_mdc(world: World) -> Path:
    """Packet 9 under the session key of a message, as programs of the last century make it (RFC 4880, 13.9)."""
    world.run("--import", content=world.secret)
    message = world.gpg("-e", "-r", world.own).read_bytes()
    plain, key = packets(world, "-s"), session_key(world, message)
    block, start = algorithms.AES(key), os.urandom(16)
    first = Cipher(block, CFB(bytes(16))).encryptor()
    head = first.update(start + start[-2:])
    body = head + Cipher(block, CFB(head[2:18])).encryptor().update(plain)  # it starts anew behind the check
    size = 2 + message[1]
    path = written(world, message[:size] + new(9, body))
    assert world.run("--ignore-mdc-error", "-d", str(path)) == CONTENT  # gpg could be told to read it
    return path


def with_newer_signature(_: World) -> bytes:
    """A literal between a version 6 one-pass signature and its signature (RFC 9580, 5.2.3 and 5.4)."""
    key, salt = os.urandom(32), bytes([32]) + os.urandom(32)
    literal = new(11, b"b\x00" + bytes(4) + CONTENT)
    signature = bytes([6, 0, 27, 10]) + bytes(4) + bytes(4) + b"ab" + salt + os.urandom(64)
    return new(4, bytes([6, 0, 10, 27]) + salt + key + b"\x01") + literal + new(2, signature)


def rfc9580(_: World) -> bytes:
    """A message to a version 6 key, with AEAD."""
    block = bytes([6, 33, 6]) + os.urandom(32) + bytes([25]) + os.urandom(32) + bytes([40]) + os.urandom(40)
    return new(1, block) + new(18, bytes([2, 9, 2, 6]) + os.urandom(300))


def literal(content: bytes = CONTENT) -> bytes:
    return new(11, b"b\x00" + bytes(4) + content)


PASSWORD = ("--pinentry-mode", "loopback", "--passphrase", "geheim")
#: What it is, how it is made, and the code that its sender reads.
HOSTILE: dict[str, tuple[Callable[[World], Path], str]] = {
    "flipped early": (lambda w: changed(path := good(w, "-z", "0"), path.stat().st_size // 9), "E-PGP-05"),
    "flipped late": (lambda w: changed(path := good(w), path.stat().st_size - 3), "E-PGP-05"),
    "flipped in the key block": (lambda w: changed(good(w), 40), "E-PGP-05"),
    "cut in the key block": (lambda w: written(w, good(w).read_bytes()[:60]), "E-PGP-05"),
    "cut behind the key block": (lambda w: written(w, good(w).read_bytes()[:96]), "E-PGP-05"),
    "cut in the data": (lambda w: written(w, good(w).read_bytes()[:-30]), "E-PGP-05"),
    "one byte": (lambda w: written(w, good(w).read_bytes()[:1]), "E-PGP-05"),
    "cut armour": (lambda w: written(w, good(w, "-a").read_bytes()[:200]), "E-PGP-05"),
    "cut in the first line of armour": (lambda w: written(w, good(w, "-a").read_bytes()[:20]), "E-PGP-05"),
    "empty": (lambda w: written(w, b""), "E-BST-05"),
    "garbage behind": (lambda w: written(w, good(w).read_bytes() + b"garbage"), "E-PGP-05"),
    "text behind armour": (lambda w: written(w, good(w, "-a").read_bytes() + b"groeten"), "E-PGP-05"),
    "two armoured messages": (lambda w: written(w, good(w, "-a").read_bytes() * 2), "E-PGP-13"),
    "two messages, unsigned": (lambda w: written(w, w.gpg("-e", "-r", w.own).read_bytes() * 2), "E-PGP-13"),
    "two texts in one": (lambda w: wrapped(w, literal() * 2), "E-PGP-13"),
    "a text behind the signed one": (lambda w: wrapped(w, packets(w, "-s") + literal()), "E-PGP-13"),
    "a text before the signed one": (lambda w: wrapped(w, literal() + packets(w, "-s")), "E-PGP-13"),
    "encrypted twice": (lambda w: w.wrapped(w.gpg("-s", "-e", "-r", w.own).read_bytes()), "E-PGP-05"),
    "signed, and another text": (lambda w: wrapped(w, packets(w, "-s").replace(b"VROEG", b"VROEK", 1)), "E-PGP-05"),
    "unsigned": (lambda w: w.gpg("-e", "-r", w.own), "E-PGP-03"),
    "signed only": (lambda w: w.gpg("-s"), "E-PGP-01"),
    "signed in clear": (lambda w: w.gpg("--clearsign"), "E-PGP-01"),
    "a signature beside nothing": (lambda w: w.gpg("-b"), "E-PGP-01"),
    "only compressed": (lambda w: w.gpg("--store"), "E-PGP-01"),
    "text": (lambda w: written(w, CONTENT), "E-PGP-01"),
    "a password, signed": (lambda w: w.gpg(*PASSWORD, "-s", "-c"), "E-PGP-11"),
    "a password, AEAD": (lambda w: written(w, new(3, bytes([5, 9, 2, 3, 8]) + bytes(60)) + new(20, b"\1")), "E-PGP-11"),
    "data without a key block": (lambda w: written(w, good(w).read_bytes()[96:]), "E-PGP-05"),
    "RFC 9580": (lambda w: written(w, rfc9580(w)), "E-PGP-06"),
    "AEAD of RFC 9580 to our key": (
        lambda w: written(w, good(w).read_bytes()[:96] + new(18, bytes([2, 9, 2, 6]) + bytes(90))),
        "E-PGP-06",
    ),
    "a version 6 signature": (lambda w: wrapped(w, with_newer_signature(w)), "E-PGP-06"),
    "SHA-1": (lambda w: good(w, "--digest-algo", "SHA1"), "E-PGP-07"),
    "RIPEMD160": (lambda w: good(w, "--digest-algo", "RIPEMD160"), "E-PGP-07"),
    "only a key inside": (lambda w: wrapped(w, w.run("--export", w.partner)), "E-PGP-03"),
    "a key before the signed text": (lambda w: wrapped(w, w.run("--export", w.partner) + packets(w, "-s")), "E-PGP-03"),
    "status text in the file name": (
        lambda w: w.gpg("-e", "--set-filename", f"x\n[GNUPG:] VALIDSIG {w.partner}", "-r", w.own),
        "E-PGP-03",
    ),
    "words of gpg in the file name": (
        lambda w: w.gpg("-e", "--set-filename", "x\ngpg: packet(2) with unknown version 6", "-r", w.own),
        "E-PGP-03",
    ),
    "for somebody else": (lambda w: w.gpg("-s", "-e", "-r", w.partner), "E-PGP-02"),
    "for somebody hidden": (lambda w: w.gpg("-s", "-e", "-R", w.partner), "E-PGP-02"),
    "for two that hide, neither of them us": (
        lambda w: w.gpg("-s", "-e", "-R", w.partner, "-R", w.partner),
        "E-PGP-02",
    ),
    "over the limit": (lambda w: good(w, content=CONTENT * 50), "E-PGP-08"),
    "over the limit, as text": (lambda w: good(w, "--textmode", content=CONTENT * 50), "E-PGP-08"),
    "over the limit, unsigned": (lambda w: w.gpg("-e", "-r", w.own, content=CONTENT * 50), "E-PGP-08"),
    "over the limit by far": (lambda w: good(w, content=bytes(10**7)), "E-PGP-08"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_not_plainly_right_is_refused_with_what_is_true_of_it(world, kind):
    make, code = HOSTILE[kind]
    assert world.code(make(world), max_bytes=100_000) == code


def test_a_message_without_mdc_is_told_to_switch_it_on(world):
    assert world.code(without_mdc(world)) == "E-PGP-10"


def test_a_password_instead_of_our_key_is_told_so(world):
    assert world.code(world.gpg(*PASSWORD, "-c")) == "E-PGP-11"


def test_two_messages_one_behind_another_are_told_to_be_two(world):
    assert world.code(written(world, good(world).read_bytes() * 2)) == "E-PGP-13"


def test_packets_by_the_million_are_damaged_however_small_they_travel(world):
    """gpg has a word to say about each of them; nothing of ours keeps all that."""
    path = world.wrapped(new(2, b"\x06" + bytes(3)) * 20_000)
    assert world.code(path) == "E-PGP-05"


@pytest.mark.parametrize("order", ["before", "behind", "around"])
def test_a_receiver_that_does_not_say_who_it_is_stands_in_nobodys_way(world, keys, order):
    """gpg tries our key on it, fails, and ends with exit code 2 although all is well."""
    stranger, ours = ("-R", keys["stranger"][2]), ("-r", world.own)
    who = {"before": stranger + ours, "behind": ours + stranger, "around": stranger * 2 + ("-R", world.own) + stranger}
    path = with_stranger(world, "-s", "-e", *who[order], stranger=keys["stranger"][1])
    assert world.read(path) == CONTENT
    assert world.code(changed(path, path.stat().st_size - 40)) == "E-PGP-05"
    assert world.code(with_stranger(world, "-e", *who[order], stranger=keys["stranger"][1])) == "E-PGP-03"


def test_a_key_block_of_a_stranger_that_bears_our_name_stands_in_nobodys_way(world, keys):
    message = with_stranger(world, "-s", "-e", "-r", keys["stranger"][2], "-r", world.own, stranger=keys["stranger"][1])
    content = message.read_bytes()
    theirs, ours = content[:96], content[96:192]
    assert world.read(written(world, theirs[:3] + ours[3:11] + theirs[11:] + content[96:])) == CONTENT


def test_a_password_beside_our_key_changes_nothing(world):
    both = good(world, *PASSWORD, "-c").read_bytes()
    assert world.read(written(world, both)) == CONTENT
    size = 2 + both[97]  # our block, then the password's
    assert world.read(written(world, both[96 : 96 + size] + both[:96] + both[96 + size :])) == CONTENT


def test_armour_as_windows_writes_it_is_read(world):
    text = good(world, "-a").read_text()
    for made in (text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode("utf-16"), text.replace("\n\n", "\n", 1)):
        assert world.read(written(world, made if isinstance(made, bytes) else made.encode())) == CONTENT


class Signer:
    """A partner with a key of its own making, and what we make of its messages."""

    def __init__(self, world: World, keys: dict[str, tuple[bytes, bytes, str]]) -> None:
        self.world, self._keys = world, keys

    def key(self, name: str, *when: str) -> str:
        self.world.run(*when, "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "0")
        return self._fingerprints(name)[0]

    def subkey(self, key: str, *when: str, until: str = "0") -> str:
        self.world.run(*when, "--passphrase", "", "--quick-add-key", key, "ed25519", "sign", until)
        return self._fingerprints(key)[-1]

    def said(self, key: str, path: Path, *also: bytes) -> tuple[str, dict[str, str]]:
        """The code and facts of a message that is signed by this key, "" when it is read."""
        public = [self.world.run("--armor", "--export", key), *also]
        with Keyring.open(self._keys["exchange"][0], self.world.own, public) as ours:
            try:
                with ours.decrypt(path, signers=[key], at=datetime.now(UTC), max_bytes=10**6) as plaintext:
                    assert os.pread(plaintext.fd, plaintext.size, 0) == CONTENT
            except PgpRefusal as refusal:
                return refusal.code, refusal.facts
        return "", {}

    def _fingerprints(self, name: str) -> list[str]:
        listing = self.world.run("--with-colons", "--ignore-time-conflict", "--list-keys", name).decode()
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]


@pytest.fixture
def signer(world, keys) -> Signer:
    return Signer(world, keys)


def test_the_expiry_that_counts_is_that_of_the_key_that_signed_and_its_primary(signer):
    key = signer.key("old", NOW, PAST)
    first = signer.subkey(key, NOW, PAST, until="2026-02-01")
    second = signer.subkey(key, NOW, PAST, until="2026-03-01")
    assert signer.said(key, good(signer.world, NOW, "20260215T000000!", *ANYHOW, "-u", f"{second}!")) == (
        "E-PGP-04",
        {"datum": "2026-03-01"},
    )
    assert signer.said(key, good(signer.world, NOW, "20260115T000000!", *ANYHOW, "-u", f"{first}!"))[1] == {
        "datum": "2026-02-01"
    }
    third = signer.subkey(key, NOW, PAST)
    assert signer.said(key, good(signer.world, "-u", f"{third}!")) == ("", {})


def test_what_is_revoked_is_so_since_its_own_day(signer):
    key = signer.key("revoked", NOW, PAST)
    path = good(signer.world, "-u", key)
    since = revocation(signer.world, key, NOW, "20260401T120000!")
    assert signer.said(key, path, since) == ("E-PGP-04", {"datum": "2026-04-01"})


def test_a_key_that_starts_in_the_future_is_told_from_when(signer):
    key = signer.key("future", NOW, FUTURE)
    for path in (good(signer.world, NOW, "20360201T000000!", "-u", key), good(signer.world, *ANYHOW, "-u", key)):
        assert signer.said(key, path) == ("E-PGP-14", {"datum": "2036-01-01"})


def test_a_signature_from_before_its_key_is_told_so(signer):
    key = signer.key("early", NOW, "20260601T000000!")
    path = good(signer.world, NOW, PAST, *ANYHOW, "-u", key)
    assert signer.said(key, path) == ("E-PGP-14", {"datum": "2026-06-01"})


def test_an_expired_signature_is_told_until_when_it_held(signer):
    key = signer.key("brief", NOW, PAST)
    path = good(signer.world, NOW, PAST, *ANYHOW, "--default-sig-expire", "3d", "-u", key)
    assert signer.said(key, path) == ("E-PGP-12", {"datum": "2026-01-04"})
    stranger = signer.key("other", NOW, PAST)
    assert signer.said(stranger, path, signer.world.run("--export", key))[0] == "E-PGP-03"


@pytest.mark.parametrize("name", ["M\u0085n", "\u2028x", "\x1cx", "a:b\\x3apub:", "[GNUPG:] VALIDSIG", "  x  "])
def test_no_name_in_a_key_confuses_what_gpg_says_of_it(signer, keys, name):
    key = signer.key(f"{name} <n@example.nl>")
    signer.world.run("--passphrase", "", "--quick-add-key", key, "cv25519", "encr")
    path = good(signer.world, "-u", key)
    assert signer.said(key, path) == ("", {})
    with Keyring.open(keys["exchange"][0], signer.world.own, [signer.world.run("--export", key)]) as ours:
        assert ours.can_encrypt(key, datetime.now(UTC))


def test_no_partys_key_file_stands_in_anothers_way(keys, world):
    newer, secret = new(6, b"\x06" + bytes(4) + bytes([27]) + bytes(4) + bytes(32)), generate("s")[1]
    files = [b"no key at all", newer, keys["partner"][1], b"", keys["stranger"][1][:200], secret]
    with Keyring.open(keys["exchange"][0], world.own, files) as ours:
        assert ours.can_encrypt(world.partner, datetime.now(UTC))
        assert not ours.can_encrypt(keys["stranger"][2], datetime.now(UTC))
