"""pickup: fetch what partners (or uitvoerders, their terugkoppeling) dropped, before anything else is done with it.

The name of a file says for which partner it is (`namens`): that is registered, and check judges it. A partner's proef
is fetched along, from a folder of its own; what was fetched a day ago as a proef is removed.

Bytes first (into the archive, hashed on the way), register second, remote clean-up last. A file is known by party,
name, size, mtime and content: run again after any crash, one drop is registered once.
"""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO

import sqlalchemy as sa

from exchange.configuration import Partij
from exchange.context import Exchange, local_date
from exchange.faults import HostKeyMismatch, PartyFault, TargetExists
from exchange.register import leases, ledger, states
from exchange.register.aanleveringen import Soort, dropped_by, event_of
from exchange.register.tables import aanlevering
from exchange.sentences import sentence
from exchange.sftp import Connection, RemoteFile
from exchange.steps import namens, proef

log = logging.getLogger(__name__)

IN, DONE = "in", "in/opgehaald"
#: Longest name, in bytes, that still fits with our number before it, or an answer's kind behind it.
LONGEST_NAME = 200
#: Ending of the file that says that another is complete, where a partner's profile asks for one.
READY = ".gereed"
#: Endings that clients give to a file that is still being written.
HALF = (".part", ".filepart", ".tmp", ".partial")


@dataclass(frozen=True)
class PickupResult:
    """What one round brought; the lists hold party ids."""

    opgehaald: int
    onbereikbaar: list[str]  # tried again at the next intake
    vertrouwd_niet: list[str]  # host key unknown or changed: a beheerder must look
    mislukt: list[str]  # something is wrong on our side: a beheerder must look


@dataclass(frozen=True)
class _Fetched:
    """One file of `partner` (its id) whose bytes are in the archive."""

    partner: str
    soort: Soort
    file: RemoteFile
    sha256: str
    archief: str


@dataclass
class _Visit:
    """One party in this round: its connection, what stood there at the first look (by kind and name), what was
    fetched."""

    party: Partij
    soort: Soort
    day: date
    connection: Connection | None = None
    seen: dict[tuple[Soort, str], RemoteFile] = field(default_factory=dict)
    fault: Exception | None = None
    fetched: list[_Fetched] = field(default_factory=list)
    registered: dict[int, _Fetched] = field(default_factory=dict)

    def whose(self, exchange: Exchange, name: str) -> str:
        """For which partner (id) the account dropped this file."""
        return namens.recorded(exchange.config, self.party, name, self.day)


def pickup(exchange: Exchange, nu: Callable[[], datetime], soort: Soort = Soort.SIGNALEN) -> PickupResult:
    """Fetch every stable file of every party that sends `soort`; one that cannot be reached costs only itself.

    Where another worker is already picking up, nothing is done.
    """
    parties: Mapping[str, Partij] = exchange.config.partners
    if soort is Soort.TERUGKOPPELING:
        parties = exchange.config.uitvoerders
    day = local_date(nu())
    visits = [_Visit(parties[party], soort, day) for party in sorted(parties)]
    with ExitStack() as stack:
        lease = stack.enter_context(leases.held(exchange.register, f"pickup:{soort}", nu))
        if lease is None:
            return PickupResult(0, [], [], [])
        pool = stack.enter_context(ThreadPoolExecutor(exchange.config.intake.threads))

        def everywhere(work: Callable[[_Visit], None]) -> None:
            list(pool.map(lambda visit: _guarded(visit, work), visits))

        everywhere(lambda visit: _arrive(exchange, visit, stack, nu))
        if any(visit.seen for visit in visits):
            time.sleep(exchange.config.intake.stil_seconden)  # one wait for all parties
        everywhere(lambda visit: _collect(exchange, visit))
        for visit in visits:  # numbers are given in the order party, name
            _register(exchange, visit, lease, nu)
        everywhere(lambda visit: _clear_all(exchange, visit, nu))
    return PickupResult(
        opgehaald=sum(len(visit.registered) for visit in visits),
        onbereikbaar=[v.party.id for v in visits if isinstance(v.fault, PartyFault) and v.fault.retry],
        vertrouwd_niet=[v.party.id for v in visits if isinstance(v.fault, HostKeyMismatch)],
        mislukt=[v.party.id for v in visits if v.fault and not isinstance(v.fault, PartyFault)],
    )


