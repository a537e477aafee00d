"""A GNUPGHOME for one process, with our secret key and every party's public keys.

What unpacks to more than was agreed is given up (E-PGP-08; AVG art. 32).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import logging
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import gnupg

from exchange.faults import PgpFault
from exchange.pgp.armour import opened
from exchange.pgp.verdict import Expected, PgpRefusal, Status, judge

#: gpg 2.2 reads and writes in 16 KiB pieces unless python-gnupg is told otherwise.
BUFFER = 1 << 20
#: Bytes of plaintext that the slowest machine decrypts per second of processor time, and what any message may take.
SLOWEST, LEAST_SECONDS = 10_000_000, 2
#: How the folders that hold a keyring are named, and after how many seconds an unlocked one counts as left behind.
_HOME, ABANDONED = "nachtpost-gpg-", 60
#: What is said of a gpg that stopped reading.
ENDED = "gpg stopte voordat het alles had gelezen"
#: What python-gnupg raises when gpg ended while it was still being fed; the second when its pipe was closed already.
_FED_TOO_LONG = (BrokenPipeError, ValueError)
_OLD_PRODUCTS_READ_THIS = ["--rfc4880", "--force-mdc", "--cipher-algo", "AES256", "--digest-algo", "SHA256"]

# python-gnupg logs each failure, with stack traces of its own threads; to us they come as results
logging.getLogger("gnupg").setLevel(logging.CRITICAL)


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


class _Decrypt(gnupg.GPG):  # type: ignore[misc]  # ships no types
    """python-gnupg for one call, with a limit in seconds to the processor time of gpg; it has none of its own, and no
    public place for one. Never shared: whoever calls next would read and write the gpg of whoever called before."""

    process: subprocess.Popen[bytes]
    said = ""

    def __init__(self, gpg: gnupg.GPG, seconds: int) -> None:
        self.__dict__.update(gpg.__dict__)
        self._seconds = seconds

    def _open_subprocess(self, args: list[str], passphrase: bool = False) -> subprocess.Popen[bytes]:
        self.process = super()._open_subprocess(args, passphrase)
        resource.prlimit(self.process.pid, resource.RLIMIT_CPU, (self._seconds, self._seconds + 1))
        return self.process

    def _collect_output(self, process: subprocess.Popen[bytes], result: Any, *rest: Any) -> Any:
        """What gpg said, also where it ended before it had read everything: then there is no result."""
        code = super()._collect_output(process, result, *rest)
        self.said = result.stderr
        return code


class Encryptor:
    """Takes plaintext; `sha256` and `size` are those of the ciphertext once the context has ended."""

    def __init__(self, pipe: io.FileIO) -> None:
        self._pipe = pipe
        self.sha256, self.size = "", 0

    def write(self, data: bytes) -> None:
        """Hand over some plaintext; raises PgpFault when gpg has ended."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._pipe.write(view) :]
        except BrokenPipeError:
            raise PgpFault("versleutelen", ENDED) from None


