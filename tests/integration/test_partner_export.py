"""A partner's own export goes through the night as it is: its columns, its forms, its codes, its way of delivering."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from exchange.cli import app
from exchange.context import Exchange, open_exchange
from exchange.register.tables import aanlevering
from exchange.sandbox import files
from exchange.status import status
from exchange.steps import check, pickup, publish
from tests.integration.test_night import DAY, Clock, clock, exchange, night, opened, root, template

__all__ = ["clock", "exchange", "template"]  # fixtures

KOMMA, PUNT = ("huur-01", ",", "."), ("water-03", ".", ",")
KOLOMMEN = {
    "signaal_id": "Kenmerk",
    "achternaam": "Naam",
    "huisnummer": "Huisnr",
    "bedrag_euro": "Saldo",
    "peildatum": "Stand per",
    "oudste_vervaldatum": "Oudste post",
    "herinnering_datum": "Brief",
    "huidige_klant": "Klant?",
}
VOORWAARDEN = ["contactpoging_gedaan", "gewezen_op_schuldhulp", "aanbod_gegevensdeling", "natuurlijk_persoon"]


@pytest.fixture
def register_url(tmp_path: Path) -> str:
    """What is shown here does not depend on the register."""
    return f"sqlite:///{tmp_path}/register.sqlite"


def describe(exchange: Exchange, partner: str, decimaal: str, duizend: str, **other: object) -> None:
    """Write in the partner's file how it exports: windows-1252, dd-mm-jjjj, Ja and Nee."""
    path = exchange.config.folder / "partners" / f"{partner}.toml"
    lines = ['codering = "windows-1252"', *(f"{key} = {json.dumps(value)}" for key, value in other.items())]
    text = path.read_text().replace("\n[sftp]", "\n".join(lines) + "\n\n[sftp]", 1).partition("\n[verklaring]")[0]
    named = "\n".join(f'{veld} = "{own}"' for veld, own in KOLOMMEN.items())
    path.write_text(
        f"""{text}
[verklaring]
van = 2021-01-01
kolommen = {json.dumps([*VOORWAARDEN, "bezwaar_gegevensdeling", "betalingsregeling_nagekomen"])}

[vertaling]
negeer = ["Wijkbeheerder"]
datumvorm = "dd-mm-jjjj"
decimaalteken = "{decimaal}"
duizendtalteken = "{duizend}"
huisnummer_splitsen = true
vast = {{ soort = "VROEG" }}
ja_nee = {{ Ja = "J", Nee = "N" }}

[vertaling.kolommen]
{named}
"""
    )


def export(exchange: Exchange, saldo: str, **other: str) -> bytes:
    """One line as the partner's system makes it, at an address that the sandbox knows."""
    day = {name: f"{DAY - timedelta(days=ago):%d-%m-%Y}" for name, ago in (("peil", 1), ("post", 45), ("brief", 14))}
    table = (root(exchange) / "var" / "pc6hnr20250801_gwb.csv").read_text().splitlines()
    postcode, huisnummer = table[1].split(";")[:2]
    row = {
        "Kenmerk": "K-1",
        "Naam": "Müller",
        "klantnummer": "77",
        "postcode": postcode,
        "Huisnr": f"{huisnummer} A",
        "woonplaats": "Curaçaostad",
        "Saldo": saldo,
        "Stand per": day["peil"],
        "Oudste post": day["post"],
        "Brief": day["brief"],
        "Klant?": "Ja",
        "maanden_achterstand": "2",
        "Wijkbeheerder": "De Groot",
        **other,
    }
    return (";".join(row) + "\r\n" + ";".join(row.values()) + "\r\n").encode("windows-1252")


def deliver(exchange: Exchange, clock: Clock, partner: str, number: int, content: bytes) -> dict[str, object]:
    """Drop a file and have it checked; its row in the status."""
    name = files.file_name(partner, DAY, number)
    files.drop_file(root(exchange), partner, name, content)
    pickup.pickup(exchange, clock)
    check.check(exchange, [partner], clock)
    publish.publish(exchange, clock)
    return next(row for row in status(exchange)["aanleveringen"] if row["bestand"] == name)


