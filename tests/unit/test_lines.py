"""Physical lines: numbered as they stand, and taken out when a CSV parser would misread them."""

import csv
import io
import json
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import lines
from transforms.lines import Block, FileRejected, blocks, read_header, scan


def scanned(text: bytes, columns: int = 3, separator: str = ";") -> lines.Scan:
    view = memoryview(b"h\n" + text)
    block = next(blocks(view, 2, 1000))
    return scan(view, block, separator=separator, columns=columns)


def bad(result: lines.Scan) -> list[tuple[int, str]]:
    return list(zip(result.bad["regelnr"].to_pylist(), result.bad["code"].to_pylist(), strict=True))


def test_good_lines_are_handed_on_as_they_are() -> None:
    text = b'1;2;3\n"a;b";"say ""hi""";\r\n;;'
    result = scanned(text)
    assert bytes(result.good) == text
    assert result.regelnr.tolist() == [2, 3, 4]
    assert (result.bad.num_rows, result.lines) == (0, 3)


def test_blank_lines_count_as_physical_lines_but_not_as_data() -> None:
    result = scanned(b"\n1;2;3\n\r\n   \n4;5;6\n\n")
    assert result.regelnr.tolist() == [3, 6]
    assert bytes(result.good) == b"1;2;3\n4;5;6\n"
    assert (bad(result), result.lines) == ([], 2)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"1;2", "E-RGL-01"),
        (b"1;2;3;4", "E-RGL-01"),
        (b'1;"2;3', "E-RGL-02"),
        (b'1;a"b"c;3', "E-RGL-02"),
        (b'1;"b"c;3', "E-RGL-02"),
        (b'1; "b";3', "E-RGL-02"),
        (b'";2;3', "E-RGL-02"),
        (b"1;\x00;3", "E-RGL-03"),
        (b"1;a\rb;3", "E-RGL-03"),
        (b"1;a\tb;3", "E-RGL-03"),
        (b"1;\x7f;3", "E-RGL-03"),
        (b"1;2;3\r\r", "E-RGL-03"),
        (b"1;2;" + b"x" * lines.MAX_LINE, "E-RGL-04"),
    ],
)
def test_a_broken_line_costs_only_itself(line: bytes, code: str) -> None:
    for newline in (b"\n", b"\r\n"):
        result = scanned(b"1;2;3" + newline + line + newline + b"4;5;6" + newline)
        assert bad(result) == [(3, code)]
        assert result.regelnr.tolist() == [2, 4]
        assert bytes(result.good) == b"1;2;3" + newline + b"4;5;6" + newline
        assert result.lines == 3


def test_a_wrong_number_of_fields_is_told_in_numbers() -> None:
    assert json.loads(scanned(b"1;2;3;4;5\n").bad["detail"][0].as_py()) == {"verwacht": "3", "gevonden": "5"}


def test_a_tab_that_separates_is_no_control_character() -> None:
    assert scanned(b"1\t2\t3\r\n", separator="\t").regelnr.tolist() == [2]
    assert bad(scanned(b'1\t"2\t2"\t3\n', separator="\t")) == [(2, "E-RGL-03")]
    assert read_header(memoryview(b"a\tb\n1\t2\n"), "\t", "utf-8").columns == ("a", "b")


def test_a_separator_in_quotes_does_not_separate() -> None:
    assert scanned(b'"a;b;c";2;3\n').regelnr.tolist() == [2]
    assert bad(scanned(b'"a;b;c"\n')) == [(2, "E-RGL-01")]


def test_two_odd_quotes_do_not_join_the_lines_between_them() -> None:
    result = scanned(b'1;"2;3\n4;5;6\n7;8";9\n')
    assert bad(result) == [(2, "E-RGL-02"), (4, "E-RGL-02")]
    assert result.regelnr.tolist() == [3]


FIELD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_whatever_a_csv_writer_writes_is_good(rows: list[list[str]], newline: str) -> None:
    target = io.StringIO()
    csv.writer(target, delimiter=";", lineterminator=newline).writerows(rows)
    result = scanned(target.getvalue().encode())
    assert result.bad.num_rows == 0
    assert result.regelnr.tolist() == list(range(2, 2 + len(rows)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(b'"";;;\n\n\r\x00ab 1'), max_size=60).map(bytes))
