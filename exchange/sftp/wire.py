"""The SFTP protocol where paramiko's own way is too slow or too trusting.

Answers: paramiko does not look at what is answered to a CLOSE, takes any answer that is no status for success, and an
empty status for OK; here every request says which answer it wants. Reading: paramiko's prefetch asks for the whole
file at once and polls when told to ask for less; here a few MiB are under way at any time, so memory stays flat and no
thread is needed. Writing: paramiko's pipelined mode drops the answers to single writes; here each one is looked at.
Names: paramiko stops at a name that is not UTF-8, so that one odd file would hide a whole folder. Built on its request
layer, which has no public form.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import paramiko
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_EXTENDED,
    CMD_EXTENDED_REPLY,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_LSTAT,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_STATUS,
    CMD_WRITE,
    SFTP_EOF,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_READ,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTPError,
    int64,
)

#: The channel: bytes that a server may send ahead, and bytes per SSH packet.
WINDOW, PACKET = 1 << 22, 1 << 17
#: Bytes asked for, or sent, and not yet answered.
UNDER_WAY = 1 << 22
#: Bytes per request that every server takes (draft-ietf-secsh-filexfer-02, 3), and the most that we ask for.
SAFE, MOST = 1 << 15, 255 << 10


class Refused(OSError):
    """A server's refusal; `code` is the SFTP status. Its text is left out: it may hold anything."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"SFTP status {code}")


class Absent(Refused, FileNotFoundError):
    """Status 2: the only one that says that a file is not there."""


class Ended(Refused):
    """Status 1: there is no more to read."""


#: What can go wrong on the way, a refusal included.
Trouble = (OSError, EOFError, paramiko.SSHException, SFTPError)


