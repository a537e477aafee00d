"""build: make each frozen batch, encrypt it once and put it in the outbox; the manifest follows the last of them.

With the manifest comes the template for terugkoppeling: one per uitvoerder and night, not one beside each batch. It is
what an uitvoerder sends back, one file for all its gemeenten; and hundreds of times one more gpg, upload and rename
would cost a night more than it gives.
"""

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
from exchange.register import outbox, states
from exchange.register.tables import batch, sjabloon, zending
from exchange.steps import answers, frozen, history, levering
from exchange.steps.bundle import NIGHT
from schemas.codelijsten import SIGNAALPARTNER
from transforms import batch as batches
from transforms import csvbytes
from transforms import terugkoppeling as feedback


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
        found[min(int(before * maximum / total), maximum - 1)].append(row.gemeentecode)
        before += row.regels
    return [shard for shard in found if shard] or [[]]


def build(
    exchange: Exchange, night: date, codes: Sequence[str], nu: Callable[[], datetime], volgnr: int = NIGHT
) -> BuildResult:
    """Build what is frozen for `codes` and not built yet; raises BalanceFault when rows are missing.

    Batches of an uitvoerder whose key cannot encrypt, or that is not in the configuration any more, wait until it can
    or is: `report` names them.
    """
    able = exchange.config.uitvoerders.keys() - exchange.shut(nu())
    waiting = frozen.frozen(exchange, night, codes, volgnr, able)
    _build_empty(exchange, waiting, nu)
    if any(row.regels for row in waiting.batches):
        earlier = history.earlier(exchange, waiting, night, codes)
        for lot in frozen.portions(waiting):
            made = batches.build_batches(
                frozen.rows(exchange, waiting, lot),
                night=night,
                geleverd_op=nu(),
                bestand={row.id: row.bestand for row in lot},
                partner_names=exchange.config.namen,
                earlier=earlier,
                terugkoppeling_dagen=exchange.config.uitlevering.terugkoppeling_dagen,
                urgent_soorten={row.id: exchange.config.uitvoerders[row.uitvoerder].urgent_soorten for row in lot},
                ongemarkeerd={row.id: _unmarked(exchange, row.gemeentecode, night) for row in lot},
            )
            _encrypt_all(exchange, {row.id: row for row in lot}, made, nu)
    manifests(exchange, night, nu, volgnr)
    return BuildResult(len(waiting.batches), sum(row.regels for row in waiting.batches))


def _unmarked(exchange: Exchange, code: str, night: date) -> list[str]:
    """The sectors for which the gemeente wants repeats as any other signal."""
    served = ((sector, exchange.config.bediening_of(code, night, sector)) for sector in SIGNAALPARTNER.waarden)
    return [sector for sector, how in served if how and how.herhaalde_meldingen == "ontvangen"]


def _build_empty(exchange: Exchange, waiting: frozen.Frozen, nu: Callable[[], datetime]) -> None:
    """The batches without rows, for uitvoerders who want a file all the same."""
    rows = {row.id: row for row in waiting.batches if not row.regels}
    if rows:
        _encrypt_all(exchange, rows, ((id, batches.EMPTY) for id in rows), nu)


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
            built = list(pool.map(lambda one: _encrypt(exchange, one[0], one[1], nu()), some))
            _record(exchange, some, built, nu())


def _encrypt(exchange: Exchange, row: sa.Row[Any], table: pa.Table, moment: datetime) -> outbox.Built:
    receiver = exchange.config.uitvoerders[row.uitvoerder]
    content, folder = levering.batch(receiver, row.bestand, table), levering.folder(receiver, row.gemeentecode)
    return encrypted(exchange, receiver, content, "BATCH", folder, row.bestand, row.nacht, moment)


def _record(
    exchange: Exchange, made: Sequence[tuple[sa.Row[Any], pa.Table]], built: Sequence[outbox.Built], moment: datetime
) -> None:
    with exchange.register.begin() as db:

        def built_as(zendingen: Sequence[int]) -> None:
            for (row, table), zending_id in zip(made, zendingen, strict=True):
                done = db.execute(
                    batch.update()
                    .where(batch.c.id == row.id, batch.c.staat.in_(states.sources(states.Batch.GEBOUWD)))
                    .values(staat=states.Batch.GEBOUWD, zending_id=zending_id, **batches.counts(table))
                )
                if done.rowcount != 1:
                    raise StateConflict("batch", row.id, str(states.Batch.GEBOUWD))
                db.execute(sjabloon.insert().values(batch_id=row.id, signaal_nrs=feedback.to_answer(table)))

        outbox.add(db, moment, built, built_as)


