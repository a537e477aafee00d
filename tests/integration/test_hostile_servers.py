"""A night against servers that refuse, lose and will not say: once they are healthy, every row was delivered exactly
once and told once. The same with two workers, of which one is killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from exchange import register
from exchange.context import Exchange, local_date, open_exchange, utc_now
from exchange.register import outbox
from exchange.register.states import Zending
from exchange.register.tables import signaal, uitzondering
from exchange.sandbox.create import create
from exchange.status import status
from exchange.steps import onzeker
from tests.integration.servers import Account, lose, refuses, serving, then
from tests.integration.test_night import opened, root
from transforms.identity import signaal_ref

NACHTPOST = Path(sys.executable).with_name("nachtpost")
#: Nights that are worked on while the servers are so, and as often when they are healthy again.
ROUNDS = 3


def hostile(accounts: dict[str, Account], parties: list[str]) -> None:
    """Every second rename refused, every third temporary file lost, every fifth look-up answered with status 4."""
    for party in parties:
        accounts[party].habits = {
            "rename": refuses(4, every=2),
            "close": then(lose, where=".tmp", every=3),
            "lstat": refuses(4, every=5),
        }


@pytest.fixture
def folder(tmp_path: Path, register_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sandbox of today, on an empty register."""
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", register_url)
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    register.upgrade(register_url)
    today = local_date(utc_now())
    return create(tmp_path / "s", partners=3, uitvoerders=3, signalen=40, day=today, seed=5, wrong=False).folder


def work(folder: Path) -> subprocess.Popen[bytes]:
    """One worker: an intake and a night, in a process of its own."""
    both = f"{NACHTPOST} intake --config {folder}/config; exec {NACHTPOST} uitlevering --config {folder}/config"
    return subprocess.Popen(["sh", "-c", both], stdout=subprocess.DEVNULL, start_new_session=True)


def killed(worker: subprocess.Popen[bytes], after: float) -> None:
    time.sleep(after)
    os.killpg(worker.pid, 9)
    worker.wait()


def nothing_of_it_stands_there(exchange: Exchange) -> bool:
    """Of every doubt the receiver's folder really cannot tell."""
    with exchange.register.connect() as db:
        doubts = outbox.doubtful(db)
    places = [root(exchange) / "sftp" / row.ontvanger / row.map for row in doubts]
    return not any(
        (place / row.naam).exists() or (place / f".{row.naam}.{row.id}.tmp").exists()
        for place, row in zip(places, doubts, strict=True)
    )


def lines(exchange: Exchange, party: str, pattern: str) -> Iterator[dict[str, str]]:
    for path in sorted((root(exchange) / "sftp" / party).glob(pattern)):
        yield from opened(exchange, party, path)


def delivered_and_told_once(exchange: Exchange) -> None:
    with exchange.register.connect() as db:
        accepted = list(db.scalars(sa.select(signaal.c.nr)))
        assert not list(db.scalars(sa.select(uitzondering.c.signaal_nr)))
    refs = Counter(signaal_ref(pa.array(accepted, pa.int64())).to_pylist())
    config = exchange.config
    assert refs == Counter(
        row["signaal_ref"] for id in config.uitvoerders for row in lines(exchange, id, "uit/*/VS_B*")
    )
    told = [row for id in config.partners for row in lines(exchange, id, "terugmelding/VS_DOORGEZET_*")]
    assert refs == Counter(row["signaal_ref"] for row in told if row["niveau"] == "REGEL")
    listed = Counter(row["bestand"] for id in config.uitvoerders for row in lines(exchange, id, "uit/VS_MANIFEST_*"))
    assert {listed[row["bestand"]] for row in status(exchange)["batches"]} == {1}
    answered = Counter(
        (id, row["bestand"]) for id in config.partners for row in lines(exchange, id, "terugmelding/*_ONTVANGST_*")
    )
    assert answered.total() == len(answered) == len(status(exchange)["aanleveringen"])


def healthy_again(folder: Path, accounts: dict[str, Account]) -> None:
    for account in accounts.values():
        account.healthy()
    with open_exchange(folder / "config") as exchange:
        for _ in range(ROUNDS):
            assert work(folder).wait() in (0, 1)
            assert nothing_of_it_stands_there(exchange)
            with exchange.register.connect() as db:
                doubts = outbox.doubtful(db)
            for row in doubts:  # nobody collects here: it was lost
                onzeker.decide(exchange, row.id, Zending.GEBOUWD, "niets aangekomen", utc_now)
        assert status(exchange)["balans"] | {"klopt": True, "wachtend": 0} == status(exchange)["balans"]
        delivered_and_told_once(exchange)


SQLITE_FIRST = pytest.mark.parametrize(
    "register_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
POSTGRESQL_FIRST = pytest.mark.parametrize(
    "register_url", ["postgresql", pytest.param("sqlite", marks=pytest.mark.long)], indirect=True
)


@SQLITE_FIRST
def test_once_they_are_healthy_every_row_was_delivered_once_and_told_once(folder):
    with serving(folder) as accounts, open_exchange(folder / "config") as exchange:
        hostile(accounts, [*exchange.config.partners, *exchange.config.uitvoerders])
        for _ in range(ROUNDS):
            assert work(folder).wait() in (0, 1)
        with exchange.register.connect() as db:
            assert outbox.doubtful(db) == []  # nobody was killed, so every answer is known
        assert sum(habit.struck for account in accounts.values() for habit in account.habits.values()) > 20
        healthy_again(folder, accounts)


@POSTGRESQL_FIRST
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))])
def test_so_it_was_with_two_workers_of_which_one_is_killed(folder, seed):
    chance = random.Random(seed)
    with serving(folder) as accounts, open_exchange(folder / "config") as exchange:
        hostile(accounts, [*exchange.config.partners, *exchange.config.uitvoerders])
        for _ in range(ROUNDS):
            one, other = work(folder), work(folder)
            killed(one, chance.uniform(1, 9))
            other.wait()
        healthy_again(folder, accounts)
