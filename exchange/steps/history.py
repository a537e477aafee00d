"""What came before at the addresses of tonight's rows, within the past six months (Divosa: opeenvolgend).

Read as a stream and kept only for these addresses. While the hash key is being replaced, earlier hashes of the same
address are translated to what the newest key makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import signalen, vervolg
from exchange.register.tables import aanlevering, aanlevering_of, batch, partij, signaal, uitzondering
from exchange.steps import frozen
from schemas import gemeenten
from transforms.dates import six_months_before
from transforms.meldingen import EARLIER

NO_DOELEN = frozen.DOELEN.empty_table()


def earlier(exchange: Exchange, night: frozen.Frozen, date_: date, codes: Sequence[str]) -> pa.Table:
    """Signals of the past six months (`transforms.meldingen.EARLIER`) at tonight's addresses, and those that tonight's
    rows replace. Only what was frozen before: what still waits, no uitvoerder has heard of."""
    same = sa.and_(batch.c.nacht == date_, batch.c.volgnr == night.batches[0].volgnr)
    first = sa.select(sa.func.min(batch.c.id)).where(same).scalar_subquery()
    not_before = sa.or_(partij.c.batch_id.is_(None), partij.c.batch_id >= first)
    with exchange.register.connect() as db:
        return history(exchange, db, night.partijen, night.doelen, date_, codes, not_before)


def history(
    exchange: Exchange,
    db: sa.Connection,
    partijen: frozen.Partijen,
    doelen: pa.Table,
    date_: date,
    codes: Sequence[str],
    absent: sa.ColumnElement[bool],
) -> pa.Table:
    """As `earlier`, for any partijen; `absent` says which partijen (in terms of `partij`) do not count."""
    addresses, replaced, renewed = _numbers(exchange, partijen, doelen)
    blocks = [EARLIER.empty_table()]
    for block in signalen.stream(db, _before(date_, codes, absent), EARLIER):
        hashes = _renewed(block["adres_hash"], renewed)
        concerns = pc.or_(pc.is_in(hashes, value_set=addresses), pc.is_in(block["nr"], value_set=replaced))
        blocks.append(frozen.set_column(block, "adres_hash", hashes).filter(concerns))
    return pa.concat_tables(blocks)


def _before(date_: date, codes: Sequence[str], absent: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """What was accepted for these gemeenten, or for those that have gone into them, and went out; `vervallen` is what
    its own partner replaced or withdrew."""
    follower, repeat = signaal.alias("volger"), uitzondering.alias("herhaling")
    followed = sa.select(follower.c.vervangt_nr).where(
        follower.c.vervangt_nr.is_not(None), follower.c.soort.in_(["ACTUALISATIE", "INTREKKING"])
    )
    # who replaces or withdraws a repeat that was not delivered, means the signal that it repeats
    meant = sa.select(repeat.c.door_signaal_nr).where(
        repeat.c.staat == "NIET_DOORGEZET", repeat.c.signaal_nr.in_(followed)
    )
    lapsed = sa.union(followed, meant).subquery()
    return (
        sa.select(
            signaal.c.adres_hash,
            signaal.c.ontvangen_op,
            signaal.c.nr,
            signaal.c.soort,
            aanlevering.c.partner,
            signaal.c.bedrag_cent,
            sa.case((lapsed.c.vervangt_nr.is_not(None), 1), else_=0),
        )
        .select_from(signaal)
        .join(aanlevering, aanlevering.c.nr == aanlevering_of(signaal.c.nr))
        .join(lapsed, lapsed.c.vervangt_nr == signaal.c.nr, isouter=True)
        .where(
            signaal.c.gemeentecode.in_(gemeenten.having_been(codes, date_)),
            signaal.c.ontvangen_op >= six_months_before(date_),
            signaal.c.adres_hash.is_not(None),
            ~sa.exists().where(vervolg.of(signaal, partij), absent),
            ~sa.exists().where(uitzondering.c.signaal_nr == signaal.c.nr),
        )
    )


def _numbers(exchange: Exchange, partijen: frozen.Partijen, doelen: pa.Table) -> tuple[pa.Array, pa.Array, pa.Table]:
    """Of all rows together: their addresses (hashes), what they replace (nrs), and while the hash key is being replaced
    the hash of each address by every earlier key (oud) and by the newest (nieuw)."""
    addresses, replaced, renewed = [], [], [_RENEWED.empty_table()]
    for file, members in partijen.items():
        for piece, _ in frozen.read(exchange, file, members, ["nr", "adres_hash", "vervangt_nr"]):
            addresses.append(_whole(piece["adres_hash"]).drop_null())
            replaced.append(_whole(frozen.pointed(piece, doelen)["vervangt_nr"]).drop_null())
            for old in exchange.hash_keys[1:]:
                pairs = pa.table([frozen.hashes(piece, old.key), piece["adres_hash"]], schema=_RENEWED).drop_null()
                renewed.append(pairs)
    every = pa.concat_tables(renewed)
    return _unique(addresses), _unique(replaced), every.group_by("oud").aggregate([("nieuw", "min")])


_RENEWED = pa.schema([("oud", pa.int64()), ("nieuw", pa.int64())])


def _renewed(hashes: pa.ChunkedArray, renewed: pa.Table) -> pa.ChunkedArray:
    """Hashes by an earlier key as the newest makes them, as far as tonight's addresses go."""
    if not renewed.num_rows:
        return hashes
    at = pc.index_in(hashes, value_set=_whole(renewed["oud"]))
    return pc.coalesce(_whole(renewed["nieuw_min"]).take(at), hashes)


def _unique(pieces: list[pa.Array]) -> pa.Array:
    return pc.unique(pa.chunked_array(pieces, pa.int64()))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