def _guarded(visit: _Visit, work: Callable[[_Visit], None]) -> None:
    if visit.fault:
        return
    try:
        work(visit)
    except PartyFault as fault:
        log.warning("%s", sentence(fault))
        visit.fault = fault
    except Exception as fault:  # noqa: BLE001  ours, not the party's: the others must not wait for it
        log.error("%s: %s", visit.party.id, sentence(fault))
        visit.fault = fault


def _arrive(exchange: Exchange, visit: _Visit, stack: ExitStack, nu: Callable[[], datetime]) -> None:
    """Log in, finish what an earlier round left half done, and look for the first time."""
    tries = Soort.PROEF in visit.soort.taken_along
    if tries:
        proef.wipe_archive(exchange, visit.party.id, nu())
    visit.connection = stack.enter_context(exchange.connect(visit.party))
    for row in _uncleared(exchange, visit.party.id):
        file = RemoteFile(row.bestand, row.grootte, row.mtime, True)
        _clear(exchange, visit, row.nr, _Fetched(row.partner, Soort(row.soort), file, row.sha256, row.archief), nu)
    if tries:
        proef.wipe(exchange, visit.party.id, visit.connection, nu)
    listed = _listing(exchange, visit)
    if not listed and visit.soort is Soort.SIGNALEN and not _has_folder(visit.connection, IN):
        log.warning("%s: er is geen map %s/, dus niets om op te halen", visit.party.id, IN)
    visit.seen = {at: file for at, file in listed.items() if _nameable(file)}
    if left := len(listed) - len(visit.seen):
        log.warning("%s: bestanden die blijven staan, om een te lange of vreemde naam: %d", visit.party.id, left)


def _listing(exchange: Exchange, visit: _Visit) -> dict[tuple[Soort, str], RemoteFile]:
    """The files that we would take now, by kind and name."""
    assert visit.connection is not None
    found: dict[tuple[Soort, str], RemoteFile] = {}
    for soort in visit.soort.taken_along:
        if soort is Soort.PROEF and not _has_folder(visit.connection, proef.IN):
            continue
        listed = {file.name: file for file in visit.connection.listing(_folders(soort)[0])}
        for name, file in sorted(listed.items()):
            complete = not name.endswith(READY) and f"{name}{READY}" in listed
            meant = name.removesuffix(READY)
            if namens.may_be_stopped(exchange.config, visit.party, meant, visit.day):
                continue
            if _wanted(file) and (complete or not namens.waits(exchange.config, visit.whose(exchange, meant))):
                found[soort, name] = file
    return found


def _has_folder(connection: Connection, path: str) -> bool:
    """Whether a party has this folder; it may have dropped a file with that name."""
    found = connection.stat(path)
    return found is not None and not found.regular


def _folders(soort: Soort) -> tuple[str, str]:
    """Where a party drops files of this kind, and where they go when we have them."""
    return (proef.IN, proef.DONE) if soort is Soort.PROEF else (IN, DONE)


def _wanted(file: RemoteFile) -> bool:
    """Whether it is a whole file, whatever it is called: check answers a name that was not agreed."""
    return file.regular and not file.name.startswith(".") and not file.name.lower().endswith(HALF)


def _nameable(file: RemoteFile) -> bool:
    """Whether the name can stand in that of an answer."""
    return file.deugt and len(file.name.encode()) <= LONGEST_NAME


def _collect(exchange: Exchange, visit: _Visit) -> None:
    """Fetch what did not change between the two looks."""
    again = _listing(exchange, visit) if visit.seen else {}
    for at, file in again.items():
        before = visit.seen.get(at)
        if before and (before.size, before.mtime) == (file.size, file.mtime):
            visit.fetched.append(_fetch(exchange, visit, at[0], file))


