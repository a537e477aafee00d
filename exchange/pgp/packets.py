"""Headers of OpenPGP packets, old format and new (RFC 9580, section 4.2): what a file is, before a program reads it.

Pure, bytes in and facts out. Whatever the bytes are, nothing here raises, nor takes more memory than it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum


class Tag(IntEnum):
    """The packets that matter here (RFC 9580, section 5)."""

    PKESK = 1  # a session key for one receiver
    SKESK = 3  # a session key under a password
    SECRET_KEY = 5
    PUBLIC_KEY = 6
    SED = 9  # encrypted, not protected against change
    MARKER = 10
    SEIPD = 18  # encrypted; version 1 with MDC, version 2 with AEAD
    AEAD = 20  # encrypted, as GnuPG 2.3 made it before RFC 9580


class Kind(Enum):
    """What a file is by its beginning."""

    EMPTY = "no bytes at all"
    READABLE = "anything that is not encrypted: text, an archive, a key, a message that was only signed"
    ENCRYPTED = "key blocks, if any, and then encrypted data"
    CUT = "begins as an encrypted message and ends before its data"
    BROKEN = "key blocks, and behind them something else than encrypted data"


#: A receiver that does not say who it is (RFC 9580, section 5.1.8).
HIDDEN = "0" * 16
_ENCRYPTED = (Tag.SED, Tag.SEIPD, Tag.AEAD)
#: Versions of a packet that exist. Anything else with such a tag is something else: a text may begin with any byte.
_VERSIONS = {Tag.PKESK: (2, 3, 6), Tag.SKESK: (4, 5, 6), Tag.SEIPD: (1, 2), Tag.AEAD: (1,)}
#: The last version of a key block that gpg 2.2 reads, and what stands in one before its session key.
_OLD_VERSION, _OLD_SIZE = 3, 10
#: No key block is longer than this, the ones against quantum computers included.
_LONGEST = 1 << 14
#: Control characters that stand in no text, in ASCII, EBCDIC nor UTF-16: encrypted bytes hold one soon.
_NOT_TEXT = bytes((1, 2, 3, 4, 6, 7, 8))
#: In how many bytes of data one of those is looked for.
_LOOKED_AT = 1024


@dataclass(frozen=True)
class Header:
    """A packet's tag, the bytes that its header takes, and those of its body: None where only reading on tells."""

    tag: int
    size: int
    length: int | None


class No(Enum):
    """Why there is no header."""

    PACKET = "these bytes begin no packet"
    MORE = "the bytes end within the header"


@dataclass(frozen=True)
class KeyBlock:
    """A session key for one receiver: its key id (16 hexadecimal digits, or HIDDEN), and its bytes."""

    key_id: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class Opening:
    """How a file begins. Of encrypted data: `tag` and `version` of the packet (0 where it has none), which begins at
    byte `at`; `password` and `newer` say whether there are key blocks under a password, or of RFC 9580."""

    kind: Kind
    receivers: tuple[KeyBlock, ...] = ()
    password: bool = False
    newer: bool = False
    tag: int = 0
    version: int = 0
    at: int = 0


def header(data: bytes, at: int = 0) -> Header | No:
    """The header that begins at byte `at`."""
    first = data[at : at + 6]
    if not first:
        return No.MORE
    if not first[0] & 0x80:
        return No.PACKET
    found = _new(first) if first[0] & 0x40 else _old(first)
    return found if isinstance(found, No) or found.tag else No.PACKET


