"""The sandbox's SFTP server: one account per party, each shut in its own folder.

The party and the exchange log in to the same account, each with its own SSH key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh

from exchange.faults import SandboxFault

HOST = "127.0.0.1"
#: Seconds in which a server that was just started must answer.
PATIENCE = 30.0
#: What a server that another process started says on standard output once it listens.
READY = b"listening\n"


def run(folder: Path) -> None:
    """Serve the sandbox in `folder` on loopback until interrupted; raises SandboxFault when it cannot listen."""
    asyncio.run(_serve(folder, tied=False))


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The same in a process of its own, which never outlives this one; yields the port once it listens."""
    port = _port(folder)
    command = [sys.executable, "-m", "exchange.sandbox.serve", str(folder), "tied"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us: it stops when we say so
    ) as process:
        try:
            assert process.stdout is not None
            heard = select.select([process.stdout], [], [], PATIENCE)[0]
            # its own word: an answer on the port could come from somebody else's server
            if not heard or process.stdout.readline() != READY:
                raise SandboxFault(f"op poort {port} begon geen SFTP-server")
            yield port
        finally:
            process.terminate()


async def listen(
    folder: Path, accounts: Callable[[Path], Accounts], shut: Callable[[asyncssh.SSHServerChannel[bytes], Path], Shut]
) -> asyncssh.SSHAcceptor:
    """Serve the sandbox in `folder` as `accounts` lets in and `shut` answers; raises SandboxFault when the port cannot
    be listened on."""
    server, port = folder / "server", _port(folder)
    try:
        return await asyncssh.create_server(
            lambda: accounts(server / "authorized_keys"),
            HOST,
            port,
            server_host_keys=[str(server / "ssh_host_ed25519")],
            sftp_factory=lambda channel: shut(channel, folder / "sftp"),
            allow_scp=False,
            agent_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
        )
    except OSError as error:
        raise SandboxFault(
            f"op poort {port} kan geen SFTP-server luisteren ({os.strerror(error.errno or 0)})"
        ) from error


async def _serve(folder: Path, *, tied: bool) -> None:
    """Until a signal comes, or when `tied` until standard input ends: then whoever started us is gone."""
    async with await listen(folder, Accounts, Shut):
        if tied:
            sys.stdout.buffer.write(READY)
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.buffer.read)
        else:
            stopped, loop = asyncio.Event(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell had it ignored, as in the background
                loop.add_signal_handler(number, stopped.set)
            await stopped.wait()


def _port(folder: Path) -> int:
    try:
        return int((folder / "server" / "port").read_text())
    except (OSError, ValueError) as error:
        raise SandboxFault(f"{folder} is geen oefenomgeving") from error


class Accounts(asyncssh.SSHServer):
    """Public keys only, as listed per party."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if username in {listed.name for listed in self._keys.iterdir()}:  # a name, never a path
            self._connection.set_authorized_keys(str(self._keys / username))
        return True

    def public_key_auth_supported(self) -> bool:
        return True


class Shut(asyncssh.SFTPServer):
    """One party's folder is all there is: no path and no link leads out of it.

    asyncssh keeps the text of a path inside; where a link on the way leads is looked at here.
    """

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path) -> None:
        folder = os.path.realpath(root / channel.get_extra_info("username"))
        super().__init__(channel, chroot=os.fsencode(folder))
        self._root = os.fsencode(folder)

    def map_path(self, path: bytes) -> bytes:
        local = super().map_path(path)
        self._inside(local)
        return local

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Of the link itself, wherever it leads: a client sees that it is one."""
        return asyncssh.SFTPAttrs.from_local(os.lstat(self._unfollowed(path)))

    def remove(self, path: bytes) -> None:
        """The link itself as well."""
        os.remove(self._unfollowed(path))  # noqa: PTH107 (bytes: a client's name need not be UTF-8)

    def symlink(self, *_paths: bytes) -> None:
        """Refused: neither we nor a party need links here."""
        raise asyncssh.SFTPPermissionDenied("no links")

    def link(self, *_paths: bytes) -> None:
        """Refused as well."""
        raise asyncssh.SFTPPermissionDenied("no links")

    def _unfollowed(self, path: bytes) -> bytes:
        local = super().map_path(path)
        self._inside(os.path.dirname(local) if local != self._root else local)  # noqa: PTH120
        return local

    def _inside(self, local: bytes) -> None:
        real = os.path.realpath(local)
        if real != self._root and not real.startswith(self._root + b"/"):
            raise asyncssh.SFTPPermissionDenied("outside your folder")


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), tied=sys.argv[2:] == ["tied"]))
