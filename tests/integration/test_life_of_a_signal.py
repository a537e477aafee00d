"""The life of a signaal over four days: urgent, repeated, updated, withdrawn, moved, and a new hash key half-way.

Played once, with real SFTP and gpg, on a fixed clock; every test looks at one thing of what the parties then have.
"""

from __future__ import annotations

import base64
import csv
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exchange import register
from exchange.context import Exchange, local_date, open_exchange
from exchange.sandbox import files
from exchange.sandbox.create import create
from exchange.sandbox.rows import People, signals
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report, spoed
from tests.integration.test_night import DAY, START, as_csv, opened

PARTNER, UITVOERDER = "huur-01", "uitvoerder-01"
Rows = list[dict[str, str]]


@dataclass
class Life:
    """What the parties have after four days: per day the CONTROLE and DOORGEZET of the partner and what each batch and
    manifest of the uitvoerder held, by signaal_id or name; `early` are the names that stood there before the night."""

    codes: dict[str, str]
    controle: dict[int, Rows] = field(default_factory=dict)
    doorgezet: dict[int, Rows] = field(default_factory=dict)
    files: dict[str, Rows] = field(default_factory=dict)
    early: dict[int, set[str]] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # signaal_id -> signaal_ref

    def delivered(self, signaal_id: str) -> dict[str, str]:
        """The one row in which this signal was delivered."""
        [row] = [
            row
            for name, rows in self.files.items()
            if "BATCH" in name
            for row in rows
            if row["signaal_ref"] == self.refs[signaal_id]
        ]
        return row

    def told(self, day: int, signaal_id: str) -> dict[str, str]:
        [line] = [line for line in self.doorgezet[day] if line["signaal_id"] == signaal_id]
        return line


