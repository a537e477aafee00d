"""The SFTP adapter against OpenSSH's own server, and against one that does what OpenSSH never would."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest

from exchange.faults import (
    ConfigurationFault,
    FileChanged,
    HostKeyMismatch,
    LoginRefused,
    PartyUnreachable,
    RequestRefused,
    StoreFault,
    TargetExists,
    UploadIncomplete,
)
from exchange.sentences import sentence
from exchange.sftp import Connection, RemoteFile, connect
from tests.conftest import Sshd, program


@dataclass(frozen=True)
class Endpoint:
    """As a party's configuration gives it."""

    host: str
    poort: int
    gebruiker: str
    hostkeys: tuple[str, ...]
    map: str = ""


@dataclass
class Sink:
    """Keeps what it is given, and does something at the first block."""

    first: Callable[[], object] = lambda: None
    content: bytes = b""

    def write(self, data: bytes) -> int:
        if not self.content:
            self.first()
        self.content += data
        return len(data)


@pytest.fixture
def endpoint(sshd: Sshd) -> Endpoint:
    return Endpoint("127.0.0.1", sshd.port, sshd.user, (sshd.hostkey,), str(sshd.root))


@pytest.fixture
def connection(endpoint: Endpoint, sshd: Sshd) -> Iterator[Connection]:
    with connect(endpoint, sshd.key, "partij", 60) as opened:
        yield opened


def refused(endpoint: Endpoint, key: Path) -> PartyUnreachable:
    """How logging in fails."""
    with pytest.raises(PartyUnreachable) as caught, connect(endpoint, key, "partij", 60):
        pytest.fail("logged in")
    return caught.value


# Logging in


def test_one_of_several_pinned_host_keys_is_enough(endpoint: Endpoint, sshd: Sshd) -> None:
    """A party announces its next key before it changes."""
    following = " ".join(sshd.key.with_suffix(".pub").read_text().split()[:2])
    with connect(replace(endpoint, hostkeys=(following, sshd.hostkey)), sshd.key, "partij", 60) as opened:
        assert opened.listing("") == []


def test_a_changed_host_key_stops_before_anything_is_exchanged(endpoint: Endpoint, sshd: Sshd) -> None:
    other = replace(endpoint, hostkeys=(sshd.key.with_suffix(".pub").read_text(),))
    with pytest.raises(HostKeyMismatch) as caught, connect(other, sshd.key, "partij", 60):
        pytest.fail("logged in")
    assert not caught.value.retry
    assert "publickey" not in (sshd.root.parent / "log").read_text()  # no login was tried


def test_a_host_key_of_another_kind_than_pinned_is_a_changed_one(endpoint: Endpoint, sshd: Sshd) -> None:
    other = replace(endpoint, hostkeys=("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",))
    with pytest.raises(HostKeyMismatch), connect(other, sshd.key, "partij", 60):
        pytest.fail("logged in")


def test_a_server_that_is_not_there_is_unreachable(endpoint: Endpoint, sshd: Sshd) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        fault = refused(replace(endpoint, poort=taken.getsockname()[1]), sshd.key)
    assert (fault.retry, fault.reason) == (True, "de verbinding is geweigerd")


def test_a_host_name_that_does_not_exist_is_said(endpoint: Endpoint, sshd: Sshd) -> None:
    assert refused(replace(endpoint, host="sftp.invalid"), sshd.key).reason == "de naam van de server is niet bekend"


def test_a_login_that_is_refused_names_the_user_and_our_key(endpoint: Endpoint, sshd: Sshd) -> None:
    key = sshd.key.with_name("host")
    with pytest.raises(LoginRefused) as caught, connect(endpoint, key, "partij", 60):
        pytest.fail("logged in")
    shown = subprocess.run(
        [program("ssh-keygen"), "-l", "-f", f"{key}.pub"], capture_output=True, text=True, check=True
    )
    assert caught.value.sleutel == shown.stdout.split()[1]
    assert (caught.value.gebruiker, caught.value.retry) == (sshd.user, False)
    assert "niet bereikbaar" not in sentence(caught.value)


