"""SFTP servers as they are: a whole sandbox, served with habits that are switched on and off per account meanwhile.

    with serving(folder) as accounts:
        accounts["huur-01"].habits["rename"] = refuses(4, every=2)
        accounts["uitvoerder-01"].habits["close"] = then(lose, where=".tmp", every=3)
        accounts["huur-02"].endless = True
        accounts["huur-02"].healthy()  # from now on

Kinds of request: open, close (of a file), read, write, lstat, listing, remove, mkdir, rename and posix_rename.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from exchange.sandbox.serve import Accounts, Shut, listen

#: In place of a status: no answer for as long as it has the habit; the first bytes of one, and then none; no SFTP.
NEVER, HALF, NOISE = -1, -2, -3


@dataclass
class Habit:
    """What happens at every `every`-th request of a kind that is about a path with `where` in it (of a rename: in
    either path)."""

    status: int  # that is answered; 0 says "done"
    does: bool = False  # whether what was asked is done all the same
    then: Callable[[Path], object] = lambda path: None  # and what happens to the file after that
    every: int = 1
    where: str = ""
    seen: int = 0
    struck: int = 0

    def strikes(self, *paths: bytes) -> bool:
        if not any(self.where in os.fsdecode(path) for path in paths):
            return False
        self.seen += 1
        struck = self.seen % self.every == 0
        self.struck += struck
        return struck


def refuses(status: int = 4, **how: Any) -> Habit:
    """Does nothing and says so."""
    return Habit(status, **how)


def pretends(**how: Any) -> Habit:
    """Does nothing and says that it was done."""
    return Habit(0, **how)


def denies(status: int = 4, **how: Any) -> Habit:
    """Does what was asked and says that it was not."""
    return Habit(status, does=True, **how)


def then(effect: Callable[[Path], object], **how: Any) -> Habit:
    """Does what was asked, says so, and afterwards something happens to the file (of a rename: under its new name)."""
    return Habit(0, does=True, then=effect, **how)


def lose(path: Path) -> None:
    """The file disappears."""
    path.unlink()


def empty(path: Path) -> None:
    """The file is there, without its bytes."""
    os.truncate(path, 0)


def write_on(path: Path) -> None:
    """Somebody is still writing it: its last byte becomes another."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def touch(path: Path) -> None:
    """The file gets another mtime, as object storage gives to what it copies."""
    os.utime(path, (path.stat().st_mtime + 7, path.stat().st_mtime + 7))


@dataclass
class Account:
    """How the server treats one account."""

    habits: dict[str, Habit] = field(default_factory=dict)  # by kind of request
    now: bool = False  # every look gives a later mtime
    skew: int = 0  # seconds by which a listing gives later mtimes than a look at one file
    endless: bool = False  # a listing goes on for ever, with names that are not there
    drip: float | None = None  # seconds before every answer to a read, which brings one byte
    login: bool = True  # whether a login ever ends

    def healthy(self) -> None:
        """No habits any more."""
        self.habits.clear()
        self.__dict__.update(vars(Account(self.habits)))


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Account]]:
    """Serve the sandbox in `folder` from a thread of this process; yields the accounts by party."""
    accounts: dict[str, Account] = defaultdict(Account)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sftp server")
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    listener = run(listen(folder, lambda keys: _Slow(keys, accounts), lambda *where: _WithHabits(*where, accounts)))
    try:
        yield accounts
    finally:
        run(_end(listener))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(listener: asyncssh.SSHAcceptor) -> None:
    listener.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Slow(Accounts):
    """Lets in who may, or lets them wait."""

    def __init__(self, keys: Path, accounts: dict[str, Account]) -> None:
        super().__init__(keys)
        self._accounts = accounts

    async def begin_auth(self, username: str) -> bool:
        if not self._accounts[username].login:
            await asyncio.Event().wait()
        return super().begin_auth(username)


class _WithHabits(Shut):
    """One party's folder, behind the habits of its account."""

    _clock = itertools.count(1)

    def __init__(self, channel: Any, root: Path, accounts: dict[str, Account]) -> None:
        super().__init__(channel, root)
        self._account = accounts[channel.get_extra_info("username")]

    async def _answer(self, kind: str, do: Callable[[], Any], *paths: bytes, last: bytes | None = None) -> Any:
        """Do what is asked as the account's habit wants it; `last` is where the file stands afterwards (local)."""
        habit = self._account.habits.get(kind)
        if habit is None or not habit.strikes(*paths):
            return do()
        done = do() if habit.does else None
        if last is not None and habit.does:
            habit.then(Path(os.fsdecode(last)))
        if habit.status < 0:
            self.channel.write({NEVER: b"", HALF: b"\0\0\1\0\x65\0\0", NOISE: b"Welcome to your shell"}[habit.status])
            while self._account.habits.get(kind) is habit:
                await asyncio.sleep(0.02)
            return do()
        if habit.status:
            raise asyncssh.SFTPError(habit.status, "as it is used to")
        return done

    async def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        return await self._answer("open", lambda: super(_WithHabits, self).open(path, pflags, attrs), path)

    async def close(self, file_obj: Any) -> None:
        await self._answer("close", file_obj.close, os.fsencode(file_obj.name), last=os.fsencode(file_obj.name))

    async def read(self, file_obj: Any, offset: int, size: int) -> Any:
        if self._account.drip is not None:
            await asyncio.sleep(self._account.drip)
            size = 1
        name = os.fsencode(file_obj.name)
        do = lambda: super(_WithHabits, self).read(file_obj, offset, size)  # noqa: E731
        return await self._answer("read", do, name, last=name)

    async def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        name = os.fsencode(file_obj.name)
        return await self._answer("write", lambda: super(_WithHabits, self).write(file_obj, offset, data), name)

    async def lstat(self, path: bytes) -> Any:
        do, last = lambda: self._dated(super(_WithHabits, self).lstat(path)), self.map_path(path)
        return await self._answer("lstat", do, path, last=last)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._answer("listing", lambda: None, path)
        for entry in sorted(os.scandir(self.map_path(path)), key=lambda entry: entry.name):
            attrs = asyncssh.SFTPAttrs.from_local(entry.stat(follow_symlinks=False))
            attrs.mtime = (attrs.mtime or 0) + self._account.skew
            yield asyncssh.SFTPName(entry.name, attrs=self._dated(attrs))
        while self._account.endless:
            await asyncio.sleep(0)
            attrs = asyncssh.SFTPAttrs(size=1, permissions=0o100600, atime=1, mtime=1, uid=0, gid=0)
            yield asyncssh.SFTPName(b"%d.csv.pgp" % next(self._clock), attrs=attrs)

    async def remove(self, path: bytes) -> Any:
        return await self._answer("remove", lambda: super(_WithHabits, self).remove(path), path)

    async def mkdir(self, path: bytes, attrs: Any) -> Any:
        return await self._answer("mkdir", lambda: super(_WithHabits, self).mkdir(path, attrs), path)

    async def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        do, last = lambda: super(_WithHabits, self).rename(oldpath, newpath), self.map_path(newpath)
        return await self._answer("rename", do, oldpath, newpath, last=last)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        do, last = lambda: super(_WithHabits, self).posix_rename(oldpath, newpath), self.map_path(newpath)
        return await self._answer("posix_rename", do, oldpath, newpath, last=last)

    def _dated(self, attrs: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
        if self._account.now:
            attrs.mtime = 1_800_000_000 + next(self._clock)
        return attrs
