"""To which gemeente a signal goes, and whether it may go there: the routing ladder and the agreements.

The ladder: the CBS table by postcode + huisnummer, the same table by a postcode that lies in one gemeente, the
gemeentecode as supplied, refused. Then the successor of that gemeente on the day of receipt (CBS gemeentelijke
indeling), the overeenkomst on that day (convenant art. 6). All rows with the same table code, supplied code and rung
get the same verdict, so that a verdict is made once per distinct combination.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import gemeenten
from schemas.retourcodes import REASONS, detail

ADRES = "ADRES"  #: by postcode and huisnummer
POSTCODE = "POSTCODE"  #: by a postcode that lies in one gemeente
OPGAVE = "OPGAVE"  #: as the partner supplied

Strings: TypeAlias = pa.StringArray | pa.ChunkedArray
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lookup:
    """What the CBS table says of each row; columns of equal length, null where it says nothing."""

    gemeentecode: pa.StringArray
    wijkcode: pa.StringArray
    buurtcode: pa.StringArray
    rung: pa.StringArray  #: ADRES, POSTCODE or "" (the table does not know)


@dataclass(frozen=True)
class Routed:
    """Where each row goes; null gemeentecode where it goes nowhere. Columns of equal length."""

    gemeentecode: pa.StringArray
    routering: pa.StringArray  #: ADRES, POSTCODE, OPGAVE, or "" for a row that goes nowhere
    wijkcode: pa.StringArray
    buurtcode: pa.StringArray
    reasons: pa.Table  #: REASONS: E-ROU-01, E-ROU-05, W-ROU-04


@dataclass(frozen=True)
class _Verdict:
    """The gemeente of one combination, with a reason if there is one."""

    code: str | None = None
    routering: str = ""
    from_table: bool = False  # the table's own code, so that its wijk and buurt hold as well
    reason: tuple[str, str, str] | None = None  # code, veld, detail


def route(regelnr: Rows, postcode: Strings, supplied: Strings, lookup: Lookup, dag: date) -> Routed:
    """Walk the ladder for every row that has a postcode.

    regelnr: line numbers; postcode, supplied: strings of the same length ("NNNNAA" and four digits; null or "" is
    absent); lookup: the table's answer for these rows; dag: Amsterdam date of receipt. A row without a postcode
    (refused already, or an INTREKKING) goes nowhere and gets no reason.
    """
    table, table_codes = _encode(lookup.gemeentecode)
    given, given_codes = _encode(supplied)
    rung, rungs = _encode(lookup.rung)
    combined = (table * len(given_codes) + given) * len(rungs) + rung
    combined[~_present(postcode)] = -1
    distinct, inverse = np.unique(combined, return_inverse=True)
    verdicts = [
        _Verdict()
        if value < 0
        else _verdict(
            table_codes[value // len(rungs) // len(given_codes)],
            given_codes[value // len(rungs) % len(given_codes)],
            rungs[value % len(rungs)],
            dag,
        )
        for value in distinct.tolist()
    ]
    at = pa.array(inverse.reshape(-1))
    by_address = pa.array([one.from_table and one.routering == ADRES for one in verdicts], pa.bool_()).take(at)
    return Routed(
        gemeentecode=pa.array([one.code for one in verdicts], pa.string()).take(at),
        routering=pa.array([one.routering for one in verdicts], pa.string()).take(at),
        wijkcode=pc.if_else(by_address, lookup.wijkcode, None),
        buurtcode=pc.if_else(by_address, lookup.buurtcode, None),
        reasons=_reasons(regelnr, inverse.reshape(-1), [one.reason for one in verdicts]),
    )


def nowhere(rows: int) -> Routed:
    """The answer where nothing is known of gemeenten: no row goes anywhere, and nothing is held against it."""
    nothing = pa.nulls(rows, pa.string())
    return Routed(nothing, pa.repeat(pa.scalar(""), rows), nothing, nothing, REASONS.empty_table())


def apply_agreements(
    regelnr: Rows, gemeentecode: Strings, soort: Strings, connected: Collection[str], agreements: pa.Table, dag: date
) -> pa.Table:
    """Reasons (REASONS) of the rows that may not go to their gemeente: E-ROU-02, E-ROU-03.

    gemeentecode, soort: strings, as long as regelnr; a row without a gemeentecode is left alone. connected: codes that
    an uitvoerder serves on `dag`. agreements: the overeenkomsten of this partner (gemeentecode string, van and tot
    date32, both days included, null tot is open; soorten string, empty is all kinds, else `VROEG|ACTUALISATIE`).
    """
    code, codes = _encode(gemeentecode)
    kind, kinds = _encode(soort)
    distinct, inverse = np.unique(code * len(kinds) + kind, return_inverse=True)
    allowed = _allowed(agreements, dag)
    found = [
        _objection(codes[value // len(kinds)], kinds[value % len(kinds)], connected, allowed, dag)
        for value in distinct.tolist()
    ]
    return _reasons(regelnr, inverse.reshape(-1), found)


def _verdict(table: str, supplied: str, rung: str, dag: date) -> _Verdict:
    """The ladder for one combination of table code, supplied code and rung."""
    by_table = gemeenten.successor(table, dag).codes if table else ()
    by_partner = gemeenten.successor(supplied, dag).codes if supplied else ()
    if len(by_table) == 1:
        code = by_table[0]
        warn = supplied not in ("", table, code)
        reason = ("W-ROU-04", "gemeentecode", detail({"code1": supplied, "code2": code})) if warn else None
        return _Verdict(code, rung, code == table, reason)
    if len(by_partner) == 1 and (not by_table or by_partner[0] in by_table):
        # of a gemeente that was divided, the partner may name the part: E-ROU-05 asks for exactly that
        return _Verdict(by_partner[0], OPGAVE)
    if several := by_table or by_partner:
        names = ", ".join(gemeenten.name(code) for code in several)
        return _Verdict(reason=("E-ROU-05", "gemeentecode", detail({"gemeenten": names})))
    return _Verdict(reason=("E-ROU-01", "postcode", ""))


def _objection(
    code: str, soort: str, connected: Collection[str], allowed: dict[str, set[str] | None], dag: date
) -> tuple[str, str, str] | None:
    """Why a signal of this kind may not go to this gemeente."""
    if not code:
        return None
    naam = gemeenten.name(code)
    if code not in connected:
        return "E-ROU-02", "gemeentecode", detail({"naam": naam, "code": code})
    kinds = allowed.get(code, set())
    if kinds is not None and soort not in kinds:
        return "E-ROU-03", "gemeentecode", detail({"datum": dag.isoformat(), "naam": naam, "soort": soort})
    return None


def _allowed(agreements: pa.Table, dag: date) -> dict[str, set[str] | None]:
    """Kinds allowed on `dag` per gemeentecode, None for all."""
    day = pa.scalar(dag, pa.date32())
    in_force = agreements.filter(
        pc.and_(
            pc.less_equal(agreements["van"], day),
            pc.fill_null(pc.greater_equal(agreements["tot"], day), True),
        )
    )
    allowed: dict[str, set[str] | None] = {}
    for code, soorten in zip(in_force["gemeentecode"].to_pylist(), in_force["soorten"].to_pylist(), strict=True):
        earlier = allowed.get(code, set())
        allowed[code] = None if earlier is None or not soorten else earlier | set(soorten.split("|"))
    return allowed


def _reasons(regelnr: Rows, inverse: Rows, reasons: list[tuple[str, str, str] | None]) -> pa.Table:
    """A REASONS table: for each row the reason of its combination, rows without one left out."""
    having = np.array([reason is not None for reason in reasons], bool)
    rows = np.flatnonzero(having[inverse]) if len(inverse) else inverse
    at = pa.array(inverse[rows])
    code, veld, slots = (
        pa.array([reason[place] if reason else None for reason in reasons], pa.string()).take(at) for place in range(3)
    )
    return pa.Table.from_arrays([pa.array(regelnr[rows], pa.int64()), code, veld, slots], schema=REASONS)


def _encode(values: Strings) -> tuple[Rows, list[str]]:
    """Each value as its place in the list of distinct values; null counts as ""."""
    joined = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    encoded = pc.dictionary_encode(pc.fill_null(joined, ""))
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _present(values: Strings) -> npt.NDArray[np.bool_]:
    """Where a value is neither null nor empty."""
    found: npt.NDArray[np.bool_] = np.asarray(pc.not_equal(pc.fill_null(values, ""), ""))
    return found
