"""What we write, any CSV reader reads back."""

from __future__ import annotations

import csv
import io
from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from transforms.csvbytes import constant, csv_blocks, to_csv

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def read(content: bytes, delimiter: str = ";") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter, strict=True))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6), st.sampled_from([";", ",", "|", "\t"]))
def test_every_value_comes_back_as_it_was(rows: list[tuple[str, str]], delimiter: str) -> None:
    one, other = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"a": pa.array(one, pa.string()), "b": pa.array(other, pa.string())})
    assert read(to_csv(table, delimiter=delimiter), delimiter) == [["a", "b"], *map(list, rows)]


def test_a_partner_reads_it_in_its_own_encoding() -> None:
    table = pa.table({"naam": ["José"], "straat": ["Curaçaolaan €"]})
    assert to_csv(table, delimiter=",", codering="windows-1252") == "naam,straat\r\nJosé,Curaçaolaan €\r\n".encode(
        "windows-1252"
    )


def test_null_is_empty_and_numbers_dates_and_constants_are_text() -> None:
    table = pa.table(
        {
            "n": pa.array([1, None]),
            "d": pa.array([date(2026, 1, 2), None]),
            "k": constant("a;b", 2),
            "l": constant("", 2),
            "s": pa.array(["é", None]).dictionary_encode(),
            "z": pa.nulls(2),
        }
    )
    assert to_csv(table, header=False) == '1;2026-01-02;"a;b";;é;\r\n;;"a;b";;;\r\n'.encode()


def test_a_slice_writes_only_its_own_rows_and_quotes_only_for_them() -> None:
    table = pa.table({"a": ["x;y", "b", "c"], "b": ["1", "2", "3"]})
    assert to_csv(table.slice(1, 1), header=False) == b"b;2\r\n"
    assert to_csv(table.slice(0, 1), header=False) == b'"x;y";1\r\n'
    assert to_csv(table.slice(3)) == b"a;b\r\n"


def test_a_long_table_is_written_in_pieces_that_together_are_the_whole() -> None:
    rows = 120_001
    table = pa.table({"n": pa.array(range(rows)).cast(pa.string()), "k": constant("k", rows)})
    pieces = list(csv_blocks(table))
    assert len(pieces) == 4
    assert b"".join(pieces) == b"n;k\r\n" + b"".join(b"%d;k\r\n" % at for at in range(rows))


def test_a_table_of_constants_has_a_line_per_row() -> None:
    assert to_csv(pa.table({"a": constant("x", 2), "b": constant("y", 2)}), header=False) == b"x;y\r\nx;y\r\n"


def test_a_machine_file_keeps_what_a_spreadsheet_would_run() -> None:
    assert to_csv(pa.table({"a": ["=1+1", "-5", "@x"]}), header=False) == b"=1+1\r\n-5\r\n@x\r\n"
