"""A whole exchange in one folder, for demo, tests and partners' developers: parties, keys, folders and realistic files.

config/            the configuration folder
sftp/<party>/      what that party sees when it logs in
parties/<party>/   that party's own side: its keys, the exchange's public key, an ssh_config that logs in
server/            the SFTP server's host key, port, and the keys that may log in per party
var/               register, archive, work store, reference table
verwacht.json      what was dropped, and with which code each file is answered
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange import pgp, reference
from exchange.configuration import regelbestand
from exchange.faults import SandboxFault
from exchange.sandbox import files
from exchange.sandbox.postcodes import write_pc6hnr
from exchange.sandbox.rows import People
from schemas import gemeenten

#: Uitvoerders that receive their files in a way of their own: [levering], and what their LEESMIJ.txt says of it.
PROFIELEN = {
    5: (
        'formaat = "xlsx"\nmap = "een_map"\n',
        "U krijgt XLSX om mee te werken, en alle gemeenten samen in uit/, zonder map per gemeente.",
    ),
    6: (
        'bom = true\nafhalen = "bevestigd"\nbewaren_dagen = 30\n',
        "Zet naast een bestand dat u hebt opgehaald een leeg bestand <naam>.ok: dan verwijderen wij het na 30 dagen.",
    ),
}
SECTORS = ("Huur", "Energie", "Water", "Zorg")
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Expected:
    """One dropped file: its name, data lines, and the code that refuses it as a whole ("" when it is read)."""

    partner: str
    bestand: str
    regels: int
    fout: int  # rows that are refused
    code: str


@dataclass(frozen=True)
class Sandbox:
    """What was made; `expected` lists every dropped file."""

    folder: Path
    partners: tuple[str, ...]
    uitvoerders: tuple[str, ...]
    expected: tuple[Expected, ...]

    @property
    def config(self) -> Path:
        """Its configuration folder."""
        return self.folder / "config"


def create(
    folder: Path,
    *,
    partners: int = 6,
    uitvoerders: int = 12,
    signalen: int = 20_000,
    seed: int = 1,
    port: int | None = None,
    day: date | None = None,
    wrong: bool = True,
    profielen: bool = True,
) -> Sandbox:
    """Make a sandbox; raises SandboxFault when the folder holds something already.

    signalen: rows in all good files together. day: the peildatum is the day before it (default: today). wrong: also
    drop files and rows that are wrong on purpose. profielen: the uitvoerders in PROFIELEN are as described there, the
    others have no profile. The same seed gives the same rows; keys are always new.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SandboxFault(f"{folder} is niet leeg")
    day = day or datetime.now(ZoneInfo("Europe/Amsterdam")).date()
    folder = folder.resolve()
    for name in ("config/keys", "config/partners", "config/uitvoerders", "server/authorized_keys", "var"):
        (folder / name).mkdir(parents=True, mode=0o700)
    maker = _Maker(folder, port or _free_port())
    ids = [f"{SECTORS[at % 4].lower()}-{at + 1:02d}" for at in range(partners)]
    receivers = [f"uitvoerder-{at + 1:02d}" for at in range(uitvoerders)]
    codes = sorted(gemeenten.active(day))
    for at, party in enumerate(ids):
        maker.partner(party, SECTORS[at % 4], declares=at % 2 == 1)
    for at, party in enumerate(receivers):
        maker.uitvoerder(party, codes[at::uitvoerders], *(PROFIELEN.get(at + 1, ()) if profielen else ()))
    maker.agreements(ids, codes)
    maker.regels(day)
    maker.settings()
    addresses = write_pc6hnr(folder / "var" / "pc6hnr20250801_gwb.csv", codes, seed=seed)
    reference.import_pc6hnr(folder / "var" / "pc6hnr20250801_gwb.csv", folder / "var" / "referentie")
    dropped = _drop(folder, ids, addresses, signalen, seed, day, wrong)
    (folder / "verwacht.json").write_text(json.dumps([asdict(one) for one in dropped], indent=1))
    return Sandbox(folder, tuple(ids), tuple(receivers), tuple(dropped))


def drop(folder: Path) -> None:
    """Remove a sandbox; raises SandboxFault when the folder is not one."""
    if not (folder / "verwacht.json").is_file():
        raise SandboxFault(f"{folder} is geen oefenomgeving")
    shutil.rmtree(folder)


