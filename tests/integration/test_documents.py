"""The documents for partners and uitvoerders: made from the schemas as they are, and every command in them works."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from docs import generate, profiel
from exchange.configuration import Levering
from schemas.retourcodes import RETOURCODES
from tests.conftest import program

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The server needs a moment; a reader takes longer than that.
LISTENING = """until (: < /dev/tcp/127.0.0.1/$(cat zandbak/server/port)) 2> /dev/null; do sleep 0.1; done\n"""
CLEAN = """trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"; kill %1' EXIT
"""


@pytest.mark.parametrize("name", generate.DOCUMENTS)
def test_a_document_says_what_the_schemas_say(name: str) -> None:
    assert (generate.HERE / name).read_text(encoding="utf-8") == generate.render(name), "stale: run `make docs`"


def test_there_is_no_command_that_is_not_run() -> None:
    for name in generate.DOCUMENTS:
        assert {language for language, _ in FENCE.findall(generate.render(name))} <= {"sh", "csv", "toml"}


def test_every_profile_in_an_example_is_one_that_we_take() -> None:
    found = [
        text for name in generate.DOCUMENTS for kind, text in FENCE.findall(generate.render(name)) if kind == "toml"
    ]
    assert found
    for text in found:
        if text != profiel.PROFIEL:  # a partner's: read when the document is made
            Levering.model_validate(tomllib.loads(text)["levering"])


def test_every_retourcode_is_published() -> None:
    partner, uitvoerder = (generate.render(name) for name in generate.DOCUMENTS)
    assert [code for code in RETOURCODES if f"| `{code}` |" not in partner + uitvoerder] == []


def run(name: str, folder: Path) -> str:
    """Run the `sh` blocks of a document in one shell, in `folder`; the output."""
    blocks = [content for language, content in FENCE.findall((generate.HERE / name).read_text()) if language == "sh"]
    script = "".join(f"{block}{LISTENING if block.rstrip().endswith('&') else ''}" for block in blocks)
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(folders), "PYTHONPATH": str(generate.HERE.parent)}
    environment.pop("NACHTPOST_CONFIG", None)
    for needed in ("gpg", "sftp"):
        program(needed)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", CLEAN + script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_the_partners_commands_lead_from_a_file_to_its_answers(tmp_path: Path) -> None:
    said = run("koppelvlak-partner.md", tmp_path)

    assert "Regels: 2. Aanvaard: 2. Afgekeurd: 0. Dubbel: 0." in said
    assert said.count("Good signature") == 3
    ids = [row["signaal_id"] for row in generate.ROWS]
    proef = rows(tmp_path / "proef.csv")
    assert [(row["proef"], row["staat"]) for row in proef] == [("J", "AANVAARD")] * 3
    controle, doorgezet = rows(tmp_path / "controle.csv"), rows(tmp_path / "doorgezet.csv")
    assert [(row["signaal_id"], row["staat"]) for row in controle[:-1]] == [(id, "AANVAARD") for id in ids]
    assert (controle[-1]["niveau"], controle[-1]["aanvaard"]) == ("BESTAND", "2")
    mine = {row["signaal_id"]: row for row in doorgezet if row["bestand"].startswith("VS_SIG_huur-01_20250401")}
    assert sorted(mine) == sorted(ids)
    assert all(row["staat"] == "DOORGEZET" and row["signaal_ref"] and row["gemeente"] for row in mine.values())


def test_the_uitvoerders_commands_lead_from_the_manifest_to_open_batches(tmp_path: Path) -> None:
    said = run("koppelvlak-uitvoerder.md", tmp_path)

    manifest = rows(tmp_path / "manifest.csv")
    full = [row for row in manifest if row["staat"] == "NIEUW"]
    assert len(manifest) == 342
    assert full
    assert said.count(": OK") == len(full)
    for row in full:
        assert len(rows(tmp_path / row["bestand"].removesuffix(".pgp"))) == int(row["regels"])
    *lines, total = rows(tmp_path / "controle.csv")
    assert [row["staat"] for row in lines] == ["AANVAARD", *["WACHTEND"] * (len(lines) - 1)]
    assert total["regels"] == str(sum(int(row["regels"]) for row in full))
