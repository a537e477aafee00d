"""Whole nights with real SFTP, gpg and both registers: what every step guarantees, whatever happens between them."""

from __future__ import annotations

import atexit
import csv
import io
import json
import os
import shutil
import subprocess
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from exchange import pgp, register
from exchange.context import Exchange, local_date, open_exchange
from exchange.register import ledger, outbox
from exchange.register.tables import aanlevering, signaal, zending
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create, read_expected
from exchange.sandbox.serve import serving
from exchange.status import find, status
from exchange.steps import build, bundle, check, pickup, publish, report
from tests.conftest import program
from transforms import identity

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DAY = local_date(START)
#: For what does not depend on the register: one of the two is enough.
ANY_REGISTER = pytest.mark.parametrize("register_url", ["sqlite"], indirect=True)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return create(tmp_path_factory.mktemp("t") / "s", partners=3, uitvoerders=3, signalen=30, day=DAY, seed=7)


@pytest.fixture
def exchange(
    template: Sandbox, tmp_path: Path, register_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Exchange]:
    """A fresh copy of the sandbox, served, on an empty register."""
    folder = tmp_path / "s"
    shutil.copytree(template.folder, folder)
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", register_url)
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    register.upgrade(register_url)
    with serving(folder), open_exchange(folder / "config") as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


def root(exchange: Exchange) -> Path:
    return exchange.config.folder.parent


def steps(exchange: Exchange, clock: Clock) -> list[tuple[str, Callable[[], object]]]:
    def check_all() -> None:
        for group in check.groups(exchange, 2):
            check.check(exchange, group, clock)

    def tonight() -> date:
        return local_date(clock.now)

    def build_all() -> None:
        for shard in build.shards(exchange, tonight(), 2):
            build.build(exchange, tonight(), shard, clock)

    return [
        ("pickup", lambda: pickup.pickup(exchange, clock)),
        ("check", check_all),
        ("answers", lambda: publish.publish(exchange, clock)),
        ("bundle", lambda: bundle.bundle(exchange, tonight(), clock)),
        ("build", build_all),
        ("publish", lambda: publish.publish(exchange, clock)),
        ("report", lambda: report.report(exchange, tonight(), clock)),
    ]


def night(exchange: Exchange, clock: Clock) -> None:
    for _, step in steps(exchange, clock):
        step()


def delivered(exchange: Exchange) -> dict[str, list[str]]:
    """The names of all files at the parties."""
    sftp = root(exchange) / "sftp"
    folders = [*sftp.glob("*/terugmelding"), *sftp.glob("*/uit"), *sftp.glob("*/uit/*")]
    found = {
        str(folder.relative_to(sftp)): sorted(file.name for file in folder.iterdir() if file.is_file())
        for folder in folders
        if folder.is_dir()
    }
    return {folder: names for folder, names in found.items() if names}


def opened(exchange: Exchange, party: str, path: Path) -> list[dict[str, str]]:
    """A file as its receiver reads it: decrypted with the receiver's own key, signed by the exchange."""
    keyring = reader(root(exchange) / "parties" / party)
    ours = exchange.config.exchange.pgp_vingerafdruk
    with (
        keyring.decrypt(path, signers=[ours], at=datetime.now(UTC), max_bytes=10**8) as plaintext,
        open(plaintext.fd, newline="", encoding="utf-8", closefd=False) as text,
    ):
        return list(csv.DictReader(text, delimiter=";"))


#: The keyrings of the parties that read last, by their secret key: to open one costs more than to read a file.
READERS: OrderedDict[bytes, tuple[ExitStack, pgp.Keyring]] = OrderedDict()


def reader(own: Path) -> pgp.Keyring:
    """The keyring of the party whose keys are in this folder."""
    secret, public = (own / "secret.asc").read_bytes(), (own / "exchange.asc").read_bytes()
    if secret not in READERS:
        while len(READERS) >= 12:
            READERS.popitem(last=False)[1][0].close()
        listing = subprocess.run(
            ["gpg", "--show-keys", "--with-colons", str(own / "public.asc")], capture_output=True, text=True, check=True
        )
        fingerprint = next(line.split(":")[9] for line in listing.stdout.splitlines() if line.startswith("fpr:"))
        stack = ExitStack()
        READERS[secret] = stack, stack.enter_context(pgp.Keyring.open(secret, fingerprint, [public]))
    READERS.move_to_end(secret)
    return READERS[secret][1]


