"""ASCII armour (RFC 9580 section 6), taken off before gpg sees it: newer programs leave out the CRC, which gpg 2.2 may
call an error."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path
from typing import BinaryIO

from exchange.pgp.verdict import PgpRefusal

BEGIN, END = b"-----BEGIN PGP MESSAGE-----", b"-----END PGP MESSAGE-----"


def opened(path: Path) -> BinaryIO:
    """The packets of a message as a stream; only an armoured one is taken into memory."""
    with path.open("rb") as file:
        armoured = file.read(256).lstrip().startswith(b"-----BEGIN PGP")
    return io.BytesIO(binary(path.read_bytes())) if armoured else path.open("rb")


def binary(content: bytes) -> bytes:
    """The OpenPGP packets of a message, armoured or not; raises PgpRefusal when the armour is damaged."""
    text = content.lstrip()
    if not text.startswith(b"-----BEGIN PGP"):
        return content
    if not text.startswith(BEGIN):
        raise PgpRefusal("E-PGP-01")
    body, found, rest = text.removeprefix(BEGIN).partition(END)
    if not found or rest.strip():
        raise PgpRefusal("E-PGP-05")
    lines = [line.strip() for line in body.split(b"\n")][1:]
    start = lines.index(b"") + 1 if b"" in lines else 0  # headers end at the first blank line
    data = [line for line in lines[start:] if line and not line.startswith(b"=")]
    try:
        return base64.b64decode(b"".join(data), validate=True)
    except binascii.Error:
        raise PgpRefusal("E-PGP-05") from None
