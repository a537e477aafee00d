"""The configuration folder: everything that is wrong is said at once, with file, place and mend."""

from __future__ import annotations

import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.configuration import Configuration, load
from exchange.faults import ConfigurationFault, Problem
from schemas import gemeenten
from tests.keys import cheap

HOSTKEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDgQ2mTrdRy3WsM4fQXbQvWwfJLnkq0lmT0nXQeRzq1p"
PARTY = """id = "{id}"
naam = "Naam van {id}"
sftp = {{ host = "sftp.{id}.example", poort = 22, gebruiker = "nachtpost", hostkeys = ["{hostkey}"] }}
pgp = {{ bestand = "keys/{id}.asc", vingerafdrukken = ["{fingerprint}"] }}
"""
SETTINGS = """[exchange]
naam = "Nachtpost"
pgp_sleutel = "keys/exchange-secret.asc"
pgp_vingerafdruk = "{fingerprint}"
ssh_sleutel = "keys/exchange_ed25519"
[opslag]
register = "sqlite:///register.sqlite"
archief = "archief"
werk = "file:///srv/werk"
referentie = "referentie"
opslagsleutel = "keys/opslag.key"
hashsleutels = [{{ id = 1, bestand = "keys/hash-1.key" }}]
"""
SSH = (
    Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)
HEADER = "partner;gemeentecode;van;tot;soorten;geboortedatum;verklaring_van\n"


@dataclass(frozen=True)
class Keys:
    """Armoured keys and their fingerprints, made once by the real gpg."""

    public: dict[str, str]
    secret: dict[str, str]
    fingerprint: dict[str, str]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    home = str(tmp_path_factory.mktemp("g"))
    Path(home).chmod(0o700)

    def gpg(*arguments: str) -> str:
        command = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    public, secret, fingerprint = {}, {}, {}
    for name in ("woonzo", "zuid", "exchange", "stranger"):
        gpg("--quick-gen-key", f"{name} <{name}@example.org>", "ed25519", "sign", "never")
        fingerprint[name] = re.findall(r"^fpr:+(\w+):", gpg("--with-colons", "--list-keys", name), re.M)[0]
        gpg("--quick-add-key", fingerprint[name], "cv25519", "encr", "never")
        public[name] = gpg("--armor", "--export", name)
        secret[name] = gpg("--armor", "--export-secret-keys", name)
    gpg("--quick-gen-key", "signer <signer@example.org>", "ed25519", "sign", "never")
    fingerprint["signer"] = re.findall(r"^fpr:+(\w+):", gpg("--with-colons", "--list-keys", "signer"), re.M)[0]
    public["signer"] = gpg("--armor", "--export", "signer")
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    return Keys(public, secret, fingerprint)


@pytest.fixture
def folder(tmp_path: Path, keys: Keys) -> Path:
    """A configuration that holds: partner woonzo (Huur), uitvoerder zuid for Amsterdam, one overeenkomst."""
    for name in ("partners", "uitvoerders", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "nachtpost.toml").write_text(SETTINGS.format(fingerprint=keys.fingerprint["exchange"]))
    write_party(tmp_path, "partners", "woonzo", keys, 'sectoren = ["Huur"]\n')
    write_party(tmp_path, "uitvoerders", "zuid", keys, 'gemeenten = [{ code = "0363", van = 2021-01-01 }]\n')
    (tmp_path / "overeenkomsten.csv").write_text(HEADER + "woonzo;0363;2021-01-01;;;N;\n")
    for name, content in (
        ("exchange-secret.asc", keys.secret["exchange"]),
        ("exchange_ed25519", SSH),
        ("opslag.key", b64encode(os.urandom(32)).decode()),
        ("hash-1.key", b64encode(os.urandom(32)).decode()),
    ):
        (tmp_path / "keys" / name).write_text(content)
        (tmp_path / "keys" / name).chmod(0o600)
    return tmp_path


def write_party(folder: Path, kind: str, id: str, keys: Keys, more: str, key: str | None = None) -> None:
    key = key or id
    text = PARTY.format(id=id, hostkey=HOSTKEY, fingerprint=keys.fingerprint[key])
    (folder / kind / f"{id}.toml").write_text(more + text)
    (folder / "keys" / f"{id}.asc").write_text(keys.public[key])


