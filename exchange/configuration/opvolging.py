"""Overeenkomsten with a gemeente that ends go on with the one that takes its place: rights and obligations pass on the
day of herindeling, without a new act (Wet algemene regels herindeling art. 44).

Where the territory goes to several gemeenten the overeenkomst ends: which of them takes it over stands in the
herindelingsregeling, and we have no list of those.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exchange.configuration.agreements import FILE, Agreements
from exchange.configuration.coverage import uncovered
from exchange.faults import Problem
from schemas import gemeenten

_DAY = timedelta(days=1)
#: What two overeenkomsten that become one must agree about.
_AGREED = ("soorten", "geboortedatum", "verklaring_van", "al_bekend")

Line = dict[str, Any]


def succeeded(agreed: Agreements) -> Agreements:
    """Each line of a gemeente that ends in its period, cut off there, and a line more for the one successor; both with
    the physical line of the first. A line of the file for the pair with that successor goes before.

    Two lines that would become one with different content are a problem, named on the later.
    """
    ended = {code for code, one in gemeenten.table().items() if one.tot is not None}
    ends = pc.is_in(agreed.table["gemeentecode"], value_set=pa.array(sorted(ended), pa.string()))
    if not pc.any(ends).as_py():
        return agreed
    numbers = pa.array(agreed.lines, pa.int64())
    lines = list(zip(agreed.table.filter(ends).to_pylist(), numbers.filter(ends).to_pylist(), strict=True))
    made, problems = _followed(lines, _periods(agreed.table))
    staying = pc.invert(ends)
    return replace(
        agreed,
        table=pa.concat_tables(
            [agreed.table.filter(staying), pa.Table.from_pylist([line for line, _ in made], agreed.table.schema)]
        ),
        lines=[*numbers.filter(staying).to_pylist(), *(number for _, number in made)],
        problems=[*agreed.problems, *problems],
    )


def _periods(table: pa.Table) -> dict[tuple[str, str], list[tuple[date, date]]]:
    """Per (partner, gemeentecode) the days on which the file itself has an overeenkomst, for gemeenten that came in the
    place of others."""
    codes = {code for one in gemeenten.table().values() for code in one.opvolgers}
    some = table.filter(pc.is_in(table["gemeentecode"], value_set=pa.array(sorted(codes), pa.string())))
    found: dict[tuple[str, str], list[tuple[date, date]]] = defaultdict(list)
    for line in some.select(["partner", "gemeentecode", "van", "tot"]).to_pylist():
        found[line["partner"], line["gemeentecode"]].append((line["van"], line["tot"] or date.max))
    return found


def _followed(
    lines: list[tuple[Line, int]], given: dict[tuple[str, str], list[tuple[date, date]]]
) -> tuple[list[tuple[Line, int]], list[Problem]]:
    """`lines` with what follows from them, each with its number."""
    made: list[tuple[Line, int]] = []
    taken: dict[tuple[str, str], list[tuple[Line, int]]] = defaultdict(list)
    problems = []
    ahead = deque(lines)
    while ahead:
        line, number = ahead.popleft()
        one = gemeenten.gemeente(line["gemeentecode"])
        if one.tot is None or (line["tot"] is not None and line["tot"] < one.tot):
            made.append((line, number))
            continue
        made.append((line | {"tot": one.tot - _DAY}, number))
        codes = gemeenten.successor(one.code, one.tot).codes
        if len(codes) != 1:
            continue
        pair = line["partner"], codes[0]
        others = [other for other, _ in taken[pair]]
        whole = _from(line, codes[0], one.tot)
        problems += _differences(whole, number, taken[pair], one.naam)
        for first, last in uncovered(sorted([*given[pair], *map(_period, others)]), whole["van"], _period(whole)[1]):
            piece = _from(whole, codes[0], first) | {"tot": None if last == date.max else last}
            taken[pair].append((piece, number))
            ahead.append((piece, number))
    return made, problems


def _from(line: Line, code: str, van: date) -> Line:
    declared = line["verklaring_van"]
    return line | {"gemeentecode": code, "van": van, "verklaring_van": declared and max(declared, van)}


def _period(line: Line) -> tuple[date, date]:
    return line["van"], line["tot"] or date.max


def _differences(whole: Line, number: int, taken: list[tuple[Line, int]], naam: str) -> list[Problem]:
    """One problem where an earlier line became, on some of the same days, another overeenkomst with this successor."""
    first, last = _period(whole)
    for other, line in taken:
        van, tot = _period(other)
        both = max(first, van)
        here, there = _from(whole, "", both), _from(other, "", both)
        same = all(here[name] == there[name] for name in _AGREED)
        if both <= min(last, tot) and not same:
            name = gemeenten.name(whole["gemeentecode"])
            problem = f"{naam} gaat op {first} op in {name}, en dan spreekt deze overeenkomst die op regel {line} tegen"
            mend = f"Maak ze gelijk, of zet een regel met gemeente {whole['gemeentecode']} vanaf {both}: die gaat voor."
            return [Problem(FILE, f"regel {number}", problem, mend, (whole["partner"],))]
    return []
