"""UITKOMST: once a night a partner is told what its signals led to, as far as it may know (`schemas.uitkomst`).

What is new since the last UITKOMST, and only of the partner's own signals. A file of terugkoppeling is marked as told
per partner in the transaction that puts the UITKOMST in the outbox: run again, nothing is told twice or forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import stamina

from exchange.configuration import Melder, Partner
from exchange.context import Exchange, local_date
from exchange.faults import StateConflict
from exchange.register import leases, ledger, outbox, signalen, terugkoppelingen
from exchange.register.tables import aanlevering, batch, uitkomst, zending
from exchange.steps import answers
from schemas import gemeenten
from transforms import csvbytes
from transforms import uitkomst as reduced
from transforms.answer import Answered


def report(
    exchange: Exchange, partner: Melder, account: Partner, night: date, nu: Callable[[], datetime]
) -> int | None:
    """Build for `account` the UITKOMST of `partner` and `night` where there is something new; returns the number of
    signals in it, None when another worker is at it.

    A night has one per partner: what comes in after it was made, goes along with the next.
    """
    with leases.held(exchange.register, f"uitkomst:{partner.id}", nu) as lease:
        if lease is None:
            return None
        for attempt in stamina.retry_context(on=StateConflict, attempts=5):
            with attempt:
                return _report(exchange, partner, account, night, lease, nu)
    raise AssertionError("unreachable")


def _report(
    exchange: Exchange,
    partner: Melder,
    account: Partner,
    night: date,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> int:
    stem = f"VS_UITKOMST_{partner.id}_{night:%Y%m%d}_"
    made = sa.select(zending.c.id).where(
        zending.c.ontvanger == account.id,
        zending.c.soort == "UITKOMST",
        zending.c.nacht == night,
        zending.c.naam.startswith(stem, autoescape=True),
    )
    with exchange.register.connect() as db:
        files = terugkoppelingen.to_tell(db, partner.id)
        if not files or db.scalar(made) is not None:
            return 0
    moment = nu()
    rows = _news(exchange, partner, files, local_date(moment))
    number = answers.next_number(exchange, account.id)
    built = None
    if rows.num_rows:
        given = f"{stem}{number:06d}.csv.pgp"
        with exchange.register.connect() as db:
            to = Answered(number, moment, partner.id, given, "", ledger.head(db))
        built = answers.encrypted(exchange, account, _content(to, rows), "UITKOMST", given, moment, night=night)
    with answers.unless_lost(exchange, [built] if built else []), exchange.register.begin() as db:
        leases.renew(db, lease, nu())
        terugkoppelingen.mark_told(db, partner.id, files, moment)
        if built:
            outbox.take_numbers(db, account.id, "terugmelding", number, 1)
            told = rows.select(reduced.UITKOMST.names)
            outbox.add(db, moment, [built], lambda made: _remember(db, told, made[0]))
    return int(rows.num_rows)


def _remember(db: sa.Connection, told: pa.Table, zending_id: int) -> None:
    signalen.insert(db, uitkomst, told.append_column("zending_id", pa.repeat(pa.scalar(zending_id), told.num_rows)))


def _content(to: Answered, rows: pa.Table) -> bytes:
    lines = csvbytes.to_csv(reduced.uitkomst_lines(to, rows))
    return lines + csvbytes.to_csv(reduced.uitkomst_bestand(to), header=False)


def _news(exchange: Exchange, partner: Melder, files: list[int], day: date) -> pa.Table:
    """What `files` changed for this partner, as `reduced.uitkomst_lines` takes it; in the order of the signals."""
    with exchange.register.connect() as db:
        nrs = terugkoppelingen.concerned(db, partner.id, files)
        facts, history = terugkoppelingen.facts(db, nrs), terugkoppelingen.history(db, nrs)
        before = terugkoppelingen.told(db, nrs)
    facts = _with_places(exchange, facts)
    open_ = _opened(exchange, partner, day)
    today = gemeenten.become(facts["bestemming"], day)  # an overeenkomst goes on with the one successor
    facts = facts.append_column("al_bekend", pc.is_in(today, value_set=open_))
    at = pc.index_in(history["signaal_nr"], value_set=facts["signaal_nr"].combine_chunks())
    for name in ("doorgezet_op", "al_bekend"):
        history = history.append_column(name, facts[name].take(at))
    news = reduced.changed(reduced.outcomes(history.select(reduced.HISTORY.names)), before)
    at = pc.index_in(news["signaal_nr"], value_set=facts["signaal_nr"].combine_chunks())
    for name in ("signaal_id", "bestand", "sha256", "bestemming", "uitvoerder"):
        news = news.append_column(name, facts[name].take(at))
    return news


def _with_places(exchange: Exchange, facts: pa.Table) -> pa.Table:
    """FACTS with the partner's file (bestand, sha256), and where and when the batch went (bestemming, uitvoerder by
    name, doorgezet_op)."""
    received = pc.shift_right(facts["signaal_nr"], pa.scalar(24, pa.int64()))
    own = sa.select(aanlevering.c.nr, aanlevering.c.bestand, aanlevering.c.sha256)
    went = sa.select(batch.c.id, batch.c.gemeentecode, batch.c.uitvoerder, zending.c.gepubliceerd_op.label("op")).join(
        zending, zending.c.id == batch.c.zending_id
    )
    with exchange.register.connect() as db:
        files = db.execute(own.where(aanlevering.c.nr.in_(pc.unique(received).to_pylist()))).all()
        batches = db.execute(went.where(batch.c.id.in_(pc.unique(facts["batch_id"]).to_pylist()))).all()
    file = pc.index_in(received, value_set=pa.array([row.nr for row in files], pa.int64()))
    place = pc.index_in(facts["batch_id"], value_set=pa.array([row.id for row in batches], pa.int64()))
    names = exchange.config.namen
    columns = {
        "bestand": pa.array([row.bestand for row in files], pa.string()).take(file),
        "sha256": pa.array([row.sha256 for row in files], pa.string()).take(file),
        "bestemming": pa.array([row.gemeentecode for row in batches], pa.string()).take(place),
        "uitvoerder": pa.array([names.get(row.uitvoerder, row.uitvoerder) for row in batches], pa.string()).take(place),
        "doorgezet_op": pa.array([local_date(row.op) for row in batches], pa.date32()).take(place),
    }
    for name, values in columns.items():
        facts = facts.append_column(name, values)
    return facts


def _opened(exchange: Exchange, partner: Melder, day: date) -> pa.StringArray:
    """Gemeentecodes whose overeenkomst with the partner lets it know that the inwoner was already known."""
    every, today = exchange.config.overeenkomsten, pa.scalar(day, pa.date32())
    holds = pc.and_(pc.less_equal(every["van"], today), pc.fill_null(pc.greater_equal(every["tot"], today), True))
    mine = pc.and_(pc.equal(every["partner"], partner.id), every["al_bekend"])
    return every.filter(pc.and_(holds, mine))["gemeentecode"].combine_chunks()
