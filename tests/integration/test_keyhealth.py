"""`config check` says of every key, theirs and ours, what is to be done about it soon; that stops nobody."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from exchange.cli import app
from exchange.configuration import keyhealth, load
from exchange.faults import Problem
from tests.keys import DAY, Gpg
from tests.unit.test_configuration import HOSTKEY, PARTY, Keys, change, folder, keys  # noqa: F401

PARTIJ = "partners/aaa.toml"


@pytest.fixture
def gpg(gpg_home: Path) -> Gpg:
    return Gpg(gpg_home)


def put(folder: Path, public: bytes, *fingerprints: str) -> None:  # noqa: F811
    """Partner aaa, whose files come before those of all others, with these keys."""
    named = '", "'.join(fingerprints)
    text = PARTY.format(id="aaa", hostkey=HOSTKEY, fingerprint=named)
    (folder / "partners" / "aaa.toml").write_text(f'sectoren = ["Huur"]\n{text}')
    (folder / "keys" / "aaa.asc").write_bytes(public)


def warned(folder: Path, after: timedelta = timedelta()) -> list[Problem]:  # noqa: F811
    config = load(folder)
    assert config.problemen == ()
    return keyhealth.warnings(config.sleutels, config.accounts, datetime.now(UTC) + after)


def test_every_key_of_a_party_is_judged_and_none_stops_anybody(folder: Path, gpg: Gpg) -> None:  # noqa: F811
    ago = 100 * DAY
    fingerprints = {
        "expired": gpg.key("expired", "ed25519", "30d", ago=ago),
        "revoked": gpg.key("revoked"),
        "later": gpg.key("later", ago=-40 * DAY),
        "soon": gpg.key("soon", "ed25519", "159d", ago=ago),
        "fine": gpg.key("fine", "ed25519", "163d", ago=ago),
        "old subkey": gpg.key("old subkey", ago=ago),
        "new subkey": gpg.key("new subkey", ago=ago),
        "sha1": gpg.key("sha1", "rsa3072", "0", "--cert-digest-algo", "SHA1"),
        "mended": gpg.key("mended", "rsa3072", "0", "--cert-digest-algo", "SHA1", ago=ago),
        "small": gpg.key("small", "rsa1024"),
        "dsa": gpg.key("dsa", "dsa1024"),
    }
    gpg.revoke(fingerprints["revoked"])
    gpg.run("--cert-digest-algo", "SHA256", "--quick-set-expire", fingerprints["mended"], "2y")
    for name in ("old subkey", "new subkey"):
        gpg.subkey(fingerprints[name], "30d", ago=ago)
    gpg.subkey(fingerprints["new subkey"])
    for name in ("later", "soon", "fine", "sha1", "mended", "small", "dsa"):
        gpg.subkey(fingerprints[name], ago=-40 * DAY if name == "later" else 0)
    put(folder, b"".join(gpg.public(one) for one in fingerprints.values()), *fingerprints.values())

    found = {name: [one for one in warned(folder) if key in one.problem] for name, key in fingerprints.items()}

    assert all((one.file, one.place, one.partijen) == (PARTIJ, "pgp.bestand", ()) for one in warned(folder))
    assert all(f"sleutel {fingerprints[name]} van aaa " in one.problem for name in found for one in found[name])
    said = {name: " ".join(one.problem.partition(" van aaa ")[2] for one in some) for name, some in found.items()}
    today = datetime.now(keyhealth.AMSTERDAM).date()
    assert said == {
        "expired": f"is verlopen op {today - timedelta(70)}",
        "revoked": f"is ingetrokken op {today}",
        "later": f"geldt pas vanaf {today + timedelta(40)}",
        "soon": f"verloopt op {today + timedelta(59)}: nog 59 dagen om te ondertekenen en te versleutelen",
        "fine": "",
        "old subkey": "kan nu niet versleutelen: wat zij daarvoor heeft, is verlopen, ingetrokken of nog niet begonnen",
        "new subkey": "",
        "sha1": "is door haar eigenaar bekrachtigd met SHA-1, en dat is na te maken",
        "mended": "",
        "small": "is te zwak: RSA van 1024 bits",
        "dsa": "is te zwak: DSA is door haar eigenaar bekrachtigd met SHA-1, en dat is na te maken",
    }
    assert "keys/aaa.asc" in found["expired"][0].mend


def test_our_own_key_is_judged_as_well(folder: Path, gpg: Gpg) -> None:  # noqa: F811
    own = gpg.key("wij", "ed25519", "30d")
    gpg.subkey(own)
    path = folder / "keys" / "exchange-secret.asc"
    path.write_bytes(gpg.secret(own))
    text = (folder / "nachtpost.toml").read_text()
    change(folder, "nachtpost.toml", text.partition('pgp_vingerafdruk = "')[2][:40], own)

    [one] = warned(folder)

    assert (one.file, one.place) == ("nachtpost.toml", "exchange.pgp_sleutel")
    assert f"onze sleutel {own} verloopt op" in one.problem
    assert "geef alle partijen de publieke helft" in one.mend


def test_a_small_host_key_is_named(folder: Path) -> None:  # noqa: F811
    small, large = (
        rsa.generate_private_key(65537, bits).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        for bits in (1024, 2048)
    )
    change(folder, "uitvoerders/zuid.toml", f'"{HOSTKEY}"', f'"{large}", "{small}"')

    [one] = warned(folder)

    assert (one.file, one.place) == ("uitvoerders/zuid.toml", "sftp.hostkeys nr. 2")
    assert "RSA van 1024 bits" in one.problem


def test_warnings_are_told_and_are_no_fault_but_beside_one_they_are_told_as_well(folder: Path, gpg: Gpg) -> None:  # noqa: F811
    soon = gpg.key("soon", "ed25519", "10d")
    gpg.subkey(soon)
    put(folder, gpg.public(soon), soon)
    check = ["config", "check", "--config", str(folder)]

    well, text = CliRunner().invoke(app, [*check, "--json"]), CliRunner().invoke(app, check)
    assert (well.exit_code, text.exit_code) == (0, 0)
    data = json.loads(well.output)
    assert (data["klopt"], data["problemen"], len(data["waarschuwingen"])) == (True, [], 1)
    assert "Let op: partners/aaa.toml pgp.bestand" in text.output

    (folder / "keys" / "zuid.asc").write_bytes(b64encode(b"geen sleutel"))
    wrong, text = CliRunner().invoke(app, [*check, "--json"]), CliRunner().invoke(app, check)
    assert (wrong.exit_code, text.exit_code) == (2, 2)
    data = json.loads(wrong.output)
    assert (data["klopt"], data["stilgezet"], len(data["waarschuwingen"])) == (False, {"zuid": "uitvoerder"}, 1)
    assert data["problemen"][0]["partijen"] == ["zuid"]
    assert "Stilgezet: zuid." in text.output