class Keyring:
    """Decrypts for us, encrypts and signs for others. Open it with `Keyring.open`."""

    def __init__(self, home: Path, own_fingerprint: str, compressie: str) -> None:
        self._home, self.own_fingerprint = home, own_fingerprint
        self._gpg = gnupg.GPG(gnupghome=str(home), options=["--no-options", "--no-auto-check-trustdb"])
        self._gpg.buffer_size = BUFFER
        self._gpg.encoding = "latin-1"  # reads any byte: names in old keys are not always UTF-8
        algorithm, _, level = compressie.partition(":")
        self._compress = ["--compress-algo", algorithm if algorithm != "none" else "uncompressed"]
        self._compress += ["--compress-level", level] if level else []
        self._lock = threading.Lock()
        self._keys: dict[str, dict[str, Any]] | None = None

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, secret: bytes, own_fingerprint: str, public: Sequence[bytes], compressie: str = "zlib:1"
    ) -> Iterator[Keyring]:
        """A keyring with our secret key and the parties' public keys; gone, agent and all, when the context ends."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no plaintext in a core dump
        with _private_home() as home:
            _gpg(home, ["--import"], secret)
            if public:
                _import(home, public)
            yield cls(home, own_fingerprint, compressie)

    @contextlib.contextmanager
    def decrypt(self, path: Path, *, signers: Collection[str], at: datetime, max_bytes: int) -> Iterator[Plaintext]:
        """Decrypt into memory and judge. `at` is the moment of pickup, for which keys are judged; `max_bytes` limits
        the plaintext. Raises PgpRefusal; nothing of a plaintext that was not verified leaves this function."""
        fd = os.memfd_create("plaintext", os.MFD_CLOEXEC)
        try:
            with opened(path) as content:
                status, exit_code = self._run_decrypt(content, fd, max_bytes)
            size = os.fstat(fd).st_size
            own = self._listed().get(self.own_fingerprint, {})
            expires = _date(own.get("expires", ""))
            expected = Expected(signers, at, self.own_fingerprint, expires or "nader bericht")
            signer = judge(status, exit_code, expected)
            yield Plaintext(fd, size, signer)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def encryptor(self, target: Path, recipient: str) -> Iterator[Encryptor]:
        """Stream plaintext into one signed and encrypted message at `target`; raises PgpFault."""
        read_end, write_end = os.pipe()
        source, sink = io.FileIO(read_end, "r"), io.FileIO(write_end, "w")
        encryptor = Encryptor(sink)
        results: list[Any] = []

        def run() -> None:
            with source, contextlib.suppress(PgpFault):
                results.append(self._encrypt_file(source, target, recipient))

        worker = threading.Thread(target=run)
        worker.start()
        try:
            yield encryptor
        finally:
            sink.close()
            worker.join()
        if not results or not results[0].ok:
            raise PgpFault("versleutelen", str(results[0].status) if results else ENDED)
        encryptor.sha256, encryptor.size = _digest(target)

    def encrypt(self, content: bytes, target: Path, recipient: str) -> Encrypted:
        """Sign `content` and encrypt it to one receiver, at `target`; raises PgpFault."""
        result = self._encrypt_file(io.BytesIO(content), target, recipient)
        if not result.ok:
            raise PgpFault("versleutelen", str(result.status))
        return Encrypted(*_digest(target))

    def sign(self, content: bytes) -> bytes:
        """A detached, armoured signature of ours over `content`; raises PgpFault."""
        result = self._gpg.sign_file(
            io.BytesIO(content), self.own_fingerprint, detach=True, extra_args=["--digest-algo", "SHA256"]
        )
        if not result:
            raise PgpFault("ondertekenen", str(result.status))
        return bytes(result.data)

    def can_encrypt(self, fingerprint: str, at: datetime) -> bool:
        """Whether the key with this primary fingerprint can receive at that moment: it holds, and so does a subkey (or
        itself) that encrypts."""
        key = self._listed().get(fingerprint)
        if key is None or not _holds(key, at):
            return False
        return any("e" in one["cap"] and _holds(one, at) for one in (key, *key.get("subkey_info", {}).values()))

    def _encrypt_file(self, source: Any, target: Path, recipient: str) -> Any:
        try:
            return self._gpg.encrypt_file(
                source,
                recipient,
                sign=self.own_fingerprint,
                always_trust=True,
                armor=False,
                output=str(target),
                extra_args=[*_OLD_PRODUCTS_READ_THIS, *self._compress, "--yes"],
            )
        except _FED_TOO_LONG:
            raise PgpFault("versleutelen", ENDED) from None

    def _run_decrypt(self, content: BinaryIO, fd: int, max_bytes: int) -> tuple[Status, int]:
        """gpg's status lines and exit code. `--max-output` only stops the writing: a few kilobytes of nothing but
        compressed zeros would keep gpg busy for hours."""
        gpg = _Decrypt(self._gpg, LEAST_SECONDS + max_bytes // SLOWEST)
        with contextlib.suppress(*_FED_TOO_LONG):
            gpg.decrypt_file(
                content,
                always_trust=True,
                output=f"/proc/{os.getpid()}/fd/{fd}",
                extra_args=["--max-output", str(max_bytes), "--yes"],
            )
        exit_code = gpg.process.returncode
        if exit_code == -signal.SIGXCPU:
            raise PgpRefusal("E-PGP-08")
        if exit_code < 0 or not gpg.said:  # killed from outside: says nothing about the message
            raise PgpFault("ontsleutelen", f"exit {exit_code}")
        return Status.parse(gpg.said), exit_code

    def _listed(self) -> dict[str, dict[str, Any]]:
        with self._lock:
            if self._keys is None:
                self._keys = {key["fingerprint"]: key for key in self._gpg.list_keys()}
            return self._keys


def generate(uid: str, *, expires: str = "0") -> tuple[bytes, bytes, str]:
    """Make a key pair (ed25519 and cv25519): secret and public half, armoured, and the primary fingerprint."""
    with _private_home() as home:
        _gpg(home, ["--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", expires])
        listing = _gpg(home, ["--with-colons", "--list-keys"]).decode()
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        _gpg(home, ["--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", expires])
        secret = _gpg(home, ["--armor", "--export-secret-keys", fingerprint])
        return secret, _gpg(home, ["--armor", "--export", fingerprint]), fingerprint


@contextlib.contextmanager
def _private_home() -> Iterator[Path]:
    """A private folder with a short path: the agent's socket has room for 108 bytes."""
    _clear_abandoned()
    home = Path(tempfile.mkdtemp(prefix=_HOME, dir="/tmp"))
    (home / "gpg-agent.conf").write_text("auto-expand-secmem 0x1000000\n")
    with _locked(home):
        try:
            yield home
        finally:
            _remove(home)