def named(code: str, date_: int, number: int) -> str:
    return f"VS_BATCH_{code}_{DAY + timedelta(days=date_ - 1):%Y%m%d}_{number:03d}.csv.pgp"


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Gemeente A wants no repeats, B wants them unmarked, C has them marked; the uitvoerder wants spoed at once."""
    sandbox = create(
        tmp_path_factory.mktemp("l") / "s", partners=1, uitvoerders=2, signalen=1, wrong=False, day=DAY, seed=3
    )
    folder = sandbox.folder
    for file in (folder / "sftp" / PARTNER / "in").glob("*.pgp"):
        file.unlink()
    places: dict[str, list[tuple[str, str]]] = {}
    with next((folder / "var").glob("*.csv")).open() as text:
        for postcode, huisnummer, _, _, gemeente in list(csv.reader(text, delimiter=";"))[1:]:
            places.setdefault(f"{int(gemeente):04d}", []).append((postcode, huisnummer))
    file = folder / "config" / "uitvoerders" / f"{UITVOERDER}.toml"
    text = "spoed_direct = true\n" + file.read_text()
    served = [line.split('"')[1] for line in text.splitlines() if line.startswith("code")]
    a, b, c = [code for code in served if len(places.get(code, [])) > 3][:3]
    elsewhere = next(code for code in places if code not in served)
    for code, wish in ((a, "niet_ontvangen"), (b, "ontvangen")):
        text = text.replace(f'code = "{code}"', f'code = "{code}"\nherhaalde_meldingen = "{wish}"')
    file.write_text(text)
    settings = folder / "config" / "nachtpost.toml"
    settings.write_text(settings.read_text().replace("stil_seconden = 0.5", "stil_seconden = 0"))

    base = signals(
        pa.table({"postcode": ["1000AA"], "huisnummer": [1], "gemeentecode": [a]}),
        *(1,),
        partner=PARTNER,
        sector="Huur",
        people=People(1),
        seed=1,
        day=DAY,
    ).to_pylist()[0] | {"gemeentecode": "", "bedreigende_situatie": "", "soort": "VROEG"}

    def at(code: str, place: int, id: str, cents: int, klant: str = "K-1", **cells: str) -> dict[str, str]:
        postcode, huisnummer = places[code][place]
        own = {"signaal_id": id, "postcode": postcode, "huisnummer": huisnummer, "bedrag_cent": str(cents)}
        return base | own | {"klantnummer": klant} | cells

    def after(earlier: str) -> dict[str, str]:
        return {"soort": "ACTUALISATIE", "vorig_signaal_id": earlier}

    def withdraws(earlier: str, id: str) -> dict[str, str]:
        own = {"signaal_id": id, "soort": "INTREKKING", "vorig_signaal_id": earlier}
        return dict.fromkeys(base, "") | own

    days: dict[int, Rows] = {
        1: [
            at(a, 0, "A1", 50_000),
            at(b, 0, "B1", 50_000),
            at(c, 0, "C1", 50_000),
            at(c, 1, "D1", 50_000),
            at(c, 1, "D2", 60_000, **after("D1")),
            at(c, 2, "S1", 50_000, bedreigende_situatie="J"),
        ],
        2: [
            at(a, 0, "A2", 40_000),
            at(b, 0, "B2", 40_000),
            at(c, 0, "C2", 40_000),
            at(c, 0, "C1", 50_000),
            at(b, 0, "B1", 99_999),
            withdraws("D2", "D3"),
            at(c, 2, "S2", 70_000, **after("S1"), bedreigende_situatie="J"),
        ],
        3: [at(a, 0, "A3", 30_000, klant="K-9"), withdraws("A2", "A4"), at(elsewhere, 0, "C3", 90_000, **after("C2"))],
        4: [at(a, 0, "A5", 20_000)],
    }
    found = Life({"a": a, "b": b, "c": c})
    register.upgrade(f"sqlite:///{folder}/var/register.sqlite")
    with serving(folder):
        for number, rows in days.items():
            if number == 2:
                rotate(folder / "config")
            files.drop_file(folder, PARTNER, files.file_name(PARTNER, DAY, number), as_csv(rows))
            with open_exchange(folder / "config") as exchange:
                play(exchange, number, found)
    yield found


def rotate(config: Path) -> None:
    """A second hash key, as the settings take it."""
    key = config / "keys" / "hash-2.key"
    key.touch(mode=0o600)
    key.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    settings = config / "nachtpost.toml"
    second = f'}}, {{ id = 2, bestand = "keys/hash-2.key", van = {DAY + timedelta(days=1)} }}]'
    settings.write_text(settings.read_text().replace("}]", second))


def play(exchange: Exchange, number: int, found: Life) -> None:
    """One day: an intake in the afternoon before, then the night; and read what the parties have."""
    night = DAY + timedelta(days=number - 1)
    now = [START + timedelta(days=number - 1)]

    def nu() -> datetime:
        return now[0]

    assert local_date(nu()) == night
    pickup.pickup(exchange, nu)
    check.check(exchange, [PARTNER], nu)
    for _ in range(2):  # twice is once
        spoed.spoed(exchange, nu)
    publish.publish(exchange, nu)
    uit = exchange.config.folder.parent / "sftp" / UITVOERDER / "uit"
    found.early[number] = {path.name for path in uit.rglob("*.pgp")} - set(found.files)
    now[0] += timedelta(hours=2)
    bundle.bundle(exchange, night, nu)
    for shard in build.shards(exchange, night, 1):
        build.build(exchange, night, shard, nu)
    publish.publish(exchange, nu)
    report.report(exchange, night, nu)
    for path in uit.rglob("*.pgp"):
        if path.name not in found.files:
            found.files[path.name] = opened(exchange, UITVOERDER, path)
    folder = uit.parents[1] / PARTNER / "terugmelding"
    [controle] = folder.glob(f"*_{number:03d}_CONTROLE_*")
    found.controle[number] = opened(exchange, PARTNER, controle)
    [told] = folder.glob(f"VS_DOORGEZET_{PARTNER}_{night:%Y%m%d}_*")
    found.doorgezet[number] = opened(exchange, PARTNER, told)
    found.refs |= {line["signaal_id"]: line["signaal_ref"] for line in found.doorgezet[number] if line["signaal_ref"]}
    found.status = status(exchange)


def codes(lines: Rows, signaal_id: str) -> set[str]:
    return {line["code"] for line in lines if line["signaal_id"] == signaal_id} - {""}


def test_every_day_adds_up(life: Life) -> None:
    balans = life.status["balans"]
    assert balans["klopt"]
    assert (balans["regels"], balans["dubbel"], balans["afgekeurd"]) == (17, 1, 1)
    assert (balans["ingetrokken"], balans["niet_doorgezet"], balans["wachtend"]) == (1, 1, 0)


def test_urgent_signals_go_at_the_next_intake_with_a_number_and_a_manifest_of_their_own(life: Life) -> None:
    early = named(life.codes["c"], 1, 2)
    manifest = f"VS_MANIFEST_{UITVOERDER}_{DAY:%Y%m%d}_002.csv.pgp"
    assert life.early[1] == {early, manifest, f"VS_TK_SJABLOON_{UITVOERDER}_{DAY:%Y%m%d}_002.csv.pgp"}
    assert [row["signaal_ref"] for row in life.files[early]] == [life.refs["S1"]]
    assert life.delivered("S1")["urgentie_reden"] == "BEDREIGENDE_SITUATIE"
    [line] = life.files[manifest]
    assert (line["bestand"], line["regels"], line["staat"]) == (early, "1", "NIEUW")
    of_the_night = life.files[f"VS_MANIFEST_{UITVOERDER}_{DAY:%Y%m%d}_001.csv.pgp"]
    assert len(of_the_night) > 3  # every gemeente, zeros too
    assert named(life.codes["c"], 1, 1) in {line["bestand"] for line in of_the_night}
    assert life.told(1, "S1")["staat"] == "DOORGEZET"
    [controle] = [line for line in life.controle[1] if line["signaal_id"] == "S1"]
    assert controle["nacht"] == str(DAY)


def test_an_urgent_update_points_at_what_it_replaces(life: Life) -> None:
    row = life.delivered("S2")
    assert (row["vervangt_signaal_ref"], row["vorig_bedrag_euro"]) == (life.refs["S1"], "500,00")
    assert row["melding_nr"] == life.delivered("S1")["melding_nr"]


def test_what_is_updated_before_delivery_never_goes_out(life: Life) -> None:
    assert life.told(1, "D1")["staat"] == "INGETROKKEN"
    row = life.delivered("D2")
    assert (row["soort"], row["vervangt_signaal_ref"], row["opeenvolgend"]) == ("ACTUALISATIE", "", "N")


def test_a_withdrawal_after_delivery_points_at_what_it_withdraws(life: Life) -> None:
    row = life.delivered("D3")
    assert (row["soort"], row["vervangt_signaal_ref"]) == ("INTREKKING", life.refs["D2"])


def test_a_repeat_is_not_delivered_where_the_gemeente_does_not_want_it(life: Life) -> None:
    line = life.told(2, "A2")
    assert (line["staat"], line["code"], line["signaal_ref"]) == ("NIET_DOORGEZET", "W-HER-01", "")
    assert line["gemeentecode"] == life.codes["a"]
    assert life.doorgezet[2][-1]["niet_doorgezet"] == "1"


def test_a_repeat_is_marked_unless_the_gemeente_wants_no_mark(life: Life) -> None:
    marked, unmarked = life.delivered("C2"), life.delivered("B2")
    assert (marked["herhaalde_melding"], marked["vorig_bedrag_euro"]) == ("J", "500,00")
    assert (unmarked["herhaalde_melding"], unmarked["opeenvolgend"]) == ("", "J")


def test_another_customer_at_the_address_is_nobody_s_repeat(life: Life) -> None:
    assert life.told(3, "A3")["staat"] == "DOORGEZET"


def test_who_withdraws_a_repeat_withdraws_what_it_repeats_and_may_then_report_anew(life: Life) -> None:
    row = life.delivered("A4")
    assert (row["soort"], row["vervangt_signaal_ref"]) == ("INTREKKING", life.refs["A1"])
    assert life.told(4, "A5")["staat"] == "DOORGEZET"


def test_a_new_hash_key_changes_nothing_for_anybody(life: Life) -> None:
    """Day 2 is hashed by another key than day 1."""
    assert codes(life.controle[2], "C1") == {"W-SIG-02"}
    assert codes(life.controle[2], "B1") == {"E-SIG-01"}
    first, second = life.delivered("C1"), life.delivered("C2")
    assert first["melding_nr"] == second["melding_nr"]
    assert (second["opeenvolgend"], second["aantal_eerdere_signalen"]) == ("J", "1")
    assert second["matching"] == "MEERVOUDIG"  # Divosa: in the same calendar month


def test_an_update_that_goes_to_another_gemeente_is_warned_about(life: Life) -> None:
    assert codes(life.controle[3], "C3") == {"W-SIG-07"}