@atexit.register
def close() -> None:
    """Nobody reads any more."""
    for stack, _ in READERS.values():
        stack.close()


def state(exchange: Exchange) -> str:
    """All that must be the same however often steps were run: what parties have and what the register says."""
    with exchange.register.connect() as db:
        files_ = [tuple(row) for row in db.execute(sa.select(zending.c.naam, zending.c.staat).order_by(zending.c.naam))]
    return json.dumps([delivered(exchange), status(exchange), files_], sort_keys=True)


def test_a_night_answers_every_file_as_expected_and_balances(exchange, clock):
    night(exchange, clock)
    now = status(exchange)
    found = {row["bestand"]: row for row in now["aanleveringen"]}
    for expected in read_expected(root(exchange)):
        row = found.pop(expected["bestand"])
        assert (row["code"] or "") == expected["code"], expected
        assert (row["regels"], row["afgekeurd"]) == (expected["regels"], expected["fout"]), expected
        assert row["doorgezet"] == expected["regels"] - expected["fout"]
    assert found == {}
    assert now["balans"]["klopt"]
    assert now["balans"]["wachtend"] == 0
    assert ledger.verify(exchange.register) > 0


@ANY_REGISTER
def test_a_half_upload_is_left_alone(exchange, clock):
    night(exchange, clock)
    assert len(list((root(exchange) / "sftp" / "huur-01" / "in").glob("*.part"))) == 1
    assert not list((root(exchange) / "sftp" / "huur-01" / "in").glob("*.pgp"))


@ANY_REGISTER
def test_a_file_with_a_name_that_was_not_agreed_is_answered_unread(exchange, clock):
    name = "Signalen van oktober (2).csv.pgp"
    row = delivered_and_checked(exchange, clock, name, b"not even encrypted")
    assert (row["staat"], row["code"], row["regels"]) == ("AFGEKEURD", "E-BST-08", 0)
    publish.publish(exchange, clock)
    folder = root(exchange) / "sftp" / "huur-01"
    [told] = opened(exchange, "huur-01", next((folder / "terugmelding").glob("Signalen van oktober (2)_ONTVANGST_*")))
    assert (told["bestand"], told["code"]) == (name, "E-BST-08")
    assert "bijvoorbeeld VS_SIG_huur-01_" in told["tekst"]
    assert [path.name for path in (folder / "in" / "opgehaald").glob(f"*_{name}")]


@ANY_REGISTER
def test_a_file_whose_name_no_answer_could_bear_is_left_alone_and_mentioned(exchange, clock, caplog):
    folder = root(exchange) / "sftp" / "huur-01" / "in"
    fits, long, line, latin = "é" * 90 + "x" * 20, "é" * 90 + "x" * 21, "é\n.csv.pgp", os.fsdecode(b"\xeb.csv.pgp")
    for name in (fits, long, line, latin, ".é"):
        (folder / name).write_bytes(b"x")
    pickup.pickup(exchange, clock)
    assert not (folder / fits).exists()
    assert all((folder / name).exists() for name in (long, line, latin, ".é"))
    said = [record.getMessage() for record in caplog.records if record.name == pickup.__name__]
    assert said == ["huur-01: bestanden die blijven staan, om een te lange of vreemde naam: 3"]


@ANY_REGISTER
def test_a_partner_without_a_folder_to_drop_in_is_named(exchange, clock, caplog):
    shutil.move(root(exchange) / "sftp" / "huur-01" / "in", root(exchange) / "sftp" / "huur-01" / "In")
    pickup.pickup(exchange, clock)
    said = [record.getMessage() for record in caplog.records if record.name == pickup.__name__]
    assert [line.partition(". ")[0] for line in said] == ["Bij huur-01 is er geen map in/, dus niets om op te halen"]


@ANY_REGISTER
@pytest.mark.parametrize(("most", "code"), [(11, None), (10, "E-BST-10")])
def test_a_file_with_more_lines_than_can_be_numbered_is_refused_as_a_whole(exchange, clock, monkeypatch, most, code):
    monkeypatch.setenv("NACHTPOST_INTAKE__MAX_REGELS", str(most))
    monkeypatch.setenv("NACHTPOST_INTAKE__BLOKGROOTTE", "4")
    with open_exchange(exchange.config.folder) as limited:
        content = as_csv(rows_of_huur(limited))  # a header and ten rows
        row = delivered_and_checked(limited, clock, files.file_name("huur-01", DAY, 66), content)
    assert (row["code"], row["regels"]) == (code, 0 if code else 10)