def agreements(folder: Path, *lines: str) -> None:
    (folder / "overeenkomsten.csv").write_text(HEADER + "".join(f"{line}\n" for line in lines))


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def problems(folder: Path) -> list[Problem]:
    """All that is wrong, be it about the whole or about some parties."""
    try:
        found = list(load(folder).problemen)
    except ConfigurationFault as fault:
        found = fault.problems
    assert found
    assert all(problem.problem and problem.mend and problem.file for problem in found)
    return found


def only(folder: Path) -> Problem:
    found = problems(folder)
    assert len(found) == 1, found
    return found[0]


def test_a_folder_that_holds_is_read_as_frozen_models(folder: Path) -> None:
    config = load(folder)

    assert config.partij("woonzo") is config.partners["woonzo"]
    assert config.partij("zuid") is config.uitvoerders["zuid"]
    assert config.partners["woonzo"].sectoren == ("Huur",)
    assert config.uitlevering.sluitingstijd == time(4)
    assert config.overeenkomsten.to_pylist() == [
        {
            "partner": "woonzo",
            "gemeentecode": "0363",
            "van": date(2021, 1, 1),
            "tot": None,
            "soorten": "",
            "geboortedatum": False,
            "verklaring_van": None,
            "al_bekend": False,
        }
    ]
    with pytest.raises(ValueError, match="frozen"):
        config.partners["woonzo"].naam = "iets anders"


def test_relative_places_are_relative_to_the_folder(folder: Path) -> None:
    opslag = load(folder).opslag

    assert opslag.register == f"sqlite:///{folder}/register.sqlite"
    assert opslag.archief == f"file://{folder}/archief"
    assert opslag.werk == "file:///srv/werk"
    assert opslag.referentie == folder / "referentie"


def test_the_environment_goes_before_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NACHTPOST_CONFIG", str(folder))  # belongs to the command line, not to the settings
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", "postgresql+psycopg://db/nachtpost")
    monkeypatch.setenv("NACHTPOST_INTAKE__THREADS", "3")

    config = load(folder)

    assert config.opslag.register == "postgresql+psycopg://db/nachtpost"
    assert config.opslag.werk == "file:///srv/werk"
    assert config.intake.threads == 3


def test_a_visit_never_takes_as_long_as_the_task_in_which_it_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "600")
    monkeypatch.setenv("NACHTPOST_INTAKE__PARTIJ_SECONDEN", "1800")
    intake = load(folder).intake
    assert intake.partij_seconden + 2 * intake.stil_seconden <= 50 * 60  # a task has an hour
    monkeypatch.setenv("NACHTPOST_INTAKE__PARTIJ_SECONDEN", "1801")
    with pytest.raises(ConfigurationFault, match="PARTIJ_SECONDEN"):
        load(folder)


def test_a_wrong_variable_is_named_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NACHTPOST_INTAKE__THREADS", "veel")

    found = only(folder)

    assert (found.file, found.place) == ("omgeving", "NACHTPOST_INTAKE__THREADS")


def test_a_choice_of_columns_is_judged_where_it_stands(folder: Path) -> None:
    file = folder / "uitvoerders" / "zuid.toml"
    file.write_text(file.read_text() + '[levering]\nkolommen = ["signaal_ref", "soort", "urgent", "staat"]\n')

    found = only(folder)

    assert (found.file, found.place) == ("uitvoerders/zuid.toml", "levering.kolommen")
    assert found.problem.startswith("staat is geen kolom van BAT1; vervangt_signaal_ref ontbreekt")
    assert found.mend.startswith("Bedoelde u straat in plaats van staat?")