def _clear_abandoned() -> None:
    """Homes of processes that were killed hold a secret key and keep an agent: whoever comes next removes them."""
    for home in Path("/tmp").glob(f"{_HOME}*"):  # noqa: S108 (looks only at what is ours)
        with contextlib.suppress(OSError):  # in use, or just gone
            found = home.lstat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > ABANDONED:
                with _locked(home):
                    _remove(home)


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """The kernel ends the lock with the process; raises BlockingIOError where another holds it."""
    handle = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _remove(home: Path) -> None:
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
    shutil.rmtree(home, ignore_errors=True)


def _gpg(home: Path, arguments: list[str], content: bytes = b"", *, fine: Collection[int] = (0,)) -> bytes:
    command = ["gpg", "--homedir", str(home), "--no-options", "--batch", "--quiet", "--pinentry-mode", "loopback"]
    done = subprocess.run([*command, *arguments], input=content, capture_output=True, check=False)
    if done.returncode not in fine:
        action = [one for one in arguments if one.startswith("--")][-1]
        raise PgpFault(action.strip("-"), f"exit {done.returncode}")
    return done.stdout


def _import(home: Path, public: Sequence[bytes]) -> None:
    """All at once, each as a file: one may be armoured and the next binary. gpg goes on after one that it cannot read
    to its end (and ends with 2), which is then that party's alone: whether a key can be used is asked at each use."""
    with tempfile.TemporaryDirectory(dir=home) as folder:
        files = [Path(folder, str(number)) for number in range(len(public))]
        for file, key in zip(files, public, strict=True):
            file.write_bytes(key)
        told = _gpg(home, ["--status-fd", "1", "--import", *map(str, files)], fine=(0, 2))
    if b"IMPORT_RES " not in told or b"IMPORT_RES 0 " in told:  # it read nothing at all: that is our own trouble
        raise PgpFault("import", "geen enkele sleutel gelezen")


def _holds(key: dict[str, Any], at: datetime) -> bool:
    """Whether a primary key or subkey is in force at that moment and now: gpg goes by the clock of this machine."""
    if key["trust"] in ("r", "e", "d", "i") or int(key["date"]) > time.time():
        return False
    return not key["expires"] or int(key["expires"]) > max(at.timestamp(), time.time())


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _date(moment: str) -> str:
    return datetime.fromtimestamp(int(moment), UTC).date().isoformat() if moment else ""