def _fetch(exchange: Exchange, visit: _Visit, soort: Soort, file: RemoteFile) -> _Fetched:
    assert visit.connection is not None
    hashing = hashlib.sha256()
    folder = f"{'proef' if soort is Soort.PROEF else 'ontvangen'}/{visit.party.id}"
    incoming = f"{folder}/.{uuid.uuid4().hex}"
    with exchange.archive.put_atomic(incoming) as sink:
        visit.connection.fetch(f"{_folders(soort)[0]}/{file.name}", _Hashed(sink, hashing))
    archief = f"{folder}/{hashing.hexdigest()}"  # the same bytes of one party always lie at the same place
    exchange.archive.rename(incoming, archief)
    return _Fetched(visit.whose(exchange, file.name), soort, file, hashing.hexdigest(), archief)


def _register(exchange: Exchange, visit: _Visit, lease: leases.Lease, nu: Callable[[], datetime]) -> None:
    for fetched in visit.fetched:
        moment = nu()
        with exchange.register.begin() as db:
            leases.renew(db, lease, moment)
            nr = db.execute(
                aanlevering.insert()
                .values(
                    soort=fetched.soort,
                    partner=fetched.partner,
                    gemachtigde=visit.party.id if visit.party.id != fetched.partner else None,
                    bestand=fetched.file.name,
                    sha256=fetched.sha256,
                    grootte=fetched.file.size,
                    mtime=fetched.file.mtime,
                    archief=fetched.archief,
                    opgehaald_op=moment,
                    staat=states.Aanlevering.OPGEHAALD,
                )
                .returning(aanlevering.c.nr)
            ).scalar_one()
            event = {"aanlevering": nr, "partner": fetched.partner, "sha256": fetched.sha256}
            if fetched.partner != visit.party.id:
                event["gemachtigde"] = visit.party.id
            ledger.append(db, moment, event_of(fetched.soort, states.Aanlevering.OPGEHAALD), event)
        visit.registered[nr] = fetched


def _clear_all(exchange: Exchange, visit: _Visit, nu: Callable[[], datetime]) -> None:
    for nr, fetched in visit.registered.items():
        _clear(exchange, visit, nr, fetched, nu)


def _clear(exchange: Exchange, visit: _Visit, nr: int, fetched: _Fetched, nu: Callable[[], datetime]) -> None:
    """Move the remote file out of `in/`, and look once more: what changed after hashing is a new aanlevering."""
    connection, file = visit.connection, fetched.file
    assert connection is not None
    folder, done = _folders(fetched.soort)
    source, target = f"{folder}/{file.name}", f"{done}/{nr}_{file.name}"  # never taken; a later round knows whose it is
    connection.ensure_folder(done)
    there = connection.stat(source)
    if there is not None and connection.stat(target) is None:
        if namens.waits(exchange.config, fetched.partner) and (there.size, there.mtime) == (file.size, file.mtime):
            connection.remove(f"{source}{READY}")  # first: behind the move it might be that of a next file of this name
        connection.move(source, target)
    moved = connection.stat(target)
    if moved is not None and (moved.size, moved.mtime) != (file.size, file.mtime):
        try:
            connection.move(target, source)
        except TargetExists:
            return  # a third file has come under that name: it goes first, and then we try again
    _record_cleared(exchange, nr, nu)


def _uncleared(exchange: Exchange, account: str) -> list[sa.Row[Any]]:
    with exchange.register.connect() as db:
        return list(
            db.execute(
                sa.select(aanlevering)
                .where(dropped_by(account), aanlevering.c.verplaatst_op.is_(None))
                .order_by(aanlevering.c.nr)
            )
        )


def _record_cleared(exchange: Exchange, nr: int, nu: Callable[[], datetime]) -> None:
    with exchange.register.begin() as db:
        db.execute(aanlevering.update().where(aanlevering.c.nr == nr).values(verplaatst_op=nu()))


class _Hashed:
    """A sink that hashes what passes."""

    def __init__(self, sink: BinaryIO, hashing: Any) -> None:
        self._sink, self._hashing = sink, hashing

    def write(self, data: bytes) -> int:
        self._hashing.update(data)
        return self._sink.write(data)
