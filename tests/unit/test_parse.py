"""From lines to text; header and encoding decide about the file as a whole."""

import pyarrow as pa
import pytest

from schemas.signaal import KOLOMMEN, KOPPEN_VERPLICHT, RETOURKOLOMMEN, VOORWAARDEN
from transforms.lines import FileRejected, Scan, blocks, read_header, scan
from transforms.parse import ParserMismatch, check_encoding, check_header, parse

HEADER = [*KOPPEN_VERPLICHT, "bedrag_cent", *VOORWAARDEN]


def read(text: bytes, codering: str = "utf-8") -> pa.Table:
    view = memoryview(text)
    header = read_header(view, ";", codering)
    parts = []
    for block in blocks(view, header.end, 2):
        check_encoding(view, block, header.codering)
        part = scan(view, block, separator=";", columns=len(header.columns))
        parts.append(parse(part, header.columns, ";", header.codering))
    return pa.concat_tables(parts)


def codes(columns: list[str], **options: object) -> dict[str, dict[str, str]]:
    return {reason.code: dict(reason.slots) for reason in check_header(columns, **options)}  # type: ignore[arg-type]


def test_everything_is_text_and_keeps_its_line_number() -> None:
    text = b'signaal_id;gemeentecode;eigen;achternaam\n1;0363;x;NA\n"2";;x;null\nkapot\n\n3;0034;;"O""Neil; jr"\n'
    assert read(text).to_pylist() == [
        {"signaal_id": "1", "gemeentecode": "0363", "achternaam": "NA", "regelnr": 2},
        {"signaal_id": "2", "gemeentecode": "", "achternaam": "null", "regelnr": 3},
        {"signaal_id": "3", "gemeentecode": "0034", "achternaam": 'O"Neil; jr', "regelnr": 6},
    ]


def test_a_block_without_good_lines_is_an_empty_table() -> None:
    table = read(b"signaal_id;soort\nkapot\n")
    assert (table.num_rows, table.column_names) == (0, ["signaal_id", "soort", "regelnr"])


def test_windows_1252_is_read_when_the_profile_says_so() -> None:
    text = "achternaam;straat\nJosé;Curaçaolaan €\n".encode("windows-1252")
    assert read(text, "windows-1252").to_pylist()[0] == {"achternaam": "José", "straat": "Curaçaolaan €", "regelnr": 2}


@pytest.mark.parametrize(
    ("text", "codering"),
    [
        ("achternaam;straat\nA;B\nJosé;C\n".encode("windows-1252"), "utf-8"),
        (b"achternaam;straat\nA;B\nJos\x81;C\n", "windows-1252"),
        ("achternaam;straat\nA;B\nJosé;C\n".encode(), "windows-1252"),
    ],
)
def test_another_encoding_refuses_the_file_and_names_the_first_line(text: bytes, codering: str) -> None:
    with pytest.raises(FileRejected) as refusal:
        read(text, codering)
    assert (refusal.value.code, refusal.value.slots) == ("E-BST-02", {"codering": codering, "regel": "3"})


def test_a_parser_that_disagrees_about_the_lines_is_a_fault() -> None:
    part = Scan(pa.py_buffer(b"1;2\n3;4\n"), pa.array([2]).to_numpy(), pa.table({}), 1)
    with pytest.raises(ParserMismatch) as fault:
        parse(part, ["signaal_id", "soort"], ";")
    assert (fault.value.lines, fault.value.rows) == (1, 2)


def test_a_full_header_passes_in_any_order_and_with_the_columns_of_a_correction_file() -> None:
    assert check_header(HEADER[::-1]) == []
    assert check_header([*HEADER, *RETOURKOLOMMEN]) == []
    assert check_header([*(name for name in KOLOMMEN if name != "bedrag_euro")]) == []


@pytest.mark.parametrize("gone", [name for name in HEADER if name != "bedrag_cent"])
def test_a_missing_column_refuses_the_file(gone: str) -> None:
    found = codes([name for name in HEADER if name != gone])
    assert found == {"E-BST-01": {"ontbreekt": gone, "onbekend": "geen"}}


def test_a_verklaring_stands_in_for_the_columns_of_the_conditions() -> None:
    assert codes([*KOPPEN_VERPLICHT, "bedrag_euro"], verklaard=VOORWAARDEN) == {}
    some = codes([*KOPPEN_VERPLICHT, "bedrag_euro"], verklaard=VOORWAARDEN[1:])
    assert some["E-BST-01"]["ontbreekt"] == VOORWAARDEN[0]


def test_unknown_columns_refuse_the_file_unless_the_profile_ignores_them() -> None:
    assert codes([*HEADER, "Afdeling"])["E-BST-01"] == {"ontbreekt": "geen", "onbekend": "Afdeling"}
    assert codes([*HEADER, "Afdeling", "Afdeling"], onbekende_kolommen="negeren") == {}


@pytest.mark.parametrize("amounts", [[], ["bedrag_cent", "bedrag_euro"]])
def test_exactly_one_amount_column(amounts: list[str]) -> None:
    assert codes([*(name for name in HEADER if name != "bedrag_cent"), *amounts]) == {"E-BST-06": {}}


def test_a_column_twice_refuses_the_file() -> None:
    assert codes([*HEADER, "postcode"]) == {"E-BST-07": {"kolommen": "postcode"}}


@pytest.mark.parametrize("name", ["BSN", "bsn_klant", "KlantBSN", "Burgerservicenummer", "sofinummer"])
def test_a_column_named_after_a_bsn_refuses_the_file_even_where_columns_are_ignored(name: str) -> None:
    assert codes([*HEADER, name], onbekende_kolommen="negeren") == {"E-PRV-02": {"kolommen": name}}


def test_a_header_of_few_columns_hears_which_are_missing() -> None:
    """What a first file with nothing but an INTREKKING often looks like."""
    missing = codes(["signaal_id", "soort", "vorig_signaal_id", "reden_intrekking"])["E-BST-01"]
    assert missing["onbekend"] == "geen"
    assert "achternaam" in missing["ontbreekt"]


def test_somebodys_data_on_line_1_is_not_repeated() -> None:
    assert codes(["1", "VROEG", "Jansen", "Dorpsstraat"]) == {"E-BST-09": {"scheidingsteken": ";"}}
    shown = codes([*HEADER, "06 12345678", "jansen@voorbeeld.nl"])["E-BST-01"]["onbekend"]
    assert shown == "2 zonder bruikbare naam"
