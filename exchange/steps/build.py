"""build: make each frozen batch, encrypt it once and put it in the outbox; the manifest follows the last of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from exchange.configuration import Uitvoerder
from exchange.context import Exchange
from exchange.faults import StateConflict
from exchange.register import leases, outbox, states
from exchange.register.tables import batch, zending
from exchange.steps import frozen, history
from exchange.steps.bundle import NIGHT
from schemas.codelijsten import SIGNAALPARTNER
from transforms import batch as batches
from transforms import csvbytes


@dataclass(frozen=True)
class BuildResult:
    """How many batches were built, and their rows."""

    batches: int
    regels: int


def shards(exchange: Exchange, night: date, maximum: int, volgnr: int = NIGHT) -> list[list[str]]:
    """The gemeentecodes of a night (or of one of its spoed rounds) in at most `maximum` ranges of about as many rows;
    one empty shard when there is nothing but manifests to make. Ranges: the work store is sorted by gemeentecode.
    """
    query = (
        sa.select(batch.c.gemeentecode, sa.func.sum(batch.c.regels).label("regels"))
        .where(batch.c.nacht == night, batch.c.volgnr == volgnr)
        .group_by(batch.c.gemeentecode)
        .order_by(batch.c.gemeentecode)
    )
    with exchange.register.connect() as db:
        rows = db.execute(query).all()
    total, before = max(1, sum(row.regels for row in rows)), 0
    found: list[list[str]] = [[] for _ in range(maximum)]
    for row in rows:
        found[int(before * maximum / total)].append(row.gemeentecode)
        before += row.regels
    return [shard for shard in found if shard] or [[]]


def build(
    exchange: Exchange, night: date, codes: Sequence[str], nu: Callable[[], datetime], volgnr: int = NIGHT
) -> BuildResult:
    """Build what is frozen for `codes` and not built yet; raises BalanceFault when rows are missing."""
    waiting = frozen.frozen(exchange, night, codes, volgnr)
    if waiting.batches:
        earlier = history.earlier(exchange, waiting, night, codes)
        names = {partner.id: partner.naam for partner in exchange.config.partners.values()}
        for lot in frozen.portions(waiting):
            made = batches.build_batches(
                frozen.rows(exchange, waiting, lot),
                night=night,
                geleverd_op=nu(),
                bestand={row.id: row.bestand for row in lot},
                partner_names=names,
                earlier=earlier,
                terugkoppeling_dagen=exchange.config.uitlevering.terugkoppeling_dagen,
                urgent_soorten={row.id: exchange.config.uitvoerders[row.uitvoerder].urgent_soorten for row in lot},
                ongemarkeerd={row.id: _unmarked(exchange, row.gemeentecode, night) for row in lot},
            )
            _encrypt_all(exchange, {row.id: row for row in lot}, made, nu)
    _manifests(exchange, night, nu, volgnr)
    return BuildResult(len(waiting.batches), sum(row.regels for row in waiting.batches))


def _unmarked(exchange: Exchange, code: str, night: date) -> list[str]:
    """The sectors for which the gemeente wants repeats as any other signal."""
    served = ((sector, exchange.config.bediening_of(code, night, sector)) for sector in SIGNAALPARTNER.waarden)
    return [sector for sector, how in served if how and how.herhaalde_meldingen == "ontvangen"]


def _encrypt_all(
    exchange: Exchange,
    rows: dict[int, sa.Row[Any]],
    made: Iterator[tuple[int, pa.Table]],
    nu: Callable[[], datetime],
) -> None:
    """Encrypt and record eight batches at a time, two side by side: starting gpg costs more than its work on a small
    file, and a transaction more than what it writes."""
    exchange.keyring  # noqa: B018  opened once, before the threads share it
    with ThreadPoolExecutor(2) as pool:
        while some := [(rows[id], table) for id, table in itertools.islice(made, 8)]:
            built = list(pool.map(lambda one: _encrypt(exchange, *one), some))
            _record(exchange, some, built, nu())


def _encrypt(exchange: Exchange, row: sa.Row[Any], table: pa.Table) -> outbox.Built:
    receiver, content = exchange.config.uitvoerders[row.uitvoerder], csvbytes.to_csv(table)
    return encrypted(exchange, receiver, content, "BATCH", f"uit/{row.gemeentecode}", row.bestand, row.nacht)


def _record(
    exchange: Exchange, made: Sequence[tuple[sa.Row[Any], pa.Table]], built: Sequence[outbox.Built], moment: datetime
) -> None:
    with exchange.register.begin() as db:
        zendingen = outbox.add(db, moment, built)
        for (row, table), zending_id in zip(made, zendingen, strict=True):
            done = db.execute(
                batch.update()
                .where(batch.c.id == row.id, batch.c.staat.in_(states.sources(states.Batch.GEBOUWD)))
                .values(staat=states.Batch.GEBOUWD, zending_id=zending_id, **batches.counts(table))
            )
            if done.rowcount != 1:
                raise StateConflict("batch", row.id, str(states.Batch.GEBOUWD))


def encrypted(
    exchange: Exchange, receiver: Uitvoerder, content: bytes, soort: str, folder: str, name: str, night: date
) -> outbox.Built:
    """Encrypt `content` for `receiver` into the archive; ready for the outbox."""
    archief = f"verzonden/{receiver.id}/{night:%Y%m%d}/{name}"
    with exchange.archive.target(archief) as path:
        done = exchange.keyring.encrypt(content, path, receiver.pgp.vingerafdrukken[0])
    return outbox.Built(receiver.id, soort, folder, name, archief, done.sha256, done.size, nacht=night)


def manifest_name(uitvoerder: str, night: date, volgnr: int) -> str:
    """The file that closes a night, or one of its spoed rounds, for an uitvoerder: with the number of its batches."""
    return f"VS_MANIFEST_{uitvoerder}_{night:%Y%m%d}_{volgnr:03d}.csv.pgp"


def _manifests(exchange: Exchange, night: date, nu: Callable[[], datetime], volgnr: int) -> None:
    """Make the manifest of every uitvoerder whose batches are all built and that has none yet. Of a night everybody
    gets one; of a spoed round only who has a batch in it."""
    receivers = set(exchange.config.uitvoerders)
    if volgnr != NIGHT:
        members = sa.select(batch.c.uitvoerder).where(batch.c.nacht == night, batch.c.volgnr == volgnr)
        with exchange.register.connect() as db:
            receivers &= set(db.scalars(members))
    for uitvoerder in sorted(receivers):
        with leases.held(exchange.register, f"manifest:{uitvoerder}", nu) as lease:
            if lease is not None:
                _manifest(exchange, exchange.config.uitvoerders[uitvoerder], night, volgnr, lease, nu)


def _manifest(
    exchange: Exchange, receiver: Uitvoerder, night: date, volgnr: int, lease: leases.Lease, nu: Callable[[], datetime]
) -> None:
    name = manifest_name(receiver.id, night, volgnr)
    with exchange.register.connect() as db:
        exists = db.scalar(sa.select(zending.c.id).where(zending.c.ontvanger == receiver.id, zending.c.naam == name))
        rows = list(
            db.execute(
                sa.select(batch, zending.c.grootte, zending.c.sha256)
                .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
                .where(batch.c.nacht == night, batch.c.volgnr == volgnr, batch.c.uitvoerder == receiver.id)
            )
        )
    if exists is not None or any(row.staat != states.Batch.GEBOUWD for row in rows):
        return
    served = sorted({one.code for one in receiver.gemeenten if one.holds(night) and volgnr == NIGHT})
    table = batches.manifest(receiver.id, night, served, [row._asdict() for row in rows])
    built = encrypted(exchange, receiver, csvbytes.to_csv(table), "MANIFEST", "uit", name, night)
    moment = nu()
    with exchange.register.begin() as db:
        leases.renew(db, lease, moment)
        outbox.add(db, moment, [built])
