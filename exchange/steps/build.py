"""build: make each frozen batch, encrypt it once and put it in the outbox; the manifest follows the last of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.configuration import Uitvoerder
from exchange.context import Exchange
from exchange.faults import BalanceFault
from exchange.register import leases, outbox, signalen, states
from exchange.register.tables import aanlevering, batch, partij, signaal, uitzondering, zending
from transforms import batch as batches
from transforms import csvbytes
from transforms.dates import six_months_before
from transforms.meldingen import EARLIER


@dataclass(frozen=True)
class BuildResult:
    """How many batches were built, and their rows."""

    batches: int
    regels: int


def shards(exchange: Exchange, night: date, maximum: int) -> list[list[str]]:
    """The gemeentecodes of the night, spread by size; one empty shard when there is nothing but manifests to make."""
    query = (
        sa.select(batch.c.gemeentecode)
        .where(batch.c.nacht == night)
        .group_by(batch.c.gemeentecode)
        .order_by(sa.func.sum(batch.c.regels).desc(), batch.c.gemeentecode)
    )
    with exchange.register.connect() as db:
        codes = list(db.scalars(query))
    return [shard for at in range(maximum) if (shard := codes[at::maximum])] or [[]]


def build(exchange: Exchange, night: date, codes: Sequence[str], nu: Callable[[], datetime]) -> BuildResult:
    """Build what is frozen for `codes` and not built yet; raises BalanceFault when rows are missing."""
    frozen = _frozen(exchange, night, codes)
    if frozen:
        rows = _rows(exchange, frozen)
        _prove(frozen, rows)
        made = batches.build_batches(
            rows,
            night=night,
            geleverd_op=nu(),
            bestand={row.id: row.bestand for row in frozen},
            partner_names={partner.id: partner.naam for partner in exchange.config.partners.values()},
            earlier=_earlier(exchange, rows, night, codes),
            terugkoppeling_dagen=exchange.config.uitlevering.terugkoppeling_dagen,
            urgent_soorten={row.id: exchange.config.uitvoerders[row.uitvoerder].urgent_soorten for row in frozen},
        )
        _encrypt_all(exchange, {row.id: row for row in frozen}, made, nu)
    _manifests(exchange, night, nu)
    return BuildResult(len(frozen), sum(row.regels for row in frozen))


def _frozen(exchange: Exchange, night: date, codes: Sequence[str]) -> list[sa.Row[Any]]:
    query = sa.select(batch).where(
        batch.c.nacht == night, batch.c.gemeentecode.in_(codes), batch.c.staat == states.Batch.BEVROREN
    )
    with exchange.register.connect() as db:
        return list(db.execute(query.order_by(batch.c.id)))


def _rows(exchange: Exchange, frozen: list[sa.Row[Any]]) -> pa.Table:
    """The accepted rows of the frozen batches, with `batch_id`, less what was taken out of its partij."""
    ids = [row.id for row in frozen]
    parts = sa.select(partij, aanlevering.c.poging).join(aanlevering).where(partij.c.batch_id.in_(ids))
    gone = sa.select(uitzondering.c.signaal_nr).join(partij).where(partij.c.batch_id.in_(ids))
    by_file: dict[tuple[int, int], list[sa.Row[Any]]] = defaultdict(list)
    with exchange.register.connect() as db:
        for row in db.execute(parts.order_by(partij.c.aanlevering_nr)):
            by_file[row.aanlevering_nr, row.poging].append(row)
        excluded = pa.array(db.scalars(gone), pa.int64())
    pieces = []
    for (nr, generation), members in by_file.items():
        assigned = pa.table(
            {
                "gemeentecode": pa.array([row.gemeentecode for row in members], pa.string()),
                "sector": pa.array([row.sector for row in members], pa.string()),
                "batch_id": pa.array([row.batch_id for row in members], pa.int64()),
            }
        )
        for piece in exchange.work.read(nr, generation, {row.gemeentecode for row in members}, None):
            joined = piece.join(assigned, ["gemeentecode", "sector"], join_type="inner")
            pieces.append(joined.filter(pc.invert(pc.is_in(joined["nr"], value_set=excluded))))
    current = {row.id: row.gemeentecode for row in frozen}
    rows = pa.concat_tables(pieces)
    codes = pa.array([current[id] for id in ids])
    followed = codes.take(pc.index_in(rows["batch_id"], pa.array(ids, pa.int64())))  # after a successor gemeente
    return rows.set_column(rows.column_names.index("gemeentecode"), "gemeentecode", followed)


def _prove(frozen: list[sa.Row[Any]], rows: pa.Table) -> None:
    """Every batch has exactly the rows that were frozen: otherwise nothing goes out."""
    counted = rows.group_by("batch_id").aggregate([("batch_id", "count")])
    found = dict(zip(counted["batch_id"].to_pylist(), counted["batch_id_count"].to_pylist(), strict=True))
    wrong = {row.id: found.get(row.id, 0) - row.regels for row in frozen if found.get(row.id, 0) != row.regels}
    if wrong:
        raise BalanceFault({f"batch {id}": difference for id, difference in wrong.items()})


def _earlier(exchange: Exchange, rows: pa.Table, night: date, codes: Sequence[str]) -> pa.Table:
    """Signals of the past six months (`transforms.meldingen.EARLIER`) at the addresses of `rows`.

    Files that go out tonight as a whole are left out: their rows are `rows` themselves.
    """
    tonight = sa.case((batch.c.nacht == night, 1), else_=0)
    whole = (
        sa.select(partij.c.aanlevering_nr)
        .join(batch, batch.c.id == partij.c.batch_id, isouter=True)
        .group_by(partij.c.aanlevering_nr)
        .having(sa.func.sum(tonight) == sa.func.count())
    )
    query = (
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
            signaal.c.ontvangen_op >= six_months_before(night),
            signaal.c.adres_hash.is_not(None),
            signaal.c.nr < pc.max(rows["nr"]).as_py(),
            signaal.c.nr.not_in(sa.select(uitzondering.c.signaal_nr)),
            aanlevering.c.nr.not_in(whole),
        )
    )
    addresses = rows["adres_hash"].drop_null()
    with exchange.register.connect() as db:
        blocks = [
            block.filter(pc.is_in(block["adres_hash"], value_set=addresses))
            for block in signalen.stream(db, query, EARLIER)
        ]
    return pa.concat_tables([EARLIER.empty_table(), *blocks])


def _encrypt_all(
    exchange: Exchange,
    frozen: dict[int, sa.Row[Any]],
    made: Iterator[tuple[int, pa.Table]],
    nu: Callable[[], datetime],
) -> None:
    """Encrypt batch after batch, two at a time: starting gpg costs more than the work it does on a small file."""
    exchange.keyring  # noqa: B018  opened once, before the threads share it
    with ThreadPoolExecutor(2) as pool:
        while some := list(itertools.islice(made, 8)):  # no more batches in memory than are being worked on
            list(pool.map(lambda item: _encrypt(exchange, frozen[item[0]], item[1], nu), some))


def _encrypt(exchange: Exchange, row: sa.Row[Any], table: pa.Table, nu: Callable[[], datetime]) -> None:
    receiver = exchange.config.uitvoerders[row.uitvoerder]
    content = csvbytes.to_csv(table)
    built = encrypted(exchange, receiver, content, "BATCH", f"uit/{row.gemeentecode}", row.bestand, row.nacht)
    moment = nu()
    with exchange.register.begin() as db:
        zending_id = outbox.add(db, moment, built)
        done = db.execute(
            batch.update()
            .where(batch.c.id == row.id, batch.c.staat.in_(states.sources(states.Batch.GEBOUWD)))
            .values(staat=states.Batch.GEBOUWD, zending_id=zending_id, **batches.counts(table))
        )
        if done.rowcount != 1:
            raise BalanceFault({f"batch {row.id}": 0})


def encrypted(
    exchange: Exchange, receiver: Uitvoerder, content: bytes, soort: str, folder: str, name: str, night: date
) -> outbox.Built:
    """Encrypt `content` for `receiver` into the archive; ready for the outbox."""
    archief = f"verzonden/{receiver.id}/{night:%Y%m%d}/{name}"
    with exchange.archive.target(archief) as path:
        done = exchange.keyring.encrypt(content, path, receiver.pgp.vingerafdrukken[0])
    return outbox.Built(receiver.id, soort, folder, name, archief, done.sha256, done.size, nacht=night)


def _manifests(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> None:
    """Make the manifest of every uitvoerder whose batches are all built and that has none yet."""
    for uitvoerder in sorted(exchange.config.uitvoerders):
        with leases.held(exchange.register, f"manifest:{uitvoerder}", nu) as lease:
            if lease is not None:
                _manifest(exchange, exchange.config.uitvoerders[uitvoerder], night, lease, nu)


def _manifest(
    exchange: Exchange, receiver: Uitvoerder, night: date, lease: leases.Lease, nu: Callable[[], datetime]
) -> None:
    name = f"VS_MANIFEST_{receiver.id}_{night:%Y%m%d}_001.csv.pgp"
    with exchange.register.connect() as db:
        exists = db.scalar(sa.select(zending.c.id).where(zending.c.ontvanger == receiver.id, zending.c.naam == name))
        rows = list(
            db.execute(
                sa.select(batch, zending.c.grootte, zending.c.sha256)
                .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
                .where(batch.c.nacht == night, batch.c.uitvoerder == receiver.id)
            )
        )
    if exists is not None or any(row.staat != states.Batch.GEBOUWD for row in rows):
        return
    served = sorted({one.code for one in receiver.gemeenten if one.holds(night)})
    table = batches.manifest(receiver.id, night, served, [row._asdict() for row in rows])
    built = encrypted(exchange, receiver, csvbytes.to_csv(table), "MANIFEST", "uit", name, night)
    moment = nu()
    with exchange.register.begin() as db:
        leases.renew(db, lease, moment)
        outbox.add(db, moment, built)
