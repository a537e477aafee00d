"""The lines of a csv file of the configuration (`;`, header, UTF-8), each with the place where it stands.

One physical line is one line: quotes may stand around a cell, as spreadsheets put them, never around a line break.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exchange.faults import Problem


@dataclass(frozen=True)
class Lines:
    """A file as it was read: each line with its physical number (the header is line 1) and its stripped cells.

    `bad` have another number of cells than the header; `problems` are about the file as a whole.
    """

    header: list[str] = field(default_factory=list)
    good: list[tuple[int, list[str]]] = field(default_factory=list)
    bad: list[tuple[int, list[str]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def uneven(self, path: Path, at: int, cells: list[str], partijen: tuple[str, ...] | None) -> Problem:
        """What is wrong with a bad line, which stops `partijen`."""
        said = f"deze regel heeft {len(cells)} velden in plaats van {len(self.header)}"
        return Problem(path.name, f"regel {at}", said, "Verbeter de regel.", partijen)


def read(path: Path, columns: Sequence[str], optional: Collection[str] = ()) -> Lines:
    """The lines of the file.

    A header that is not `columns`, with or without `optional`, in any order, leaves nothing. So does a file that is not
    there: say beforehand whether that may be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        mend = f"Maak het aan met als eerste regel: {';'.join(columns)}"
        return Lines(problems=[Problem(path.name, "", "dit bestand ontbreekt", mend)])
    except UnicodeDecodeError:
        return Lines(problems=[Problem(path.name, "", "dit bestand is geen UTF-8", "Bewaar het opnieuw als UTF-8.")])
    lines = text.splitlines()
    header = _cells(lines[0]) if lines else []
    if sorted(set(header) - set(optional)) != sorted(columns) or len(set(header)) < len(header):
        mend = f"De eerste regel hoort te zijn: {';'.join(columns)}"
        return Lines(problems=[Problem(path.name, "regel 1", "de kolomkoppen kloppen niet", mend)])
    numbered = [(at, _cells(line)) for at, line in enumerate(lines[1:], 2) if line.strip()]
    good = [(at, cells) for at, cells in numbered if len(cells) == len(header)]
    return Lines(header, good, [(at, cells) for at, cells in numbered if len(cells) != len(header)])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=";"))]
