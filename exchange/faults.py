"""The faults of the exchange: types that carry facts, never personal data.

`retry` says what a task does with one: True is worth another try, False needs a person. A partner's mistake is not a
fault: it is a retourcode in that partner's terugmelding.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import ClassVar


class Fault(Exception):
    """Something that went wrong on our side or on the way; the attributes are the facts."""

    retry: ClassVar[bool] = False


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in the configuration, in Dutch: beheerders read it.

    `partijen` are the ids of the parties that it stops: () nobody, None everybody.
    """

    file: str
    place: str  # line or key
    problem: str
    mend: str
    partijen: tuple[str, ...] | None = None


class ConfigurationFault(Fault):
    """The configuration does not hold; `problems` lists everything at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.file} {p.place}: {p.problem}" for p in problems))


class PartyFault(Fault):
    """Something at the side of one party (`partij`, its id) or on the way to it: the others go on without it."""

    retry = True
    partij: str


class PartyUnreachable(PartyFault):
    """A party's server could not be reached, or did not answer; `reason` says why, in Dutch, free of secrets."""

    def __init__(self, partij: str, reason: str) -> None:
        self.partij, self.reason = partij, reason
        super().__init__(f"{partij} is unreachable: {reason}")


class AccountUnknown(PartyFault):
    """Where a party's account is, could not be asked; `reason` and `mend` say why and what to do, in Dutch."""

    def __init__(self, partij: str, reason: str, mend: str) -> None:
        self.partij, self.reason, self.mend = partij, reason, mend
        super().__init__(f"{partij}: its account is unknown: {reason}")


class OutOfTime(PartyFault):
    """A visit to a party took more than the `seconden` that it may take: what was done stays, the rest comes later."""

    def __init__(self, partij: str, seconden: float) -> None:
        self.partij, self.seconden = partij, round(seconden)
        super().__init__(f"{partij}: out of time after {seconden} s")


class LoginRefused(PartyFault):
    """A server does not let us in as `gebruiker` with our key; `sleutel` is its fingerprint, as `ssh-keygen -l` shows
    it. `reason` says what the server did, in Dutch."""

    retry = False

    def __init__(self, partij: str, gebruiker: str, sleutel: str, reason: str) -> None:
        self.partij, self.gebruiker, self.sleutel, self.reason = partij, gebruiker, sleutel, reason
        super().__init__(f"{partij} refused our login: {reason}")


class HostKeyMismatch(PartyFault):
    """A server showed another host key than the pinned ones: nothing was exchanged."""

    retry = False

    def __init__(self, partij: str) -> None:
        self.partij = partij
        super().__init__(f"{partij}: the host key is not one of the pinned keys")


class ServerUnfit(PartyFault):
    """A server was reached and cannot be talked to; `reason` says why, in Dutch."""

    def __init__(self, partij: str, reason: str) -> None:
        self.partij, self.reason = partij, reason
        super().__init__(f"the server of {partij} is unfit: {reason}")


class FileFault(PartyFault):
    """About one file or folder of a party: its others go on."""


class UploadIncomplete(FileFault):
    """Of `size` bytes that were sent and answered for, `arrived` stand at the party."""

    def __init__(self, partij: str, arrived: int | None, size: int) -> None:
        self.partij, self.arrived, self.size = partij, arrived, size
        super().__init__(f"{partij}: {arrived} of {size} bytes arrived")


class FileChanged(FileFault):
    """A file was not, when it was fetched, what the listing said: it comes again in the next round."""

    def __init__(self, partij: str) -> None:
        self.partij = partij
        super().__init__(f"{partij}: a file changed while it was fetched")


class NameTaken(FileFault):
    """Something else has the name that a file was to get in a folder of a party; nothing was overwritten."""

    def __init__(self, partij: str) -> None:
        self.partij = partij
        super().__init__(f"{partij}: a name is taken")


class NotDone(FileFault):
    """A server said that it did `verzoek` (in Dutch, without a name), and it did not."""

    def __init__(self, partij: str, verzoek: str) -> None:
        self.partij, self.verzoek = partij, verzoek
        super().__init__(f"{partij}: a request was answered for and not done")


class RequestRefused(FileFault):
    """A server answered a request with a refusal: what it was about is as it was, or unknown. `verzoek` says what was
    asked, in Dutch and without a name; `status` is the SFTP status."""

    def __init__(self, partij: str, verzoek: str, status: int) -> None:
        self.partij, self.verzoek, self.status = partij, verzoek, status
        super().__init__(f"{partij} refused a request with SFTP status {status}")


