"""What a file is by its packet headers: right for what programs make, and calm about everything else."""

from __future__ import annotations

import base64
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.pgp.message import first_packet, readable
from exchange.pgp.packets import HIDDEN, Header, Kind, No, Tag, header, opening


def new(tag: int, body: bytes) -> bytes:
    """A packet in the new format, its length in five octets."""
    return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


def old(tag: int, body: bytes) -> bytes:
    """A packet in the old format, its length in two octets."""
    return bytes([0x80 | tag << 2 | 1]) + struct.pack(">H", len(body)) + body


def pkesk(key_id: str = "A" * 16, version: int = 3) -> bytes:
    return bytes([version]) + bytes.fromhex(key_id) + bytes([18]) + bytes(40)


DATA = new(18, b"\x01" + bytes(200))
SKESK, MARKER = b"\x04\x09\x03\x08" + bytes(9), b"PGP"
NEWER = b"\x06\x21\x06" + bytes(60)


def test_every_form_of_length_is_read():
    assert header(b"\xd2\x05") == Header(18, 2, 5)
    assert header(b"\xd2\xc5\xfb") == Header(18, 3, 1723)
    assert header(b"\xd2\xff\x00\x01\x86\xa0") == Header(18, 6, 100_000)
    assert header(b"\xd2\xef") == Header(18, 2, None)  # partial
    assert header(b"\x84\x5e") == Header(1, 2, 94)
    assert header(b"\x85\x01\x0c") == Header(1, 3, 268)
    assert header(b"\xa6\x00\x01\x86\xa0") == Header(9, 5, 100_000)
    assert header(b"\xa7") == Header(9, 1, None)  # until the end
    assert header(b"\x85\x01") is No.MORE
    assert header(b"A") is No.PACKET
    assert header(b"\xc0\x01") is No.PACKET  # tag 0 is reserved


@given(st.binary(max_size=400), st.integers(0, 500))
def test_no_bytes_are_too_odd(data, at):
    header(data, at)
    found = opening(data)
    assert found.at <= len(data)
    assert found.kind is not Kind.ENCRYPTED or found.tag in (Tag.SED, Tag.SEIPD, Tag.AEAD)
    first_packet(data)
    readable(data)


@given(
    st.lists(st.sampled_from([new(1, pkesk()), old(1, pkesk(HIDDEN)), new(3, SKESK), new(10, MARKER), new(1, NEWER)])),
    st.sampled_from([DATA, new(18, b"\x02" + bytes(9)), new(20, b"\x01" + bytes(9))]),
    st.data(),
)
def test_key_blocks_are_passed_in_any_number_and_order_and_a_cut_is_seen(blocks, data, draw):
    before = b"".join(blocks)
    found = opening(before + data)
    assert (found.kind, found.at, found.tag) == (Kind.ENCRYPTED, len(before), data[0] & 63)
    assert [one.raw for one in found.receivers] == [one for one in blocks if one[-50:-49] == b"\x03"]
    assert {one.key_id for one in found.receivers} <= {"A" * 16, HIDDEN}
    assert (found.password, found.newer) == (new(3, SKESK) in blocks, new(1, NEWER) in blocks)
    cut = draw.draw(st.integers(1, len(before))) if before else 0
    if cut:
        assert opening(before[:cut]).kind is Kind.CUT
        assert not readable(before[:cut])


@pytest.mark.parametrize(
    "text",
    [
        *("signaal_id;soort\r\n", "Épargne;soort\r\n", "É", "ÒÔ¤¥¦§ÄÃÁ", "\ufeffa;b", "é;b"),
        "KLANTNUMMER;NAAM\nUVWX;AB\n",
    ],
)
@pytest.mark.parametrize("codering", ["utf-8", "cp1252", "utf-16", "utf-16-le", "cp037", "latin-1"])
def test_no_text_passes_for_a_message_whatever_its_first_letter(text, codering):
    content = text.encode(codering, "ignore") * 20
    assert not content or readable(content)


@pytest.mark.parametrize(
    "content",
    [
        *(b"PK\x03\x04rest", b"%PDF-1.7", b"\x1f\x8b\x08rest", b"\xd0\xcf\x11\xe0rest", b"7z\xbc\xaf", bytes(100)),
        *(new(4, bytes(13)), new(8, bytes(9)), new(11, b"b"), new(6, b"\x04"), old(2, b"\x04"), new(21, b"x")),
        *(new(1, b"Janssen;Kerkstraat 1"), new(3, b"Jansen;1"), new(10, b"Jan"), new(18, b"Jansen"), b"\xc9Jansen;1"),
        b"\xc1\xff\x7f\xff\xff\xff\x03Jansen;Kerkstraat 1",
        *(b"-----BEGIN PGP SIGNED MESSAGE-----\n\nJansen", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd"),
        *(b" " * 70_000 + b"Jansen", b"-----BEGIN PGP MESSAGE-----\n\nJansen;Kerkstraat 1"),
        b"-----BEGIN PGP MESSAGE-----\n" + b"Comment: Jansen\n" * 5000,
    ],
)
def test_what_is_not_encrypted_is_readable(content):
    assert readable(content)


@pytest.mark.parametrize(
    "content", [b"", DATA, old(9, bytes(range(40))), new(1, pkesk()) + new(9, b"Jansen"), new(3, SKESK)]
)
def test_what_is_encrypted_or_empty_is_not(content):
    assert not readable(content)


def test_key_blocks_with_something_else_behind_them_are_broken():
    assert opening(new(1, pkesk()) + new(11, b"b")).kind is Kind.BROKEN
    assert opening(new(1, pkesk()) + b"text").kind is Kind.BROKEN


def test_the_first_packet_tells_a_version_6_key_armoured_or_not():
    key = new(6, b"\x06" + bytes(40))
    block = b"-----%s PGP PUBLIC KEY BLOCK-----\n"
    for content in (key, block % b"BEGIN" + b"\n" + base64.b64encode(key) + b"\n" + block % b"END"):
        assert first_packet(content) == (Tag.PUBLIC_KEY, 6)
    assert first_packet(b"text") is first_packet(b"") is None


def test_packets_by_the_million_take_no_more_memory_than_they_are():
    many = new(1, pkesk()) * 18_000  # what fits in the megabyte that is looked at
    tracemalloc.start()
    assert len(opening(many + DATA).receivers) == 18_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(many)
