"""Terugkoppeling with real SFTP, gpg and both registers: from an uitvoerder's file to what a partner may know of it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange import register
from exchange.cli import app
from exchange.context import Exchange, local_date, open_exchange
from exchange.register import ledger
from exchange.register.aanleveringen import Soort
from exchange.register.tables import sjabloon, terugkoppeling, uitkomst, zending
from exchange.sandbox import feedback, files
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report
from transforms.identity import signaal_ref

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DAY = local_date(START)
FIRST, SECOND = "uitvoerder-01", "uitvoerder-02"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Two partners, two uitvoerders; the addresses of the second partner are those of the first."""
    made = create(
        tmp_path_factory.mktemp("t") / "s", partners=2, signalen=24, uitvoerders=2, day=DAY, seed=7, wrong=False
    )
    mine, theirs = (next((made.folder / "sftp" / party / "in").glob("*.pgp")) for party in made.partners)
    rows, others = (opened_as_exchange(made.folder, path) for path in (mine, theirs))
    for row, other in zip(rows, others, strict=True):
        address = ("straat", "huisnummer", "huisletter", "toevoeging", "postcode", "woonplaats", "gemeentecode")
        other.update({name: row[name] for name in address if name in other})
    theirs.unlink()
    files.drop_file(made.folder, made.partners[1], theirs.name, as_csv(others))
    return made


def opened_as_exchange(folder: Path, path: Path) -> list[dict[str, str]]:
    with open_exchange(folder / "config") as exchange:
        partner = exchange.config.partners[path.parents[1].name]
        with (
            exchange.keyring.decrypt(
                path, signers=partner.pgp.vingerafdrukken, at=datetime.now(UTC), max_bytes=10**8
            ) as plaintext,
            open(plaintext.fd, newline="", encoding="utf-8", closefd=False) as text,
        ):
            return list(csv.DictReader(text, delimiter=";"))


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


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


def root(exchange: Exchange) -> Path:
    return exchange.config.folder.parent


def receive(exchange: Exchange, clock: Clock, soort: Soort) -> None:
    pickup.pickup(exchange, clock, soort)
    for group in check.groups(exchange, 2, soort):
        check.check(exchange, group, clock)
    publish.publish(exchange, clock)


def night(exchange: Exchange, clock: Clock) -> None:
    day = local_date(clock())
    receive(exchange, clock, Soort.SIGNALEN)
    bundle.bundle(exchange, day, clock)
    for shard in build.shards(exchange, day, 2):
        build.build(exchange, day, shard, clock)
    publish.publish(exchange, clock)
    report.report(exchange, day, clock)


def rows_in(exchange: Exchange, party: str, pattern: str) -> list[list[dict[str, str]]]:
    """The files of a party that fit `pattern`, each as its receiver reads it."""
    found = sorted((root(exchange) / "sftp" / party).glob(pattern))
    texts = [files.open_file(root(exchange), party, path).decode() for path in found]
    return [list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";")) for text in texts]


def batch_rows(exchange: Exchange, party: str) -> list[dict[str, str]]:
    return [row for rows in rows_in(exchange, party, "uit/*/VS_BATCH_*") for row in rows]


def outcomes(exchange: Exchange, party: str) -> list[list[dict[str, str]]]:
    return rows_in(exchange, party, f"terugmelding/VS_UITKOMST_{party}_*")