def test_everything_wrong_is_said_at_once(folder: Path, keys: Keys) -> None:
    change(
        folder, "nachtpost.toml", "[opslag]", '[intake]\nthreds = 4\n[uitlevering]\nsluitingstijd = "laat"\n[opslag]'
    )
    change(folder, "partners/woonzo.toml", '"Huur"', '"Hure"')
    change(folder, "uitvoerders/zuid.toml", "poort = 22", "poort = 99999")
    write_party(folder, "partners", "zuid", keys, 'sectoren = ["Energie"]\n')
    (folder / "partners" / "kapot.toml").write_text('id = "kapot"\nid = "nog eens"\n')
    (folder / "keys" / "opslag.key").chmod(0o640)
    agreements(folder, "woonzo;0363;2021-01-01;;;N;", "onbekend;9999;2021-01-01;;VROEGG;x;")

    found = {(problem.file, problem.place) for problem in problems(folder)}

    assert found >= {
        ("nachtpost.toml", "intake.threds"),
        ("nachtpost.toml", "uitlevering.sluitingstijd"),
        ("partners/woonzo.toml", "sectoren nr. 1"),
        ("partners/kapot.toml", "regel 2"),
        ("uitvoerders/zuid.toml", "sftp.poort"),
        ("uitvoerders/zuid.toml", "id"),
        ("overeenkomsten.csv", "regel 3"),
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "said"),
    [
        ("partners/woonzo.toml", 'naam = "Naam van woonzo"\n', "", "naam", "ontbreekt"),
        ("partners/woonzo.toml", 'naam = "Naam', 'namm = 1\nnaam = "Naam', "namm", "Bedoelde u naam?"),
        ("partners/woonzo.toml", "poort", "port", "sftp.port", "Bedoelde u poort?"),
        ("partners/woonzo.toml", 'id = "woonzo"', 'id = "woonzorg"', "id", "bestandsnaam"),
        ("partners/woonzo.toml", 'id = "woonzo"', 'id = "Woonzo!"', "id", "niet de juiste vorm"),
        ("partners/woonzo.toml", '["Huur"]', "[]", "sectoren", "leeg"),
        ("partners/woonzo.toml", '["Huur"]', '["Huren"]', "sectoren nr. 1", "Bedoelde u Huur?"),
        ("partners/woonzo.toml", "AAAAC3Nz", "AAAA", "sftp.hostkeys nr. 1", "ssh-keyscan"),
        ("partners/woonzo.toml", "ssh-ed25519", "ssh-dss", "sftp.hostkeys nr. 1", "hostsleutel"),
        ("partners/woonzo.toml", 'host = "', 'verbinding = "x", host = "', "sftp", "uit Airflow"),
        ("partners/woonzo.toml", "gebruiker", "verbinding", "sftp", "uit Airflow"),
        ("partners/woonzo.toml", 'id = "', 'naampatroon = "VS_(.csv"\nid = "', "naampatroon", "reguliere expressie"),
        ("partners/woonzo.toml", 'id = "', 'naampatroon = "A_.*"\nid = "', "naamvoorbeeld", "een naam die past"),
        ("partners/woonzo.toml", 'id = "', 'codering = "utf8"\nid = "', "codering", "windows-1252"),
        ("partners/woonzo.toml", 'id = "', 'overgangsdatum = "gisteren"\nid = "', "overgangsdatum", "jjjj-mm-dd"),
        ("uitvoerders/zuid.toml", "2021-01-01", "2021-01-01, tot = 2020-12-31", "gemeenten nr. 1", "laatste dag"),
        ("uitvoerders/zuid.toml", '"0363"', '"363"', "gemeenten nr. 1, code", "niet de juiste vorm"),
        ("uitvoerders/zuid.toml", 'id = "', 'urgent_soorten = ["EIND"]\nid = "', "urgent_soorten nr. 1", "EINDE"),
        ("nachtpost.toml", "[opslag]", "[intake]\nmax_regels = 16777216\n[opslag]", "intake.max_regels", "16777215"),
        ("nachtpost.toml", "[opslag]", "[onzin]\na = 1\n[opslag]", "onzin", "kennen wij niet"),
        ("nachtpost.toml", '{ id = 1', '{ id = 1, bestand = "keys/hash-1.key" }, { id = 1', "opslag", "eigen id"),
        ("nachtpost.toml", '{ id = 1', '{ id = 2, bestand = "keys/hash-1.key" }, { id = 1', "opslag", "ontbreekt van"),
        ("uitvoerders/zuid.toml", "van =", 'herhaalde_meldingen = "ja", van =', "gemeenten nr. 1, herhaalde_meldingen", "markeren"),  # noqa: E501
        ("nachtpost.toml", "keys/hash-1.key", "keys/hash-2.key", "opslag.hashsleutels id 1", "bestaat niet"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key_and_mend(
    folder: Path, file: str, old: str, new: str, place: str, said: str
) -> None:
    change(folder, file, old, new)

    found = [problem for problem in problems(folder) if problem.file == file]

    assert [problem.place for problem in found] == [place]
    assert said in f"{found[0].problem} {found[0].mend}"


@pytest.mark.parametrize("line", [line for line in SETTINGS.splitlines() if not line.startswith("[")])
def test_a_setting_that_is_left_out_is_named(folder: Path, line: str) -> None:
    key = line.partition(" ")[0]
    text = (folder / "nachtpost.toml").read_text()
    kept = [one for one in text.splitlines() if not one.startswith(f"{key} =")]
    (folder / "nachtpost.toml").write_text("\n".join(kept))

    assert any(problem.place.endswith(key) and "ontbreekt" in problem.problem for problem in problems(folder))


def with_connection(folder: Path) -> None:
    change(folder, "partners/woonzo.toml", 'host = "sftp.woonzo.example", poort = 22, gebruiker = "nachtpost"', "@")
    change(folder, "partners/woonzo.toml", "@", 'verbinding = "woonzo_sftp"')


def test_an_account_may_stand_in_an_airflow_connection(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_connection(folder)
    monkeypatch.setenv("AIRFLOW_HOME", str(folder))
    monkeypatch.setenv("AIRFLOW_CONN_WOONZO_SFTP", "sftp://wij@sftp.elders.example:2222")

    account = load(folder).partners["woonzo"].sftp

    assert (account.host, account.poort, account.gebruiker) == ("sftp.elders.example", 2222, "wij")
    assert account.hostkeys == (HOSTKEY,)  # what we pin is never left to a connection


@pytest.mark.parametrize("given", [None, "sftp://sftp.elders.example"])
def test_a_connection_is_asked_for_at_first_use_and_a_missing_one_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    """So `config check` and `status` work where there is no Airflow."""
    with_connection(folder)
    monkeypatch.setenv("AIRFLOW_HOME", str(folder))
    if given:
        monkeypatch.setenv("AIRFLOW_CONN_WOONZO_SFTP", given)
    account = load(folder).partners["woonzo"].sftp

    with pytest.raises(ConfigurationFault) as fault:
        _ = account.host

    (problem,) = fault.value.problems
    assert "woonzo_sftp" in problem.problem
    assert "AIRFLOW_CONN_WOONZO_SFTP" in problem.mend


def test_a_secret_is_never_repeated(folder: Path) -> None:
    change(folder, "nachtpost.toml", '"sqlite:///register.sqlite"', '["postgresql://u:geheim@db/x"]')

    assert "geheim" not in str(problems(folder))


def test_a_key_file_must_hold_the_registered_key(folder: Path, keys: Keys) -> None:
    (folder / "keys" / "woonzo.asc").write_text(keys.public["stranger"])

    found = problems(folder)

    assert {(problem.file, problem.place) for problem in found} == {("partners/woonzo.toml", "pgp.bestand")}
    assert keys.fingerprint["stranger"] in found[0].problem
    assert keys.fingerprint["woonzo"] in found[1].problem


def test_keys_in_each_others_files_are_noticed(folder: Path, keys: Keys) -> None:
    (folder / "keys" / "woonzo.asc").write_text(keys.public["zuid"])
    (folder / "keys" / "zuid.asc").write_text(keys.public["woonzo"])

    assert {problem.file for problem in problems(folder)} == {"partners/woonzo.toml", "uitvoerders/zuid.toml"}


def test_a_file_may_hold_the_old_and_the_new_key(folder: Path, keys: Keys) -> None:
    (folder / "keys" / "woonzo.asc").write_text(keys.public["woonzo"] + keys.public["stranger"])
    both = f'"{keys.fingerprint["woonzo"]}", "{keys.fingerprint["stranger"].lower()}"'
    change(folder, "partners/woonzo.toml", f'"{keys.fingerprint["woonzo"]}"', both)

    assert load(folder).partners["woonzo"].pgp.vingerafdrukken == (
        keys.fingerprint["woonzo"],
        keys.fingerprint["stranger"],
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda keys: "geen sleutel\n", "geen OpenPGP-sleutel"),
        (lambda keys: "", "geen OpenPGP-sleutel"),
        (lambda keys: keys.secret["woonzo"], "geheime sleutel"),
        (lambda keys: None, "bestaat niet"),
    ],
)
def test_a_key_file_that_is_no_public_key_is_refused(
    folder: Path, keys: Keys, content: Callable[[Keys], str | None], said: str
) -> None:
    text = content(keys)
    (folder / "keys" / "woonzo.asc").unlink()
    if text is not None:
        (folder / "keys" / "woonzo.asc").write_text(text)

    found = only(folder)

    assert (found.file, found.place) == ("partners/woonzo.toml", "pgp.bestand")
    assert said in found.problem


def test_a_key_that_cannot_encrypt_is_refused(folder: Path, keys: Keys) -> None:
    write_party(folder, "partners", "woonzo", keys, 'sectoren = ["Huur"]\n', key="signer")

    assert "om mee te versleutelen" in only(folder).problem


def test_our_own_key_must_be_secret_and_ours(folder: Path, keys: Keys) -> None:
    own = folder / "keys" / "exchange-secret.asc"
    own.write_text(keys.public["exchange"])
    assert "geen geheime OpenPGP-sleutel" in only(folder).problem

    own.write_text(keys.secret["stranger"])
    assert keys.fingerprint["exchange"] in only(folder).problem


@pytest.mark.parametrize("name", ["exchange-secret.asc", "exchange_ed25519", "opslag.key", "hash-1.key"])
def test_a_secret_that_others_can_read_is_refused(folder: Path, name: str) -> None:
    (folder / "keys" / name).chmod(0o604)

    found = only(folder)

    assert found.file == "nachtpost.toml"
    assert "chmod 600" in found.mend


def test_a_storage_key_must_be_32_bytes(folder: Path) -> None:
    (folder / "keys" / "opslag.key").write_text(b64encode(os.urandom(16)).decode())

    assert "32 bytes" in only(folder).problem


def test_a_partner_and_an_uitvoerder_cannot_share_an_id(folder: Path, keys: Keys) -> None:
    write_party(folder, "partners", "zuid", keys, 'sectoren = ["Huur"]\n', key="stranger")
    change(folder, "partners/zuid.toml", "sftp.zuid", "sftp.anders")
    (folder / "keys" / "zuid.asc").write_text(keys.public["zuid"])
    (folder / "keys" / "anders.asc").write_text(keys.public["stranger"])
    change(folder, "partners/zuid.toml", "keys/zuid.asc", "keys/anders.asc")

    assert only(folder).file == "uitvoerders/zuid.toml"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("andere;0363;2022-01-01;;;N;", "partner andere kennen wij niet"),
        ("woonzo;0362x;2022-01-01;;;N;", "gemeentecode 0362x bestaat niet"),
        ("woonzo;0363;01-01-2021;;;N;", "van is geen datum"),
        ("woonzo;0363;2021-02-30;;;N;", "van is geen datum"),
        ("woonzo;0363;;;;N;", "van is geen datum"),
        ("woonzo;0363;2022-01-01;morgen;;N;", "tot is geen datum"),
        ("woonzo;0363;2022-01-01;2021-12-31;;N;", "tot ligt vóór van"),
        ("woonzo;0363;2022-01-01;;VROEG,ACTUALISATIE;N;", "soorten VROEG,ACTUALISATIE klopt niet"),
        ("woonzo;0363;2022-01-01;;;ja;", "geboortedatum ja klopt niet"),
        ("woonzo;0363;2022-01-01;;;N;x", "verklaring_van is geen datum"),
        ("woonzo;0363;2022-01-01;;N;", "6 velden"),
        ("woonzo;0457;2023-01-01;;;N;", "bestond niet op de datum in van"),
    ],
)
def test_a_wrong_overeenkomst_costs_its_line(folder: Path, line: str, said: str) -> None:
    agreements(folder, "woonzo;0363;2021-01-01;2021-12-31;;N;", "", line)

    found = only(folder)

    assert (found.file, found.place) == ("overeenkomsten.csv", "regel 4")
    assert said in found.problem


