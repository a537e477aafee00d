"""publish: the one way out. Moves every zending GEBOUWD -> GEUPLOAD -> GEPUBLICEERD, effectively once.

The temporary upload is verified and *recorded* before the rename that makes it visible. After a crash in GEUPLOAD
what stands at the receiver decides: the temporary name -> rename; the final name -> record; both -> remove the
temporary one, if the other is ours by its bytes (some servers rename in two steps); neither -> it was renamed and
collected, so record it and never upload again.

A night's files wait for the hour of their uitvoerder's profile; what stood there for as long as it says, is removed.
The first visit of a day also places the list of gemeenten of a partner (`aansluitlijst`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exchange.configuration import Levering
from exchange.context import Exchange, local_date
from exchange.faults import PartyFault, TargetExists
from exchange.register import leases, ledger, outbox, states
from exchange.register.tables import zending
from exchange.sentences import sentence
from exchange.sftp import Connection
from exchange.steps import aansluitlijst, collected

log = logging.getLogger(__name__)

#: Files that go through the two states together.
TOGETHER = 16


@dataclass(frozen=True)
class PublishResult:
    """How many files became visible, how many earlier ones were found collected, how many were removed because their
    time at the receiver is over, and the parties (ids) where not everything succeeded or that are not in the
    configuration any more: those are tried again."""

    gepubliceerd: int
    opgehaald: int
    verwijderd: int
    uitgesteld: list[str]


@dataclass(frozen=True)
class _Outcome:
    ontvanger: str
    gepubliceerd: int = 0
    opgehaald: int = 0
    verwijderd: int = 0
    uitgesteld: bool = False


def publish(exchange: Exchange, nu: Callable[[], datetime]) -> PublishResult:
    """Publish what waits: receivers side by side, per receiver in the order of the outbox, stopping at its first
    failure. A fault that is not the receiver's is raised when all others have been served."""
    moment = nu()
    with exchange.register.connect() as db:
        receivers = {row.ontvanger for row in outbox.waiting(db) if _due(exchange, row, moment)}
        receivers |= {
            one.id for one in exchange.config.uitvoerders.values() if collected.past(db, one.id, one.levering, moment)
        }
    lists = aansluitlijst.due(exchange, local_date(moment))
    known = exchange.config.partners.keys() | exchange.config.uitvoerders.keys()
    gone = receivers - known  # taken out of the configuration: a beheerder has to say where their files go
    with ThreadPoolExecutor(exchange.config.intake.threads) as pool:
        asked = [
            pool.submit(_to_party, exchange, receiver, lists.get(receiver), nu)
            for receiver in sorted((receivers & known) | lists.keys())
        ]
    outcomes = [one.result() for one in asked]  # a fault of one is raised when all the others have been served
    return PublishResult(
        gepubliceerd=sum(outcome.gepubliceerd for outcome in outcomes),
        opgehaald=sum(outcome.opgehaald for outcome in outcomes),
        verwijderd=sum(outcome.verwijderd for outcome in outcomes),
        uitgesteld=sorted({*gone, *(outcome.ontvanger for outcome in outcomes if outcome.uitgesteld)}),
    )


def _due(exchange: Exchange, row: sa.Row[Any], moment: datetime) -> bool:
    """Whether a file need not wait for the hour from which its uitvoerder receives; a begun upload never waits."""
    receiver = exchange.config.uitvoerders.get(row.ontvanger)
    if receiver is None or row.nacht is None or row.staat != states.Zending.GEBOUWD:
        return True
    return moment >= receiver.levering.niet_voor(row.nacht)


def _levering(exchange: Exchange, receiver: str) -> Levering:
    """A partner has no profile of delivery: it is the same for all."""
    uitvoerder = exchange.config.uitvoerders.get(receiver)
    return uitvoerder.levering if uitvoerder else Levering()


