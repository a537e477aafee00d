"""build: make each frozen batch, encrypt it once and put it in the outbox. The manifest follows when all of them stand
at the uitvoerder (`manifest`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import StateConflict, StoreFault
from exchange.register import leases, outbox, states, stilstand
from exchange.register.stilstand import Onderwerp, Soort
from exchange.register.tables import batch, sjabloon
from exchange.steps import answers, frozen, history, levering, proof
from exchange.steps.bundle import NIGHT, may_be_worked_on
from exchange.store import aanlevering_in
from schemas.codelijsten import SIGNAALPARTNER
from transforms import batch as batches
from transforms import terugkoppeling as feedback


@dataclass(frozen=True)
class BuildResult:
    """How many batches were built, and their rows; which of these gemeenten stand still, now or since an earlier run,
    because their rows are not those that were frozen, and which other process is at the same gemeenten: it was left to
    it."""

    batches: int
    regels: int
    stilstand: list[str]
    bezet: list[str]


def shards(exchange: Exchange, night: date, maximum: int, volgnr: int = NIGHT) -> list[list[str]]:
    """The gemeentecodes of a night (or of one of its spoed rounds) in at most `maximum` ranges of about as many rows,
    none when it has no batches. Ranges: the work store is sorted by gemeentecode."""
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
    return [shard for shard in found if shard]


def build(
    exchange: Exchange, night: date, codes: Sequence[str], nu: Callable[[], datetime], volgnr: int = NIGHT
) -> BuildResult:
    """Build what is frozen for `codes` and not built yet. A batch of which rows are missing stands still from now on;
    the others are built, also where the work store cannot be read for some: then its StoreFault is raised at the end.

    Batches of an uitvoerder whose key cannot encrypt, or that is not in the configuration any more, wait until it can
    or is: `report` names them. Raises NightAhead and NightNeverFrozen.
    """
    if volgnr == NIGHT:  # a round of spoed is finished whenever it was begun
        with exchange.register.connect() as db:
            may_be_worked_on(db, night, nu())
    name = f"bouwen:{night}:{volgnr:03d}:{'-'.join([*codes[:1], *codes[1:][-1:]])}"
    with leases.held(exchange.register, name, nu) as lease:  # spares work; that a batch is built once, its state says
        if lease is None:
            return BuildResult(0, 0, _standing(exchange, night, codes, volgnr), _at_work(exchange, night, volgnr, nu))
        done = _Done()
        unread = _build_all(exchange, night, codes, nu, volgnr, done)
    if unread:
        raise unread
    others = _at_work(exchange, night, volgnr, nu) if done.lost else []
    return BuildResult(done.batches, done.regels, _standing(exchange, night, codes, volgnr), others)


@dataclass
class _Done:
    """What a build came to; `lost` is why lots were not recorded: another process had built one of their batches."""

    batches: int = 0
    regels: int = 0
    lost: list[StateConflict] = field(default_factory=list)


def _build_all(
    exchange: Exchange, night: date, codes: Sequence[str], nu: Callable[[], datetime], volgnr: int, done: _Done
) -> StoreFault | None:
    """Build everything but what holds rows of a file of the work store that cannot be read; returns the first fault.
    What was lost to another process is looked at again: of that lot it may have built only some. Raises StateConflict
    when it built none of them: then it was no other process."""
    able = exchange.config.uitvoerders.keys() - exchange.shut(nu())
    unread: dict[int, StoreFault] = {}
    tried: set[int] | None = None
    while True:
        lost, waiting = len(done.lost), frozen.frozen(exchange, night, codes, volgnr, able, unread)
        left = {row.id for row in waiting.batches}
        if left == tried:
            raise done.lost[-1]
        tried = left
        try:
            _build_empty(exchange, waiting, nu, done)
            if any(row.regels for row in waiting.batches):
                _build_lots(exchange, waiting, night, codes, nu, done)
            if len(done.lost) == lost:
                return next(iter(unread.values()), None)
        except StoreFault as fault:
            nr = aanlevering_in(fault.name)
            if nr is None or nr in unread:
                raise
            unread[nr], tried = fault, None


def _build_lots(
    exchange: Exchange,
    waiting: frozen.Frozen,
    night: date,
    codes: Sequence[str],
    nu: Callable[[], datetime],
    done: _Done,
) -> None:
    earlier = history.earlier(exchange, waiting, night, codes)
    for lot in frozen.portions(waiting):
        found = frozen.rows(exchange, waiting, lot)
        proof.stop(exchange, found.wrong, nu)
        made = batches.build_batches(
            found.table,
            night=night,
            geleverd_op=nu(),
            bestand={row.id: row.bestand for row in lot},
            partner_names=exchange.config.namen,
            earlier=earlier,
            terugkoppeling_dagen=exchange.config.uitlevering.terugkoppeling_dagen,
            urgent_soorten={row.id: exchange.config.uitvoerders[row.uitvoerder].urgent_soorten for row in lot},
            ongemarkeerd={row.id: _unmarked(exchange, row.gemeentecode, night) for row in lot},
        )
        _encrypt_all(exchange, {row.id: row for row in lot}, made, nu, done)


def _at_work(exchange: Exchange, night: date, volgnr: int, nu: Callable[[], datetime]) -> list[str]:
    """Which other processes build this night, for people."""
    return leases.others(exchange.register, f"bouwen:{night}:{volgnr:03d}:", "bouwen", nu())


def _standing(exchange: Exchange, night: date, codes: Sequence[str], volgnr: int) -> list[str]:
    """Which batches stand still, for people."""
    mine = sa.and_(batch.c.nacht == night, batch.c.volgnr == volgnr, batch.c.gemeentecode.in_(codes))
    query = sa.select(batch.c.id).where(mine, batch.c.id.in_(stilstand.standing_still(Soort.BATCH)))
    with exchange.register.connect() as db:
        return [str(Onderwerp(Soort.BATCH, id)) for id in db.scalars(query.order_by(batch.c.id))]


def _unmarked(exchange: Exchange, code: str, night: date) -> list[str]:
    """The sectors for which the gemeente wants repeats as any other signal."""
    served = ((sector, exchange.config.bediening_of(code, night, sector)) for sector in SIGNAALPARTNER.waarden)
    return [sector for sector, how in served if how and how.herhaalde_meldingen == "ontvangen"]


def _build_empty(exchange: Exchange, waiting: frozen.Frozen, nu: Callable[[], datetime], done: _Done) -> None:
    """The batches without rows, for uitvoerders who want a file all the same."""
    rows = {row.id: row for row in waiting.batches if not row.regels}
    if rows:
        _encrypt_all(exchange, rows, ((id, batches.EMPTY) for id in rows), nu, done)


def _encrypt_all(
    exchange: Exchange,
    rows: dict[int, sa.Row[Any]],
    made: Iterator[tuple[int, pa.Table]],
    nu: Callable[[], datetime],
    done: _Done,
) -> None:
    """Encrypt and record eight batches at a time, two side by side: starting gpg costs more than its work on a small
    file, and a transaction more than what it writes."""
    exchange.keyring  # noqa: B018  opened once, before the threads share it
    with ThreadPoolExecutor(2) as pool:
        while some := [(rows[id], table) for id, table in itertools.islice(made, 8)]:
            built = list(pool.map(lambda one: _encrypt(exchange, one[0], one[1], nu()), some))
            try:
                with answers.unless_lost(exchange, built):
                    _record(exchange, some, built, nu())
            except StateConflict as conflict:  # another process was first with one of them
                done.lost.append(conflict)
                continue
            done.batches += len(some)
            done.regels += sum(row.regels for row, _ in some)


def _encrypt(exchange: Exchange, row: sa.Row[Any], table: pa.Table, moment: datetime) -> outbox.Built:
    receiver = exchange.config.uitvoerders[row.uitvoerder]
    content, folder = levering.batch(receiver, row.bestand, table), levering.folder(receiver, row.gemeentecode)
    return answers.encrypted(exchange, receiver, content, "BATCH", row.bestand, moment, night=row.nacht, to=folder)


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