@ANY_REGISTER
def test_a_column_of_burgerservicenummers_refuses_the_file_as_a_whole(exchange, clock):
    rows = [
        row | {"signaal_id": f"{row['signaal_id']}-{turn}", "klantnummer": "123456782"}
        for row in rows_of_huur(exchange)
        for turn in range(3)
    ]
    row = delivered_and_checked(exchange, clock, files.file_name("huur-01", DAY, 67), as_csv(rows))
    assert (row["staat"], row["code"], row["regels"]) == ("AFGEKEURD", "E-PRV-03", 0)


def test_a_signal_that_comes_again_is_not_sent_again_and_with_other_content_refused(exchange, clock):
    first = delivered_and_checked(exchange, clock, files.file_name("huur-01", DAY, 68), b"")  # after the ten rows
    assert first["code"] == "E-BST-05"
    with exchange.register.connect() as db:
        known = set(db.scalars(sa.select(signaal.c.signaal_id)))
    same, other = [row for row in rows_of_huur(exchange) if row["signaal_id"] in known][:2]
    again = as_csv([same, other | {"achternaam": "Anders", "bedrag_cent": "99999"}])
    row = delivered_and_checked(exchange, clock, files.file_name("huur-01", DAY, 69), again)
    assert (row["dubbel"], row["afgekeurd"], row["aanvaard"]) == (1, 1, 0)
    publish.publish(exchange, clock)
    folder = root(exchange) / "sftp" / "huur-01" / "terugmelding"
    told = opened(exchange, "huur-01", next(folder.glob("*_069_CONTROLE_*")))
    assert [line["code"] for line in told[:-1]] == ["W-SIG-02", "E-SIG-01"]


def test_what_a_receiver_took_away_is_recorded_as_collected_with_its_moment(exchange, clock):
    night(exchange, clock)
    batches = status(exchange)["batches"]
    taken = batches[0]
    place = root(exchange) / "sftp" / taken["uitvoerder"] / "uit" / taken["gemeentecode"]
    (place / taken["bestand"]).unlink()
    shutil.rmtree(root(exchange) / "sftp" / batches[-1]["uitvoerder"] / "uit")  # a folder that is gone says nothing
    clock.now += timedelta(days=1)
    bundle.bundle(exchange, local_date(clock.now), clock)
    build.build(exchange, local_date(clock.now), [], clock)  # nothing but manifests
    assert publish.publish(exchange, clock).opgehaald == 1
    states_ = {(row["gemeentecode"], row["staat"]) for row in status(exchange)["batches"]}
    assert states_ == {(row["gemeentecode"], "OPGEHAALD" if row is taken else "GEPUBLICEERD") for row in batches}
    assert status(exchange)["balans"]["klopt"]
    with exchange.register.connect() as db:
        nr = db.scalar(sa.select(signaal.c.nr).where(signaal.c.gemeentecode == taken["gemeentecode"]).limit(1))
    found = find(exchange, identity.signaal_ref(np.array([nr])).to_pylist()[0])
    assert (found["staat"], found["batch_opgehaald_op"]) == ("OPGEHAALD", clock.now)


@ANY_REGISTER
def test_retries_are_not_logged_for_they_name_accounts(exchange, clock, caplog, capfd):
    file = exchange.config.folder / "partners" / "huur-01.toml"
    text = file.read_text()
    file.write_text("\n".join("poort = 1" if line.startswith("poort") else line for line in text.splitlines()))
    with open_exchange(exchange.config.folder) as broken:
        assert pickup.pickup(broken, clock).onbereikbaar == ["huur-01"]
    said = [record.getMessage() for record in caplog.records if record.name.startswith(("exchange", "stamina"))]
    assert said == ["De server van huur-01 is niet bereikbaar (de verbinding is geweigerd). Probeer het later opnieuw."]
    assert capfd.readouterr().out == ""


def test_every_step_twice_ends_the_same(exchange, clock):
    for _, step in steps(exchange, clock):
        step()
        once = state(exchange)
        step()
        assert state(exchange) == once


def test_a_night_stopped_between_any_two_steps_and_begun_again_ends_the_same(exchange, clock):
    """Stopped after the first step and begun again, then after the second, and so on."""
    every = [step for _, step in steps(exchange, clock)]
    for stopped in range(1, len(every)):
        for step in every[:stopped]:
            step()
    night(exchange, clock)
    now = status(exchange)
    assert now["balans"]["klopt"]
    assert now["balans"]["wachtend"] == 0
    assert now["balans"]["doorgezet"] == sum(row["regels"] for row in now["batches"])
    night(exchange, clock)
    assert status(exchange) == now


