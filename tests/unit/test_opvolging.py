"""Overeenkomsten when a gemeente ends: with whom they go on, from which day, and what goes before."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from exchange.configuration.agreements import SCHEMA, Agreements
from exchange.configuration.opvolging import succeeded

VAN = date(2021, 1, 1)
#: Weesp went into Amsterdam, in the middle of a year.
WEESP, AMSTERDAM, TOGETHER = "0457", "0363", date(2022, 3, 24)
LAST = date(2022, 3, 23)


def line(code: str, van: date = VAN, tot: date | None = None, **other: Any) -> dict[str, Any]:
    rest = {"soorten": "", "geboortedatum": False, "verklaring_van": None, "al_bekend": False}
    return {"partner": "woonzo", "gemeentecode": code, "van": van, "tot": tot, **rest, **other}


def read(*lines: dict[str, Any]) -> Agreements:
    return succeeded(Agreements(pa.Table.from_pylist(list(lines), SCHEMA), list(range(2, 2 + len(lines))), []))


def periods(agreed: Agreements) -> list[tuple[int, str, date, date | None]]:
    assert agreed.problems == []
    rows = agreed.table.select(["gemeentecode", "van", "tot"]).to_pylist()
    return sorted((number, *row.values()) for number, row in zip(agreed.lines, rows, strict=True))


def test_it_goes_on_with_the_one_successor_on_the_day_itself_and_as_it_was() -> None:
    agreed = read(line(WEESP, soorten="VROEG", geboortedatum=True, al_bekend=True, verklaring_van=VAN))
    assert periods(agreed) == [(2, AMSTERDAM, TOGETHER, None), (2, WEESP, VAN, LAST)]
    kept = agreed.table.select(["soorten", "geboortedatum", "al_bekend"]).to_pylist()
    assert kept[0] == kept[1] == {"soorten": "VROEG", "geboortedatum": True, "al_bekend": True}
    assert None not in agreed.table["verklaring_van"].to_pylist()  # nobody has to declare anew


def test_a_last_day_before_the_end_stays_and_one_after_it_goes_along() -> None:
    assert periods(read(line(WEESP, tot=LAST))) == [(2, WEESP, VAN, LAST)]
    later = date(2025, 12, 31)
    assert periods(read(line(WEESP, tot=later))) == [(2, AMSTERDAM, TOGETHER, later), (2, WEESP, VAN, LAST)]


def test_a_chain_is_followed_one_by_one() -> None:
    """De Friese Meren was named De Fryske Marren after a year and a half."""
    found = periods(read(line("0653", date(2010, 1, 1))))
    assert [code for _, code, *_ in sorted(found, key=lambda row: row[2])] == ["0653", "1921", "1940"]
    assert [row[3] for row in found if row[1] == "1940"] == [None]


def test_a_gemeente_that_was_divided_ends_it() -> None:
    """Haaren went to four gemeenten; which of them has the overeenkomst, stands in the herindelingsregeling."""
    assert periods(read(line("0788", date(2020, 1, 1)))) == [(2, "0788", date(2020, 1, 1), date(2020, 12, 31))]


def test_what_the_file_says_of_the_successor_itself_goes_before() -> None:
    own = line(AMSTERDAM, date(2023, 1, 1), soorten="VROEG")
    assert periods(read(line(WEESP), own)) == [
        (2, AMSTERDAM, TOGETHER, date(2022, 12, 31)),
        (2, WEESP, VAN, LAST),
        (3, AMSTERDAM, date(2023, 1, 1), None),
    ]


#: Three of the gemeenten that became Land van Cuijk (1982) on 1 January 2022.
CUIJK = ("0756", "1684", "1702")


def test_overeenkomsten_that_become_the_same_are_one() -> None:
    agreed = read(*(line(code, verklaring_van=date(2021, at, 1)) for at, code in enumerate(CUIJK, 1)))
    assert [row for row in periods(agreed) if row[1] == "1982"] == [(2, "1982", date(2022, 1, 1), None)]


@pytest.mark.parametrize("different", [{"geboortedatum": True}, {"soorten": "VROEG"}, {"al_bekend": True}])
def test_overeenkomsten_that_would_contradict_each_other_are_named_with_the_mend(different: dict[str, Any]) -> None:
    [problem] = read(line(CUIJK[0]), line(CUIJK[1], **different)).problems
    assert (problem.file, problem.place) == ("overeenkomsten.csv", "regel 3")
    assert "2022-01-01 op in Land van Cuijk" in problem.problem
    assert "regel 2" in problem.problem
    assert "gemeente 1982 vanaf 2022-01-01" in problem.mend
    own = line("1982", date(2022, 1, 1))
    assert read(line(CUIJK[0]), line(CUIJK[1], **different), own).problems == []
