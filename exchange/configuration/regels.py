"""What signals are held to, as data with dates and sources: `schemas/regels.csv` of the product (the whole land), and
`regels.csv` of the configuration for what differs. The most specific line wins: an overeenkomst (partner and gemeente)
before a gemeente, a gemeente before a sector, and ours last; a line for one sector before one for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import schemas
from exchange.configuration import regelbestand
from exchange.configuration.agreements import FILE as OVEREENKOMSTEN
from exchange.configuration.agreements import Agreements
from exchange.configuration.models import Melder
from exchange.configuration.regelbestand import NAME, Regel, problem, stops
from exchange.faults import Problem
from schemas.codelijsten import SIGNAALPARTNER, opsomming
from transforms.dates import months_later
from transforms.grenzen import Geldend, Venster

LANDELIJK = Path(schemas.__file__).with_name("regels.csv")
#: A designation lasts at most five years (Wgs art. 2; see Stcrt. 2024-10148).
EXPERIMENT_JAREN = 5
_DAY = timedelta(days=1)


class Regels:
    """The lines that hold, asked for per gemeente, sector, partner and day."""

    def __init__(self, own: Iterable[Regel] = ()) -> None:
        self._layers = [_by_key(own), _by_key(landelijk())]

    def geldend(self, partner: str, gemeentecode: str, sector: str, day: date) -> Geldend:
        """What signals of `partner` are held to; gemeentecode "" where a row has none."""

        def find(regel: str) -> Regel | None:
            return self._find(regel, partner, gemeentecode, sector, day)

        found = {regel: find(regel) for regel in ("termijn_dagen", "drempel_euro", "einde_levering_werkdagen")}
        termijn, drempel, werkdagen = (one and one.waarde for one in found.values())
        assert termijn is None or isinstance(termijn, Venster)
        assert drempel is None or isinstance(drempel, int)
        assert werkdagen is None or isinstance(werkdagen, int)
        return Geldend(
            termijn=termijn,
            drempel_cent=drempel,
            werkdagen=werkdagen,
            aangewezen=not gemeentecode or self._designated(gemeentecode, sector, day),
            weigert=frozenset(name for name, one in found.items() if one and one.gevolg == "weigeren"),
        )

    def verplicht(self, veld: str, day: date) -> frozenset[str]:
        """The sectors in which a signaal must have `veld`."""
        return frozenset(one for one in SIGNAALPARTNER.waarden if self._find("verplicht", "", "", one, day, veld))

    def open(self, gemeentecode: str, sector: str, van: date, tot: date) -> list[tuple[date, date]]:
        """The parts of [van, tot] in which the gemeente may be told of signals of this sector, earliest first: all of
        it, but for an experimental sector only the days of a designation; none where tot lies before van."""
        keys = [("experimenteel", ""), ("aangewezen", gemeentecode)]
        lines = [one for layer in self._layers for key in keys for one in layer.get(key, {}).get(("", sector, ""), ())]
        turning = {one.van for one in lines} | {one.tot + _DAY for one in lines if one.tot}
        starts = sorted({van, *(day for day in turning if van < day <= tot)})
        ends = [*(day - _DAY for day in starts[1:]), tot]
        parts: list[tuple[date, date]] = []
        for first, last in zip(starts, ends, strict=True):
            if first > last or not self._designated(gemeentecode, sector, first):
                continue
            if parts and parts[-1][1] + _DAY == first:
                parts[-1] = (parts[-1][0], last)
            else:
                parts.append((first, last))
        return parts

    def _designated(self, gemeentecode: str, sector: str, day: date) -> bool:
        """Whether signals of this sector may go to the gemeente: to every one, unless the sector is experimental."""
        experiment = self._find("experimenteel", "", gemeentecode, sector, day)
        return experiment is None or self._find("aangewezen", "", gemeentecode, sector, day) is not None

    def _find(self, regel: str, partner: str, code: str, sector: str, day: date, which: str = "") -> Regel | None:
        for layer in self._layers:
            for gemeente in (code, "") if code else ("",):
                lines = layer.get((regel, gemeente))
                if lines is None:
                    continue
                for place in product((partner, ""), (sector, "")):
                    for one in lines.get((*place, which), ()):
                        if one.holds(day):
                            return one
        return None


@lru_cache(maxsize=1)
def landelijk() -> tuple[Regel, ...]:
    """The rules of the whole country, as the product ships them."""
    found, problems = regelbestand.read(LANDELIJK)
    assert not problems, problems
    return tuple(regel for _, regel in found)


def read(
    folder: Path,
    files: Collection[str],
    partners: Mapping[str, Melder],
    lives: Mapping[str, tuple[date, date]],
    agreed: Callable[[str, str], bool],
) -> tuple[list[Regel], list[Problem]]:
    """The lines of the configuration's file (which may be absent) and everything that is wrong with them.

    files: ids of all partners that have a file; `partners` are those whose file holds, by id. lives: per gemeentecode
    its first day and its last. agreed(partner, gemeentecode): is there an overeenkomst?
    """
    path = folder / NAME
    if not path.exists():
        return [], []
    found, problems = regelbestand.read(path, files)
    experimental = {one.sector for one in (*landelijk(), *(one for _, one in found)) if one.regel == "experimenteel"}
    for line, regel in found:
        whom = stops(regel.partner, files)
        said = _contradictions(regel, files, partners, lives, agreed, experimental)
        problems += [problem(line, whom, *one) for one in said]
    problems += _periods(found, files)
    return [regel for _, regel in found], problems


def check_experiments(agreed: Agreements, partners: Mapping[str, Melder], own: Iterable[Regel]) -> list[Problem]:
    """Overeenkomsten of partners with nothing but experimental sectors, with a gemeente that is designated for none."""
    experimental = {one.sector for one in (*landelijk(), *own) if one.regel == "experimenteel"}
    designated = {(one.sector, one.gemeentecode) for one in own if one.regel == "aangewezen"}
    bound = {id: one.sectoren for id, one in partners.items() if experimental.issuperset(one.sectoren)}
    if not bound:
        return []
    mend = f"Zet de aanwijzing in {NAME} (regel aangewezen), of haal de overeenkomst weg."
    table = agreed.table
    pairs = zip(agreed.lines, table["partner"].to_pylist(), table["gemeentecode"].to_pylist(), strict=True)
    return [
        Problem(OVEREENKOMSTEN, f"regel {line}", f"{code} is niet aangewezen voor {opsomming(bound[id])}", mend, (id,))
        for line, id, code in pairs
        if id in bound and not any((sector, code) in designated for sector in bound[id])
    ]


#: Lines by (regel, gemeentecode), and there by (partner, sector, which).
_Layer = Mapping[tuple[str, str], Mapping[tuple[str, str, str], list[Regel]]]


def _by_key(regels: Iterable[Regel]) -> _Layer:
    found: dict[tuple[str, str], dict[tuple[str, str, str], list[Regel]]] = {}
    for regel in regels:
        name, code, *place = regel.key
        partner, sector, which = place
        found.setdefault((name, code), {}).setdefault((partner, sector, which), []).append(regel)
    return found


def _contradictions(
    regel: Regel,
    files: Collection[str],
    partners: Mapping[str, Melder],
    lives: Mapping[str, tuple[date, date]],
    agreed: Callable[[str, str], bool],
    experimental: Collection[str],
) -> Iterable[tuple[str, str]]:
    """What one line says against the rest of the configuration: (problem, mend)."""
    code, partner = regel.gemeentecode, partners.get(regel.partner)
    if code and code not in lives:
        yield f"gemeentecode {code} bestaat niet", "Gebruik de code van het CBS, vier cijfers met voorloopnullen."
    elif code and not lives[code][0] <= regel.van <= lives[code][1]:
        first, last = lives[code]
        yield f"gemeente {code} bestond niet op de datum in van", f"Zij bestaat van {first} tot en met {last}."
    elif code and regel.tot is not None and regel.tot > lives[code][1]:
        yield f"gemeente {code} bestond niet op de datum in tot", f"Haar laatste dag is {lives[code][1]}."
    if regel.partner and regel.partner not in files:
        yield f"partner {regel.partner} kennen wij niet", "Voeg partners/<id>.toml toe, of verbeter de schrijfwijze."
    elif partner is not None and regel.sector and regel.sector not in partner.sectoren:
        yield f"{partner.id} meldt niet voor sector {regel.sector}", f"Kies uit: {', '.join(partner.sectoren)}."
    elif partner is not None and not agreed(partner.id, code):
        yield f"{partner.id} en gemeente {code} hebben geen overeenkomst", "Zet die eerst in overeenkomsten.csv."
    if regel.regel != "aangewezen":
        return
    if regel.sector not in experimental:
        yield f"{regel.sector} is geen experimentele sector", "Een aanwijzing is daar niet nodig: haal de regel weg."
    if regel.tot is None or regel.tot >= months_later(regel.van, 12 * EXPERIMENT_JAREN):
        yield "een aanwijzing duurt ten hoogste vijf jaar", "Vul in tot de laatste dag in die de regeling noemt."


def _periods(found: Iterable[tuple[int, Regel]], files: Collection[str]) -> Iterable[Problem]:
    """Lines of one key follow each other without overlap. Nor with a gap, in which a less specific line would hold
    without anybody having said so; what has no waarde (a designation) may well pause."""
    by_key: dict[tuple[str, ...], list[tuple[int, Regel]]] = defaultdict(list)
    for line, regel in found:
        by_key[regel.key].append((line, regel))
    for lines in by_key.values():
        for (at, one), (line, later) in pairwise(sorted(lines, key=lambda pair: (pair[1].van, pair[0]))):
            if one.tot is None or one.tot >= later.van:
                said = f"deze periode overlapt met die op regel {at} (zelfde regel en bereik)"
                yield problem(
                    line,
                    stops(one.partner, files),
                    said,
                    "Sluit de ene af met tot, uiterlijk de dag voordat de andere begint.",
                )
            elif isinstance(one.waarde, Venster | int) and one.tot + _DAY < later.van:
                said = f"tussen regel {at} en deze regel is een gat van {one.tot} tot {later.van}"
                mend = "Laat de regels aansluiten, of zet ertussen een regel met wat dan geldt (0 is: niets)."
                yield problem(line, stops(one.partner, files), said, mend)
