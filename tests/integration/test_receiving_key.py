"""What goes to a party is encrypted to the first of its keys that can encrypt, wherever it is made."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from exchange.context import local_date, open_exchange
from exchange.faults import PgpFault
from exchange.pgp import Keyring, generate
from exchange.register.aanleveringen import Soort
from exchange.register.tables import zending
from exchange.sandbox import feedback, files
from tests.integration.test_night import ANY_REGISTER
from tests.integration.test_terugkoppeling import (  # noqa: F401
    FIRST,
    Clock,
    exchange,
    night,
    receive,
    root,
    template,
)
from tests.keys import DAY, Gpg


@pytest.fixture
def gpg(gpg_home) -> Gpg:
    return Gpg(gpg_home)


def test_a_key_can_encrypt_while_it_and_a_subkey_of_it_are_in_force(gpg):
    keys = {name: gpg.key(name) for name in ("none", "expired", "revoked", "later", "one of two", "all")}
    gpg.subkey(keys["expired"], expires="seconds=1")
    gpg.subkey(keys["one of two"], expires="seconds=1")
    gpg.subkey(keys["one of two"], expires="30d")
    gpg.subkey(keys["revoked"])
    gpg.revoke(keys["revoked"], subkey=1)
    gpg.subkey(keys["later"], ago=-40 * DAY)
    gpg.subkey(keys["all"])
    keys["not begun"] = gpg.key("not begun", "rsa2048", ago=-40 * DAY)
    public = [gpg.public(*keys.values())]
    secret, _, own = generate("exchange")
    time.sleep(1.1)  # the expired ones are
    now = datetime.now(UTC)
    with Keyring.open(secret, own, public) as keyring:
        assert {name for name, key in keys.items() if keyring.can_encrypt(key, now)} == {"one of two", "all"}
        assert {name for name, key in keys.items() if keyring.can_encrypt(key, now + timedelta(31))} == {"all"}


@ANY_REGISTER
def test_everything_that_goes_out_is_for_the_first_key_that_can_encrypt(exchange, gpg):  # noqa: F811
    config, clock = exchange.config.folder, Clock()
    parties = {**exchange.config.partners, **exchange.config.uitvoerders}
    for id, party in parties.items():
        first, kind = gpg.key(id), "partners" if id in exchange.config.partners else "uitvoerders"
        gpg.subkey(first, expires="seconds=1")
        [second] = party.pgp.vingerafdrukken
        file, keys = config / kind / f"{id}.toml", config / "keys" / f"{id}.asc"
        file.write_text(file.read_text().replace(f'["{second}"]', f'["{first}", "{second}"]'))
        keys.write_bytes(gpg.public(first) + keys.read_bytes())
    time.sleep(1.1)
    with open_exchange(config) as changed:
        night(changed, clock)
        feedback.fill_in(root(changed), FIRST, local_date(clock()), seed=1)
        receive(changed, clock, Soort.TERUGKOPPELING)
        clock.now += timedelta(days=1)
        night(changed, clock)
        with changed.register.connect() as db:
            sent = db.execute(sa.select(zending.c.ontvanger, zending.c.soort, zending.c.map, zending.c.naam)).all()
    expected = {"ONTVANGST", "CONTROLE", "BATCH", "SJABLOON", "MANIFEST", "DOORGEZET", "UITKOMST"}
    assert {row.soort for row in sent} >= expected
    folder = root(exchange)
    for row in sent:
        assert files.open_file(folder, row.ontvanger, folder / "sftp" / row.ontvanger / row.map / row.naam)


def test_a_key_file_that_gpg_cannot_read_to_its_end_costs_nobody_else(gpg):
    well, revoked, later = gpg.key("well"), gpg.key("revoked"), gpg.key("later", ago=-40 * DAY)
    gpg.subkey(well)
    gpg.revoke(revoked)
    half = gpg.run("--export", revoked)[:-9]
    secret, _, own = generate("exchange")
    with Keyring.open(
        secret, own, [gpg.public(revoked), half, b"geen sleutel", gpg.public(later), gpg.public(well)]
    ) as ring:
        assert ring.can_encrypt(well, datetime.now(UTC))
    with pytest.raises(PgpFault), Keyring.open(secret, own, [b"geen sleutel"]):
        pytest.fail("not a single key was read, and nobody was told")
