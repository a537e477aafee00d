"""The file of rules: its lines, each read as its regel means it. One line is judged by itself here.

Layout of both (`;`, header): regel;sector;gemeentecode;partner;van;tot;waarde;gevolg;bron. `tot` is the last day, empty
is open; `gevolg` waarschuwen (or empty) or weigeren; `bron` says where the rule comes from and is never empty.
A line that sets nothing (`0-`, `0,00`, `0`) goes before a less specific one as any other.

| regel | waarde | what it says |
|---|---|---|
| termijn_dagen | `30-` or `30-100` | how old arrears are: W-VEN-01, or E-VEN-01 |
| drempel_euro | `50,00` | the least amount of a VROEG: W-DRE-01, or E-DRE-01 |
| einde_levering_werkdagen | `20` | notice of an end of delivery: W-EIN-01 |
| experimenteel | | this sector only to designated gemeenten: E-EXP-01 (art. 2 Wgs: at most five years) |
| aangewezen | | this gemeente is designated for this experimental sector |
| verplicht | a column | must be given in this sector: E-VLD-01 |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from exchange.configuration import csvlines
from exchange.faults import Problem
from schemas.codelijsten import SIGNAALPARTNER
from schemas.signaal import KOLOMMEN
from transforms.grenzen import Venster

NAME = "regels.csv"
#: Dates outside are mistyped, and cannot be counted on from.
EERSTE, LAATSTE = date(1990, 1, 1), date(2199, 12, 31)
COLUMNS = ("regel", "sector", "gemeentecode", "partner", "van", "tot", "waarde", "gevolg", "bron")

Waarde = Venster | int | str | None


@dataclass(frozen=True)
class Regel:
    """One line; `waarde` as its regel means it: Venster, cents, days, a column, or nothing."""

    regel: str
    sector: str
    gemeentecode: str
    partner: str
    van: date
    tot: date | None
    waarde: Waarde
    gevolg: str
    bron: str

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """For what it is the rule: at most one line of a key holds on a day."""
        which = str(self.waarde) if self.regel == "verplicht" else ""
        return self.regel, self.gemeentecode, self.partner, self.sector, which

    def holds(self, day: date) -> bool:
        """Whether `day` lies in its period."""
        return self.van <= day and (self.tot is None or day <= self.tot)


def problem(line: int, stops: tuple[str, ...] | None, problem: str, mend: str) -> Problem:
    return Problem(NAME, f"regel {line}", problem, mend, stops)


def stops(partner: str, partners: Collection[str]) -> tuple[str, ...] | None:
    """Whom a line that does not hold stops: its partner; everybody where it has none, for who is held to what then
    cannot be said. A partner that nobody knows is nobody."""
    return ((partner,) if partner in partners else ()) if partner else None


def read(path: Path, partners: Collection[str] = ()) -> tuple[list[tuple[int, Regel]], list[Problem]]:
    """The lines that can be read and what is wrong with the others; partners: ids of all that have a file."""
    lines = csvlines.read(path, COLUMNS)
    problems = [*lines.problems]
    for line, cells in lines.bad:
        named = tuple(sorted(set(cells) & set(partners)))
        problems.append(lines.uneven(path, line, cells, named or None))
    found: list[tuple[int, Regel]] = []
    for line, cells in lines.good:
        row = dict(zip(lines.header, cells, strict=True))
        try:
            found.append((line, _regel(row)))
        except _Wrong as wrong:
            problems.append(problem(line, stops(row["partner"], partners), wrong.problem, wrong.mend))
    return found, problems


class _Wrong(Exception):
    def __init__(self, problem: str, mend: str) -> None:
        self.problem, self.mend = problem, mend
        super().__init__(problem)


def _regel(cells: Mapping[str, str]) -> Regel:
    name = cells["regel"]
    if name not in KINDS:
        raise _Wrong(f"regel {name} kennen wij niet", f"Kies uit: {', '.join(KINDS)}.")
    kind = KINDS[name]
    sector = SIGNAALPARTNER.exact(cells["sector"]) if cells["sector"] else ""
    if sector is None:
        near = SIGNAALPARTNER.nearest(cells["sector"])
        raise _Wrong(f"sector {cells['sector']} kennen wij niet", f"Bedoelde u {near}?")
    _check_place(name, kind, sector, cells)
    van, tot = _day(cells, "van"), _day(cells, "tot")
    if van is None:
        raise _Wrong("van is leeg", "Vul de eerste dag in waarop de regel geldt.")
    if tot is not None and tot < van:
        raise _Wrong("tot ligt vóór van", "tot is de laatste dag: die valt op of na van, of is leeg.")
    gevolg = cells["gevolg"] or kind.gevolgen[0]
    if gevolg not in kind.gevolgen:
        raise _Wrong(f"gevolg {gevolg} kan niet bij {name}", f"Vul in: {' of '.join(kind.gevolgen)}.")
    if not cells["bron"]:
        raise _Wrong("bron is leeg", "Noem wet, convenant, overeenkomst of besluit waaruit de regel volgt.")
    waarde = kind.read(cells["waarde"])
    return Regel(name, sector, cells["gemeentecode"], cells["partner"], van, tot, waarde, gevolg, cells["bron"])


def _check_place(name: str, kind: _Kind, sector: str, cells: Mapping[str, str]) -> None:
    """Sector, gemeente and pair, as far as this regel can differ."""
    code, partner = cells["gemeentecode"], cells["partner"]
    if partner and not code:
        raise _Wrong("er is een partner zonder gemeentecode", "Een afwijking geldt voor een partner en een gemeente.")
    if kind.place == "sector" and (code or not sector):
        raise _Wrong(
            f"{name} geldt voor een sector in het hele land", "Vul sector in; laat gemeentecode en partner leeg."
        )
    if kind.place == "sector en gemeente" and (not code or not sector or partner):
        raise _Wrong("een aanwijzing is van een gemeente en een sector", "Vul beide in en laat partner leeg.")
    if not sector and not code:
        raise _Wrong("er staat geen sector en geen gemeentecode", "Vul ten minste een van beide in.")


def _day(cells: Mapping[str, str], name: str) -> date | None:
    """A day that one can count on from; a last day 9999-12-31 is how some write that there is none."""
    text = cells[name]
    if not text or (name == "tot" and text == str(date.max)):
        return None
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        day = None
    if day is None:
        raise _Wrong(f"{name} is geen datum", "Schrijf de datum als jjjj-mm-dd.")
    if not EERSTE <= day <= LAATSTE:
        raise _Wrong(f"{name} ligt niet tussen {EERSTE} en {LAATSTE}", "Verbeter het jaar.")
    return day


def _window(text: str) -> Venster:
    match = re.fullmatch(r"(\d{1,4})-(\d{0,4})", text)
    if not match or (match[2] and int(match[2]) < int(match[1])):
        raise _Wrong("waarde is geen termijn", "Schrijf dagen als 30- (vanaf 30) of 30-100 (van 30 tot en met 100).")
    return Venster(int(match[1]), int(match[2]) if match[2] else None)


def _cents(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6}),(\d\d)", text)
    if not match:
        raise _Wrong("waarde is geen bedrag", "Schrijf euro's met twee decimalen en een komma: 50,00.")
    return int(match[1]) * 100 + int(match[2])


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,2}", text):
        raise _Wrong("waarde is geen aantal dagen", "Schrijf een getal van 0 tot en met 99.")
    return int(text)


def _column(text: str) -> str:
    if text not in MAY_BE_REQUIRED:
        raise _Wrong("waarde is geen kolom die verplicht kan zijn", f"Kies uit: {', '.join(MAY_BE_REQUIRED)}.")
    return text


def _nothing(text: str) -> None:
    if text:
        raise _Wrong("hier hoort geen waarde", "Laat waarde leeg.")


@dataclass(frozen=True)
class _Kind:
    read: Callable[[str], Waarde]
    place: Literal["alles", "sector", "sector en gemeente"]
    gevolgen: tuple[str, ...]


#: Columns of SIG1 that a sector may require.
MAY_BE_REQUIRED = tuple(name for name in ("klantnummer", "maanden_achterstand") if name in KOLOMMEN)

KINDS: Mapping[str, _Kind] = {
    "termijn_dagen": _Kind(_window, "alles", ("waarschuwen", "weigeren")),
    "drempel_euro": _Kind(_cents, "alles", ("waarschuwen", "weigeren")),
    "einde_levering_werkdagen": _Kind(_number, "alles", ("waarschuwen",)),
    "experimenteel": _Kind(_nothing, "sector", ("weigeren",)),
    "aangewezen": _Kind(_nothing, "sector en gemeente", ("weigeren",)),
    "verplicht": _Kind(_column, "sector", ("weigeren",)),
}
