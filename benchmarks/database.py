"""A PostgreSQL of the benchmark's own, with its usual durability."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def postgres() -> Iterator[str]:
    """A cluster on loopback; as root it runs as the user `postgres`, which its package made."""
    folder = Path(tempfile.mkdtemp(prefix="nppg", dir="/tmp"))
    root = os.geteuid() == 0
    user = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
    if root:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = [os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))]
    initdb, control = (shutil.which(name, path=os.pathsep.join(places)) for name in ("initdb", "pg_ctl"))
    assert initdb, "PostgreSQL is not installed"
    assert control, "PostgreSQL is not installed"
    data = str(folder / "data")
    subprocess.run(
        [*as_user, initdb, "-D", data, "-A", "trust", "-U", user], check=True, capture_output=True, cwd=folder
    )
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c max_wal_size=4GB"
    command = [*as_user, control, "-D", data, "-w", "-l", str(folder / "log")]
    subprocess.run([*command, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        yield f"postgresql://{user}@127.0.0.1:{port}/"
    finally:
        subprocess.run([*command, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder)


def fresh(server: str) -> str:
    """The SQLAlchemy URL of an empty database."""
    name = f"b{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("postgresql://", "postgresql+psycopg://") + name
