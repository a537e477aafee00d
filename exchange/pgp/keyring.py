"""A GNUPGHOME for one process, with our secret key and every party's public keys.

What unpacks to more than was agreed is given up (E-PGP-08; AVG art. 32).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import resource
import signal
import tempfile
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exchange.faults import PgpFault
from exchange.pgp import home as homes
from exchange.pgp import listing, process
from exchange.pgp.listing import Key
from exchange.pgp.message import Message, Pieces, opened
from exchange.pgp.packets import KeyBlock
from exchange.pgp.process import Call
from exchange.pgp.verdict import Expected, PgpRefusal, judge

#: Bytes of plaintext that the slowest machine decrypts per second of processor time, and what any message may take.
SLOWEST, LEAST_SECONDS = 10_000_000, 2
#: Bytes that gpg may always write: its own small files count in the limit too.
LEAST_BYTES = 1 << 16
#: Key blocks that do not say for whom they are, of which so many are tried.
TRIED = 64
#: What is said of a gpg that stopped reading.
ENDED = "gpg stopte voordat het alles had gelezen"
_OLD_PRODUCTS_READ_THIS = ["--rfc4880", "--force-mdc", "--cipher-algo", "AES256", "--digest-algo", "SHA256"]
#: Of what gpg says when it could not do what we asked, the words that say why.
_WHY = ("INV_RECP", "INV_SGNR", "FAILURE", "ERROR")


@dataclass(frozen=True)
class Plaintext:
    """A verified message: file descriptor in memory, size in bytes, primary fingerprint of the signer."""

    fd: int
    size: int
    signer: str


@dataclass(frozen=True)
class Encrypted:
    """The sha256 (hexadecimal) and size in bytes of a ciphertext."""

    sha256: str
    size: int


class Encryptor:
    """Takes plaintext; `sha256` and `size` are those of the ciphertext once the context has ended."""

    def __init__(self, pipe: io.FileIO, call: Call) -> None:
        self._pipe, self._call = pipe, call
        self.sha256, self.size = "", 0

    def write(self, data: bytes) -> int:
        """Hand over some plaintext, all of it; raises PgpFault when gpg has ended, or does not go on."""
        view = memoryview(data)
        self._call.idle = False
        try:
            while view:
                view = view[self._pipe.write(view) :]
        except BrokenPipeError:
            raise PgpFault("versleutelen", ENDED) from None
        finally:
            self._call.idle = True
        return len(data)


class Keyring:
    """Decrypts for us, encrypts and signs for others. Open it with `Keyring.open`."""

    def __init__(self, home: Path, own_fingerprint: str, compressie: str) -> None:
        self._home, self.own_fingerprint = home, own_fingerprint
        self._gpg = process.driver(home)
        algorithm, _, level = compressie.partition(":")
        self._compress = ["--compress-algo", algorithm if algorithm != "none" else "uncompressed"]
        self._compress += ["--compress-level", level] if level else []
        self._lock = threading.Lock()
        self._known: dict[str, Key] | None = None

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, secret: bytes, own_fingerprint: str, public: Sequence[bytes], compressie: str = "zlib:1"
    ) -> Iterator[Keyring]:
        """A keyring with our secret key and the parties' public keys; gone, agent and all, when the context ends.

        What gpg cannot read of `public` is left out: no party's key stands in another's way."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no plaintext in a core dump
        with homes.private() as home:
            process.succeed(home, ["--import"], secret)
            if public:
                _import(home, public)
            yield cls(home, own_fingerprint, compressie)

    @contextlib.contextmanager
    def decrypt(self, path: Path, *, signers: Collection[str], at: datetime, max_bytes: int) -> Iterator[Plaintext]:
        """Decrypt into memory and judge. `at` is the moment of pickup, for which keys are judged; `max_bytes` limits
        the plaintext. Raises PgpRefusal, and PgpFault; nothing of a plaintext that was not verified leaves this
        function."""
        expected = Expected(signers, at, self.own_fingerprint, self._keys())
        fd = os.memfd_create("plaintext", os.MFD_CLOEXEC)
        try:
            with opened(path) as message:
                ours = message.stream(self._block(message, expected, max_bytes))
                gpg = self._decrypt(ours, f"/proc/{os.getpid()}/fd/{fd}", max_bytes)
            size = os.fstat(fd).st_size
            if size > max_bytes:
                raise PgpRefusal("E-PGP-08")
            yield Plaintext(fd, size, judge(gpg.status, gpg.code, expected))
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def encryptor(self, target: Path, recipient: str) -> Iterator[Encryptor]:
        """Stream plaintext into one signed message at `target`, encrypted to `recipient` and ourselves (see
        `exchange.steps.rekey`); raises PgpFault."""
        read_end, write_end = os.pipe()
        source, sink = io.FileIO(read_end, "r"), io.FileIO(write_end, "w")
        call = Call(self._gpg)
        encryptor = Encryptor(sink, call)
        call.idle = True

        def run() -> None:
            with source:  # closed as soon as gpg has ended, or whoever writes would wait for ever
                self._encrypt_file(call, source, target, recipient)

        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(run)
            try:
                yield encryptor
            finally:
                call.idle = False
                sink.close()
            made.result()
        encryptor.sha256, encryptor.size = _digest(target)

    def encrypt(self, content: bytes, target: Path, recipient: str) -> Encrypted:
        """Sign `content` and encrypt it to one receiver and ourselves, at `target`; raises PgpFault."""
        self._encrypt_file(Call(self._gpg), io.BytesIO(content), target, recipient)
        return Encrypted(*_digest(target))

    def sign(self, content: bytes) -> bytes:
        """A detached, armoured signature of ours over `content`; raises PgpFault."""
        call = Call(self._gpg)
        with call.feeding("ondertekenen"):
            made = call.sign_file(
                io.BytesIO(content), self.own_fingerprint, detach=True, extra_args=["--digest-algo", "SHA256"]
            )
        _require(call, "ondertekenen", "SIG_CREATED")
        return bytes(made.data)

    def can_encrypt(self, fingerprint: str, at: datetime) -> bool:
        """Whether the key with this primary fingerprint can receive at that moment: it holds, and so does a subkey (or
        itself) that encrypts."""
        known = self._keys()
        if fingerprint not in known or not _holds(known[fingerprint], at):
            return False
        parts = (one for one in known.values() if one.primary == fingerprint and "e" in one.capabilities)
        return any(_holds(one, at) for one in parts)

    def _encrypt_file(self, call: Call, source: Any, target: Path, recipient: str) -> None:
        with call.feeding("versleutelen"):
            call.encrypt_file(
                source,
                list(
                    dict.fromkeys((recipient, self.own_fingerprint))
                ),  # theirs first: that is what their program tries
                sign=self.own_fingerprint,
                always_trust=True,
                armor=False,
                output=str(target),
                extra_args=[*_OLD_PRODUCTS_READ_THIS, *self._compress, "--yes"],
            )
        _require(call, "versleutelen", "SIG_CREATED", "END_ENCRYPTION")

    def _block(self, message: Message, expected: Expected, max_bytes: int) -> KeyBlock:
        """The key block that is for us. gpg is asked about each one that may be, with a bit of the data behind it."""
        blocks = message.candidates({key.key_id for key in self._keys().values() if key.secret})
        if len(blocks) == 1:
            return blocks[0]
        for block in blocks[:TRIED]:
            tried = self._decrypt(io.BytesIO(message.sample(block)), os.devnull, max_bytes)
            if tried.status.fields("DECRYPTION_INFO"):
                return block
        raise PgpRefusal("E-PGP-02", expected.own)

    def _decrypt(self, source: Pieces | io.BytesIO, output: str, max_bytes: int) -> Call:
        """gpg when it has ended. A few kilobytes of nothing but compressed zeros must not keep it busy, nor fill our
        memory: the kernel ends it where it writes or works too much."""
        limits = {
            resource.RLIMIT_CPU: LEAST_SECONDS + max_bytes // SLOWEST,
            resource.RLIMIT_FSIZE: max(max_bytes + 1, LEAST_BYTES),
        }
        call = Call(self._gpg, limits)
        call.on_data = _dropped
        with call.feeding("ontsleutelen"):
            call.decrypt_file(source, always_trust=True, output=output, extra_args=["--yes"])
        if call.code in (-signal.SIGXCPU, -signal.SIGXFSZ):
            raise PgpRefusal("E-PGP-08")
        if call.chatty or (not call.whole and not call.code):
            raise PgpRefusal("E-PGP-05")
        if call.code < 0 or not call.said:  # killed from outside: says nothing about the message
            raise PgpFault("ontsleutelen", f"exit {call.code}")
        return call

    def _keys(self) -> dict[str, Key]:
        """Every key of the keyring; of those that were revoked, with the day."""
        with self._lock:
            if self._known is None:
                known = listing.keys(self._listed("--list-keys"))
                revoked = sorted({key.primary for key in known.values() if key.validity == listing.REVOKED})
                self._known = known | (listing.keys(self._listed("--list-sigs", *revoked)) if revoked else {})
            return self._known

    def _listed(self, *what: str) -> bytes:
        return process.run(self._home, ["--no-auto-check-trustdb", "--with-colons", "--with-secret", *what])[1]


