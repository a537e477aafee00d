"""What a night froze: the rows of its batches, read back from the work store, and what came before at their addresses.

A night is never held in memory as a whole: batches are read in portions, and of what came before only the numbers of
tonight's addresses are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import BalanceFault
from exchange.register import signalen, states
from exchange.register.tables import aanlevering, batch, partij, signaal, uitzondering
from transforms.batch import READ
from transforms.dates import six_months_before
from transforms.meldingen import EARLIER

#: Rows read and worked on at once; a larger batch is larger.
PORTION = 50_000


@dataclass(frozen=True)
class Frozen:
    """Frozen batches that are not built yet, the partijen in them per (aanlevering, poging), and rows taken out."""

    batches: Sequence[sa.Row[Any]]
    partijen: dict[tuple[int, int], list[sa.Row[Any]]]
    taken_out: pa.Array


def frozen(exchange: Exchange, night: date, codes: Sequence[str], without: Collection[str]) -> Frozen:
    """What is still to be built of `night` for these gemeentecodes, without these uitvoerders (ids)."""
    wanted = (
        sa.select(batch)
        .where(batch.c.nacht == night, batch.c.gemeentecode.in_(codes), batch.c.staat == states.Batch.BEVROREN)
        .where(batch.c.uitvoerder.not_in(list(without)))
        .order_by(batch.c.gemeentecode, batch.c.id)
    )
    partijen: dict[tuple[int, int], list[sa.Row[Any]]] = defaultdict(list)
    with exchange.register.connect() as db:
        batches = db.execute(wanted).all()
        ids = [row.id for row in batches]
        parts = sa.select(partij, aanlevering.c.poging).join(aanlevering).where(partij.c.batch_id.in_(ids))
        for row in db.execute(parts.order_by(partij.c.aanlevering_nr)):
            partijen[row.aanlevering_nr, row.poging].append(row)
        gone = sa.select(uitzondering.c.signaal_nr).join(partij).where(partij.c.batch_id.in_(ids))
        return Frozen(batches, partijen, pa.array(db.scalars(gone), pa.int64()))


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


def rows(exchange: Exchange, night: Frozen, lot: Sequence[sa.Row[Any]]) -> pa.Table:
    """The accepted rows of some batches, with `batch_id` (int64) and the gemeentecode they go to.

    Raises BalanceFault when a batch has not exactly the rows that were frozen: then nothing of it goes out.
    """
    code_of = {row.id: row.gemeentecode for row in lot}
    pieces = []
    for (nr, generation), partijen in night.partijen.items():
        members = [row for row in partijen if row.batch_id in code_of]
        if not members:
            continue
        places = pa.array([f"{row.gemeentecode}|{row.sector}" for row in members])
        ids = pa.array([row.batch_id for row in members], pa.int64())
        codes = pa.array([code_of[row.batch_id] for row in members], pa.string())  # perhaps a successor gemeente
        for read in exchange.work.read(nr, generation, {row.gemeentecode for row in members}, READ):
            place = pc.index_in(
                pc.binary_join_element_wise(read["gemeentecode"], read["sector"], "|"), value_set=places
            )
            kept = pc.and_(pc.is_valid(place), pc.invert(pc.is_in(read["nr"], value_set=night.taken_out)))
            piece, place = read.filter(kept), place.filter(kept)
            at = piece.column_names.index("gemeentecode")
            pieces.append(
                piece.set_column(at, "gemeentecode", codes.take(place)).append_column("batch_id", ids.take(place))
            )
    found = pa.concat_tables(pieces)
    _prove(lot, found)
    return found


def earlier(exchange: Exchange, night: Frozen, date_: date, codes: Sequence[str]) -> pa.Table:
    """Signals of the past six months (`transforms.meldingen.EARLIER`) at tonight's addresses, and those that tonight's
    rows replace; without tonight's own."""
    own = _numbers(exchange, night)
    nrs, replaced = own["nr"], own["vervangt_nr"].drop_null()
    addresses = pc.unique(own["adres_hash"].drop_null())
    blocks = [EARLIER.empty_table()]
    with exchange.register.connect() as db:
        for block in signalen.stream(db, _before(night, date_, codes), EARLIER):
            concerns = pc.or_(
                pc.is_in(block["adres_hash"], value_set=addresses), pc.is_in(block["nr"], value_set=replaced)
            )
            blocks.append(block.filter(pc.and_(concerns, pc.invert(pc.is_in(block["nr"], value_set=nrs)))))
    return pa.concat_tables(blocks)


def _before(night: Frozen, date_: date, codes: Sequence[str]) -> sa.Select[Any]:
    """Everything accepted for these gemeenten, less the files that go out tonight as a whole."""
    tonight = sa.case((batch.c.nacht == date_, 1), else_=0)
    whole = (
        sa.select(partij.c.aanlevering_nr)
        .join(batch, batch.c.id == partij.c.batch_id, isouter=True)
        .group_by(partij.c.aanlevering_nr)
        .having(sa.func.sum(tonight) == sa.func.count())
    )
    last = max(nr for nr, _ in night.partijen)
    return (
        sa.select(
            signaal.c.adres_hash,
            signaal.c.ontvangen_op,
            signaal.c.nr,
            signaal.c.soort,
            aanlevering.c.partner,
            signaal.c.bedrag_cent,
        )
        .select_from(signaal)
        .join(aanlevering, aanlevering.c.nr == signaal.c.nr.op(">>")(sa.literal_column("24")))
        .where(
            signaal.c.gemeentecode.in_(codes),
            signaal.c.ontvangen_op >= six_months_before(date_),
            signaal.c.adres_hash.is_not(None),
            aanlevering.c.nr <= last,
            aanlevering.c.nr.not_in(whole),
            signaal.c.nr.not_in(sa.select(uitzondering.c.signaal_nr)),
        )
    )


def _numbers(exchange: Exchange, night: Frozen) -> pa.Table:
    """nr, adres_hash and vervangt_nr of all rows (those of other batches of the same gemeente too)."""
    columns = ["nr", "adres_hash", "vervangt_nr", "gemeentecode"]
    return pa.concat_tables(
        piece.drop_columns(["gemeentecode"])
        for (nr, generation), partijen in night.partijen.items()
        for piece in exchange.work.read(nr, generation, {row.gemeentecode for row in partijen}, columns)
    )


def _prove(lot: Sequence[sa.Row[Any]], found: pa.Table) -> None:
    counted = found.group_by("batch_id").aggregate([("batch_id", "count")])
    rows_of = dict(zip(counted["batch_id"].to_pylist(), counted["batch_id_count"].to_pylist(), strict=True))
    wrong = {row.id: rows_of.get(row.id, 0) - row.regels for row in lot if rows_of.get(row.id, 0) != row.regels}
    if wrong:
        raise BalanceFault({f"batch {id}": difference for id, difference in wrong.items()})
