"""What a session with one party can do."""

from __future__ import annotations

import contextlib
import itertools
import stat
import unicodedata
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import paramiko
from paramiko.sftp import CMD_EXTENDED, CMD_MKDIR, CMD_REMOVE, CMD_RENAME

from exchange.faults import (
    FileChanged,
    FolderRefused,
    NotDone,
    RequestRefused,
    StoreFault,
    TargetExists,
    TooManyNames,
    UploadIncomplete,
)
from exchange.sftp import login
from exchange.sftp.deadline import Deadline
from exchange.sftp.login import Endpoint
from exchange.sftp.wire import SAFE, Absent, Ended, Refused, Session

#: Names in one folder that we look at: past that it is not seen whole, and nothing may be concluded from it.
MOST_NAMES = 500_000
#: In a listing, the folder itself and the one above it.
_SELF = (".", "..")


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int: ...


class Source(Protocol):
    """Gives bytes, none when it has ended."""

    def read(self, size: int, /) -> bytes: ...


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
def connect(endpoint: Endpoint, key_file: Path, partij: str, seconds: float) -> Iterator[Connection]:
    """Log in, for a visit of at most so many `seconds`. Raises PartyUnreachable and OutOfTime (tried again later),
    LoginRefused, HostKeyMismatch and ServerUnfit (nothing was exchanged), or ConfigurationFault (our own key cannot be
    read)."""
    deadline = Deadline(seconds)
    with login.session(endpoint, key_file, partij, deadline) as opened:
        yield Connection(opened, endpoint.map, partij, deadline)


