"""Retourcodes, version 1: every reason that a partner or an uitvoerder can read, and the only place where it is worded.

`E-` refuses, `W-` warns, `H-` holds. `bron` is where the rule comes from: law, convenant, DDAS or another public
source, or "layout 1" where the rule is ours; the code that gives it need not say so again. A sentence says what was
done with the file or row and what to do next. Its slots are names of columns, codes, dates and counts; never a value
that belongs to a person. Codes are never reused: one that is no longer given stays here for those who keep old
terugmeldingen.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas._retourteksten import TEKSTEN


class Niveau(StrEnum):
    """What a code is about."""

    BESTAND = "bestand"
    REGEL = "regel"
    VELD = "veld"


@dataclass(frozen=True)
class Retourcode:
    """One row of the published list."""

    code: str
    niveau: Niveau
    tekst: str  #: Dutch sentence with named slots
    sinds: str  #: layout version in which the code first appeared
    bron: str  #: where the rule comes from
    terug: bool  #: may a row refused with this code travel back in the correction file?

    @property
    def ernst(self) -> str:
        """E refuses, W warns, H holds."""
        return self.code[0]

    @property
    def sleuven(self) -> frozenset[str]:
        """Names of the slots in the sentence."""
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self.tekst) if name)


class SlotMissing(LookupError):
    """A reason was given without a value that its sentence needs: a fault of ours, not of the partner."""

    def __init__(self, code: str, slot: str) -> None:
        super().__init__(f"{code} needs {slot}")
        self.code, self.slot = code, slot


#: Code to its row, in the order of publication.
RETOURCODES: dict[str, Retourcode] = {
    code: Retourcode(
        code=code,
        niveau=Niveau(niveau),
        tekst=tekst,
        sinds="1",
        bron=bron,
        terug=not code.startswith(("E-PRV", "E-VWD")),
    )
    for code, niveau, bron, tekst in TEKSTEN
}

#: One reason on one row. `detail` is a JSON object with the slots of the sentence, "" if it has none.
REASONS = pa.schema([("regelnr", pa.int64()), ("code", pa.string()), ("veld", pa.string()), ("detail", pa.string())])


@dataclass(frozen=True)
class BestandsReden:
    """Why a file as a whole is refused: code and the slots of its sentence."""

    code: str
    slots: Mapping[str, str]


def sentence(code: str, slots: Mapping[str, str]) -> str:
    """The Dutch sentence of `code`.

    Raises KeyError for a code that is not published, SlotMissing if a slot of the sentence has no value.

    >>> sentence("W-ROU-04", {"code1": "0363", "code2": "0034"})
    'U gaf gemeentecode 0363; volgens het adres is het 0034. Wij hebben 0034 gebruikt. U hoeft niets te doen.'
    """
    try:
        return RETOURCODES[code].tekst.format_map(slots)
    except KeyError as missing:
        if code not in RETOURCODES:
            raise
        raise SlotMissing(code, str(missing.args[0])) from None


def sentences(
    codes: pa.Array | pa.ChunkedArray | Sequence[str],
    details: pa.Array | pa.ChunkedArray | Sequence[str],
    velden: pa.Array | pa.ChunkedArray | Sequence[str] | None = None,
) -> pa.StringArray:
    """The sentence of every reason, made once per distinct (code, detail, veld).

    codes, details, velden: columns of a REASONS table, equally long; `velden` fills the slot `veld` where the detail
    does not name it. Returns a string array of the same length.
    """
    rows = len(codes)
    if not rows:
        return pa.array([], pa.string())
    keys = [_dictionary(codes), _dictionary(details), _dictionary([""] * rows if velden is None else velden)]
    combined: npt.NDArray[np.int64] = np.zeros(rows, np.int64)
    for key in keys:
        combined = combined * max(1, len(key.dictionary)) + key.indices.to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    distinct = [_sentence(*(key[int(row)].as_py() for key in keys)) for row in first]
    return pa.array(distinct, pa.string()).take(pa.array(inverse.reshape(-1)))


def detail(slots: Mapping[str, str]) -> str:
    """Slots as they stand in the column `detail`: JSON with sorted keys, "" if there are none."""
    return json.dumps(dict(slots), ensure_ascii=False, sort_keys=True) if slots else ""


def reasons(
    regelnr: npt.NDArray[np.int64], code: str, veld: str = "", slots: Mapping[str, str] | None = None
) -> pa.Table:
    """A REASONS table that gives every row in `regelnr` the same reason."""
    rows = len(regelnr)
    constants = (code, veld, detail(slots or {}))
    columns = [pa.array(regelnr, pa.int64()), *(pa.repeat(pa.scalar(value), rows) for value in constants)]
    return pa.Table.from_arrays(columns, schema=REASONS)


def no_reasons() -> pa.Table:
    """A REASONS table without rows."""
    return REASONS.empty_table()


@lru_cache(maxsize=65536)
def _sentence(code: str, slots: str, veld: str) -> str:
    return sentence(code, {"veld": veld, **(json.loads(slots) if slots else {})})


def _dictionary(column: pa.Array | pa.ChunkedArray | Sequence[str]) -> pa.DictionaryArray:
    values = column if isinstance(column, (pa.Array, pa.ChunkedArray)) else pa.array(column, pa.string())
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = values.fill_null("").dictionary_encode()
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
