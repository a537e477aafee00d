"""Terugkoppeling in the register: which signals a reference is about, what is known of them, and what is still to tell.

A reference counts only for the uitvoerder in whose batch the signaal was published. Everything is asked per block or
per partner and comes back in columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.register import signalen
from exchange.register.balance import PUBLISHED
from exchange.register.tables import (
    aanlevering,
    batch,
    partij,
    signaal,
    te_melden,
    terugkoppeling,
    uitkomst,
    uitzondering,
    zending,
)
from schemas.terugkoppeling import TYPED, VERTELD
from transforms import identity
from transforms.uitkomst import HISTORY, UITKOMST

Numbers = npt.NDArray[np.int64]

#: The newest of each signaal: signaal_nr and VERTELD.
HUIDIG = pa.schema([("signaal_nr", pa.int64()), *((name, TYPED.field(name).type) for name in VERTELD)])
#: Signals of a melding.
MELDINGEN = pa.schema([("melding", pa.int64()), ("nr", pa.int64())])
#: Where a delivered signaal came from and went.
FACTS = pa.schema([("signaal_nr", pa.int64()), ("signaal_id", pa.string()), ("batch_id", pa.int64())])

_KEYED = pa.schema(
    [("nr", pa.int64()), ("adres_hash", pa.int64()), ("gemeentecode", pa.string()), ("sleutel_id", pa.int64())]
)
_OWN = terugkoppeling.c.signaal_nr.op(">>")(sa.literal_column("24"))


def delivered(db: sa.Connection, uitvoerder: str, nrs: Sequence[int]) -> Numbers:
    """Those of `nrs` that were published in a batch to this uitvoerder."""
    if not nrs:
        return np.empty(0, np.int64)
    wanted = signalen.listed(db, nrs)
    query = (
        _delivered(signaal.c.nr).join(wanted, wanted.c.value == signaal.c.nr).where(batch.c.uitvoerder == uitvoerder)
    )
    return np.asarray(_table(db, query, pa.schema([("nr", pa.int64())]))["nr"], np.int64)


def of_meldingen(db: sa.Connection, uitvoerder: str, bits: Numbers, keys: Mapping[int, bytes]) -> pa.Table:
    """The signals of these meldingen (`transforms.identity.melding_bits`) that this uitvoerder has: MELDINGEN.

    A melding_nr cannot be turned back into its address, so the number of every delivered signaal is made again and
    compared: a look through the register, once per block of a file that quotes meldingen.
    """
    found = [MELDINGEN.empty_table()]
    if not len(bits):
        return found[0]
    theirs = (
        sa.select(partij.c.gemeentecode)
        .join(batch, batch.c.id == partij.c.batch_id)
        .where(batch.c.uitvoerder == uitvoerder)
        .distinct()
    )
    query = _delivered(signaal.c.nr, signaal.c.adres_hash, signaal.c.gemeentecode, signaal.c.sleutel_id).where(
        batch.c.uitvoerder == uitvoerder, signaal.c.adres_hash.is_not(None), signaal.c.gemeentecode.in_(theirs)
    )
    for block in signalen.stream(db, query, _KEYED):
        for sleutel in pc.unique(block["sleutel_id"]).to_pylist():
            rows = block.filter(pc.equal(block["sleutel_id"], sleutel))
            melding = identity.melding_bits(rows["adres_hash"], rows["gemeentecode"], keys[sleutel])
            made = pa.Table.from_arrays([melding, rows["nr"]], schema=MELDINGEN)
            found.append(made.filter(pc.is_in(made["melding"], value_set=pa.array(bits))))
    return pa.concat_tables(found)


def newest(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """What counts of each of these signals, where anything was told: HUIDIG."""
    if not nrs:
        return HUIDIG.empty_table()
    wanted, every = signalen.listed(db, nrs), terugkoppeling.c
    order = (every.status_datum.desc(), every.aanlevering_nr.desc(), every.regelnr.desc())
    place = sa.func.row_number().over(partition_by=every.signaal_nr, order_by=order).label("place")
    ranked = sa.select(terugkoppeling, place).join(wanted, wanted.c.value == every.signaal_nr).subquery()
    return _table(db, sa.select(*(ranked.c[name] for name in HUIDIG.names)).where(ranked.c.place == 1), HUIDIG)


def to_tell(db: sa.Connection, partner: str) -> list[int]:
    """The files of terugkoppeling (nr) that `partner` heard nothing of yet."""
    query = sa.select(te_melden.c.aanlevering_nr).where(te_melden.c.partner == partner, te_melden.c.gemeld_op.is_(None))
    return list(db.scalars(query.order_by(te_melden.c.aanlevering_nr)))


def mark_told(db: sa.Connection, partner: str, files: Sequence[int], nu: datetime) -> None:
    """`partner` has heard of what these files told, or need not."""
    db.execute(
        te_melden.update()
        .where(te_melden.c.partner == partner, te_melden.c.aanlevering_nr.in_(files))
        .values(gemeld_op=nu)
    )


def concerned(db: sa.Connection, partner: str, files: Sequence[int]) -> list[int]:
    """The signals (nr) of `partner` that these files are about."""
    own = aanlevering.alias("own")
    query = (
        sa.select(terugkoppeling.c.signaal_nr)
        .select_from(terugkoppeling)
        .join(own, own.c.nr == _OWN)
        .where(terugkoppeling.c.aanlevering_nr.in_(files), own.c.partner == partner)
        .distinct()
    )
    found: list[int] = _table(db, query, pa.schema([("nr", pa.int64())]))["nr"].to_pylist()
    return found


def history(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """Everything told about these signals: HISTORY, without what comes from its batch."""
    wanted = signalen.listed(db, nrs)
    kept = pa.schema([field for field in HISTORY if field.name in terugkoppeling.c])
    columns = [terugkoppeling.c[name] for name in kept.names]
    return _table(db, sa.select(*columns).join(wanted, wanted.c.value == terugkoppeling.c.signaal_nr), kept)


def facts(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """FACTS of these signals, by nr."""
    wanted = signalen.listed(db, nrs)
    query = _delivered(signaal.c.nr, signaal.c.signaal_id, batch.c.id).join(wanted, wanted.c.value == signaal.c.nr)
    return _table(db, query.order_by(signaal.c.nr), FACTS)


def told(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """What their partner was last told about these signals: UITKOMST."""
    wanted = signalen.listed(db, nrs)
    place = sa.func.row_number().over(partition_by=uitkomst.c.signaal_nr, order_by=uitkomst.c.zending_id.desc())
    ranked = sa.select(uitkomst, place.label("place")).join(wanted, wanted.c.value == uitkomst.c.signaal_nr).subquery()
    return _table(db, sa.select(*(ranked.c[name] for name in UITKOMST.names)).where(ranked.c.place == 1), UITKOMST)


def _delivered(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Signals that were published in a batch, with that batch."""
    return (
        sa.select(*columns)
        .select_from(signaal)
        .join(
            partij,
            sa.and_(
                partij.c.aanlevering_nr == signaal.c.nr.op(">>")(sa.literal_column("24")),
                partij.c.gemeentecode == signaal.c.gemeentecode,
                partij.c.sector == signaal.c.sector,
            ),
        )
        .join(batch, batch.c.id == partij.c.batch_id)
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(
            zending.c.staat.in_(PUBLISHED),
            sa.not_(sa.exists().where(uitzondering.c.signaal_nr == signaal.c.nr)),
        )
    )


def _table(db: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *signalen.stream(db, query, schema)])
