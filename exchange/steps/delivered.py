"""DOORGEZET: once its batches stand at the uitvoerder, a partner is told which of its rows went where, and which never
will: INGETROKKEN, or NIET_DOORGEZET because the gemeente wants no repeats (W-HER-01) or was divided (E-ROU-06)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import stamina

from exchange.configuration import Melder, Partner
from exchange.context import Exchange, local_date
from exchange.faults import StateConflict
from exchange.register import leases, ledger, outbox, stilstand
from exchange.register.states import PUBLISHED
from exchange.register.tables import aanlevering, batch, partij, uitzondering, zending
from exchange.steps import answers, frozen
from transforms import answer, csvbytes
from transforms.answer import Answered

#: What the lines need of the accepted rows.
COLUMNS = ["regelnr", "signaal_id", "nr"]


def report(exchange: Exchange, partner: Melder, account: Partner, nu: Callable[[], datetime]) -> int | None:
    """Build for `account` the DOORGEZET of everything of `partner` that is settled and not yet told; returns the number
    of rows in it, None when another worker is at it.

    An intake that answers the same account meanwhile may take the terugmelding_nr: then it is built once more.
    """
    with leases.held(exchange.register, f"doorgezet:{partner.id}", nu) as lease:
        if lease is None:
            return None
        for attempt in stamina.retry_context(on=StateConflict, attempts=5):
            with attempt:
                return _report(exchange, partner, account, lease, nu)
    raise AssertionError("unreachable")


def _report(
    exchange: Exchange, partner: Melder, account: Partner, lease: leases.Lease, nu: Callable[[], datetime]
) -> int:
    parts = _untold(exchange, partner.id)
    if not parts:
        return 0
    moment, number = nu(), answers.next_number(exchange, account.id)
    day = local_date(moment)
    given = f"VS_DOORGEZET_{partner.id}_{day:%Y%m%d}_{number:06d}.csv.pgp"
    archief, key = answers.archive_name(account.id), answers.recipient(exchange, account, moment)
    with exchange.register.connect() as db:
        head = ledger.head(db)
    told: Counter[str] = Counter()
    with (
        exchange.archive.target(archief) as path,
        exchange.keyring.encryptor(path, key) as stream,
    ):
        stream.write(csvbytes.to_csv(answer.header()))
        for file, rows in _by_file(exchange, parts):
            to = Answered(number, moment, partner.id, file.bestand, file.sha256, head)
            stream.write(csvbytes.to_csv(answer.doorgezet_lines(to, rows), header=False))
            told.update(rows["staat"].to_pylist())
        to = Answered(number, moment, partner.id, given, "", head)
        stream.write(csvbytes.to_csv(answer.doorgezet_bestand(to, told), header=False))
    built = outbox.Built(account.id, "DOORGEZET", answers.FOLDER, given, archief, stream.sha256, stream.size, key)
    with answers.unless_lost(exchange, [built]), exchange.register.begin() as db:
        leases.renew(db, lease, nu())
        outbox.take_numbers(db, account.id, "terugmelding", number, 1)
        outbox.add(db, moment, [built], lambda made: _mark_told(db, parts, made[0]))
    return told.total()


def _mark_told(db: sa.Connection, parts: list[sa.Row[Any]], zending_id: int) -> None:
    told = [{"partij_id": part.id} for part in parts]
    db.execute(
        partij.update().where(partij.c.id == sa.bindparam("partij_id")).values(doorgezet_zending_id=zending_id), told
    )


def _untold(exchange: Exchange, partner: str) -> list[sa.Row[Any]]:
    """Partijen whose batch was published, or of which nothing is left to send, and that are in no DOORGEZET yet."""
    gone = (
        sa.select(uitzondering.c.partij_id, sa.func.count().label("weg")).group_by(uitzondering.c.partij_id).subquery()
    )
    query = (
        sa.select(
            partij.c.id,
            partij.c.gemeentecode,
            partij.c.sector,
            partij.c.spoed,
            aanlevering.c.nr,
            aanlevering.c.poging,
            aanlevering.c.bestand,
            aanlevering.c.sha256,
            sa.func.coalesce(batch.c.gemeentecode, partij.c.gemeentecode).label("bestemming"),
            batch.c.uitvoerder,
            batch.c.nacht,
            zending.c.gepubliceerd_op,
        )
        .join(aanlevering, aanlevering.c.nr == partij.c.aanlevering_nr)
        .join(batch, batch.c.id == partij.c.batch_id, isouter=True)
        .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
        .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
        .where(
            aanlevering.c.partner == partner,
            aanlevering.c.nr.not_in(stilstand.standing_still(stilstand.Soort.AANLEVERING)),
            partij.c.doorgezet_zending_id.is_(None),
            sa.or_(zending.c.staat.in_(PUBLISHED), sa.and_(partij.c.batch_id.is_(None), gone.c.weg == partij.c.aantal)),
        )
        .order_by(aanlevering.c.nr, partij.c.id)
    )
    with exchange.register.connect() as db:
        return list(db.execute(query))


def _by_file(exchange: Exchange, parts: list[sa.Row[Any]]) -> Iterator[tuple[sa.Row[Any], pa.Table]]:
    """Per aanlevering its settled rows: COLUMNS with staat, verdeeld (bool: its gemeente was divided, see `verdeeld`),
    bestemming, uitvoerder (name), nacht and doorgezet_op."""
    by_file: dict[int, list[sa.Row[Any]]] = defaultdict(list)
    for part in parts:
        by_file[part.nr].append(part)
    gone = sa.select(uitzondering).join(partij)
    with exchange.register.connect() as db:
        excluded = db.execute(gone.where(partij.c.aanlevering_nr.in_(list(by_file)))).all()
    nrs = pa.array([row.signaal_nr for row in excluded], pa.int64())
    states_ = pa.array([row.staat for row in excluded], pa.string())
    divided = pa.array([row.signaal_nr for row in excluded if row.door_signaal_nr == row.signaal_nr], pa.int64())
    for nr, members in by_file.items():
        destinations = pa.table(
            {
                "bestemming": pa.array([part.bestemming for part in members], pa.string()),
                "uitvoerder": pa.array(
                    [exchange.config.namen.get(part.uitvoerder, part.uitvoerder) for part in members], pa.string()
                ),
                "nacht": pa.array([part.nacht for part in members], pa.date32()),
                "doorgezet_op": pa.array([part.gepubliceerd_op for part in members], pa.timestamp("us", "UTC")),
            }
        )
        for rows, place in frozen.read(exchange, (nr, members[0].poging), members, COLUMNS):
            staat = states_.take(pc.index_in(rows["nr"], value_set=nrs)).fill_null("DOORGEZET")
            where = destinations.take(place)
            told = pa.table(
                [*(rows[name] for name in COLUMNS), staat, pc.is_in(rows["nr"], value_set=divided), *where.columns],
                [*COLUMNS, "staat", "verdeeld", *where.column_names],
            )
            yield members[0], told.sort_by("nr")
