"""What identifies a signaal, an address and a melding: readable references and keyed hashes.

A `signaal_ref` is the signal's `nr` in letters and digits with a check character. Hashes are keyed blake2b, one domain
per use, so that two of them never tell that they were made from the same value. They are pseudonyms, not anonymous (AVG
art. 4 (5)).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

Strings: TypeAlias = pa.StringArray | pa.ChunkedArray

#: Digits and letters without I, L, O and U, which people misread (Crockford).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

#: A reference starts with this letter, so that no spreadsheet takes it for a number.
PREFIX = "S"

#: Characters that carry the nr: 5 bits each, 50 bits together (67 million aanleveringen of 16 million lines).
_BODY = 10

#: Between the columns of a content string: a control character that no accepted field holds.
_UNIT = "\x1f"


class NotASignaalRef(ValueError):
    """The text is not a signaal_ref; `reason` is length, prefix, character or check, never the text itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NrOutOfRange(ValueError):
    """A signaal nr that does not fit in a reference: negative, or 2**50 and more."""


def _times(a: int, b: int) -> int:
    """Product in the field of 32 elements (x^5 + x^2 + 1)."""
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(8, 4, -1):
        if product >> bit & 1:
            product ^= 0b100101 << (bit - 5)
    return product


def _weights() -> npt.NDArray[np.uint8]:
    """Row i: every element times the i-th weight. Weights differ from each other, from 0 and from the check's own 1.

    So a single wrong character changes the sum, and so does swapping any two (the check character included).
    """
    rows, weight = [], 1
    for _ in range(_BODY):
        weight = _times(weight, 2)
        rows.append([_times(weight, value) for value in range(32)])
    return np.array(rows, np.uint8)


_WEIGHTED = _weights()
_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)
#: What people type for a character that is not in the alphabet.
_MISREAD = str.maketrans("ILO", "110")


def _values() -> npt.NDArray[np.int64]:
    """Per byte the value of the character as people type it, -1 where it is none."""
    table = np.full(256, -1, np.int64)
    for letters in (ALPHABET, ALPHABET.lower()):
        table[np.frombuffer(letters.encode(), np.uint8)] = np.arange(32)
    for typed, meant in zip("ILOilo", "110110", strict=True):
        table[ord(typed)] = int(meant)
    return table


_VALUE = _values()