class FolderRefused(RequestRefused):
    """The same, about the folder `map`: one of those that we agreed on, so it may be named."""

    def __init__(self, partij: str, map: str, verzoek: str, status: int) -> None:
        super().__init__(partij, verzoek, status)
        self.map = map


class FolderMissing(FileFault):
    """A party has no folder `map`, and has to make it itself."""

    def __init__(self, partij: str, map: str) -> None:
        self.partij, self.map = partij, map
        super().__init__(f"{partij} has no folder {map}")


class TooManyNames(FileFault):
    """The folder `map` of a party names more than we look at."""

    def __init__(self, partij: str, map: str, most: int) -> None:
        self.partij, self.map, self.most = partij, map, most
        super().__init__(f"{partij}: more than {most} names in {map}")


class TargetExists(Fault):
    """A rename would have overwritten something at the other side."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} exists already")


class StoreFault(Fault):
    """The archive or work store could not give or take `name`, or what it gave is not what was written."""

    retry = True

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name}: {reason}")


class PgpFault(Fault):
    """gpg itself failed; `status` holds its keywords, never content."""

    retry = True

    def __init__(self, action: str, status: str) -> None:
        self.action, self.status = action, status
        super().__init__(f"gpg could not {action}: {status}")


class ReferenceFault(Fault):
    """A reference file is not what it should be; `reason` says why, in Dutch."""

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file}: {reason}")


class RegisterUnreachable(Fault):
    """The register did not answer, or another writer kept it too long."""

    retry = True


class LeaseLost(Fault):
    """Another worker took over; nothing of ours was recorded."""

    retry = True

    def __init__(self, naam: str) -> None:
        self.naam = naam
        super().__init__(f"the lease {naam} was taken over")


class StateConflict(Fault):
    """A row of the register was not in the state that this change starts from."""

    retry = True

    def __init__(self, what: str, key: int, target: str) -> None:
        self.what, self.key, self.target = what, key, target
        super().__init__(f"{what} {key} cannot become {target}")


class NotDoubtful(Fault):
    """A decision on zending `nr`, which is not ONZEKER; `staat` is None where there is no such zending."""

    def __init__(self, nr: int, staat: str | None) -> None:
        self.nr, self.staat = nr, staat or "niet bekend"
        super().__init__(f"zending {nr} is {self.staat}, not ONZEKER")


class BalanceFault(Fault):
    """Rows do not add up; `wat` names where (an aanlevering, a batch, everything), and that stands still."""

    def __init__(self, wat: Collection[str]) -> None:
        self.wat = ", ".join(wat)
        super().__init__(f"the balance does not hold: {self.wat}")


class NightAhead(Fault):
    """A night was asked for that has not come yet; `vandaag` is the last one that can be (Amsterdam dates)."""

    def __init__(self, nacht: date, vandaag: date) -> None:
        self.nacht, self.vandaag = nacht, vandaag
        super().__init__(f"{nacht} is after {vandaag}")


class NightNeverFrozen(Fault):
    """A past night was asked for of which nothing was frozen: there is nothing to finish."""

    def __init__(self, nacht: date) -> None:
        self.nacht = nacht
        super().__init__(f"{nacht} was never frozen")


class NotANight(Fault):
    """Airflow was given a partition key that is no date."""

    def __init__(self, sleutel: str) -> None:
        self.sleutel = sleutel
        super().__init__(f"{sleutel} is no date")


class LedgerBroken(Fault):
    """The ledger does not chain at entry `nr`."""

    def __init__(self, nr: int) -> None:
        self.nr = nr
        super().__init__(f"the ledger is broken at entry {nr}")


class DemoFault(Fault):
    """The demo cannot go on; `tekst` says why, in Dutch."""

    def __init__(self, tekst: str) -> None:
        self.tekst = tekst
        super().__init__(tekst)


class SandboxFault(Fault):
    """The sandbox cannot be made, served or dropped; `reason` says why, in Dutch."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def place(error: BaseException) -> str:
    """The innermost places in our own code, as `file:line`: all that may be said of an error that is not our own, for
    its text may quote a row."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if any(part in f.filename for part in ("/exchange/", "/transforms/", "/schemas/"))]
    return " < ".join(
        f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed((ours or frames)[-3:])
    )
