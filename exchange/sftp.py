"""SFTP with paramiko: one connection per party, pinned host keys, nothing overwritten.

The exchange logs in to the party's own account with its own key, whether the server is ours or theirs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import paramiko
import stamina

from exchange.faults import HostKeyMismatch, PartyUnreachable, TargetExists

#: Seconds for connecting, and for any single answer of a server.
TIMEOUT = 30.0
#: Bytes per request and the window that keeps requests flowing.
CHUNK, WINDOW = 1 << 18, 1 << 27


class Endpoint(Protocol):
    """Where a party's account is (`exchange.configuration.Sftp`)."""

    @property
    def host(self) -> str: ...
    @property
    def poort(self) -> int: ...
    @property
    def gebruiker(self) -> str: ...
    @property
    def hostkeys(self) -> tuple[str, ...]: ...
    @property
    def map(self) -> str: ...


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int: ...


@dataclass(frozen=True)
class RemoteFile:
    """One entry of a remote folder, as lstat saw it; `mtime` in whole seconds."""

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
    """Log in. Raises PartyUnreachable (tried again later) or HostKeyMismatch (nothing was exchanged)."""
    with _translated(partij):
        transport = _transport(endpoint, key_file, partij)
    try:
        with _translated(partij):
            client = paramiko.SFTPClient.from_transport(transport, window_size=WINDOW)
        if client is None:
            raise PartyUnreachable(partij, "no SFTP channel")
        channel = client.get_channel()
        if channel is not None:
            channel.settimeout(TIMEOUT)
        yield Connection(client, endpoint.map, partij)
    finally:
        transport.close()


class Connection:
    """A session with one party; every path is below the folder of its endpoint."""

    def __init__(self, client: paramiko.SFTPClient, base: str, partij: str) -> None:
        self._client, self._base, self._partij = client, base, partij

    def listing(self, folder: str) -> list[RemoteFile]:
        """What stands in `folder` (links are not followed); empty where there is no such folder."""
        with _translated(self._partij):
            try:
                entries = self._client.listdir_attr(self._path(folder))
            except FileNotFoundError:
                return []
        return [_remote(entry.filename, entry) for entry in entries]

    def stat(self, path: str) -> RemoteFile | None:
        """The file itself (lstat), None where there is none."""
        with _translated(self._partij):
            try:
                found = self._client.lstat(self._path(path))
            except FileNotFoundError:
                return None
        return _remote(path.rpartition("/")[2], found)

    def fetch(self, path: str, sink: Sink) -> None:
        """Stream a file into `sink`."""
        with _translated(self._partij), self._client.open(self._path(path), "rb") as remote:
            size = remote.stat().st_size
            remote.prefetch(size)
            while data := remote.read(CHUNK):
                sink.write(data)

    def put(self, content: BinaryIO, path: str, size: int) -> None:
        """Write a file under `path` (a temporary name); raises PartyUnreachable when not all of it arrived."""
        with _translated(self._partij):
            with self._client.open(self._path(path), "wb") as remote:
                remote.set_pipelined(True)
                while data := content.read(CHUNK):
                    remote.write(data)
            arrived = self._client.lstat(self._path(path)).st_size
        if arrived != size:
            raise PartyUnreachable(self._partij, f"{arrived} of {size} bytes arrived")

    def rename(self, source: str, target: str) -> None:
        """Give a file another name; raises TargetExists rather than overwrite."""
        if self.stat(target) is not None:
            raise TargetExists(target)
        with _translated(self._partij):
            self._client.rename(self._path(source), self._path(target))

    move = rename

    def remove(self, path: str) -> None:
        """Remove a file that may already be gone."""
        with _translated(self._partij), contextlib.suppress(FileNotFoundError):
            self._client.remove(self._path(path))

    def ensure_folder(self, folder: str) -> None:
        """Make a folder, and those above it, where they are missing."""
        parts = folder.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if self.stat(path) is None:
                with _translated(self._partij):
                    self._client.mkdir(self._path(path), 0o770)

    def _path(self, path: str) -> str:
        return f"{self._base}/{path}" if self._base else path


@stamina.retry(on=(OSError, EOFError), attempts=3, wait_initial=0.2, wait_max=1.0)
def _transport(endpoint: Endpoint, key_file: Path, partij: str) -> paramiko.Transport:
    """Connect, compare the host key with the pinned ones before anything is shown, and only then log in."""
    transport = paramiko.Transport(socket.create_connection((endpoint.host, endpoint.poort), TIMEOUT))
    transport.banner_timeout = transport.auth_timeout = TIMEOUT
    transport.packetizer.REKEY_BYTES = 1 << 40
    try:
        pinned = [tuple(key.split()[:2]) for key in endpoint.hostkeys]
        options = transport.get_security_options()
        kinds = [kind for kind in options.key_types if _family(kind) in {_family(name) for name, _ in pinned}]
        if not kinds:
            raise HostKeyMismatch(partij)
        options.key_types = tuple(kinds)
        transport.start_client(timeout=TIMEOUT)
        shown = transport.get_remote_server_key()
        if (shown.get_name(), shown.get_base64()) not in pinned:
            raise HostKeyMismatch(partij)
        transport.auth_publickey(endpoint.gebruiker, paramiko.Ed25519Key.from_private_key_file(str(key_file)))
    except BaseException:
        transport.close()
        raise
    return transport


def _family(kind: str) -> str:
    return "ssh-rsa" if kind.startswith("rsa-sha2") else kind


@contextlib.contextmanager
def _translated(partij: str) -> Iterator[None]:
    """Trouble on the way is the party being unreachable; the reason names its kind, never content."""
    try:
        yield
    except paramiko.ssh_exception.IncompatiblePeer:
        raise HostKeyMismatch(partij) from None
    except (OSError, EOFError, paramiko.SSHException) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        raise PartyUnreachable(partij, reason) from error


def _remote(name: str, entry: paramiko.SFTPAttributes) -> RemoteFile:
    return RemoteFile(name, entry.st_size or 0, int(entry.st_mtime or 0), stat.S_ISREG(entry.st_mode or 0))