def test_an_upload_begun_but_not_recorded_starts_over(exchange, clock):
    """Stopped in GEBOUWD with a piece of the temporary file there."""
    for _, step in steps(exchange, clock)[:2]:
        step()
    with exchange.register.connect() as db:
        row = outbox.waiting(db)[0]
    folder = root(exchange) / "sftp" / row.ontvanger / row.map
    (folder / f".{row.naam}.{row.id}.tmp").write_bytes(b"a piece")
    publish.publish(exchange, clock)
    assert (folder / row.naam).stat().st_size == row.grootte


def test_a_pickup_stopped_before_the_file_was_moved_registers_it_once(exchange, clock):
    pickup.pickup(exchange, clock)
    done = root(exchange) / "sftp" / "huur-01" / "in" / "opgehaald"
    for file in list(done.iterdir()):
        number, _, name = file.name.partition("_")
        file.rename(done.parent / name)
        with exchange.register.begin() as db:
            db.execute(aanlevering.update().where(aanlevering.c.nr == int(number)).values(verplaatst_op=None))
    assert pickup.pickup(exchange, clock).opgehaald == 0
    assert len(list(done.iterdir())) == 4  # the fifth came unencrypted, and does not stay there


def test_the_same_bytes_are_answered_as_a_repeat_and_after_a_refusal_checked_anew(exchange, clock):
    night(exchange, clock)
    again = status(exchange)["aanleveringen"]
    repeated = [row for row in again if row["staat"] == "HERHAALD"]
    assert {row["code"] for row in repeated} == {"W-BST-03"}
    assert all(row["regels"] == 0 for row in repeated)
    done = root(exchange) / "sftp" / "huur-01" / "in" / "opgehaald"
    refused = next(row["bestand"] for row in again if row["partner"] == "huur-01" and row["code"] == "E-PGP-03")
    source = next(done.glob(f"*_{refused}"))
    shutil.copy(source, done.parent / files.file_name("huur-01", DAY, 50))
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    assert status(exchange)["aanleveringen"][-1]["code"] == "E-PGP-03"


@ANY_REGISTER
def test_a_changed_host_key_stops_that_party_and_nobody_else(exchange, clock):
    other = (root(exchange) / "parties" / "huur-01" / "id_ed25519.pub").read_text().split()
    file = root(exchange) / "config" / "partners" / "water-03.toml"
    text = file.read_text()
    pinned = next(line for line in text.splitlines() if line.startswith("hostkeys"))
    file.write_text(text.replace(pinned, f'hostkeys = ["{other[0]} {other[1]}"]'))
    with open_exchange(exchange.config.folder) as changed:
        result = pickup.pickup(changed, clock)
    assert result.vertrouwd_niet == ["water-03"]
    assert result.onbereikbaar == []
    assert {row["partner"] for row in status(exchange)["aanleveringen"]} == set(exchange.config.partners) - {"water-03"}


def test_a_party_that_cannot_be_reached_is_named_and_tried_again(exchange, clock):
    for _, step in steps(exchange, clock)[:5]:
        step()
    file = root(exchange) / "config" / "uitvoerders" / "uitvoerder-02.toml"
    text = file.read_text()
    file.write_text("\n".join("poort = 1" if line.startswith("poort") else line for line in text.splitlines()))
    with open_exchange(exchange.config.folder) as broken:
        assert publish.publish(broken, clock).uitgesteld == ["uitvoerder-02"]
        assert report.report(broken, DAY, clock).klopt
        assert status(broken)["balans"]["wachtend"] > 0
    file.write_text(text)
    assert publish.publish(exchange, clock).uitgesteld == []
    report.report(exchange, DAY, clock)
    assert status(exchange)["balans"]["wachtend"] == 0


def test_what_comes_after_the_freeze_goes_the_next_night(exchange, clock):
    for _, step in steps(exchange, clock)[:4]:
        step()
    before = status(exchange)["batches"]
    source = root(exchange) / "sftp" / "huur-01" / "in" / "opgehaald"
    name = next(source.glob("*_001.csv.pgp"))
    rows = opened_as_exchange(exchange, name)
    for row in rows:
        row["signaal_id"] = "N" + row["signaal_id"]
    files.drop_file(root(exchange), "huur-01", files.file_name("huur-01", DAY, 60), as_csv(rows))
    night(exchange, clock)
    assert [row["regels"] for row in status(exchange)["batches"]] == [row["regels"] for row in before]
    waiting = status(exchange)["balans"]["wachtend"]
    assert waiting > 0
    clock.now += timedelta(days=1)
    tomorrow = local_date(clock.now)
    assert bundle.bundle(exchange, tomorrow, clock).regels == waiting


