"""ASCII armour as programs and Windows write it, read piece by piece."""

from __future__ import annotations

import base64
import io
import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.pgp import PgpRefusal, armour
from exchange.pgp.armour import beginning

BEGIN, END = b"-----BEGIN PGP MESSAGE-----\n", b"-----END PGP MESSAGE-----\n"
CONTENT = {left: b"\xc1" + os.urandom(3 * 400 + left - 1) for left in (0, 1, 2)}  # without and with padding


def lines(content: bytes, width: int = 64) -> bytes:
    data = base64.b64encode(content)
    return b"".join(data[at : at + width] + b"\n" for at in range(0, len(data), width))


def armoured(content: bytes, *, headers: bytes = b"Version: x\nComment:\n\n", crc: bytes = b"=njUN\n") -> bytes:
    return BEGIN + headers + lines(content) + crc + END


def read(text: bytes) -> bytes:
    return b"".join(armour.packets(io.BytesIO(text)))


def code(text: bytes) -> str:
    with pytest.raises(PgpRefusal) as refusal:
        read(text)
    return refusal.value.code


@pytest.mark.parametrize("left", CONTENT)
def test_every_usual_form_is_read(left):
    content = CONTENT[left]
    text = armoured(content)
    data = lines(content).rstrip(b"\n")
    forms = {
        "as it is": text,
        "Windows line ends": text.replace(b"\n", b"\r\n"),
        "old line ends": text.replace(b"\n", b"\r"),
        "a byte order mark": b"\xef\xbb\xbf" + text,
        "UTF-16 LE": text.decode().encode("utf-16"),
        "UTF-16 BE": b"\xfe\xff" + text.decode().encode("utf-16-be"),
        "no headers": armoured(content, headers=b"\n"),
        "no headers, no blank line": armoured(content, headers=b""),
        "headers, no blank line": armoured(content, headers=b"Version: x\n"),
        "no checksum": armoured(content, crc=b""),
        "another checksum": armoured(content, crc=b"=AAAA\n"),
        "half a checksum": armoured(content, crc=b"=A\n"),
        "checksum behind the data": BEGIN + b"\n" + data + b"=njUN\n" + END,
        "end behind the data": BEGIN + b"\n" + data + END,
        "padding on its own line": BEGIN + b"\n" + data.rstrip(b"=") + b"\n" + b"=" * (-left % 3) + b"\n=njUN\n" + END,
        "one long line": BEGIN + b"\n" + base64.b64encode(content) + b"\n" + END,
        "short lines": BEGIN + b"\n" + lines(content, 1) + END,
        "blanks around it": b"\r\n \n" + text.replace(b"\n", b" \t\n") + b"\r\n\r\n",
        "no end of line at the end": text.rstrip(b"\n"),
    }
    assert {form: read(made) for form, made in forms.items()} == dict.fromkeys(forms, content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (armoured(CONTENT[1]) + b"behind", "E-PGP-05"),
        (armoured(CONTENT[1]) + b"\n" + armoured(CONTENT[1]), "E-PGP-13"),
        (armoured(CONTENT[1])[:-8], "E-PGP-05"),
        (armoured(CONTENT[1])[:500], "E-PGP-05"),
        (BEGIN + b"Version: x", "E-PGP-05"),
        (BEGIN[:9], "E-PGP-05"),
        (armoured(CONTENT[1]).replace(b"==", b"="), "E-PGP-05"),
        (BEGIN + b"\n" + lines(CONTENT[0])[:-2] + b"\n" + END, "E-PGP-05"),
        (armoured(CONTENT[0]).replace(b"\n", b"\n*", 9), "E-PGP-05"),
        (armoured(CONTENT[0], crc=b"=" + b"A" * 400), "E-PGP-05"),
        (armoured(CONTENT[0]).replace(END, b"-----END PGP SIGNATURE-----"), "E-PGP-05"),
        (b"\xff\xfe" + armoured(CONTENT[0]).decode().encode("utf-16-le") + "é".encode("utf-16-le"), "E-PGP-05"),
        (armoured(CONTENT[0], headers=b"a: b\n" * 2000), "E-PGP-05"),
    ],
)
def test_what_is_damaged_is_refused(text, expected):
    assert code(text) == expected


def test_what_is_no_armour_of_a_message_stays_as_it_is():
    for content in (b"", CONTENT[0], b"a;b\n", armoured(CONTENT[0]).replace(b"MESSAGE", b"PUBLIC KEY BLOCK")):
        assert read(content) == content
    key = armoured(CONTENT[0]).replace(b"MESSAGE", b"PUBLIC KEY BLOCK")
    assert beginning(key, b"PUBLIC KEY BLOCK") == CONTENT[0]


@given(st.binary(max_size=300), st.integers(0, 400))
def test_whatever_is_put_into_it_or_cut_off_it_is_read_or_refused(odd, at):
    text = armoured(CONTENT[2])
    for made in (text[:at] + odd + text[at:], odd + text, text[:at], b"\xff\xfe" + odd, BEGIN + odd):
        beginning(made)
        try:
            read(made)
        except PgpRefusal as refusal:
            assert refusal.code in ("E-PGP-05", "E-PGP-13")


@pytest.mark.parametrize("width", [2, 64, 10**9])
def test_memory_does_not_depend_on_its_size_nor_on_its_lines(tmp_path, width):
    path, block = tmp_path / "large.asc", os.urandom(3 << 19)
    with path.open("wb") as file:
        file.write(BEGIN + b"\n")
        for _ in range(16):
            file.write(lines(block, width) if width < 10**9 else base64.b64encode(block))
        file.write(b"\n" + END)
    tracemalloc.start()
    with path.open("rb") as file:
        assert sum(map(len, armour.packets(file))) == 16 * len(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * armour.PIECE < path.stat().st_size / 2
