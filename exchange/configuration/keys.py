"""The key files and secrets that the configuration names: they exist, are private, and are what they should be."""

from __future__ import annotations

import binascii
import os
import secrets
import stat
import subprocess
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

from exchange.configuration.models import Partner, Settings, Uitvoerder
from exchange.faults import PgpFault, Problem

#: A public key of nobody (its secret half was thrown away). gpg does not say which file a key came from; listed after
#: each file, this one does.
_SEPARATOR = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdAYilZF9UAUKq7Lgft9sXMLriefRlZVd0ug9Mo
+yUC/FC0E05hY2h0cG9zdCBzY2hlaWRpbmeIkAQTFggAOBYhBKKK5lt1xh93eelw
GbyCo8lh7MivBQJeC+EAAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJELyC
o8lh7Mivt6ABAMGrEFeNqxu+8BWKlZ+BkbtqV12EkkO7YReN+YfG2x2JAP4vaLN1
PpTPD2RFUYKNOC/7V2nhhFihY4xYGswqx/EsBg==
=IgUQ
-----END PGP PUBLIC KEY BLOCK-----
"""
_SEPARATOR_FINGERPRINT = "A28AE65B75C61F7779E97019BC82A3C961ECC8AF"

#: Bytes in an encryption or hash key.
KEY_SIZE = 32


def make_random(path: Path) -> None:
    """Write a new encryption or hash key; raises FileExistsError rather than replace one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(b64encode(secrets.token_bytes(KEY_SIZE)))


@dataclass(frozen=True)
class _Key:
    """A primary key as gpg lists it."""

    fingerprint: str
    secret: bool
    can_encrypt: bool


def check_secrets(settings: Settings, folder: Path) -> list[Problem]:
    """Our own secrets: there, readable by us alone, of the right kind."""
    opslag, ours = settings.opslag, settings.exchange
    problems: list[Problem] = []
    for place, name in (("exchange.pgp_sleutel", ours.pgp_sleutel), ("exchange.ssh_sleutel", ours.ssh_sleutel)):
        problems += _private(place, folder / name)
    random = [("opslag.opslagsleutel", opslag.opslagsleutel)]
    random += [(f"opslag.hashsleutels id {key.id}", key.bestand) for key in opslag.hashsleutels]
    for place, name in random:
        problems += _private(place, folder / name) or _random(place, folder / name)
    return problems


def check_pgp(
    parties: Iterable[tuple[str, Partner | Uitvoerder]], settings: Settings | None, folder: Path
) -> list[Problem]:
    """Every OpenPGP key file, ours too: readable by gpg, and of the primary fingerprint that the configuration names.

    `parties` are pairs of configuration file and party. Dates are not judged here: whether a key is valid is asked
    at the moment it is used.
    """
    wanted = [(file, "pgp.bestand", party.pgp.bestand, party.pgp.vingerafdrukken) for file, party in parties]
    problems = [
        Problem(file, place, f"{name} bestaat niet", "Zet het bestand met de publieke sleutel op deze plaats.")
        for file, place, name, _ in wanted
        if not (folder / name).is_file()
    ]
    wanted = [one for one in wanted if (folder / one[2]).is_file()]
    own = [path] if settings and (path := folder / settings.exchange.pgp_sleutel).is_file() else []
    expected = [*(set(one[3]) for one in wanted), *([{settings.exchange.pgp_vingerafdruk}] if settings and own else [])]
    listed = _list_keys([*(folder / one[2] for one in wanted), *own], expected)
    for (file, place, name, fingerprints), keys in zip(wanted, listed, strict=False):
        problems += [Problem(file, place, *said) for said in _judge(name, keys, fingerprints)]
    if settings and own:
        problems += _judge_own(listed[-1], settings)
    return problems


