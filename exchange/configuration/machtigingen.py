"""machtigingen.csv: which account may deliver files of another partner, from which day to which, and by what agreement.

Layout (`;`, header): gemachtigde;partner;vanaf;tot;bron. `tot` is the last day, empty is open; `bron` says where the
machtiging is laid down. Without this file every account delivers for itself only.

A line that does not hold stops its partner, whose files are then nobody's to judge; its gemachtigde goes on, but for
files that may be of that partner (`exchange.steps.namens`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from exchange.configuration import csvlines
from exchange.configuration.models import Melder, Vertegenwoordigde
from exchange.faults import Problem

FILE = "machtigingen.csv"
COLUMNS = ("gemachtigde", "partner", "vanaf", "tot", "bron")


@dataclass(frozen=True)
class Machtiging:
    """The account `gemachtigde` may deliver files of `partner` (ids), on all days of the period."""

    gemachtigde: str
    partner: str
    vanaf: date
    tot: date  # the last day
    bron: str

    def holds(self, day: date) -> bool:
        """Whether `day` lies in the period."""
        return self.vanaf <= day <= self.tot

    def meets(self, other: Machtiging) -> bool:
        """Whether there is a day on which both hold."""
        return self.vanaf <= other.tot and other.vanaf <= self.tot


@dataclass(frozen=True)
class Machtigingen:
    """The lines that hold, and those that do not, as if they held always."""

    geldig: tuple[Machtiging, ...] = ()
    onduidelijk: tuple[Machtiging, ...] = ()
    problems: list[Problem] = field(default_factory=list)


def read(path: Path, files: Collection[str], melders: Mapping[str, Melder]) -> Machtigingen:
    """What the file says, and everything in it that cannot hold.

    files: ids of all partners that have a file; `melders` are those whose file holds, by id.
    """
    if not path.exists():
        return Machtigingen()
    lines = csvlines.read(path, COLUMNS)
    problems, found, doubtful = [*lines.problems], [], []
    for at, cells in [*lines.good, *lines.bad]:
        row = dict.fromkeys(COLUMNS, "") | dict(zip(lines.header, cells, strict=False))
        stops = (row["partner"],) if row["partner"] in files else ()
        vanaf, tot = _date(row["vanaf"]), _date(row["tot"]) if row["tot"] else date.max
        if (at, cells) in lines.bad:
            said = [lines.uneven(path, at, cells, stops)]
        else:
            said = [_problem(at, stops, *one) for one in (*_parties(row, files, melders), *_period(vanaf, tot))]
        problems += said
        if not said and vanaf and tot:
            found.append((at, Machtiging(row["gemachtigde"], row["partner"], vanaf, tot, row["bron"])))
        else:
            doubtful.append(Machtiging(row["gemachtigde"], row["partner"], date.min, date.max, row["bron"]))
    problems += _clashes(found, melders)
    problems.sort(key=lambda one: int(one.place.split()[1]) if one.place else 0)
    return Machtigingen(tuple(one for _, one in found), tuple(doubtful), problems)


def check_answered(
    melders: Mapping[str, Melder], files: Collection[str], machtigingen: Machtigingen
) -> Iterator[Problem]:
    """Whoever has no account, has its terugmeldingen sent to one that may deliver for it."""
    pairs = {(one.gemachtigde, one.partner) for one in (*machtigingen.geldig, *machtigingen.onduidelijk)}
    for id, melder in melders.items():
        if not isinstance(melder, Vertegenwoordigde):
            continue
        file, to = f"partners/{id}.toml", melder.terugmelding_aan
        if to not in files or isinstance(melders.get(to), Vertegenwoordigde):
            mend = "Noem het id van een partner met [sftp] en [pgp]."
            yield Problem(file, "terugmelding_aan", f"{to} is geen partner met een account", mend)
        elif (to, id) not in pairs:
            mend = f"Zet de machtiging in {FILE}, of noem een partner die er een heeft."
            yield Problem(file, "terugmelding_aan", f"{to} heeft geen machtiging voor {id}", mend)


def _problem(line: int, stops: tuple[str, ...], problem: str, mend: str) -> Problem:
    return Problem(FILE, f"regel {line}", problem, mend, stops)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def _parties(
    row: Mapping[str, str], files: Collection[str], melders: Mapping[str, Melder]
) -> Iterator[tuple[str, str]]:
    gemachtigde, partner = row["gemachtigde"], row["partner"]
    known = "Voeg partners/<id>.toml toe, of verbeter de schrijfwijze."
    for name in dict.fromkeys((gemachtigde, partner)):
        if name not in files:
            yield f"partner {name} kennen wij niet", known
    if isinstance(melders.get(gemachtigde), Vertegenwoordigde):
        mend = "Geef de gemachtigde in haar eigen bestand [sftp] en [pgp]."
        yield f"gemachtigde {gemachtigde} heeft zelf geen account", mend
    if gemachtigde == partner:
        yield f"{partner} machtigt zichzelf", "Verwijder de regel: voor zichzelf mag een partner altijd aanleveren."
    if not row["bron"]:
        yield "bron is leeg", "Noem waar de machtiging is vastgelegd, bijvoorbeeld het kenmerk van de brief."


def _period(vanaf: date | None, tot: date | None) -> Iterator[tuple[str, str]]:
    for name, day in (("vanaf", vanaf), ("tot", tot)):
        if day is None:
            yield f"{name} is geen datum", "Schrijf de datum als jjjj-mm-dd."
    if vanaf and tot and tot < vanaf:
        yield "tot ligt vóór vanaf", "tot is de laatste dag: die valt op of na vanaf, of is leeg."


def _clashes(found: list[tuple[int, Machtiging]], melders: Mapping[str, Melder]) -> Iterator[Problem]:
    """A machtiging stands there once, and the names of an account's files tell for whom each of them is."""
    for number, (at, one) in enumerate(found):
        if _alike(one.gemachtigde, one.partner, melders):
            yield _unclear(at, one.gemachtigde, one.partner)
        for earlier, other in found[:number]:
            if one.gemachtigde != other.gemachtigde or not one.meets(other):
                continue
            if one.partner == other.partner:
                problem = f"deze periode overlapt met die op regel {earlier} (zelfde gemachtigde en partner)"
                mend = "Sluit de ene af met tot, uiterlijk de dag voordat de andere begint."
                yield _problem(at, (one.partner,), problem, mend)
            elif _alike(one.partner, other.partner, melders):
                yield _unclear(at, one.partner, other.partner)


def _alike(one: str, other: str, melders: Mapping[str, Melder]) -> bool:
    """Whether an example of the one's names could be a name of the other's; a name of our own always tells."""
    if one not in melders or other not in melders:  # its own file is broken, which is a problem already
        return False
    names = melders[one].naam_van_bestanden, melders[other].naam_van_bestanden
    return names[0].fits(names[1].voorbeeld) or names[1].fits(names[0].voorbeeld)


def _unclear(line: int, one: str, other: str) -> Problem:
    return _problem(
        line,
        (one, other),
        f"aan de naam van een bestand is niet te zien of het van {one} of van {other} is",
        "Geef hun een naampatroon dat alleen op de eigen bestanden past.",
    )
