"""What settles a zending that is ONZEKER: evidence, without a person; and otherwise a beheerder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange.cli import app
from exchange.context import open_exchange
from exchange.register import besluiten, ledger
from exchange.register.aanleveringen import Soort
from exchange.register.tables import besluit, terugkoppeling
from exchange.sandbox import feedback
from exchange.status import status
from exchange.steps import check, pickup, publish, report
from tests.integration.test_night import ANY_REGISTER, DAY, clock, opened, root, template
from tests.integration.test_placing import ONE, World, built, world

__all__ = ["built", "clock", "template", "world"]


@pytest.fixture
def doubt(world: World) -> sa.Row[Any]:
    """One batch of `world` is ONZEKER, the rest of the night is delivered."""
    row = world.batches()[0]
    world.asked(row)
    world.publish()
    assert world.batches()[0].staat == "ONZEKER"
    return row


@contextmanager
def with_levering(world: World, lines: str) -> Iterator[World]:
    """The same exchange, in which the uitvoerder has these lines under [levering]."""
    file = world.exchange.config.folder / "uitvoerders" / f"{ONE}.toml"
    file.write_text(file.read_text().replace("\n[[gemeenten]]", f"\n[levering]\n{lines}\n[[gemeenten]]", 1))
    with open_exchange(world.exchange.config.folder) as changed:
        yield World(changed, world.accounts, world.clock)


def settled(world: World, staat: str) -> None:
    """The doubt is over, with the moment on which it was delivered; the manifest follows in the same visit."""
    row = world.batches()[0]
    assert row.staat == staat
    assert row.gepubliceerd_op is not None
    assert world.states(soort="MANIFEST") == {"GEPUBLICEERD"}
    reported = report.report(world.exchange, DAY, world.clock)
    assert (reported.klopt, reported.onzeker) == (True, [])
    assert status(world.exchange)["balans"]["wachtend"] == 0


@ANY_REGISTER
def test_our_bytes_under_the_final_name(world, doubt):
    world.path(doubt).write_bytes(world.bytes_of(doubt))
    world.publish()
    settled(world, "GEPUBLICEERD")


@ANY_REGISTER
def test_our_bytes_still_under_the_temporary_name_were_never_renamed(world, doubt):
    world.temporary(doubt).write_bytes(world.bytes_of(doubt))
    for _ in range(2):
        world.publish()
    settled(world, "GEPUBLICEERD")


@ANY_REGISTER
def test_other_bytes_under_the_final_name_settle_nothing(world, doubt):
    world.path(doubt).write_bytes(b"not ours")
    world.publish()
    assert world.batches()[0].staat == "ONZEKER"


@ANY_REGISTER
@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ('afhalen = "bevestigd"', "{map}/{naam}.ok"),
        ('afhalen = "verplaatst"\nverplaatst_naar = "verwerkt"', "{map}/verwerkt/{naam}"),
    ],
)
def test_what_only_comes_of_collecting(world, doubt, lines, place):
    shown: Path = root(world.exchange) / "sftp" / ONE / place.format(map=doubt.map, naam=doubt.naam)
    shown.parent.mkdir(exist_ok=True)
    shown.write_bytes(b"")
    with with_levering(world, lines) as changed:
        changed.publish()
        settled(changed, "OPGEHAALD")


def test_terugkoppeling_about_one_of_its_rows_is_accepted_and_proves_that_it_was_collected(world, doubt):
    with world.exchange.archive.local(doubt.archief) as path:
        refs = [row["signaal_ref"] for row in opened(world.exchange, ONE, path)]
    told = {"layout": "TK1", "signaal_ref": refs[0], "status": "Opgepakt", "status_datum": str(DAY)}
    feedback.drop(root(world.exchange), ONE, DAY, [told])
    pickup.pickup(world.exchange, world.clock, Soort.TERUGKOPPELING)
    check.check(world.exchange, [ONE], world.clock)
    with world.exchange.register.connect() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(terugkoppeling)) == 1
    world.publish()
    settled(world, "OPGEHAALD")


@ANY_REGISTER
def test_terugkoppeling_of_another_uitvoerder_about_it_is_refused_and_settles_nothing(world, doubt):
    with world.exchange.archive.local(doubt.archief) as path:
        refs = [row["signaal_ref"] for row in opened(world.exchange, ONE, path)]
    told = {"layout": "TK1", "signaal_ref": refs[0], "status": "Opgepakt", "status_datum": str(DAY)}
    feedback.drop(root(world.exchange), "uitvoerder-02", DAY, [told])
    pickup.pickup(world.exchange, world.clock, Soort.TERUGKOPPELING)
    check.check(world.exchange, ["uitvoerder-02"], world.clock)
    world.publish()
    assert world.batches()[0].staat == "ONZEKER"


def run(world: World, *words: str) -> tuple[int, dict[str, Any]]:
    made = CliRunner().invoke(app, [*words, "--config", str(world.exchange.config.folder), "--json"])
    return made.exit_code, json.loads(made.stdout)


def test_a_beheerder_who_says_that_it_was_collected(world, doubt):
    assert run(world, "zending", "afgehaald", str(doubt.id), "--reason", "belde, heeft het")[0] == 0
    world.publish()
    settled(world, "OPGEHAALD")
    assert not world.path(doubt).exists()


def test_a_beheerder_who_has_it_sent_again_sends_the_same_bytes_and_the_manifest_says_so(world, doubt):
    assert run(world, "zending", "opnieuw", str(doubt.id), "--reason", "belde, heeft niets")[0] == 0
    world.publish()
    settled(world, "GEPUBLICEERD")
    assert world.path(doubt).read_bytes() == world.bytes_of(doubt)
    manifest = next((root(world.exchange) / "sftp" / ONE / "uit").glob("VS_MANIFEST_*"))
    said = {row["bestand"]: row["staat"] for row in opened(world.exchange, ONE, manifest) if row["bestand"]}
    assert said.pop(doubt.naam) == "OPNIEUW"
    assert set(said.values()) <= {"NIEUW"}


@ANY_REGISTER
def test_a_decision_is_only_taken_on_a_doubt_and_with_a_reason_whose_hash_is_in_the_ledger(world, doubt):
    other = world.batches("uitvoerder-02")[0]
    assert run(world, "zending", "opnieuw", str(2**70), "--reason", "x")[0] == 2
    code, said = run(world, "zending", "opnieuw", str(other.id), "--reason", "x")
    assert (code, said["fout"]) == (1, "NotDoubtful")
    assert run(world, "zending", "opnieuw", "99999", "--reason", "x")[0] == 1
    assert run(world, "zending", "opnieuw", str(doubt.id), "--reason", " ")[0] == 2
    assert world.batches()[0].staat == "ONZEKER"
    run(world, "zending", "afgehaald", str(doubt.id), "--reason", "gebeld met de uitvoerder")
    with world.exchange.register.connect() as db:
        kept = db.execute(sa.select(besluit)).one()
        entry = db.execute(sa.text("SELECT gegevens FROM logboek WHERE gebeurtenis = 'ZENDING_AFGEHAALD'")).scalar_one()
    assert (kept.onderwerp, kept.reden) == (doubt.id, "gebeld met de uitvoerder")
    assert json.loads(entry)["reden"] == besluiten.hashed(kept.reden, kept.zout)
    assert kept.reden not in entry
    assert ledger.verify(world.exchange.register) > 0


@ANY_REGISTER
def test_intake_and_status_name_a_doubt_and_say_what_to_do(world, doubt):
    code, said = run(world, "intake")
    assert (code, said["onzeker"]) == (1, [f"{doubt.id} ({ONE})"])
    shown = CliRunner().invoke(app, ["status", "--config", str(world.exchange.config.folder)]).stdout
    assert "nachtpost zending afgehaald NR" in " ".join(shown.split())
    [listed] = status(world.exchange)["onzeker"]
    assert (listed["map"], listed["bestand"]) == (doubt.map, doubt.naam)  # what a receiver knows it by
    assert publish.publish(world.exchange, world.clock).onzeker == said["onzeker"]