def test_overeenkomsten_of_one_pair_may_follow_but_not_overlap(folder: Path) -> None:
    agreements(folder, "woonzo;0363;2022-01-01;;VROEG|INTREKKING;J;2022-01-01", "woonzo;0363;2021-01-01;2021-12-31;;N;")
    assert load(folder).overeenkomsten.num_rows == 2

    agreements(folder, "woonzo;0363;2022-01-01;;;J;", "woonzo;0363;2021-01-01;2022-01-01;;N;")
    found = only(folder)
    assert found.place == "regel 2"
    assert "regel 3" in found.problem


def test_an_overeenkomst_may_open_that_an_inwoner_was_already_known(folder: Path) -> None:
    file = folder / "overeenkomsten.csv"
    lines = ("woonzo;0363;2022-01-01;;;N;;J", "woonzo;0363;2021-01-01;2021-12-31;;N;;")
    file.write_text("\n".join([f"{HEADER.strip()};al_bekend", *lines]))
    assert load(folder).overeenkomsten["al_bekend"].to_pylist() == [True, False]

    file.write_text(f"{HEADER.strip()};al_bekend\nwoonzo;0363;2022-01-01;;;N;;ja\n")
    assert "al_bekend ja klopt niet" in only(folder).problem


def test_a_column_too_few_refuses_the_file(folder: Path) -> None:
    (folder / "overeenkomsten.csv").write_text("partner;gemeentecode\nwoonzo;0363\n")

    assert only(folder).place == "regel 1"