def _drop(
    folder: Path, ids: list[str], addresses: pa.Table, signalen: int, seed: int, day: date, wrong: bool
) -> list[Expected]:
    people = People(seed)
    dropped = []
    for at, partner in enumerate(ids):
        count = signalen // len(ids) + (at < signalen % len(ids))
        sector, declares = SECTORS[at % 4], at % 2 == 1
        good = files.good(addresses, count, partner, sector, people, seed + at, day, declares, wrong)
        dropped += [
            Expected(partner, *one) for one in files.drop_all(folder, partner, day, good, at if wrong else None)
        ]
    return dropped


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class _Maker:
    """Writes the parties, keys and configuration."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port, self._keys = folder, port, folder / "config" / "keys"
        secret, self._public, self._fingerprint = pgp.generate("Nachtpost zandbak <zandbak@example.nl>")
        _private(self._keys / "exchange-secret.asc", secret)
        self._ssh = _ssh_key(self._keys / "exchange_ed25519")
        self._hostkey = _ssh_key(folder / "server" / "ssh_host_ed25519")
        (folder / "server" / "port").write_text(str(port))
        for name in ("opslag.key", "hash-1.key"):
            _private(self._keys / name, base64.b64encode(secrets.token_bytes(32)))

    def settings(self) -> None:
        """nachtpost.toml."""
        text = f"""[exchange]
naam = "Nachtpost zandbak"
pgp_sleutel = "keys/exchange-secret.asc"
pgp_vingerafdruk = "{self._fingerprint}"
ssh_sleutel = "keys/exchange_ed25519"

[opslag]
register = "sqlite:///../var/register.sqlite"
archief = "../var/archief"
werk = "../var/werk"
referentie = "../var/referentie"
opslagsleutel = "keys/opslag.key"
hashsleutels = [{{ id = 1, bestand = "keys/hash-1.key" }}]

