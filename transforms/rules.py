"""The rules on typed rows: what a value may be, next to the others in its row and to what was agreed.

Each rule is a named judge on one veld: true, false, or null where it has no opinion (a value is missing, or its form
was wrong and has a reason already). Its source is that of its code (`bron` in `schemas.retourcodes`). What differs per
partner, agreement or sector stands in Rules, as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from schemas import waarden
from schemas.codelijsten import SOORT, opsomming
from schemas.signaal import KOLOMMEN, VOORWAARDEN, Judge


@dataclass(frozen=True)
class Rules:
    """Everything outside the row that decides about it."""

    ontvangen_op: date  #: day of receipt, Europe/Amsterdam
    sectoren: tuple[str, ...]  #: of the partner; one: filled in where the row has none
    label: str | None = None  #: filled in where the row has none
    verklaring_kolommen: frozenset[str] = frozenset()  #: condition columns that the partner's verklaring covers
    verklaring_van: date | None = None  #: first day of that verklaring; None: from the beginning
    verklaring_tot: date | None = None  #: its last day; None: open
    #: An overeenkomst may declare the conditions too. Then an empty condition is judged after routing,
    #: by `validate.undeclared`.
    verklaring_per_overeenkomst: bool = False
    geboortedatum: bool = False  #: does any overeenkomst name it? Otherwise not read and not kept
    verplicht: Mapping[str, frozenset[str]] = field(default_factory=dict)  #: per column the sectors that require it

    @property
    def verklaard(self) -> frozenset[str]:
        """Condition columns that may be empty: covered by a verklaring in force on the day of receipt."""
        begun = self.verklaring_van is None or self.verklaring_van <= self.ontvangen_op
        ended = self.verklaring_tot is not None and self.verklaring_tot < self.ontvangen_op
        return self.verklaring_kolommen if begun and not ended else frozenset()


Judges = dict[str, list[tuple[str, Judge]]]


def judges(rows: pa.Table, rules: Rules, bedragkolom: str) -> Judges:
    """The rules that have something to judge in these rows: {veld: [(code, judge)]}.

    rows: typed columns (schemas.signaal.TYPED), one chunk each. bedragkolom: where the amount stood in the file.
    """
    found: Judges = {}

    def rule(code: str, veld: str, judge: Judge, blamed: str | None = None) -> None:
        if rows[veld].null_count < rows.num_rows:
            found.setdefault(blamed or veld, []).append((code, judge))

    def only(*kinds: str) -> pa.BooleanArray:
        return _true_else_null(pc.is_in(_column(rows, "soort"), pa.array(kinds)))

    meldt = only("VROEG", "ACTUALISATIE", "EINDELEVERING", "AFSLUITING")
    heeft_adres = only(*(kind for kind in SOORT.waarden if kind != "INTREKKING"))
    today = pa.scalar(rules.ontvangen_op, pa.date32())

    rule("E-VLD-09", "sector", lambda values: _or_null(pc.is_in(values, pa.array(rules.sectoren)), values))
    rule("E-VLD-04", "straat", lambda values: _given(heeft_adres, pc.invert(_postbus(values))))
    rule("E-VLD-08", "bedrag_cent", lambda values: _given(heeft_adres, pc.greater(values, 0)), bedragkolom)
    for veld in ("geboortedatum", "peildatum", "oudste_vervaldatum", "toestemming_datum", "herinnering_datum"):
        rule("E-VLD-06", veld, lambda values: pc.less_equal(values, today))
    rule("E-VLD-07", "oudste_vervaldatum", lambda values: pc.less_equal(values, _column(rows, "peildatum")))
    for veld in VOORWAARDEN:
        rule("E-VWD-01", veld, _demands(bool(KOLOMMEN[veld].voorwaarde), meldt))
    rule("E-SIG-05", "vorig_signaal_id", lambda values: pc.not_equal(values, _column(rows, "signaal_id")))
    _warnings(rows, found)
    return found


def error_slots(rules: Rules, code: str) -> dict[str, str]:
    """Slots of the errors that name what was agreed, or another column."""
    if code == "E-VLD-09":
        return {"sectoren": opsomming(rules.sectoren)}
    return {"veld2": "peildatum"} if code == "E-VLD-07" else {}


def _warnings(rows: pa.Table, found: Judges) -> None:
    soort = _column(rows, "soort")
    ends = pc.is_in(soort, pa.array(["EINDELEVERING", "AFSLUITING"]))
    if pc.any(ends).as_py():
        alone = pc.and_(ends, pc.is_null(_column(rows, "vorig_signaal_id")))
        found.setdefault("vorig_signaal_id", []).append(("W-EIN-02", lambda _values: pc.invert(alone)))


def _demands(value: bool, scope: pa.BooleanArray) -> Judge:
    return lambda values: _given(scope, pc.equal(values, value))


def _column(rows: pa.Table, veld: str) -> pa.Array:
    return rows[veld].combine_chunks() if rows[veld].num_chunks != 1 else rows[veld].chunk(0)


def _postbus(values: pa.Array) -> pa.BooleanArray:
    return pc.match_substring_regex(values, waarden.POSTBUS)


def _true_else_null(mask: pa.BooleanArray) -> pa.BooleanArray:
    return pc.if_else(mask, True, pa.scalar(None, pa.bool_()))


def _given(scope: pa.BooleanArray, verdict: pa.BooleanArray) -> pa.BooleanArray:
    """The verdict inside the scope (true or null), null outside it."""
    return pc.and_(scope, verdict)


def _or_null(verdict: pa.BooleanArray, values: pa.Array) -> pa.BooleanArray:
    return pc.if_else(pc.is_valid(values), verdict, pa.scalar(None, pa.bool_()))