def test_two_uitvoerders_on_one_day_is_a_problem(folder: Path, keys: Keys) -> None:
    more = 'gemeenten = [{ code = "0363", van = 2024-01-01 }]\n'
    write_party(folder, "uitvoerders", "noord", keys, more, key="stranger")

    found = only(folder)

    assert "gemeente 0363 (Amsterdam) heeft vanaf 2024-01-01 twee uitvoerders voor alle sectoren" in found.problem


def test_uitvoerders_may_follow_each_other_or_share_by_sector(folder: Path, keys: Keys) -> None:
    change(folder, "uitvoerders/zuid.toml", "van = 2021-01-01", "van = 2021-01-01, tot = 2023-12-31")
    later = ", ".join(
        f'{{ code = "0363", van = 2024-01-01, sector = "{sector}" }}' for sector in ("Huur", "Water", "Energie")
    )
    write_party(folder, "uitvoerders", "noord", keys, f"gemeenten = [{later}]\n", key="stranger")

    config = load(folder)

    assert config.uitvoerder_of("0363", date(2023, 12, 31), "Huur") == "zuid"
    assert config.uitvoerder_of("0363", date(2023, 12, 31)) == "zuid"
    assert config.uitvoerder_of("0363", date(2024, 1, 1), "Huur") == "noord"
    assert config.uitvoerder_of("0363", date(2024, 1, 1), "Zorg") is None
    assert config.uitvoerder_of("0363", date(2020, 12, 31), "Huur") is None
    assert config.uitvoerder_of("0014", date(2024, 1, 1), "Huur") is None


