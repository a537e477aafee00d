"""ASCII armour (RFC 9580, section 6), taken off before gpg sees it, piece by piece, in memory that does not depend on
the file.

Read as well: what Windows makes of it (a byte order mark, UTF-16), a missing blank line behind the headers, padding on
a line of its own, a checksum behind the last data or none. The checksum is not looked at: the RFC forbids to refuse on
it, and what is encrypted proves itself.
"""

from __future__ import annotations

import binascii
import codecs
import contextlib
import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from exchange.pgp.verdict import PgpRefusal

MESSAGE = b"MESSAGE"
#: Bytes that are read at a time, and within which armour must begin and its headers must end.
PIECE, HEADERS = 1 << 20, 1 << 12

_BEGIN = re.compile(rb"\s*-----BEGIN PGP ([A-Z ]+)-----[^\r\n]*(\r\n|\r|\n)")
_HEADER = re.compile(rb"[^\r\n:]*:[^\r\n]*(\r\n|\r|\n)")
_SPACE = b" \t\r\n\v\f"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OTHER = re.compile(rb"[^A-Za-z0-9+/]")
#: What stands behind the data when all white space is gone: padding, a checksum, the end.
_TAIL = re.compile(rb"(={0,2})(?:=[A-Za-z0-9+/]{0,8})?-----ENDPGP([A-Z]+)-----")
_LONGEST_TAIL, _AGAIN = 200, b"-----BEGINPGPMESSAGE-----"
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF8, "latin-1"))


def packets(file: BinaryIO) -> Iterator[bytes]:
    """The packets of a message, armoured or not, in pieces; raises PgpRefusal where its armour is damaged."""
    start = file.read(PIECE)
    if _cut(start, MESSAGE):
        raise PgpRefusal("E-PGP-05")
    pieces = chain([start], iter(lambda: file.read(PIECE), b""))
    return filter(None, _bare(_ascii(pieces), MESSAGE) if kind(start) == MESSAGE else pieces)


def beginning(head: bytes, of: bytes = MESSAGE) -> bytes:
    """The packets of what begins with `head`, as far as that goes; `head` itself where it is no armour of that kind.

    Armour that was cut off before its data gives nothing.
    """
    if _cut(head, of):
        return b""
    if kind(head) != of:
        return head
    found = bytearray()
    with contextlib.suppress(PgpRefusal):  # cut off, or damaged: what came before is what there is
        for piece in _bare(_ascii(iter([head])), of):
            found += piece
    return bytes(found) or head


def kind(head: bytes) -> bytes | None:
    """What armour that begins so says it holds, such as MESSAGE; None where this is no armour."""
    begun = _BEGIN.match(_text(head))
    return begun[1] if begun else None


def _cut(head: bytes, of: bytes) -> bool:
    """Whether this is nothing but the first line of armour, or a part of that, and headers: not a byte of data."""
    text = _text(head).strip()
    if len(head) > HEADERS or not text:
        return False
    line = b"-----BEGIN PGP %s-----" % of
    return line.startswith(text) or (text.startswith(line) and _data(text + b"\n") > len(text) - 4)


def _data(text: bytes) -> int:
    """Where the data begin: no data has a colon, so headers need no blank line behind them."""
    begun = _BEGIN.match(text)
    at = begun.end() if begun else 0
    while at < HEADERS and (header := _HEADER.match(text, at)):
        at = header.end()
    return at


def _text(head: bytes) -> bytes:
    """As much as armour must begin in, without what Windows puts around it."""
    mark, encoding = _marked(head)
    plain = head[len(mark) : len(mark) + HEADERS]
    return plain.decode(encoding, "ignore").encode("latin-1", "replace")


def _marked(head: bytes) -> tuple[bytes, str]:
    return next(((mark, encoding) for mark, encoding in _MARKS if head.startswith(mark)), (b"", "latin-1"))


def _ascii(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Text as single bytes."""
    start = next(pieces, b"")
    mark, encoding = _marked(start)
    unmarked = chain([start[len(mark) :]], pieces)
    if encoding == "latin-1":
        yield from unmarked
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for piece in unmarked:
            yield decoder.decode(piece).encode("ascii")
    except UnicodeError:
        raise PgpRefusal("E-PGP-05") from None


def _bare(text: Iterator[bytes], of: bytes) -> Iterator[bytes]:
    """What the armour holds."""
    start, left = next(text), b""
    for piece in chain([start[_data(start) :]], text):
        data = left + piece.translate(None, _SPACE)
        if data.translate(None, _BASE64):
            end = next(_OTHER.finditer(data)).start()
            yield from _last(data[:end], data[end:], text, of)
            return
        whole = len(data) // 4 * 4
        yield binascii.a2b_base64(data[:whole])
        left = data[whole:]
    raise PgpRefusal("E-PGP-05")


def _last(data: bytes, tail: bytes, text: Iterator[bytes], of: bytes) -> Iterator[bytes]:
    """The end of the data, when what follows is what must follow."""
    whole = len(data) // 4 * 4
    yield binascii.a2b_base64(data[:whole])
    for piece in text:
        tail += piece.translate(None, _SPACE)
        if len(tail) > _LONGEST_TAIL:
            break
    left, found = data[whole:], _TAIL.match(tail)
    if not found or found[2] != of.replace(b" ", b"") or len(left) == 1 or len(found[1]) != -len(left) % 4:
        raise PgpRefusal("E-PGP-05")
    if behind := tail[found.end() :]:
        raise PgpRefusal("E-PGP-13" if behind.startswith(_AGAIN) else "E-PGP-05")
    yield binascii.a2b_base64(left + found[1])