def _to_party(exchange: Exchange, receiver: str, listed: bytes | None, nu: Callable[[], datetime]) -> _Outcome:
    done = gone = cleared = 0
    with leases.held(exchange.register, f"publish:{receiver}", nu) as lease:
        if lease is None:  # somebody else is at it, and may have begun before our files were there
            for one in leases.who(exchange.register, f"publish:{receiver}", receiver):
                log.info("een ander proces is hier al mee bezig: %s", one)
            return _Outcome(receiver, uitgesteld=True)
        moment = nu()
        with exchange.register.connect() as db:
            rows = [row for row in outbox.waiting(db, receiver) if _due(exchange, row, moment)]
        try:
            with exchange.connect(exchange.config.partij(receiver)) as connection:
                gone = _see_collected(exchange, connection, receiver, lease, nu)
                for folder in sorted({row.map for row in rows}):
                    connection.ensure_folder(folder)
                for at in range(0, len(rows), TOGETHER):
                    done += _publish_some(exchange, connection, rows[at : at + TOGETHER], lease, nu)
                cleared = _clear(exchange, connection, receiver, lease, nu)
                if listed is not None:
                    aansluitlijst.place(exchange, connection, receiver, listed, local_date(moment))
        except (PartyFault, TargetExists) as fault:
            # never the name: an answer is named after a file that the partner may have named after somebody
            taken = f"{receiver}: een ander bestand heeft de naam van het onze; er is niets overschreven"
            log.warning("%s", taken if isinstance(fault, TargetExists) else sentence(fault))
            return _Outcome(receiver, done, gone, cleared, True)
    return _Outcome(receiver, done, gone, cleared)


def _publish_some(
    exchange: Exchange,
    connection: Connection,
    rows: Sequence[sa.Row[Any]],
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> int:
    """A few files through both states together, so that the register is asked twice and not twice per file."""
    names = {row.id: (f"{row.map}/.{row.naam}.{row.id}.tmp", f"{row.map}/{row.naam}") for row in rows}
    fresh = [row for row in rows if row.staat == states.Zending.GEBOUWD]
    for row in rows:
        if row not in fresh:
            _finish_upload(connection, row, *names[row.id])
    for row in fresh:
        with exchange.archive.open(row.archief) as ciphertext:
            connection.put(ciphertext, names[row.id][0], row.grootte)
    if fresh:
        _record(exchange, fresh, states.Zending.GEUPLOAD, lease, nu)
    for row in fresh:
        connection.rename(*names[row.id])
    _record(exchange, rows, states.Zending.GEPUBLICEERD, lease, nu)
    return len(rows)


def _finish_upload(connection: Connection, row: sa.Row[Any], temporary: str, final: str) -> None:
    """What an interrupted run left: see the module's docstring. Raises TargetExists when the name is another's."""
    left, visible = connection.stat(temporary), connection.stat(final)
    if left and visible:
        if not collected.ours(connection, row, visible):
            raise TargetExists(final)
        connection.remove(temporary)
    elif left:
        connection.rename(temporary, final)


def _see_collected(
    exchange: Exchange, connection: Connection, receiver: str, lease: leases.Lease, nu: Callable[[], datetime]
) -> int:
    """Record published files that the receiver took away; returns how many."""
    levering = _levering(exchange, receiver)
    if levering.afhalen == "onbekend":
        return 0
    query = sa.select(zending).where(zending.c.ontvanger == receiver, zending.c.staat == states.Zending.GEPUBLICEERD)
    with exchange.register.connect() as db:
        # of a file whose time is over, a run that stopped half-way may have removed it: nobody can say who did
        over = {row.id for row in collected.past(db, receiver, levering, nu())}
        rows = [row for row in db.execute(query) if row.id not in over]
    gone = collected.collected(connection, levering, rows)
    if gone:
        _record(exchange, gone, states.Zending.OPGEHAALD, lease, nu)
    return len(gone)


def _clear(
    exchange: Exchange, connection: Connection, receiver: str, lease: leases.Lease, nu: Callable[[], datetime]
) -> int:
    """Remove files whose time at the receiver is over; returns how many."""
    with exchange.register.connect() as db:
        rows = collected.past(db, receiver, _levering(exchange, receiver), nu())
    gone = collected.removed(connection, rows)
    if gone:
        _record(exchange, gone, states.Zending.VERWIJDERD, lease, nu)
    return len(gone)


def _record(
    exchange: Exchange,
    rows: Sequence[sa.Row[Any]],
    target: states.Zending,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> None:
    moment = nu()
    with exchange.register.begin() as db:
        leases.renew(db, lease, moment)
        outbox.move(db, [row.id for row in rows], target, moment)
        if target is not states.Zending.GEUPLOAD:
            facts = [{"zending": row.id, "sha256": row.sha256} for row in rows]
            ledger.append(db, moment, f"ZENDING_{target}", *facts)