def test_a_day_without_an_uitvoerder_is_a_problem(folder: Path) -> None:
    twice = '2021-01-01, tot = 2022-12-31 }, { code = "0363", van = 2024-01-01 }'
    change(folder, "uitvoerders/zuid.toml", "2021-01-01 }", twice)

    found = only(folder)

    assert (
        "gemeente 0363 (Amsterdam) heeft voor sector Huur vanaf 2023-01-01 tot en met 2023-12-31 geen uitvoerder"
        in found.problem
    )


def test_a_gap_is_said_once_for_all_its_overeenkomsten(folder: Path, keys: Keys) -> None:
    write_party(folder, "partners", "tweede", keys, 'sectoren = ["Huur"]\n', key="signer")
    (folder / "keys" / "tweede.asc").write_text(keys.public["stranger"])
    change(folder, "partners/tweede.toml", keys.fingerprint["signer"], keys.fingerprint["stranger"])
    agreements(folder, "woonzo;0014;2021-01-01;;;N;", "tweede;0014;2021-01-01;;;N;")

    assert only(folder).place == "regel 2 en nog 1"


def test_who_serves_a_gemeente_that_ends_serves_it_to_its_last_day(folder: Path) -> None:
    change(folder, "uitvoerders/zuid.toml", '"0363"', '"0363", van = 2021-01-01 }, { code = "0457"')
    config = load(folder)

    assert config.uitvoerder_of("0457", date(2022, 3, 23), "Huur") == "zuid"
    assert config.uitvoerder_of("0457", date(2022, 3, 24), "Huur") is None
    assert [one.holds(date(2022, 3, 24)) for one in config.uitvoerders["zuid"].gemeenten] == [True, False]


