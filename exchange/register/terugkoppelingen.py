"""Terugkoppeling in the register: which signals a reference is about, what is known of them, and what is still to tell.

A reference counts only for the uitvoerder in whose batch the signaal was published. Everything is asked per block or
per partner and comes back in columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.register import outbox, signalen, states, vervolg
from exchange.register.states import PUBLISHED
from exchange.register.tables import (
    aanlevering,
    aanlevering_of,
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
from transforms.dates import six_months_before
from transforms.uitkomst import HISTORY, UITKOMST

Numbers = npt.NDArray[np.int64]

#: The newest of each signaal: signaal_nr and VERTELD.
HUIDIG = pa.schema([("signaal_nr", pa.int64()), *((name, TYPED.field(name).type) for name in VERTELD)])
#: Signals of a melding.
MELDINGEN = pa.schema([("melding", pa.int64()), ("nr", pa.int64())])
#: Of a signaal what its partner calls it, and in which batch it is.
FACTS = pa.schema([("signaal_nr", pa.int64()), ("signaal_id", pa.string()), ("batch_id", pa.int64())])

_STILL_THERE = sa.not_(sa.exists().where(uitzondering.c.signaal_nr == signaal.c.nr))
_OWN = aanlevering_of(terugkoppeling.c.signaal_nr)
#: Zendingen whose signals an uitvoerder may have: it shows so itself when it tells about one.
_MAY_HAVE = (*PUBLISHED, states.Zending.ONZEKER)


def delivered(db: sa.Connection, uitvoerder: str, nrs: Sequence[int]) -> Numbers:
    """Those of `nrs` that were published in a batch to this uitvoerder, or of which that is doubtful."""
    found = facts(db, nrs)
    batches = pc.unique(found["batch_id"]).drop_null().to_pylist()
    theirs = (
        sa.select(batch.c.id)
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(batch.c.id.in_(batches), batch.c.uitvoerder == uitvoerder, zending.c.staat.in_(_MAY_HAVE))
    )
    mine = pc.is_in(found["batch_id"], value_set=pa.array(db.scalars(theirs).all(), pa.int64()))
    return np.asarray(found["signaal_nr"].filter(mine), np.int64)


def of_meldingen(db: sa.Connection, uitvoerder: str, bits: Numbers) -> pa.Table:
    """The signals of these meldingen (`transforms.identity.melding_bits`) that this uitvoerder has: MELDINGEN.

    Of each melding what came in the six months up to its newest signal (layout BAT1: melding_nr): what came before may
    be about who lived there earlier. A look through what it was ever delivered, once per block of a file that quotes
    meldingen.
    """
    if not len(bits):
        return MELDINGEN.empty_table()
    query = (
        sa.select(signaal.c.melding, signaal.c.nr, signaal.c.ontvangen_op)
        .select_from(signaal)
        .join(partij, vervolg.of(signaal, partij))
        .join(batch, batch.c.id == partij.c.batch_id)
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(
            _STILL_THERE,
            batch.c.uitvoerder == uitvoerder,
            zending.c.staat.in_(_MAY_HAVE),
            signaal.c.melding.is_not(None),
        )
    )
    wanted, read = pa.array(bits), MELDINGEN.append(pa.field("ontvangen_op", pa.date32()))
    blocks = (block.filter(pc.is_in(block["melding"], value_set=wanted)) for block in signalen.stream(db, query, read))
    found = pa.concat_tables([read.empty_table(), *blocks])
    newest = found.group_by("melding").aggregate([("ontvangen_op", "max")])
    since = pa.array([six_months_before(day) for day in newest["ontvangen_op_max"].to_pylist()], pa.date32())
    since = since.take(pc.index_in(found["melding"], value_set=newest["melding"].combine_chunks()).combine_chunks())
    return found.filter(pc.greater_equal(found["ontvangen_op"].combine_chunks(), since)).select(MELDINGEN.names)


def settle(db: sa.Connection, nr: int, nu: datetime) -> None:
    """Whoever tells about a signaal, has it: what was ONZEKER of the zendingen that the terugkoppeling `nr` is about,
    was collected. Raises StateConflict where a beheerder had one sent again meanwhile: then it must be judged anew."""
    query = (
        sa.select(zending.c.id)
        .select_from(terugkoppeling)
        .join(signaal, signaal.c.nr == terugkoppeling.c.signaal_nr)
        .join(partij, vervolg.of(signaal, partij))
        .join(batch, batch.c.id == partij.c.batch_id)
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(terugkoppeling.c.aanlevering_nr == nr, zending.c.staat.not_in(PUBLISHED))
        .distinct()
    )
    # of anything but ONZEKER it says that it cannot become so
    outbox.move(db, [row.id for row in db.execute(query)], states.Zending.OPGEHAALD, nu)


def newest(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """What counts of each of these signals, where anything was told: HUIDIG."""
    if not nrs:
        return HUIDIG.empty_table()
    every = terugkoppeling.c
    order = (every.status_datum.desc(), every.aanlevering_nr.desc(), every.regelnr.desc())
    place = sa.func.row_number().over(partition_by=every.signaal_nr, order_by=order).label("place")
    ranked = sa.select(terugkoppeling, place).where(_among(db, every.signaal_nr, nrs)).subquery()
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
    kept = pa.schema([field for field in HISTORY if field.name in terugkoppeling.c])
    columns = [terugkoppeling.c[name] for name in kept.names]
    return _table(db, sa.select(*columns).where(_among(db, terugkoppeling.c.signaal_nr, nrs)), kept)


def facts(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """FACTS of those of these signals that exist and still go with their partij, by nr.

    Which batches count is for the caller to ask: a join with them, and the planner begins at that end.
    """
    if not nrs:
        return FACTS.empty_table()
    query = (
        sa.select(signaal.c.nr, signaal.c.signaal_id, partij.c.batch_id)
        .select_from(signaal)
        .join(partij, vervolg.of(signaal, partij))
        .where(_among(db, signaal.c.nr, nrs), _STILL_THERE)
    )
    return _table(db, query.order_by(signaal.c.nr), FACTS)


def told(db: sa.Connection, nrs: Sequence[int]) -> pa.Table:
    """What their partner was last told about these signals: UITKOMST."""
    place = sa.func.row_number().over(partition_by=uitkomst.c.signaal_nr, order_by=uitkomst.c.zending_id.desc())
    ranked = sa.select(uitkomst, place.label("place")).where(_among(db, uitkomst.c.signaal_nr, nrs)).subquery()
    return _table(db, sa.select(*(ranked.c[name] for name in UITKOMST.names)).where(ranked.c.place == 1), UITKOMST)


def _among(db: sa.Connection, column: sa.ColumnElement[int], numbers: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether a column of the index is one of `numbers`: one value, however many they are."""
    listed = ",".join(map(str, numbers))
    if db.dialect.name == "postgresql":
        return column == sa.any_(sa.cast(sa.literal(f"{{{listed}}}", sa.Text), sa.ARRAY(sa.BigInteger)))
    return column.in_(sa.select(sa.func.json_each(f"[{listed}]").table_valued("value").c.value))


def _table(db: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *signalen.stream(db, query, schema)])
