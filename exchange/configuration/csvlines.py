"""The lines of a csv file of the configuration (`;`, header, UTF-8), each with the place where it stands.

One physical line is one line: quotes may stand around a cell, as spreadsheets put them, never around a line break.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

from exchange.faults import Problem


def read(
    path: Path, columns: Sequence[str], optional: Collection[str] = ()
) -> tuple[list[str], list[tuple[int, list[str]]], list[Problem]]:
    """The header, the lines (physical number, where the header is line 1, and the stripped cells) and the problems.

    A line with another number of cells than the header is a problem and is left out; a header that is not `columns`,
    with or without `optional`, in any order, leaves nothing. So does a file that is not there: say beforehand whether
    that may be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        mend = f"Maak het aan met als eerste regel: {';'.join(columns)}"
        return [], [], [Problem(path.name, "", "dit bestand ontbreekt", mend)]
    except UnicodeDecodeError:
        return [], [], [Problem(path.name, "", "dit bestand is geen UTF-8", "Bewaar het opnieuw als UTF-8.")]
    lines = text.splitlines()
    header = _cells(lines[0]) if lines else []
    if sorted(set(header) - set(optional)) != sorted(columns) or len(set(header)) < len(header):
        mend = f"De eerste regel hoort te zijn: {';'.join(columns)}"
        return [], [], [Problem(path.name, "regel 1", "de kolomkoppen kloppen niet", mend)]
    numbered = [(at, _cells(line)) for at, line in enumerate(lines[1:], 2) if line.strip()]
    problems = [
        Problem(
            path.name,
            f"regel {at}",
            f"deze regel heeft {len(cells)} velden in plaats van {len(header)}",
            "Verbeter de regel.",
        )
        for at, cells in numbered
        if len(cells) != len(header)
    ]
    return header, [(at, cells) for at, cells in numbered if len(cells) == len(header)], problems


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=";"))]
