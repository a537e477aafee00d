"""A key that its receiver revoked or replaced after a file was built: what was not uploaded is held, and built anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from exchange.context import open_exchange
from exchange.pgp import generate
from exchange.register import ledger
from exchange.register.tables import ronde, zending
from exchange.steps import publish, report
from tests.integration.servers import refuses
from tests.integration.test_night import ANY_REGISTER, DAY, clock, opened, root, template
from tests.integration.test_placing import ONE, World, built, world
from tests.keys import Gpg

__all__ = ["built", "clock", "template", "world"]


@contextmanager
def with_key(world: World, party: str, public: bytes, fingerprint: str, secret: bytes) -> Iterator[World]:
    """The same exchange, in which a party has another key, here and on its own side."""
    config, own = world.exchange.config, root(world.exchange) / "parties" / party
    kind = "partners" if party in config.partners else "uitvoerders"
    file = config.folder / kind / f"{party}.toml"
    [old] = config.partij(party).pgp.vingerafdrukken
    file.write_text(file.read_text().replace(old, fingerprint))
    (config.folder / "keys" / f"{party}.asc").write_bytes(public)
    (own / "secret.asc").write_bytes(secret)
    (own / "public.asc").write_bytes(public)
    with open_exchange(config.folder) as changed:
        yield World(changed, world.accounts, world.clock)


def replaced(world: World, party: str) -> AbstractContextManager[World]:
    secret, public, fingerprint = generate(f"{party} <{party}@example.nl>")
    return with_key(world, party, public, fingerprint, secret)


def test_what_was_built_for_a_key_that_was_replaced_is_encrypted_anew_and_the_manifest_knows_its_bytes(world):
    before = {row.id: row for row in world.batches()}
    with replaced(world, ONE) as changed:
        result = changed.publish()
        assert (result.uitgesteld, result.onzeker) == ([], [])
        folder = root(world.exchange) / "sftp" / ONE
        manifest = opened(changed.exchange, ONE, next((folder / "uit").glob("VS_MANIFEST_*")))
        for row in changed.batches():
            assert (row.staat, row.naam) == ("GEPUBLICEERD", before[row.id].naam)
            assert row.sha256 != before[row.id].sha256
            assert changed.path(row).read_bytes() == changed.bytes_of(row)
            [line] = [one for one in manifest if one["bestand"] == row.naam]
            assert (line["sha256"], line["grootte"]) == (row.sha256, str(row.grootte))
            assert len(opened(changed.exchange, ONE, changed.path(row))) == int(line["regels"])
            assert not changed.exchange.archive.exists(before[row.id].archief)
        assert report.report(changed.exchange, DAY, changed.clock).klopt
        assert ledger.verify(changed.exchange.register) > 0


@ANY_REGISTER
def test_the_answers_of_a_partner_as_well(world):
    with replaced(world, "huur-01") as changed:
        changed.publish()
        folder = root(world.exchange) / "sftp" / "huur-01" / "terugmelding"
        assert [row for path in folder.glob("*_CONTROLE_*") for row in opened(changed.exchange, "huur-01", path)]


@ANY_REGISTER
def test_while_the_receiver_has_no_usable_key_its_files_are_held_and_named_and_nobody_elses(world, gpg_home, caplog):
    without_key(world, gpg_home)
    with open_exchange(world.exchange.config.folder) as revoked:
        result = publish.publish(revoked, world.clock)
    assert result.uitgesteld == [ONE]
    assert world.states() == {"GEBOUWD"}
    assert world.states("uitvoerder-02", "MANIFEST") == {"GEPUBLICEERD"}
    waits = ", ".join(str(row.id) for row in world.batches())
    assert any(f"{ONE}: geen sleutel" in one.getMessage() and waits in one.getMessage() for one in caplog.records)
    with replaced(world, ONE) as changed:
        assert changed.publish().uitgesteld == []
        assert changed.states() == {"GEPUBLICEERD"}


@ANY_REGISTER
def test_what_was_uploaded_goes_on_as_it_is(world):
    world.accounts[ONE].habits = {"rename": refuses(4)}
    world.publish()
    before = {row.id: row.sha256 for row in world.batches() if row.staat == "GEUPLOAD"}
    assert before
    world.accounts[ONE].healthy()
    with replaced(world, ONE) as changed:
        changed.publish()
        assert {row.id: row.sha256 for row in changed.batches() if row.id in before} == before


@ANY_REGISTER
def test_one_that_we_cannot_read_ourselves_waits_and_keeps_nothing_else_waiting(world, caplog):
    first = world.batches()[0]
    [path] = (root(world.exchange) / "var").rglob(first.archief)
    path.write_bytes(b"damaged")
    with replaced(world, ONE) as changed:
        assert changed.publish().uitgesteld == [ONE]
        assert {row.staat for row in changed.batches() if row.id != first.id} == {"GEPUBLICEERD"}
        assert changed.batches()[0].staat == "GEBOUWD"
        assert changed.states(soort="MANIFEST") == set()
    assert any(f"zending {first.id}: " in one.getMessage() for one in caplog.records)


@ANY_REGISTER
def test_a_manifest_that_is_owed_while_there_is_no_usable_key_is_named_until_it_can_be_made(world, gpg_home):
    world.publish()
    with world.exchange.register.begin() as db:  # as if the key was revoked between the last batch and the manifest
        db.execute(ronde.update().where(ronde.c.uitvoerder == ONE).values(manifest_id=None))
        db.execute(zending.delete().where(zending.c.ontvanger == ONE, zending.c.soort.in_(("MANIFEST", "SJABLOON"))))
    for path in (root(world.exchange) / "sftp" / ONE / "uit").glob("VS_*"):
        path.unlink()
    without_key(world, gpg_home)
    with open_exchange(world.exchange.config.folder) as revoked:
        assert publish.publish(revoked, world.clock).uitgesteld == [ONE]
    with replaced(world, ONE) as changed:
        assert changed.publish().uitgesteld == []
        assert changed.states(soort="MANIFEST") == {"GEPUBLICEERD"}


def without_key(world: World, gpg_home: Path) -> None:
    """The uitvoerder's only key is revoked."""
    gpg = Gpg(gpg_home)
    gpg.run("--import", content=(root(world.exchange) / "parties" / ONE / "secret.asc").read_bytes())
    [fingerprint] = world.exchange.config.uitvoerders[ONE].pgp.vingerafdrukken
    gpg.revoke(fingerprint)
    (world.exchange.config.folder / "keys" / f"{ONE}.asc").write_bytes(gpg.public(fingerprint))