class Session(paramiko.SFTPClient):
    """paramiko's client, with requests of its own."""

    if TYPE_CHECKING:  # what the stubs leave out

        def _request(self, kind: int, *args: object) -> tuple[int, paramiko.Message]: ...
        def _async_request(self, asker: object, kind: int, *args: object) -> int: ...
        def _read_response(self, waitfor: int | None = None) -> object: ...

    def do(self, kind: int, *args: object) -> None:
        """Have something done: only status 0 says that it was."""
        self._ask(CMD_STATUS, kind, *args)

    def look(self, path: str) -> paramiko.SFTPAttributes:
        """The attributes of a file itself, not of what it links to."""
        return _attributes(self._ask(CMD_ATTRS, CMD_LSTAT, path))

    def size(self, handle: bytes) -> int | None:
        """Bytes in an open file, where the server says it."""
        try:
            return _attributes(self._ask(CMD_ATTRS, CMD_FSTAT, handle)).st_size
        except Refused:
            return None

    def entries(self, folder: str) -> Generator[tuple[str, paramiko.SFTPAttributes]]:
        """Names and attributes in a folder, for as long as the server gives more, and again those that it gave
        before; what is not UTF-8 in a name becomes lone surrogates."""
        with self._open(CMD_OPENDIR, folder) as handle:
            while True:
                try:
                    answer = self._ask(CMD_NAME, CMD_READDIR, handle)
                except Ended:
                    return
                for _ in range(answer.get_int()):
                    name = answer.get_binary().decode("utf-8", "surrogateescape")
                    answer.get_binary()  # the line as `ls -l` would show it
                    yield name, _attributes(answer)

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[bytes]:
        """The handle of a file to read."""
        with self._open(CMD_OPEN, path, SFTP_FLAG_READ, paramiko.SFTPAttributes()) as handle:
            yield handle

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[bytes]:
        """The handle of a file to write anew. Its CLOSE counts: a server may find only then that it cannot keep it."""
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC
        handle = self._ask(CMD_HANDLE, CMD_OPEN, path, flags, paramiko.SFTPAttributes()).get_binary()
        try:
            yield handle
        except BaseException:
            self._let_go(handle)
            raise
        self.do(CMD_CLOSE, handle)

    def read(self, handle: bytes, size: int) -> Iterator[bytes]:
        """The first `size` bytes of an open file, in order; Ended when it has become shorter."""
        reading = _Reading(self, handle)
        position = asked = 0
        try:
            while position < size:
                while asked < size and len(reading.asked) * self.read_length < UNDER_WAY:
                    length = min(self.read_length, size - asked)
                    reading.ask(asked, length)
                    asked += length
                while position not in reading.arrived:
                    self._read_response()
                    if reading.fault:
                        raise reading.fault
                data = reading.arrived.pop(position)
                position += len(data)
                yield data
        finally:
            reading.over = True

    def write(self, handle: bytes, blocks: Iterator[bytes]) -> None:
        """Write blocks of at most SAFE bytes one behind the other; the first refusal is raised."""
        writing = _Writing(self)
        offset = 0
        for data in blocks:
            number = self._async_request(writing, CMD_WRITE, handle, int64(offset), data)
            writing.asked.add(number)
            offset += len(data)
            writing.wait(UNDER_WAY // SAFE)
        writing.wait(0)

    @cached_property
    def read_length(self) -> int:
        """Bytes per read request: what the server says it takes, else what all servers take."""
        try:
            answer = self._ask(CMD_EXTENDED_REPLY, CMD_EXTENDED, "limits@openssh.com")
        except Refused:
            return SAFE
        answer.get_int64()  # bytes per packet
        return min(MOST, max(SAFE, answer.get_int64()))

    @contextlib.contextmanager
    def _open(self, kind: int, *args: object) -> Iterator[bytes]:
        """A handle that nothing is written to: what its CLOSE is answered says nothing of what was read."""
        handle = self._ask(CMD_HANDLE, kind, *args).get_binary()
        try:
            yield handle
        finally:
            self._let_go(handle)

    def _let_go(self, handle: bytes) -> None:
        with contextlib.suppress(*Trouble):  # a connection that broke is found by the next request
            self.do(CMD_CLOSE, handle)

    def _ask(self, wanted: int, kind: int, *args: object) -> paramiko.Message:
        answered, answer = self._request(kind, *args)
        _expect(wanted, answered)
        return answer

    def _convert_status(self, answer: paramiko.Message) -> None:
        """In paramiko's place: the text that comes with a status is not read."""
        if len(answer.get_remainder()) < 4:  # it would be read as zero, and that is OK
            raise SFTPError("a status without a code")
        code = answer.get_int()
        if code != SFTP_OK:
            raise {SFTP_EOF: Ended, SFTP_NO_SUCH_FILE: Absent}.get(code, Refused)(code)


class _Reading:
    """Read requests under way; paramiko hands over each answer as it comes in."""

    def __init__(self, session: Session, handle: bytes) -> None:
        self._session, self._handle = session, handle
        self.asked: dict[int, tuple[int, int]] = {}  # request number: offset, length
        self.arrived: dict[int, bytes] = {}  # by offset
        self.fault: Exception | None = None
        self.over = False  # nobody reads on: an answer that comes later leads to no other request

    def ask(self, offset: int, length: int) -> None:
        number = self._session._async_request(self, CMD_READ, self._handle, int64(offset), length)
        self.asked[number] = offset, length

    def _async_response(self, kind: int, answer: paramiko.Message, number: int) -> None:
        offset, length = self.asked.pop(number)
        if self.over:
            return
        try:
            if kind == CMD_STATUS:
                self._session._convert_status(answer)
            _expect(CMD_DATA, kind)
            self.arrived[offset] = data = answer.get_binary()
            if not data:
                raise Ended(SFTP_EOF)
            if len(data) > length:
                raise SFTPError("more than was asked for")
        except Trouble as error:
            self.fault = self.fault or error
            return
        if len(data) < length:  # a server may give less than asked
            self.ask(offset + len(data), length - len(data))


class _Writing:
    """Write requests under way."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.asked: set[int] = set()
        self._fault: Exception | None = None

    def wait(self, most: int) -> None:
        """Until at most so many are under way."""
        while len(self.asked) > most and not self._fault:
            self._session._read_response()
        if self._fault:
            raise self._fault

    def _async_response(self, kind: int, answer: paramiko.Message, number: int) -> None:
        self.asked.remove(number)
        try:
            _expect(CMD_STATUS, kind)
            self._session._convert_status(answer)
        except Trouble as error:
            self._fault = self._fault or error


def _attributes(answer: paramiko.Message) -> paramiko.SFTPAttributes:
    found: paramiko.SFTPAttributes = paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]
    return found


def _expect(wanted: int, kind: int) -> None:
    if kind != wanted:
        raise SFTPError(f"answer {kind} where {wanted} belongs")