def told(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    names = ("signaal_ref", "uitkomst", "uitkomst_datum", "opschorten_tot")
    return [tuple(row[name] for name in names) for row in rows if row["niveau"] == "REGEL"]


def say(exchange: Exchange, uitvoerder: str, *rows: dict[str, str]) -> str:
    return feedback.drop(root(exchange), uitvoerder, DAY, rows).name


def answers(exchange: Exchange, uitvoerder: str, name: str) -> list[dict[str, str]]:
    [rows] = rows_in(exchange, uitvoerder, f"terugmelding/{name.split('.')[0]}_CONTROLE_*")
    return rows


def at_one_address(exchange: Exchange, party: str) -> list[dict[str, str]]:
    """The rows of one melding that both partners reported."""
    rows = batch_rows(exchange, party)
    shared = next(row["melding_nr"] for row in rows if row["matching"] == "MEERVOUDIG")
    return [row for row in rows if row["melding_nr"] == shared]


def test_a_template_with_every_signal_lies_ready_before_the_manifest(exchange: Exchange) -> None:
    clock = Clock()
    night(exchange, clock)
    for party in (FIRST, SECOND):
        [form] = rows_in(exchange, party, f"uit/VS_TK_SJABLOON_{party}_20261123_001.csv.pgp")
        assert sorted(row["signaal_ref"] for row in form) == sorted(
            row["signaal_ref"] for row in batch_rows(exchange, party)
        )
        assert {name for row in form for name, value in row.items() if value} == {"layout", "signaal_ref"}
    with exchange.register.connect() as db:
        order = db.execute(
            sa.select(zending.c.soort)
            .where(zending.c.ontvanger == FIRST)
            .order_by(zending.c.gepubliceerd_op, zending.c.id)
        )
        assert {"SJABLOON", "MANIFEST"} < set(order.scalars())
        assert db.scalar(sa.select(sa.func.count()).select_from(sjabloon)) == 0
    # a filled in template comes back
    name, count = feedback.fill_in(root(exchange), FIRST, DAY, seed=1)
    receive(exchange, clock, Soort.TERUGKOPPELING)
    *lines, total = answers(exchange, FIRST, name)
    assert {row["staat"] for row in lines} <= {"AANVAARD", "WACHTEND"}
    assert (total["regels"], total["afgekeurd"]) == (str(count), "0")
    assert int(total["aanvaard"]) + int(total["wachtend"]) == count
    # and the sandbox does it for whoever wants to try
    said = CliRunner().invoke(app, ["sandbox", "terugkoppeling", str(root(exchange)), "--json"])
    made = {one["uitvoerder"]: one["bestand"] for one in json.loads(said.output)["bestanden"]}
    assert all((root(exchange) / "sftp" / party / "in" / made[party]).is_file() for party in (FIRST, SECOND))


def test_each_partner_hears_of_its_own_signals_once_and_of_nobody_elses(exchange: Exchange) -> None:
    clock = Clock()
    night(exchange, clock)
    members = at_one_address(exchange, FIRST)
    assert len({row["partner"] for row in members}) == 2
    before = status(exchange)["balans"]
    row = {"melding_nr": members[0]["melding_nr"], "status": "Opgepakt", "status_datum": "2026-11-01"}
    name = say(exchange, FIRST, row | {"hulp_geaccepteerd": "J", "hulp_geaccepteerd_op": "2026-11-02"})
    for _ in range(2):  # run again, the same
        receive(exchange, clock, Soort.TERUGKOPPELING)
    assert [row["staat"] for row in answers(exchange, FIRST, name)] == ["AANVAARD", "AANVAARD"]
    assert status(exchange)["balans"] == before  # rows of terugkoppeling are no signals
    assert [(row["uitvoerder"], row["regels"], row["aanvaard"]) for row in status(exchange)["terugkoppelingen"]] == [
        (FIRST, 1, 1)
    ]
    clock.now += timedelta(days=1)
    for _ in range(2):
        night(exchange, clock)
    refs = {}
    for party, partner in zip(("huur-01", "energie-02"), ("Voorbeeld Huur 01", "Voorbeeld Energie 02"), strict=True):
        refs[party] = [row["signaal_ref"] for row in members if row["partner"] == partner]
        [rows] = outcomes(exchange, party)
        # the status is older than the delivery: its date would tell that somebody reported earlier
        assert told(rows) == [(ref, "OPGEPAKT", "2026-11-23", "2026-12-23") for ref in refs[party]]
        assert {row["bestand"].split("_")[2] for row in rows} == {party}
        text = str(rows)
        assert members[0]["melding_nr"] not in text
        assert "2026-11-02" not in text
    assert not any(ref in str(outcomes(exchange, "huur-01")) for ref in refs["energie-02"])

    # the next night only what changed: one partner's signal was closed for a reason that stays unsaid
    [ref] = refs["huur-01"]
    for status_, datum in (("Niet opgepakt: andere reden", "2026-11-24"), ("Opgepakt", "2026-11-20")):
        say(exchange, FIRST, {"signaal_ref": ref, "status": status_, "status_datum": datum})
    receive(exchange, clock, Soort.TERUGKOPPELING)
    clock.now += timedelta(days=1)
    night(exchange, clock)
    assert told(outcomes(exchange, "huur-01")[1]) == [(ref, "NIET_OPGEPAKT", "2026-11-24", "")]
    assert "andere reden" not in str(outcomes(exchange, "huur-01"))
    assert len(outcomes(exchange, "energie-02")) == 1
    assert ledger.verify(exchange.register) > 0


def test_a_reference_counts_only_for_the_uitvoerder_to_whom_it_was_delivered(exchange: Exchange) -> None:
    clock = Clock()
    receive(exchange, clock, Soort.SIGNALEN)
    bundle.bundle(exchange, DAY, clock)
    for shard in build.shards(exchange, DAY, 1):
        build.build(exchange, DAY, shard, clock)
    [early] = signaal_ref(np.array([1 << 24 | 2])).to_pylist()
    row = {"status": "Opgepakt", "status_datum": "2026-11-23"}
    name = say(exchange, FIRST, row | {"signaal_ref": early})
    pickup.pickup(exchange, clock, Soort.TERUGKOPPELING)
    check.check(exchange, [FIRST], clock)
    publish.publish(exchange, clock)
    assert answers(exchange, FIRST, name)[0]["code"] == "E-TKB-01"  # built, and not published yet

    theirs = batch_rows(exchange, SECOND)[0]
    unknown = signaal_ref(np.array([99 << 24 | 2])).to_pylist()[0]
    asked: list[dict[str, str]] = [
        {"signaal_ref": theirs["signaal_ref"]},
        {"signaal_ref": unknown},
        {"melding_nr": theirs["melding_nr"]},
        {"melding_nr": "M-0123456789AB"},
        {"signaal_ref": batch_rows(exchange, FIRST)[0]["signaal_ref"], "status": "Opgepaktt"},
    ]
    name = say(exchange, FIRST, *(row | one for one in asked))
    receive(exchange, clock, Soort.TERUGKOPPELING)
    *lines, total = answers(exchange, FIRST, name)
    kept = ("staat", "code", "tekst", "gemeentecode", "gemeente", "uitvoerder", "nacht", "signaal_id")
    assert len({tuple(line[name] for name in kept) for line in lines[:4]}) == 1
    assert [line["code"] for line in lines] == ["E-TKB-01"] * 4 + ["E-VLD-03"]
    assert "Bedoelt u Opgepakt?" in lines[4]["tekst"]
    assert (total["regels"], total["afgekeurd"], total["aanvaard"]) == ("5", "5", "0")
    [corrected] = rows_in(exchange, FIRST, f"terugmelding/{name.split('.')[0]}_CORRECTIE_*")
    assert [row["retour_codes"] for row in corrected] == [line["code"] for line in lines]
    assert corrected[4]["status"] == "Opgepaktt"
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(terugkoppeling)) == 0


