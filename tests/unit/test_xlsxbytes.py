"""What we write as XLSX, a spreadsheet shows as it was: text, never a formula, never a number."""

from __future__ import annotations

import io

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from transforms import xlsxbytes
from transforms.csvbytes import constant
from transforms.xlsxbytes import to_xlsx

#: What OWASP names as the start of a formula, what Excel would take for a number or a date, and what XML would miss.
NASTY = (
    *(
        "=1+1",
        "+31612345678",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "'=1",
        "0612345678",
        "0344",
        "1E5",
        "1-2",
        "TRUE",
        " a ",
    ),
    *("<r><t>x</t></r>", "a&b", "]]>", "_x0041_x0042_", "_x005F_", "jan_xander@voorbeeld.nl", "\ufffe", "\x0b", ""),
)
VALUES = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=8))


def sheets(content: bytes) -> list[list[list[str]]]:
    """Every cell as Excel shows it; fails on one that is anything else than text or empty."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    for sheet in book:
        assert all(cell.data_type in ("s", "inlineStr") or cell.value is None for row in sheet for cell in row)
        assert all(cell.number_format == "@" for row in sheet for cell in row)
    return [[[unescape(cell.value or "") for cell in row] for row in sheet] for sheet in book]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
@example([("=cmd|' /C calc'!A0", "0612345678")])
def test_every_cell_is_text_equal_to_the_value(rows: list[tuple[str, str]]) -> None:
    one, other = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"a": pa.array(one), "b": pa.array(other).dictionary_encode()})
    assert sheets(to_xlsx(table, "signalen")) == [[["a", "b"], *map(list, rows)]]


def test_null_and_constant_columns_and_a_table_without_rows() -> None:
    table = pa.table({"k": constant("0344", 3), "l": constant("", 3), "n": pa.array(["x", None, "y"])})
    assert sheets(to_xlsx(table, "s")) == [[["k", "l", "n"], ["0344", "", "x"], ["0344", "", ""], ["0344", "", "y"]]]
    assert sheets(to_xlsx(table.slice(3), "s")) == [[["k", "l", "n"]]]


def test_the_header_stays_in_sight_and_columns_are_as_wide_as_what_stands_in_them() -> None:
    table = pa.table({"huisnummer": ["1", "12"], "straat": ["Dorpsstraat", "x" * 300]})
    [sheet] = openpyxl.load_workbook(io.BytesIO(to_xlsx(table, "signalen")))
    assert (sheet.title, sheet.freeze_panes, sheet.auto_filter.ref, sheet.dimensions) == (
        "signalen",
        "A2",
        "A1:B3",
        "A1:B3",
    )
    assert 10 < sheet.column_dimensions["A"].width < 16
    assert 40 <= sheet.column_dimensions["B"].width < 42
    assert sheet.column_dimensions["A"].number_format == "@"  # what a person types stays text as well


def test_rows_beyond_what_a_sheet_can_hold_stand_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsxbytes, "SHEET_ROWS", 11_000)
    numbers = [str(at) for at in range(11_003)]
    first, second = sheets(to_xlsx(pa.table({"n": numbers}), "signalen"))
    assert [row[0] for row in first[1:] + second[1:]] == numbers
    assert second[0] == ["n"]


def test_the_same_rows_give_the_same_bytes() -> None:
    table = pa.table({"a": ["b"]})
    assert to_xlsx(table, "s") == to_xlsx(table, "s")
