"""`nachtpost check-file`: a partner hears beforehand what it would hear from us, and no more than that."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from exchange import register
from exchange.cli import app
from exchange.configuration import Profiel
from exchange.configuration.models import IntakeSettings
from exchange.context import local_date, open_exchange
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.steps import check, pickup, publish
from exchange.steps.check_file import check_file
from tests.conftest import program

PARTNER = "huur-01"
NU = datetime.now(UTC)
DAY = local_date(NU)


def day(ago: int) -> str:
    return str(DAY - timedelta(days=ago))


GOOD = {
    "signaal_id": "K1-2026",
    "soort": "VROEG",
    "vorig_signaal_id": "",
    "achternaam": "Zonderling",
    "straat": "Dorpsstraat",
    "huisnummer": "12",
    "postcode": "1011AB",
    "woonplaats": "Amsterdam",
    "bedrag_euro": "123,45",
    "peildatum": day(1),
    "oudste_vervaldatum": day(60),
    "maanden_achterstand": "2",
    "herinnering_datum": day(14),
    "contactpoging_gedaan": "J",
    "gewezen_op_schuldhulp": "J",
    "aanbod_gegevensdeling": "J",
    "natuurlijk_persoon": "J",
    "huidige_klant": "J",
    "bezwaar_gegevensdeling": "N",
    "betalingsregeling_nagekomen": "N",
}


def rows(*changes: dict[str, str], delimiter: str = ";") -> bytes:
    """A file with one row per change to a good row; each has an id of its own unless it is given one."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(GOOD), delimiter=delimiter)
    writer.writeheader()
    writer.writerows({**GOOD, "signaal_id": f"K{at}", **change} for at, change in enumerate(changes))
    return text.getvalue().encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "export.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return create(tmp_path_factory.mktemp("s") / "box", partners=1, uitvoerders=1, signalen=600, seed=3, day=DAY)


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["check-file", *map(str, arguments)], env={"NACHTPOST_CONFIG": None})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def run_json(*arguments: object, code: int = 0) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(run(*arguments, "--json", code=code))
    return data


def codes(data: dict[str, Any]) -> list[tuple[int, str]]:
    return [(one["regelnr"], one["code"]) for one in data["redenen"]]


def test_a_file_without_faults_ends_well_without_any_configuration(file: Path) -> None:
    file.write_bytes(rows({}, {}))

    data = run_json(file, "--sector", "HUUR")

    assert (data["klopt"], data["regels"], data["aanvaard"], data["redenen"]) == (True, 2, 2, [])
    assert "Regels: 2. Aanvaard: 2. Afgekeurd: 0. Dubbel: 0." in run(file, "--sector", "huur")


def test_a_refused_row_is_named_with_the_sentence_of_the_controle(file: Path) -> None:
    file.write_bytes(rows({}, {"soort": "VROGE"}))

    data = run_json(file, "--sector", "Huur", code=1)

    (reason,) = data["redenen"]
    assert (reason["regelnr"], reason["signaal_id"], reason["veld"]) == (3, "K1", "soort")
    assert reason["tekst"].startswith("soort heeft een waarde die niet in de codelijst staat. Bedoelt u VROEG?")
    assert (data["aanvaard"], data["afgekeurd"]) == (1, 1)


def test_a_warning_alone_refuses_nothing(file: Path) -> None:
    file.write_bytes(rows({"oudste_vervaldatum": day(5)}))

    assert codes(run_json(file, "--sector", "Huur")) == [(2, "W-VEN-01")]


def test_a_file_that_is_refused_as_a_whole_says_why(file: Path) -> None:
    file.write_bytes(rows({}).replace(b"achternaam", b"familienaam"))

    data = run_json(file, "--sector", "Huur", code=1)

    assert (data["code"], data["regels"]) == ("E-BST-01", 0)
    assert "achternaam" in data["tekst"]
    assert "familienaam" in data["tekst"]
    assert "Dit bestand wordt afgekeurd. E-BST-01" in run(file, "--sector", "Huur", code=1)


