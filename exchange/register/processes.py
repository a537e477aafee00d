"""Names for processes, such that another process on the same machine can tell for sure whether they still live."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

_PROC = Path("/proc")


def this() -> str:
    """The name of this process: machine, number, and what tells it from any other that had or will have that number;
    at most 50 characters, without the last three parts where the kernel does not say."""
    return f"{socket.gethostname()[:20]}:{os.getpid()}:{_begun(os.getpid()) or 0}:{_kernel()}"


def lives(name: str) -> bool | None:
    """Whether the process of that name (more may stand behind it) lives; None where that cannot be known from here."""
    try:
        _, pid, begun, kernel = name.split(":")[:4]
        if not kernel or kernel != _kernel():
            return None
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except ValueError:  # a name of another form
        return None
    except PermissionError:  # of another user
        return None
    now = _begun(int(pid))
    return None if now is None else str(now) == begun


def named(name: str) -> tuple[str, int]:
    """For people: machine and number."""
    host, _, rest = name.partition(":")
    pid = rest.partition(":")[0]
    return host, int(pid) if pid.isdigit() else 0


def _begun(pid: int) -> int | None:
    """When the process with this number began, in ticks of the kernel; 0 when it has ended and nobody noticed yet, None
    where it cannot be seen."""
    try:
        after_name = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return 0 if after_name[0] in "ZX" else int(after_name[19])


def _kernel() -> str:
    """This run of this kernel, and the numbering of processes that we are in; empty where it does not say."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()
        return hashlib.sha256(f"{boot}{(_PROC / 'self/ns/pid').readlink()}".encode()).hexdigest()[:8]
    except OSError:
        return ""
