"""An Arrow table as CSV bytes: `;` and UTF-8 unless asked otherwise, CRLF, quotes (RFC 4180) only where needed.

Rows are joined column-wise into one string array whose own buffer is the text, so that nothing is done per row in
Python. Columns that hold one value for all rows are best given as a dictionary (see `constant`): they cost next to
nothing. Values are never escaped for spreadsheets here: a machine file keeps its values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Rows per piece of text: small enough for an Arrow string array (2 GB) whatever a row holds, and for the memory cache.
_ROWS = 50_000

_END = "\r\n"


def constant(value: str, rows: int) -> pa.DictionaryArray:
    """A column of `rows` times `value`, one byte each."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), rows), pa.array([value], pa.string()))


def to_csv(table: pa.Table, *, header: bool = True, delimiter: str = ";", codering: str = "utf-8") -> bytes:
    """All of `table` (string, dictionary, number, date or boolean columns; null is empty) as CSV.

    >>> to_csv(pa.table({"a": ["x;y", None], "b": [1, 2]}))
    b'a;b\\r\\n"x;y";1\\r\\n;2\\r\\n'
    """
    content = b"".join(csv_blocks(table, header=header, delimiter=delimiter))
    return content if codering == "utf-8" else content.decode().encode(codering)


def csv_blocks(table: pa.Table, *, header: bool = True, delimiter: str = ";") -> Iterator[memoryview]:
    """The same in pieces of at most 50,000 rows, ready to be written to a stream."""
    if header:
        names = (_quoted(name, delimiter) for name in table.column_names)
        yield memoryview((delimiter.join(names) + _END).encode())
    for at in range(0, table.num_rows, _ROWS):
        yield _lines(table.slice(at, _ROWS), delimiter)


def _lines(table: pa.Table, delimiter: str) -> memoryview:
    """The text of a few rows, as a view on the buffer of the joined column."""
    parts: list[pa.Array | str] = []
    for name in table.column_names:
        value = _value(table[name].combine_chunks(), delimiter)
        if isinstance(value, str) and parts and isinstance(parts[-1], str):
            parts[-1] += delimiter + value
        else:
            parts.append(value)
    if isinstance(parts[-1], str):
        parts[-1] += _END
    else:
        parts[-1] = pc.binary_join_element_wise(parts[-1], _END, "", null_handling="replace", null_replacement="")
    if all(isinstance(part, str) for part in parts):
        return memoryview((delimiter.join(map(str, parts)) * table.num_rows).encode())
    joined = pc.binary_join_element_wise(*parts, delimiter, null_handling="replace", null_replacement="")
    return characters(joined)


def _value(column: pa.Array, delimiter: str) -> pa.Array | str:
    """A column as text, or the one value that all its rows have."""
    if pa.types.is_dictionary(column.type):
        if len(column.dictionary) == 1 and not column.null_count:
            return _quoted(str(column.dictionary[0].as_py()), delimiter)
        column = column.cast(column.type.value_type)
    if column.type == pa.null():
        return ""
    text = column if column.type == pa.string() else column.cast(pa.string())
    return _quote_where_needed(text, delimiter)


def _quote_where_needed(text: pa.StringArray, delimiter: str) -> pa.StringArray:
    """Quotes around values with a delimiter, quote or line break; a look at the raw bytes spares the other columns."""
    raw = bytes(characters(text))
    marks = [mark for mark in (delimiter, '"', "\n", "\r") if mark.encode() in raw]
    if not marks:
        return text
    needs = pc.match_substring(text, marks[0])
    for mark in marks[1:]:
        needs = pc.or_(needs, pc.match_substring(text, mark))
    doubled = pc.replace_substring(text.filter(needs), '"', '""')
    quoted = pc.binary_join_element_wise('"', doubled, '"', "")
    return pc.replace_with_mask(text, pc.fill_null(needs, False), quoted)


def characters(text: pa.StringArray) -> memoryview:
    """The text of all rows together (UTF-8), without a copy; the array may be a slice of a larger one."""
    _, offsets, data = text.buffers()
    if not len(text) or data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, np.int32)
    return memoryview(data)[ends[text.offset] : ends[text.offset + len(text)]]


def _quoted(value: str, delimiter: str) -> str:
    if any(mark in value for mark in (delimiter, '"', "\n", "\r")):
        return '"' + value.replace('"', '""') + '"'
    return value
