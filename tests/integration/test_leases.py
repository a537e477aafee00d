"""Leases: a living worker is left alone and named, a dead one is taken over, and the fencing number alone decides."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa

from exchange.context import Exchange, utc_now
from exchange.faults import LeaseLost
from exchange.register import leases, processes, signalen
from exchange.register.tables import lease, signaal
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, report
from tests.integration.test_night import ANY_REGISTER, DAY, clock, delivered_and_checked, exchange, template
from tests.integration.test_register import engine, rows

__all__ = ["clock", "engine", "exchange", "template"]  # fixtures

#: A worker that takes a lease, says so, and works until it is stopped.
WORKER = """
import sys, time
from exchange import register
from exchange.context import utc_now
from exchange.register import leases
with leases.held(register.engine(sys.argv[1]), sys.argv[2], utc_now) as lease:
    print("held" if lease else "not", flush=True)
    time.sleep(600)
"""


@contextmanager
def worker(url: str, naam: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds a lease."""
    with subprocess.Popen([sys.executable, "-c", WORKER, url, naam], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A term that a test can wait for."""
    monkeypatch.setattr(leases, "DURATION", timedelta(seconds=0.5))
    monkeypatch.setattr(leases, "SKEW", timedelta(seconds=0.5))
    monkeypatch.setattr(leases, "BEAT", 0.05)
    monkeypatch.setattr(leases, "LOOK", 0.05)


def test_what_a_living_process_holds_is_left_to_it_and_named_and_what_a_killed_one_held_is_free_at_once(
    engine, register_url
):
    with worker(register_url, "check:x") as other:
        with leases.held(engine, "check:x", utc_now) as lease_:
            assert lease_ is None
        [said] = leases.who(engine, "check:x", "huur-01")
        assert said.startswith(f"huur-01 (proces {other.pid} op ")
        other.kill()
        other.wait()
        with leases.held(engine, "check:x", utc_now) as lease_:
            assert lease_ is not None
            assert lease_.nummer == 2
    assert leases.who(engine, "check:x", "huur-01") == []


def test_a_process_that_ended_and_was_not_yet_noticed_by_its_parent_is_dead():
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        name = processes.this().replace(f":{os.getpid()}:", f":{child.pid}:")
        other = ":".join([*name.split(":")[:2], str(processes._begun(child.pid)), *name.split(":")[3:]])
        assert processes.lives(other) is True
        assert processes.lives(name) is False  # its number was that of an earlier process
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the table
        assert processes.lives(other) is False
    assert processes.lives("elders:7:1:00000000") is None
    assert processes.lives("a-name-of-an-older-version") is None


def of_another_machine(engine: sa.Engine, tot: datetime) -> None:
    with engine.begin() as db:
        values = {"houder": "elders:7:1:00000000:ab", "tot": tot, "sinds": tot, "nummer": 4}
        db.execute(lease.insert().values(naam="check:x", **values))


@pytest.mark.parametrize(("ago", "free"), [(timedelta(0), False), (leases.SKEW, True)])
def test_a_lease_of_another_machine_is_over_when_its_term_and_the_difference_of_clocks_are(engine, ago, free):
    nu = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    of_another_machine(engine, nu - ago)
    assert isinstance(leases._try(engine, "check:x", "me", nu, None), leases.Lease) == free


def test_a_worker_of_another_machine_that_gives_no_sign_of_life_for_the_whole_term_is_taken_over(engine, hasty):
    """However far ahead its clock is: whoever finds the lease looks until it knows, and then does the work."""
    of_another_machine(engine, utc_now() + timedelta(days=1))
    with leases.held(engine, "check:x", utc_now) as lease_:
        assert lease_ is not None
        assert lease_.nummer == 5


def test_a_worker_of_another_machine_that_gives_a_sign_of_life_is_left_alone(engine, monkeypatch):
    monkeypatch.setattr(leases, "LOOK", 0.05)
    of_another_machine(engine, utc_now() + timedelta(days=1))
    seen = threading.Event()

    @sa.event.listens_for(engine, "commit")
    def looked(_db: sa.Connection) -> None:
        seen.set()

    def beat() -> None:
        seen.wait(60)
        with engine.begin() as db:
            db.execute(lease.update().values(tot=utc_now() + timedelta(days=2)))

    heart = threading.Thread(target=beat)
    heart.start()
    with leases.held(engine, "check:x", utc_now) as lease_:
        assert lease_ is None
    heart.join()


def test_a_lease_is_extended_while_its_work_goes_on(engine, hasty):
    def tot() -> datetime:
        with engine.connect() as db:
            return db.scalar(sa.select(lease.c.tot))

    with leases.held(engine, "check:x", utc_now) as lease_:
        first = tot()
        while tot() <= first + leases.DURATION:
            pass
    assert lease_ is not None


def test_a_heartbeat_that_waits_for_the_register_is_not_death(engine, register_url):
    """On SQLite one writer keeps every heartbeat waiting; the kernel still knows who lives."""
    with worker(register_url, "check:x"):
        with engine.begin() as db:
            db.execute(lease.update().values(tot=utc_now() - timedelta(minutes=5)))
        with leases.held(engine, "check:x", utc_now) as lease_:
            assert lease_ is None


@pytest.mark.parametrize("register_url", ["postgresql"], indirect=True)
def test_who_records_in_a_long_transaction_keeps_its_lease_on_any_machine(engine, hasty):
    """The row is locked from `renew` until the end; whoever comes sees that, and does not wait for it."""
    nu = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    of_another_machine(engine, nu)
    with engine.begin() as db:
        leases.renew(db, leases.Lease("check:x", "elders:7:1:00000000:ab", 4), nu - timedelta(hours=1))
        with leases.held(engine, "check:x", lambda: nu + timedelta(hours=1)) as lease_:
            assert lease_ is None


def test_a_forked_process_has_no_leases_and_its_end_ends_none(engine):
    with leases.held(engine, "check:x", utc_now):
        child = os.fork()
        if child == 0:
            os._exit(1 if leases._HEART.mine else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with leases.held(engine, "check:x", utc_now) as second:
            assert second is None


def many(count: int) -> pa.Table:
    """Rows of one file."""
    block = rows(1, *range(2, count + 2))
    return block.append_column("spoed", pa.array([False] * count))


def written_beside_a_second_writer(engine: sa.Engine, count: int) -> None:
    """One transaction writes a file of `count` rows while its own heartbeat and a second writer want the register; then
    it still has its lease."""
    begun, done = threading.Event(), threading.Event()

    def second() -> None:
        begun.wait(60)
        while not done.is_set():
            with leases.held(engine, "check:y", utc_now), engine.begin():
                pass

    other = threading.Thread(target=second)
    other.start()
    try:
        with leases.held(engine, "check:x", utc_now) as lease_, engine.begin() as db:
            assert lease_ is not None
            begun.set()
            signalen.insert(db, signaal, many(count))
            leases.renew(db, lease_, utc_now())
    finally:
        done.set()
        other.join()


def test_a_file_is_recorded_however_long_writing_takes_beside_a_second_writer(engine, hasty):
    written_beside_a_second_writer(engine, 60_000)


@pytest.mark.long
def test_a_file_of_a_million_rows_is_recorded_beside_a_second_writer(engine):
    written_beside_a_second_writer(engine, 1_000_000)


def late(exchange: Exchange, monkeypatch: pytest.MonkeyPatch, step: Callable[[], object]) -> None:
    """Run `step`; another worker takes over every lease that it has, before it records."""
    original = leases.renew

    def renew(db: sa.Connection, held_lease: leases.Lease, nu: datetime) -> None:
        db.execute(lease.update().where(lease.c.naam == held_lease.naam).values(nummer=lease.c.nummer + 1))
        original(db, held_lease, nu)

    with monkeypatch.context() as patched, pytest.raises(LeaseLost):
        patched.setattr(leases, "renew", renew)
        step()


def stored(exchange: Exchange) -> set[str]:
    return {*exchange.archive.list("verzonden"), *exchange.work._store.list("")}


@ANY_REGISTER
def test_who_lost_its_lease_leaves_nothing_of_what_it_wrote(exchange, clock, monkeypatch):
    delivered_and_checked(exchange, clock, "VS_SIG_huur-01_20261123_099.csv.pgp", b"")
    before = stored(exchange)
    late(exchange, monkeypatch, lambda: check.check(exchange, ["energie-02"], clock))
    assert stored(exchange) == before
    assert check.check(exchange, ["energie-02"], clock).aanleveringen > 0


@ANY_REGISTER
def test_who_was_stopped_before_it_recorded_its_rows_leaves_none_to_the_next(exchange, clock):
    pickup.pickup(exchange, clock)
    with exchange.work.writer(1, 99, pa.schema([("gemeentecode", pa.string())])):
        pass
    check.check(exchange, sorted(exchange.config.partners), clock)
    assert [name for name in exchange.work._store.list("1") if name.endswith("/99.parquet")] == []
    bundle.bundle(exchange, DAY, clock)
    for shard in build.shards(exchange, DAY, 1):
        assert build.build(exchange, DAY, shard, clock).regels > 0


@ANY_REGISTER
def test_every_step_says_which_process_is_at_it_and_does_all_once_that_is_gone(exchange, clock):
    """A killed worker costs nobody a night: whoever comes next does the work, and says nothing green before it did."""
    url = exchange.config.opslag.register
    with worker(url, "pickup:SIGNALEN") as other:
        [busy] = pickup.pickup(exchange, clock).bezet
        assert f"proces {other.pid} op " in busy
    assert pickup.pickup(exchange, clock).opgehaald > 0
    with worker(url, "check:huur-01") as other:
        assert str(other.pid) in check.check(exchange, ["huur-01"], clock).bezet[0]
    found = check.check(exchange, sorted(exchange.config.partners), clock)
    assert (found.bezet, status(exchange)["balans"]["wachtend"] > 0) == ([], True)
    bundle.bundle(exchange, DAY, clock)
    [codes] = build.shards(exchange, DAY, 1)
    with worker(url, f"bouwen:{DAY}:001:{codes[0]}-{codes[-1]}") as other:
        refused = build.build(exchange, DAY, codes, clock)
        assert (refused.batches, str(other.pid) in refused.bezet[0]) == (0, True)
    assert build.build(exchange, DAY, codes, clock).batches == len(codes)
    with worker(url, "doorgezet:huur-01") as other:
        told = report.report(exchange, DAY, clock)
        assert (told.uitgesteld, str(other.pid) in told.bezet[0]) == (["huur-01"], True)
    assert report.report(exchange, DAY, clock).uitgesteld == []