def test_an_overeenkomst_goes_on_with_the_successor_if_somebody_serves_it(folder: Path) -> None:
    agreements(folder, "woonzo;0457;2021-01-01;;;J;2021-01-01")
    change(folder, "uitvoerders/zuid.toml", '"0363"', '"0457"')
    found = only(folder)
    assert (found.file, found.place) == ("overeenkomsten.csv", "regel 2")
    assert "gemeente 0363 (Amsterdam) heeft voor sector Huur vanaf 2022-03-24 geen uitvoerder" in found.problem

    change(folder, "uitvoerders/zuid.toml", '"0457"', '"0457", van = 2021-01-01 }, { code = "0363"')
    held = load(folder).overeenkomsten.select(["gemeentecode", "van", "tot", "geboortedatum"]).to_pylist()
    assert [tuple(row.values()) for row in held] == [
        ("0457", date(2021, 1, 1), date(2022, 3, 23), True),
        ("0363", date(2022, 3, 24), None, True),
    ]


def test_a_missing_folder_is_one_problem(tmp_path: Path) -> None:
    assert "bestaat niet" in only(tmp_path / "weg").problem


def test_an_empty_folder_names_the_files_that_are_missing(tmp_path: Path) -> None:
    assert {problem.file for problem in problems(tmp_path)} == {"nachtpost.toml", "overeenkomsten.csv"}


def test_a_country_can_be_read(folder: Path, keys: Keys) -> None:
    """308 partners, 330 gemeenten, 20,000 overeenkomsten (in 2022 there were 17,500)."""
    codes = sorted(gemeenten.active(date(2023, 1, 1)))[:330]
    (folder / "partners" / "woonzo.toml").unlink()
    (folder / "uitvoerders" / "zuid.toml").unlink()
    every = {f"p-{at}": 'sectoren = ["Huur"]\n' for at in range(308)}
    every |= {f"u-{at}": f'gemeenten = [{{ code = "{code}", van = 2023-01-01 }}]\n' for at, code in enumerate(codes)}
    for id, more in every.items():
        public, fingerprint = cheap(id)
        (folder / "keys" / f"{id}.asc").write_bytes(public)
        kind = "partners" if id.startswith("p") else "uitvoerders"
        (folder / kind / f"{id}.toml").write_text(more + PARTY.format(id=id, hostkey=HOSTKEY, fingerprint=fingerprint))
    agreements(folder, *(f"p-{at % 308};{codes[at // 308]};2023-01-01;;;N;" for at in range(20_000)))

    config: Configuration = load(folder)

    assert config.overeenkomsten.num_rows == 20_000
    assert (len(config.partners), len(config.uitvoerders)) == (308, 330)


def test_a_hash_key_stays_as_long_as_the_register_holds_what_it_made(folder: Path) -> None:
    second = '"keys/hash-1.key", van = 2026-01-01 }, { id = 2, bestand = "keys/opslag.key", van = 2026-07-31 }]'
    change(folder, "nachtpost.toml", '"keys/hash-1.key" }]', second)
    assert [(key.id, day) for key, day in load(folder).opslag.may_go()] == [(1, date(2027, 2, 28))]


def test_a_gemeente_is_served_as_it_wishes_for_as_long_as_it_wishes_so(folder: Path) -> None:
    change(
        folder,
        "uitvoerders/zuid.toml",
        "van = 2021-01-01 }",
        'van = 2021-01-01, tot = 2025-12-31 }, { code = "0363", van = 2026-01-01, herhaalde_meldingen = "ontvangen" }',
    )
    config = load(folder)
    wishes = [config.bediening_of("0363", date(year, 6, 1), "Huur") for year in (2020, 2025, 2026)]
    assert [one and one.herhaalde_meldingen for one in wishes] == [None, "markeren", "ontvangen"]


