"""Signals at one address: grouped across partners, counted, compared with earlier ones and put in order.

Definitions are those of the Divosa monitor: *meervoudig* is two or more signals at the same address in the same
calendar month, *opeenvolgend* an earlier signal at the same address in the past six months. *Herhaalde melding* is the
DDAS one: the same partner, the amount not higher. An address is not proof of one household.

What counts: an INTREKKING does not; a signal that is replaced by another of the same night counts once; a warme
overdracht counts for the address, but not for matching (it is no vroegsignaal).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms import dates

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

#: Earlier signals, one row each. `adres_hash` and `ontvangen_op` are required; what the others are not given for, is
#: left out (soort: all count; nr: no update is recognised; partner, bedrag_cent: no herhaalde melding). `vervallen` (1)
#: is what its partner replaced or withdrew since: it counts, but nothing repeats it unless it names it.
EARLIER = pa.schema(
    [
        ("adres_hash", pa.int64()),
        ("ontvangen_op", pa.date32()),
        ("nr", pa.int64()),
        ("soort", pa.string()),
        ("partner", pa.string()),
        ("bedrag_cent", pa.int64()),
        ("vervallen", pa.int8()),
    ]
)

_NO_GROUNDS = ("", "BEDREIGENDE_SITUATIE", "WARME_OVERDRACHT", "INSTELLING")


@dataclass(frozen=True)
class Meldingen:
    """Per row (as given, not ordered) what its address and its history say; `order` puts the rows in delivery order."""

    order: Numbers
    ground: npt.NDArray[np.int8]  #: index in GROUNDS; 0 is not urgent
    aantal: Numbers
    totaal_cent: Numbers
    meervoudig: Mask
    eerdere: Numbers
    herhaald: Mask
    vorig_nr: pa.Int64Array  #: null: no earlier signal of this partner is known
    vorig_cent: pa.Int64Array  #: its amount


GROUNDS = pa.array(_NO_GROUNDS)


def group(
    rows: pa.Table,
    *,
    night: date,
    urgent_soorten: Mapping[int, Collection[str]],
    earlier: pa.Table | None,
) -> Meldingen:
    """Group and compare `rows`: batch_id, nr, vervangt_nr, adres_hash, bedrag_cent, melding (int64), soort, partner,
    postcode (strings), huisnummer (int32), bedreigende_situatie (bool), ontvangen_op (timestamp UTC).

    urgent_soorten: per batch_id the kinds that its uitvoerder set as urgent. earlier: see EARLIER.
    """
    count = rows.num_rows
    batch, nr = _ints(rows["batch_id"]), _ints(rows["nr"])
    soort = Kinds(rows["soort"])
    ground = grounds(soort, rows["bedreigende_situatie"], batch, urgent_soorten)
    members = _groups(batch, rows["melding"])
    size = int(members.max()) + 1 if count else 0

    replaced = np.isin(nr, _ints(rows["vervangt_nr"].drop_null()))
    counted = ~soort.among("INTREKKING") & ~replaced
    amounts = np.where(counted, _ints(rows["bedrag_cent"].fill_null(0)), 0)
    total = np.zeros(size, np.int64)
    np.add.at(total, members, amounts)

    history = _History(rows, earlier, night)
    month = _months(dates.local_dates(rows["ontvangen_op"]))
    vroeg = counted & ~soort.among("WARME_OVERDRACHT")
    together = _count_per(members, month, vroeg) + history.in_month(month)
    previous_nr, previous = history.previous(soort)
    amount = _ints(rows["bedrag_cent"].fill_null(0))
    known = np.asarray(previous.is_valid())
    return Meldingen(
        order=_order(rows, batch, members, ground, nr),
        ground=ground,
        aantal=np.bincount(members, counted, size).astype(np.int64)[members],
        totaal_cent=total[members],
        meervoudig=together >= 2,
        eerdere=history.count(),
        herhaald=known & (amount <= _ints(previous.fill_null(0))) & soort.among("VROEG", "ACTUALISATIE"),
        vorig_nr=previous_nr,
        vorig_cent=previous,
    )


class Kinds:
    """The soort of each row, looked up by name."""

    def __init__(self, soort: pa.ChunkedArray | pa.Array) -> None:
        encoded = text(soort).dictionary_encode()
        self.names: list[str] = encoded.dictionary.to_pylist()
        self.index = _ints(encoded.indices.fill_null(-1))

    def among(self, *names: str) -> Mask:
        """Which rows are of one of these kinds."""
        return np.isin(self.index, [at for at, name in enumerate(self.names) if name in names])


def grounds(
    soort: Kinds, bedreigend: pa.ChunkedArray | pa.Array, where: Numbers, urgent_soorten: Mapping[int, Collection[str]]
) -> npt.NDArray[np.int8]:
    """The first ground for urgency that holds (place in GROUNDS); only explicit ones do, and never for an INTREKKING.

    where: per row the key in `urgent_soorten` of the uitvoerder that it goes to.
    """
    ground = np.zeros(len(where), np.int8)
    for id, kinds in urgent_soorten.items():
        ground[(where == id) & soort.among(*kinds)] = 3
    ground[soort.among("WARME_OVERDRACHT")] = 2
    ground[np.asarray(bedreigend.fill_null(False))] = 1
    ground[soort.among("INTREKKING")] = 0
    return ground


def _groups(batch: Numbers, melding: pa.ChunkedArray) -> Numbers:
    """A number per (batch, melding); a row without address (INTREKKING) is a group of its own."""
    indices = _chunk(melding).dictionary_encode().indices
    codes = _ints(indices.fill_null(0))
    alone = np.asarray(indices.is_null())
    codes[alone] = len(codes) + np.flatnonzero(alone)
    _, batches = np.unique(batch, return_inverse=True)
    _, members = np.unique(codes * (int(batches.max(initial=0)) + 1) + batches, return_inverse=True)
    numbers: Numbers = members.astype(np.int64)
    return numbers


def _order(rows: pa.Table, batch: Numbers, members: Numbers, ground: npt.NDArray[np.int8], nr: Numbers) -> Numbers:
    """Per batch: addresses with an urgent signal first, then by postcode and huisnummer; an address's rows together,
    the urgent ones on top, and the oldest signal first. A total order: the same rows always come out the same way."""
    size = int(members.max(initial=-1)) + 1
    urgent = ground > 0
    calm = np.ones(size, bool)
    calm[members[urgent]] = False
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, members, nr)
    address = np.zeros(size, np.int64)
    address[members] = _postcodes(rows["postcode"]) * 100_000 + _ints(rows["huisnummer"].fill_null(0))
    _, batches = np.unique(batch, return_inverse=True)
    place = (batches * 2 + calm[members]) << 41 | address[members]
    order: Numbers = np.lexsort((nr, ~urgent, first[members], place))
    return order


def _postcodes(postcode: pa.ChunkedArray) -> Numbers:
    """Postcodes as numbers in their own order; what has not six characters comes last."""
    values = pc.utf8_upper(pc.replace_substring(text(postcode), " ", ""))
    whole = np.asarray(pc.fill_null(pc.equal(pc.binary_length(values), 6), False))
    numbers = np.full(len(values), 10_000 * 26 * 26 * 2, np.int64)
    known = values.filter(pa.array(whole))
    if len(known):
        characters = np.frombuffer(known.buffers()[2], np.uint8)[: 6 * len(known)].reshape(-1, 6).astype(np.int64)
        digits = (characters[:, :4] - ord("0")) @ np.array([1000, 100, 10, 1])
        numbers[whole] = digits * 676 + (characters[:, 4] - ord("A")) * 26 + characters[:, 5] - ord("A")
    return numbers


def _months(days: pa.Date32Array) -> Numbers:
    """Calendar months as numbers."""
    return np.asarray(days.fill_null(date(1970, 1, 1))).astype("datetime64[M]").astype(np.int64)


def _count_per(members: Numbers, month: Numbers, mask: Mask) -> Numbers:
    """Per row: how many rows of `mask` share its group and month."""
    span = int(month.max(initial=0)) + 1
    keys, place = np.unique(members * span + month, return_inverse=True)
    counts: Numbers = np.bincount(place, mask, len(keys)).astype(np.int64)[place]
    return counts


class _History:
    """The earlier signals of the past six months at each row's address."""

    def __init__(self, rows: pa.Table, earlier: pa.Table | None, night: date) -> None:
        self._rows = rows
        table = _complete(earlier if earlier is not None else EARLIER.empty_table())
        since = pa.scalar(dates.six_months_before(night), pa.date32())
        kept = pc.and_(
            pc.and_(pc.is_valid(table["adres_hash"]), pc.greater_equal(table["ontvangen_op"], since)),
            pc.and_(
                pc.fill_null(pc.not_equal(table["soort"], "INTREKKING"), True),
                pc.invert(pc.fill_null(pc.is_in(table["nr"], value_set=_chunk(rows["nr"])), False)),
            ),
        )
        table = table.filter(kept)
        order = np.lexsort((_ints(table["nr"].fill_null(0)), np.asarray(table["ontvangen_op"]), _hash(table)))
        self._table = table.take(pa.array(order))
        self._hash = _hash(self._table)
        address = _ints(rows["adres_hash"].fill_null(0))
        self._known = np.asarray(rows["adres_hash"].is_valid())
        # Looked up once per address and in order: far quicker than row by row through a long table.
        self._distinct, self._place = np.unique(address, return_inverse=True)

    def count(self) -> Numbers:
        """Earlier signals at the address of each row."""
        return self._between(self._hash)

    def in_month(self, month: Numbers) -> Numbers:
        """Earlier vroegsignalen in the row's calendar month, less those that were updated or withdrawn: an update is
        not a second signal."""
        updated = pc.is_in(self._table["nr"], value_set=_chunk(self._rows["vervangt_nr"].drop_null()))
        warm = pc.fill_null(pc.equal(self._table["soort"], "WARME_OVERDRACHT"), False)
        lapsed = pc.fill_null(pc.equal(self._table["vervallen"], 1), False)
        counts = ~np.asarray(pc.fill_null(updated, False)) & ~np.asarray(warm) & ~np.asarray(lapsed)
        months = _months(_chunk(self._table["ontvangen_op"]))
        found = np.zeros(len(month), np.int64)
        for one in np.unique(month):
            here = np.where(month == one, self._between(self._hash[counts & (months == one)]), 0)
            found += here
        return found

    def previous(self, soort: Kinds) -> tuple[pa.Int64Array, pa.Int64Array]:
        """nr and amount of the signal before: the one that the row names, else the partner's last one at the address.

        Where a partner reports more than one signal at an address tonight, nobody can say which of them the last one
        belongs to (a house with several customers): then only a named one counts.
        """
        named = pc.index_in(self._rows["vervangt_nr"], value_set=_chunk(self._table["nr"]))
        named = _chunk(pc.if_else(pc.is_valid(self._rows["vervangt_nr"]), named, None))
        mine = np.flatnonzero(self.count() > 0)
        address = self._distinct[self._place[mine]]
        names = text(self._rows["partner"]).take(pa.array(mine))
        partners = pc.unique(names)
        wanted = _pair(address, _ints(pc.index_in(names, value_set=partners)))
        stands = _chunk(pc.not_equal(self._table["vervallen"].fill_null(0), 1))
        reporting = pc.if_else(stands, text(self._table["partner"]), None)
        theirs = _pair(self._hash, _ints(pc.index_in(reporting, value_set=partners).fill_null(-1)))
        order = np.argsort(theirs, kind="stable")
        last = np.searchsorted(theirs[order], wanted, side="right") - 1
        _, place, often = np.unique(wanted, return_inverse=True, return_counts=True)
        alone = (often[place] == 1) & ~soort.among("INTREKKING")[mine] & (last >= 0)
        mine, wanted, last = mine[alone], wanted[alone], order[last[alone]]
        same = theirs[last] == wanted
        at = np.full(len(self._known), -1)
        at[mine[same]] = last[same]
        at = np.where(np.asarray(named.is_valid()), _ints(named.fill_null(0)), at)
        places = pa.array(at, mask=at < 0)
        return _chunk(self._table["nr"]).take(places), _chunk(self._table["bedrag_cent"]).take(places)

    def _between(self, hashes: Numbers) -> Numbers:
        """How many of `hashes` (sorted) are at each row's address."""
        right = np.searchsorted(hashes, self._distinct, side="right")
        often = right - np.searchsorted(hashes, self._distinct, side="left")
        counts: Numbers = np.where(self._known, often[self._place], 0)
        return counts


def _complete(earlier: pa.Table) -> pa.Table:
    """`earlier` with every column of EARLIER, null where it was not given."""
    given = [
        _chunk(earlier[field.name]).cast(field.type)
        if field.name in earlier.column_names
        else pa.nulls(earlier.num_rows, field.type)
        for field in EARLIER
    ]
    return pa.Table.from_arrays(given, schema=EARLIER)


def _pair(address: Numbers, partner: Numbers) -> Numbers:
    """Address and partner in one number; wraps around like a hash does."""
    with np.errstate(over="ignore"):
        mixed: Numbers = (address ^ (address >> 29)) * np.int64(-7046029254386353131) + partner
    return mixed


def _hash(table: pa.Table) -> Numbers:
    return _ints(table["adres_hash"])


def _ints(column: pa.Array | pa.ChunkedArray) -> Numbers:
    numbers: Numbers = np.asarray(column).astype(np.int64)
    return numbers


def _chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def text(column: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """The column as one plain string array; empty text is null."""
    array = _chunk(column)
    plain = array if array.type == pa.string() else array.cast(pa.string())
    return pc.if_else(pc.equal(plain, ""), None, plain)
