"""The OpenPGP key files of everybody: readable by gpg, and of the fingerprints that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exchange.configuration import gpglist
from exchange.configuration.gpglist import Key
from exchange.configuration.models import Partij, Settings
from exchange.faults import Problem

#: Bytes of a key file: a key with thousands of signatures of others would keep gpg busy, and is of no use.
MOST = 1_000_000
_OWN = "nachtpost.toml"
_ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
#: Versions of a key that gpg 2.2 does not read: of GnuPG 2.3 and of RFC 9580.
_NEWER = (5, 6)


@dataclass(frozen=True)
class Sleutel:
    """A key and where it is named: configuration file and key there, key file, and whose it is (its id; "" ours)."""

    file: str
    place: str
    bestand: str
    van: str
    key: Key


def check(
    parties: Mapping[str, Partij], settings: Settings | None, folder: Path
) -> tuple[list[Problem], list[Sleutel]]:
    """What is wrong with the key files, ours too, and the keys in them; `parties` by configuration file.

    Whether a key is valid is asked at the moment it is used; `keyhealth` tells beforehand.
    """
    problems = [
        Problem(file, "pgp.bestand", *said)
        for file, party in parties.items()
        for said in _unreadable(folder / party.pgp.bestand, party.pgp.bestand)
    ]
    wrong = {problem.file for problem in problems}
    named = [
        (file, "pgp.bestand", party.pgp.bestand, party.id, set(party.pgp.vingerafdrukken))
        for file, party in parties.items()
        if file not in wrong
    ]
    if settings and (folder / settings.exchange.pgp_sleutel).is_file():
        ours = settings.exchange
        named.append((_OWN, "exchange.pgp_sleutel", ours.pgp_sleutel, "", {ours.pgp_vingerafdruk}))
    listed = gpglist.keys_in([folder / one[2] for one in named], [one[4] for one in named])
    found: list[Sleutel] = []
    for (file, place, name, van, fingerprints), keys in zip(named, listed, strict=True):
        said = _judge(folder / name, name, keys, fingerprints) if van else _judge_own(name, keys, fingerprints)
        problems += [Problem(file, place, *one) for one in said]
        found += [Sleutel(file, place, name, van, key) for key in keys]
    return problems, found


def check_shared(parties: Mapping[str, Partij], settings: Settings | None) -> Iterator[Problem]:
    """A fingerprint is of one party only: who shares a key, reads and signs for the other. An organisation that is
    partner and uitvoerder has a key for each."""
    owners: dict[str, list[str]] = {}
    for file, party in parties.items():
        for fingerprint in dict.fromkeys(party.pgp.vingerafdrukken):
            owners.setdefault(fingerprint, []).append(file)
    for fingerprint, files in owners.items():
        ids = tuple(dict.fromkeys(parties[file].id for file in files))
        if settings and fingerprint == settings.exchange.pgp_vingerafdruk:
            mend = "Vraag de partij om haar eigen publieke sleutel."
            problem = f"{fingerprint} is onze eigen sleutel"
            yield from (Problem(file, "pgp.vingerafdrukken", problem, mend) for file in files)
        elif len(files) > 1:
            problem = f"vingerafdruk {fingerprint} staat ook in {', '.join(files[:-1])}"
            mend = "Elke partij heeft een eigen sleutel: vraag na van wie deze is, en vervang haar bij de andere."
            yield Problem(files[-1], "pgp.vingerafdrukken", problem, mend, ids)


def _unreadable(path: Path, name: str) -> Iterator[tuple[str, str]]:
    if not os.path.isfile(path):  # noqa: PTH113  Path.is_file() raises for a name that is too long
        yield f"{name} bestaat niet", "Zet het bestand met de publieke sleutel op deze plaats."
    elif not os.access(path, os.R_OK):
        yield f"{name} is voor ons niet leesbaar", f"Voer uit: chmod a+r {path}"
    elif path.stat().st_size > MOST:
        yield f"{name} is groter dan {MOST} bytes", "Vraag de partij om haar sleutel zonder handtekeningen van anderen."


def _judge(path: Path, name: str, keys: list[Key], fingerprints: set[str]) -> Iterable[tuple[str, str]]:
    if not keys:
        yield _no_key(path, name)
        return
    if any(key.secret for key in keys):
        yield (
            f"{name} bevat een geheime sleutel",
            "Verwijder het bestand, meld dit als datalek en vraag om een nieuwe, publieke sleutel.",
        )
    found = {key.fingerprint for key in keys}
    if unknown := sorted(found - fingerprints):
        yield (
            f"{name} bevat een sleutel die niet in vingerafdrukken staat: {', '.join(unknown)}",
            "Vergelijk de vingerafdruk met de partij, en verbeter daarna het bestand of vingerafdrukken.",
        )
    if absent := sorted(fingerprints - found):
        yield (
            f"{name} bevat geen sleutel met vingerafdruk {', '.join(absent)}",
            "Voeg de sleutel aan het bestand toe, of haal de vingerafdruk weg.",
        )
    if bare := [key.fingerprint for key in keys if key.primary.trust == "i"]:
        yield (
            f"{name} bevat een sleutel zonder naam die met haarzelf is bekrachtigd: {', '.join(bare)}",
            "Vraag de partij om de hele publieke sleutel (gpg --armor --export).",
        )
    elif not unknown and not any(key.encrypts for key in keys):
        yield (
            f"{name} bevat geen sleutel om mee te versleutelen",
            "Vraag de partij om een sleutel met een subsleutel voor versleuteling.",
        )


def _no_key(path: Path, name: str) -> tuple[str, str]:
    version = _version(path.read_bytes())
    if version in _NEWER:
        return (
            f"{name} is een OpenPGP-sleutel van versie {version}, een nieuwere vorm die GnuPG 2.2 niet kan lezen",
            "Vraag de partij om een sleutel van versie 4 (RFC 4880); elk OpenPGP-programma kan die maken.",
        )
    return f"{name} is geen OpenPGP-sleutel", "Vraag de partij om de publieke sleutel, als .asc-bestand."


def _version(content: bytes) -> int:
    """The version of the public key that a file holds, after whatever text; 0 for anything else."""
    from exchange.pgp import first_packet  # brings python-gnupg, and few configurations hold such a file
    from exchange.pgp.packets import Tag

    tag, version = first_packet(content[max(content.find(_ARMOUR), 0) :]) or (0, 0)
    return version if tag == Tag.PUBLIC_KEY else 0


def _judge_own(name: str, keys: list[Key], fingerprints: set[str]) -> Iterator[tuple[str, str]]:
    if not any(key.secret for key in keys):
        mend = "Exporteer onze geheime sleutel met `gpg --armor --export-secret-keys`."
        yield f"{name} is geen geheime OpenPGP-sleutel", mend
    elif not any(key.secret and key.fingerprint in fingerprints for key in keys):
        mend = "Verbeter exchange.pgp_vingerafdruk, of zet de juiste sleutel in het bestand."
        yield f"{name} heeft niet vingerafdruk {', '.join(fingerprints)}", mend