def signaal_ref(nr: npt.NDArray[np.int64] | pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """References of signals: "S", ten characters and a check character; raises NrOutOfRange.

    >>> signaal_ref(np.array([1 << 24 | 2])).to_pylist()
    ['S00000G0002P']
    """
    values = np.asarray(nr, np.int64)
    if len(values) and (values.min() < 0 or values.max() >> 5 * _BODY):
        raise NrOutOfRange(len(values))
    text = np.empty((len(values), _BODY + 2), np.uint8)
    text[:, 0] = ord(PREFIX)
    check = np.zeros(len(values), np.uint8)
    for place in range(_BODY):
        value = (values >> 5 * (_BODY - 1 - place)) & 31
        check ^= _WEIGHTED[place][value]
        text[:, place + 1] = _LETTERS[value]
    text[:, -1] = _LETTERS[check]
    return _fixed_width(text)


def parse_signaal_ref(text: str) -> int:
    """The nr of a reference as people type it (lower case, spaces and dashes allowed); raises NotASignaalRef.

    >>> parse_signaal_ref("s0000-0go0-02p") == 1 << 24 | 2
    True
    """
    plain = "".join(text.split()).replace("-", "").upper()
    if len(plain) != _BODY + 2:
        raise NotASignaalRef("length")
    if plain[0] != PREFIX:
        raise NotASignaalRef("prefix")
    values = [ALPHABET.find(letter) for letter in plain[1:].translate(_MISREAD)]
    if -1 in values:
        raise NotASignaalRef("character")
    nr, check = 0, 0
    for place, value in enumerate(values[:-1]):
        nr = nr << 5 | value
        check ^= int(_WEIGHTED[place][value])
    if check != values[-1]:
        raise NotASignaalRef("check")
    return nr


def signaal_nrs(refs: Strings) -> pa.Int64Array:
    """As `parse_signaal_ref`, column-wise: the nr of each reference, null where the text is none."""
    values, known = _typed_values(refs, PREFIX, _BODY + 1)
    nr = values[:, :-1] @ (1 << 5 * np.arange(_BODY - 1, -1, -1, dtype=np.int64))
    check = np.zeros(len(nr), np.uint8)
    for place in range(_BODY):
        check ^= _WEIGHTED[place][values[:, place]]
    return pa.array(nr, mask=~(known & (check == values[:, -1])))


def melding_numbers(texts: Strings) -> pa.Int64Array:
    """The 60 bits of each melding_nr as people type it, null where the text is none; compare with `melding_bits`."""
    values, known = _typed_values(texts, "M", 12)
    return pa.array(values @ (1 << 5 * np.arange(11, -1, -1, dtype=np.int64)), mask=~known)


def normalise_address(
    postcode: Strings, huisnummer: pa.Array | pa.ChunkedArray, huisletter: Strings, toevoeging: Strings
) -> pa.StringArray:
    """One spelling per address: `1234AB|12|A`; null where postcode or huisnummer is empty.

    huisnummer: integers or text. Letter and toevoeging are joined, in capitals, without spaces, `-` and `/`: 12-A,
    12 A and 12/A are one address.

    >>> normalise_address(pa.array(["1234 ab"]), pa.array([12]), pa.array([""]), pa.array(["-a"])).to_pylist()
    ['1234AB|12|A']
    """
    code = pc.utf8_upper(pc.replace_substring(_text(postcode), " ", ""))
    number = pc.utf8_ltrim(_text(huisnummer), "0")
    extra = pc.binary_join_element_wise(_text(huisletter).fill_null(""), _text(toevoeging).fill_null(""), "")
    filled = pc.greater(pc.binary_length(extra), 0)
    bare = pc.utf8_upper(pc.replace_substring_regex(extra.filter(filled), r"[\s/-]", ""))
    extra = pc.replace_with_mask(extra, filled, bare)
    known = pc.and_(_filled(code), _filled(number))
    return pc.if_else(known, pc.binary_join_element_wise(code, number, extra, "|"), None)


def keyed_hash(values: Strings, key: bytes, domain: str) -> pa.Int64Array:
    """Keyed blake2b of 8 bytes as signed integers; null stays null.

    key: 16-64 bytes. domain: at most 16 bytes ("signaal", "inhoud", "adres", "klantnummer"); other domain, other hash.
    """
    plain = _text(values)
    return pa.array(_digests(plain, key, domain), mask=np.asarray(plain.is_null()))


def derived_key(key: bytes, use: str) -> bytes:
    """A key of 32 bytes for one use, from a key of 16-64 bytes that has another."""
    return blake2b(digest_size=32, key=key, person=use.encode()).digest()


def melding_nr(bits: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """The number of the melding at an address, as people read it: "M-" and 12 characters; null without address.

    bits: int64, as `melding_bits` gives them.
    """
    bits = bits.combine_chunks() if isinstance(bits, pa.ChunkedArray) else bits
    digests = np.asarray(bits.fill_null(0))
    characters = np.empty((len(bits), 14), np.uint8)
    characters[:, 0], characters[:, 1] = ord("M"), ord("-")
    for at in range(12):
        characters[:, at + 2] = _LETTERS[(digests >> (55 - 5 * at)) & 31]
    return pc.if_else(bits.is_valid(), _fixed_width(characters), None)


def melding_bits(address: pa.StringArray, key: bytes) -> pa.Int64Array:
    """The number behind each `melding_nr`: 60 bits of an address (as `normalise_address` gives it); null without.

    The same address has the same number for as long as the key is used, whatever hash key is in use and
    whatever gemeente it lies in. key: 32 bytes. Two AES blocks chained (CBC-MAC over 32 bytes, which an address always
    fits in): a million take a moment. Only 60 of the 128 bits are kept, so that nobody, key or not, can go back.
    """
    known = pc.fill_null(pc.less_equal(pc.binary_length(address), 32), False)
    padded = pc.ascii_rpad(pc.if_else(known, address, ""), 32)
    blocks = np.frombuffer(padded.buffers()[2], np.uint8)[padded.offset * 32 :][: 32 * len(padded)].reshape(-1, 2, 16)
    first = _encrypted(blocks[:, 0], key)
    digests = _encrypted(first ^ blocks[:, 1], key).reshape(-1).view(">u8")[::2]
    return pa.array((digests >> np.uint64(4)).astype(np.int64), mask=~np.asarray(known))


def _encrypted(blocks: npt.NDArray[np.uint8], key: bytes) -> npt.NDArray[np.uint8]:
    """AES of 16 bytes a row."""
    cipher = Cipher(AES(key), ECB()).encryptor()  # noqa: S305  single blocks: no mode is needed
    return np.frombuffer(cipher.update(np.ascontiguousarray(blocks).tobytes()), np.uint8).reshape(-1, 16)


def content(block: pa.Table, columns: Sequence[str]) -> pa.StringArray:
    """What each signal says, as one string per row: `columns` joined by the unit separator; an absent column is empty.

    block: typed rows, so that 12,50 and 1250 cent agree. Two rows with the same content are one signal sent twice.
    """
    parts = [_text(block[name]) if name in block.column_names else pa.scalar("") for name in columns]
    return pc.binary_join_element_wise(*parts, _UNIT, null_handling="replace", null_replacement="")


def _digests(values: pa.StringArray, key: bytes, domain: str) -> npt.NDArray[np.int64]:
    """The digests as int64 (0 for null). Copying a keyed start is twice as fast as keying every time."""
    begin = blake2b(digest_size=8, key=key, person=domain.encode()).copy
    known = np.asarray(values.is_valid())
    found = []
    for value in values.drop_null().cast(pa.binary()).to_pylist():
        state = begin()
        state.update(value)
        found.append(state.digest())
    digests = np.zeros(len(values), np.int64)
    digests[known] = np.frombuffer(b"".join(found), ">i8")
    return digests


def _typed_values(texts: Strings, prefix: str, length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The characters after `prefix` as values of ALPHABET (rows x length), and which rows have that form."""
    plain = pc.utf8_upper(pc.replace_substring_regex(_text(texts).fill_null(""), r"[\s-]", ""))
    fits = pc.and_(pc.equal(pc.binary_length(plain), length + 1), pc.starts_with(plain, prefix))
    known = np.array(fits)
    values = np.zeros((len(plain), length), np.int64)
    if known.any():
        kept = plain.filter(fits)
        characters = np.frombuffer(kept.buffers()[2], np.uint8)[: len(kept) * (length + 1)]
        read = _VALUE[characters.reshape(-1, length + 1)[:, 1:]]
        good: npt.NDArray[np.bool_] = np.all(read >= 0, axis=1)
        values[known] = np.where(good[:, None], read, 0)
        known[np.flatnonzero(known)[~good]] = False
    return values, known


def _fixed_width(text: npt.NDArray[np.uint8]) -> pa.StringArray:
    rows, width = text.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text))


def _text(column: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column if column.type == pa.string() else column.cast(pa.string())


def _filled(column: pa.StringArray) -> pa.BooleanArray:
    return pc.fill_null(pc.greater(pc.binary_length(column), 0), False)
