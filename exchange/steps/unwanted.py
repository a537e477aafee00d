"""Repeats that a gemeente does not want (`herhaalde_meldingen = "niet_ontvangen"`): taken out when a batch is frozen.

Repeat as DDAS means it: the same partner, the amount not higher. Never on suspicion, because what is taken out nobody
looks at any more: only a VROEG without a ground for urgency; only after a signal of the past six months that the
uitvoerder really has, that its partner did not replace or withdraw since, and that is either named by it
(vorig_signaal_id) or of the same sector and about the same customer at the same address.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import signalen
from exchange.register.states import PUBLISHED
from exchange.register.tables import batch, partij, uitzondering, zending
from exchange.steps import frozen, history
from transforms import identity, verdict
from transforms.meldingen import Kinds, group

Members = Mapping[tuple[str, str], Sequence[sa.Row[Any]]]

#: Rows judged at once.
PORTION = 500_000
_COLUMNS = (
    *("nr", "vervangt_nr", "soort", "partner", "sector", "bedrag_cent", "bedreigende_situatie", "ontvangen_op"),
    *("adres_hash", "melding", "postcode", "huisnummer", "klantnummer", "achternaam"),
)
_TAKEN = pa.schema([("nr", pa.int64()), ("partij_id", pa.int64()), ("vorig_nr", pa.int64())])


def take_out(exchange: Exchange, db: sa.Connection, night: date, members: Members) -> Counter[int]:
    """Take the unwanted repeats among `members` (partijen per uitvoerder and gemeente) out of their partijen, in the
    transaction that freezes the others; returns how many per partij id."""
    taken: Counter[int] = Counter()
    for receiver, portion in _portions(exchange, night, members):
        found = _repeats(exchange, db, night, receiver, portion)
        if found.num_rows:
            rows = [
                {"signaal_nr": one["nr"], "partij_id": one["partij_id"], "door_signaal_nr": one["vorig_nr"]}
                for one in found.to_pylist()
            ]
            db.execute(uitzondering.insert().values(staat="NIET_DOORGEZET"), rows)
            taken.update(found["partij_id"].to_pylist())
    return taken


def _portions(exchange: Exchange, night: date, members: Members) -> Iterator[tuple[str, dict[str, list[sa.Row[Any]]]]]:
    """Per uitvoerder the partijen for gemeenten (codes of tonight) that want no repeats, in lots of about PORTION
    rows."""
    for receiver, places in groupby(sorted(members.items()), key=lambda one: one[0][0]):
        lot: dict[str, list[sa.Row[Any]]] = defaultdict(list)
        size = 0
        for (_, code), parts in places:
            for part in parts:
                how = exchange.config.bediening_of(code, night, part.sector)
                if how is not None and how.herhaalde_meldingen == "niet_ontvangen":
                    lot[code].append(part)
                    size += part.over
            if size >= PORTION:
                yield receiver, lot
                lot, size = defaultdict(list), 0
        if lot:
            yield receiver, lot


def _repeats(
    exchange: Exchange, db: sa.Connection, night: date, receiver: str, portion: Mapping[str, list[sa.Row[Any]]]
) -> pa.Table:
    """The rows to take out (_TAKEN)."""
    parts = [part for members in portion.values() for part in members]
    partijen: frozen.Partijen = defaultdict(list)
    for part in parts:
        partijen[part.aanlevering_nr, part.poging].append(part)
    rows = _rows(exchange, db, partijen)
    earlier = history.history(
        exchange, db, partijen, history.NO_DOELEN, night, sorted(portion), sa.not_(_delivered(receiver))
    )
    earlier = earlier.filter(pc.equal(earlier["vervallen"], 0))
    urgent = dict.fromkeys((part.id for part in parts), exchange.config.uitvoerders[receiver].urgent_soorten)
    found = group(rows, night=night, urgent_soorten=urgent, earlier=earlier)
    plain = Kinds(rows["soort"]).among("VROEG") & (found.ground == 0)
    some = pa.array(found.herhaald & plain)
    rows, previous = rows.filter(some), found.vorig_nr.filter(some)
    sure = np.asarray(pc.equal(rows["vervangt_nr"], previous).fill_null(False)) | _same(exchange, db, rows, previous)
    return pa.table([rows["nr"], rows["batch_id"], previous], schema=_TAKEN).filter(pa.array(sure))


def _rows(exchange: Exchange, db: sa.Connection, partijen: frozen.Partijen) -> pa.Table:
    """What still goes with these partijen, `batch_id` being the partij: an address counts once per night and gemeente,
    so the number of a partij will do."""
    pieces = []
    waiting = sa.select(uitzondering.c.signaal_nr).join(partij).where(partij.c.batch_id.is_(None))
    gone = pa.array(db.scalars(waiting), pa.int64())  # of more partijen than these, which are too many to name
    for file, parts in partijen.items():
        of = pa.array([part.id for part in parts], pa.int64())
        for piece, place in frozen.read(exchange, file, parts, _COLUMNS):
            stays = pc.invert(pc.is_in(piece["nr"], value_set=gone))
            pieces.append(piece.append_column("batch_id", of.take(place)).filter(stays))
    return pa.concat_tables(pieces)


def _delivered(receiver: str) -> sa.ColumnElement[bool]:
    """Whether a partij stands, or stood, at this uitvoerder: one that took over has not seen what came before."""
    published = sa.select(batch.c.id).join(zending, zending.c.id == batch.c.zending_id)
    published = published.where(
        batch.c.id == partij.c.batch_id, batch.c.uitvoerder == receiver, zending.c.staat.in_(PUBLISHED)
    )
    return sa.exists(published.correlate(partij))


def _same(exchange: Exchange, db: sa.Connection, rows: pa.Table, previous: pa.Array) -> np.ndarray[Any, Any]:
    """Which rows are about the same customer as the signal before them, by whichever key that one was hashed."""
    nrs = previous.to_pylist()
    known = {row.nr: row for row in signalen.customers(db, nrs)}
    before = pa.array([known[nr].klant_hash for nr in nrs], pa.int64())
    sector = pc.equal(rows["sector"], pa.array([known[nr].sector for nr in nrs], pa.string()))
    same, every = np.zeros(rows.num_rows, bool), np.ones(rows.num_rows, bool)
    for partner in pc.unique(rows["partner"]).to_pylist():
        who = verdict.customers(rows, partner, every)
        mine = pc.and_(pc.equal(rows["partner"], partner), sector)
        for key in exchange.hash_keys:
            agrees = pc.equal(identity.keyed_hash(who, key.key, "klant"), before).fill_null(False)
            same |= np.asarray(pc.and_(agrees, mine))
    return same