def told(exchange: Exchange, partner: str, number: int, soort: str = "CONTROLE") -> list[dict[str, str]]:
    folder = root(exchange) / "sftp" / partner / "terugmelding"
    name = files.file_name(partner, DAY, number).removesuffix(".csv.pgp")
    return opened(exchange, partner, next(folder.glob(f"{name}_{soort}_*")))


def test_two_exports_with_opposite_amount_conventions_reach_the_batch_as_the_same_eurocents(exchange, clock):
    for partner, decimaal, duizend in (KOMMA, PUNT):
        describe(exchange, partner, decimaal, duizend)
    with open_exchange(exchange.config.folder) as changed:
        for partner, decimaal, duizend in (KOMMA, PUNT):
            row = deliver(changed, clock, partner, 50, export(changed, f"1{duizend}234{decimaal}56"))
            assert (row["aanvaard"], row["code"]) == (1, None), [line["code"] for line in told(changed, partner, 50)]
        night(changed, clock)
        rows = [
            line
            for batch in status(changed)["batches"]
            for line in opened(
                changed,
                batch["uitvoerder"],
                root(changed) / "sftp" / batch["uitvoerder"] / "uit" / batch["gemeentecode"] / batch["bestand"],
            )
            if line["achternaam"] == "Müller"
        ]
    assert [(row["bedrag_cent"], row["huisletter"], row["woonplaats"], row["peildatum"]) for row in rows] == [
        ("123456", "A", "Curaçaostad", str(DAY - timedelta(days=1)))
    ] * 2


def test_a_refusal_comes_back_in_the_partners_own_words_and_columns(exchange, clock):
    describe(exchange, *KOMMA)
    with open_exchange(exchange.config.folder) as changed:
        row = deliver(changed, clock, "huur-01", 50, export(changed, "1,234.56", **{"Klant?": "Yes"}))
        assert (row["aanvaard"], row["afgekeurd"]) == (0, 1)
        reasons = {line["veld"]: line["tekst"] for line in told(changed, "huur-01", 50) if line["regelnr"]}
        assert "bijvoorbeeld 1.234,56" in reasons["Saldo"]
        assert "Ja of Nee" in reasons["Klant?"]


def test_a_whole_list_every_night_repeats_what_is_the_same_and_updates_what_changed(exchange, clock):
    describe(exchange, *KOMMA, aanlevering="stand")
    with open_exchange(exchange.config.folder) as changed:
        assert deliver(changed, clock, "huur-01", 50, export(changed, "820,00"))["aanvaard"] == 1
        later = export(changed, "820,00", **{"Stand per": f"{DAY:%d-%m-%Y}"})
        assert deliver(changed, clock, "huur-01", 51, later)["dubbel"] == 1
        assert deliver(changed, clock, "huur-01", 52, export(changed, "900,00"))["aanvaard"] == 1
        [line] = [one for one in told(changed, "huur-01", 52) if one["regelnr"]]
        assert (line["code"], line["staat"]) == ("W-SIG-06", "AANVAARD")
        assert deliver(changed, clock, "huur-01", 53, export(changed, "900,00"))["dubbel"] == 1
        assert deliver(changed, clock, "huur-01", 54, export(changed, "820,00"))["aanvaard"] == 1  # back again
        empty = export(changed, "1,00").splitlines()[0] + b"\r\n"
        assert deliver(changed, clock, "huur-01", 55, empty)["aanvaard"] == 0
        night(changed, clock)
        soorten = [
            (line["soort"], line["bedrag_cent"], bool(line["vervangt_signaal_ref"]))
            for batch in status(changed)["batches"]
            for line in opened(
                changed,
                batch["uitvoerder"],
                root(changed) / "sftp" / batch["uitvoerder"] / "uit" / batch["gemeentecode"] / batch["bestand"],
            )
            if line["achternaam"] == "Müller"
        ]
        assert status(changed)["balans"]["klopt"]
    assert soorten == [("ACTUALISATIE", "82000", False)]  # the ones before it were replaced before they went out


