"""Our own secrets: the files that nachtpost.toml names exist, are private, and are what they should be."""

from __future__ import annotations

import binascii
import os
import secrets
import stat
from base64 import b64decode, b64encode
from pathlib import Path

from exchange.configuration.models import Settings
from exchange.faults import Problem

FILE = "nachtpost.toml"
#: Bytes in an encryption or hash key.
KEY_SIZE = 32


def make_random(path: Path) -> None:
    """Write a new encryption or hash key; raises FileExistsError rather than replace one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(b64encode(secrets.token_bytes(KEY_SIZE)))


def check_secrets(settings: Settings, folder: Path) -> list[Problem]:
    """Our own secrets: there, readable by us alone, of the right kind."""
    opslag, ours = settings.opslag, settings.exchange
    problems = _private("exchange.pgp_sleutel", folder / ours.pgp_sleutel)
    problems += _private("exchange.ssh_sleutel", folder / ours.ssh_sleutel) or _ssh(folder / ours.ssh_sleutel)
    random = [("opslag.opslagsleutel", opslag.opslagsleutel)]
    random += [(f"opslag.hashsleutels id {key.id}", key.bestand) for key in opslag.hashsleutels]
    for place, name in random:
        problems += _private(place, folder / name) or _random(place, folder / name)
    return problems


def _private(place: str, path: Path) -> list[Problem]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return [Problem(FILE, place, f"{path.name} bestaat niet", f"Zet het bestand op {path}, of verbeter de naam.")]
    if not stat.S_ISREG(mode):
        return [Problem(FILE, place, f"{path.name} is geen gewoon bestand", "Verwijs naar het bestand zelf.")]
    if mode & 0o077:
        return [Problem(FILE, place, f"{path.name} is leesbaar voor anderen", f"Voer uit: chmod 600 {path}")]
    return []


def _ssh(path: Path) -> list[Problem]:
    from paramiko import Ed25519Key, SSHException  # slow to import, and only needed where a configuration is read

    try:
        Ed25519Key.from_private_key_file(str(path))
    except (OSError, ValueError, SSHException):
        problem = f"{path.name} is niet te lezen als SSH-sleutel van de soort ed25519, zonder wachtwoord"
        return [Problem(FILE, "exchange.ssh_sleutel", problem, "Maak een sleutel met: ssh-keygen -t ed25519 -N ''")]
    return []


def _random(place: str, path: Path) -> list[Problem]:
    try:
        key = b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    mend = f"Maak een nieuwe: (umask 077; head -c {KEY_SIZE} /dev/urandom | base64 > {path}). "
    if len(key) != KEY_SIZE:
        mend += "Vervang nooit een sleutel die al in gebruik is."
        return [Problem(FILE, place, f"{path.name} is geen sleutel van {KEY_SIZE} bytes in base64", mend)]
    if _guessable(key):
        mend += "Is zij al in gebruik, dan is wat ermee is gemaakt te herleiden: vraag eerst de ontwikkelaars."
        return [Problem(FILE, place, f"{path.name} is te raden: dit zijn geen willekeurige bytes", mend)]
    return []


def _guessable(key: bytes) -> bool:
    """Whether these are bytes that chance gives less than once in 10^13: few different ones, or text."""
    return len(set(key)) <= KEY_SIZE // 2 or all(32 <= one < 127 for one in key)