[intake]
stil_seconden = 0.5
"""
        (self._folder / "config" / "nachtpost.toml").write_text(text)

    def partner(self, party: str, sector: str, *, declares: bool) -> None:
        """A partner; every second one has a verklaring instead of the condition columns."""
        text = self._party(party, f"Voorbeeld {sector} {party[-2:]}")
        text = text.replace("\n[sftp]", f'sectoren = ["{sector}"]\n\n[sftp]', 1)
        if declares:
            text += "\n[verklaring]\nvan = 2025-01-01\n"
        (self._folder / "config" / "partners" / f"{party}.toml").write_text(text)
        self._folders(party, ("in", "in/proef", "terugmelding"), _LEESMIJ_PARTNER)

    def uitvoerder(self, party: str, codes: list[str], levering: str = "", uitleg: str = "") -> None:
        """An uitvoerder that serves `codes`."""
        served = "".join(
            f'\n[[gemeenten]]\ncode = "{code}"\nvan = {gemeenten.gemeente(code).van.isoformat()}\n' for code in codes
        )
        text = self._party(party, f"Schuldhulp {party[-2:]}") + (f"\n[levering]\n{levering}" if levering else "")
        (self._folder / "config" / "uitvoerders" / f"{party}.toml").write_text(text + served)
        leesmij = _LEESMIJ_UITVOERDER + (f"\n{uitleg}\n" if uitleg else "")
        self._folders(party, ("in", "terugmelding", "uit"), leesmij)
        for code in codes if "een_map" not in levering else ():
            (self._folder / "sftp" / party / "uit" / code).mkdir()

    def agreements(self, ids: list[str], codes: list[str]) -> None:
        """Everybody with every gemeente."""
        lines = ["partner;gemeentecode;van;tot;soorten;geboortedatum;verklaring_van"]
        for party in ids:
            lines += [f"{party};{code};{max(gemeenten.gemeente(code).van, date(2021, 1, 1))};;;N;" for code in codes]
        (self._folder / "config" / "overeenkomsten.csv").write_text("\n".join(lines) + "\n")

    def regels(self, day: date) -> None:
        """What gemeenten set for themselves; made up, and said so."""
        bron = "verzonnen voor de zandbak"
        lines = [
            f"drempel_euro;;0363;;2021-01-01;;75,00;waarschuwen;besluit van de gemeente, {bron}",
            f"drempel_euro;Zorg;0344;;2021-01-01;;100,00;waarschuwen;besluit van de gemeente, {bron}",
            f"termijn_dagen;Huur;0599;;2021-01-01;;60-;waarschuwen;besluit van de gemeente, {bron}",
            f"aangewezen;DUO;0363;;{day.year}-01-01;{day.year + 3}-12-31;;;aanwijzing, {bron}",
        ]
        head = ";".join(regelbestand.COLUMNS)
        (self._folder / "config" / regelbestand.NAME).write_text("\n".join([head, *lines]) + "\n")

    def _party(self, party: str, naam: str) -> str:
        own = self._folder / "parties" / party
        own.mkdir(parents=True, mode=0o700)
        secret, public, fingerprint = pgp.generate(f"{naam} <{party}@example.nl>")
        _private(own / "secret.asc", secret)
        (own / "public.asc").write_bytes(public)
        (own / "exchange.asc").write_bytes(self._public)
        (self._keys / f"{party}.asc").write_bytes(public)
        key = _ssh_key(own / "id_ed25519")
        (self._folder / "server" / "authorized_keys" / party).write_text(f"{key}\n{self._ssh}\n")
        (own / "known_hosts").write_text(f"[{HOST}]:{self._port} {self._hostkey}\n")
        (own / "ssh_config").write_text(
            f"Host exchange\n  HostName {HOST}\n  Port {self._port}\n  User {party}\n"
            f"  IdentityFile {own}/id_ed25519\n  IdentitiesOnly yes\n  UserKnownHostsFile {own}/known_hosts\n"
        )
        return (
            f'id = "{party}"\nnaam = "{naam}"\n\n'
            f'[sftp]\nhost = "{HOST}"\npoort = {self._port}\ngebruiker = "{party}"\nhostkeys = ["{self._hostkey}"]\n\n'
            f'[pgp]\nbestand = "keys/{party}.asc"\nvingerafdrukken = ["{fingerprint}"]\n'
        )

    def _folders(self, party: str, names: tuple[str, ...], leesmij: str) -> None:
        for name in names:
            (self._folder / "sftp" / party / name).mkdir(parents=True)
        (self._folder / "sftp" / party / "LEESMIJ.txt").write_text(leesmij)


def _ssh_key(path: Path) -> str:
    """Make an ed25519 key pair; returns the public line (`ssh-ed25519 AAAA…`)."""
    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    _private(path, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    path.with_name(path.name + ".pub").write_text(line + "\n")
    return line


def _private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def read_expected(folder: Path) -> list[dict[str, Any]]:
    """What `create` wrote about the dropped files."""
    found: list[dict[str, Any]] = json.loads((folder / "verwacht.json").read_text())
    return found


_LEESMIJ_PARTNER = """Welkom bij Nachtpost (zandbak).

in/            Zet hier uw bestanden neer, met PGP versleuteld en ondertekend:
               VS_SIG_<uw naam>_<jjjjmmdd>_<nnn>.csv.pgp
in/opgehaald/  Hierheen verplaatsen wij wat wij hebben opgehaald.
in/proef/      Hier kunt u hetzelfde bestand eerst proberen: het antwoord komt in terugmelding/proef/, en verder
               gebeurt er niets mee. Na 24 uur halen wij beide weg.
terugmelding/  Hier leest u wat wij ontvingen, wat is afgekeurd en waarom, en wat is doorgezet. In
               aansluitlijst.csv staat waar u kunt melden; zij is elke dag bij.

"in" is vanuit Nachtpost gezien: wat naar ons toe komt.
"""
_LEESMIJ_UITVOERDER = """Welkom bij Nachtpost (zandbak).

uit/<gemeentecode>/  Hier staat elke ochtend het bestand met signalen van die gemeente.
uit/                 Hier staan een sjabloon voor uw terugkoppeling en het manifest. Het manifest komt als laatste:
                     zonder manifest is de nacht niet volledig.
in/                  Zet hier uw terugkoppeling neer, met PGP versleuteld en ondertekend:
                     VS_TK_<uw naam>_<jjjjmmdd>_<nnn>.csv.pgp
in/opgehaald/        Hierheen verplaatsen wij wat wij hebben opgehaald.
terugmelding/        Hier leest u wat er met uw terugkoppeling is gebeurd.

"in" en "uit" zijn vanuit Nachtpost gezien.
"""