def test_a_few_attempts_are_made_when_the_line_breaks(endpoint: Endpoint, sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted = []

        def hang_up() -> None:
            while True:
                try:
                    caller = listener.accept()[0]
                except OSError:
                    return
                accepted.append(caller)
                caller.close()

        threading.Thread(target=hang_up, daemon=True).start()
        refused(replace(endpoint, poort=listener.getsockname()[1]), sshd.key)
        listener.shutdown(socket.SHUT_RDWR)
    assert len(accepted) == 3


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_key_of_ours_that_cannot_be_read_is_our_fault(
    endpoint: Endpoint, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigurationFault), connect(endpoint, tmp_path / "key", "partij", 60):
        pytest.fail("logged in")


# Looking


def test_a_listing_tells_files_from_what_we_never_touch(connection: Connection, sshd: Sshd) -> None:
    inbox = sshd.root / "in"
    inbox.mkdir()
    (inbox / "good.csv.pgp").write_bytes(b"abc")
    os.utime(inbox / "good.csv.pgp", (1, 1_000_000_000))
    (inbox / "folder").mkdir()
    (inbox / "link.csv.pgp").symlink_to("/etc/passwd")
    os.mkfifo(inbox / "pipe")
    for name in (".hidden", "back\\slash", "new\nline", "bell\a", "turned\u202epgp.csv"):
        (inbox / name).touch()
    (inbox / os.fsdecode(b"latin-\xeb.csv")).touch()
    found = {file.name: file for file in connection.listing("in")}
    assert set(found) == {path.name for path in inbox.iterdir()}
    assert [file for file in found.values() if file.regular and file.deugt] == [
        RemoteFile("good.csv.pgp", 3, 1_000_000_000, True)
    ]
    assert {name for name, file in found.items() if not file.regular} == {"folder", "link.csv.pgp", "pipe"}


def test_a_folder_that_is_not_there_is_no_empty_folder(connection: Connection, sshd: Sshd) -> None:
    (sshd.root / "empty").mkdir()
    (sshd.root / "file").touch()
    assert [connection.listing(name) for name in ("empty", "file", "absent", "absent/below")] == [[], None, None, None]
    assert [connection.has_folder(name) for name in ("empty", "file", "absent", "")] == [True, False, False, True]
    assert connection.stat("absent") is None


def test_a_large_folder_is_listed_whole(connection: Connection, sshd: Sshd) -> None:
    for number in range(500):
        (sshd.root / f"{number:03d}").touch()
    assert sorted(file.name for file in connection.listing("")) == [f"{number:03d}" for number in range(500)]


# Fetching


@pytest.mark.parametrize("size", [0, 1, 32_768, 255 * 1024, 255 * 1024 + 1, 20_000_003])
def test_a_file_arrives_whole(connection: Connection, sshd: Sshd, size: int) -> None:
    content = os.urandom(size)
    (sshd.root / "file").write_bytes(content)
    sink = Sink()
    connection.fetch("file", sink, len(content))
    assert sink.content == content


def test_of_a_file_that_grows_no_more_is_fetched_than_was_seen(connection: Connection, sshd: Sshd) -> None:
    """The look afterwards sees that it grew: a file that never ends must not fill the archive."""
    content = os.urandom(9_000_000)
    (sshd.root / "file").write_bytes(content)

    def grow() -> None:
        with (sshd.root / "file").open("ab") as file:
            file.write(b"more")

    sink = Sink(grow)
    connection.fetch("file", sink, len(content))
    assert sink.content == content
    [grown] = connection.listing("") or []
    assert connection.stat("file") == grown == RemoteFile("file", 9_000_004, grown.mtime, True)
    with pytest.raises(FileChanged):
        connection.fetch("file", Sink(), 9_000_000)


def test_a_file_that_becomes_shorter_is_not_taken_for_whole(connection: Connection, sshd: Sshd) -> None:
    (sshd.root / "file").write_bytes(bytes(20_000_000))
    with pytest.raises(FileChanged):
        connection.fetch("file", Sink(lambda: os.truncate(sshd.root / "file", 300_000)), 20_000_000)
    assert connection.listing("")  # the connection still serves


def test_a_full_disk_of_ours_is_not_the_partys_fault(connection: Connection, sshd: Sshd) -> None:
    (sshd.root / "file").write_bytes(bytes(9_000_000))
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError) as caught:
        connection.fetch("file", full, 9_000_000)
    assert caught.value.errno == errno.ENOSPC
    sink = Sink()
    connection.fetch("file", sink, 9_000_000)
    assert sink.content == bytes(9_000_000)


# Leaving


def test_an_upload_is_verified_and_a_rename_never_overwrites(connection: Connection, sshd: Sshd) -> None:
    content, place = os.urandom(9_000_001), sshd.root / "uit" / "0363"
    connection.ensure_folder("uit/0363")
    connection.ensure_folder("uit/0363")
    connection.put(io.BytesIO(content), "uit/0363/.x.tmp", len(content))
    connection.rename("uit/0363/.x.tmp", "uit/0363/x")
    assert (place / "x").read_bytes() == content
    connection.put(io.BytesIO(b"other"), "uit/0363/.x.tmp", 5)
    with pytest.raises(TargetExists):
        connection.rename("uit/0363/.x.tmp", "uit/0363/x")
    assert (place / "x").read_bytes() == content
    connection.remove("uit/0363/.x.tmp")
    connection.remove("uit/0363/.x.tmp")
    assert [path.name for path in place.iterdir()] == ["x"]


def test_only_what_may_be_replaced_takes_the_place_of_another_file(connection: Connection, sshd: Sshd) -> None:
    for name, content in ((".x.tmp", b"new"), ("x", b"old"), (".y.tmp", b"first")):
        (sshd.root / name).write_bytes(content)
    connection.replace(".x.tmp", "x")
    connection.replace(".y.tmp", "y")
    assert {path.name: path.read_bytes() for path in sshd.root.iterdir()} == {"x": b"new", "y": b"first"}
    with pytest.raises(RequestRefused):
        connection.replace(".gone.tmp", "x")
    assert (sshd.root / "x").read_bytes() == b"new"


