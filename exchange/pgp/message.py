"""What a dropped file is before gpg sees it: encrypted for us in a form that we read, or why not (AVG art. 32).

gpg reads one key block and the data behind it. It tries every block that does not say for whom it is, and where one of
those is somebody else's, it ends with exit code 2 on a message that is perfectly good.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from exchange.pgp import armour
from exchange.pgp.armour import MESSAGE, beginning, kind
from exchange.pgp.packets import HIDDEN, KeyBlock, Kind, Opening, Tag, first, opening
from exchange.pgp.verdict import PgpRefusal

#: Every key block stands in these first bytes, or there are more than any message needs.
HEAD = 1 << 20
#: How much of a file tells whether anybody can read it, and how much of its data tells gpg whether a key block fits.
PEEK, SAMPLE = 1 << 16, 1 << 11


class Pieces:
    """Pieces of bytes with the one method of a file that a reader of streams needs."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece, of whatever size; b"" at the end."""
        return next(self._pieces, b"")


@dataclass(frozen=True)
class Message:
    """An encrypted message: its key blocks, and its data as a stream that is read once."""

    opening: Opening
    _head: bytes = field(repr=False)
    _rest: Iterator[bytes] = field(repr=False)

    def candidates(self, key_ids: Collection[str]) -> list[KeyBlock]:
        """The key blocks that may be for one of these keys: those that say so, then those that do not say."""
        named = [block for block in self.opening.receivers if block.key_id in key_ids]
        return [*named, *(block for block in self.opening.receivers if block.key_id == HIDDEN)]

    def sample(self, block: KeyBlock) -> bytes:
        """Enough to see whether a key block can be opened."""
        return block.raw + self._head[self.opening.at : self.opening.at + SAMPLE]

    def stream(self, block: KeyBlock) -> Pieces:
        """The message with this key block only."""
        return Pieces(chain([block.raw, self._head[self.opening.at :]], self._rest))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Message]:
    """A message up to its data; raises PgpRefusal for what is no message that we could read."""
    with path.open("rb") as file:
        pieces = armour.packets(file)
        head = bytearray()
        while len(head) < HEAD and (piece := next(pieces, b"")):
            head += piece
        found = opening(bytes(head))
        if code := _refused(found, path.stat().st_size):
            raise PgpRefusal(code)
        yield Message(found, bytes(head), pieces)


def readable(head: bytes) -> bool:
    """Whether anybody can read a file that begins with these bytes: all of them, or the first PEEK."""
    return bool(head) and opening(beginning(head)).kind is Kind.READABLE


def first_packet(content: bytes) -> tuple[int, int] | None:
    """Tag and version (0 where it has none, or is cut off) of the packet with which a file begins, armoured or not: a
    version 6 key is (6, 6). None for what is no OpenPGP."""
    return first(beginning(content, kind(content) or MESSAGE))


def _refused(found: Opening, size: int) -> str | None:
    """The code of what we do not read, whoever it is for."""
    if not size:
        return "E-BST-05"
    if found.kind is not Kind.ENCRYPTED:
        return "E-PGP-01" if found.kind is Kind.READABLE else "E-PGP-05"
    if found.password and not found.receivers and not found.newer:
        return "E-PGP-11"
    if found.tag == Tag.SED:
        return "E-PGP-10"
    if found.tag == Tag.AEAD or found.version > 1 or (found.newer and not found.receivers):
        return "E-PGP-06"
    return None if found.receivers else "E-PGP-05"
