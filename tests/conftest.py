"""Real parts for the tests: PostgreSQL, OpenSSH's sshd, GnuPG, and sandboxes."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

# how long an example takes depends on what else the machine does
settings.register_profile("nachtpost", deadline=None)
settings.load_profile("nachtpost")

INSTALL = "sudo apt-get install gnupg openssh-server openssh-client postgresql"


def program(name: str) -> str:
    """The path of a program; the test fails with the one line that names what to install."""
    folders = [os.environ["PATH"], "/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        pytest.fail(f"{name} is missing. Install: {INSTALL}", pytrace=False)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL cluster of its own on loopback; yields the URL of its maintenance database.

    PostgreSQL refuses to run as root: then it runs as the user `postgres` that its package made.
    """
    folder = Path(tempfile.mkdtemp(prefix="nppg", dir="/tmp"))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    port, data = free_port(), str(folder / "data")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=50"
    subprocess.run(
        [*as_user, program("initdb"), "-D", data, "-A", "trust", "-U", user, "-E", "UTF8"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    control = [*as_user, program("pg_ctl"), "-D", data, "-w", "-l", str(folder / "log")]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def register_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind that the register runs on."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/register.sqlite"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"r{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    yield server.removesuffix("postgres").replace("postgresql://", "postgresql+psycopg://", 1) + name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sshd:
    """A running OpenSSH server whose only account sees `root`."""

    port: int
    user: str
    hostkey: str
    key: Path
    root: Path


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """OpenSSH's own server as the current user, SFTP only."""
    folder = tmp_path / "sshd"
    root = folder / "root"
    root.mkdir(parents=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "client"):
        command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    (folder / "authorized_keys").write_text((folder / "client.pub").read_text())
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"Subsystem sftp internal-sftp\nForceCommand internal-sftp -d {root}\n"
    )
    log = (folder / "log").open("wb")
    process = subprocess.Popen([program("sshd"), "-D", "-e", "-f", str(folder / "config")], stderr=log)
    wait_for(port)
    hostkey = " ".join((folder / "host.pub").read_text().split()[:2])
    yield Sshd(port, pwd.getpwuid(os.geteuid()).pw_name, hostkey, folder / "client", root)
    process.terminate()
    process.wait()
    log.close()


@pytest.fixture
def gpg_home() -> Iterator[Path]:
    """A GNUPGHOME for plain gpg, as a party has one; its path is short because the agent's socket needs that."""
    home = Path(tempfile.mkdtemp(prefix="np", dir="/tmp"))
    yield home
    subprocess.run([program("gpgconf"), "--homedir", str(home), "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)
