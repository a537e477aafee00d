"""publish: the one way out. Visits every party for which something waits; `placing` says how a file comes to stand
there.

A visit sees first what was collected, places what waits, lets evidence settle what is doubtful (`onzeker`), makes the
manifests of rounds that are complete now (`manifest`) and places those, and removes what stood there for as long as its
receiver's profile says. A night's files wait for the hour of that profile. The first visit of a day also places the
list of gemeenten of a partner (`aansluitlijst`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exchange.context import Exchange, local_date
from exchange.faults import FileFault, PartyFault
from exchange.register import leases, outbox, states
from exchange.register.tables import zending
from exchange.sentences import sentence
from exchange.steps import aansluitlijst, collected, manifest, onzeker, placing, rekey
from exchange.steps.visit import Visit

log = logging.getLogger(__name__)

#: How often a visit tries what a server refused, or what has to be uploaded once more.
ROUNDS = 3


@dataclass(frozen=True)
class PublishResult:
    """How many files became visible, how many earlier ones were found collected, how many were removed because their
    time at the receiver is over, the parties (ids) where not everything succeeded or that are not in the configuration
    any more (those are tried again), and per doubtful zending its number and receiver."""

    gepubliceerd: int
    opgehaald: int
    verwijderd: int
    uitgesteld: list[str]
    onzeker: list[str]


@dataclass
class _Outcome:
    """What one visit brought; `waits` when something has to be tried again."""

    placed: placing.Placed = field(default_factory=placing.Placed)
    opgehaald: int = 0
    verwijderd: int = 0
    held: bool = False
    owed: bool = False
    refused: bool = False

    @property
    def waits(self) -> bool:
        return self.held or self.owed or self.refused or self.placed.again


def publish(exchange: Exchange, nu: Callable[[], datetime]) -> PublishResult:
    """Publish what waits: receivers side by side, per receiver in the order of the outbox. A fault that is not the
    receiver's is raised when all others have been served."""
    moment = nu()
    receivers = _receivers(exchange, moment)
    lists = aansluitlijst.due(exchange, local_date(moment))
    known = exchange.config.partners.keys() | exchange.config.uitvoerders.keys()
    gone = receivers - known  # taken out of the configuration: a beheerder has to say where their files go
    with ThreadPoolExecutor(exchange.config.intake.threads) as pool:
        asked = {
            receiver: pool.submit(_to_party, exchange, receiver, lists.get(receiver), nu)
            for receiver in sorted((receivers & known) | lists.keys())
        }
    outcomes = {receiver: one.result() for receiver, one in asked.items()}  # raises when all others have been served
    with exchange.register.connect() as db:
        doubts = outbox.doubtful(db)
    return PublishResult(
        gepubliceerd=sum(one.placed.visible for one in outcomes.values()),
        opgehaald=sum(one.opgehaald for one in outcomes.values()),
        verwijderd=sum(one.verwijderd for one in outcomes.values()),
        uitgesteld=sorted({*gone, *(receiver for receiver, one in outcomes.items() if one.waits)}),
        onzeker=[f"{row.id} ({row.ontvanger})" for row in doubts],
    )


def _receivers(exchange: Exchange, moment: datetime) -> set[str]:
    """The parties (ids) to visit: something waits for them, is doubtful, or stood there long enough."""
    with exchange.register.connect() as db:
        found = {row.ontvanger for row in outbox.waiting(db) if _due(exchange, row, moment)}
        found |= {row.ontvanger for row in outbox.doubtful(db)}
        found |= manifest.owed(exchange, db, moment).keys()
        uitvoerders = exchange.config.uitvoerders.values()
        return found | {one.id for one in uitvoerders if collected.past(db, one.id, one.levering, moment)}


def _due(exchange: Exchange, row: sa.Row[Any], moment: datetime) -> bool:
    """Whether a file need not wait for the hour from which its uitvoerder receives; a begun upload never waits."""
    receiver = exchange.config.uitvoerders.get(row.ontvanger)
    if receiver is None or row.nacht is None or row.staat != states.Zending.GEBOUWD:
        return True
    return moment >= receiver.levering.niet_voor(row.nacht)


