"""What is to be done soon about a key, of theirs or ours: it ends, has ended, does not hold yet, or is weak.

Nothing here stops anybody. Whether a key can be used is asked at the moment of use; then it may be night.
"""

from __future__ import annotations

import hashlib
import math
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta

from exchange.configuration.gpglist import Part
from exchange.configuration.models import Partij
from exchange.configuration.pgpkeys import Sleutel
from exchange.faults import Problem
from transforms.dates import AMSTERDAM

#: So long before a key ends, its owner is asked for the next one.
SOON = timedelta(days=60)
#: RSA and Elgamal below this are within reach; DSA is of another age (NIST SP 800-131A).
LEAST_BITS = 2048
_RSA, _DSA, _ELGAMAL = (1, 2, 3), 17, (16, 20)
#: Hash algorithms in which others can be made to fit (RFC 4880, 9.4): MD5, SHA-1, RIPEMD-160.
_BROKEN = {1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}
_USES = {"s": "ondertekenen", "e": "versleutelen"}


def warnings(sleutels: Iterable[Sleutel], parties: Mapping[str, Partij], moment: datetime) -> list[Problem]:
    """What a beheerder should know at `moment` of every key; `parties` by configuration file."""
    found = [
        Problem(one.file, one.place, f"{_named(one)} {problem}", mend, ())
        for one in sleutels
        for problem, mend in _pgp(one, moment.timestamp())
    ]
    for file, party in parties.items():
        for number, line in enumerate(party.sftp.hostkeys, 1):
            if said := _hostkey(line):
                mend = f"Vraag {party.id} om een hostsleutel van de soort ed25519, en leg die vast."
                problem = f"hostsleutel van {party.id} {said}"
                found.append(Problem(file, f"sftp.hostkeys nr. {number}", problem, mend, ()))
    return found


def _named(one: Sleutel) -> str:
    return f"sleutel {one.key.fingerprint} van {one.van}" if one.van else f"onze sleutel {one.key.fingerprint}"


def _pgp(one: Sleutel, now: float) -> Iterator[tuple[str, str]]:
    primary = one.key.primary
    if primary.trust == "r":
        since = f" op {_day(primary.revoked)}" if primary.revoked else ""
        yield f"is ingetrokken{since}", _replace(one)
    elif _end(primary) <= now:
        yield f"is verlopen op {_day(_end(primary))}", _replace(one)
    elif primary.begins > now:
        yield (
            f"geldt pas vanaf {_day(primary.begins)}",
            (
                "Tot die dag kunnen wij er niets mee. Laat de vorige sleutel zo lang staan; is dit niet de bedoeling, "
                "laat dan de klok nakijken van de computer waarop zij is gemaakt."
            ),
        )
    else:
        yield from _uses(one, now)
        yield from _weak(one, now)


def _uses(one: Sleutel, now: float) -> Iterator[tuple[str, str]]:
    """Until when it signs and encrypts, with whichever of its subkeys lasts longest."""
    ends: dict[float, list[str]] = {}
    for letter, use in _USES.items():
        able = [part for part in one.key.parts if letter in part.caps]
        holding = [min(_end(part), _end(one.key.primary)) for part in able if _holds(part, now)]
        if able:
            ends.setdefault(max(holding, default=-math.inf), []).append(use)
    for end, uses in sorted(ends.items()):
        if end == -math.inf:
            why = "wat zij daarvoor heeft, is verlopen, ingetrokken of nog niet begonnen"
            yield f"kan nu niet {' en niet '.join(uses)}: {why}", _replace(one)
        elif end - now <= SOON.total_seconds():
            left = (_day(end) - _day(now)).days
            days = f"{left} {'dag' if left == 1 else 'dagen'}"
            yield f"verloopt op {_day(end)}: nog {days} om te {' en te '.join(uses)}", _replace(one)


def _weak(one: Sleutel, now: float) -> Iterator[tuple[str, str]]:
    parts = [part for part in one.key.parts if _holds(part, now)]
    if small := sorted({name for part in parts if (name := _small(part))}):
        yield (
            f"is te zwak: {', '.join(small)}",
            (f"{_ask(one)} een nieuwe sleutel, ed25519 met cv25519 of RSA van 3072 bits of meer."),
        )
    if broken := sorted({_BROKEN[part.digest] for part in parts if part.digest in _BROKEN}):
        yield (
            f"is door haar eigenaar bekrachtigd met {', '.join(broken)}, en dat is na te maken",
            (
                f"{_ask(one)} dezelfde sleutel, opnieuw bekrachtigd met SHA-256; in GnuPG: gpg --cert-digest-algo "
                "SHA256 --quick-set-expire VINGERAFDRUK 2y, en daarna hetzelfde met '*' erachter voor de subsleutels."
            ),
        )


def _small(part: Part) -> str:
    kind = "RSA" if part.algorithm in _RSA else "Elgamal" if part.algorithm in _ELGAMAL else ""
    if part.algorithm == _DSA:
        return "DSA"
    return f"{kind} van {part.bits} bits" if kind and part.bits < LEAST_BITS else ""


def _ask(one: Sleutel) -> str:
    return f"Vraag {one.van} om" if one.van else "Maak"


def _replace(one: Sleutel) -> str:
    if not one.van:
        return f"Verleng haar of maak een nieuwe, zet haar in {one.bestand}, en geef alle partijen de publieke helft."
    return (
        f"Vraag {one.van} om een verlengde of nieuwe publieke sleutel, vergelijk de vingerafdruk langs een andere weg, "
        f"en zet haar in {one.bestand}. Is er al een nieuwe, haal deze dan weg."
    )


def _holds(part: Part, now: float) -> bool:
    return part.trust != "r" and part.begins <= now < _end(part)


def _end(part: Part) -> float:
    return part.expires or math.inf


def _day(moment: float) -> date:
    return datetime.fromtimestamp(moment, AMSTERDAM).date()


def _hostkey(line: str) -> str:
    """What is weak about a pinned host key, "" where nothing is."""
    from paramiko import PKey  # slow to import, and only needed where a configuration is read

    kind, content = line.split()[:2]
    blob = b64decode(content)
    bits = PKey.from_type_string(kind, blob).get_bits() if kind == "ssh-rsa" else LEAST_BITS
    digest = b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"(SHA256:{digest}) is te zwak: RSA van {bits} bits" if bits < LEAST_BITS else ""
