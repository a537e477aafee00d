"""What a gemeente and an overeenkomst set, from a file of rules to what a partner reads; and its aansluitlijst."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import register
from exchange.context import Exchange, open_exchange
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import basis, check, check_file, pickup, publish
from tests.integration.test_night import DAY, Clock, as_csv, opened, opened_as_exchange

HUUR, ENERGIE = "huur-01", "energie-02"
ROTTERDAM, DELFT, GOUDA, ASSEN = "0599", "0503", "0513", "0106"  # Gouda without overeenkomst, Assen not connected
RULES = """regel;sector;gemeentecode;partner;van;tot;waarde;gevolg;bron
drempel_euro;;0599;;2021-01-01;;100,00;waarschuwen;besluit van Rotterdam
drempel_euro;;0503;;2021-01-01;;100,00;waarschuwen;besluit van Delft
drempel_euro;;0503;huur-01;2021-01-01;;100,00;weigeren;overeenkomst met Delft
"""
WHAT_PARTNERS_SEE = {("0503", "E-DRE-01"), ("0599", "W-DRE-01"), ("0513", "E-ROU-03"), ("0106", "E-ROU-02")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Two partners that agreed with Rotterdam and Delft, energie-02 not with Delft; Gouda is served, Assen is not."""
    made = create(
        tmp_path_factory.mktemp("t") / "s", partners=2, uitvoerders=1, signalen=8, day=DAY, seed=7, wrong=False
    )
    config = made.config
    (config / "regels.csv").write_text(RULES)
    receiver = config / "uitvoerders" / "uitvoerder-01.toml"
    served = "".join(f'\n[[gemeenten]]\ncode = "{code}"\nvan = 2021-01-01\n' for code in (ROTTERDAM, DELFT, GOUDA))
    receiver.write_text(receiver.read_text().partition("\n[[gemeenten]]")[0] + served)
    agree(config, (HUUR, ROTTERDAM), (HUUR, DELFT), (ENERGIE, ROTTERDAM))
    register.upgrade(f"sqlite:///{made.folder}/var/register.sqlite")
    return made


@pytest.fixture
def exchange(made: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    shutil.copytree(made.folder, tmp_path / "s")
    with serving(tmp_path / "s"), open_exchange(tmp_path / "s" / "config") as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def agree(config: Path, *pairs: tuple[str, str]) -> None:
    head = "partner;gemeentecode;van;tot;soorten;geboortedatum;verklaring_van"
    lines = [f"{partner};{code};2021-01-01;;;N;" for partner, code in pairs]
    (config / "overeenkomsten.csv").write_text("\n".join([head, *lines]) + "\n")


def home(exchange: Exchange, party: str) -> Path:
    return exchange.config.folder.parent / "sftp" / party


def small_debts(exchange: Exchange) -> bytes:
    """One signal of EUR 60 in each of the four gemeenten, as huur-01 writes them."""
    [dropped] = (home(exchange, HUUR) / "in").glob("*.pgp")
    row = opened_as_exchange(exchange, dropped)[0] | {"bedrag_cent": "6000"}
    dropped.unlink()
    table = (exchange.config.folder.parent / "var" / "pc6hnr20250801_gwb.csv").read_text().splitlines()
    place = {int(line.split(";")[4]): line.split(";")[:2] for line in table[1:]}
    return as_csv(
        [
            row | {"signaal_id": f"S{code}", "postcode": postcode, "huisnummer": number, "gemeentecode": code}
            for code in (ROTTERDAM, DELFT, GOUDA, ASSEN)
            for postcode, number in [place[int(code)]]
        ]
    )


def reasons(lines: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(line["signaal_id"][1:], line["code"]) for line in lines if line["code"]}


def test_a_delivery_a_proef_and_check_file_hold_signals_to_the_same_rules(exchange, clock, tmp_path):
    content = small_debts(exchange)
    name = files.file_name(HUUR, DAY, 5)
    for folder in ("in", "in/proef"):
        files.drop_file(exchange.config.folder.parent, HUUR, name, content, to=folder)
    pickup.pickup(exchange, clock)
    check.check(exchange, [HUUR], clock)
    publish.publish(exchange, clock)
    for folder in ("terugmelding", "terugmelding/proef"):
        [path] = (home(exchange, HUUR) / folder).glob("*_CONTROLE_*")
        assert reasons(opened(exchange, HUUR, path)) == WHAT_PARTNERS_SEE

    # nothing that may not go anywhere waits for somebody: it is refused at once
    [told] = [one for one in status(exchange)["aanleveringen"] if one["bestand"] == name]
    assert (told["regels"], told["aanvaard"], told["afgekeurd"], told["aangehouden"]) == (4, 1, 3, 0)

    (tmp_path / "export.csv").write_bytes(content)
    huur, now = exchange.config.partners[HUUR], clock()
    goes = basis.bestemmingen(exchange.config, exchange.postcodes, huur, now)
    before = check_file.check_file(tmp_path / "export.csv", huur, goes, exchange.config.intake, now)
    assert reasons(before.redenen.to_pylist()) == WHAT_PARTNERS_SEE


def listed(exchange: Exchange, partner: str) -> list[dict[str, str]]:
    text = (home(exchange, partner) / "terugmelding" / "aansluitlijst.csv").read_bytes().decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def test_every_partner_finds_its_own_gemeenten_and_nobody_elses(exchange, clock):
    publish.publish(exchange, clock)
    mine, other = listed(exchange, HUUR), listed(exchange, ENERGIE)
    assert [(row["partner"], row["gemeentecode"], row["gemeente"], row["sector"]) for row in mine] == [
        (HUUR, DELFT, "Delft", "Huur"),
        (HUUR, ROTTERDAM, "Rotterdam", "Huur"),
    ]
    assert [(row["partner"], row["gemeentecode"]) for row in other] == [(ENERGIE, ROTTERDAM)]
    assert not (home(exchange, "uitvoerder-01") / "terugmelding" / "aansluitlijst.csv").exists()


def test_on_one_day_a_list_is_written_again_only_where_it_changed(exchange, clock):
    paths = {partner: home(exchange, partner) / "terugmelding" / "aansluitlijst.csv" for partner in (HUUR, ENERGIE)}

    def stands() -> dict[str, int]:
        return {partner: path.stat().st_ino for partner, path in paths.items()}

    publish.publish(exchange, clock)
    first = stands()
    publish.publish(exchange, clock)
    assert stands() == first
    agree(exchange.config.folder, (HUUR, ROTTERDAM), (HUUR, DELFT), (ENERGIE, ROTTERDAM), (ENERGIE, DELFT))
    with open_exchange(exchange.config.folder) as changed:
        publish.publish(changed, clock)
    assert {partner for partner, file in stands().items() if file != first[partner]} == {ENERGIE}
    assert [row["gemeentecode"] for row in listed(exchange, ENERGIE)] == [DELFT, ROTTERDAM]


def test_a_partner_in_whose_folder_it_cannot_be_put_holds_nobody_up(exchange, clock):
    (home(exchange, HUUR) / "terugmelding" / "aansluitlijst.csv").mkdir()
    assert publish.publish(exchange, clock).uitgesteld == [HUUR]
    assert listed(exchange, ENERGIE)