def test_what_only_we_can_know_is_not_held_against_a_row_but_named(file: Path) -> None:
    """An INTREKKING of a signal that we may know, and a gemeentecode that no table confirms."""
    withdrawal = {**dict.fromkeys(GOOD, ""), "soort": "INTREKKING", "vorig_signaal_id": "van-vorig-jaar"}
    file.write_bytes(rows({}, {**withdrawal, "signaal_id": "I1"}, {"soort": "ACTUALISATIE", "vorig_signaal_id": "x"}))

    data = run_json(file, "--sector", "Huur")

    assert data["redenen"] == []
    assert any("vorig_signaal_id" in one for one in data["niet_gecontroleerd"])
    assert any("gemeente" in one for one in data["niet_gecontroleerd"])


def test_within_the_file_rows_are_compared(file: Path) -> None:
    same = {"signaal_id": "A"}
    file.write_bytes(rows(same, same, {**same, "bedrag_euro": "200,00"}))

    data = run_json(file, "--sector", "Huur", code=1)

    assert codes(data) == [(3, "W-SIG-02"), (4, "E-SIG-01")]
    assert (data["aanvaard"], data["dubbel"], data["afgekeurd"]) == (1, 1, 1)


def test_what_differs_per_partner_can_be_given_without_a_configuration(file: Path) -> None:
    file.write_bytes(rows({"woonplaats": "Súdwest-Fryslân"}, delimiter="\t").decode().encode("windows-1252"))
    run(file, "--sector", "Huur", "--scheidingsteken", "tab", "--codering", "windows-1252")
    assert run_json(file, "--sector", "Huur", "--scheidingsteken", "tab", code=1)["code"] == "E-BST-02"

    lines = [line.rsplit(";", 7)[0] for line in rows({}).decode().splitlines()]
    file.write_text("\n".join(lines))
    run(file, "--sector", "Huur", "--verklaring")
    assert run_json(file, "--sector", "Huur", code=1)["code"] == "E-BST-01"

    file.write_bytes(rows({}))
    assert codes(run_json(file, "--sector", "Huur", "--sector", "Energie", code=1)) == [(2, "E-VLD-01")]  # which one?


def test_with_the_configuration_it_says_what_the_controle_would_say(made: Sandbox, file: Path, gpg_home: Path) -> None:
    """The same reasons in the same words, row by row, for a file with every kind of wrong row."""
    box = made.folder
    name = files.file_name(PARTNER, DAY, 77)
    dropped = next((box / "sftp" / PARTNER / "in").glob("*_001.csv.pgp"))
    register.upgrade(f"sqlite:///{box}/var/register.sqlite")
    with serving(box), open_exchange(made.config) as exchange:
        signers = exchange.config.partners[PARTNER].pgp.vingerafdrukken
        with exchange.keyring.decrypt(dropped, signers=signers, at=NU, max_bytes=10**8) as plaintext:
            file.write_bytes(Path(f"/proc/self/fd/{plaintext.fd}").read_bytes())
        for other in (box / "sftp" / PARTNER / "in").glob("*.p*"):
            other.unlink()
        files.drop_file(box, PARTNER, name, file.read_bytes())
        pickup.pickup(exchange, lambda: NU)
        check.check(exchange, [PARTNER], lambda: NU)
        publish.publish(exchange, lambda: NU)
    (answer,) = (box / "sftp" / PARTNER / "terugmelding").glob("*_CONTROLE_*")
    said = read_as(box / "parties" / PARTNER, gpg_home, answer)

    data = run_json(file, "--partner", PARTNER, "--config", made.config, code=1)

    shown = ("regelnr", "signaal_id", "staat", "code", "veld", "tekst")
    expected = [{**{key: line[key] for key in shown}, "regelnr": int(line["regelnr"])} for line in said if line["code"]]
    assert data["redenen"] == expected
    assert "E-ROU-01" in {one["code"] for one in expected}
    counts = ("regels", "aanvaard", "afgekeurd", "dubbel")
    assert {key: str(data[key]) for key in counts} == {key: said[-1][key] for key in counts}