def _to_party(exchange: Exchange, receiver: str, listed: bytes | None, nu: Callable[[], datetime]) -> _Outcome:
    outcome = _Outcome()
    with leases.held(exchange.register, f"publish:{receiver}", nu) as lease:
        if lease is None:  # somebody else is at it, and may have begun before our files were there
            for one in leases.who(exchange.register, f"publish:{receiver}", receiver):
                log.info("een ander proces is hier al mee bezig: %s", one)
            return _Outcome(held=True)
        party = exchange.config.partij(receiver)
        try:
            with exchange.connect(party) as connection:
                _serve(Visit(exchange, party, connection, lease, nu), listed, outcome)
        except PartyFault as fault:
            log.warning("%s", sentence(fault))
            outcome.refused = True
    return outcome


def _serve(visit: Visit, listed: bytes | None, outcome: _Outcome) -> None:
    """Every part of a visit; one that the server refuses keeps none of the others from being done."""

    def seen() -> None:
        outcome.opgehaald = _see_collected(visit)

    def cleared() -> None:
        outcome.verwijderd = _clear(visit)

    def placed() -> None:
        _place(visit, outcome)
        onzeker.settle(visit)

    def closed() -> None:
        made, waits = manifest.make(visit)
        outcome.owed = waits > 0
        if made:
            placed()

    def said() -> None:
        """Once for all files of which the same is to be said: a server that takes nothing refuses hundreds."""
        refused = outcome.placed.refused
        for words in dict.fromkeys(refused.values()):
            numbers = [str(nr) for nr, said_ in refused.items() if said_ == words]
            shown = ", ".join(numbers[:10]) + (f" en nog {len(numbers) - 10}" if numbers[10:] else "")
            log.warning("zending %s: %s", shown, words)

    def list_placed() -> None:
        if listed is not None:
            day = local_date(visit.nu())
            aansluitlijst.place(visit.exchange, visit.connection, visit.receiver.id, listed, day)

    for part in (seen, placed, closed, said, cleared, list_placed):
        with _alone(outcome):
            part()


@contextmanager
def _alone(outcome: _Outcome) -> Iterator[None]:
    try:
        yield
    except FileFault as fault:
        log.warning("%s", sentence(fault))
        outcome.refused = True


def _place(visit: Visit, outcome: _Outcome) -> None:
    """Place what waits; what a server refused, or lost, is tried a few times more."""
    for _ in range(ROUNDS):
        held = rekey.renew(visit, _waiting(visit))
        rows = [row for row in _waiting(visit) if row.id not in held]
        reachable = _folders(visit, outcome, {row.map for row in rows})
        outcome.held, outcome.placed = bool(held), placing.Placed(outcome.placed.visible)
        placing.place(visit, [row for row in rows if row.map in reachable], outcome.placed)
        if not outcome.placed.again:
            return


def _folders(visit: Visit, outcome: _Outcome, wanted: set[str]) -> set[str]:
    """Make the folders that are missing; returns those that are there."""
    found = set()
    for folder in sorted(wanted):
        with _alone(outcome):
            visit.connection.ensure_folder(folder)
            found.add(folder)
    return found


def _waiting(visit: Visit) -> list[sa.Row[Any]]:
    moment = visit.nu()
    with visit.exchange.register.connect() as db:
        return [row for row in outbox.waiting(db, visit.receiver.id) if _due(visit.exchange, row, moment)]


def _see_collected(visit: Visit) -> int:
    """Record published files that the receiver took away; returns how many."""
    if visit.levering.afhalen == "onbekend":
        return 0
    query = sa.select(zending).where(
        zending.c.ontvanger == visit.receiver.id, zending.c.staat == states.Zending.GEPUBLICEERD
    )
    with visit.exchange.register.connect() as db:
        # of a file whose time is over, a run that stopped half-way may have removed it: nobody can say who did
        over = {row.id for row in collected.past(db, visit.receiver.id, visit.levering, visit.nu())}
        rows = [row for row in db.execute(query) if row.id not in over]
    gone = collected.collected(visit.connection, visit.levering, rows)
    visit.record({states.Zending.OPGEHAALD: [row.id for row in gone]})
    return len(gone)


def _clear(visit: Visit) -> int:
    """Remove files whose time at the receiver is over; returns how many."""
    with visit.exchange.register.connect() as db:
        rows = collected.past(db, visit.receiver.id, visit.levering, visit.nu())
    gone = collected.removed(visit.connection, rows)
    visit.record({states.Zending.VERWIJDERD: [row.id for row in gone]})
    return len(gone)
