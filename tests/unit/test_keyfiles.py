"""Key files as parties send them, and a gpg that does not answer when it reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import encodebytes
from pathlib import Path

import pytest

from exchange.configuration import gpglist, load
from exchange.faults import PgpFault
from tests.keys import cheap
from tests.unit.test_configuration import HOSTKEY, PARTY, folder, keys, only  # noqa: F401


@pytest.mark.parametrize("end", ["\u0085", "\u2028", "\r", "\v"])
def test_a_name_may_hold_any_character_that_ends_a_line(folder: Path, end: str) -> None:  # noqa: F811
    public, fingerprint = cheap(f"Jansen{end}pub:i:1:1:{end}fpr:::::::::0000{end}")
    (folder / "keys" / "aaa.asc").write_bytes(public)
    text = PARTY.format(id="aaa", hostkey=HOSTKEY, fingerprint=fingerprint)
    (folder / "partners" / "aaa.toml").write_text(f'sectoren = ["Huur"]\n{text}')
    config = load(folder)
    assert config.problemen == ()
    assert [one.key.fingerprint for one in config.sleutels if one.van == "aaa"] == [fingerprint]


def armoured(key: bytes) -> str:
    block = "-----{} PGP PUBLIC KEY BLOCK-----\n"
    return f"{block.format('BEGIN')}Comment: nieuw\n\n{encodebytes(key).decode()}{block.format('END')}"


KEY_6, KEY_5 = (b"\xc6\x2a" + bytes([version]) + bytes(41) for version in (6, 5))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (KEY_5, "versie 5"),
        (KEY_6, "versie 6"),
        (armoured(KEY_6).encode(), "versie 6"),
        (armoured(KEY_6).replace("\n", "\r\n").encode("utf-16"), "versie 6"),
        (b"Beste,\r\n\r\nhierbij de sleutel.\r\n" + armoured(KEY_6).encode(), "versie 6"),
        ("Ærø is een eiland, en dit is geen sleutel".encode("cp1252"), "geen OpenPGP-sleutel"),
    ],
    ids=["version 5", "version 6", "armoured", "as Windows writes it", "in a letter", "a text"],
)
def test_a_key_that_gpg_is_too_old_for_is_told_as_such(folder: Path, content: bytes, said: str) -> None:  # noqa: F811
    (folder / "keys" / "woonzo.asc").write_bytes(content)
    assert said in only(folder).problem


def test_a_gpg_that_hangs_is_a_fault_that_is_tried_again(
    folder: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hanging = tmp_path_factory.mktemp("bin") / "gpg"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hanging.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(gpglist, "PATIENCE", 0.2)
    with pytest.raises(PgpFault) as fault:
        load(folder)
    assert fault.value.retry


def test_reading_a_configuration_brings_no_library_of_gpg(folder: Path) -> None:  # noqa: F811
    program = "import pathlib, sys, exchange.configuration as c; c.load(pathlib.Path()); print('gnupg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