def read_as(own: Path, home: Path, answer: Path) -> list[dict[str, str]]:
    """An answer as its partner's own gpg opens it."""
    gpg = [program("gpg"), "--homedir", str(home), "--batch", "--quiet", "--trust-model", "always"]
    subprocess.run([*gpg, "--import", str(own / "secret.asc"), str(own / "exchange.asc")], check=True)
    done = subprocess.run([*gpg, "--decrypt", str(answer)], check=True, capture_output=True)
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline=""), delimiter=";"))


def test_with_the_configuration_the_overeenkomsten_count(made: Sandbox, file: Path, tmp_path: Path) -> None:
    addresses = (made.folder / "var" / "pc6hnr20250801_gwb.csv").read_text().splitlines()
    postcode, huisnummer = addresses[1].replace(",", ";").split(";")[:2]
    file.write_bytes(rows({"postcode": postcode, "huisnummer": huisnummer}))
    run(file, "--partner", PARTNER, "--config", made.config)

    header = (made.config / "overeenkomsten.csv").read_text().splitlines()[0]
    config = tmp_path / "config"
    config.symlink_to(made.config)
    kept = (made.config / "overeenkomsten.csv").read_bytes()
    try:
        (made.config / "overeenkomsten.csv").write_text(header + "\n")
        data = run_json(file, "--partner", PARTNER, "--config", config, code=1)
    finally:
        (made.config / "overeenkomsten.csv").write_bytes(kept)
    assert codes(data) == [(2, "E-ROU-03")]


def test_nothing_of_a_person_is_repeated(file: Path) -> None:
    """Not in a refusal of a row, nor where line 1 is no header but somebody's data."""
    wrong = {
        "postcode": "99 ZZTOP",
        "achternaam": "Zonderling 111222333",
        "woonplaats": "4711",
        "peildatum": "gisteren",
    }
    file.write_bytes(rows(wrong))
    said = run(file, "--sector", "Huur", code=1) + run(file, "--sector", "Huur", "--json", code=1)
    for value in ("ZZTOP", "Zonderling", "111222333", "4711", "gisteren", "Dorpsstraat"):
        assert value not in said

    file.write_bytes(rows(wrong).split(b"\r\n", 1)[1])
    assert "Zonderling" not in run(file, "--sector", "Huur", code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--sector", "Hurr"),
        ("--sector", "Huur", "--partner", "huur-01"),
        ("--partner", "huur-01"),
        ("--sector", "Huur", "--codering", "ebcdic"),
        ("--sector", "Huur", "--scheidingsteken", "x"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(file: Path, arguments: tuple[str, ...]) -> None:
    file.write_bytes(rows({}))
    assert "Traceback" not in run(file, *arguments, code=2)


def test_only_a_plain_file_can_be_read(made: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "x.csv.pgp").write_bytes(b"x")
    for path in (tmp_path / "weg.csv", tmp_path, tmp_path / "x.csv.pgp"):
        run(path, "--sector", "Huur", code=2)
    run(tmp_path / "x.csv.pgp", "--partner", "weg", "--config", made.config, code=2)


def test_many_reasons_are_cut_off_on_a_screen_only(file: Path) -> None:
    file.write_bytes(rows(*[{"huisnummer": ""}] * 130))

    assert "Er zijn nog 30 redenen" in run(file, "--sector", "Huur", code=1)
    assert len(run_json(file, "--sector", "Huur", code=1)["redenen"]) == 130


@settings(max_examples=60, deadline=None)
@given(tail=st.binary(max_size=200), whole=st.booleans())
def test_whatever_the_file_holds_there_is_an_answer(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, whole: bool
) -> None:
    path = tmp_path_factory.mktemp("f") / "x.csv"
    path.write_bytes(tail if whole else rows({}) + tail)
    profile = Profiel(id="partner", sectoren=("Huur",))

    found = check_file(path, profile, None, IntakeSettings(max_bytes=10**6, blokgrootte=100), NU)

    assert found.code or found.tally.regels == found.tally.aanvaard + found.tally.afgekeurd + found.tally.dubbel


def test_a_file_that_is_too_large_is_said_so(file: Path) -> None:
    file.write_bytes(rows({}))
    profile = Profiel(id="partner", sectoren=("Huur",))

    assert check_file(file, profile, None, IntakeSettings(max_bytes=10, blokgrootte=100), NU).code == "E-PGP-08"
