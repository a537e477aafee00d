"""What a signaal follows: the earlier one that it updates, ends or withdraws (`vorig_signaal_id`).

An unknown one is a warning until the partner's `overgangsdatum` and refused from that day on; for EINDELEVERING and
AFSLUITING it stays a warning (NVVK 26-1-2026: always a vroegsignaal first). An INTREKKING needs no address: it goes
where the signal went that it withdraws.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import gemeenten
from schemas.codelijsten import SIGNAALPARTNER
from schemas.retourcodes import reasons
from transforms.repeats import Accepted

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_SECTORS = ("", *SIGNAALPARTNER.waarden)


@dataclass(frozen=True)
class Followed:
    """Per row the nr of the signal that it follows (null: none), and where that one went ("" where unknown)."""

    vorig_nr: pa.Int64Array
    gemeentecode: pa.StringArray
    sector: pa.StringArray
    redenen: pa.Table


def place(gemeentecode: pa.StringArray, sector: pa.StringArray) -> Numbers:
    """Gemeente and sector in one int64, for `Accepted.plek`."""
    codes = np.asarray(pc.cast(gemeentecode, pa.int64()))
    sectors = np.asarray(pc.index_in(sector, pa.array(_SECTORS)).fill_null(0), np.int64)
    packed: Numbers = codes * len(_SECTORS) + sectors
    return packed


def follow(
    table: pa.Table,
    vorig_hash: pa.Int64Array,
    accepted: Accepted,
    own: Accepted,
    nr: Numbers,
    day: date,
    overgangsdatum: date | None,
) -> Followed:
    """Look up what each row follows.

    table: regelnr, soort, signaal_id, vorig_signaal_id, gemeentecode, postcode (strings, null or "" where empty);
    vorig_hash: as `signaal_hash`, null where vorig_signaal_id is empty; accepted: signals recorded earlier; own: those
    of this block, which count only for rows below them; day: day of receipt.
    """
    named = np.asarray(pc.is_valid(vorig_hash))
    wanted = np.asarray(vorig_hash.fill_null(0))
    before, at = accepted.find(wanted)
    inside, here = own.find(wanted)
    inside &= ~before & (own.nr[here] < nr if len(own.nr) else False)
    found = named & (before | inside)
    vorig_nr, packed = np.zeros(len(nr), np.int64), np.zeros(len(nr), np.int64)
    for hit, source, index in ((named & before, accepted, at), (named & inside, own, here)):
        vorig_nr[hit], packed[hit] = source.nr[index[hit]], source.plek[index[hit]]
    codes = [f"{int(code):04d}" for code in np.unique(packed // len(_SECTORS))]
    dictionary = np.unique(packed // len(_SECTORS), return_inverse=True)[1]
    return Followed(
        vorig_nr=pa.array(vorig_nr, mask=~found),
        gemeentecode=_where(found, pa.array(codes, pa.string()).take(pa.array(dictionary))),
        sector=_where(found, pa.array(_SECTORS).take(pa.array(packed % len(_SECTORS)))),
        redenen=_reasons(table, named, found, day, overgangsdatum),
    )


def moved(table: pa.Table, followed: Followed, gemeentecode: pa.StringArray, day: date) -> pa.Table:
    """REASONS for each ACTUALISATIE that goes elsewhere than what it updates: there, the old one still stands.

    table: regelnr and soort; gemeentecode: where each row goes ("" where unknown).
    """
    both = pc.and_(pc.not_equal(followed.gemeentecode, ""), pc.not_equal(gemeentecode, ""))
    stands = gemeenten.become(followed.gemeentecode, day)
    elsewhere = np.asarray(pc.and_(both, pc.not_equal(stands, gemeentecode)).fill_null(False))
    regelnr = np.asarray(table["regelnr"])[elsewhere & _among(table, ("ACTUALISATIE",))]
    return reasons(regelnr, "W-SIG-07", "vorig_signaal_id")


def _where(found: Mask, values: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pa.array(found), values, "")


def _reasons(table: pa.Table, named: Mask, found: Mask, day: date, overgangsdatum: date | None) -> pa.Table:
    regelnr = np.asarray(table["regelnr"])
    itself = named & _equal(table["vorig_signaal_id"], table["signaal_id"])  # has its own reason (E-SIG-05)
    unknown = named & ~found & ~itself
    ending = _among(table, ("EINDELEVERING", "AFSLUITING"))
    lost = unknown & _among(table, ("INTREKKING",)) & _empty(table["gemeentecode"]) & _empty(table["postcode"])
    required = overgangsdatum is not None and day >= overgangsdatum
    refused = unknown & ~ending & ~lost & required
    warned = unknown & ~lost & ~refused
    since = {"datum": str(overgangsdatum)}
    return pa.concat_tables(
        [
            reasons(regelnr[lost], "E-INT-01", "vorig_signaal_id"),
            reasons(regelnr[refused], "E-SIG-04", "vorig_signaal_id", since),
            reasons(regelnr[warned], "W-SIG-03", "vorig_signaal_id"),
        ]
    )


def _among(table: pa.Table, soorten: tuple[str, ...]) -> Mask:
    return np.asarray(pc.is_in(table["soort"], value_set=pa.array(soorten)))


def _empty(column: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.equal(column.fill_null(""), ""))


def _equal(left: pa.ChunkedArray, right: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.equal(left.fill_null(""), right.fill_null("")))
