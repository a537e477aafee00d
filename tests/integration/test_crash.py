"""Killed in the middle of a step, at any moment: the night that is begun again ends as one that nothing happened to.

`python -m tests.integration.test_crash CONFIG STEP MOMENT` runs one step: the process that is killed.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange import pgp, register
from exchange.context import Exchange, open_exchange
from exchange.register import ledger
from exchange.sandbox.create import create
from exchange.sandbox.serve import serving
from exchange.status import status
from schemas.aansluitlijst import NAAM
from tests.integration.test_night import DAY, Clock, delivered, root, steps

REPOSITORY = Path(__file__).parents[2]
#: How often each of these steps is killed.
KILLS, KILLED = 3, ("check", "build", "publish")
#: What differs between two nights of the same rows: when, and the bytes that gpg makes.
OF_THE_MOMENT = {"tijdstip", "geleverd_op", "doorgezet_op", "logboek_kop", "sha256", "grootte"}


@dataclass(frozen=True)
class Night:
    """How a night ended: its status, what every party reads in every file, and the seconds that each step took."""

    status: dict[str, Any]
    files: dict[str, list[dict[str, str]]]
    seconds: dict[str, float]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor chance in what is numbered first: parties are visited one after another."""
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    monkeypatch.setenv("NACHTPOST_INTAKE__THREADS", "1")


@pytest.fixture(autouse=True)
def _homes() -> Iterator[None]:
    """A killed process leaves its GNUPGHOME; the next one removes it when it is old enough."""
    before = set(Path("/tmp").glob("nachtpost-gpg-*"))
    yield
    for left in set(Path("/tmp").glob("nachtpost-gpg-*")) - before:
        os.utime(left, (0, 0))
    pgp.generate("last <last@example.nl>")


@contextmanager
def opened(folder: Path) -> Iterator[Exchange]:
    register.upgrade(f"sqlite:///{folder}/var/register.sqlite")
    with serving(folder), open_exchange(folder / "config") as exchange:
        yield exchange


def run(name: str, exchange: Exchange, clock: Clock) -> float:
    begun = time.monotonic()
    dict(steps(exchange, clock))[name]()
    return time.monotonic() - begun


def kill(name: str, exchange: Exchange, clock: Clock, after: float) -> bool:
    """Begin a step in a process of its own and kill it; whether that was in time. What it held is free at once."""
    command = [sys.executable, "-m", "tests.integration.test_crash", str(exchange.config.folder), name]
    with subprocess.Popen([*command, clock.now.isoformat()], stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(after)
        process.kill()
    return process.returncode < 0


def ended(exchange: Exchange, seconds: dict[str, float]) -> Night:
    """Everything that the parties have, read with their own keys."""
    folder = root(exchange) / "parties"
    secrets = b"\n".join(path.read_bytes() for path in sorted(folder.glob("*/secret.asc")))
    public = next(folder.glob("*/exchange.asc")).read_bytes()
    ours, files = exchange.config.exchange.pgp_vingerafdruk, {}
    with pgp.Keyring.open(secrets, "", [public]) as keyring:
        for place, names in delivered(exchange).items():
            for name in names:
                path = root(exchange) / "sftp" / place / name
                if name == NAAM:  # the one file that is not encrypted
                    files[f"{place}/{name}"] = list(csv.DictReader(path.read_text().splitlines(), delimiter=";"))
                    continue
                with (
                    keyring.decrypt(path, signers=[ours], at=datetime.now(UTC), max_bytes=10**7) as plaintext,
                    open(plaintext.fd, newline="", encoding="utf-8", closefd=False) as text,
                ):
                    rows = list(csv.DictReader(text, delimiter=";"))
                files[f"{place}/{name}"] = [
                    {column: value for column, value in row.items() if column not in OF_THE_MOMENT} for row in rows
                ]
    return Night(status(exchange), files, seconds)


def test_a_night_killed_inside_its_steps_ends_as_if_nothing_happened(tmp_path):
    template = create(tmp_path / "t" / "s", partners=3, uitvoerders=3, signalen=30, day=DAY, seed=7).folder
    shutil.copytree(template, tmp_path / "u" / "s")
    with opened(tmp_path / "u" / "s") as exchange:
        clock, _ = Clock(), exchange.keyring  # open, as in the process that is killed
        undisturbed = ended(exchange, {name: run(name, exchange, clock) for name, _ in steps(exchange, clock)})

    chance = random.Random(DAY.toordinal())
    with opened(template) as exchange:
        clock, killed = Clock(), Counter[str]()
        for name, seconds in undisturbed.seconds.items():
            for turn in range(KILLS if name in KILLED else 0):
                killed[name] += kill(name, exchange, clock, seconds * (turn + chance.random()) / KILLS)
            run(name, exchange, clock)
        assert all(killed[name] for name in KILLED)
        again = ended(exchange, {})
        assert ledger.verify(exchange.register) > 0
        visible = [path.name for path in (template / "sftp").rglob("*") if path.is_file()]
    assert not [name for name in visible if name.startswith(".") or name.endswith(".tmp")]

    assert again.status["balans"]["klopt"]
    assert again.status["balans"]["wachtend"] == 0
    assert again.status == undisturbed.status
    assert again.files.keys() == undisturbed.files.keys()  # every answer once, under the same number
    for name, rows in undisturbed.files.items():
        assert again.files[name] == rows, name

    refs = [row["signaal_ref"] for name, rows in again.files.items() if "VS_BATCH" in name for row in rows]
    assert len(set(refs)) == len(refs) == again.status["balans"]["doorgezet"] > 0


def main(config: Path, name: str, moment: str) -> None:
    """The process that is killed."""
    clock = Clock()
    clock.now = datetime.fromisoformat(moment)
    with open_exchange(config) as exchange:
        exchange.keyring  # noqa: B018  opening it takes longer than most steps
        print("begun", flush=True)
        run(name, exchange, clock)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
