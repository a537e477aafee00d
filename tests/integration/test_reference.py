"""Import of the CBS address table and look-ups in it, on real files."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from exchange.faults import ReferenceFault
from exchange.reference import POINTER, PostcodeTable, import_pc6hnr
from exchange.sandbox.postcodes import TooManyPostcodes, write_pc6hnr

HEADER = "PC6,Huisnummer,Buurt2024,Wijk2024,Gemeente2024"
LINES = (
    "1011AB,105,03630000,036300,0363",
    "1011AB,106,03630000,036300,0363",
    "9718AA,1,140001,1400,14",  # Groningen without its leading zeros
    "1261AA,2,4020101,40201,402",  # a postcode in two gemeenten
    "1261AA,3,3770101,37701,377",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "referentie"


def write(path: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join((header, *lines)) + "\n", encoding=encoding)
    return path


def found(table: PostcodeTable, *addresses: tuple[str | None, int | None]) -> list[tuple[str | None, ...]]:
    """gemeente, wijk, buurt, rung of each address."""
    postcode = pa.array([address[0] for address in addresses], pa.string())
    lookup = table.lookup(postcode, pa.array([address[1] for address in addresses], pa.int32()))
    columns: Sequence[pa.Array] = (lookup.gemeentecode, lookup.wijkcode, lookup.buurtcode, lookup.rung)
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def test_by_address_with_every_leading_zero_mended(tmp_path: Path, folder: Path) -> None:
    import_pc6hnr(write(tmp_path / "pc6hnr20240801_gwb.csv", *LINES), folder)
    assert found(PostcodeTable.open(folder), ("1011AB", 105), ("9718AA", 1), ("1261AA", 3)) == [
        ("0363", "036300", "03630000", "ADRES"),
        ("0014", "001400", "00140001", "ADRES"),
        ("0377", "037701", "03770101", "ADRES"),
    ]


def test_by_postcode_only_where_it_lies_in_one_gemeente(tmp_path: Path, folder: Path) -> None:
    done = import_pc6hnr(write(tmp_path / "a.csv", *LINES), folder)
    assert (done.rijen, done.postcodes, done.grenspostcodes) == (5, 3, 1)
    assert found(PostcodeTable.open(folder), ("1011AB", 999), ("1261AA", 999), ("1012AB", 105)) == [
        ("0363", None, None, "POSTCODE"),
        (None, None, None, ""),
        (None, None, None, ""),
    ]


def test_what_is_no_address_is_not_found(tmp_path: Path, folder: Path) -> None:
    import_pc6hnr(write(tmp_path / "a.csv", *LINES), folder)
    wrong = [(None, 105), ("", 105), ("1011ab", 105), ("1011 AB", 105), ("0011AB", 105), ("1011A", 5), ("ABCDEF", 1)]
    assert found(PostcodeTable.open(folder), *wrong) == [(None, None, None, "")] * len(wrong)
    assert found(PostcodeTable.open(folder), ("1011AB", None)) == [("0363", None, None, "POSTCODE")]


def test_a_house_number_that_is_too_large_does_not_reach_the_next_postcode(tmp_path: Path, folder: Path) -> None:
    import_pc6hnr(write(tmp_path / "a.csv", *LINES), folder)
    assert found(PostcodeTable.open(folder), ("1011AA", 100_105)) == [(None, None, None, "")]


def test_slices_chunks_and_numpy_arrays_are_looked_up_alike(tmp_path: Path, folder: Path) -> None:
    import_pc6hnr(write(tmp_path / "a.csv", *LINES), folder)
    table = PostcodeTable.open(folder)
    postcode = pa.array(["x", "1011AB", None, "9718AA", "y"])
    number = pa.array([0, 105, 7, 1, 0], pa.int32())
    expected = ["0363", None, "0014"]
    assert table.lookup(postcode[1:4], number[1:4]).gemeentecode.to_pylist() == expected
    chunks = pa.chunked_array([postcode[1:2], postcode[2:4]])
    assert table.lookup(chunks, pa.chunked_array([number[1:4]])).gemeentecode.to_pylist() == expected
    texts = np.array(["1011AB", "", "9718AA"])
    assert table.lookup(texts, np.array([105, 7, 1], np.int32)).gemeentecode.to_pylist() == expected
    assert table.lookup(postcode[:0], number[:0]).rung.to_pylist() == []


def test_without_a_table_every_row_falls_through(folder: Path) -> None:
    table = PostcodeTable.open(folder)
    assert table.imported is None
    assert found(table, ("1011AB", 105), (None, None)) == [(None, None, None, "")] * 2


def test_semicolons_a_byte_order_mark_other_order_and_other_columns(tmp_path: Path, folder: Path) -> None:
    source = write(
        tmp_path / "a.csv",
        "363;1011AB;105;x;3630000;36300",
        header="Gemeente2025;PC6;Huisnummer;Extra;Buurt2025;Wijk2025",
        encoding="utf-8-sig",
    )
    assert import_pc6hnr(source, folder).jaar == 2025
    assert found(PostcodeTable.open(folder), ("1011AB", 105)) == [("0363", "036300", "03630000", "ADRES")]


def test_the_zip_as_it_was_downloaded(tmp_path: Path, folder: Path) -> None:
    source = write(tmp_path / "pc6hnr20240801_gwb.csv", *LINES)
    with zipfile.ZipFile(tmp_path / "2024-cbs-pc6huisnr.zip", "w", zipfile.ZIP_DEFLATED) as package:
        package.write(source, f"map/{source.name}")
        package.writestr("gem2024.csv", "Gemcode2024;Gemeentenaam2024\n")
    done = import_pc6hnr(tmp_path / "2024-cbs-pc6huisnr.zip", folder)
    assert (done.jaar, done.rijen) == (2024, 5)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as package:
        package.writestr("gem2024.csv", "")
    with pytest.raises(ReferenceFault, match="0 bestanden"):
        import_pc6hnr(tmp_path / "other.zip", folder)


def test_wrong_lines_are_counted_and_left_out(tmp_path: Path, folder: Path) -> None:
    good = [f"1011AB,{number},3630000,36300,363" for number in range(1, 1001)]
    bad = [
        "1011A,5,3630000,36300,363",
        "1012AB,0,3630000,36300,363",
        "1012AB,5,3630000,36300,",
        "1012AB,5,3630000,36300,99999",
        "1012AB,twee,3630000,36300,363",
        "1012AB,5,3630000,36300",
        "1012AB,5,3630000,36300,363,extra",
    ]
    mended = [" 1013 ab , 5 ,3630000,36300, 363".replace(" ,", ",")]
    done = import_pc6hnr(write(tmp_path / "a.csv", *good, *bad, *mended), folder)
    assert (done.rijen, done.fout, done.dubbel) == (1001, 7, 0)
    assert found(PostcodeTable.open(folder), ("1012AB", 5), ("1013AB", 5)) == [
        (None, None, None, ""),
        ("0363", "036300", "03630000", "ADRES"),
    ]


def test_duplicates_count_once_and_contradictions_are_left_to_the_next_rung(tmp_path: Path, folder: Path) -> None:
    again = (LINES[0], "1011AB,200,3630000,36300,363", "1011AB,200,3840000,38400,384", LINES[0])
    done = import_pc6hnr(write(tmp_path / "a.csv", *LINES, *again), folder)
    assert (done.rijen, done.dubbel, done.tegenstrijdig, done.fout) == (5, 2, 2, 0)
    assert found(PostcodeTable.open(folder), ("1011AB", 105), ("1011AB", 200), ("1011AB", 300)) == [
        ("0363", "036300", "03630000", "ADRES"),
        (None, None, None, ""),
        (None, None, None, ""),  # the postcode lies in two gemeenten, by its contradicted address
    ]


def test_gemeenten_that_did_not_exist_in_that_year_are_named(tmp_path: Path, folder: Path) -> None:
    done = import_pc6hnr(write(tmp_path / "a.csv", *LINES, "1381AA,1,4570000,45700,457"), folder)
    assert done.onbekend == ("0457",)


@pytest.mark.parametrize(
    ("header", "lines", "reason"),
    [
        ("PC6,Huisnummer,Buurt2024,Wijk2024", ["1011AB,105,3630000,36300"], "gemeente"),
        ("PC6,Huisnummer,Buurt2024,Wijk2023,Gemeente2024", LINES, "niet één jaar"),
        ("Buurt2024,PC6,Huisnummer,Wijk2024,Gemeente2024", LINES, "andere kolommen"),
        (HEADER, ["1011AB;105;3630000;36300;363"], "andere kolommen"),
        (HEADER, [], "geen regels"),
        ("", [], "in de kop"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(
    tmp_path: Path, folder: Path, header: str, lines: Sequence[str], reason: str
) -> None:
    import_pc6hnr(write(tmp_path / "good.csv", *LINES), folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(ReferenceFault, match=reason):
        import_pc6hnr(write(tmp_path / "wrong.csv", *lines, header=header), folder)
    assert sorted(folder.rglob("*")) == before
    assert found(PostcodeTable.open(folder), ("1011AB", 105))[0][0] == "0363"


def test_an_open_table_stays_whole_while_a_new_one_comes_in_use(tmp_path: Path, folder: Path) -> None:
    import_pc6hnr(write(tmp_path / "a.csv", *LINES), folder)
    old = PostcodeTable.open(folder)
    import_pc6hnr(write(tmp_path / "b.csv", "1011AB,105,3840000,38400,384"), folder)
    assert found(old, ("1011AB", 105))[0][0] == "0363"
    assert found(PostcodeTable.open(folder), ("1011AB", 105))[0][0] == "0384"
    later = write(tmp_path / "c.csv", "1011AB,105,3620000,36200,362", header=HEADER.replace("2024", "2025"))
    import_pc6hnr(later, folder)
    assert found(PostcodeTable.open(folder), ("1011AB", 105))[0][0] == "0362"
    assert (folder / POINTER).read_text().strip() == "pc6hnr-2025"


def test_a_table_that_is_named_but_not_whole_is_a_fault(tmp_path: Path, folder: Path) -> None:
    import_pc6hnr(write(tmp_path / "a.csv", *LINES), folder)
    (folder / "pc6hnr-2024" / "wijk.npy").unlink()
    with pytest.raises(ReferenceFault, match="niet heel"):
        PostcodeTable.open(folder)
    (folder / POINTER).write_text("pc6hnr-1999\n")
    with pytest.raises(ReferenceFault, match="zij is er niet"):
        PostcodeTable.open(folder)


def test_the_sandbox_table_is_imported_and_gives_back_its_addresses(tmp_path: Path, folder: Path) -> None:
    codes = ["0014", "0363", "0402", "1992"]
    for jaar in (2024, 2025):  # a comma, then a semicolon
        addresses = write_pc6hnr(tmp_path / "a.csv", codes, 500, seed=3, jaar=jaar)
        done = import_pc6hnr(tmp_path / "a.csv", folder)
        assert (done.jaar, done.rijen, done.fout, done.dubbel, done.onbekend) == (jaar, addresses.num_rows, 0, 0, ())
        assert done.grenspostcodes == 1
        lookup = PostcodeTable.open(folder).lookup(addresses["postcode"], addresses["huisnummer"])
        assert lookup.gemeentecode.equals(addresses["gemeentecode"].combine_chunks())
        assert pc.all(pc.equal(lookup.rung, "ADRES")).as_py()
        assert sorted(addresses["gemeentecode"].unique().to_pylist()) == codes


def test_the_sandbox_table_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first = write_pc6hnr(tmp_path / "a.csv", ["0363", "0402"], seed=1)
    assert write_pc6hnr(tmp_path / "b.csv", ["0402", "0363"], seed=1).equals(first)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert not write_pc6hnr(tmp_path / "c.csv", ["0363", "0402"], seed=2).equals(first)
    with pytest.raises(TooManyPostcodes):
        write_pc6hnr(tmp_path / "d.csv", [f"{code:04d}" for code in range(1, 343)], 400 * 27)
