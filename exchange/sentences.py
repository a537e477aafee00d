"""What a beheerder reads when something goes wrong on our side: the only place where a fault is worded, in Dutch.

The command line prints these sentences, steps log them, and Airflow shows them at a task that failed.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from exchange.faults import (
    AccountUnknown,
    BalanceFault,
    ConfigurationFault,
    DemoFault,
    Fault,
    FileChanged,
    FolderMissing,
    FolderRefused,
    HostKeyMismatch,
    LeaseLost,
    LedgerBroken,
    LoginRefused,
    NameTaken,
    NightAhead,
    NightNeverFrozen,
    NotANight,
    NotDone,
    NotDoubtful,
    OutOfTime,
    PartyUnreachable,
    PgpFault,
    Problem,
    ReferenceFault,
    RegisterUnreachable,
    RequestRefused,
    SandboxFault,
    ServerUnfit,
    StateConflict,
    StoreFault,
    TargetExists,
    TooManyNames,
    UploadIncomplete,
    place,
)

_AMSTERDAM = ZoneInfo("Europe/Amsterdam")
_FAULTS: Mapping[type[Fault], str] = {
    RegisterUnreachable: "Het register is niet bereikbaar of bezet. Probeer het later opnieuw.",
    PartyUnreachable: "De server van {partij} is niet bereikbaar ({reason}). Probeer het later opnieuw.",
    AccountUnknown: "Waar het account van {partij} is, weten wij niet: {reason}. {mend}",
    OutOfTime: "De server van {partij} was na {seconden} seconden niet klaar met antwoorden; wij hebben de verbinding "
    "verbroken. Wat af was blijft staan, de rest volgt in de volgende ronde. Blijft het zo, vraag de partij waarom "
    "haar server zo traag is, of verhoog partij_seconden onder [intake].",
    LoginRefused: "De server van {partij} laat gebruiker {gebruiker} niet toe met onze SSH-sleutel {sleutel} "
    "({reason}). Vraag de partij of dit account nog bestaat en of die sleutel erbij staat; controleer anders "
    "gebruiker en host in de configuratie.",
    HostKeyMismatch: "De server van {partij} toont een andere hostsleutel dan u hebt vastgelegd. Er is niets "
    "uitgewisseld. Vraag de partij of de sleutel is vervangen voordat u hem wijzigt.",
    ServerUnfit: "De server van {partij} antwoordt, maar wij kunnen er niet mee werken ({reason}). Er is niets "
    "veranderd. Vraag de partij dit op haar server te herstellen.",
    RequestRefused: "De server van {partij} weigerde {verzoek}, met SFTP-status {status}. Dat blijft zoals het is; wij "
    "proberen het opnieuw. Blijft het zo, vraag de partij wat dit account mag.",
    FolderRefused: "De server van {partij} weigerde {verzoek} {map}/, met SFTP-status {status}. Vraag de partij dit "
    "account het recht te geven om daar te lezen, te schrijven en te hernoemen.",
    FolderMissing: "Bij {partij} is er geen map {map}/, dus niets om op te halen. Vraag de partij die map te maken, "
    "met deze naam, in de map waarin wij na het inloggen staan.",
    TooManyNames: "Bij {partij} staan in {map}/ meer dan {most} namen; verder kijken wij niet. Vraag de partij de map "
    "op te ruimen.",
    UploadIncomplete: "Bij {partij} staan {arrived} van de {size} bytes die wij stuurden. Het bestand is niet "
    "zichtbaar gemaakt; wij sturen het opnieuw. Blijft het zo, vraag de partij of haar schijf vol is.",
    FileChanged: "Een bestand van {partij} veranderde terwijl wij het ophaalden. Het blijft staan; de volgende ronde "
    "halen wij het opnieuw op.",
    NameTaken: "Bij {partij} staat al iets anders onder de naam die een bestand zou krijgen. Er is niets overschreven. "
    "Vraag de partij dat weg te halen.",
    NotDone: "De server van {partij} meldde dat {verzoek} gelukt was, maar dat is niet zo. Wij proberen het opnieuw. "
    "Blijft het zo, vraag de partij haar server na te zien.",
    TargetExists: "Bij de ontvanger staat al {path}. Er is niets overschreven. Zoek uit wie dat bestand plaatste.",
    StoreFault: "De opslag kon {name} niet lezen of schrijven ({reason}). Controleer schijf of objectopslag.",
    PgpFault: "gpg is mislukt bij {action} ({status}). Probeer het opnieuw.",
    DemoFault: "{tekst}",
    SandboxFault: "Dit kan niet: {reason}.",
    ReferenceFault: "{file} is niet bruikbaar: {reason}.",
    LeaseLost: "Een ander proces heeft het werk overgenomen ({naam}). Er is niets dubbel gedaan.",
    StateConflict: "{what} {key} is intussen veranderd en kan niet meer naar {target}. Probeer het opnieuw.",
    BalanceFault: "De aantallen kloppen niet bij: {wat}. Dat staat nu stil en gaat niet de deur uit; al het andere "
    "gaat door. Staat er alles, dan gaat niets meer de deur uit, ook geen antwoorden. Waarschuw de ontwikkelaars; "
    "`nachtpost status` laat zien wat stilstaat. Is het hersteld, dan heft u het op met `nachtpost publiceren hervat "
    '--reason "…"`.',
    NightAhead: "De nacht van {nacht} is nog niet geweest: vandaag is {vandaag}. Er is niets gebundeld. Vraag om de "
    "nacht van vandaag, of om een eerdere om die af te maken.",
    NightNeverFrozen: "De nacht van {nacht} is nooit gebundeld, dus er valt niets af te maken. Wat is aanvaard en nog "
    "wacht, gaat mee met de eerstvolgende nacht.",
    NotANight: "De partitiesleutel {sleutel} is geen datum. Geef er een als 2026-11-23, of laat hem leeg voor vandaag.",
    NotDoubtful: "Zending {nr} is {staat}, en niet ONZEKER; er is niets gewijzigd. Wat onzeker is, noemt "
    "`nachtpost status`.",
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
    if isinstance(error, OSError):  # without its file: a path may hold anything
        said = of_the_system(error)
        return f"Op ons systeem lukte dit niet: {said} ({place(error)}). Controleer schijf, mappen en rechten."
    return f"Dit ging onverwacht mis ({type(error).__name__} in {place(error)}). Waarschuw de ontwikkelaars."


def at_work(wat: str, host: str, pid: int, sinds: datetime | None) -> str:
    """That another process is at something, and which; `wat` as in "huur-01"."""
    since = f" sinds {sinds.astimezone(_AMSTERDAM):%d-%m-%Y %H:%M:%S}" if sinds else ""
    return f"{wat} (proces {pid} op {host}{since})"


def stopped(problems: Iterable[Problem]) -> list[str]:
    """Per party how much is wrong about it, as `huur-01 (2 fouten)`; per file where that stops nobody."""
    counts = Counter(name for one in problems for name in one.partijen or (one.file,))
    return [f"{name} ({count} {'fout' if count == 1 else 'fouten'})" for name, count in sorted(counts.items())]


def of_the_system(error: OSError) -> str:
    """What the operating system says, as part of a sentence."""
    return _SYSTEM.get(error.errno or 0) or error.strerror or type(error).__name__
