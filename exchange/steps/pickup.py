"""pickup: fetch what partners (or uitvoerders, their terugkoppeling) dropped, before anything else is done with it.

The name of a file says for which partner it is (`namens`): that is registered, and check judges it. A partner's proef
is fetched along, from a folder of its own; what was fetched a day ago as a proef is removed.

Bytes first (into the archive, hashed on the way), register second, remote clean-up last (`clearing`), file by file: a
visit that is cut off has done what it did. A file is known by party, name, size, mtime and content: run again after
any crash, one drop is registered once. Parties are visited side by side and wait for nobody: none takes more time,
files or names than the settings of intake give it, and what is left comes in the next round. What came unencrypted is
sealed on the way (`verzegelen`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from exchange.configuration import Partij
from exchange.context import Exchange, local_date
from exchange.faults import (
    FileChanged,
    FileFault,
    FolderMissing,
    HostKeyMismatch,
    LoginRefused,
    OutOfTime,
    PartyFault,
    PartyUnreachable,
    ServerUnfit,
)
from exchange.register import leases, ledger, states
from exchange.register.aanleveringen import Soort, event_of
from exchange.register.tables import aanlevering
from exchange.sentences import sentence
from exchange.sftp import Connection, RemoteFile
from exchange.steps import clearing, inbox, namens, proef, verzegelen
from exchange.steps.clearing import Registered

log = logging.getLogger(__name__)

#: Moves that may fail in one round before the other files that have still to be moved are left for the next.
MOST_FAILED = 100


@dataclass(frozen=True)
class PickupResult:
    """What one round brought. A party (id) stands in at most one of the lists; the counts are per party."""

    opgehaald: int = 0
    onbereikbaar: list[str] = field(default_factory=list)  # tried again at the next intake
    te_traag: list[str] = field(default_factory=list)  # its time was over: the rest at the next intake
    aanmelding_geweigerd: list[str] = field(default_factory=list)  # its server does not let us in
    vertrouwd_niet: list[str] = field(default_factory=list)  # host key unknown or changed: a beheerder must look
    niet_te_gebruiken: list[str] = field(default_factory=list)  # its server answers, and not so that we can work
    zonder_map: list[str] = field(default_factory=list)  # there is no folder to drop files in
    geen_toegang: list[str] = field(default_factory=list)  # that folder may not be read
    mislukt: list[str] = field(default_factory=list)  # something is wrong on our side: a beheerder must look
    blijft_staan: dict[str, int] = field(default_factory=dict)  # files that could not be fetched, or not moved
    later: dict[str, int] = field(default_factory=dict)  # files that are left for the next round
    onversleuteld: list[str] = field(default_factory=list)  # what came could be read by anybody: a beheerder must look
    bezet: list[str] = field(default_factory=list)  # which other process is at it


#: In which of those lists a party stands: the first kind that its fault is of.
_LISTS: tuple[tuple[type[Exception], str], ...] = (
    (PartyUnreachable, "onbereikbaar"),
    (OutOfTime, "te_traag"),
    (LoginRefused, "aanmelding_geweigerd"),
    (HostKeyMismatch, "vertrouwd_niet"),
    (ServerUnfit, "niet_te_gebruiken"),
    (FolderMissing, "zonder_map"),
    (FileFault, "geen_toegang"),
    (Exception, "mislukt"),
)


@dataclass(frozen=True)
class _Fetched:
    """One file of `partner` (its id) whose bytes are in the archive; `sha256` and `archief` are empty where it was too
    large to fetch, which is what it will be answered."""

    partner: str
    soort: Soort
    file: RemoteFile
    sha256: str = ""
    archief: str = ""
    verzegeld: bool = False  # it came unencrypted: the archive holds it sealed to ourselves


@dataclass
class _Visit:
    """One party in this round: what stood there at the first look, and what became of it."""

    party: Partij
    soort: Soort
    day: date
    seen: inbox.Files = field(default_factory=dict)
    standing: list[Registered] = field(default_factory=list)  # registered, and not seen to be out of in/
    opgehaald: int = 0
    onversleuteld: bool = False  # whether anything came so
    blijft: int = 0  # files that could not be fetched, or not moved
    waarom: FileFault | None = None  # of the first of those
    later: int = 0
    fault: Exception | None = None

    def whose(self, exchange: Exchange, name: str) -> str:
        """For which partner (id) the account dropped this file."""
        return namens.recorded(exchange.config, self.party, name, self.day)

    @contextmanager
    def one_file(self) -> Iterator[None]:
        """What goes wrong with a single file holds up no other."""
        try:
            yield
        except FileChanged:
            self.later += 1
        except FileFault as fault:
            self.blijft += 1
            self.waarom = self.waarom or fault


def pickup(exchange: Exchange, nu: Callable[[], datetime], soort: Soort = Soort.SIGNALEN) -> PickupResult:
    """Fetch every stable file of every party that sends `soort`; whatever is wrong at one costs only itself.

    Where another worker is already picking up, nothing is done.
    """
    parties: Mapping[str, Partij] = exchange.config.partners
    if soort is Soort.TERUGKOPPELING:
        parties = exchange.config.uitvoerders
    day = local_date(nu())
    visits = [_Visit(parties[party], soort, day) for party in sorted(parties)]
    with leases.held(exchange.register, f"pickup:{soort}", nu) as lease:
        if lease is None:
            return PickupResult(bezet=leases.who(exchange.register, f"pickup:{soort}", "ophalen"))
        with ThreadPoolExecutor(exchange.config.intake.threads) as pool:
            try:
                list(pool.map(lambda visit: _guarded(exchange, visit, lease, nu), visits))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)  # where we are stopped half-way
    return _result(visits)


def _result(visits: list[_Visit]) -> PickupResult:
    named: dict[str, list[str]] = {}
    for visit in visits:
        if visit.fault:
            kind = next(name for kind, name in _LISTS if isinstance(visit.fault, kind))
            named.setdefault(kind, []).append(visit.party.id)
    return PickupResult(
        opgehaald=sum(visit.opgehaald for visit in visits),
        onversleuteld=[visit.party.id for visit in visits if visit.onversleuteld],
        blijft_staan={visit.party.id: visit.blijft for visit in visits if visit.blijft},
        later={visit.party.id: visit.later for visit in visits if visit.later},
        **named,
    )


def _tell(visit: _Visit) -> None:
    """What a beheerder must know of single files: numbers, never names."""
    party = visit.party.id
    if visit.waarom:
        numbers = [str(one.nr) for one in visit.standing]
        shown = ", ".join(numbers[:10]) + (f" en nog {len(numbers) - 10}" if numbers[10:] else "")
        taken = f" Daarvan ingenomen, en niet nog eens: aanlevering {shown}." if numbers else ""
        log.warning("%s: bestanden die blijven staan: %d.%s %s", party, visit.blijft, taken, sentence(visit.waarom))
    if visit.later:
        log.warning("%s: bestanden die wachten op de volgende ronde: %d", party, visit.later)


def _guarded(exchange: Exchange, visit: _Visit, lease: leases.Lease, nu: Callable[[], datetime]) -> None:
    try:
        _visit(exchange, visit, lease, nu)
    except PartyFault as fault:
        log.warning("%s", sentence(fault))
        visit.fault = fault
    except Exception as fault:  # noqa: BLE001  ours, not the party's: the others must not wait for it
        log.error("%s: %s", visit.party.id, sentence(fault))
        visit.fault = fault
    _tell(visit)


def _visit(exchange: Exchange, visit: _Visit, lease: leases.Lease, nu: Callable[[], datetime]) -> None:
    """Finish what an earlier round left half done, look twice, and take in what stands still."""
    tries = Soort.PROEF in visit.soort.taken_along
    if tries:
        proef.wipe_archive(exchange, visit.party.id, nu())
    verzegelen.wipe(exchange, visit.party.id, nu())
    with exchange.connect(visit.party) as connection:
        for one in clearing.uncleared(exchange, visit.party.id):
            _clear(exchange, visit, connection, one, nu)
        if tries:
            proef.wipe(exchange, visit.party.id, connection, nu)
        visit.seen = _look(exchange, visit, connection)
        if left := len(visit.seen) - sum(inbox.nameable(file) for file in visit.seen.values()):
            log.warning("%s: bestanden die blijven staan, om een te lange of vreemde naam: %d", visit.party.id, left)
        if len(visit.seen) > left:
            time.sleep(exchange.config.intake.stil_seconden)
            _collect(exchange, visit, connection, lease, nu)


def _look(exchange: Exchange, visit: _Visit, connection: Connection) -> inbox.Files:
    return inbox.listing(exchange.config, visit.party, visit.soort, visit.day, connection)


def _collect(
    exchange: Exchange, visit: _Visit, connection: Connection, lease: leases.Lease, nu: Callable[[], datetime]
) -> None:
    """Take in what did not change between the two looks, by name, as much as goes in one round."""
    fresh = list(_fresh(visit, connection, _look(exchange, visit, connection)))
    visit.later += len(fresh)
    now = fresh[: exchange.config.intake.max_bestanden]
    for soort, file, sha256 in _held(exchange, visit, connection, now):
        registered = None
        with visit.one_file():
            registered = _take(exchange, visit, connection, soort, file, sha256, lease, nu)
        visit.later -= 1
        if registered:
            _clear(exchange, visit, connection, registered, nu)


def _fresh(visit: _Visit, connection: Connection, listed: inbox.Files) -> Iterator[tuple[Soort, RemoteFile]]:
    """What stands still and was not registered before."""
    for (soort, name), file in listed.items():
        before = visit.seen.get((soort, name))
        if before is None or before.size != file.size or not inbox.nameable(file):
            continue
        known = True  # until it was seen that it is another
        with visit.one_file():
            path = f"{inbox.folders(soort)[0]}/{name}"
            same = [one for one in visit.standing if (one.soort, one.bestand) == (soort, name)]
            known = any(clearing.is_it(connection, path, file, one) for one in same)
        if not known:
            yield soort, file


def _held(
    exchange: Exchange, visit: _Visit, connection: Connection, files: list[tuple[Soort, RemoteFile]]
) -> list[tuple[Soort, RemoteFile, str | None]]:
    """Where the mtime of a file says nothing, because it is another at every look or is not given, its bytes must be
    the same for as long as a file must stand still: with each such file the hash that it has now."""
    intake = exchange.config.intake
    found: list[tuple[Soort, RemoteFile, str | None]] = []
    for soort, file in files:
        if visit.seen[soort, file.name].mtime == file.mtime != 0 or file.size > intake.max_opgehaald:
            found.append((soort, file, None))
            continue
        with visit.one_file():
            path = f"{inbox.folders(soort)[0]}/{file.name}"
            found.append((soort, file, clearing.sha256(connection, path, file.size)))
    if held := sum(sha256 is not None for _, _, sha256 in found):
        log.warning(
            "%s: bestanden waarvan de wijzigingstijd bij elke blik anders is: %d. Daarvan vergelijken wij de inhoud, "
            "en dat kost tijd. Vraag de partij haar server na te zien",
            visit.party.id,
            held,
        )
        time.sleep(intake.stil_seconden)
    return found


def _take(
    exchange: Exchange,
    visit: _Visit,
    connection: Connection,
    soort: Soort,
    file: RemoteFile,
    sha256: str | None,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> Registered:
    """Fetch a file and register it."""
    if file.size > exchange.config.intake.max_opgehaald:
        fetched = _Fetched(visit.whose(exchange, file.name), soort, file)
    else:
        fetched = _fetch(exchange, visit, connection, soort, file)
    if sha256 not in (None, fetched.sha256) or not _unchanged(connection, fetched, mtime=sha256 is None):
        raise FileChanged(visit.party.id)
    registered = _register(exchange, visit, fetched, lease, nu)
    visit.opgehaald += 1
    visit.onversleuteld |= fetched.verzegeld
    return registered


def _unchanged(connection: Connection, fetched: _Fetched, *, mtime: bool) -> bool:
    """A last look before a file is registered."""
    there, file = connection.stat(f"{inbox.folders(fetched.soort)[0]}/{fetched.file.name}"), fetched.file
    return there is not None and there.size == file.size and (there.mtime == file.mtime or not mtime)


def _fetch(exchange: Exchange, visit: _Visit, connection: Connection, soort: Soort, file: RemoteFile) -> _Fetched:
    folder = f"{'proef' if soort is Soort.PROEF else 'ontvangen'}/{visit.party.id}"
    incoming = f"{folder}/.{uuid.uuid4().hex}"
    with verzegelen.incoming(exchange, visit.party.id, incoming) as sink:
        hashing = clearing.Hashing(sink)
        connection.fetch(f"{inbox.folders(soort)[0]}/{file.name}", hashing, file.size)
    if sink.verzegeld:
        folder = f"{verzegelen.FOLDER}/{visit.party.id}"
    archief = f"{folder}/{hashing.hexdigest()}"  # the same bytes of one party always lie at the same place
    exchange.archive.rename(incoming, archief)
    return _Fetched(visit.whose(exchange, file.name), soort, file, hashing.hexdigest(), archief, sink.verzegeld)


def _register(
    exchange: Exchange, visit: _Visit, fetched: _Fetched, lease: leases.Lease, nu: Callable[[], datetime]
) -> Registered:
    moment, file = nu(), fetched.file
    with exchange.register.begin() as db:
        leases.renew(db, lease, moment)
        nr = db.execute(
            aanlevering.insert()
            .values(
                soort=fetched.soort,
                partner=fetched.partner,
                gemachtigde=visit.party.id if visit.party.id != fetched.partner else None,
                bestand=file.name,
                sha256=fetched.sha256,
                grootte=file.size,
                mtime=file.mtime,
                archief=fetched.archief,
                verzegeld=fetched.verzegeld,
                opgehaald_op=moment,
                staat=states.Aanlevering.OPGEHAALD,
            )
            .returning(aanlevering.c.nr)
        ).scalar_one()
        event = {"aanlevering": nr, "partner": fetched.partner, "sha256": fetched.sha256}
        if fetched.partner != visit.party.id:
            event["gemachtigde"] = visit.party.id
        ledger.append(db, moment, event_of(fetched.soort, states.Aanlevering.OPGEHAALD), event)
    return Registered(
        nr,
        fetched.soort,
        fetched.partner,
        file.name,
        file.size,
        file.mtime,
        fetched.sha256,
        fetched.verzegeld,
    )


def _clear(
    exchange: Exchange, visit: _Visit, connection: Connection, one: Registered, nu: Callable[[], datetime]
) -> None:
    """Move it out of `in/`; where that does not succeed it stands there as known, for a later round."""
    if len(visit.standing) < MOST_FAILED:
        try:
            clearing.clear(exchange, visit.party, connection, one, nu)
            return
        except FileFault as fault:
            visit.waarom = visit.waarom or fault
    visit.blijft += 1
    visit.standing.append(one)
