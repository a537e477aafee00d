"""Text as it was meant: without spaces around it, nothing as null, and typed once its form is known to be right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import waarden
from schemas.signaal import ARROW, KOLOMMEN, Kolom, Type, read_date

#: Column to Arrow array: string for free text, dictionary of strings for the rest; nothing for a column without values.
Text = dict[str, pa.Array]


_MAY_OPEN = np.isin(np.arange(256), [*range(33), 0xC2, 0xE1, 0xE2, 0xE3])
_MAY_CLOSE = np.isin(np.arange(256), [*range(33), *range(0x80, 0x8B), 0x9F, 0xA0, 0xA8, 0xA9, 0xAF])


def normalise(table: pa.Table, skip: Collection[str] = (), kolommen: Mapping[str, Kolom] = KOLOMMEN) -> Text:
    """Trim every field and make empty ones null; columns that are entirely empty, and those in `skip`, are left out."""
    text: Text = {}
    for veld in table.column_names:
        if veld not in kolommen or veld in skip:
            continue
        values = table[veld].combine_chunks() if table[veld].num_chunks != 1 else table[veld].chunk(0)
        if not _has_text(values):
            continue
        values = _trimmed(values) if kolommen[veld].type is Type.VRIJ else _encoded(values)
        if values.null_count < len(values):
            text[veld] = values
    return text


def typed_column(veld: str, values: pa.Array, kolommen: Mapping[str, Kolom] = KOLOMMEN) -> pa.Array:
    """A column of text in the type of `veld` (schemas.signaal.ARROW); null where the text has not its form.

    postcode becomes `1234AB`, codes get the exact spelling of their list, amounts become eurocents.
    """
    kolom = kolommen[veld]
    if kolom.type is Type.VRIJ:
        return values
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    return _converted(kolom, values.dictionary).take(values.indices)


def _converted(kolom: Kolom, distinct: pa.StringArray) -> pa.Array:
    if kolom.codelijst is not None:
        return pa.array([kolom.codelijst.exact(value) for value in distinct.to_pylist()], pa.string())
    if kolom.type is Type.DATUM:
        return pa.array([read_date(value) for value in distinct.to_pylist()], pa.date32())
    if kolom.naam == "postcode":
        return pc.utf8_upper(pc.replace_substring(distinct, " ", ""))
    if kolom.type is Type.CODE:
        return distinct
    fitting = pc.if_else(waarden.matches(distinct, kolom.patroon), distinct, pa.scalar(None, pa.string()))
    if kolom.type is Type.JA_NEE:
        return pc.equal(pc.utf8_upper(fitting), "J")
    if kolom.type is Type.EURO:
        euro = pc.replace_substring(fitting, ",", ".").cast(pa.decimal128(14, 2))
        return pc.multiply(euro, pa.scalar(Decimal(100))).cast(pa.int64())
    return fitting.cast(ARROW[kolom.type])


def _has_text(values: pa.StringArray) -> bool:
    buffers = values.buffers()
    if not len(values) or buffers[1] is None:
        return False
    offsets = np.frombuffer(buffers[1], np.int32)
    return bool(offsets[values.offset] != offsets[values.offset + len(values)])


def _trimmed(values: pa.StringArray) -> pa.StringArray:
    if _has_space_at_an_end(values):
        values = pc.utf8_trim_whitespace(values)
    empty = pc.equal(pc.binary_length(values), 0)
    return pc.if_else(empty, pa.scalar(None, pa.string()), values) if pc.any(empty).as_py() else values


def _has_space_at_an_end(values: pa.StringArray) -> bool:
    """Two looks at the bytes are much cheaper than trimming what needs none. Bytes that may be part of a wide space
    (U+00A0, U+1680, U+2000-202F, U+205F, U+3000) count as one: trimming too often is harmless.
    """
    buffers = values.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)[values.offset : values.offset + len(values) + 1]
    filled = offsets[:-1] < offsets[1:]
    data = np.frombuffer(buffers[2], np.uint8)
    first, last = data[offsets[:-1][filled]], data[offsets[1:][filled] - 1]
    return bool(_MAY_OPEN[first].any() or _MAY_CLOSE[last].any())


def _encoded(values: pa.StringArray) -> pa.DictionaryArray:
    encoded = values.dictionary_encode()
    trimmed = pc.utf8_trim_whitespace(encoded.dictionary)
    nothing = pc.equal(trimmed, "")
    if trimmed.equals(encoded.dictionary) and not pc.any(nothing).as_py():
        return encoded
    again = pc.if_else(nothing, pa.scalar(None, pa.string()), trimmed).dictionary_encode()
    return pa.DictionaryArray.from_arrays(again.indices.take(encoded.indices), again.dictionary)
