"""The SFTP adapter against servers as they are: none of their answers is believed further than it goes."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.sftp import SFTPError

from exchange.configuration import load
from exchange.faults import (
    FolderRefused,
    NotDone,
    OutOfTime,
    PartyUnreachable,
    RequestRefused,
    ServerUnfit,
    TooManyNames,
    UploadIncomplete,
)
from exchange.sandbox.create import Sandbox, create
from exchange.sftp import Connection, RemoteFile, connect, connection
from exchange.sftp.wire import Session
from tests.integration.servers import (
    HALF,
    NEVER,
    NOISE,
    Account,
    Habit,
    denies,
    empty,
    lose,
    pretends,
    refuses,
    serving,
    then,
)

PARTY = "huur-01"
Connect = Callable[..., contextlib.AbstractContextManager[Connection]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return create(
        tmp_path_factory.mktemp("t") / "s", partners=1, uitvoerders=1, signalen=0, wrong=False, profielen=False
    )


@pytest.fixture(scope="module")
def accounts(sandbox: Sandbox) -> Iterator[dict[str, Account]]:
    with serving(sandbox.folder) as served:
        yield served


@pytest.fixture
def server(accounts: dict[str, Account]) -> Iterator[Account]:
    """How the server treats us."""
    yield accounts[PARTY]
    accounts[PARTY].healthy()


@pytest.fixture
def root(sandbox: Sandbox) -> Iterator[Path]:
    """What stands there, empty but for two folders."""
    folder = sandbox.folder / "sftp" / PARTY
    shutil.rmtree(folder)
    for name in ("in", "uit"):
        (folder / name).mkdir(parents=True)
    yield folder


@pytest.fixture
def login(sandbox: Sandbox, server: Account, root: Path) -> Connect:
    config = load(sandbox.config)

    def made(seconds: float = 60, **other: Any) -> contextlib.AbstractContextManager[Connection]:
        given = config.partners[PARTY].sftp.model_copy(update=other)
        return connect(given, config.path(config.exchange.ssh_sleutel), PARTY, seconds)

    return made


@pytest.fixture
def there(login: Connect) -> Iterator[Connection]:
    with login() as opened:
        yield opened


def put(there: Connection, path: str = "uit/.x.tmp") -> None:
    there.put(io.BytesIO(b"abc"), path, 3)


# An upload


@pytest.mark.parametrize("status", [2, 3, 4, 5, 8])
def test_a_refused_close_is_no_upload(there: Connection, server: Account, status: int) -> None:
    server.habits["close"] = refuses(status)
    with pytest.raises(RequestRefused, match=f"SFTP status {status}"):
        put(there)
    server.healthy()
    put(there)


@pytest.mark.parametrize("effect", [lose, empty])
def test_what_is_gone_or_empty_after_the_close_is_no_upload(there: Connection, server: Account, effect: Any) -> None:
    server.habits["close"] = then(effect)
    with pytest.raises(UploadIncomplete, match="0 of 3 bytes"):
        put(there)


@pytest.mark.parametrize("habit", [refuses(4, every=2), pretends(every=2)])
def test_a_block_that_was_not_written_is_no_upload(there: Connection, server: Account, habit: Habit) -> None:
    server.habits["write"] = habit
    content = os.urandom(99_999)
    with pytest.raises((RequestRefused, UploadIncomplete)):
        there.put(io.BytesIO(content), "uit/.x.tmp", len(content))
    server.healthy()
    there.put(io.BytesIO(content), "uit/.x.tmp", len(content))


def test_an_answer_without_a_status_is_not_taken_for_done() -> None:
    with pytest.raises(SFTPError):
        Session._convert_status(None, paramiko.Message(b""))  # type: ignore[arg-type]


def test_a_refused_close_of_what_was_only_read_costs_nothing(there: Connection, server: Account, root: Path) -> None:
    (root / "in" / "x").write_bytes(b"abc")
    server.habits["close"] = refuses(4)
    sink = io.BytesIO()
    there.fetch("in/x", sink, 3)
    assert sink.getvalue() == b"abc"
    assert [file.name for file in there.listing("in") or []] == ["x"]


# Whether something is there


@pytest.mark.parametrize("status", [1, 3, 4, 8])
def test_of_a_file_only_status_2_says_that_it_is_absent(there: Connection, server: Account, status: int) -> None:
    assert there.stat("in/x") is None
    server.habits["lstat"] = refuses(status)
    with pytest.raises(RequestRefused):
        there.stat("in/x")
    with pytest.raises(RequestRefused):
        there.rename("in/x", "in/y")  # nothing is renamed on it


@pytest.mark.parametrize("status", [2, 3, 4])
def test_a_folder_is_absent_only_when_the_one_above_it_does_not_name_it(
    there: Connection, server: Account, root: Path, status: int
) -> None:
    server.habits = {"lstat": refuses(status, where="uit"), "listing": refuses(status, where="uit")}
    assert there.has_folder("uit")
    with pytest.raises(FolderRefused) as caught:
        there.listing("uit")
    assert (caught.value.map, caught.value.status) == ("uit", status)
    there.ensure_folder("uit/0363")
    assert (root / "uit" / "0363").is_dir()
    shutil.rmtree(root / "uit")
    assert not there.has_folder("uit")
    assert there.listing("uit") is None
    there.ensure_folder("uit")
    assert (root / "uit").is_dir()


def test_a_folder_above_that_is_not_shown_leaves_it_unknown(there: Connection, server: Account) -> None:
    server.habits["listing"] = refuses(3)
    for asked in (there.has_folder, there.listing):
        with pytest.raises(FolderRefused):
            asked("absent")


def test_a_folder_that_may_not_be_made_is_named(there: Connection, server: Account) -> None:
    server.habits["mkdir"] = refuses(3)
    with pytest.raises(FolderRefused) as caught:
        there.ensure_folder("uit/0363")
    assert caught.value.map == "uit/0363"


def test_of_a_listing_that_is_not_seen_whole_nothing_is_concluded(
    there: Connection, server: Account, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_NAMES", 1000)
    (root / "in" / "0").touch()
    server.endless = True
    for asked in (lambda: there.listing("in"), lambda: there.has_folder("in/absent")):
        with pytest.raises(TooManyNames):
            asked()
    assert [file.name for file in there.first("in", 1)] == ["0"]


# Renaming and removing


def test_a_rename_that_was_done_and_denied_leaves_both_names_to_look_at(
    there: Connection, server: Account, root: Path
) -> None:
    put(there)
    server.habits["rename"] = denies(4)
    with pytest.raises(RequestRefused):
        there.rename("uit/.x.tmp", "uit/x")
    assert there.stat("uit/.x.tmp") is None
    assert there.stat("uit/x") == RemoteFile("x", 3, int((root / "uit" / "x").stat().st_mtime), regular=True)


@pytest.mark.parametrize("status", [3, 4, 5, 8])
def test_what_cannot_be_replaced_in_one_go_is_removed_first(
    there: Connection, server: Account, root: Path, status: int
) -> None:
    server.habits["posix_rename"] = refuses(status)
    (root / "uit" / "x").write_bytes(b"old")
    put(there)
    there.replace("uit/.x.tmp", "uit/x")
    assert {path.name: path.read_bytes() for path in (root / "uit").iterdir()} == {"x": b"abc"}


def test_what_was_replaced_and_denied_is_not_removed(there: Connection, server: Account, root: Path) -> None:
    server.habits["posix_rename"] = denies(4)
    put(there)
    with pytest.raises(RequestRefused):
        there.replace("uit/.x.tmp", "uit/x")
    assert (root / "uit" / "x").read_bytes() == b"abc"


def test_a_file_that_still_stands_there_was_not_removed(there: Connection, server: Account) -> None:
    put(there)
    server.habits["remove"] = pretends()
    with pytest.raises(NotDone):
        there.remove("uit/.x.tmp")


# A visit ends, whatever a server does


@pytest.mark.parametrize(
    ("habits", "asks"),
    [
        ({"drip": 0.2}, lambda there: there.fetch("in/x", io.BytesIO(), 9_000)),
        ({"endless": True}, lambda there: there.listing("in")),
        ({"habits": {"lstat": Habit(NEVER)}}, lambda there: there.stat("in/x")),
        ({"habits": {"lstat": Habit(HALF)}}, lambda there: there.stat("in/x")),
        ({"habits": {"write": Habit(NEVER)}}, put),
        ({"habits": {"close": Habit(NEVER)}}, put),
        ({"login": False}, lambda there: None),
    ],
    ids=["a byte now and then", "names without end", "no answer", "half a packet", "no write", "no close", "no login"],
)
def test_a_server_takes_no_more_than_its_time(
    login: Connect, server: Account, root: Path, habits: dict[str, Any], asks: Callable[[Connection], object]
) -> None:
    (root / "in" / "x").write_bytes(bytes(9_000))
    server.__dict__.update(habits)
    with pytest.raises(OutOfTime) as caught, login(seconds=1.5) as there:
        asks(there)
    assert caught.value.retry


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-slow\r\n"])
def test_a_server_that_says_nothing_or_no_more_takes_no_more_than_its_time(login: Connect, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])
                    taken[-1].sendall(greeting)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OutOfTime), login(seconds=1, poort=listener.getsockname()[1]):
            pytest.fail("logged in")
        listener.shutdown(socket.SHUT_RDWR)
    for one in taken:
        one.close()


def test_what_is_no_sftp_is_not_called_unreachable(there: Connection, server: Account) -> None:
    server.habits["lstat"] = Habit(NOISE)
    with pytest.raises(ServerUnfit):
        there.stat("in/x")


def test_a_server_that_hangs_up_after_the_login_is_said_to_be_broken_off(login: Connect, sandbox: Sandbox) -> None:
    with login() as there:
        there._session.get_channel().get_transport().sock.close()  # type: ignore[union-attr]
        with pytest.raises(PartyUnreachable):
            there.stat("in")
