"""A partner's own export as SIG1: its columns under our names, its dates, amounts and codes in our form.

Nothing is guessed. A value that the agreed form cannot read stays as it is and is marked, so that validate refuses it:
also where it would have been right in SIG1's own form, for there it might mean something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.signaal import BEDRAGKOLOMMEN, KOLOMMEN, Type

Positions = npt.NDArray[np.intp]

DATUMVORM = "jjjj-mm-dd"
_PART = r"(jjjj|mm?|dd?)"
_DATE_FORM = re.compile(rf"{_PART}([-/. ]?){_PART}\2{_PART}")
_DIGITS = {"jjjj": "{4}", "mm": "{2}", "dd": "{2}", "m": "{1,2}", "d": "{1,2}"}
#: A number, perhaps a letter, perhaps more: 12A, 12-A, 12 A 2, 12bis. What `toevoeging` may be, SIG1 says.
_HOUSE = re.compile(r"([0-9]{1,5})(?![0-9])[ /-]*(?:([A-Za-z])(?![A-Za-z]))?[ /-]*([A-Za-z0-9][A-Za-z0-9 -]{0,3})?")


@dataclass(frozen=True)
class Bedragvorm:
    """How amounts in euro are written."""

    decimaal: str  #: before the cents: "," or "."
    duizendtal: str  #: between thousands, where it is written at all; "" for never

    @property
    def patroon(self) -> str:
        """RE2, on the whole value."""
        grouped = rf"|[0-9]{{1,3}}(?:{self.tussen}[0-9]{{3}}){{1,2}}" if self.duizendtal else ""
        return rf"^-?(?:[0-9]{{1,9}}{grouped})(?:{re.escape(self.decimaal)}[0-9]{{1,2}})?$"

    @property
    def tussen(self) -> str:
        """RE2 for the sign between thousands; spreadsheets write a space that does not break."""
        return "[ \u00a0\u202f]" if self.duizendtal == " " else re.escape(self.duizendtal)


@dataclass(frozen=True)
class Mapped:
    """A block under SIG1's names."""

    text: pa.Table  #: string columns with SIG1 names, then `regelnr`
    onleesbaar: Mapping[str, Positions]  #: per SIG1 column the rows whose value the profile cannot read


