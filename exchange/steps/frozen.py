"""What a night froze: the rows of its batches, read back from the work store.

A night is never held in memory as a whole: batches are read in portions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import states, stilstand, vervolg
from exchange.register.stilstand import Onderwerp, Soort, Wrong
from exchange.register.tables import aanlevering, batch, partij, signaal, uitzondering
from transforms import identity
from transforms.batch import READ

#: An address, as `identity.normalise_address` takes it.
ADRES = ("postcode", "huisnummer", "huisletter", "toevoeging")
#: Rows read and worked on at once; a larger batch is larger.
PORTION = 50_000


@dataclass(frozen=True)
class Frozen:
    """Frozen batches that are not built yet, the partijen in them per (aanlevering, poging), rows taken out, and what
    rows point at (nr, doel) instead of the signal that they name, because that one never went out."""

    batches: Sequence[sa.Row[Any]]
    partijen: Partijen
    taken_out: pa.Array
    doelen: pa.Table


#: Partijen (id, gemeentecode, sector, spoed and what else) per (aanlevering_nr, poging).
Partijen = dict[tuple[int, int], list[sa.Row[Any]]]

#: What `vervolg.targets` gives.
DOELEN = pa.schema([("nr", pa.int64()), ("doel", pa.int64())])


def frozen(
    exchange: Exchange,
    night: date,
    codes: Sequence[str],
    volgnr: int,
    receivers: Collection[str],
    unread: Collection[int] = (),
) -> Frozen:
    """What is still to be built of `night` (1) or one of its spoed rounds (2 and up) for these gemeentecodes and these
    uitvoerders (ids); without what stands still, or holds rows of an aanlevering in `unread`."""
    lost = sa.select(partij.c.batch_id).where(partij.c.aanlevering_nr.in_(unread), partij.c.batch_id.is_not(None))
    wanted = sa.and_(
        batch.c.nacht == night,
        batch.c.volgnr == volgnr,
        batch.c.gemeentecode.in_(codes),
        batch.c.uitvoerder.in_(list(receivers)),
        batch.c.id.not_in(stilstand.standing_still(Soort.BATCH)),
        batch.c.id.not_in(lost),
    )
    return _of(exchange, wanted)


def incomplete(exchange: Exchange, ids: Sequence[int]) -> Wrong:
    """Of these batches (ids), as far as they are not built, those of which the work store does not give exactly the
    rows that were frozen."""
    found: dict[Onderwerp, Mapping[str, int]] = {}
    some = _of(exchange, batch.c.id.in_(ids))
    for lot in portions(some):
        found |= rows(exchange, some, lot).wrong
    return found


def _of(exchange: Exchange, wanted: sa.ColumnElement[bool]) -> Frozen:
    """What is not built of these batches."""
    every = sa.select(batch).where(wanted, batch.c.staat == states.Batch.BEVROREN)
    partijen: Partijen = defaultdict(list)
    with exchange.register.connect() as db:
        batches = db.execute(every.order_by(batch.c.gemeentecode, batch.c.id)).all()
        ours = partij.c.batch_id.in_([row.id for row in batches])
        parts = sa.select(partij, aanlevering.c.poging).join(aanlevering).where(ours)
        for row in db.execute(parts.order_by(partij.c.aanlevering_nr)):
            partijen[row.aanlevering_nr, row.poging].append(row)
        gone = sa.select(uitzondering.c.signaal_nr).join(partij).where(ours)
        lost = (
            sa.select(signaal.c.nr, signaal.c.vervangt_nr)
            .select_from(signaal)
            .join(uitzondering, uitzondering.c.signaal_nr == signaal.c.vervangt_nr)
            .join(partij, vervolg.of(signaal, partij))
            .where(ours)
        )
        doelen = [row._asdict() for row in db.execute(sa.select(vervolg.targets(lost)))]
        taken_out = pa.array(db.scalars(gone), pa.int64())
        return Frozen(batches, partijen, taken_out, pa.Table.from_pylist(doelen, DOELEN))


def portions(night: Frozen) -> Iterator[Sequence[sa.Row[Any]]]:
    """The batches with rows, gemeente after gemeente, in lots of at most PORTION rows or of one batch."""
    lot: list[sa.Row[Any]] = []
    for row in (one for one in night.batches if one.regels):
        if lot and sum(one.regels for one in lot) + row.regels > PORTION:
            yield lot
            lot = []
        lot.append(row)
    if lot:
        yield lot


@dataclass(frozen=True)
class Rows:
    """The accepted rows of some batches, with `batch_id` (int64) and the gemeentecode they go to; nothing of those that
    have not exactly the rows that were frozen (`wrong`)."""

    table: pa.Table
    wrong: Wrong


def rows(exchange: Exchange, night: Frozen, lot: Sequence[sa.Row[Any]]) -> Rows:
    """Read the rows of some batches, and prove that they are those that were frozen."""
    code_of = {row.id: row.gemeentecode for row in lot}
    pieces = []
    for file, partijen in night.partijen.items():
        members = [row for row in partijen if row.batch_id in code_of]
        if not members:
            continue
        ids = pa.array([row.batch_id for row in members], pa.int64())
        codes = pa.array([code_of[row.batch_id] for row in members], pa.string())  # perhaps a successor gemeente
        for piece, place in read(exchange, file, members, READ):
            tonight = set_column(pointed(piece, night.doelen), "gemeentecode", codes.take(place))
            kept = pc.invert(pc.is_in(piece["nr"], value_set=night.taken_out))
            pieces.append(tonight.append_column("batch_id", ids.take(place)).filter(kept))
    found = pa.concat_tables([pa.table({"batch_id": pa.array([], pa.int64())}), *pieces], promote_options="default")
    wrong = _wrong(lot, found)
    if wrong:
        found = found.filter(pc.invert(pc.is_in(found["batch_id"], value_set=pa.array([one.nr for one in wrong]))))
    return Rows(found, wrong)


def read(
    exchange: Exchange, file: tuple[int, int], partijen: Sequence[sa.Row[Any]], columns: Sequence[str]
) -> Iterator[tuple[pa.Table, pa.Array]]:
    """The rows of these partijen of one file (aanlevering_nr, poging), each with the place of its partij among them.

    While the hash key is being replaced, every address has the hash that the newest key makes.
    """
    keys = ("gemeentecode", "sector", "spoed")
    places = pa.array(["|".join((row.gemeentecode, row.sector, str(row.spoed).lower())) for row in partijen])
    wanted = list(dict.fromkeys((*columns, *keys, *(ADRES if len(exchange.hash_keys) > 1 else ()))))
    for piece in exchange.work.read(*file, {row.gemeentecode for row in partijen}, wanted):
        parts = (piece["gemeentecode"], piece["sector"], piece["spoed"].cast(pa.string()))
        place = pc.index_in(pc.binary_join_element_wise(*parts, "|"), value_set=places)
        mine = place.is_valid()
        yield _fresh(exchange, piece.filter(mine)), place.filter(mine)


def hashes(rows: pa.Table, key: bytes) -> pa.Array:
    """adres_hash of `rows` (ADRES) by `key`."""
    parts = (rows[name].combine_chunks() for name in ADRES)
    return identity.keyed_hash(identity.normalise_address(*parts), key, "adres")


def pointed(rows: pa.Table, doelen: pa.Table) -> pa.Table:
    """`rows` with vervangt_nr as the uitvoerder can know it."""
    if not doelen.num_rows:
        return rows
    at = pc.index_in(rows["nr"], value_set=doelen["nr"].combine_chunks())
    doel = doelen["doel"].combine_chunks().take(at.combine_chunks())
    return set_column(rows, "vervangt_nr", pc.if_else(at.is_valid(), doel, rows["vervangt_nr"]))


def set_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """`table` with other values in one column."""
    return table.set_column(table.column_names.index(name), name, values)


def _fresh(exchange: Exchange, rows: pa.Table) -> pa.Table:
    if len(exchange.hash_keys) == 1 or "adres_hash" not in rows.column_names:
        return rows
    return set_column(rows, "adres_hash", hashes(rows, exchange.hash_keys[0].key))


def _wrong(lot: Sequence[sa.Row[Any]], found: pa.Table) -> Wrong:
    counted = found.group_by("batch_id").aggregate([("batch_id", "count")])
    rows_of = dict(zip(counted["batch_id"].to_pylist(), counted["batch_id_count"].to_pylist(), strict=True))
    return {
        Onderwerp(Soort.BATCH, row.id): {"bevroren": row.regels, "gevonden": rows_of.get(row.id, 0)}
        for row in lot
        if rows_of.get(row.id, 0) != row.regels
    }