def encrypted(
    exchange: Exchange,
    receiver: Uitvoerder,
    content: bytes,
    soort: str,
    folder: str,
    name: str,
    night: date,
    moment: datetime,
) -> outbox.Built:
    """Encrypt `content` for `receiver` into the archive, at `moment`; ready for the outbox."""
    archief = answers.archive_name(receiver.id)
    with exchange.archive.target(archief) as path:
        done = exchange.keyring.encrypt(content, path, answers.recipient(exchange, receiver, moment))
    return outbox.Built(receiver.id, soort, folder, name, archief, done.sha256, done.size, nacht=night)


def manifest_stem(uitvoerder: str, night: date, volgnr: int) -> str:
    """How the file is called that closes a night, or one of its spoed rounds, for an uitvoerder, whatever its form."""
    return f"VS_MANIFEST_{uitvoerder}_{night:%Y%m%d}_{volgnr:03d}"


def manifests(exchange: Exchange, night: date, nu: Callable[[], datetime], volgnr: int = NIGHT) -> None:
    """Make the manifest of every uitvoerder whose batches are all built and that has none yet. Of a night everybody
    gets one; of a spoed round only who has a batch in it.

    Two shards that end together may both make one: the register takes the first. One whose key cannot encrypt has to
    wait; `bundle` names it.
    """
    receivers = exchange.config.uitvoerders.keys() - exchange.shut(nu())
    if volgnr != NIGHT:
        members = sa.select(batch.c.uitvoerder).where(batch.c.nacht == night, batch.c.volgnr == volgnr)
        with exchange.register.connect() as db:
            receivers &= set(db.scalars(members))
    for uitvoerder in sorted(receivers):
        _manifest(exchange, exchange.config.uitvoerders[uitvoerder], night, volgnr, nu)


def _manifest(exchange: Exchange, receiver: Uitvoerder, night: date, volgnr: int, nu: Callable[[], datetime]) -> None:
    stem = manifest_stem(receiver.id, night, volgnr)
    with exchange.register.connect() as db:
        named = zending.c.naam.startswith(f"{stem}.", autoescape=True)
        exists = db.scalar(sa.select(zending.c.id).where(zending.c.ontvanger == receiver.id, named))
        rows = list(
            db.execute(
                sa.select(batch, zending.c.grootte, zending.c.sha256)
                .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
                .where(batch.c.nacht == night, batch.c.volgnr == volgnr, batch.c.uitvoerder == receiver.id)
            )
        )
    if exists is not None or any(row.staat != states.Batch.GEBOUWD for row in rows):
        return
    if not rows and not receiver.levering.levert_op(night):  # not one of its nights
        return
    name, served = levering.name(receiver, stem), levering.served(receiver, night) if volgnr == NIGHT else []
    table = batches.manifest(receiver.id, night, served, [row._asdict() for row in rows])
    content, moment = levering.content(receiver, name, table), nu()
    built = [encrypted(exchange, receiver, content, "MANIFEST", "uit", name, night, moment)]
    ids = [row.id for row in sorted(rows, key=lambda row: row.gemeentecode)]
    with exchange.register.connect() as db:
        kept = {
            row.batch_id: row.signaal_nrs for row in db.execute(sa.select(sjabloon).where(sjabloon.c.batch_id.in_(ids)))
        }
    form = feedback.template([kept[id] for id in ids if id in kept])
    if form.num_rows:  # a CSV for everybody: that is what comes back
        name = f"VS_TK_SJABLOON_{receiver.id}_{night:%Y%m%d}_{volgnr:03d}.csv.pgp"
        content = csvbytes.to_csv(form)
        built.insert(0, encrypted(exchange, receiver, content, "SJABLOON", "uit", name, night, moment))
    try:
        with exchange.register.begin() as db:
            db.execute(sjabloon.delete().where(sjabloon.c.batch_id.in_(ids)))
            outbox.add(db, nu(), built)
    except StateConflict:  # another shard was first
        for one in built:
            exchange.archive.remove(one.archief)
