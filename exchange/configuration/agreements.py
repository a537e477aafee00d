"""overeenkomsten.csv: which partner may report on which gemeente, when, and what. Read and checked column by column,
because a country has tens of thousands of lines. Overeenkomsten start, renew and end, and a pair may deviate (convenant
art. 6, considerations m and n).

Layout (`;`, header): partner;gemeentecode;van;tot;soorten;geboortedatum;verklaring_van. `tot` is the last day, empty is
open; `soorten` empty is all kinds, else `VROEG|ACTUALISATIE`; `geboortedatum` J or N (empty is N); `verklaring_van` is
the day from which the overeenkomst itself declares all seven conditions. A column `al_bekend` may be added: J lets the
partner know that an inwoner was already known to schuldhulpverlening (Divosa 2024: fed back in some practice).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from exchange.configuration import csvlines
from exchange.faults import Problem
from schemas.codelijsten import SOORT

FILE = "overeenkomsten.csv"
COLUMNS = ("partner", "gemeentecode", "van", "tot", "soorten", "geboortedatum", "verklaring_van")
#: Columns that may be left out: N for every line.
OPTIONAL = ("al_bekend",)
SCHEMA = pa.schema(
    [
        ("partner", pa.string()),
        ("gemeentecode", pa.string()),
        ("van", pa.date32()),
        ("tot", pa.date32()),
        ("soorten", pa.string()),
        ("geboortedatum", pa.bool_()),
        ("verklaring_van", pa.date32()),
        ("al_bekend", pa.bool_()),
    ]
)
_OPEN = pd.Timestamp("9999-12-31")


@dataclass(frozen=True)
class Agreements:
    """The lines that hold, as `table` (SCHEMA) with the physical line of each in `lines`, and the problems."""

    table: pa.Table
    lines: list[int]
    problems: list[Problem]

    def has(self, partner: str, gemeentecode: str) -> bool:
        """Whether the two have an overeenkomst, on whatever day."""
        return (partner, gemeentecode) in self._pairs

    @cached_property
    def _pairs(self) -> set[tuple[str, str]]:
        return set(zip(self.table["partner"].to_pylist(), self.table["gemeentecode"].to_pylist(), strict=True))


def read(path: Path, partners: Collection[str], lives: Mapping[str, tuple[date, date]]) -> Agreements:
    """Read the file; `lives` gives per gemeentecode its first day and its last.

    A line that does not hold is left out, and stops its partner: without it, signals would be refused that may well be
    agreed upon. One with a partner that nobody knows stops nobody.
    """
    known = set(partners)
    frame, problems = _lines(path, known)
    whose = {line: (id,) if id in known else () for line, id in zip(frame["regel"], frame["partner"], strict=True)}
    problems += _check_words(frame, partners, lives)
    for name in ("van", "tot", "verklaring_van"):
        problems += _to_dates(frame, name)
    problems += _check_periods(frame, lives)
    problems += _check_overlap(frame)
    frame = frame[~frame["regel"].isin({_line(problem) for problem in problems})]
    problems = [replace(one, partijen=whose[_line(one)]) if _line(one) in whose else one for one in problems]
    problems.sort(key=_line)
    return Agreements(_table(frame), frame["regel"].tolist(), problems)


def _line(problem: Problem) -> int:
    return int(problem.place.split()[1]) if problem.place else 0


def _problem(line: int, problem: str, mend: str) -> Problem:
    return Problem(FILE, f"regel {line}", problem, mend)


def _lines(path: Path, partners: set[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """All columns as text plus `regel`, the physical line (the header is line 1)."""
    empty = pd.DataFrame(
        {name: pd.Series(dtype="str") for name in (*COLUMNS, *OPTIONAL)} | {"regel": pd.Series(dtype="int64")}
    )
    lines = csvlines.read(path, COLUMNS, OPTIONAL)
    uneven = (lines.uneven(path, at, cells, tuple(sorted(partners & set(cells)))) for at, cells in lines.bad)
    problems = [*lines.problems, *uneven]
    if not lines.good:
        return empty, problems
    frame = pd.DataFrame([cells for _, cells in lines.good], columns=lines.header, dtype="str")
    for name in OPTIONAL:
        if name not in lines.header:
            frame[name] = "N"
    frame["regel"] = [at for at, _ in lines.good]
    return frame, problems


def _check_words(
    frame: pd.DataFrame, partners: Collection[str], lives: Mapping[str, tuple[date, date]]
) -> list[Problem]:
    def said(bad: pd.Series, problem: str, mend: str, column: str) -> list[Problem]:
        rows = frame.loc[bad, ["regel", column]].itertuples(index=False)
        return [_problem(line, problem.format(value), mend) for line, value in rows]

    kinds = frame["soorten"]
    known = {value for value in kinds.unique() if not set(value.split("|")) - {"", *SOORT.waarden}}
    return [
        *said(
            ~frame["partner"].isin(list(partners)),
            "partner {} kennen wij niet",
            "Voeg partners/<id>.toml toe, of verbeter de schrijfwijze.",
            "partner",
        ),
        *said(
            ~frame["gemeentecode"].isin(list(lives)),
            "gemeentecode {} bestaat niet",
            "Gebruik de code van het CBS, vier cijfers met voorloopnullen.",
            "gemeentecode",
        ),
        *said(
            ~kinds.isin(list(known)),
            "soorten {} klopt niet",
            f"Laat leeg voor alle soorten, of kies met | ertussen uit: {', '.join(SOORT.waarden)}.",
            "soorten",
        ),
        *said(
            ~frame["geboortedatum"].isin(["J", "N", ""]),
            "geboortedatum {} klopt niet",
            "Vul J in als de overeenkomst de geboortedatum noemt, anders N.",
            "geboortedatum",
        ),
        *said(
            ~frame["al_bekend"].isin(["J", "N", ""]),
            "al_bekend {} klopt niet",
            "Vul J in als de partner mag weten dat de inwoner al bekend was bij schuldhulpverlening, anders N.",
            "al_bekend",
        ),
    ]


def _to_dates(frame: pd.DataFrame, name: str) -> list[Problem]:
    """Replace a text column by dates (NaT where empty)."""
    text = frame[name]
    shaped = text.where(text.str.fullmatch(r"\d{4}-\d{2}-\d{2}"))
    frame[name] = pd.to_datetime(shaped, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
    bad = frame[name].isna() & ((text != "") | (name == "van"))
    return [
        _problem(line, f"{name} is geen datum", "Schrijf de datum als jjjj-mm-dd.") for line in frame.loc[bad, "regel"]
    ]


def _check_periods(frame: pd.DataFrame, lives: Mapping[str, tuple[date, date]]) -> list[Problem]:
    backwards = frame["tot"] < frame["van"]
    problems = [
        _problem(line, "tot ligt vóór van", "tot is de laatste dag: die valt op of na van, of is leeg.")
        for line in frame.loc[backwards, "regel"]
    ]
    codes = frame["gemeentecode"]
    first = codes.map({code: pd.Timestamp(life[0]) for code, life in lives.items()})
    last = codes.map({code: pd.Timestamp(life[1]) for code, life in lives.items()})
    absent = frame["van"].lt(first) | frame["van"].gt(last)  # `tot` may lie later: see opvolging
    for line, code in frame.loc[absent & ~backwards, ["regel", "gemeentecode"]].itertuples(index=False):
        mend = f"Zij bestaat van {lives[code][0]} tot en met {lives[code][1]}: verbeter de datum of de code."
        problems.append(_problem(line, f"gemeente {code} bestond niet op de datum in van", mend))
    return problems


def _check_overlap(frame: pd.DataFrame) -> list[Problem]:
    """A pair has at most one overeenkomst on any day."""
    ordered = frame[frame["van"].notna()].sort_values(["partner", "gemeentecode", "van", "regel"], kind="stable")
    pair = ordered.groupby(["partner", "gemeentecode"], sort=False)
    ends = ordered["tot"].fillna(_OPEN.as_unit("s"))
    before = ends.groupby([ordered["partner"], ordered["gemeentecode"]], sort=False).cummax()
    same = pair.cumcount() > 0
    overlapping = same & (ordered["van"] <= before.shift(1))
    other = ordered["regel"].shift(1, fill_value=0)
    return [
        _problem(
            line,
            f"deze periode overlapt met die op regel {earlier} (zelfde partner en gemeente)",
            "Sluit de ene overeenkomst af met tot, uiterlijk de dag voordat de andere begint.",
        )
        for line, earlier in zip(ordered.loc[overlapping, "regel"], other[overlapping], strict=True)
    ]


def _table(frame: pd.DataFrame) -> pa.Table:
    plain = frame.assign(**{name: frame[name] == "J" for name in ("geboortedatum", "al_bekend")})
    return pa.Table.from_pandas(plain[SCHEMA.names], schema=SCHEMA, preserve_index=False)