def test_a_file_waits_for_its_done_file_where_the_partner_makes_one(exchange, clock):
    describe(exchange, *KOMMA, gereedbestand=True)
    with open_exchange(exchange.config.folder) as changed:
        folder = root(changed) / "sftp" / "huur-01" / "in"
        name = files.file_name("huur-01", DAY, 50)
        files.drop_file(root(changed), "huur-01", name, export(changed, "1,00"))
        pickup.pickup(changed, clock)
        assert (folder / name).exists()
        (folder / f"{name}.gereed").touch()
        assert pickup.pickup(changed, clock).opgehaald == 1
        assert not (folder / name).exists() and not (folder / f"{name}.gereed").exists()


def test_the_done_file_of_a_next_file_with_the_same_name_stays(exchange, clock):
    """Stopped after the move and before that was recorded; meanwhile the partner delivers again."""
    describe(exchange, *KOMMA, gereedbestand=True)
    with open_exchange(exchange.config.folder) as changed:
        folder = root(changed) / "sftp" / "huur-01" / "in"
        name = files.file_name("huur-01", DAY, 50)
        for content in (export(changed, "1,00"), export(changed, "2,00")):
            files.drop_file(root(changed), "huur-01", name, content)
            (folder / f"{name}.gereed").touch()
            pickup.pickup(changed, clock)
            with changed.register.begin() as db:
                db.execute(aanlevering.update().where(aanlevering.c.bestand == name).values(verplaatst_op=None))
        assert pickup.pickup(changed, clock).opgehaald == 0
        with changed.register.connect() as db:
            every = db.scalars(sa.select(aanlevering.c.sha256).where(aanlevering.c.bestand == name)).all()
    assert len(every) == 2 and len(set(every)) == 2


def test_a_gap_in_the_numbers_of_a_day_is_mentioned(exchange, clock):
    for path in (root(exchange) / "sftp" / "energie-02" / "in").glob("*.p*"):
        path.unlink()
    describe(exchange, "energie-02", ",", ".")
    with open_exchange(exchange.config.folder) as changed:
        deliver(changed, clock, "energie-02", 1, export(changed, "1,00", klantnummer="K1"))
        deliver(changed, clock, "energie-02", 4, export(changed, "2,00", klantnummer="K1", Kenmerk="K-2"))
        assert [line["code"] for line in told(changed, "energie-02", 1, "ONTVANGST")] == [""]
        [line] = told(changed, "energie-02", 4, "ONTVANGST")
    assert (line["code"], line["staat"]) == ("W-BST-11", "")
    assert "nummer 002-003" in line["tekst"]


def test_partner_check_shows_how_a_sample_is_read(exchange, tmp_path):
    describe(exchange, *KOMMA)
    sample = tmp_path / "export.csv"
    sample.write_bytes(export(exchange, "1.234,56", **{"Stand per": "2026-11-22"}))
    arguments = ["partner", "check", "huur-01", str(sample), "--config", str(exchange.config.folder)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 1, done.output
    said = json.loads(done.output)
    shown = {row["kolom"]: (row["eigen_kolom"], row["waarde"], row["wordt"]) for row in said["regels_getoond"]}
    assert shown["bedrag_euro"] == ("Saldo", "1.234,56", "1234,56")
    assert shown["peildatum"] == ("Stand per", "2026-11-22", "")
    assert shown["soort"] == ("", "", "VROEG")
    assert shown["huisletter"][2] == "A"
    assert [(one["veld"], one["code"]) for one in said["redenen"]] == [("Stand per", "E-VLD-02")]
    assert "niet te lezen" in CliRunner().invoke(app, arguments).output
