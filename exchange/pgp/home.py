"""The folder of one keyring: private, short of path, and gone, agent and all, when its process has ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from exchange.pgp import process

#: How such folders are named, and after how many seconds an unlocked one counts as left behind.
_NAME, ABANDONED = "nachtpost-gpg-", 60
#: Seconds that an agent gets to end.
_ENDING = 10


@contextlib.contextmanager
def private() -> Iterator[Path]:
    """A new one; its path is short because the agent's socket has room for 108 bytes."""
    _clear_abandoned()
    home = Path(tempfile.mkdtemp(prefix=_NAME, dir="/tmp"))
    (home / "gpg-agent.conf").write_text("auto-expand-secmem 0x1000000\n")
    with _locked(home):
        try:
            yield home
        finally:
            _remove(home)


def _clear_abandoned() -> None:
    """Those of processes that were killed hold a secret key and keep an agent: whoever comes next removes them."""
    for home in Path("/tmp").glob(f"{_NAME}*"):  # noqa: S108 (looks only at what is ours)
        with contextlib.suppress(OSError):  # in use, or just gone
            found = home.lstat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > ABANDONED:
                with _locked(home):
                    _remove(home)


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """The kernel ends the lock with the process; raises BlockingIOError where another holds it."""
    handle = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _remove(home: Path) -> None:
    command = ["gpgconf", "--homedir", str(home), "--kill", "all"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=False, capture_output=True, timeout=_ENDING)
    process.end_agent(home)
    shutil.rmtree(home, ignore_errors=True)
