"""The gemeenten of the Netherlands since 1990: codes, names, dates and what became of those that ended.

`gemeenten.csv` holds one line per period of a code: the facts of CBS (code, name, province, from, to; `tot` is the day
from which it no longer is) and `opvolgers`, the codes among which its inhabited territory was divided on that day.
CBS publishes no such mapping: it is ours, complete since 2006; before that an empty `opvolgers` says that we are not
sure, and nothing is guessed. A change to come is one line added, with the code's own `van` and the new `tot` and
`opvolgers`: the dates decide when it counts. Names are ambiguous (Bergen, Hengelo, Rijswijk): only the code identifies
a gemeente.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CSV = Path(__file__).with_name("gemeenten.csv")
COLUMNS = ("gemeentecode", "naam", "provincie", "van", "tot", "opvolgers")


@dataclass(frozen=True)
class Gemeente:
    """A gemeente by its code; names and province are the last that it had."""

    code: str  #: 4 digits
    naam: str
    provincie: str
    van: date
    tot: date | None  #: first day on which it no longer is; None while it is
    opvolgers: tuple[str, ...]  #: codes on `tot`; empty while it is, and where the successors are not known

    def exists(self, dag: date) -> bool:
        """Whether it is a gemeente on `dag`."""
        return self.van <= dag and (self.tot is None or dag < self.tot)


@dataclass(frozen=True)
class Succession:
    """The gemeenten that a code stands for on a day: itself, one successor, several, or none that we know."""

    codes: tuple[str, ...]


class UnknownGemeente(LookupError):
    """No gemeente since 1990 has or had this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@lru_cache(maxsize=1)
def table() -> Mapping[str, Gemeente]:
    """Every gemeente by its code, read once."""
    with CSV.open(encoding="utf-8", newline="") as file:
        return MappingProxyType(read(file))


def read(lines: Iterable[str]) -> dict[str, Gemeente]:
    """Gemeenten by code from lines in the layout of `gemeenten.csv`, in any order.

    A code may have several lines (Vianen changed province): they are one gemeente from the first day to the last. Of
    lines with the same `van` the one with a `tot` holds: it was added when the end was known.
    """
    found: dict[str, Gemeente] = {}
    for row in sorted(csv.DictReader(lines, delimiter=";"), key=lambda row: (row["van"], row["tot"])):
        code, earlier = row["gemeentecode"], found.get(row["gemeentecode"])
        found[code] = Gemeente(
            code=code,
            naam=row["naam"],
            provincie=row["provincie"],
            van=earlier.van if earlier else date.fromisoformat(row["van"]),
            tot=date.fromisoformat(row["tot"]) if row["tot"] else None,
            opvolgers=tuple(row["opvolgers"].split()),
        )
    return found


def gemeente(code: str) -> Gemeente:
    """The gemeente with this code; raises UnknownGemeente."""
    found = table().get(code)
    if found is None:
        raise UnknownGemeente(code)
    return found


def name(code: str) -> str:
    """The name that goes with `code`; raises UnknownGemeente."""
    return gemeente(code).naam


def last_day(code: str) -> date:
    """The last day on which this is a gemeente; date.max while no end is known, and for an unknown code."""
    one = table().get(code)
    return one.tot - timedelta(days=1) if one and one.tot else date.max


@lru_cache(maxsize=64)
def active(dag: date) -> frozenset[str]:
    """The codes of all gemeenten on `dag`."""
    return frozenset(code for code, one in table().items() if one.exists(dag))


@lru_cache(maxsize=4096)
def successor(code: str, dag: date) -> Succession:
    """What `code` stands for on `dag`, chains followed over time (Elst, Bemmel, Lingewaard), codes sorted.

    Itself where it exists; nothing for an unknown code, for one that is still to come, and where any branch of the
    chain ends in a gemeente whose successors we do not know.
    """
    return Succession(succession(table(), code, dag))


def current(code: str, dag: date) -> str:
    """The one gemeente that `code` has become on `dag`; itself where it is still there, or where there are several."""
    codes = successor(code, dag).codes
    return codes[0] if len(codes) == 1 else code


def parts(code: str, dag: date) -> tuple[str, ...]:
    """The gemeenten (codes) among which it has been divided on `dag`; none where it is there, or is one other."""
    codes = successor(code, dag).codes
    return codes if len(codes) > 1 else ()


def become(codes: pa.Array | pa.ChunkedArray, dag: date) -> pa.StringArray:
    """`current` of each code (strings; null stays null)."""
    joined = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    encoded = joined.dictionary_encode()
    now = pa.array([current(code, dag) for code in encoded.dictionary.to_pylist()], pa.string())
    return now.take(encoded.indices)


def having_been(codes: Iterable[str], dag: date) -> list[str]:
    """These codes and every one of which they are, on `dag`, the territory or a part of it."""
    wanted = set(codes)
    return sorted(wanted | {code for code in table() if not wanted.isdisjoint(successor(code, dag).codes)})


def succession(gemeenten: Mapping[str, Gemeente], code: str, dag: date) -> tuple[str, ...]:
    """`successor` over a given table."""
    found: set[str] = set()
    ahead, seen = [code], {code}
    while ahead:
        one = gemeenten.get(ahead.pop())
        if one is None or one.van > dag:
            return ()
        if one.exists(dag):
            found.add(one.code)
            continue
        if not one.opvolgers:
            return ()
        ahead += [next_code for next_code in one.opvolgers if next_code not in seen]
        seen.update(one.opvolgers)
    return tuple(sorted(found))


def names(codes: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """The name of each code (strings); null for an unknown code and for null."""
    keys, values = _names()
    joined = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    return values.take(pc.index_in(joined, value_set=keys))


@lru_cache(maxsize=1)
def _names() -> tuple[pa.StringArray, pa.StringArray]:
    known = sorted(table().values(), key=lambda one: one.code)
    return pa.array([one.code for one in known], pa.string()), pa.array([one.naam for one in known], pa.string())


def codes_of(numbers: np.ndarray[tuple[int], np.dtype[np.integer]]) -> pa.StringArray:
    """Codes as text from whole numbers (0 to 9999): 363 becomes "0363"; 0 stands for no gemeente and becomes null."""
    wide = np.asarray(numbers, np.int64)
    return _four_digits().take(pa.array(wide, mask=wide == 0))


@lru_cache(maxsize=1)
def _four_digits() -> pa.StringArray:
    return pa.array([f"{number:04d}" for number in range(10_000)], pa.string())