VERTALING = """
[vertaling]
decimaalteken = ","
duizendtalteken = "."
datumvorm = "dd-mm-jjjj"
vast = { soort = "VROEG" }
ja_nee = { Ja = "J", Nee = "N" }
negeer = ["Wijkbeheerder"]
codes = { reden_intrekking = { B = "BETAALD" } }
kolommen = { signaal_id = "Kenmerk", bedrag_euro = "Saldo" }
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ('duizendtalteken = "."', "", "duizendtalteken", "wij raden niet"),
        ('duizendtalteken = "."', 'duizendtalteken = ","', "duizendtalteken", "ook het decimaalteken"),
        ("dd-mm-jjjj", "dd-mm-jj", "datumvorm", "geen vorm van een datum"),
        ('soort = "VROEG"', 'soort = "VROEGE"', "vast.soort", "Bedoelde u VROEG?"),
        ('soort = "VROEG"', 'huidige_klant = "J"', "vast.huidige_klant", "geen vaste waarde"),
        ('soort = "VROEG"', 'postcode = "1234AB"', "vast.postcode", "verschilt per signaal"),
        ('soort = "VROEG"', 'signaal_id = "1"', "vast.signaal_id", "staat ook in kolommen"),
        ('B = "BETAALD"', 'B = "BETAALDE"', "codes.reden_intrekking.B", "Bedoelde u BETAALD?"),
        ('reden_intrekking = { B', 'straat = { B', "codes.straat", "heeft geen codes"),
        ('signaal_id = "Kenmerk"', 'signaal = "Kenmerk"', "kolommen.signaal", "Bedoelde u signaal_id?"),
        ('signaal_id = "Kenmerk"', 'signaal_id = "Saldo"', "kolommen.signaal_id", "twee keer"),
        ('signaal_id = "Kenmerk"', 'signaal_id = "BSN"', "kolommen.signaal_id", "burgerservicenummer"),
        ('"Wijkbeheerder"', '"achternaam"', "kolommen.achternaam", "nergens vandaan komen"),
        ('Ja = "J", Nee = "N"', 'ja = "J", JA = "N"', "ja_nee.ja", "twee keer"),
    ],
)  # fmt: skip
def test_what_a_vertaling_says_wrong_is_named_with_its_mend(
    folder: Path, old: str, new: str, place: str, said: str
) -> None:
    path = folder / "partners/woonzo.toml"
    path.write_text(path.read_text() + VERTALING.replace(old, new, 1))

    found = [problem for problem in problems(folder) if problem.file == "partners/woonzo.toml"]

    assert f"vertaling.{place}" in [problem.place for problem in found]
    assert any(said in f"{problem.problem} {problem.mend}" for problem in found)


def test_a_vertaling_that_holds_is_used(folder: Path) -> None:
    path = folder / "partners/woonzo.toml"
    path.write_text(path.read_text() + VERTALING)

    assert load(folder).partners["woonzo"].profile.kolom("bedrag_euro") == "Saldo"


def test_rules_are_checked_with_the_rest(folder: Path) -> None:
    header = "regel;sector;gemeentecode;partner;van;tot;waarde;gevolg;bron\n"
    (folder / "regels.csv").write_text(header + "drempel_euro;;0363;;2026-01-01;;50,00;;\n")
    assert only(folder).file == "regels.csv"
    (folder / "regels.csv").write_text(header + "drempel_euro;;0363;;2026-01-01;;50,00;;besluit\n")
    assert load(folder).regels.geldend("woonzo", "0363", "Huur", date(2026, 7, 1)).drempel_cent == 5_000


def test_a_partner_without_an_account_is_heard_through_the_one_that_it_names(folder: Path, keys: Keys) -> None:
    write_party(folder, "partners", "koepel", keys, 'sectoren = ["Huur"]\n', key="stranger")
    klein = 'id = "klein"\nnaam = "Klein wonen"\nsectoren = ["Huur"]\nterugmelding_aan = "koepel"\n'
    (folder / "partners" / "klein.toml").write_text(klein)
    agreements(folder, "woonzo;0363;2021-01-01;;;N;", "klein;0363;2021-01-01;;;N;")
    lines = ["gemachtigde;partner;vanaf;tot;bron", "koepel;klein;2026-01-01;2026-06-30;contract 7"]
    (folder / "machtigingen.csv").write_text("\n".join([*lines, "koepel;woonzo;2026-03-01;;brief"]))
    config = load(folder)
    klein_, woonzo, koepel = (config.melders[id] for id in ("klein", "woonzo", "koepel"))
    assert sorted(config.partners) == ["koepel", "woonzo"]
    assert config.namens("koepel", date(2026, 2, 1)) == [klein_]
    assert config.namens("koepel", date(2026, 4, 1)) == [klein_, woonzo]
    assert config.namens("woonzo", date(2026, 4, 1)) == []
    assert config.hoort(klein_, date(2026, 6, 30)) is koepel
    assert config.hoort(klein_, date(2026, 7, 1)) is None
    assert config.hoort(woonzo, date(2026, 7, 1)) is woonzo

    (folder / "machtigingen.csv").unlink()
    found = only(folder)
    assert (found.file, found.place) == ("partners/klein.toml", "terugmelding_aan")
    change(folder, "partners/klein.toml", klein, klein + "[pgp]\nbestand = 'x'\nvingerafdrukken = []\n")
    assert "eigen account" in only(folder).problem
