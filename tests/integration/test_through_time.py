"""Gemeenten and uitvoerders through time: two files around New Year 2027, and who finds what.

Wijdemeren goes into Hilversum on 1 January by one line added to gemeenten.csv; Blaricum is (here) divided over two on
that day; in Utrecht a sector has an uitvoerder of its own, and the gemeente itself takes over all others from that day.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange import register
from exchange.context import Exchange, open_exchange
from exchange.sandbox import files
from exchange.sandbox.create import create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report
from schemas import gemeenten
from tests.integration.test_night import as_csv, opened, opened_as_exchange
from tests.unit.test_gemeenten import WIJDEMEREN

EVE, NEW_YEAR = date(2026, 12, 31), date(2027, 1, 1)
GOOI, STAD, GEMEENTE = "uitvoerder-01", "uitvoerder-02", "uitvoerder-03"
PARTNER = "huur-01"
SERVES = {
    GOOI: [
        ("1696", "", "2021-01-01", "2028-12-31"),
        ("0376", "", "2021-01-01", ""),
        ("0344", "Zorg", "2021-01-01", ""),
    ],
    STAD: [("0402", "", "2021-01-01", ""), ("0344", "Huur", "2021-01-01", "2026-12-31")],
    GEMEENTE: [("0344", "Huur", "2027-01-01", "")],
}
#: gemeentecode per signaal_id, of the afternoon before and of the first one after.
SENT = {
    EVE: {"WIJ": "1696", "BLA": "0376", "UTR": "0344"},
    NEW_YEAR: {"WIJ-2": "1696", "UTR-2": "0344", "BLA-2": "0376"},
}

Rows = list[dict[str, str]]


@dataclass
class Told:
    """What stands at everybody: batches (receiver, gemeentecode, night) to the names in them; by night the answers."""

    batches: dict[tuple[str, str, str], list[str]]
    answers: dict[str, Rows]
    aansluitlijst: Rows
    manifest: dict[str, set[str]]
    status: dict[str, Any]


@pytest.fixture(scope="module")
def one_line_more(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """gemeenten.csv as it will be shipped: one line for Wijdemeren; and for the example one that divides Blaricum."""
    own, changed = gemeenten.CSV, tmp_path_factory.mktemp("g") / "gemeenten.csv"
    lines = own.read_text(encoding="utf-8").splitlines()
    blaricum = next(line for line in lines if line.startswith("0376;")).split(";")
    changed.write_text("\n".join([*lines, WIJDEMEREN, ";".join([*blaricum[:4], str(NEW_YEAR), "0406 0417"])]) + "\n")
    cached = (gemeenten.table, gemeenten.active, gemeenten.successor, gemeenten._names)
    gemeenten.CSV = changed
    for one in cached:
        one.cache_clear()
    yield
    gemeenten.CSV = own
    for one in cached:
        one.cache_clear()


@pytest.fixture(scope="module")
def told(one_line_more: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("t") / "s"
    create(folder, partners=1, uitvoerders=3, signalen=4, wrong=False, day=EVE, seed=5)
    for id, served in SERVES.items():
        path = folder / "config" / "uitvoerders" / f"{id}.toml"
        path.write_text(path.read_text().partition("\n[[gemeenten]]")[0] + "".join(map(_serving, served)))
    head = "partner;gemeentecode;van;tot;soorten;geboortedatum;verklaring_van"
    agreed = [f"{PARTNER};{code};2021-01-01;;;N;2021-01-01" for code in ("1696", "0376", "0344")]
    (folder / "config" / "overeenkomsten.csv").write_text("\n".join([head, *agreed]) + "\n")
    partner = folder / "config" / "partners" / f"{PARTNER}.toml"
    partner.write_text(partner.read_text().partition("\n[verklaring]")[0])
    settings = folder / "config" / "nachtpost.toml"
    settings.write_text(settings.read_text().replace("stil_seconden = 0.5", "stil_seconden = 0"))
    register.upgrade(f"sqlite:///{folder}/var/register.sqlite")
    with serving(folder), open_exchange(folder / "config") as exchange:
        yield _played(exchange, folder)


def _serving(one: tuple[str, str, str, str]) -> str:
    code, sector, van, tot = one
    lines = [f'code = "{code}"', f"van = {van}", *([f"tot = {tot}"] if tot else [])]
    return "\n[[gemeenten]]\n" + "\n".join([*lines, *([f'sector = "{sector}"'] if sector else [])]) + "\n"


def _played(exchange: Exchange, folder: Path) -> Told:
    """Two afternoons and the nights after them."""
    [dropped] = (folder / "sftp" / PARTNER / "in").glob("*.pgp")
    like = opened_as_exchange(exchange, dropped)[0]
    dropped.unlink()
    for day, rows in SENT.items():
        afternoon = datetime(day.year, day.month, day.day, 14, tzinfo=UTC)
        night = day + timedelta(days=1)
        content = as_csv([_row(like, day, number, id, code) for number, (id, code) in enumerate(rows.items(), 1)])
        files.drop_file(folder, PARTNER, files.file_name(PARTNER, day, 1), content)
        pickup.pickup(exchange, lambda now=afternoon: now)
        check.check(exchange, [PARTNER], lambda now=afternoon: now)
        early = datetime(night.year, night.month, night.day, 3, 30, tzinfo=UTC)
        bundle.bundle(exchange, night, lambda now=early: now)
        for codes in build.shards(exchange, night, 1):
            build.build(exchange, night, codes, lambda now=early: now)
        publish.publish(exchange, lambda now=early: now)
        report.report(exchange, night, lambda now=early: now)
        publish.publish(exchange, lambda now=early: now)
    sftp = folder / "sftp"
    manifests = {path: opened(exchange, path.parents[1].name, path) for path in sftp.glob("*/uit/VS_MANIFEST_*")}
    answers = (sftp / PARTNER / "terugmelding").glob("VS_*.pgp")
    listed = (sftp / PARTNER / "terugmelding" / "aansluitlijst.csv").read_text().splitlines()
    return Told(
        batches={
            (path.parents[2].name, path.parent.name, path.name.split("_")[3]): [
                row["achternaam"] for row in opened(exchange, path.parents[2].name, path)
            ]
            for path in sftp.glob("*/uit/*/VS_BATCH_*")
        },
        answers={path.name: opened(exchange, PARTNER, path) for path in answers},
        aansluitlijst=list(csv.DictReader(listed, delimiter=";")),
        manifest={path.name: {row["gemeentecode"] for row in rows} for path, rows in manifests.items()},
        status=status(exchange),
    )


def _row(like: dict[str, str], day: date, number: int, id: str, code: str) -> dict[str, str]:
    """A signal at an address that the table does not know, so that the gemeentecode counts."""
    dates = {"peildatum": day - timedelta(days=1), "oudste_vervaldatum": day - timedelta(days=61)}
    return like | {
        **{name: str(value) for name, value in dates.items()},
        "signaal_id": id,
        "achternaam": id,
        "klantnummer": id,
        "postcode": "1999XA",
        "huisnummer": str(number),
        "gemeentecode": code,
        "herinnering_datum": str(day - timedelta(days=14)),
    }


def line(told: Told, name: str, signaal_id: str) -> dict[str, str]:
    """What an answer, found by a part of its name, says of a signal."""
    [rows] = [rows for file, rows in told.answers.items() if name in file]
    [found] = [row for row in rows if row["signaal_id"] == signaal_id]
    return found


def test_a_signal_accepted_on_the_eve_goes_to_the_uitvoerder_of_the_successor(told: Told) -> None:
    assert told.batches[STAD, "0402", "20270101"] == ["WIJ"]
    controle = line(told, "20261231_001_CONTROLE", "WIJ")
    assert (controle["gemeente"], controle["nacht"], controle["uitvoerder"]) == (
        *("Wijdemeren", "2027-01-01"),
        "Schuldhulp 02",
    )
    doorgezet = line(told, "DOORGEZET_huur-01_20270101", "WIJ")
    assert (doorgezet["gemeente"], doorgezet["uitvoerder"]) == ("Hilversum", "Schuldhulp 02")


def test_the_old_code_may_still_be_used_and_the_overeenkomst_goes_on_with_its_declaration(told: Told) -> None:
    assert told.batches[STAD, "0402", "20270102"] == ["WIJ-2"]
    assert line(told, "20270101_001_CONTROLE", "WIJ-2")["gemeente"] == "Hilversum"


def test_the_partner_sees_in_its_list_what_became_of_its_gemeenten(told: Told) -> None:
    listed = {(row["gemeentecode"], row["uitvoerder"]): row["van"] for row in told.aansluitlijst}
    assert listed == {("0402", "Schuldhulp 02"): "2027-01-01", ("0344", "Schuldhulp 03"): "2027-01-01"}


def test_a_gemeente_that_ended_is_served_no_more(told: Told) -> None:
    by_night = {name.split("_")[3]: codes for name, codes in told.manifest.items() if GOOI in name}
    assert by_night == {"20270101": {"0344"}, "20270102": {"0344"}}


def test_what_was_accepted_for_a_gemeente_that_was_divided_goes_nowhere_and_the_several_are_named(told: Told) -> None:
    assert line(told, "20261231_001_CONTROLE", "BLA")["staat"] == "AANVAARD"
    undelivered = line(told, "DOORGEZET_huur-01_20270101", "BLA")
    assert (undelivered["staat"], undelivered["code"], undelivered["ernst"]) == ("NIET_DOORGEZET", "E-ROU-06", "E")
    assert "gemeente Blaricum opgegaan in meer dan één gemeente: Huizen, Laren (NH.)" in undelivered["tekst"]
    assert line(told, "20270101_001_CONTROLE", "BLA-2")["code"] == "E-ROU-05"
    assert "BLA" not in {name for names in told.batches.values() for name in names}


def test_a_sector_has_its_own_uitvoerder_and_the_gemeente_takes_over_on_the_day(told: Told) -> None:
    """The receiver is whoever's account and key are named: here the gemeente, who checks the BRP first (Divosa 2025).
    The night counts: what was accepted on the last day of the other goes to her."""
    assert told.batches[GEMEENTE, "0344", "20270101"] == ["UTR"]
    assert told.batches[GEMEENTE, "0344", "20270102"] == ["UTR-2"]


def test_nothing_is_lost_or_delivered_twice(told: Told) -> None:
    assert sorted(name for names in told.batches.values() for name in names) == ["UTR", "UTR-2", "WIJ", "WIJ-2"]
    balans = told.status["balans"]
    assert balans["klopt"]
    assert (balans["regels"], balans["doorgezet"], balans["niet_doorgezet"], balans["afgekeurd"]) == (6, 4, 1, 1)
    assert balans["wachtend"] == 0