@dataclass(frozen=True)
class Profile:
    """How a partner writes. A column of SIG1 that is not named here goes by its own name."""

    kolommen: Mapping[str, str] = field(default_factory=dict)  #: SIG1 column -> the partner's
    negeer: frozenset[str] = frozenset()  #: the partner's columns that are not read
    vast: Mapping[str, str] = field(default_factory=dict)  #: SIG1 column -> its value in every row
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  #: SIG1 column -> the partner's value -> ours
    datumvorm: str = DATUMVORM
    bedragvorm: Bedragvorm | None = None  #: None: as SIG1 writes it
    splitsen: bool = False  #: huisnummer holds the letter and what follows as well

    @cached_property
    def bron(self) -> Mapping[str, str]:
        """Every column of the partner that is read -> the SIG1 column that it becomes."""
        named = {own: veld for veld, own in self.kolommen.items()}
        gone = self.vast.keys() | self.kolommen.keys() | self.negeer | named.keys()
        if gone & set(BEDRAGKOLOMMEN):  # one amount was chosen: the other has no place
            gone |= set(BEDRAGKOLOMMEN)
        if self.splitsen:
            gone |= {"huisletter"}
        return named | {veld: veld for veld in KOLOMMEN if veld not in gone}

    def kolom(self, veld: str) -> str:
        """The name that the partner knows a column of SIG1 by."""
        if self.splitsen and (veld == "huisletter" or (veld == "toevoeging" and veld not in self.kolommen)):
            veld = "huisnummer"
        return self.kolommen.get(veld, veld)

    def apply(self, own: pa.Table) -> Mapped:
        """The same rows under SIG1's names and in its forms.

        own: string columns named in `bron`, without nulls, then `regelnr`, as parse gives them.
        """
        if self is SIG1:
            return Mapped(own, {})
        columns: dict[str, pa.Array | pa.ChunkedArray] = {}
        unread: dict[str, Positions] = {}
        for name in own.column_names[:-1]:
            veld = self.bron[name]
            if not self.changes(veld):
                columns[veld] = own[name]
                continue
            encoded = own[name].combine_chunks().dictionary_encode()
            given = pc.utf8_trim_whitespace(encoded.dictionary)
            made = self._read(veld, given)
            wrong = pc.and_(pc.is_null(made[veld]), pc.not_equal(given, ""))
            made[veld] = pc.if_else(wrong, encoded.dictionary, made[veld])
            columns |= {one: values.fill_null("").take(encoded.indices) for one, values in made.items()}
            if pc.any(wrong).as_py():
                unread[veld] = np.flatnonzero(wrong.take(encoded.indices).to_numpy(zero_copy_only=False))
        columns |= {veld: pa.repeat(pa.scalar(value), own.num_rows) for veld, value in self.vast.items()}
        return Mapped(pa.table({**columns, "regelnr": own["regelnr"]}), unread)

    def changes(self, veld: str) -> bool:
        """Whether values of this column are written in another way than SIG1's."""
        kind = KOLOMMEN[veld].type
        return (
            veld in self.codes
            or (kind is Type.DATUM and self.datumvorm != DATUMVORM)
            or (kind is Type.EURO and self.bedragvorm is not None)
            or (veld == "huisnummer" and self.splitsen)
        )

    def _read(self, veld: str, given: pa.StringArray) -> dict[str, pa.StringArray]:
        """Distinct trimmed values as SIG1 writes them, null where they cannot be read."""
        if veld in self.codes:
            return {veld: _coded(given, self.codes[veld])}
        if veld == "huisnummer":
            return self._split(given)
        if KOLOMMEN[veld].type is Type.DATUM:
            pattern = date_pattern(self.datumvorm)
            return {veld: pa.array([_iso(pattern, value) for value in given.to_pylist()], pa.string())}
        assert self.bedragvorm is not None
        return {veld: _euro(given, self.bedragvorm)}

    def _split(self, given: pa.StringArray) -> dict[str, pa.StringArray]:
        """huisnummer, huisletter and toevoeging; a toevoeging is not read here where it has a column of its own."""
        own = "toevoeging" in self.kolommen
        found = [_HOUSE.fullmatch(value) for value in given.to_pylist()]
        parts = [one.groups() if one and not (own and one[3]) else (None, None, None) for one in found]
        names = ("huisnummer", "huisletter", *(() if own else ("toevoeging",)))
        return {name: pa.array([part[at] for part in parts], pa.string()) for at, name in enumerate(names)}


#: A partner without a profile writes SIG1.
SIG1 = Profile()


def date_pattern(vorm: str) -> re.Pattern[str]:
    """The pattern of a date form such as dd-mm-jjjj, d/m/jjjj or jjjjmmdd; raises ValueError when it is none.

    A year has four digits: of two nobody can say which century they are in.
    """
    form = _DATE_FORM.fullmatch(vorm)
    parts = form.group(1, 3, 4) if form else ()
    if form is None or {part[0] for part in parts} != set("jmd") or (not form[2] and {"m", "d"} & set(parts)):
        raise ValueError(vorm)
    return re.compile(re.escape(form[2]).join(rf"(?P<{part[0]}>[0-9]{_DIGITS[part]})" for part in parts))


def _iso(pattern: re.Pattern[str], value: str) -> str | None:
    found = pattern.fullmatch(value)
    return f"{found['j']}-{found['m']:0>2}-{found['d']:0>2}" if found else None


def _euro(given: pa.StringArray, vorm: Bedragvorm) -> pa.StringArray:
    text = pc.if_else(pc.match_substring_regex(given, vorm.patroon), given, pa.scalar(None, pa.string()))
    if vorm.duizendtal:
        text = pc.replace_substring_regex(text, vorm.tussen, "")
    return pc.replace_substring(text, vorm.decimaal, ",")


def _coded(given: pa.StringArray, codes: Mapping[str, str]) -> pa.StringArray:
    """Compared without case; the list is whole, so a value that is not in it is not read."""
    known = pa.array([value.lower() for value in codes], pa.string())
    return pa.array(codes.values(), pa.string()).take(pc.index_in(pc.utf8_lower(given), value_set=known))