class Connection:
    """A session with one party, for one thread; every path is below the folder of its endpoint.

    Every method raises PartyUnreachable when the connection breaks, OutOfTime when the visit has taken as long as it
    may, ServerUnfit when what is answered is no SFTP, and RequestRefused when the server refuses. Only status 2 says
    that a file is not there: any other leaves unknown whether it is.
    """

    def __init__(self, session: Session, base: str, partij: str, deadline: Deadline) -> None:
        self._session, self._base, self._partij, self._deadline = session, base, partij, deadline

    def listing(self, folder: str) -> list[RemoteFile] | None:
        """Everything in `folder` (links are not followed), names that we never touch too; None where there is no such
        folder. Raises FolderRefused, and TooManyNames rather than leave out what is there."""
        try:
            found = self.first(folder, MOST_NAMES + 1)
        except FolderRefused:
            if self.has_folder(folder):
                raise
            return None
        if len(found) > MOST_NAMES:
            raise TooManyNames(self._partij, folder, MOST_NAMES)
        return found

    def first(self, folder: str, most: int) -> list[RemoteFile]:
        """The first `most` that stand in `folder`, as the server names them. Raises FolderRefused, also where there is
        no such folder."""
        found = list(self._entries(folder, most))
        return [_remote(name, entry) if _complete(entry) else self._asked(folder, name) for name, entry in found]

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a folder (a file of that name is none).

        Servers give any answer for a folder that is not there, and some for one that is: only the folder above it,
        listed to the end, says that it is absent. Raises FolderRefused or TooManyNames where that cannot be seen.
        """
        if not folder:
            return True
        with contextlib.suppress(RequestRefused):
            found = self.stat(folder)
            if found is not None:
                return not found.regular
        above, _, name = folder.rpartition("/")
        try:
            with contextlib.closing(self._entries(above, MOST_NAMES + 1)) as entries:
                for at, (found_name, entry) in enumerate(entries):
                    if at == MOST_NAMES:
                        raise TooManyNames(self._partij, above, MOST_NAMES)
                    if found_name == name:
                        return not _remote(name, entry).regular
        except FolderRefused:
            if self.has_folder(above):
                raise
        return False

    def stat(self, path: str) -> RemoteFile | None:
        """The file itself (lstat), None where there is none."""
        with self._asking("het opzoeken van een bestand"):
            try:
                found = self._session.look(self._path(path))
            except Absent:
                return None
        return _remote(path.rpartition("/")[2], found)

    def fetch(self, path: str, sink: Sink, size: int) -> None:
        """Stream a file of `size` bytes into `sink`; what `sink` raises comes through. Raises FileChanged when it is of
        another size by now, or becomes shorter meanwhile."""
        with contextlib.closing(self._blocks(path, size)) as blocks:
            for data in blocks:
                sink.write(data)

    def put(self, content: Source, path: str, size: int) -> None:
        """Write a file under `path` (a temporary name), and see that it is there; raises UploadIncomplete when not all
        `size` bytes are, StoreFault when `content` cannot be read."""
        with self._asking("het schrijven van een bestand"):
            with self._session.writing(self._path(path)) as handle:
                self._session.write(handle, _read(content))
            try:
                arrived = self._session.look(self._path(path)).st_size
            except Absent:
                arrived = 0
        if arrived != size:
            raise UploadIncomplete(self._partij, arrived, size)

    def rename(self, source: str, target: str) -> None:
        """Give a file another name; raises TargetExists rather than overwrite. A server may have done what it refuses:
        who must know looks at both names.

        The plain request of SFTP version 3 fails on an existing target, but not on every server: so we look first.
        """
        if self.stat(target) is not None:
            raise TargetExists(target)
        try:
            with self._asking("het hernoemen van een bestand"):
                self._session.do(CMD_RENAME, self._path(source), self._path(target))
        except RequestRefused:
            if self.stat(target) is None or self.stat(source) is None:
                raise
            raise TargetExists(target) from None  # it came between our look and the request

    move = rename

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, in the place of what has it: only for what is ours and need not be kept.

        On a server that cannot do so in one go (or says that it cannot, in whatever way), there is nothing under
        `target` for a moment.
        """
        try:
            with self._asking("het hernoemen van een bestand"):
                extension = "posix-rename@openssh.com"
                self._session.do(CMD_EXTENDED, extension, self._path(source), self._path(target))
        except RequestRefused:
            if self.stat(source) is None:
                raise
            self.remove(target)
            self.rename(source, target)

    def remove(self, path: str) -> None:
        """Remove a file that may already be gone; raises NotDone when it still stands there."""
        verzoek = "het verwijderen van een bestand"
        with self._asking(verzoek):
            try:
                self._session.do(CMD_REMOVE, self._path(path))
            except Absent:
                return
        if self.stat(path) is not None:
            raise NotDone(self._partij, verzoek)

    def ensure_folder(self, folder: str) -> None:
        """Make a folder, and those above it, where they are missing; raises FolderRefused."""
        with contextlib.suppress(RequestRefused):
            if self.stat(folder) is not None:
                return
        above = folder.rpartition("/")[0]
        if above:
            self.ensure_folder(above)
        mode = paramiko.SFTPAttributes()
        mode.st_mode = 0o770
        try:
            with self._asking("het maken van de map", folder):
                self._session.do(CMD_MKDIR, self._path(folder), mode)
        except FolderRefused:
            if not self.has_folder(folder):  # it was there, or the party or another worker made it meanwhile
                raise

    def _entries(self, folder: str, most: int) -> Generator[tuple[str, paramiko.SFTPAttributes]]:
        """The first `most` that stand in a folder; a server that names the same without end is not followed."""
        with (
            self._asking("het lezen van de map", folder),
            contextlib.closing(self._session.entries(self._path(folder))) as entries,
        ):
            given = itertools.islice(entries, most + len(_SELF))
            yield from itertools.islice((entry for entry in given if entry[0] not in _SELF), most)

    def _blocks(self, path: str, size: int) -> Generator[bytes]:
        with self._asking("het lezen van een bestand"), self._session.reading(self._path(path)) as handle:
            if self._session.size(handle) not in (size, None):
                raise FileChanged(self._partij)
            try:
                yield from self._session.read(handle, size)
            except Ended:
                raise FileChanged(self._partij) from None

    def _asked(self, folder: str, name: str) -> RemoteFile:
        """For a server that lists names without attributes; of what it then refuses to show, nothing is known."""
        found = RemoteFile(name, 0, 0, regular=False)
        with contextlib.suppress(RequestRefused):
            return (self.stat(f"{folder}/{name}") or found) if found.deugt else found
        return found

    @contextlib.contextmanager
    def _asking(self, verzoek: str, folder: str | None = None) -> Iterator[None]:
        """What goes wrong with a request, as a fault that says what was asked."""
        try:
            with login.translated(self._partij, self._deadline):
                yield
        except Refused as refused:
            if folder is None:
                raise RequestRefused(self._partij, verzoek, refused.code) from None
            raise FolderRefused(self._partij, folder or self._base or ".", verzoek, refused.code) from None

    def _path(self, path: str) -> str:
        if not path or not self._base:
            return path or self._base or "."
        return f"{self._base.rstrip('/')}/{path}"


def _read(content: Source) -> Iterator[bytes]:
    while True:
        try:
            data = content.read(SAFE)
        except OSError as error:  # ours, not the party's
            raise StoreFault("het archief", type(error).__name__) from error  # not the name: a party may have chosen it
        if not data:
            return
        yield data


def _complete(entry: paramiko.SFTPAttributes) -> bool:
    return None not in (entry.st_mode, entry.st_size, entry.st_mtime)


def _remote(name: str, entry: paramiko.SFTPAttributes) -> RemoteFile:
    return RemoteFile(name, entry.st_size or 0, int(entry.st_mtime or 0), stat.S_ISREG(entry.st_mode or 0))
