"""From everything an uitvoerder told about signals to what their partner may know, and to what of that is new.

Later terugkoppeling goes before earlier: the last status_datum, then what came in last. Nothing here looks at another
signaal than the row's own, so that no partner can learn from it that another one reported the same address.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import gemeenten
from schemas.uitkomst import AFBEELDING, DICHT, MET_OPSCHORTING, OPSCHORTEN_DAGEN
from transforms.answer import Answered, tm1
from transforms.identity import signaal_ref

Mask = npt.NDArray[np.bool_]

#: Everything that was ever told about some signals; `doorgezet_op` (Amsterdam date) is when the signaal was delivered,
#: `al_bekend` whether its overeenkomst opens that the inwoner was already known.
HISTORY = pa.schema(
    [
        ("signaal_nr", pa.int64()),
        ("aanlevering_nr", pa.int64()),
        ("regelnr", pa.int64()),
        ("status", pa.string()),
        ("status_datum", pa.date32()),
        ("eindresultaat", pa.string()),
        ("eindresultaat_datum", pa.date32()),
        ("hulp_geaccepteerd", pa.bool_()),
        ("ontvangen_op", pa.date32()),
        ("doorgezet_op", pa.date32()),
        ("al_bekend", pa.bool_()),
    ]
)
#: What a partner is told about a signaal.
UITKOMST = pa.schema(
    [
        ("signaal_nr", pa.int64()),
        ("uitkomst", pa.string()),
        ("uitkomst_datum", pa.date32()),
        ("opschorten_tot", pa.date32()),
    ]
)

_PAIRS = pa.array([f"{one.status}\n{one.eindresultaat}" for one in AFBEELDING])
_OPEN = pa.array([one.uitkomst for one in AFBEELDING])
_CLOSED = pa.array([DICHT.get(one.uitkomst, one.uitkomst) for one in AFBEELDING])
_BY_END = pa.array([one.door_eindresultaat for one in AFBEELDING])


def outcomes(history: pa.Table) -> pa.Table:
    """What the partner may know of each signaal in `history` (HISTORY) by now: UITKOMST, one row per signaal.

    uitkomst_datum is never before the day of delivery: a status that is older is about another signaal at the address.
    """
    told = history.sort_by(
        [(name, "ascending") for name in ("signaal_nr", "status_datum", "aanlevering_nr", "regelnr")]
    )
    nr = np.asarray(told["signaal_nr"], np.int64)
    newest = told.take(pa.array(np.flatnonzero(np.append(nr[1:] != nr[:-1], True)[: len(nr)])))
    pair = pc.binary_join_element_wise(newest["status"], newest["eindresultaat"].fill_null(""), "\n")
    at = pc.index_in(pair, value_set=_PAIRS).combine_chunks()
    uitkomst = pc.if_else(newest["al_bekend"].combine_chunks(), _OPEN.take(at), _CLOSED.take(at))
    datum = pc.if_else(
        _BY_END.take(at), newest["eindresultaat_datum"].combine_chunks(), newest["status_datum"].combine_chunks()
    )
    opschorten = pc.is_in(uitkomst, value_set=pa.array(MET_OPSCHORTING))
    columns = [
        newest["signaal_nr"],
        uitkomst,
        pc.max_element_wise(datum, newest["doorgezet_op"].combine_chunks()),
        pc.if_else(opschorten, _suspended(told, nr), None),
    ]
    return pa.Table.from_arrays(columns, schema=UITKOMST)


def changed(now: pa.Table, told: pa.Table) -> pa.Table:
    """The rows of `now` (UITKOMST) that say something else than the partner was last told (`told`, UITKOMST).

    A date alone is no news: told again, it would show that behind an uitkomst something changed that must stay unsaid.
    """
    place = pc.index_in(now["signaal_nr"], value_set=told["signaal_nr"].combine_chunks()).combine_chunks()
    before = told["uitkomst"].combine_chunks().take(place).fill_null("")
    until, was = now["opschorten_tot"].combine_chunks(), told["opschorten_tot"].combine_chunks().take(place)
    same = pc.and_(pc.equal(now["uitkomst"], before), pc.equal(_days(until), _days(was)))
    return now.filter(pc.invert(same))


def uitkomst_lines(to: Answered, rows: pa.Table) -> pa.Table:
    """REGEL lines, in the order of `rows`: UITKOMST with signaal_id, bestand and sha256 (of the partner's file),
    bestemming (gemeentecode of the batch) and uitvoerder (its name)."""
    nr, codes = rows["signaal_nr"].combine_chunks(), rows["bestemming"].combine_chunks()
    regelnr = pc.bit_wise_and(nr, pa.scalar(0xFFFFFF, pa.int64()))
    return tm1(
        to,
        "UITKOMST",
        "REGEL",
        rows.num_rows,
        {
            "bestand": rows["bestand"].combine_chunks(),
            "bestand_sha256": rows["sha256"].combine_chunks(),
            "regelnr": regelnr.cast(pa.string()),
            "signaal_id": rows["signaal_id"].combine_chunks(),
            "signaal_ref": signaal_ref(nr),
            "staat": "DOORGEZET",
            "reden_nr": "0",
            "gemeentecode": codes,
            "gemeente": gemeenten.names(codes),
            "uitvoerder": rows["uitvoerder"].combine_chunks(),
            "uitkomst": rows["uitkomst"].combine_chunks(),
            "uitkomst_datum": rows["uitkomst_datum"].combine_chunks().cast(pa.string()),
            "opschorten_tot": rows["opschorten_tot"].combine_chunks().cast(pa.string()),
        },
    )


def uitkomst_bestand(to: Answered) -> pa.Table:
    """The BESTAND line that closes an UITKOMST."""
    return tm1(to, "UITKOMST", "BESTAND", 1, {"reden_nr": "0"})


def _suspended(told: pa.Table, nr: npt.NDArray[np.int64]) -> pa.Date32Array:
    """Per signaal the last day of the opschorting: counted from the day that we first received that help was accepted,
    since it was last said that it was not. Null where it was not, or nothing was said of it."""
    signals, group = np.unique(nr, return_inverse=True)
    said = np.asarray(told["hulp_geaccepteerd"].is_valid())
    yes = np.asarray(told["hulp_geaccepteerd"].fill_null(False))
    place = np.arange(len(nr))
    last_no = np.full(len(signals), -1)
    np.maximum.at(last_no, group[said & ~yes], place[said & ~yes])
    counts = yes & (place > last_no[group])
    received = np.asarray(told["ontvangen_op"].combine_chunks().cast(pa.int32()), np.int32)
    never = np.iinfo(np.int32).max
    first = np.full(len(signals), never, np.int32)
    np.minimum.at(first, group[counts], received[counts])
    none = first == never
    until = np.where(none, 0, first) + np.int32(OPSCHORTEN_DAGEN)
    return pa.array(until.astype(np.int32), mask=none).cast(pa.date32())


def _days(column: pa.Date32Array) -> pa.Int32Array:
    return column.cast(pa.int32()).fill_null(0)
