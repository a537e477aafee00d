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

    @property
    def path(self) -> str:
        """Where it stands at its party."""
        return f"{inbox.folders(self.soort)[0]}/{self.file.name}"


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
        """What goes wrong with a single file, which is counted in `later`, holds up no other."""
        try:
            yield
        except FileChanged:
            pass  # the next round may see it stand still
        except FileFault as fault:
            self.later -= 1
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
    intake = exchange.config.intake
    fresh = list(_fresh(visit, connection, _look(exchange, visit, connection)))
    held: list[_Fetched] = []
    begun = time.monotonic()
    for soort, file in fresh[: intake.max_bestanden]:
        if held and time.monotonic() - begun > intake.partij_seconden / 3:
            break  # what is held must be read once more; the rest comes in the next round
        with visit.one_file():
            fetched = _fetch(exchange, visit, connection, soort, file)
            if _stands_still(visit, connection, fetched):
                _take(exchange, visit, connection, fetched, lease, nu)
            else:
                held.append(fetched)
    if held:
        _tell_held(visit, len(held))
        time.sleep(intake.stil_seconden)
    for fetched in held:
        with visit.one_file():
            if clearing.sha256(connection, fetched.path, fetched.file.size) == fetched.sha256:
                _take(exchange, visit, connection, fetched, lease, nu)


def _fresh(visit: _Visit, connection: Connection, listed: inbox.Files) -> Iterator[tuple[Soort, RemoteFile]]:
    """What stands still and was not registered before."""
    for (soort, name), file in listed.items():
        before = visit.seen.get((soort, name))
        if before is None or before.size != file.size or not inbox.nameable(file):
            continue
        visit.later += 1
        known = True  # until it was seen that it is another
        with visit.one_file():
            path = f"{inbox.folders(soort)[0]}/{name}"
            same = [one for one in visit.standing if (one.soort, one.bestand) == (soort, name)]
            known = any(clearing.is_it(connection, path, file, one) for one in same)
            visit.later -= known
        if not known:
            yield soort, file


def _stands_still(visit: _Visit, connection: Connection, fetched: _Fetched) -> bool:
    """Whether a file was the same at each of our looks, this last one included.

    False where its mtime says nothing, because it is another at every look or is not given: then its bytes must be the
    same for as long as a file must stand still. Of a file that was not fetched no mtime is asked. Raises FileChanged.
    """
    there, file = connection.stat(fetched.path), fetched.file
    if there is None or there.size != file.size:
        raise FileChanged(visit.party.id)
    before = visit.seen[fetched.soort, file.name]
    return not fetched.sha256 or before.mtime == file.mtime == there.mtime != 0


def _tell_held(visit: _Visit, held: int) -> None:
    log.warning(
        "%s: bestanden waarvan de wijzigingstijd ontbreekt of niet gelijk bleef: %d. Daarvan vergelijken wij de "
        "inhoud, en dat kost tijd. Gebeurt dit vaker, vraag de partij dan haar server na te zien",
        visit.party.id,
        held,
    )


def _take(
    exchange: Exchange,
    visit: _Visit,
    connection: Connection,
    fetched: _Fetched,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> None:
    """Register what was fetched, and move it out of `in/`."""
    registered = _register(exchange, visit, fetched, lease, nu)
    visit.later -= 1
    visit.opgehaald += 1
    visit.onversleuteld |= fetched.verzegeld
    _clear(exchange, visit, connection, registered, nu)


def _fetch(exchange: Exchange, visit: _Visit, connection: Connection, soort: Soort, file: RemoteFile) -> _Fetched:
    """The file, in the archive unless it is too large for that."""
    if file.size > exchange.config.intake.max_opgehaald:
        return _Fetched(visit.whose(exchange, file.name), soort, file)
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