def test_every_line_goes_to_exactly_one_place_and_what_is_good_reads_back_alike(data: bytes) -> None:
    if not data:
        return
    result = scanned(data)
    physical = data.split(b"\n")
    bodies = {number: line.removesuffix(b"\r") for number, line in enumerate(physical, start=2)}
    data_lines = {number for number, line in bodies.items() if line.strip(b" ") != b""}
    placed = [*result.regelnr.tolist(), *result.bad["regelnr"].to_pylist()]
    assert sorted(placed) == sorted(data_lines)
    assert result.lines == len(data_lines)
    read = list(csv.reader(io.StringIO(bytes(result.good).decode(), newline=""), delimiter=";", strict=True))
    assert [len(row) for row in read] == [3] * len(result.regelnr)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([b"", b"1;2;3", b'"', b"x", b'"a""b";;']), max_size=30), st.integers(1, 7), st.booleans()
)
def test_blocks_together_say_what_one_block_says(body: list[bytes], size: int, closed: bool) -> None:
    text = b"h\n" + b"\n".join(body) + (b"\n" if closed else b"")
    view = memoryview(text)

    def together(per_block: int) -> tuple[bytes, list[int], list[dict[str, object]], int]:
        parts = [scan(view, block, separator=";", columns=3) for block in blocks(view, 2, per_block)]
        return (
            b"".join(bytes(part.good) for part in parts),
            [number for part in parts for number in part.regelnr.tolist()],
            [row for part in parts for row in part.bad.to_pylist()],
            sum(part.lines for part in parts),
        )

    assert together(size) == together(1_000_000)


def test_a_file_without_line_ends_costs_one_line_and_no_memory() -> None:
    monster = bytearray(b"h\n1;2;3\n") + bytes(40_000_000) + bytearray(b"\n4;5;6\n")
    view = memoryview(monster)
    tracemalloc.start()
    found = [scan(view, block, separator=";", columns=3) for block in blocks(view, 2, 1000)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [code for part in found for code in bad(part)] == [(3, "E-RGL-04")]
    assert [number for part in found for number in part.regelnr.tolist()] == [2, 4]
    assert peak < 40_000_000


def test_header_tolerates_a_mark_quotes_and_both_line_ends() -> None:
    for text in (b"a;b\n1;2", b"\xef\xbb\xbfa;b\r\n1;2", b'"a" ; "b"\n1;2', b"a;b"):
        header = read_header(memoryview(text), ";", "utf-8")
        assert header.columns == ("a", "b")
        assert text[header.end :] == (b"1;2" if b"\n" in text else b"")
    assert read_header(memoryview(b"\xef\xbb\xbfa\n"), ";", "windows-1252").codering == "utf-8"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "E-BST-05"),
        (b"\xef\xbb\xbf", "E-BST-05"),
        ("a;b\n".encode("utf-16"), "E-BST-02"),
        (b"a;\xe9\n", "E-BST-02"),
        (b"\na;b\n", "E-BST-09"),
        (b"a;\x00\n", "E-BST-09"),
        (b"a;" * lines.MAX_LINE, "E-BST-09"),
        (b"PK\x03\x04\x14\x00", "E-BST-13"),  # xlsx
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "E-BST-13"),  # xls
        (b"-----BEGIN PGP MESSAGE-----\n", "E-BST-13"),
    ],
)
def test_a_header_that_cannot_be_read_refuses_the_file(text: bytes, code: str) -> None:
    with pytest.raises(FileRejected) as refusal:
        read_header(memoryview(text), ";", "utf-8")
    assert refusal.value.code == code


def test_a_header_without_rows_has_no_blocks() -> None:
    assert list(blocks(memoryview(b"a;b\n"), 4, 100)) == []
    assert list(blocks(memoryview(b"a;b\n1;2"), 4, 100)) == [Block(4, 7, 2, 1)]


def test_nothing_holds_on_to_the_file_once_it_is_read() -> None:
    view = memoryview(bytearray(b"h\n1;2;3\n"))
    result = scan(view, next(blocks(view, 2, 10)), separator=";", columns=3)
    assert isinstance(result.good, pa.Buffer)
    del result
    view.release()  # raises BufferError if an array still points into it
