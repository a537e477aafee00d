"""The form of single values: patterns (RE2, whole value) and the 11-proof of a burgerservicenummer.

Address patterns follow the BRP API: postcode without SA, SD and SS, huisnummer 1-99999, huisletter one letter,
toevoeging up to 4 of `A-Za-z0-9 -`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

POSTCODE = r"[1-9][0-9]{3} ?(?:[A-RT-Za-rt-z][A-Za-z]|[Ss][BCE-RT-Zbce-rt-z])"
HUISNUMMER = r"[1-9][0-9]{0,4}"
HUISLETTER = r"[A-Za-z]"
TOEVOEGING = r"[A-Za-z0-9 -]{1,4}"
GEMEENTECODE = r"[0-9]{4}"
SIGNAAL_ID = r"[A-Za-z0-9._/-]{1,40}"
KLANTNUMMER = r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,29}"
DATUM = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
JA_NEE = r"[JNjn]"
BEDRAG_CENT = r"-?[0-9]{1,11}"
BEDRAG_EURO = r"-?[0-9]{1,9}(?:[.,][0-9]{1,2})?"
MAANDEN = r"[0-9]{1,3}"
EMAIL = r"[^@\s]{1,64}@[^@\s]{1,180}\.[^@\s.]{2,}"
#: Dutch numbers have ten digits; numbers from abroad start with + or 00. Nine bare digits never pass.
TELEFOON = (
    r"\(?(?:0|(?:\+|00)31[ -]?(?:\(0\))?[ -]?)[1-9](?:[ ()-]{0,2}[0-9]){8}"
    r"|(?:\+|00)[1-9](?:[ -]?[0-9]){7,13}"
)
#: Free text that somebody can be called by or live at: at least one letter.
NAAM = r".*\p{L}.*"
VOORLETTERS = r"[\p{L}. '-]+"
VOORVOEGSEL = r"[\p{L}. '’-]+"
TEKST = r".+"
#: Characters at most. Counted in the pattern, RE2 would copy its table of letters as often: 25 ms per use.
HOOGSTENS = {VOORLETTERS: 30, VOORVOEGSEL: 20, TEKST: 200}

#: What stands in `straat` when there is no home address.
POSTBUS = r"(?i)^(?:postbus|antwoordnummer|p\.? ?o\.? ?box)\b"
#: Postcodes of the neighbours (Belgium, Germany, Luxembourg, France), bare or with their country letters.
BUITENLANDSE_POSTCODE = r"^(?:[A-Za-z]{1,2}[- ]?)?[0-9]{4,5}$"

#: Nine digits, perhaps with one dot, space or dash between them, that are not part of a longer number.
NEGEN_CIJFERS = r"(?:^|[^0-9])[0-9](?:[ .-]?[0-9]){8}(?:[^0-9]|$)"
_NINE = re.compile(r"(?<![0-9])[0-9](?:[ .-]?[0-9]){8}(?![0-9])")
_NO_DIGIT = re.compile(r"[ .-]")
_WEIGHTS = np.array([9, 8, 7, 6, 5, 4, 3, 2, -1], np.int64)


def matches(values: pa.Array, pattern: str) -> pa.BooleanArray:
    """Whether each whole value fits `pattern`; null stays null. Dictionaries are judged per distinct value."""
    if pa.types.is_dictionary(values.type):
        return matches(values.dictionary, pattern).take(values.indices)
    fitting = pc.match_substring_regex(values, f"^(?:{pattern})$")
    if pattern in HOOGSTENS:
        fitting = pc.and_(fitting, pc.less_equal(pc.utf8_length(values), HOOGSTENS[pattern]))
    return fitting


def is_bsn(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Whether each value (string, null allowed) is nine digits that pass the 11-proof (weights 9..2, -1).

    About 1 in 11 numbers of nine digits passes by chance.

    >>> is_bsn(pa.array(["123456782", "123456789", None])).tolist()
    [True, False, False]
    """
    verdict = np.zeros(len(values), bool)
    nine = np.flatnonzero(nine_digits(values))
    if len(nine):
        joined = "".join(values.take(pa.array(nine)).to_pylist()).encode()
        digits = np.frombuffer(joined, np.uint8).reshape(-1, 9).astype(np.int64) - ord("0")
        verdict[nine] = ((digits @ _WEIGHTS) % 11 == 0) & digits.any(axis=1)
    return verdict


def nine_digits(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Whether each value (string, null allowed) is exactly nine digits."""
    return _mask(pc.and_(pc.equal(pc.binary_length(values), 9), pc.ascii_is_decimal(values)))


def holds_bsn(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Whether a burgerservicenummer stands somewhere in each text (string or dictionary of strings, null allowed)."""
    if pa.types.is_dictionary(values.type):
        distinct = holds_bsn(values.dictionary)
        if not distinct.any():
            return np.zeros(len(values), bool)
        return _mask(pa.array(distinct).take(values.indices))
    verdict = np.zeros(len(values), bool)
    if not _has_digits(values):
        return verdict
    suspects = np.flatnonzero(_mask(pc.match_substring_regex(values, NEGEN_CIJFERS)))
    if len(suspects):
        texts = values.take(pa.array(suspects)).to_pylist()
        numbers = [(place, found) for place, text in zip(suspects, texts, strict=True) for found in _NINE.findall(text)]
        digits = pa.array([_NO_DIGIT.sub("", found) for _, found in numbers], pa.string())
        places = np.array([place for place, _ in numbers], np.intp)
        verdict[places[is_bsn(digits)]] = True
    return verdict


def _has_digits(values: pa.Array) -> bool:
    """A look at the bytes: most columns of names hold no digit at all."""
    buffers = values.buffers()
    if not len(values) or buffers[2] is None:
        return False
    offsets = np.frombuffer(buffers[1], np.int32)[values.offset : values.offset + len(values) + 1]
    data = np.frombuffer(buffers[2], np.uint8)[offsets[0] : offsets[-1]]
    return bool(((data - np.uint8(ord("0"))) < 10).any())


def _mask(values: Any) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = values.fill_null(False).to_numpy(zero_copy_only=False)
    return mask
