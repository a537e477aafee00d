"""Who serves a gemeente: exactly one uitvoerder per gemeente, sector and day.

The convenant calls uitvoerder the organisation in, or appointed by, the gemeente; which one it is, and whether the
gemeente itself receives first (Divosa 2025: to check the BRP), is dated data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from exchange.configuration.agreements import FILE, Agreements
from exchange.configuration.models import Bediening, Melder, Uitvoerder
from exchange.faults import Problem
from schemas import gemeenten
from schemas.codelijsten import SIGNAALPARTNER

_DAY = timedelta(days=1)


class Turn(NamedTuple):
    """One Bediening: the first and last day, its uitvoerder and its number (from 1) in that uitvoerder's file."""

    van: date
    tot: date
    uitvoerder: str
    number: int


def turns(uitvoerders: Iterable[Uitvoerder]) -> dict[tuple[str, str], list[Turn]]:
    """Per (gemeentecode, sector) who serves it when, earliest first."""
    found: dict[tuple[str, str], list[Turn]] = defaultdict(list)
    for uitvoerder in uitvoerders:
        for number, serving in enumerate(uitvoerder.gemeenten, 1):
            turn = Turn(serving.van, serving.last_day, uitvoerder.id, number)
            for sector in (serving.sector,) if serving.sector else SIGNAALPARTNER.waarden:
                found[serving.code, sector].append(turn)
    for one in found.values():
        one.sort()
    return found


def check_serving(files: Mapping[str, Uitvoerder], lives: Mapping[str, tuple[date, date]]) -> list[Problem]:
    """Every served gemeente exists on the first day that is named, and no two uitvoerders have it on one day."""
    problems = [
        Problem(file, f"gemeenten nr. {number}", *said)
        for file, uitvoerder in files.items()
        for number, serving in enumerate(uitvoerder.gemeenten, 1)
        for said in _outside(serving, lives)
    ]
    file_of = {uitvoerder.id: file for file, uitvoerder in files.items()}
    clashes: dict[tuple[str, Turn, Turn], list[str]] = defaultdict(list)
    for (code, sector), found in turns(files.values()).items():
        reaching = found[0]
        for turn in found[1:]:
            if turn.van <= reaching.tot:
                clashes[code, reaching, turn].append(sector)
            reaching = max(reaching, turn, key=lambda one: one.tot)
    return problems + [_clash(code, one, other, sectors, file_of) for (code, one, other), sectors in clashes.items()]


def _outside(serving: Bediening, lives: Mapping[str, tuple[date, date]]) -> Iterable[tuple[str, str]]:
    if serving.code not in lives:
        yield f"gemeentecode {serving.code} bestaat niet", "Gebruik de code van het CBS, vier cijfers."
        return
    first, last = lives[serving.code]
    if not first <= serving.van <= last:
        yield (
            f"gemeente {serving.code} bestond niet op de eerste dag van deze periode",
            f"Deze gemeente bestaat van {first} tot en met {last}: verbeter van of de code.",
        )


def _clash(code: str, one: Turn, other: Turn, sectors: list[str], file_of: Mapping[str, str]) -> Problem:
    which = "alle sectoren" if len(sectors) == len(SIGNAALPARTNER.waarden) else f"sector {', '.join(sectors)}"
    return Problem(
        file_of[other.uitvoerder],
        f"gemeenten nr. {other.number}",
        f"gemeente {code} ({gemeenten.name(code)}) heeft vanaf {other.van} twee uitvoerders voor {which}: "
        f"ook nr. {one.number} in {file_of[one.uitvoerder]}",
        "Laat de ene periode eindigen voordat de andere begint, of geef beide een eigen sector.",
        tuple(sorted({one.uitvoerder, other.uitvoerder})),
    )


def check_gaps(
    agreements: Agreements,
    partners: Mapping[str, Melder],
    uitvoerders: Iterable[Uitvoerder],
    lives: Mapping[str, tuple[date, date]],
) -> list[Problem]:
    """Every day of every overeenkomst has an uitvoerder, for each sector of the partner. One problem per gap.

    It stops nobody: what comes in for that gemeente is accepted and waits.
    """
    sectors = {sector for partner in partners.values() for sector in partner.sectoren}
    served = {key: _joined(found) for key, found in turns(uitvoerders).items() if key[1] in sectors}
    gaps: dict[tuple[str, str, date, date], list[int]] = defaultdict(list)
    table = agreements.table
    rows = zip(*(table[name].to_pylist() for name in ("partner", "gemeentecode", "van", "tot")), strict=True)
    for line, (partner, code, van, tot) in zip(agreements.lines, rows, strict=True):
        last = min(tot or date.max, lives[code][1])
        if partner not in partners:  # its own file is broken, which is a problem already
            continue
        for sector in partners[partner].sectoren:
            for gap in uncovered(served.get((code, sector), []), van, last):
                gaps[code, sector, *gap].append(line)
    return [_gap(code, sector, van, tot, lines) for (code, sector, van, tot), lines in gaps.items()]


def _joined(found: list[Turn]) -> list[tuple[date, date]]:
    """Turns that follow each other without a gap as one period; sorted, apart from each other."""
    periods: list[tuple[date, date]] = []
    for turn in found:
        if periods and (periods[-1][1] == date.max or turn.van <= periods[-1][1] + _DAY):
            periods[-1] = (periods[-1][0], max(periods[-1][1], turn.tot))
        else:
            periods.append((turn.van, turn.tot))
    return periods


def uncovered(periods: list[tuple[date, date]], van: date, tot: date) -> list[tuple[date, date]]:
    """The parts of [van, tot] that lie in none of `periods`."""
    gaps: list[tuple[date, date]] = []
    day = van
    for first, last in periods:
        if last < day:
            continue
        if first > tot:
            break
        if first > day:
            gaps.append((day, first - _DAY))
        if last >= tot:
            return gaps
        day = last + _DAY
    return [*gaps, (day, tot)]


def _gap(code: str, sector: str, van: date, tot: date, lines: list[int]) -> Problem:
    until = "" if tot.year == date.max.year else f" tot en met {tot}"
    more = f" en nog {len(lines) - 1}" if len(lines) > 1 else ""
    return Problem(
        FILE,
        f"regel {lines[0]}{more}",
        f"gemeente {code} ({gemeenten.name(code)}) heeft voor sector {sector} vanaf {van}{until} geen uitvoerder",
        "Voeg de gemeente met deze periode toe aan een uitvoerder, of verbeter de overeenkomst. Noemt die een gemeente "
        "die in deze is opgegaan, dan geldt zij nu hier: geef haar zo nodig een tot.",
        (),
    )
