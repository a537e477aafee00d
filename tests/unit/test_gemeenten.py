"""The table of gemeenten: its own consistency, the facts of CBS, and what became of whom."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas import gemeenten
from schemas.gemeenten import UnknownGemeente

CBS = Path(__file__).parents[3] / "shared" / "reference" / "gemeentelijke-indeling.csv"

#: CBS's own file carries one name through a wrong code page.
MENDED = {"Oh‚ en Laak": "Ohé en Laak"}

TODAY = date(2026, 11, 23)

LINES = gemeenten.CSV.read_text(encoding="utf-8").splitlines()


#: CBS's list, as it lies beside the project, knows of changes until this day.
LISTED_UNTIL = date(2026, 1, 1)

#: Wijdemeren into Hilversum (bill; rijksoverheid.nl 21-11-2025): all that has to be added once it is law.
WIJDEMEREN = "1696;Wijdemeren;Noord-Holland;2002-01-01;2027-01-01;0402"


def with_line(added: str) -> dict[str, gemeenten.Gemeente]:
    """The table with one line more."""
    return gemeenten.read([*LINES, added])


def test_342_gemeenten_in_2026() -> None:
    assert len(gemeenten.active(TODAY)) == 342


def test_code_name_and_dates_are_those_of_cbs() -> None:
    if not CBS.exists():
        pytest.skip("the list of CBS is not at hand")
    with CBS.open(encoding="utf-8-sig", newline="") as file:
        published = {
            (
                row["gemeentecode"],
                MENDED.get(row["gemeentenaam"], row["gemeentenaam"]),
                row["provincienaam"],
                row["begindatum"],
                row["einddatum"],
            )
            for row in csv.DictReader(file, delimiter=";")
        }
    ours = {
        (row["gemeentecode"], row["naam"], row["provincie"], row["van"], row["tot"])
        for row in csv.DictReader(LINES, delimiter=";")
        if row["tot"] <= str(LISTED_UNTIL) >= row["van"]  # what was announced since stands in a line of its own
    }
    assert ours == published


def test_every_successor_exists_on_the_day_that_its_predecessor_ends() -> None:
    wrong = [
        (one.code, code)
        for one in gemeenten.table().values()
        if one.tot is not None
        for code in one.opvolgers
        if code == one.code or not gemeenten.gemeente(code).exists(one.tot)
    ]
    assert wrong == []


def test_only_what_ended_has_successors_and_no_successor_is_named_twice() -> None:
    for one in gemeenten.table().values():
        assert len(set(one.opvolgers)) == len(one.opvolgers), one.code
        assert one.tot is not None or one.opvolgers == (), one.code


def test_every_gemeente_that_ended_since_2006_leads_to_gemeenten_of_today() -> None:
    for one in gemeenten.table().values():
        if one.tot is not None and one.tot >= date(2006, 1, 1):
            codes = gemeenten.successor(one.code, TODAY).codes
            assert codes, one.code
            assert set(codes) <= gemeenten.active(TODAY), one.code


def test_a_gemeente_that_appeared_since_1990_has_predecessors_or_is_a_new_name() -> None:
    born = {one.code for one in gemeenten.table().values() if one.van >= date(1991, 1, 1)}
    named = {code for one in gemeenten.table().values() for code in one.opvolgers}
    assert born <= named


@pytest.mark.parametrize(
    ("code", "successors"),
    [
        ("0363", ("0363",)),  # Amsterdam is itself
        ("0457", ("0363",)),  # Weesp, in the middle of a year
        ("0788", ("0757", "0824", "0855", "0865")),  # Haaren was divided over four
        ("0053", ("1966", "1969")),  # Winsum over two
        ("0140", ("0080", "1900", "1949")),  # Littenseradiel over three
        ("1671", ("0796", "0828")),  # Maasdonk over two
        ("0620", ("1961",)),  # Vianen, which changed province before
        ("0265", ("1945",)),  # Millingen, by way of Groesbeek
        ("0571", ("1978",)),  # Nieuw-Lekkerland, by way of Molenwaard
        ("0653", ("1940",)),  # Gaasterlân-Sleat, by way of De Friese Meren
        ("0802", ()),  # Hooge en Lage Zwaluwe: not known, so not guessed
        ("0000", ()),
    ],
)
def test_what_a_code_stands_for_in_2026(code: str, successors: tuple[str, ...]) -> None:
    assert gemeenten.successor(code, TODAY).codes == successors


def test_the_day_decides() -> None:
    end = date(2022, 3, 24)
    assert gemeenten.successor("0457", end - timedelta(days=1)).codes == ("0457",)
    assert gemeenten.successor("0457", end).codes == ("0363",)
    assert "0457" in gemeenten.active(end - timedelta(days=1))
    assert "0457" not in gemeenten.active(end)


def test_a_gemeente_to_come_stands_for_nothing_yet() -> None:
    assert gemeenten.successor("1992", date(2022, 12, 31)).codes == ()


@pytest.mark.parametrize("first", [False, True])
def test_a_change_to_come_is_one_line_added_wherever_it_stands(first: bool) -> None:
    table = gemeenten.read([LINES[0], WIJDEMEREN, *LINES[1:]]) if first else with_line(WIJDEMEREN)
    assert len(table) == len(gemeenten.table())
    assert gemeenten.succession(table, "1696", date(2026, 12, 31)) == ("1696",)
    assert gemeenten.succession(table, "1696", date(2027, 1, 1)) == ("0402",)
    assert gemeenten.succession(table, "0330", date(2027, 1, 1)) == ("0402",)  # Loosdrecht, by way of Wijdemeren


def test_one_unknown_branch_makes_the_whole_unknown() -> None:
    table = with_line("0855;Tilburg;Noord-Brabant;1970-01-01;2025-01-01;")
    assert gemeenten.succession(table, "0788", TODAY) == ()


def test_names_by_array_and_one_by_one() -> None:
    names = gemeenten.names(pa.chunked_array([["0363", "9999"], ["0402", None]]))
    assert names.to_pylist() == ["Amsterdam", None, "Hilversum", None]
    assert gemeenten.name("0457") == "Weesp"
    with pytest.raises(UnknownGemeente):
        gemeenten.name("9999")


def test_numbers_become_codes_with_leading_zeros() -> None:
    assert gemeenten.codes_of(np.array([363, 0, 1992, 14], np.int16)).to_pylist() == ["0363", None, "1992", "0014"]


@pytest.mark.parametrize(
    ("code", "dag", "now"),
    [
        ("0457", date(2022, 3, 23), "0457"),
        ("0457", date(2022, 3, 24), "0363"),  # Weesp went into Amsterdam
        ("0788", date(2021, 1, 1), "0788"),  # Haaren went to four: nobody can say which
    ],
)
def test_the_one_gemeente_that_a_code_has_become(code: str, dag: date, now: str) -> None:
    assert gemeenten.current(code, dag) == now
    assert gemeenten.become(pa.chunked_array([[code, None], [code, ""]]), dag).to_pylist() == [now, None, now, ""]


def test_what_a_gemeente_has_been_are_all_that_went_into_it_and_itself() -> None:
    assert gemeenten.having_been(["0363"], date(2022, 3, 23)) == ["0363"]
    assert gemeenten.having_been(["0363"], date(2022, 3, 24)) == ["0363", "0457"]  # Weesp
    assert "0788" in gemeenten.having_been(["0757"], TODAY)  # a part of Haaren went to Boxtel
