"""Nothing is booked that was not seen: what becomes of a zending, whatever its receiver's server does with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exchange import register
from exchange.context import Exchange, open_exchange
from exchange.register import outbox, states
from exchange.register.tables import zending
from exchange.sandbox.create import Sandbox
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report
from tests.integration.servers import Account, Habit, denies, empty, lose, pretends, refuses, serving, then
from tests.integration.test_night import ANY_REGISTER, DAY, Clock, clock, opened, root, template

__all__ = ["clock", "template"]

ONE = "uitvoerder-01"
#: The states of a zending that an uitvoerder can have collected.
HAS = ("GEPUBLICEERD", "OPGEHAALD")


@dataclass
class World:
    """An exchange whose night is built, and the servers of its parties."""

    exchange: Exchange
    accounts: dict[str, Account]
    clock: Clock

    def publish(self) -> publish.PublishResult:
        return publish.publish(self.exchange, self.clock)

    def batches(self, receiver: str = ONE, soort: str = "BATCH") -> list[sa.Row[Any]]:
        query = sa.select(zending).where(zending.c.ontvanger == receiver, zending.c.soort == soort)
        with self.exchange.register.connect() as db:
            return list(db.execute(query.order_by(zending.c.id)))

    def states(self, receiver: str = ONE, soort: str = "BATCH") -> set[str]:
        return {row.staat for row in self.batches(receiver, soort)}

    def path(self, row: sa.Row[Any], name: str = "") -> Path:
        return root(self.exchange) / "sftp" / row.ontvanger / row.map / (name or row.naam)

    def temporary(self, row: sa.Row[Any]) -> Path:
        return self.path(row, f".{row.naam}.{row.id}.tmp")

    def bytes_of(self, row: sa.Row[Any]) -> bytes:
        return self.exchange.archive.open(row.archief).read()

    def asked(self, row: sa.Row[Any]) -> None:
        """As after a kill between the intent to rename and its answer, when neither name shows anything."""
        with self.exchange.register.begin() as db:
            outbox.move(db, [row.id], states.Zending.GEUPLOAD, self.clock())
            outbox.ask(db, [row.id], self.clock())


def night_built(folder: Path, register_url: str, clock: Clock) -> None:
    """A night that is frozen and built; nothing has gone out."""
    register.upgrade(register_url)
    with serving(folder), open_exchange(folder / "config") as exchange:
        pickup.pickup(exchange, clock)
        check.check(exchange, sorted(exchange.config.partners), clock)
        bundle.bundle(exchange, DAY, clock)
        build.build(exchange, DAY, build.shards(exchange, DAY, 1)[0], clock)


@pytest.fixture(scope="module")
def built(template: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One on SQLite, to be copied: a copy costs less than a night."""
    folder = tmp_path_factory.mktemp("b") / "s"
    shutil.copytree(template.folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
        night_built(folder, f"sqlite:///{folder}/var/register.sqlite", Clock())
    return folder


@pytest.fixture
def world(template, built, tmp_path: Path, register_url: str, monkeypatch, clock: Clock) -> Iterator[World]:
    """A night that is frozen and built, with servers that have habits."""
    folder, ready = tmp_path / "s", register_url.startswith("sqlite")
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    shutil.copytree(built if ready else template.folder, folder)
    if not ready:
        monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", register_url)
        night_built(folder, register_url, clock)
    with serving(folder) as accounts, open_exchange(folder / "config") as exchange:
        yield World(exchange, accounts, clock)


def ended_well(world: World) -> None:
    """Healthy again, everything comes to stand there once, and its manifest says so."""
    world.accounts[ONE].healthy()
    result = world.publish()
    assert (result.uitgesteld, result.onzeker) == ([], [])
    assert world.states() <= set(HAS)
    assert len(world.batches(soort="MANIFEST")) == 1
    assert world.states(soort="MANIFEST") <= set(HAS)
    stands = [path.name for path in (root(world.exchange) / "sftp" / ONE / "uit").rglob("VS_*")]
    assert len(stands) == len(set(stands)) == len(world.batches()) + 2  # with the manifest and the template
    assert report.report(world.exchange, DAY, world.clock).klopt
    assert status(world.exchange)["balans"]["wachtend"] == 0


@pytest.mark.parametrize("code", [3, 4, 5, 8])
def test_after_a_refused_rename_and_a_lost_upload_nothing_is_booked_and_the_same_bytes_go_once_more(world, code):
    world.accounts[ONE].habits = {"rename": refuses(code)}
    assert ONE in world.publish().uitgesteld
    for row in world.batches():
        world.temporary(row).unlink()
    assert ONE in world.publish().uitgesteld
    assert not world.states() & set(HAS)
    assert not list((root(world.exchange) / "sftp" / ONE).rglob("VS_*"))
    assert status(world.exchange)["balans"]["wachtend"] > 0
    ended_well(world)
    assert all(world.path(row).read_bytes() == world.bytes_of(row) for row in world.batches())


@ANY_REGISTER
@pytest.mark.parametrize("effect", [lose, empty])
@pytest.mark.parametrize("moment", ["close", "lstat"])
def test_what_is_not_whole_under_its_temporary_name_is_never_renamed(world, effect, moment):
    world.accounts[ONE].habits = {"close": then(effect, where=".tmp")}
    if moment == "lstat":  # after we looked once
        world.accounts[ONE].habits = {"lstat": then(effect, where=".tmp")}
    world.publish()
    assert not list((root(world.exchange) / "sftp" / ONE).rglob("VS_*"))
    assert not world.states() & set(HAS)
    ended_well(world)


@ANY_REGISTER
def test_a_server_that_says_yes_and_does_nothing_is_not_believed(world):
    world.accounts[ONE].habits = {"rename": pretends()}
    assert ONE in world.publish().uitgesteld
    assert world.states() == {"GEUPLOAD"}
    ended_well(world)


@ANY_REGISTER
def test_a_server_that_says_no_and_does_it_all_the_same_is_looked_at(world):
    world.accounts[ONE].habits = {"rename": denies(4)}
    result = world.publish()
    assert (result.uitgesteld, result.onzeker) == ([], [])
    assert world.states() == world.states(soort="MANIFEST") == {"GEPUBLICEERD"}


@ANY_REGISTER
def test_a_server_that_says_no_does_it_and_shows_nothing_of_it_is_never_sent_the_same_twice(world):
    """As where its receiver collects at once: the refusal is no proof that it was not delivered."""
    world.accounts[ONE].habits = {"rename": Habit(4, does=True, then=lose)}
    for _ in range(3):
        world.publish()
    assert world.states() == {"ONZEKER"}
    assert world.accounts[ONE].habits["rename"].struck == len(world.batches())


@ANY_REGISTER
def test_what_is_not_the_bytes_that_we_made_is_not_sent_and_keeps_nothing_else_waiting(world):
    first, *others = world.batches()
    [path] = (root(world.exchange) / "var").rglob(first.archief)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert world.publish().uitgesteld == [ONE]
    assert {row.staat for row in world.batches()[1:]} == ({"GEPUBLICEERD"} if others else set())
    assert not world.path(first).exists() and not world.temporary(first).exists()
    path.write_bytes(content)
    ended_well(world)


@ANY_REGISTER
def test_a_server_that_will_not_say_what_stands_there_keeps_that_file_waiting_and_no_other(world):
    first, *others = world.batches()
    world.accounts[ONE].habits = {"lstat": refuses(4, where=first.naam)}
    assert ONE in world.publish().uitgesteld
    assert {row.staat for row in world.batches() if row.id != first.id} == ({"GEPUBLICEERD"} if others else set())
    assert world.batches()[0].staat in ("GEBOUWD", "GEUPLOAD")
    assert world.states(soort="MANIFEST") == set()
    assert world.states("uitvoerder-02") == world.states("uitvoerder-02", "MANIFEST") == {"GEPUBLICEERD"}
    ended_well(world)


#: What stands at the receiver of a zending that was uploaded, whether a rename was sent, and what it becomes.
AFTER_A_CRASH = [
    ("temporary", False, "GEPUBLICEERD"),
    ("temporary", True, "GEPUBLICEERD"),
    ("final", False, "GEPUBLICEERD"),
    ("final", True, "GEPUBLICEERD"),
    ("both", True, "GEPUBLICEERD"),
    ("another", False, "GEUPLOAD"),
    ("another", True, "ONZEKER"),
    ("a piece", True, "ONZEKER"),
    ("nothing", True, "ONZEKER"),
    ("nothing", False, "GEPUBLICEERD"),  # by way of GEBOUWD, in the same visit
    ("a piece", False, "GEPUBLICEERD"),
]


@ANY_REGISTER
@pytest.mark.parametrize(("left", "asked", "becomes"), AFTER_A_CRASH)
def test_after_a_crash_what_stands_under_both_names_decides_with_the_intent(world, left, asked, becomes):
    row = world.batches()[0]
    content = world.bytes_of(row)
    with world.exchange.register.begin() as db:
        outbox.move(db, [row.id], states.Zending.GEUPLOAD, world.clock())
        outbox.ask(db, [row.id], world.clock() if asked else None)
    world.path(row).parent.mkdir(parents=True, exist_ok=True)
    if left in ("temporary", "both", "a piece"):
        world.temporary(row).write_bytes(content[: 10 if left == "a piece" else None])
    if left in ("final", "both", "another"):
        world.path(row).write_bytes(b"not ours" if left == "another" else content)
    result = world.publish()
    assert world.batches()[0].staat == becomes
    assert result.onzeker == ([f"{row.id} ({ONE})"] if becomes == "ONZEKER" else [])
    assert world.path(row).exists() == (becomes == "GEPUBLICEERD" or left == "another")
    assert not world.temporary(row).exists() or becomes == "ONZEKER"


@ANY_REGISTER
def test_what_disappeared_before_we_saw_it_under_its_own_name_is_doubtful_though_the_server_said_yes(world):
    world.accounts[ONE].habits = {"rename": then(lose)}
    world.publish()
    assert world.states() == {"ONZEKER"}


def test_a_doubtful_zending_waits_with_its_manifest_and_what_its_partners_are_told_and_nothing_else_does(world):
    first, *others = world.batches()
    world.asked(first)
    result = world.publish()
    assert result.onzeker == [f"{first.id} ({ONE})"]
    assert world.batches()[0].staat == "ONZEKER"
    assert {row.staat for row in world.batches()[1:]} == ({"GEPUBLICEERD"} if others else set())
    assert world.states(soort="MANIFEST") == set()
    assert world.states("uitvoerder-02", "MANIFEST") == {"GEPUBLICEERD"}
    reported = report.report(world.exchange, DAY, world.clock)
    assert (reported.klopt, reported.onzeker) == (True, result.onzeker)
    now = status(world.exchange)
    waits = next(row["regels"] for row in now["batches"] if row["bestand"] == first.naam)
    assert now["balans"]["wachtend"] == waits
    assert [(one["zending"], one["ontvanger"]) for one in now["onzeker"]] == [(first.id, ONE)]
    told = sum(len(_doorgezet(world, partner)) for partner in world.exchange.config.partners)
    assert told == now["balans"]["doorgezet"]
    world.path(first).write_bytes(world.bytes_of(first))  # evidence: it stands there after all
    ended_well(world)


def _doorgezet(world: World, partner: str) -> list[dict[str, str]]:
    folder = root(world.exchange) / "sftp" / partner / "terugmelding"
    rows = [row for path in folder.glob("VS_DOORGEZET_*") for row in opened(world.exchange, partner, path)]
    return [row for row in rows if row["niveau"] == "REGEL"]


@ANY_REGISTER
def test_a_folder_that_may_not_be_read_hides_only_what_is_in_it(world):
    world.publish()
    first, *_, last = world.batches()
    assert first.map != last.map
    world.path(last).unlink()  # collected
    world.accounts[ONE].habits = {"listing": refuses(3, where=first.map)}
    world.path(world.batches(soort="MANIFEST")[0]).unlink()
    with world.exchange.register.begin() as db:  # something to visit them for
        db.execute(zending.update().where(zending.c.id == first.id).values(staat="GEUPLOAD"))
    assert world.publish().opgehaald == 2
    assert {row.id: row.staat for row in world.batches()}[last.id] == "OPGEHAALD"


@ANY_REGISTER
def test_what_a_server_refuses_of_many_files_is_said_once(world, caplog):
    world.accounts[ONE].habits = {"write": refuses(4)}
    world.publish()
    said = [record.getMessage() for record in caplog.records if record.name == publish.__name__]
    numbers = ", ".join(str(row.id) for row in world.batches())
    assert len(said) == 1
    assert said[0].startswith(f"zending {numbers}: De server van {ONE} weigerde het schrijven van een bestand")
