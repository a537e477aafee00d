"""The sandbox's SFTP server: one account per party, each shut in its own folder.

The party and the exchange log in to the same account, each with its own SSH key.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh

from exchange.faults import SandboxFault

HOST = "127.0.0.1"
#: Seconds in which a server that was just started must answer.
PATIENCE = 20.0


def run(folder: Path) -> None:
    """Serve the sandbox in `folder` on loopback until interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(folder))


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The same in a process of its own; yields the port once it answers."""
    port = int((folder / "server" / "port").read_text())
    with subprocess.Popen([sys.executable, "-m", "exchange.sandbox.serve", str(folder)]) as process:
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()


async def _serve(folder: Path) -> None:
    server = folder / "server"
    listener = await asyncssh.create_server(
        lambda: _Accounts(server / "authorized_keys"),
        HOST,
        int((server / "port").read_text()),
        server_host_keys=[str(server / "ssh_host_ed25519")],
        sftp_factory=lambda channel: _Shut(channel, folder / "sftp"),
        allow_scp=False,
        process_factory=None,
    )
    async with listener:
        await listener.wait_closed()


class _Accounts(asyncssh.SSHServer):
    """Public keys only, as listed per party."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        listed = self._keys / username
        if username.replace("-", "").isalnum() and listed.is_file():
            self._connection.set_authorized_keys(str(listed))
        return True

    def public_key_auth_supported(self) -> bool:
        return True


class _Shut(asyncssh.SFTPServer):
    """One party's folder is all there is."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path) -> None:
        party = channel.get_extra_info("username")
        super().__init__(channel, chroot=str(root / party).encode())


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.05)
    raise SandboxFault(f"no SFTP server answers on port {port}")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
