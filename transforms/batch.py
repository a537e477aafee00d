"""From accepted rows of many partners to BAT1, one table per gemeente's batch, and to the manifest MAN1.

What a night's addresses say is worked out once for all rows of a shard; the text is made per some ten thousand rows, so
that memory holds the rows once and their text never all at the same time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import batch as bat1
from schemas import gemeenten
from schemas import manifest as man1
from transforms import dates
from transforms.csvbytes import constant
from transforms.identity import melding_nr, signaal_ref
from transforms.meldingen import GROUNDS, Meldingen, group, text
from transforms.verdict import ACCEPTED

#: What of the accepted rows a batch is made from.
READ = [
    name
    for name in ACCEPTED.names
    if name in bat1.COLUMNS or name in ("nr", "vervangt_nr", "adres_hash", "melding", "bedreigende_situatie")
]

#: A batch without rows.
EMPTY = pa.table({name: pa.array([], pa.string()) for name in bat1.COLUMNS})

_CENTS = pa.array([f",{cent:02d}" for cent in range(100)])


def build_batches(
    rows: pa.Table,
    *,
    night: date,
    geleverd_op: datetime,
    bestand: Mapping[int, str],
    partner_names: Mapping[str, str],
    earlier: pa.Table | None,
    terugkoppeling_dagen: int,
    urgent_soorten: Mapping[int, Collection[str]] | None = None,
    ongemarkeerd: Mapping[int, Collection[str]] | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """Yield (batch_id, BAT1 table of text columns), in the order of batch_id. Batches without rows do not occur.

    rows: the columns READ of accepted rows, their gemeentecode that of tonight, and batch_id (int64).
    night: Amsterdam date. geleverd_op: aware. bestand: file name per batch_id. earlier: see `meldingen.EARLIER`.
    urgent_soorten: per batch_id the kinds that its uitvoerder set as urgent. ongemarkeerd: per batch_id the
    sectors of which the gemeente wants repeats as any other signal. The same rows give the same tables.
    """
    if not rows.num_rows:
        return
    found = group(rows, night=night, urgent_soorten=urgent_soorten or {}, earlier=earlier)
    marked = _marked(rows, ongemarkeerd or {})[found.order]
    batch = np.asarray(rows["batch_id"])[found.order]
    starts = np.append(np.flatnonzero(np.diff(batch, prepend=batch[0] - 1)), len(batch))
    night_text = {
        "geleverd_op": dates.instant_text(geleverd_op),
        "terugkoppeling_voor": str(night + timedelta(days=terugkoppeling_dagen)),
    }
    rows = rows.combine_chunks()
    volgorde = np.arange(1, len(batch) + 1) - np.repeat(starts[:-1], np.diff(starts))
    table = _text(rows.take(pa.array(found.order)), found, marked, volgorde, partner_names, night_text)
    for first, end in itertools.pairwise(starts):
        yield int(batch[first]), _named(table.slice(first, end - first), bestand[int(batch[first])])


def counts(table: pa.Table) -> dict[str, int]:
    """meldingen (distinct addresses) and urgent (rows) of a BAT1 table."""
    nummers = text(table["melding_nr"])
    return {
        "meldingen": int(pc.count_distinct(nummers, mode="only_valid").as_py()),
        "urgent": int(pc.sum(pc.equal(table["urgent"], "J")).as_py() or 0),
    }


def manifest(uitvoerder: str, night: date, served: Sequence[str], batches: Sequence[Mapping[str, Any]]) -> pa.Table:
    """MAN1: a line for each gemeente in `served` and for each batch.

    batches: mappings with gemeentecode, bestand, regels, meldingen, urgent, grootte (bytes), sha256; one without regels
    is LEEG, though it has a file, and one that a beheerder had put there again (`opnieuw`) is OPNIEUW.
    """
    of = {row["gemeentecode"]: row for row in batches}
    none = {"bestand": "", "regels": 0, "meldingen": 0, "urgent": 0, "grootte": 0, "sha256": ""}
    lines = [
        {"gemeentecode": code, "staat": _staat(row), **{name: row[name] for name in none}}
        for code in sorted({*served, *of})
        for row in [of.get(code, none)]
    ]
    fixed = {"layout": man1.LAYOUT, "uitvoerder": uitvoerder, "nacht": str(night)}
    return pa.table(
        {name: pa.array([str((fixed | line)[name]) for line in lines], pa.string()) for name in man1.COLUMNS}
    )


def _staat(row: Mapping[str, Any]) -> str:
    if not row["regels"]:
        return "LEEG"
    return "OPNIEUW" if row.get("opnieuw") else "NIEUW"


def _named(table: pa.Table, bestand: str) -> pa.Table:
    """Fill in what is the same for a whole batch."""
    code = table["gemeentecode"][0].as_py()
    same = {"batch": bestand.partition(".")[0], "gemeentecode": code, "gemeente": gemeenten.name(code)}
    for name, value in same.items():
        table = table.set_column(bat1.COLUMNS.index(name), name, constant(value, table.num_rows))
    return table


def _text(
    rows: pa.Table,
    found: Meldingen,
    marked: npt.NDArray[np.bool_],
    volgorde: npt.NDArray[np.int64],
    partner_names: Mapping[str, str],
    night_text: Mapping[str, str],
) -> pa.Table:
    """BAT1 of `rows`, already in the order of `found`; `marked` says of which rows a repeat is marked."""
    order = found.order
    soort = _plain(rows["soort"])
    withdrawn = pc.equal(soort, "INTREKKING")
    ontvangen = rows["ontvangen_op"]
    ground = found.ground[order]
    targets = dates.target_dates(dates.local_dates(ontvangen), soort, pa.array(ground == 1))
    matching = pa.array(["ENKELVOUDIG", "MEERVOUDIG"]).take(pa.array(found.meervoudig[order].astype(np.int8)))
    eerdere = found.eerdere[order]
    made: dict[str, Any] = {
        "layout": constant(bat1.LAYOUT, len(order)),
        "volgorde": pa.array(volgorde).cast(pa.string()),
        "signaal_ref": signaal_ref(rows["nr"]),
        "vervangt_signaal_ref": _references(rows["vervangt_nr"]),
        "melding_nr": melding_nr(rows["melding"]),
        "soort": soort,
        "urgent": _yes_no(ground > 0),
        "urgentie_reden": GROUNDS.take(pa.array(ground)),
        "partner": _lookup(rows["partner"], partner_names),
        "naamregel": _naamregel(rows),
        "postcode": pc.utf8_upper(pc.replace_substring(_plain(rows["postcode"]), " ", "")),
        "telefoon": telephone(rows["telefoon"]),
        "telefoon_2": telephone(rows["telefoon_2"]),
        "bedrag_euro": euros(rows["bedrag_cent"]),
        "dagen_achterstand": _days_between(rows["oudste_vervaldatum"], rows["peildatum"]),
        "aantal_signalen_melding": pa.array(found.aantal[order]).cast(pa.string()),
        "totaal_bedrag_melding_euro": euros(pa.array(found.totaal_cent[order])),
        "matching": pc.if_else(withdrawn, "", matching),
        "opeenvolgend": _yes_no(eerdere > 0),
        "aantal_eerdere_signalen": pa.array(eerdere).cast(pa.string()),
        "herhaalde_melding": pc.if_else(pa.array(marked), _yes_no(found.herhaald[order]), ""),
        "vorig_bedrag_euro": euros(found.vorig_cent.take(pa.array(order))),
        "ontvangen_op": dates.instant_texts(ontvangen),
        "geleverd_op": constant(night_text["geleverd_op"], len(order)),
        "richtdatum_gesprek": targets.richtdatum_gesprek,
        "termijn_basis": targets.termijn_basis,
        "terugkoppeling_voor": pc.if_else(withdrawn, "", night_text["terugkoppeling_voor"]),
        "batch": constant("", len(order)),
        "gemeente": constant("", len(order)),
    }
    return pa.table(
        [
            column if pa.types.is_dictionary(column.type) else _plain(column)
            for column in (made[name] if name in made else rows[name] for name in bat1.COLUMNS)
        ],
        names=list(bat1.COLUMNS),
    )


def _marked(rows: pa.Table, ongemarkeerd: Mapping[int, Collection[str]]) -> npt.NDArray[np.bool_]:
    marked = np.ones(rows.num_rows, bool)
    for batch_id, sectors in ongemarkeerd.items():
        if sectors:
            here = pc.and_(pc.equal(rows["batch_id"], batch_id), pc.is_in(rows["sector"], pa.array(sorted(sectors))))
            marked &= ~np.asarray(here)
    return marked


def telephone(numbers: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """Dutch numbers as ten digits, others as + and digits; null becomes "".

    >>> telephone(pa.array(["+31 (0)6-12345678", "0612345678", "0032 470 12 34 56", None])).to_pylist()
    ['0612345678', '0612345678', '+32470123456', '']
    """
    plain = _plain(numbers)
    done = pc.or_(pc.equal(pc.binary_length(plain), 0), pc.ascii_is_decimal(plain))
    done = pc.and_(done, pc.invert(pc.starts_with(plain, "00")))
    other = pc.invert(done)
    bare = pc.replace_substring_regex(plain.filter(other), r"[^0-9+]", "")
    bare = pc.replace_substring_regex(bare, r"^00", "+")
    return pc.replace_with_mask(plain, other, pc.replace_substring_regex(bare, r"^\+310?", "0"))


def euros(cents: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """Eurocents (int64) as `123,45`; null becomes "".

    >>> euros(pa.array([12345, 5, -150, None])).to_pylist()
    ['123,45', '0,05', '-1,50', '']
    """
    array = _chunk(cents)
    absolute = np.abs(np.asarray(array.fill_null(0)))
    whole = pa.array(absolute // 100).cast(pa.string())
    sign = pc.if_else(pc.less(array.fill_null(0), 0), "-", "")
    joined = pc.binary_join_element_wise(sign, whole, _CENTS.take(pa.array(absolute % 100)), "")
    return pc.if_else(array.is_valid(), joined, "")


def _naamregel(rows: pa.Table) -> pa.StringArray:
    """Voorletters, voorvoegsel and achternaam on one line, as on an envelope; "" where there is none of them."""
    *before, last = (text(rows[name]) for name in ("voorletters", "voorvoegsel", "achternaam"))
    # Arrow leaves out the rows in which every part is null
    nameless = functools.reduce(pc.and_, (pc.is_null(part) for part in (*before, last)))
    return pc.binary_join_element_wise(*before, pc.if_else(nameless, "", last), " ", null_handling="skip")


def _references(numbers: pa.ChunkedArray) -> pa.StringArray:
    array = _chunk(numbers)
    return pc.if_else(array.is_valid(), signaal_ref(array.fill_null(0)), "")


def _lookup(column: pa.ChunkedArray, names: Mapping[str, str]) -> pa.StringArray:
    encoded = _plain(column).dictionary_encode()
    return pa.array([names.get(id, id) for id in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _days_between(start: pa.ChunkedArray, end: pa.ChunkedArray) -> pa.StringArray:
    """Calendar days from start to end (dates); null if either is."""
    return pc.subtract(_chunk(end).cast(pa.int32()), _chunk(start).cast(pa.int32())).cast(pa.string())


def _yes_no(mask: npt.NDArray[np.bool_]) -> pa.StringArray:
    return pa.array(["N", "J"]).take(pa.array(mask.astype(np.int8)))


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """Text with "" for null."""
    array = _chunk(column)
    return (array if array.type == pa.string() else array.cast(pa.string())).fill_null("")


def _chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