def test_an_upload_again_replaces_a_longer_remnant(connection: Connection, sshd: Sshd) -> None:
    (sshd.root / ".x.tmp").write_bytes(bytes(1_000_000))
    connection.put(io.BytesIO(b"abc"), ".x.tmp", 3)
    assert (sshd.root / ".x.tmp").read_bytes() == b"abc"


def test_a_move_of_what_is_gone_is_no_success(connection: Connection) -> None:
    with pytest.raises(RequestRefused):
        connection.move("absent", "target")


def test_a_move_to_another_filesystem_is_refused_and_leaves_the_file(connection: Connection, sshd: Sshd) -> None:
    (sshd.root / "file").write_bytes(b"abc")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        (sshd.root / "opgehaald").symlink_to(elsewhere)
        with pytest.raises(RequestRefused):
            connection.move("file", "opgehaald/file")
        assert connection.stat("opgehaald/file") is None
    assert (sshd.root / "file").read_bytes() == b"abc"


def test_an_upload_that_did_not_arrive_whole_is_not_believed(connection: Connection) -> None:
    with pytest.raises(UploadIncomplete, match="3 of 4 bytes"):
        connection.put(io.BytesIO(b"abc"), "short", 4)


def test_a_full_disk_at_the_party_is_seen_though_writes_run_ahead(connection: Connection, sshd: Sshd) -> None:
    (sshd.root / "x").symlink_to("/dev/full")
    with pytest.raises(RequestRefused, match="SFTP status 4"):
        connection.put(io.BytesIO(bytes(9_000_000)), "x", 9_000_000)
    assert connection.listing("")


def test_an_archive_that_cannot_be_read_is_our_fault(connection: Connection) -> None:
    with pytest.raises(StoreFault):
        connection.put(_Broken(), "x", 3)


class _Broken(io.BytesIO):
    """A disk that fails."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


# A server that is not OpenSSH's


class Odd(asyncssh.SFTPServer):
    """Gives less than asked, lists without attributes, overwrites when renaming but not when asked to, and hangs up in
    the middle."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path) -> None:
        super().__init__(channel, chroot=os.fsencode(root))

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        data = super().read(file_obj, offset, min(size, 10_000))
        if b"HANG UP" in data:
            self.channel.get_connection().abort()
        return data

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for entry in super().scandir(path):
            yield asyncssh.SFTPName(entry.filename, attrs=asyncssh.SFTPAttrs())

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("never heard of it")


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[tuple[Connection, Path]]:
    """A connection to such a server, and its folder."""
    root = tmp_path / "root"
    root.mkdir()
    for name in ("host", "client"):
        command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[str(tmp_path / "host")],
            authorized_client_keys=str(tmp_path / "client.pub"),
            sftp_factory=lambda channel: Odd(channel, root),
        )

    listener = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    hostkey = (tmp_path / "host.pub").read_text()
    try:
        endpoint = Endpoint("127.0.0.1", listener.get_port(), "odd", (hostkey,))
        with connect(endpoint, tmp_path / "client", "partij", 60) as opened:
            yield opened, root
    finally:
        loop.call_soon_threadsafe(listener.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_server_that_gives_less_than_asked_costs_only_time(odd: tuple[Connection, Path]) -> None:
    connection, root = odd
    content = os.urandom(400_001)
    (root / "file").write_bytes(content)
    sink = Sink()
    connection.fetch("file", sink, len(content))
    assert sink.content == content


def test_a_server_that_lists_no_attributes_is_asked_for_each(odd: tuple[Connection, Path]) -> None:
    connection, root = odd
    (root / "x.csv.pgp").write_bytes(b"abc")
    os.utime(root / "x.csv.pgp", (1_000_000_000, 1_000_000_000))
    (root / "folder").mkdir()
    found = {file.name: file for file in connection.listing("")}
    assert found["x.csv.pgp"] == RemoteFile("x.csv.pgp", 3, 1_000_000_000, regular=True)
    assert not found["folder"].regular


def test_a_server_that_overwrites_is_not_given_the_chance(odd: tuple[Connection, Path]) -> None:
    connection, root = odd
    (root / "old").write_bytes(b"old")
    (root / "new").write_bytes(b"new")
    with pytest.raises(TargetExists):
        connection.rename("new", "old")
    assert (root / "old").read_bytes() == b"old"


def test_a_server_that_cannot_replace_in_one_go_does_so_in_two(odd: tuple[Connection, Path]) -> None:
    connection, root = odd
    (root / "x").write_bytes(b"old")
    for content in (b"new", b"newer"):
        (root / ".x.tmp").write_bytes(content)
        connection.replace(".x.tmp", "x")
        assert {path.name: path.read_bytes() for path in root.iterdir()} == {"x": content}


def test_a_server_that_hangs_up_in_the_middle_is_tried_again_later(odd: tuple[Connection, Path]) -> None:
    connection, root = odd
    (root / "file").write_bytes(bytes(300_000) + b"HANG UP" + bytes(300_000))
    with pytest.raises(PartyUnreachable):
        connection.fetch("file", Sink(), 600_007)