def generate(uid: str, *, expires: str = "0") -> tuple[bytes, bytes, str]:
    """Make a key pair (ed25519 and cv25519): secret and public half, armoured, and the primary fingerprint."""
    with homes.private() as home:
        process.succeed(home, ["--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", expires])
        [fingerprint] = listing.keys(process.succeed(home, ["--with-colons", "--list-keys"]))
        process.succeed(home, ["--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", expires])
        secret = process.succeed(home, ["--armor", "--export-secret-keys", fingerprint])
        return secret, process.succeed(home, ["--armor", "--export", fingerprint]), fingerprint


def _import(home: Path, public: Sequence[bytes]) -> None:
    """All at once, each as a file: one may be armoured and the next binary. A key that starts in the future is taken
    along, for who signs with it must hear that; gpg uses none before its day."""
    with tempfile.TemporaryDirectory(dir=home) as folder:
        files = [Path(folder, str(number)) for number in range(len(public))]
        for file, key in zip(files, public, strict=True):
            file.write_bytes(key)
        _, told = process.run(home, ["--status-fd", "1", "--ignore-time-conflict", "--import", *map(str, files)])
    if b"IMPORT_RES " not in told or b"IMPORT_RES 0 " in told:
        raise PgpFault("import", "geen enkele sleutel gelezen")  # nothing at all: that is our own trouble


def _require(call: Call, action: str, *words: str) -> None:
    """Raises PgpFault unless gpg ended well and said each of these."""
    seen = call.status.keywords
    if not call.whole:
        raise PgpFault(action, ENDED)
    if call.code or not all(seen[word] for word in words):
        raise PgpFault(action, " ".join(word for word in _WHY if seen[word]) or f"exit {call.code}")


def _dropped(_data: bytes) -> bool:
    """For what gpg writes beside a message, such as the listing of a key that it met in one: it is not kept."""
    return False


def _holds(key: Key, at: datetime) -> bool:
    """Whether a primary key or subkey is in force at that moment and now: gpg goes by the clock of this machine."""
    now = datetime.now(UTC)
    if key.validity in listing.USELESS or (key.created and key.created > now):
        return False
    return not key.expires or key.expires > max(at, now)


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
