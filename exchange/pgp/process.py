"""gpg as a process: one call, its limits, and what it said.

python-gnupg starts it and feeds it. What it says is read here, as bytes: python-gnupg reads text by lines, and takes a
character in somebody's name for the end of one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import gnupg

from exchange.faults import PgpFault
from exchange.pgp.verdict import Status

#: gpg 2.2 reads and writes in 16 KiB pieces unless python-gnupg is told otherwise.
BUFFER = 1 << 20
#: Bytes of what gpg says that are kept. About one message it needs far less; packets by the million make it say more.
MOST_SAID = 1 << 20
#: Seconds without any use of the processor after which gpg waits for an agent that will not answer; and between looks.
STUCK, LOOK = 60.0, 0.5
#: Seconds for what is about keys only: importing those of hundreds of parties takes two.
PATIENCE = 120.0
#: What is said of a gpg that did not come to an end.
SILENT = "gpg of gpg-agent geeft geen antwoord"
_OPTIONS = ["--no-options", "--no-auto-check-trustdb", "--pinentry-mode", "error"]
#: What python-gnupg raises when gpg ended while it was still being fed; the second when its pipe was closed already.
_FED_TOO_LONG = (BrokenPipeError, ValueError)

# python-gnupg logs each failure, with stack traces of its own threads; to us they come as results
logging.getLogger("gnupg").setLevel(logging.CRITICAL)


def driver(home: Path) -> gnupg.GPG:
    """python-gnupg for this home, to make calls of."""
    made = gnupg.GPG(gnupghome=str(home), options=_OPTIONS)
    made.buffer_size = BUFFER
    return made


class Call(gnupg.GPG):  # type: ignore[misc]  # ships no types
    """One call of gpg. Never shared: whoever calls next would read and write the gpg of whoever called before.

    After it, `code` and `status` say how it went, `whole` whether it took all that it was fed, and `chatty` whether it
    said more than is kept. `limits` are for the process (RLIMIT_* to the most). `idle` is True while gpg may wait for
    us.
    """

    process: subprocess.Popen[bytes]

    def __init__(self, gpg: gnupg.GPG, limits: Mapping[int, int] | None = None) -> None:
        self.__dict__.update(gpg.__dict__)
        self.limits = limits or {}
        self.idle = self.stuck = self.chatty = False
        self.whole = True
        self.status = Status(())
        self.said = ""

    @property
    def code(self) -> int:
        """Its exit code; negative where a signal ended it."""
        return int(self.process.returncode)

    @contextlib.contextmanager
    def feeding(self, action: str) -> Iterator[None]:
        """Around what starts and feeds it, for `action`. Raises PgpFault where it had to be given up."""
        try:
            yield
        except _FED_TOO_LONG:
            self.whole = False
        if self.stuck:
            raise PgpFault(action, SILENT)

    def _open_subprocess(self, args: list[str], passphrase: bool = False) -> subprocess.Popen[bytes]:
        self.process = super()._open_subprocess(args, passphrase)
        for what, most in self.limits.items():
            resource.prlimit(self.process.pid, what, (most, most + 1))
        return self.process

    def _collect_output(self, process: subprocess.Popen[bytes], result: Any, *rest: Any) -> Any:
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(ended,), daemon=True)
        watch.start()
        try:
            return super()._collect_output(process, result, *rest)
        finally:
            ended.set()
            watch.join()

    def _read_response(self, stream: Any, result: Any) -> None:
        """Lines end at a newline and nowhere else. `stream` would decode; below it are the bytes."""
        pipe: IO[bytes] = stream.stream
        said = pipe.read(MOST_SAID)
        if len(said) == MOST_SAID:
            self.chatty = True
            self.process.kill()
        self.said = result.stderr = said.decode("latin-1")
        self.status = Status.parse(self.said)

    def _watch(self, ended: threading.Event) -> None:
        """Its own time is limited, that of gpg-agent is not: where neither goes on, both are ended."""
        used, since = -1, time.monotonic()
        while not ended.wait(LOOK):
            now = _used(self.process.pid)
            if self.idle or now != used:
                used, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK:
                self.stuck = True
                self.process.kill()
                end_agent(Path(self.gnupghome))
                return


def run(home: Path, arguments: list[str], content: bytes = b"") -> tuple[int, bytes]:
    """Exit code and output of gpg for what is about keys; raises PgpFault when it was killed, or does not answer."""
    command = ["gpg", "--homedir", str(home), "--no-options", "--batch", "--quiet", "--pinentry-mode", "loopback"]
    try:
        done = subprocess.run([*command, *arguments], input=content, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        end_agent(home)
        raise PgpFault(_action(arguments), SILENT) from None
    if done.returncode < 0:
        raise PgpFault(_action(arguments), f"exit {done.returncode}")
    return done.returncode, done.stdout


def succeed(home: Path, arguments: list[str], content: bytes = b"") -> bytes:
    """As `run`; raises PgpFault when gpg calls anything an error."""
    code, output = run(home, arguments, content)
    if code:
        raise PgpFault(_action(arguments), f"exit {code}")
    return output


def end_agent(home: Path) -> None:
    """Kill the gpg-agent of this home; the next gpg starts another. One that hangs does not hear a request to end."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone, or not ours
            command = (process / "cmdline").read_bytes().split(b"\0")
            if command[0].endswith(b"gpg-agent") and os.fsencode(home) in command:
                os.kill(int(process.name), signal.SIGKILL)


def _action(arguments: list[str]) -> str:
    return [one for one in arguments if one.startswith("--")][-1].strip("-")


def _used(pid: int) -> int:
    """Processor time of a process, in ticks; -1 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return -1
    return int(fields[11]) + int(fields[12])