def opening(data: bytes) -> Opening:
    """How a file begins, from its first bytes (all of them, or enough to hold every key block)."""
    walk = _Walk()
    while data:
        packet = header(data, walk.at)
        if packet is No.MORE:
            return walk.ends(Kind.CUT)
        if isinstance(packet, No):
            return walk.ends(walk.otherwise)
        start = walk.at + packet.size
        if packet.tag in _ENCRYPTED:
            return walk.data(packet.tag, data[start : start + _LOOKED_AT])
        body = data[start : start + min(packet.length or 0, _LONGEST)]
        cut = packet.length is not None and len(body) < packet.length
        if not _plausible(packet, body, cut):
            return walk.ends(walk.otherwise)
        if cut:
            return walk.ends(Kind.CUT)
        walk.over(packet, body, data)
    return walk.ends(Kind.EMPTY)


class _Walk:
    """What was met on the way from key block to key block."""

    def __init__(self) -> None:
        self.receivers: list[KeyBlock] = []
        self.password = self.newer = False
        self.at = 0

    @property
    def otherwise(self) -> Kind:
        """What a file is in which something else follows than was expected."""
        return Kind.BROKEN if self.receivers or self.password or self.newer else Kind.READABLE

    def over(self, packet: Header, body: bytes, data: bytes) -> None:
        """Take a whole key block or marker along, and go on behind it."""
        begin, self.at = self.at, self.at + packet.size + len(body)
        if packet.tag == Tag.SKESK:
            self.password = True
        elif packet.tag == Tag.PKESK and body[0] > _OLD_VERSION:
            self.newer = True
        elif packet.tag == Tag.PKESK:
            self.receivers.append(KeyBlock(body[1:9].hex().upper(), data[begin : self.at]))

    def data(self, tag: int, body: bytes) -> Opening:
        """The end of the way, if this is encrypted data. Packet 9 has no version: without a key block before it, it
        must not look like text, for many a text in windows-1252 or EBCDIC begins with its number."""
        if tag == Tag.SED:
            well = self.otherwise is Kind.BROKEN or any(byte in _NOT_TEXT for byte in body)
        else:
            well = not body or body[0] in _VERSIONS[Tag(tag)]
        version = body[0] if body and tag != Tag.SED else 0
        return self.ends(Kind.ENCRYPTED, tag, version) if well else self.ends(self.otherwise)

    def ends(self, kind: Kind, tag: int = 0, version: int = 0) -> Opening:
        return Opening(kind, tuple(self.receivers), self.password, self.newer, tag, version, self.at)


def first(data: bytes) -> tuple[int, int] | None:
    """Tag and version (0 where it is cut off) of the packet with which `data` begins; None where that is no packet."""
    packet = header(data)
    if isinstance(packet, No):
        return None
    return packet.tag, data[packet.size] if packet.size < len(data) else 0


def _old(first: bytes) -> Header | No:
    size = (1, 2, 4, 0)[first[0] & 3]
    if len(first) < 1 + size:
        return No.MORE
    return Header(first[0] >> 2 & 15, 1 + size, int.from_bytes(first[1 : 1 + size]) if size else None)


def _new(first: bytes) -> Header | No:
    tag, octet = first[0] & 63, first[1] if len(first) > 1 else None
    if octet is None:
        return No.MORE
    if octet < 192:
        return Header(tag, 2, octet)
    if octet < 224:
        return Header(tag, 3, (octet - 192 << 8) + first[2] + 192) if len(first) > 2 else No.MORE
    if octet < 255:
        return Header(tag, 2, None)
    return Header(tag, 6, int.from_bytes(first[2:6])) if len(first) > 5 else No.MORE


def _plausible(packet: Header, body: bytes, cut: bool) -> bool:
    """Whether this can be a key block or a marker: its first bytes are as they must be."""
    if packet.tag == Tag.MARKER:
        return b"PGP".startswith(body) if cut else body == b"PGP"
    if packet.tag not in (Tag.PKESK, Tag.SKESK) or packet.length is None or packet.length > _LONGEST:
        return False
    if not body:
        return cut
    old = packet.tag == Tag.PKESK and body[0] <= _OLD_VERSION
    return body[0] in _VERSIONS[Tag(packet.tag)] and (not old or packet.length > _OLD_SIZE)
