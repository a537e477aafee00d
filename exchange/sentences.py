"""What a beheerder reads when something goes wrong on our side: the only place where a fault is worded, in Dutch.

The command line prints these sentences, steps log them, and Airflow shows them at a task that failed.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from exchange.faults import (
    AccountUnknown,
    BalanceFault,
    ConfigurationFault,
    DemoFault,
    Fault,
    HostKeyMismatch,
    LeaseLost,
    LedgerBroken,
    PartyUnreachable,
    PgpFault,
    Problem,
    ReferenceFault,
    RegisterUnreachable,
    RequestRefused,
    SandboxFault,
    StateConflict,
    StoreFault,
    TargetExists,
    UploadIncomplete,
    place,
)

_FAULTS: Mapping[type[Fault], str] = {
    RegisterUnreachable: "Het register is niet bereikbaar of bezet. Probeer het later opnieuw.",
    PartyUnreachable: "De server van {partij} is niet bereikbaar ({reason}). Probeer het later opnieuw.",
    AccountUnknown: "Waar het account van {partij} is, weten wij niet: {reason}. {mend}",
    RequestRefused: "De server van {partij} weigerde {verzoek}, met SFTP-status {status}. Dat blijft zoals het is; wij "
    "proberen het opnieuw. Blijft het zo, vraag de partij wat dit account mag.",
    UploadIncomplete: "Bij {partij} staan {arrived} van de {size} bytes die wij stuurden. Het bestand is niet "
    "zichtbaar gemaakt; wij sturen het opnieuw. Blijft het zo, vraag de partij of haar schijf vol is.",
    HostKeyMismatch: "De server van {partij} toont een andere hostsleutel dan u hebt vastgelegd. Er is niets "
    "uitgewisseld. Vraag de partij of de sleutel is vervangen voordat u hem wijzigt.",
    TargetExists: "Bij de ontvanger staat al {path}. Er is niets overschreven. Zoek uit wie dat bestand plaatste.",
    StoreFault: "De opslag kon {name} niet lezen of schrijven ({reason}). Controleer schijf of objectopslag.",
    PgpFault: "gpg is mislukt bij {action} ({status}). Probeer het opnieuw.",
    DemoFault: "{tekst}",
    SandboxFault: "Dit kan niet: {reason}.",
    ReferenceFault: "{file} is niet bruikbaar: {reason}.",
    LeaseLost: "Een ander proces heeft het werk overgenomen ({naam}). Er is niets dubbel gedaan.",
    StateConflict: "{what} {key} is intussen veranderd en kan niet meer naar {target}. Probeer het opnieuw.",
    BalanceFault: "De balans klopt niet: {totals}. Publiceer niets meer en waarschuw de ontwikkelaars.",
    LedgerBroken: "Het logboek klopt niet vanaf regel {nr}: er is iets gewijzigd of verdwenen. Bewaar het register "
    "zoals het is en vergelijk met de logboek_kop in terugmeldingen bij partners.",
}
#: What is said before `stopped`.
STOPPED = "Stilgezet tot de configuratie klopt; nachtpost config check noemt wat er mis is"
_SYSTEM = {
    errno.ENOENT: "dit bestaat niet",
    errno.EEXIST: "dit bestaat al",
    errno.ENOTDIR: "dit is geen map",
    errno.EISDIR: "dit is een map",
    errno.EACCES: "wij hebben hier geen toegang",
    errno.EPERM: "wij mogen dit niet",
    errno.EROFS: "hier kan alleen worden gelezen",
    errno.ENOSPC: "de schijf is vol",
    errno.ECONNREFUSED: "de verbinding is geweigerd",
    errno.ECONNRESET: "de verbinding is verbroken",
    errno.ECONNABORTED: "de verbinding is verbroken",
    errno.EPIPE: "de verbinding is verbroken",
    errno.ETIMEDOUT: "er kwam geen antwoord op tijd",
    errno.EHOSTUNREACH: "het netwerk kent geen weg naar deze server",
    errno.ENETUNREACH: "het netwerk kent geen weg naar deze server",
}


def sentence(error: Exception) -> str:
    """What went wrong; of what is not a fault of ours only its type and place, for its text may quote a row."""
    if isinstance(error, ConfigurationFault):
        return " ".join(f"{f'{one.file} {one.place}'.strip()}: {one.problem}. {one.mend}" for one in error.problems)
    if isinstance(error, Fault):
        facts: dict[str, Any] = vars(error)
        return _FAULTS[type(error)].format(**facts)
    return f"Dit ging onverwacht mis ({type(error).__name__} in {place(error)}). Waarschuw de ontwikkelaars."


def stopped(problems: Iterable[Problem]) -> list[str]:
    """Per party how much is wrong about it, as `huur-01 (2 fouten)`; per file where that stops nobody."""
    counts = Counter(name for one in problems for name in one.partijen or (one.file,))
    return [f"{name} ({count} {'fout' if count == 1 else 'fouten'})" for name, count in sorted(counts.items())]


def of_the_system(error: OSError) -> str:
    """What the operating system says, as part of a sentence."""
    return _SYSTEM.get(error.errno or 0) or error.strerror or type(error).__name__