def _judge(name: str, keys: list[_Key], fingerprints: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    if not keys:
        yield f"{name} is geen OpenPGP-sleutel", "Vraag de partij om de publieke sleutel, als .asc-bestand."
        return
    if any(key.secret for key in keys):
        yield (
            f"{name} bevat een geheime sleutel",
            "Verwijder het bestand, meld dit als datalek en vraag om een nieuwe, publieke sleutel.",
        )
    unknown = [key.fingerprint for key in keys if key.fingerprint not in fingerprints]
    if unknown:
        yield (
            f"{name} bevat een sleutel die niet in vingerafdrukken staat: {', '.join(unknown)}",
            "Vergelijk de vingerafdruk met de partij, en verbeter daarna het bestand of vingerafdrukken.",
        )
    absent = [fingerprint for fingerprint in fingerprints if fingerprint not in {key.fingerprint for key in keys}]
    if absent:
        yield (
            f"{name} bevat geen sleutel met vingerafdruk {', '.join(absent)}",
            "Voeg de sleutel aan het bestand toe, of haal de vingerafdruk weg.",
        )
    if not unknown and not any(key.can_encrypt for key in keys):
        yield (
            f"{name} bevat geen sleutel om mee te versleutelen",
            "Vraag de partij om een sleutel met een subsleutel voor versleuteling.",
        )


def _judge_own(keys: list[_Key], settings: Settings) -> list[Problem]:
    file, place = "nachtpost.toml", "exchange.pgp_sleutel"
    name, fingerprint = settings.exchange.pgp_sleutel, settings.exchange.pgp_vingerafdruk
    if not any(key.secret for key in keys):
        mend = "Exporteer onze geheime sleutel met `gpg --armor --export-secret-keys`."
        return [Problem(file, place, f"{name} is geen geheime OpenPGP-sleutel", mend)]
    if not any(key.secret and key.fingerprint == fingerprint for key in keys):
        mend = "Verbeter exchange.pgp_vingerafdruk, of zet de juiste sleutel in het bestand."
        return [Problem(file, place, f"{name} heeft niet vingerafdruk {fingerprint}", mend)]
    return []


def _list_keys(files: list[Path], expected: list[set[str]]) -> list[list[_Key]]:
    """The primary keys in each of `files`, in the order of `files`; an empty list where gpg finds none.

    One call for all files (640 take 0.9 s; a call per file takes 5 s). Where that gives anything else than the
    `expected` fingerprints, a second call with separators tells which file is to blame.
    """
    if not files:
        return []
    with tempfile.TemporaryDirectory(prefix="np-") as home:
        keys, well = _show(home, files)
        starts = list(accumulate((len(one) for one in expected), initial=0))
        listed = [keys[start:end] for start, end in pairwise(starts)]
        if well and len(keys) == starts[-1] and [{key.fingerprint for key in one} for one in listed] == expected:
            return listed
        separator = Path(home, "separator.asc")
        separator.write_text(_SEPARATOR)
        keys, _ = _show(home, [one for file in files for one in (file, separator)])
    listed = _split(keys)
    if len(listed) != len(files):
        raise PgpFault("het lezen van sleutels", "de lijst is niet volledig")
    return listed


def _show(home: str, files: list[Path]) -> tuple[list[_Key], bool]:
    """The primary keys in `files` as gpg lists them, and whether gpg found nothing wrong with any file."""
    command = ["gpg", "--homedir", home, "--no-options", "--batch", "--quiet", "--trust-model", "always"]
    names = [str(file.resolve()) for file in files]
    try:
        done = subprocess.run(
            [*command, "--with-colons", "--show-keys", "--", *names], capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise PgpFault("het lezen van sleutels", "gpg is niet geïnstalleerd") from error
    return _read(done.stdout.decode("utf-8", errors="replace")), done.returncode == 0


def _read(listing: str) -> list[_Key]:
    """The primary keys in gpg's colon listing (its doc/DETAILS); a subkey for encryption counts for its primary."""
    keys: list[_Key] = []
    for fields in (line.split(":") for line in listing.splitlines()):
        if fields[0] in ("pub", "sec"):
            keys.append(_Key("", fields[0] == "sec", "e" in fields[11]))
        elif fields[0] in ("sub", "ssb") and "e" in fields[11]:
            keys[-1] = replace(keys[-1], can_encrypt=True)
        elif fields[0] == "fpr" and not keys[-1].fingerprint:
            keys[-1] = replace(keys[-1], fingerprint=fields[9])
    return keys


def _split(keys: list[_Key]) -> list[list[_Key]]:
    """Cut the list at every separator."""
    files: list[list[_Key]] = [[]]
    for key in keys:
        if key.fingerprint == _SEPARATOR_FINGERPRINT:
            files.append([])
        else:
            files[-1].append(key)
    return files[:-1]


def _private(place: str, path: Path) -> list[Problem]:
    file = "nachtpost.toml"
    try:
        mode = path.stat().st_mode
    except OSError:
        return [Problem(file, place, f"{path.name} bestaat niet", f"Zet het bestand op {path}, of verbeter de naam.")]
    if not stat.S_ISREG(mode):
        return [Problem(file, place, f"{path.name} is geen gewoon bestand", "Verwijs naar het bestand zelf.")]
    if mode & 0o077:
        return [Problem(file, place, f"{path.name} is leesbaar voor anderen", f"Voer uit: chmod 600 {path}")]
    return []


def _random(place: str, path: Path) -> list[Problem]:
    try:
        size = len(b64decode(path.read_text(encoding="ascii").strip(), validate=True))
    except (binascii.Error, ValueError):
        size = -1
    if size == KEY_SIZE:
        return []
    problem = f"{path.name} is geen sleutel van {KEY_SIZE} bytes in base64"
    mend = f"Maak een nieuwe: (umask 077; head -c {KEY_SIZE} /dev/urandom | base64 > {path}). "
    return [Problem("nachtpost.toml", place, problem, mend + "Vervang nooit een sleutel die al in gebruik is.")]
