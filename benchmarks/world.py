"""The world that every contender works in: a sandbox with 60 partner files behind a real sshd."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.sandbox.create import create


def make(folder: Path, signalen: int, partners: int = 60) -> Path:
    """A sandbox whose parties all log in to one account of OpenSSH's server, each in its own folder."""
    create(folder, partners=partners, uitvoerders=12, signalen=signalen, wrong=False, profielen=False)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for file in [*(folder / "config" / "partners").iterdir(), *(folder / "config" / "uitvoerders").iterdir()]:
        party = file.stem
        text = file.read_text().replace(
            f'gebruiker = "{party}"', f'gebruiker = "{user}"\nmap = "{folder}/sftp/{party}"'
        )
        file.write_text(text)
    keys = [(folder / "config" / "keys" / "exchange_ed25519.pub").read_text()]
    (folder / "server" / "keys").write_text("".join(keys))
    shutil.copytree(folder / "sftp", folder / "pristine")
    return folder


def reset(folder: Path) -> None:
    """Put everything back as it was before anybody worked on it."""
    shutil.rmtree(folder / "sftp")
    shutil.copytree(folder / "pristine", folder / "sftp")
    for name in ("archief", "werk", "bare", "obvious"):
        shutil.rmtree(folder / "var" / name, ignore_errors=True)
    for name in ("register.sqlite", "register.sqlite-wal", "register.sqlite-shm"):
        (folder / "var" / name).unlink(missing_ok=True)


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """OpenSSH's sshd on the sandbox's port."""
    server = folder / "server"
    port = int((server / "port").read_text())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    (server / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {server}/ssh_host_ed25519\nAuthorizedKeysFile {server}/keys\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nMaxStartups 100\n"
        "Subsystem sftp internal-sftp\n"
    )
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert sshd, "sshd is not installed"
    process = subprocess.Popen([sshd, "-D", "-f", str(server / "config")], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()
