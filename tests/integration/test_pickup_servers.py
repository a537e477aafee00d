"""Picking up from servers as they are: a file is taken in once, whatever a server makes of moving it, and no party
takes another's time."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest
import sqlalchemy as sa

from exchange import register
from exchange.context import Exchange, open_exchange
from exchange.register.tables import aanlevering
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create
from exchange.status import status
from exchange.steps import check, pickup, proef, publish
from tests.integration.servers import (
    HALF,
    NEVER,
    NOISE,
    Account,
    Habit,
    denies,
    pretends,
    refuses,
    serving,
    then,
    touch,
    write_on,
)
from tests.integration.test_night import DAY, Clock, opened

HUUR, ENERGIE = "huur-01", "energie-02"
Accounts = dict[str, Account]
Open = Callable[..., Exchange]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = create(
        tmp_path_factory.mktemp("t") / "s", partners=2, uitvoerders=1, signalen=0, wrong=False, profielen=False
    )
    register.upgrade(f"sqlite:///{made.folder}/var/register.sqlite")
    for file in made.folder.glob("sftp/*/in/*.pgp"):
        file.unlink()
    return made


@pytest.fixture
def folder(template: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    return Path(shutil.copytree(template.folder, tmp_path / "s"))


@pytest.fixture
def accounts(folder: Path) -> Iterator[Accounts]:
    with serving(folder) as served:
        yield served


@pytest.fixture
def server(accounts: Accounts) -> Account:
    """How the server treats the account of HUUR."""
    return accounts[HUUR]


@pytest.fixture
def exchange(folder: Path, accounts: Accounts) -> Iterator[Exchange]:
    with open_exchange(folder / "config") as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def limited(exchange: Exchange, monkeypatch: pytest.MonkeyPatch, **intake: float) -> Iterator[Exchange]:
    for name, value in intake.items():
        monkeypatch.setenv(f"NACHTPOST_INTAKE__{name.upper()}", str(value))
    with open_exchange(exchange.config.folder) as opened:
        yield opened


def place(exchange: Exchange, party: str = HUUR) -> Path:
    return exchange.config.folder.parent / "sftp" / party / "in"


#: With what a message begins that is encrypted to somebody: what does not, is sealed and does not stay.
ENCRYPTED = bytes.fromhex("845e03")


def drop(exchange: Exchange, *names: str, party: str = HUUR, content: bytes = b"abc") -> None:
    for name in names:
        (place(exchange, party) / name).write_bytes(ENCRYPTED + content)


def taken(exchange: Exchange, party: str = HUUR) -> list[tuple[str, bool]]:
    """Every aanlevering of a party in the order of its number, and whether it was seen to be out of in/."""
    query = sa.select(aanlevering.c.bestand, aanlevering.c.verplaatst_op).where(aanlevering.c.partner == party)
    with exchange.register.connect() as db:
        return [(row.bestand, row.verplaatst_op is not None) for row in db.execute(query.order_by(aanlevering.c.nr))]


def rounds(exchange: Exchange, clock: Clock, many: int = 3) -> pickup.PickupResult:
    for _ in range(many):
        clock.now += timedelta(minutes=15)
        result = pickup.pickup(exchange, clock)
    return result


def moved(exchange: Exchange) -> set[str]:
    return {path.name for path in (place(exchange) / "opgehaald").iterdir()}


def said(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("exchange"))


# Moving


def copy_back(path: Path) -> None:
    """It stands there under its old name too."""
    shutil.copy2(path, path.parents[1] / path.name.partition("_")[2])


@pytest.mark.parametrize(
    "habit",
    [then(touch), then(copy_back), denies(4), denies(2)],
    ids=["a new mtime", "only copied", "denied, though done", "denied as absent"],
)
def test_a_move_that_succeeded_in_whatever_way_ends_it(exchange, server, clock, habit):
    drop(exchange, "a", "b")
    server.habits["rename"] = habit
    result = rounds(exchange, clock)
    assert taken(exchange) == [("a", True), ("b", True)]
    assert moved(exchange) == {"1_a", "2_b"}
    assert not (place(exchange) / "a").exists()
    assert result == pickup.PickupResult()


@pytest.mark.parametrize(
    ("kind", "habit"),
    [
        ("rename", refuses(4)),
        ("rename", refuses(3)),
        ("rename", pretends()),
        ("mkdir", refuses(3)),
        ("mkdir", pretends()),
    ],
    ids=["refused", "not allowed", "only said to be done", "no folder to move to", "that folder only said to be made"],
)
def test_what_cannot_be_moved_is_taken_in_once_and_named_by_number(exchange, server, clock, caplog, kind, habit):
    drop(exchange, "Jansen.pgp", "b")
    drop(exchange, "c", party=ENERGIE)
    server.habits[kind] = habit
    result = rounds(exchange, clock)
    assert result == pickup.PickupResult(blijft_staan={HUUR: 2})
    assert taken(exchange) == [("Jansen.pgp", False), ("b", False)]
    assert taken(exchange, ENERGIE) == [("c", True)]
    numbers = ", ".join(str(nr) for nr in _numbers(exchange))
    assert f"huur-01: bestanden die blijven staan: 2. Daarvan ingenomen, en niet nog eens: aanlevering {numbers}." in (
        said(caplog)
    )
    assert "Jansen" not in said(caplog)
    server.healthy()
    assert rounds(exchange, clock, 1) == pickup.PickupResult()
    assert taken(exchange) == [("Jansen.pgp", True), ("b", True)]


def _numbers(exchange: Exchange) -> list[int]:
    with exchange.register.connect() as db:
        return list(db.scalars(sa.select(aanlevering.c.nr).where(aanlevering.c.partner == HUUR)))


@pytest.mark.parametrize("now", [False, True], ids=["by its mtime", "by its bytes"])
def test_another_file_in_the_place_of_one_that_could_not_be_moved_is_taken_in(exchange, server, clock, now):
    server.habits["rename"], server.now = refuses(4), now
    drop(exchange, "a", content=b"first")
    rounds(exchange, clock)
    drop(exchange, "a", content=b"other")
    os.utime(place(exchange) / "a", (1, 1))
    rounds(exchange, clock)
    assert [name for name, _ in taken(exchange)] == ["a", "a"]
    server.healthy()
    rounds(exchange, clock)
    assert taken(exchange) == [("a", True), ("a", True)]
    assert moved(exchange) == {"2_a"}  # the first was overwritten by its partner; its bytes are in the archive


def test_a_file_of_which_is_not_seen_that_it_is_another_is_not_taken_in_again(exchange, server, clock):
    server.habits, server.now = {"rename": refuses(4), "open": refuses(4, every=3)}, True
    drop(exchange, "a")
    rounds(exchange, clock, 6)
    assert taken(exchange) == [("a", False)]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_stands_where_a_file_would_go_stays_and_holds_up_no_other(exchange, clock, caplog, kind):
    planted = place(exchange) / "opgehaald" / "1_a"
    planted.parent.mkdir(exist_ok=True)
    {"file": lambda: planted.write_bytes(b"planted"), "folder": planted.mkdir, "link": lambda: planted.symlink_to("b")}[
        kind
    ]()
    drop(exchange, "a", "b")
    assert rounds(exchange, clock).blijft_staan == {HUUR: 1}
    assert taken(exchange) == [("a", False), ("b", True)]
    assert "aanlevering 1." in said(caplog)
    if kind == "file":
        assert planted.read_bytes() == b"planted"
    shutil.rmtree(planted) if kind == "folder" else planted.unlink()
    assert rounds(exchange, clock, 1) == pickup.PickupResult()
    assert taken(exchange) == [("a", True), ("b", True)]


def test_a_file_that_may_not_be_read_holds_up_no_other_and_comes_in_when_it_may(exchange, server, clock, caplog):
    drop(exchange, "a", "b", "c")
    server.habits["open"] = refuses(3, where="/b")
    assert rounds(exchange, clock).blijft_staan == {HUUR: 1}
    assert taken(exchange) == [("a", True), ("c", True)]
    assert "bestanden die blijven staan: 1. De server van huur-01 weigerde het lezen van een bestand" in said(caplog)
    server.healthy()
    rounds(exchange, clock, 1)
    assert taken(exchange) == [("a", True), ("c", True), ("b", True)]


@pytest.mark.parametrize("status", [3, 4])
def test_look_ups_that_are_refused_now_and_then_lose_nothing_and_double_nothing(exchange, server, clock, status):
    server.habits = {"lstat": refuses(status, every=3), "rename": refuses(status, every=2)}
    drop(exchange, *"abcdefgh")
    rounds(exchange, clock, 4)
    server.healthy()
    assert rounds(exchange, clock, 2) == pickup.PickupResult()
    assert sorted(taken(exchange)) == [(name, True) for name in "abcdefgh"]
    assert not [path for path in place(exchange).iterdir() if path.is_file()]


# Mtimes that say nothing


@pytest.mark.parametrize("habit", [{"now": True}, {"skew": 3600}], ids=["always now", "another in a listing"])
def test_where_an_mtime_says_nothing_the_bytes_must_stand_still(exchange, server, clock, caplog, habit):
    server.__dict__.update(habit)
    drop(exchange, "a", "b", content=b"whole")
    assert rounds(exchange, clock) == pickup.PickupResult()
    assert taken(exchange) == [("a", True), ("b", True)]
    assert "huur-01: bestanden waarvan de wijzigingstijd ontbreekt of niet gelijk bleef: 2." in said(caplog)
    server.habits["read"] = then(write_on)
    drop(exchange, "c", content=b"half")
    assert rounds(exchange, clock) == pickup.PickupResult(later={HUUR: 1})
    assert [name for name, _ in taken(exchange)] == ["a", "b"]
    server.habits = {}
    rounds(exchange, clock, 1)
    assert taken(exchange)[2:] == [("c", True)]


@pytest.mark.parametrize("habit", [{"now": True}, {"skew": 3600}], ids=["always now", "another in a listing"])
def test_of_a_file_that_is_too_large_no_mtime_is_asked(exchange, server, clock, monkeypatch, habit):
    server.__dict__.update(habit)
    drop(exchange, "a", content=bytes(998))
    with limited(exchange, monkeypatch, max_opgehaald=1000) as small:
        assert rounds(small, clock, 1).opgehaald == 1
        assert rounds(small, clock, 1) == pickup.PickupResult()
    assert taken(exchange) == [("a", True)]


def test_a_slow_server_of_which_each_file_must_be_read_twice_gives_some_in_each_round(
    exchange, server, clock, monkeypatch
):
    server.now, server.drip = True, 0.01
    drop(exchange, *"abcdefghijkl", content=bytes(10))
    with limited(exchange, monkeypatch, partij_seconden=1.5) as short:  # less than reading each of them once takes
        rounds(short, clock, 1)
    assert 0 < len(taken(exchange)) < 12


@pytest.mark.parametrize("now", [False, True], ids=["by its mtime", "by its bytes"])
@pytest.mark.parametrize(
    ("habit", "count"),
    [
        ({"open": refuses(3, where="/b")}, "blijft_staan"),
        ({"read": then(lambda path: (write_on(path), touch(path)), where="/b")}, "later"),
    ],
    ids=["not read", "changed"],
)
def test_each_file_that_is_left_is_counted_once(exchange, server, clock, now, habit, count):
    server.habits, server.now = dict(habit), now
    drop(exchange, "a", "b", "c")
    result = rounds(exchange, clock, 1)
    assert result == pickup.PickupResult(opgehaald=2, **{count: {HUUR: 1}})


def test_a_file_called_as_the_folder_where_ours_go_is_not_taken_in_and_what_cannot_be_moved_is_named(exchange, clock):
    shutil.rmtree(place(exchange) / "opgehaald", ignore_errors=True)
    drop(exchange, "opgehaald", "a")
    assert rounds(exchange, clock, 1).blijft_staan == {HUUR: 1}
    assert taken(exchange) == [("a", False)]
    (place(exchange) / "opgehaald").unlink()
    rounds(exchange, clock, 1)
    assert taken(exchange) == [("a", True)]


# Limits


def test_a_party_that_is_ready_waits_for_no_other(exchange, accounts, clock):
    """energie-02 stands in the register, and is out of in/, while huur-01 has not answered yet."""
    accounts[HUUR].habits["listing"] = Habit(NEVER)
    drop(exchange, "b", "a", "c", party=ENERGIE)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(pickup.pickup, exchange, clock)
        while taken(exchange, ENERGIE) != [("a", True), ("b", True), ("c", True)]:
            assert not running.done()
            time.sleep(0.02)
        assert not running.done()
        accounts[HUUR].healthy()
        assert running.result() == pickup.PickupResult(opgehaald=3)


@pytest.mark.parametrize(
    ("habits", "fetched", "later"),
    [
        ({"drip": 0.2}, [], {HUUR: 3}),
        ({"habits": {"lstat": Habit(HALF, where="/b")}}, ["a"], {HUUR: 2}),
        ({"habits": {"rename": Habit(NEVER, where="/b")}}, ["a", "b"], {HUUR: 1}),
        ({"login": False}, [], {}),
    ],
    ids=["a byte now and then", "half a packet", "a move without an answer", "no login"],
)
def test_a_party_that_takes_too_long_is_broken_off_with_what_it_had(
    exchange, server, clock, monkeypatch, habits, fetched, later
):
    drop(exchange, "a", "b", "c", content=bytes(50))
    drop(exchange, "z", party=ENERGIE)
    server.__dict__.update(habits)
    with limited(exchange, monkeypatch, partij_seconden=1.5) as short:
        result = pickup.pickup(short, clock)
    assert (result.te_traag, result.later) == ([HUUR], later)
    assert [name for name, _ in taken(exchange)] == fetched
    assert taken(exchange, ENERGIE) == [("z", True)]
    server.healthy()
    assert rounds(exchange, clock, 1).opgehaald == 3 - len(fetched)
    assert sorted(taken(exchange)) == [("a", True), ("b", True), ("c", True)]


def test_a_listing_without_end_is_seen_as_far_as_we_look(exchange, server, clock, monkeypatch, caplog):
    server.endless = True
    (place(exchange) / "proef").rmdir()
    drop(exchange, ".1", ".2", "0a")
    with limited(exchange, monkeypatch, max_namen=4) as short:
        rounds(short, clock, 1)
    assert taken(exchange) == [("0a", True)]
    assert "huur-01: in in/ staan meer dan 4 namen" in said(caplog)


def test_of_many_files_some_come_in_each_round_and_how_many_are_left_is_said(exchange, clock, monkeypatch, caplog):
    drop(exchange, *"abcde")
    left = []
    with limited(exchange, monkeypatch, max_bestanden=2) as short:
        for _ in range(3):
            left.append(rounds(short, clock, 1).later)
    assert left == [{HUUR: 3}, {HUUR: 1}, {}]
    assert taken(exchange) == [(name, True) for name in "abcde"]
    assert "huur-01: bestanden die wachten op de volgende ronde: 3" in said(caplog)


def test_files_that_cannot_be_moved_take_no_place_of_others(exchange, server, clock, monkeypatch):
    server.habits["rename"] = refuses(4)
    drop(exchange, *"abcde")
    with limited(exchange, monkeypatch, max_bestanden=2) as short:
        rounds(short, clock)
    assert [name for name, _ in taken(exchange)] == list("abcde")


def test_a_file_that_is_too_large_is_not_fetched_and_its_partner_hears_so(exchange, clock, monkeypatch):
    name, other = files.file_name(HUUR, DAY, 1), files.file_name(HUUR, DAY, 2)
    drop(exchange, name, other, content=bytes(998))
    with limited(exchange, monkeypatch, max_opgehaald=1000) as small:
        for _ in range(2):
            rounds(small, clock)
            check.check(small, [HUUR], clock)
            publish.publish(small, clock)
    rows = status(exchange)["aanleveringen"]
    assert [(row["bestand"], row["staat"], row["code"]) for row in rows] == [
        (name, "AFGEKEURD", "E-BST-14"),
        (other, "AFGEKEURD", "E-BST-14"),
    ]
    assert exchange.archive.list("ontvangen") == []
    assert len(moved(exchange)) == 2
    answers = place(exchange).parent / "terugmelding"
    for given in (name, other):
        [receipt] = answers.glob(f"{given.removesuffix('.csv.pgp')}_ONTVANGST_*")
        [told] = opened(exchange, HUUR, receipt)
        assert (told["code"], told["bestand_sha256"]) == ("E-BST-14", "")
        assert "1000 bytes" in told["tekst"]


def test_publishing_has_the_same_time_for_each_party(exchange, server, clock, monkeypatch):
    server.habits["write"] = Habit(NEVER)
    with limited(exchange, monkeypatch, partij_seconden=1.5) as short:
        assert publish.publish(short, clock).uitgesteld == [HUUR]
    assert (place(exchange, ENERGIE).parent / "terugmelding" / "aansluitlijst.csv").is_file()


# What is wrong is said


def test_what_is_wrong_at_a_party_is_told_apart_and_only_what_cannot_be_reached_is_called_so(
    exchange, accounts, clock, caplog, folder
):
    def after(change: Callable[[], object]) -> tuple[dict[str, object], str]:
        caplog.clear()
        change()
        result = pickup.pickup(exchange, clock)
        accounts[HUUR].healthy()
        return {name: value for name, value in vars(result).items() if value}, said(caplog)

    habits = accounts[HUUR].habits.__setitem__
    allowed, place_ = folder / "server" / "authorized_keys" / HUUR, place(exchange)
    found, text = after(lambda: habits("listing", refuses(3)))
    assert (found, "de map in/" in text) == ({"geen_toegang": [HUUR]}, True)
    found, text = after(lambda: habits("listing", Habit(NOISE)))
    assert (found, "geen SFTP" in text) == ({"niet_te_gebruiken": [HUUR]}, True)
    found, text = after(lambda: place_.rename(place_.with_name("IN")))
    assert (found, "geen map in/" in text) == ({"zonder_map": [HUUR]}, True)
    place_.with_name("IN").rename(place_)
    ours = paramiko.Ed25519Key.from_private_key_file(str(exchange.config.path(exchange.config.exchange.ssh_sleutel)))
    others = [line for line in allowed.read_text().splitlines() if ours.get_base64() not in line]
    found, text = after(lambda: allowed.write_text("\n".join(others)))
    assert (found, f"gebruiker {HUUR}" in text, ours.fingerprint in text) == (
        {"aanmelding_geweigerd": [HUUR]},
        True,
        True,
    )
    assert "niet bereikbaar" not in text


def test_a_folder_for_a_proef_that_may_not_be_read_or_cleared_stops_nothing(exchange, server, clock):
    (place(exchange) / "proef").mkdir(exist_ok=True)
    drop(exchange, "proef/p")
    rounds(exchange, clock, 1)
    with exchange.register.begin() as db:
        db.execute(aanlevering.update().values(staat="AFGEKEURD"))
    clock.now += proef.BEWAARTIJD
    server.habits = {"listing": refuses(3, where="in/proef"), "remove": refuses(3)}
    drop(exchange, "a")
    assert pickup.pickup(exchange, clock) == pickup.PickupResult(opgehaald=1)
    with exchange.register.connect() as db:
        assert "GEWIST" not in set(db.scalars(sa.select(aanlevering.c.staat)))  # it still stands there
    server.healthy()
    rounds(exchange, clock, 1)
    with exchange.register.connect() as db:
        assert "GEWIST" in set(db.scalars(sa.select(aanlevering.c.staat)))


def test_nothing_of_a_librarys_own_is_written_beside_what_we_say(exchange, accounts, monkeypatch, folder):
    """The command line shows what an unset logger shows: warnings and worse, of anybody."""
    monkeypatch.setenv("NACHTPOST_INTAKE__PARTIJ_SECONDEN", "2")
    accounts[HUUR].habits["lstat"] = Habit(HALF)
    accounts[HUUR].habits["listing"] = Habit(NOISE)
    with no_ssh() as port:
        file = folder / "config" / "partners" / f"{ENERGIE}.toml"
        file.write_text(re.sub(r"(?m)^poort = .*", f"poort = {port}", file.read_text()))
        command = [str(Path(sys.executable).with_name("nachtpost")), "intake", "--json", "--config", file.parents[1]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    answer = json.loads(done.stdout)
    assert (answer["niet_te_gebruiken"], answer["onbereikbaar"], done.returncode) == ([HUUR], [ENERGIE], 1)
    assert done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith(("De server van ", "huur-01: "))] == []


@contextmanager
def no_ssh() -> Iterator[int]:
    """The port of a server of another kind."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    with listener.accept()[0] as caller:
                        caller.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