def opened_as_exchange(exchange: Exchange, path: Path) -> list[dict[str, str]]:
    signers = exchange.config.partners["huur-01"].pgp.vingerafdrukken
    with (
        exchange.keyring.decrypt(path, signers=signers, at=datetime.now(UTC), max_bytes=10**8) as plaintext,
        open(plaintext.fd, newline="", encoding="utf-8", closefd=False) as text,
    ):
        return list(csv.DictReader(text, delimiter=";"))


def as_csv(rows: list[dict[str, str]], delimiter: str = ";", codering: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(codering)


def rows_of_huur(exchange: Exchange) -> list[dict[str, str]]:
    """The ten rows that huur-01 dropped first."""
    return opened_as_exchange(exchange, next((root(exchange) / "sftp" / "huur-01").rglob("*_001.csv.pgp")))


def delivered_and_checked(exchange: Exchange, clock: Clock, name: str, content: bytes) -> dict[str, str | int]:
    """How a file of huur-01 is judged."""
    files.drop_file(root(exchange), "huur-01", name, content)
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    return next(row for row in status(exchange)["aanleveringen"] if row["bestand"] == name)


def opened_bytes(exchange: Exchange, party: str, path: Path) -> bytes:
    """A file as its receiver has it, decrypted."""
    own, ours = root(exchange) / "parties" / party, exchange.config.exchange.pgp_vingerafdruk
    with (
        pgp.Keyring.open((own / "secret.asc").read_bytes(), "", [(own / "exchange.asc").read_bytes()]) as keyring,
        keyring.decrypt(path, signers=[ours], at=datetime.now(UTC), max_bytes=10**8) as plaintext,
        open(plaintext.fd, "rb", closefd=False) as content,
    ):
        return content.read()


def agreed(exchange: Exchange, partner: str, *lines: str) -> None:
    """Add lines to what is agreed with a partner; the configuration must be read again."""
    file = exchange.config.folder / "partners" / f"{partner}.toml"
    file.write_text("\n".join([*lines, file.read_text()]))


def withdrawal(row: dict[str, str], number: int) -> dict[str, str]:
    own = dict.fromkeys(row, "")
    return own | {"signaal_id": f"I-{number}", "soort": "INTREKKING", "vorig_signaal_id": row["signaal_id"]}


def test_a_withdrawal_before_delivery_takes_both_out_and_after_it_is_itself_delivered(exchange, clock):
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    source = next((root(exchange) / "sftp" / "huur-01" / "in" / "opgehaald").glob("*_001.csv.pgp"))
    rows = opened_as_exchange(exchange, source)
    files.drop_file(root(exchange), "huur-01", files.file_name("huur-01", DAY, 61), as_csv([withdrawal(rows[0], 1)]))
    night(exchange, clock)
    assert status(exchange)["balans"]["ingetrokken"] == 2
    files.drop_file(root(exchange), "huur-01", files.file_name("huur-01", DAY, 62), as_csv([withdrawal(rows[1], 2)]))
    clock.now += timedelta(days=1)
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    bundled = bundle.bundle(exchange, local_date(clock.now), clock)
    assert bundled.regels == 1
    assert status(exchange)["balans"]["ingetrokken"] == 2


def test_rows_that_were_all_withdrawn_make_no_batch_and_hold_no_manifest_up(exchange, clock):
    for folder in (root(exchange) / "sftp").glob("*/in"):
        if folder.parent.name != "huur-01":
            shutil.rmtree(folder)
            folder.mkdir()
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    with exchange.register.connect() as db:
        accepted = set(db.scalars(sa.select(signaal.c.signaal_id)))
    source = next((root(exchange) / "sftp" / "huur-01" / "in" / "opgehaald").glob("*_001.csv.pgp"))
    rows = [row for row in opened_as_exchange(exchange, source) if row["signaal_id"] in accepted]
    everything = [withdrawal(row, number) for number, row in enumerate(rows)]
    files.drop_file(root(exchange), "huur-01", files.file_name("huur-01", DAY, 61), as_csv(everything))
    night(exchange, clock)
    balans = status(exchange)["balans"]
    assert (balans["ingetrokken"], balans["doorgezet"], balans["wachtend"]) == (2 * len(rows), 0, 0)
    assert balans["klopt"]
    manifests = [name for names in delivered(exchange).values() for name in names if "MANIFEST" in name]
    assert len(manifests) == len(exchange.config.uitvoerders)


def test_terugmeldingen_tell_a_partner_every_row_and_nothing_of_another(exchange, clock):
    night(exchange, clock)
    folder = root(exchange) / "sftp" / "huur-01" / "terugmelding"
    controle = next(folder.glob("*_001_CONTROLE_*"))
    lines = opened(exchange, "huur-01", controle)
    assert lines[-1]["niveau"] == "BESTAND"
    assert lines[-1]["regels"] == "10"
    assert {int(line["regelnr"]) for line in lines[:-1]} == set(range(2, 12))
    told = opened(exchange, "huur-01", next(folder.glob("VS_DOORGEZET_*")))
    assert {line["staat"] for line in told} == {"DOORGEZET"}
    assert len(told) - 1 == int(lines[-1]["aanvaard"])
    found = find(exchange, told[0]["signaal_ref"])
    assert found is not None
    assert found["signaal_id"] == told[0]["signaal_id"]
    numbers = sorted(
        int(line["terugmelding_nr"])
        for path in folder.glob("*_ONTVANGST_*")
        for line in opened(exchange, "huur-01", path)
    )
    assert len(set(numbers)) == len(numbers)


def test_a_correction_file_gives_back_what_may_travel_and_can_be_delivered_again(exchange, clock):
    night(exchange, clock)
    folder = root(exchange) / "sftp" / "huur-01" / "terugmelding"
    rows = opened(exchange, "huur-01", next(folder.glob("*_001_CORRECTIE_*")))
    assert rows
    assert all(row["retour_codes"].startswith("E-") for row in rows)
    files.drop_file(root(exchange), "huur-01", files.file_name("huur-01", DAY, 63), as_csv(rows))
    pickup.pickup(exchange, clock)
    check.check(exchange, ["huur-01"], clock)
    last = status(exchange)["aanleveringen"][-1]
    assert (last["staat"], last["regels"]) == ("GECONTROLEERD", len(rows))


@ANY_REGISTER
def test_a_correction_file_has_the_separator_and_encoding_of_the_partner(exchange, clock):
    rows = [row | {"achternaam": "José", "postcode": "?"} for row in rows_of_huur(exchange)[:2]]
    agreed(exchange, "huur-01", 'scheidingsteken = ","', 'codering = "windows-1252"')
    with open_exchange(exchange.config.folder) as other:
        encodings = {64: "windows-1252", 65: "utf-8-sig"}  # the mark of UTF-8 in a file goes before what was agreed
        for number, codering in encodings.items():
            own = [row | {"signaal_id": f"{row['signaal_id']}-{number}"} for row in rows]
            name = files.file_name("huur-01", DAY, number)
            found = delivered_and_checked(other, clock, name, as_csv(own, ",", codering))
            assert (found["staat"], found["afgekeurd"]) == ("GECONTROLEERD", 2)
        publish.publish(other, clock)
        for number, codering in encodings.items():
            [path] = (root(other) / "sftp" / "huur-01" / "terugmelding").glob(f"*_{number:03d}_CORRECTIE_*")
            content = opened_bytes(other, "huur-01", path)
            lines = list(csv.DictReader(io.StringIO(content.decode(codering), newline="")))
            assert [line["achternaam"] for line in lines] == ["José", "José"]
            name = files.file_name("huur-01", DAY, number + 10)
            found = delivered_and_checked(other, clock, name, content)  # as it is, so its rows are still wrong
            assert (found["staat"], found["afgekeurd"]) == ("GECONTROLEERD", 2)


def test_a_manifest_counts_what_lies_beside_it_and_comes_last(exchange, clock):
    night(exchange, clock)
    sftp = root(exchange) / "sftp" / "uitvoerder-01"
    manifest = opened(exchange, "uitvoerder-01", next((sftp / "uit").glob("VS_MANIFEST_*")))
    assert len(manifest) == len(exchange.config.uitvoerders["uitvoerder-01"].gemeenten)
    for line in manifest:
        files_ = list((sftp / "uit" / line["gemeentecode"]).glob("*"))
        assert [file.name for file in files_] == ([line["bestand"]] if line["staat"] != "LEEG" else [])
        if files_:
            assert len(opened(exchange, "uitvoerder-01", files_[0])) == int(line["regels"])
    with exchange.register.connect() as db:
        rows = db.execute(sa.select(zending).where(zending.c.ontvanger == "uitvoerder-01").order_by(zending.c.id)).all()
    assert [row.soort for row in rows][-1] == "MANIFEST"


@ANY_REGISTER
def test_a_file_made_by_hand_goes_through_and_its_batch_opens_with_plain_gpg(exchange, clock, gpg_home, tmp_path):
    """Plain gpg and OpenSSH's sftp, as a partner without any of our code would do it."""
    own = root(exchange) / "parties" / "huur-01"
    gpg = [program("gpg"), "--homedir", str(gpg_home), "--batch", "--trust-model", "always"]
    subprocess.run([*gpg, "--import", str(own / "secret.asc"), str(own / "exchange.asc")], check=True)
    source = next((root(exchange) / "sftp" / "huur-01" / "in").glob("*_001.csv.pgp"))
    row = opened_as_exchange(exchange, source)[0] | {"signaal_id": "MET-DE-HAND-1", "achternaam": "Bakker"}
    plain = tmp_path / "hand.csv"
    plain.write_bytes(as_csv([row]))
    name = files.file_name("huur-01", DAY, 70)
    recipient = exchange.config.exchange.pgp_vingerafdruk
    subprocess.run([*gpg, "--sign", "--encrypt", "-r", recipient, "-o", str(tmp_path / name), str(plain)], check=True)
    port = (root(exchange) / "server" / "port").read_text()
    command = [program("sftp"), "-q", "-b", "-", "-P", port, "-i", str(own / "id_ed25519")]
    options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={own / 'known_hosts'}"]
    options = [f"-o{option}" for option in options]
    subprocess.run(
        [*command, *options, "huur-01@127.0.0.1"], input=f"put {tmp_path / name} in/{name}\n".encode(), check=True
    )
    night(exchange, clock)
    row_state = next(one for one in status(exchange)["aanleveringen"] if one["bestand"] == name)
    assert row_state["doorgezet"] == 1
    batches = {(one["uitvoerder"], one["gemeentecode"], one["bestand"]) for one in status(exchange)["batches"]}
    for party in {uitvoerder for uitvoerder, _, _ in batches}:
        secret = root(exchange) / "parties" / party / "secret.asc"
        subprocess.run([*gpg, "--import", str(secret)], check=True)
    texts = [
        subprocess.run(
            [*gpg, "--decrypt", str(root(exchange) / "sftp" / party / "uit" / code / bestand)],
            check=True,
            capture_output=True,
        ).stdout.decode()
        for party, code, bestand in batches
    ]
    found = [line for text in texts for line in csv.DictReader(io.StringIO(text, newline=""), delimiter=";")]
    with exchange.register.connect() as db:
        nr = db.scalar(sa.select(signaal.c.nr).where(signaal.c.signaal_id == "MET-DE-HAND-1"))
    [ref] = identity.signaal_ref(np.array([nr])).to_pylist()
    [line] = [line for line in found if line["signaal_ref"] == ref]
    same = ("achternaam", "voorletters", "straat", "huisnummer", "postcode", "woonplaats", "klantnummer")
    assert {name: line[name] for name in same} == {name: row[name] for name in same}
    assert line["achternaam"] == "Bakker"
    assert line["bedrag_euro"].replace(",", "") == row["bedrag_cent"]


def encryption_key_expires(exchange: Exchange, party: str, gpg_home: Path) -> None:
    """The party can still sign, but nothing can be encrypted to it any more."""
    secret = (root(exchange) / "parties" / party / "secret.asc").read_bytes()
    gpg = [program("gpg"), "--homedir", str(gpg_home), "--batch", "--no-tty", "--pinentry-mode", "loopback"]
    [fingerprint] = exchange.config.partij(party).pgp.vingerafdrukken
    subprocess.run([*gpg, "--import"], input=secret, check=True)
    subprocess.run([*gpg, "--passphrase", "", "--quick-set-expire", fingerprint, "seconds=1", "*"], check=True)
    public = subprocess.run([*gpg, "--armor", "--export", fingerprint], check=True, capture_output=True).stdout
    (exchange.config.folder / "keys" / f"{party}.asc").write_bytes(public)
    encrypt = [*gpg, "--trust-model", "always", "--recipient", fingerprint, "--encrypt"]
    while subprocess.run(encrypt, input=b"", check=False, capture_output=True).returncode == 0:
        time.sleep(0.1)


@ANY_REGISTER
def test_a_partner_that_signs_well_but_cannot_be_answered_is_told_so_and_holds_nobody_up(exchange, clock, gpg_home):
    encryption_key_expires(exchange, "huur-01", gpg_home)
    clock.now = datetime.now(UTC)
    with open_exchange(exchange.config.folder) as changed:
        night(changed, clock)
        with changed.register.connect() as db:
            rows = db.execute(sa.select(aanlevering.c.partner, aanlevering.c.staat, aanlevering.c.code)).all()
    assert ("huur-01", "AFGEKEURD", "E-PGP-09") in rows
    assert ("energie-02", "GECONTROLEERD", None) in rows
    folder = root(exchange) / "sftp" / "huur-01" / "terugmelding"
    assert {path.suffix for path in folder.glob("VS_*")} == {".txt"}


def test_rows_of_an_uitvoerder_whose_key_cannot_encrypt_wait_until_it_can(exchange, clock, gpg_home):
    valid = (exchange.config.folder / "keys" / "uitvoerder-02.asc").read_bytes()
    encryption_key_expires(exchange, "uitvoerder-02", gpg_home)
    clock.now = datetime.now(UTC)
    today = local_date(clock.now)
    with open_exchange(exchange.config.folder) as changed:
        pickup.pickup(changed, clock)
        check.check(changed, sorted(changed.config.partners), clock)
        bundled = bundle.bundle(changed, today, clock)
        assert bundled.zonder_sleutel == ["uitvoerder-02"]
        waiting = status(changed)["balans"]["wachtend"] - bundled.regels
        assert bundled.regels > 0 and waiting > 0
    (exchange.config.folder / "keys" / "uitvoerder-02.asc").write_bytes(valid)
    clock.now += timedelta(days=1)
    with open_exchange(exchange.config.folder) as mended:
        again = bundle.bundle(mended, today + timedelta(days=1), clock)
    assert (again.regels, again.zonder_sleutel) == (waiting, [])


@ANY_REGISTER
@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_a_partner_whose_key_cannot_encrypt_reads_in_plain_text_that_its_file_came_in(exchange, clock, gpg_home, state):
    secret, public, fingerprint = pgp.generate(
        "huur <huur@example.nl>", expires="seconds=3" if state == "expired" else "0"
    )
    config, partner = exchange.config.folder, exchange.config.partners["huur-01"]
    file = config / "partners" / "huur-01.toml"
    file.write_text(file.read_text().replace(partner.pgp.vingerafdrukken[0], fingerprint))
    (root(exchange) / "parties" / "huur-01" / "secret.asc").write_bytes(secret)
    name = files.file_name("huur-01", DAY, 80)
    files.drop_file(root(exchange), "huur-01", name, b"signaal_id;achternaam\r\nA-1;Bakker\r\n")
    if state == "expired":
        time.sleep(3.5)
    else:
        gpg = [program("gpg"), "--homedir", str(gpg_home), "--no-tty", "--pinentry-mode", "loopback"]
        subprocess.run([*gpg, "--batch", "--import"], input=secret, check=True)
        answers = b"y\n1\n\ny\n"  # do it; the key is compromised; no comment; sure
        revocation = subprocess.run(
            [*gpg, "--command-fd", "0", "--gen-revoke", fingerprint], input=answers, check=True, capture_output=True
        ).stdout
        subprocess.run([*gpg, "--batch", "--import"], input=revocation, check=True)
        public = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    (config / "keys" / "huur-01.asc").write_bytes(public)
    clock.now = datetime.now(UTC)
    with open_exchange(config) as changed:
        pickup.pickup(changed, clock)
        check.check(changed, ["huur-01"], clock)
        publish.publish(changed, clock)
    answers_ = sorted((root(exchange) / "sftp" / "huur-01" / "terugmelding").glob("VS_*"))
    assert {path.suffix for path in answers_} == {".txt"}
    text = next(path for path in answers_ if path.name.startswith(name.partition(".")[0])).read_text()
    told = [(line["soort"], line["bestand"], line["code"]) for line in csv.DictReader(io.StringIO(text), delimiter=";")]
    assert told == [("ONTVANGST", name, "E-PGP-04")]
    assert "Bakker" not in text