def test_a_file_is_refused_as_a_whole_as_a_partners_would_be(exchange: Exchange) -> None:
    clock, header = Clock(), b"signaal_ref;status;status_datum"
    wrong: list[tuple[str, bytes, dict[str, bool]]] = [
        ("E-PGP-03", header, {"sign": False}),
        ("E-PRV-02", header + b";bsn", {}),
        ("E-BST-01", b"signaal_ref;status", {}),
        ("E-BST-05", b"", {}),
    ]
    for number, (_, content, how) in enumerate(wrong, 1):
        files.drop_file(root(exchange), FIRST, f"VS_TK_{FIRST}_20261123_00{number}.csv.pgp", content, **how)
    files.drop_file(root(exchange), FIRST, f"VS_TK_{SECOND}_20261123_001.csv.pgp", header)
    good = files.drop_file(root(exchange), FIRST, f"VS_TK_{FIRST}_20261123_008.csv.pgp", header).read_bytes()
    receive(exchange, clock, Soort.TERUGKOPPELING)
    (root(exchange) / "sftp" / FIRST / "in" / f"VS_TK_{FIRST}_20261123_009.csv.pgp").write_bytes(good)
    receive(exchange, clock, Soort.TERUGKOPPELING)
    found = {row["bestand"]: row["code"] for row in status(exchange)["terugkoppelingen"]}
    assert list(found.values()) == [*(code for code, _, _ in wrong), None, "E-BST-08", "W-BST-03"]
    told_ = [rows[0] for rows in rows_in(exchange, FIRST, "terugmelding/VS_TK_*_ONTVANGST_*")]
    assert {row["bestand"]: row["code"] or None for row in told_} == found
    assert {row["partner"] for row in told_} == {FIRST}


def test_what_was_told_twice_with_the_same_words_changes_nothing(exchange: Exchange) -> None:
    clock = Clock()
    night(exchange, clock)
    row = {
        "signaal_ref": batch_rows(exchange, FIRST)[0]["signaal_ref"],
        "status": "Opgepakt",
        "status_datum": "2026-11-23",
    }
    for _ in range(2):
        name = say(exchange, FIRST, row)
        receive(exchange, clock, Soort.TERUGKOPPELING)
    assert [line["code"] for line in answers(exchange, FIRST, name)] == ["W-TKB-05", ""]
    clock.now += timedelta(days=1)
    night(exchange, clock)
    with exchange.register.connect() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(uitkomst)) == 1
