"""What a session with one party can do."""

from __future__ import annotations

import contextlib
import stat
import unicodedata
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import paramiko
from paramiko.sftp import SFTP_OP_UNSUPPORTED

from exchange.faults import PartyUnreachable, StoreFault, TargetExists, UploadIncomplete
from exchange.sftp.login import ANSWERING, Endpoint, login, translated
from exchange.sftp.wire import PACKET, SAFE, WINDOW, Refused, Session


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int: ...


@dataclass(frozen=True)
class RemoteFile:
    """One entry of a remote folder, as lstat saw it; `size` in bytes, `mtime` in whole seconds (UTC)."""

    name: str
    size: int
    mtime: int
    regular: bool

    @property
    def deugt(self) -> bool:
        """Whether the name is one that we would ever touch: no separators, no leading dot, nothing invisible."""
        odd = any(character in "/\\" or unicodedata.category(character).startswith("C") for character in self.name)
        return bool(self.name) and not odd and not self.name.startswith(".")


@contextlib.contextmanager
def connect(endpoint: Endpoint, key_file: Path, partij: str) -> Iterator[Connection]:
    """Log in. Raises PartyUnreachable (tried again later), HostKeyMismatch (nothing was exchanged) or
    ConfigurationFault (our own key cannot be read)."""
    transport = login(endpoint, key_file, partij)
    try:
        with translated(partij):
            session = Session.from_transport(transport, window_size=WINDOW, max_packet_size=PACKET)
            channel = session.get_channel() if session else None
            if session is None or channel is None:
                raise PartyUnreachable(partij, "de server geeft geen SFTP-kanaal")
            channel.settimeout(ANSWERING)
        yield Connection(session, endpoint.map, partij)
    finally:
        transport.close()


class Connection:
    """A session with one party, for one thread; every path is below the folder of its endpoint.

    Every method raises PartyUnreachable when the connection breaks, and RequestRefused when the server answers with a
    refusal. Only status 2 says that a file is not there: any other leaves unknown whether it is.
    """

    def __init__(self, session: Session, base: str, partij: str) -> None:
        self._session, self._base, self._partij = session, base, partij

    def listing(self, folder: str) -> list[RemoteFile]:
        """What stands in `folder` (links are not followed), names that we never touch too; empty where it is not."""
        with translated(self._partij, "het lezen van een map"):
            try:
                entries = list(self._session.entries(self._path(folder)))
            except FileNotFoundError:
                return []
        return [_remote(name, entry) if _complete(entry) else self._asked(folder, name) for name, entry in entries]

    def stat(self, path: str) -> RemoteFile | None:
        """The file itself (lstat), None where there is none."""
        with translated(self._partij, "het opzoeken van een bestand"):
            try:
                found = self._session.lstat(self._path(path))
            except FileNotFoundError:
                return None
        return _remote(path.rpartition("/")[2], found)

    def fetch(self, path: str, sink: Sink) -> None:
        """Stream a file into `sink`, as much as it held when it was opened; what `sink` raises comes through."""
        with contextlib.closing(self._blocks(path)) as blocks:
            for data in blocks:
                sink.write(data)

    def put(self, content: BinaryIO, path: str, size: int) -> None:
        """Write a file under `path` (a temporary name); raises UploadIncomplete when not all `size` bytes arrived,
        StoreFault when `content` cannot be read."""
        with translated(self._partij, "het schrijven van een bestand"):
            with self._session.open(self._path(path), "wb") as remote:
                self._session.write(_handle(remote), _read(content, path))
            arrived = self._session.lstat(self._path(path)).st_size
        if arrived != size:
            raise UploadIncomplete(self._partij, arrived, size)

    def rename(self, source: str, target: str) -> None:
        """Give a file another name; raises TargetExists rather than overwrite.

        The plain request of SFTP version 3 fails on an existing target, but not on every server: so we look first.
        """
        if self.stat(target) is not None:
            raise TargetExists(target)
        with translated(self._partij, "het hernoemen van een bestand"):
            try:
                self._session.rename(self._path(source), self._path(target))
            except OSError as refusal:
                if isinstance(refusal, FileNotFoundError) or self.stat(target) is None:
                    raise
                raise TargetExists(target) from None  # it came between our look and the request

    move = rename

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, in the place of what has it: only for what is ours and need not be kept.

        On a server that cannot do so in one go, there is nothing under `target` for a moment.
        """
        with translated(self._partij, "het hernoemen van een bestand"):
            try:
                self._session.posix_rename(self._path(source), self._path(target))
                return
            except Refused as refusal:
                if refusal.code != SFTP_OP_UNSUPPORTED:
                    raise
        self.remove(target)
        self.rename(source, target)

    def remove(self, path: str) -> None:
        """Remove a file that may already be gone."""
        with (
            translated(self._partij, "het verwijderen van een bestand"),
            contextlib.suppress(FileNotFoundError),
        ):
            self._session.remove(self._path(path))

    def ensure_folder(self, folder: str) -> None:
        """Make a folder, and those above it, where they are missing."""
        if self.stat(folder) is not None:
            return
        above = folder.rpartition("/")[0]
        if above:
            self.ensure_folder(above)
        with translated(self._partij, "het maken van een map"):
            try:
                self._session.mkdir(self._path(folder), 0o770)
            except OSError:
                if self.stat(folder) is None:  # unless the party or another worker made it meanwhile
                    raise

    def _blocks(self, path: str) -> Generator[bytes]:
        with (
            translated(self._partij, "het lezen van een bestand"),
            self._session.open(self._path(path), "rb") as remote,
        ):
            yield from self._session.read(_handle(remote), remote.stat().st_size or 0)

    def _asked(self, folder: str, name: str) -> RemoteFile:
        """For a server that lists names without attributes."""
        found = RemoteFile(name, 0, 0, regular=False)
        return (self.stat(f"{folder}/{name}") or found) if found.deugt else found

    def _path(self, path: str) -> str:
        return f"{self._base}/{path}" if self._base else path


def _read(content: BinaryIO, name: str) -> Iterator[bytes]:
    while True:
        try:
            data = content.read(SAFE)
        except OSError as error:  # ours, not the party's
            raise StoreFault(name, type(error).__name__) from error
        if not data:
            return
        yield data


def _handle(remote: paramiko.SFTPFile) -> bytes:
    handle: object = remote.handle  # the stubs give the server's kind of handle
    assert isinstance(handle, bytes)
    return handle


def _complete(entry: paramiko.SFTPAttributes) -> bool:
    return None not in (entry.st_mode, entry.st_size, entry.st_mtime)


def _remote(name: str, entry: paramiko.SFTPAttributes) -> RemoteFile:
    return RemoteFile(name, entry.st_size or 0, int(entry.st_mtime or 0), stat.S_ISREG(entry.st_mode or 0))
