"""An Arrow table as an XLSX workbook for people: every cell is text, none is a formula, whatever it holds.

XlsxWriter makes the workbook around the rows: styles, frozen header, filter, widths. The rows themselves are put into
its sheets column-wise, as inline strings: cell by cell each would cost half a millisecond and 13 kB, and its streaming
mode writes people's data to disk in clear. An inline string is text by its type, so a value that begins with = + - or @
is not evaluated (OWASP, CSV injection), and a telephone number keeps its zero.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range

from transforms.csvbytes import characters

#: Rows below the header that one sheet can hold; what comes after them stands on a next sheet.
SHEET_ROWS = 2**20 - 1

_ROWS = 5_000
_WIDTHS = (6, 40)  # characters: narrower shows no header, wider pushes the rest off the screen
_END = b"</sheetData>"
#: What XML 1.0 cannot hold, or reads back as something else; Excel writes it as _xHHHH_ (ECMA-376, ST_Xstring).
_UNWRITABLE = [chr(at) for at in (*range(9), 11, 12, *range(13, 32), 0xFFFE, 0xFFFF)]
_ESCAPED = "_x[0-9A-Fa-f]{4}_"


def to_xlsx(table: pa.Table, name: str) -> bytes:
    """All of `table` (string or dictionary columns; null is empty) on a sheet `name`, header first and frozen."""
    sheets = [table.slice(at, SHEET_ROWS) for at in range(0, table.num_rows, SHEET_ROWS)] or [table]
    made = io.BytesIO()
    with ZipFile(_workbook(sheets, name)) as around, ZipFile(made, "w", ZIP_DEFLATED, compresslevel=1) as target:
        rows_of = {f"xl/worksheets/sheet{number}.xml": sheet for number, sheet in enumerate(sheets, 1)}
        for part in around.infolist():
            content = around.read(part)
            with target.open(part, "w", force_zip64=part.filename in rows_of) as stream:
                if part.filename in rows_of:
                    for piece in _sheet(content, rows_of[part.filename]):
                        stream.write(piece)
                else:
                    stream.write(content)
    return made.getvalue()


def _workbook(sheets: list[pa.Table], name: str) -> io.BytesIO:
    """The workbook with only its headers."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001  the same rows give the same bytes
        text, bold = book.add_format({"num_format": "@"}), book.add_format({"num_format": "@", "bold": True})
        for number, table in enumerate(sheets, 1):
            sheet, last = book.add_worksheet(name if number == 1 else f"{name} {number}"), table.num_columns - 1
            sheet.freeze_panes(1, 0)
            for at, column in enumerate(table.column_names):
                sheet.set_column(at, at, _width(column, table[column]), text)
                sheet.write_string(0, at, column, bold)
            sheet.autofilter(0, 0, table.num_rows, last)
            sheet.ignore_errors({"number_stored_as_text": xl_range(0, 0, table.num_rows, last)})
    made.seek(0)
    return made


def _width(name: str, column: pa.ChunkedArray) -> int:
    """Characters: the header with its filter button, or the longest value."""
    values = column.combine_chunks()
    longest = pc.max(pc.utf8_length(values.dictionary if pa.types.is_dictionary(values.type) else values)).as_py()
    return min(max(len(name) + 3, longest or 0, _WIDTHS[0]), _WIDTHS[1])


def _sheet(empty: bytes, table: pa.Table) -> Iterator[bytes | memoryview]:
    """The XML of a sheet with its rows filled in."""
    head, _, tail = empty.partition(_END)
    style = re.search(rb'<col [^>]*style="(\d+)"', head)
    assert style is not None
    whole = xl_range(0, 0, table.num_rows, table.num_columns - 1)
    yield re.sub(rb'<dimension ref="[^"]*"', f'<dimension ref="{whole}"'.encode(), head, count=1)
    for at in range(0, table.num_rows, _ROWS):
        yield _rows(table.slice(at, _ROWS), at + 2, style[1].decode())
    yield _END + tail


def _rows(table: pa.Table, first: int, style: str) -> memoryview:
    """The XML of a few rows, of which the first is row `first` of the sheet."""
    numbers = pa.array(range(first, first + table.num_rows)).cast(pa.string())
    parts: list[pa.Array | str] = ['<row r="', numbers, '">']
    for at, name in enumerate(table.column_names):
        parts += [f'<c r="{xl_col_to_name(at)}', numbers, _cells(table[name].combine_chunks(), style)]
    return characters(pc.binary_join_element_wise(*parts, "</row>", ""))


def _cells(column: pa.Array, style: str) -> pa.Array:
    """What comes after the reference of each cell: its style and, where there is one, its text."""
    if pa.types.is_dictionary(column.type):
        return _cells(column.dictionary, style).take(column.indices).fill_null(f'" s="{style}"/>')
    begin = f'" s="{style}" t="inlineStr"><is><t xml:space="preserve">'
    text = column.fill_null("")
    cells = pc.binary_join_element_wise(begin, _escaped(text), "</t></is></c>", "")
    return pc.if_else(pc.equal(text, ""), f'" s="{style}"/>', cells)


def _escaped(text: pa.StringArray) -> pa.StringArray:
    """As it stands in XML; what would be read as an escape is escaped itself."""
    looks_escaped = pc.match_substring_regex(text, _ESCAPED)
    if pc.any(looks_escaped).as_py():
        text = pc.if_else(looks_escaped, pc.replace_substring(text, "_x", "_x005F_x"), text)
    for mark, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = pc.replace_substring(text, mark, written)
    if pc.any(pc.match_substring_regex(text, f"[{''.join(map(_in_regex, _UNWRITABLE))}]")).as_py():
        for mark in _UNWRITABLE:
            text = pc.replace_substring(text, mark, f"_x{ord(mark):04X}_")
    return text


def _in_regex(mark: str) -> str:
    return f"\\x{{{ord(mark):04X}}}"
