"""The command line: what it answers, in words and as JSON, and the exit code that goes with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.main import get_command
from typer.testing import CliRunner

from exchange import faults, register
from exchange.cli import app
from exchange.cli.door import refuse
from exchange.context import local_date
from exchange.faults import (
    AccountUnknown,
    BalanceFault,
    ConfigurationFault,
    DemoFault,
    Fault,
    FileChanged,
    FileFault,
    FolderMissing,
    FolderRefused,
    HostKeyMismatch,
    LeaseLost,
    LedgerBroken,
    LoginRefused,
    NameTaken,
    NightAhead,
    NightNeverFrozen,
    NotANight,
    NotDone,
    NotDoubtful,
    OutOfTime,
    PartyFault,
    PartyUnreachable,
    PgpFault,
    ReferenceFault,
    RegisterUnreachable,
    RequestRefused,
    SandboxFault,
    ServerUnfit,
    StateConflict,
    StoreFault,
    TargetExists,
    TooManyNames,
    UploadIncomplete,
)
from exchange.register import ledger, tables
from exchange.sandbox.create import create

RUNNER = CliRunner()
PC6HNR = """PC6;Huisnummer;Buurt2025;Wijk2025;Gemeente2025
1011AB;1;3630000;363000;363
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sandbox") / "box"
    create(folder, partners=1, uitvoerders=1, signalen=10, seed=7)
    return folder


@pytest.fixture
def config(made: Path, tmp_path: Path) -> Path:
    """The sandbox's configuration with a register of its own, not yet made."""
    shutil.copytree(made / "config", tmp_path / "config")
    return tmp_path / "config"


@pytest.fixture(autouse=True)
def own_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NACHTPOST_CONFIG", raising=False)
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", f"sqlite:///{tmp_path}/register.sqlite")
    monkeypatch.setenv("NACHTPOST_OPSLAG__REFERENTIE", str(tmp_path / "referentie"))


def run(*arguments: str | Path, code: int = 0) -> str:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def run_json(*arguments: str | Path, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


def test_help_is_fast_because_nothing_heavy_is_imported() -> None:
    heavy = "{'pandas', 'pyarrow', 'paramiko', 'sqlalchemy', 'pydantic'}"
    program = f"import sys, exchange.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_command_takes_json() -> None:
    def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
        inside = getattr(command, "commands", None)
        if inside is None:
            return [(path, command)]
        return [leaf for name, one in inside.items() for leaf in leaves(one, f"{path} {name}")]

    commands = leaves(get_command(app), "nachtpost")

    assert len(commands) >= 11
    for path, command in commands:
        assert any("--json" in parameter.opts for parameter in command.params), path


def test_a_configuration_that_holds_is_well(config: Path) -> None:
    assert "De configuratie klopt" in run("config", "check", "--config", config)
    data = run_json("config", "check", "--config", config)
    assert (data["klopt"], data["partners"], data["problemen"]) == (True, 1, [])


def test_a_configuration_without_a_table_of_addresses_is_told_so(config: Path, made: Path) -> None:
    assert "nachtpost reference import" in run("config", "check", "--config", config)
    assert run_json("config", "check", "--config", config)["cbs_tabel"] is None
    run("reference", "import", made / "var" / "pc6hnr20250801_gwb.csv", "--config", config)
    assert run_json("config", "check", "--config", config)["cbs_tabel"] == 2025
    assert "nachtpost reference import" not in run("config", "check", "--config", config)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [("foo", 2, "opslag.register"), ("postgresql+psycopg://x@127.0.0.1:1/x", 3, "niet bereikbaar")],
)
def test_a_register_that_cannot_be_made_is_said(config: Path, monkeypatch: Any, url: str, code: int, said: str) -> None:
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", url)
    assert said in run("register", "upgrade", "--config", config, code=code)


def test_a_hash_key_is_replaced_with_an_overlap_that_config_check_ends(config: Path) -> None:
    made = run_json("keys", "rotate", "--config", config)
    assert (config / made["bestand"]).stat().st_mode & 0o777 == 0o600
    settings = config / "nachtpost.toml"
    [before] = [line for line in settings.read_text().splitlines() if line.startswith("hashsleutels")]
    settings.write_text(settings.read_text().replace(before, made["instelling"]))
    [old] = run_json("config", "check", "--config", config)["oude_hashsleutels"]
    assert old["id"] == 1
    assert f"Hashsleutel 1 is nog nodig om mee te vergelijken; zij mag weg vanaf {old['mag_weg_vanaf']}" in run(
        "config", "check", "--config", config
    )


def test_options_may_stand_before_the_command_or_in_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(run("--config", config, "--json", "config", "check"))["klopt"]
    monkeypatch.setenv("NACHTPOST_CONFIG", str(config))
    assert run_json("config", "check")["klopt"]


def test_problems_are_listed_with_file_place_and_mend(config: Path) -> None:
    (config / "nachtpost.toml").write_text("[exchange]\nnaam = 3\n")

    data = run_json("config", "check", "--config", config, code=2)

    assert data["klopt"] is False
    assert {"file", "place", "problem", "mend", "partijen"} == set(data["problemen"][0])
    assert "exchange.naam" in {problem["place"] for problem in data["problemen"]}
    assert "Dit klopt niet" in run("config", "check", "--config", config, code=2)


@pytest.mark.parametrize("command", [("config", "check"), ("status",), ("intake",), ("register", "upgrade")])
def test_a_command_without_a_configuration_is_wrong_use(command: tuple[str, ...]) -> None:
    assert "NACHTPOST_CONFIG" in run(*command, code=2)


@pytest.mark.parametrize("wrong", [("status", "--onzin"), ("monitor",), ("find",), ("onzin",), ("check-file", "x")])
def test_what_is_not_understood_is_wrong_use_and_said_as_json_where_that_is_asked(wrong: tuple[str, ...]) -> None:
    run(*wrong, code=2)
    assert run_json(*wrong, code=2)["fout"] == "WrongUse"
    assert json.loads(run("--json", *wrong, code=2))["fout"] == "WrongUse"


def test_what_the_system_refuses_is_said_in_dutch(tmp_path: Path) -> None:
    (tmp_path / "bestand").touch()

    assert "dit is geen map" in run_json("sandbox", "create", tmp_path / "bestand" / "x", code=2)["tekst"]


def test_a_register_without_tables_says_what_to_do(config: Path) -> None:
    data = run_json("status", "--config", config, code=2)

    assert data["problemen"][0]["mend"] == "Voer eerst uit: nachtpost register upgrade"


def test_a_register_that_does_not_answer_may_be_tried_again(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NACHTPOST_OPSLAG__REGISTER", "postgresql+psycopg://u:geheim@127.0.0.1:1/none")

    output = run("status", "--config", config, "--json", code=3)

    assert json.loads(output)["fout"] == "RegisterUnreachable"
    assert "geheim" not in output


def test_a_new_register_is_empty_and_balances(config: Path) -> None:
    run("register", "upgrade", "--config", config)
    assert run_json("register", "upgrade", "--config", config) == {"bijgewerkt": True}

    data = run_json("status", "--config", config)
    assert data["aanleveringen"] == data["batches"] == []
    assert data["balans"]["klopt"] is True
    assert "Aanleveringen: nog geen." in run("status", "--config", config)
    assert run_json("ledger", "verify", "--config", config) == {"klopt": True, "regels": 0}


def test_an_entry_changed_in_the_ledger_is_noticed(config: Path, tmp_path: Path) -> None:
    run("register", "upgrade", "--config", config)
    engine = register.engine(f"sqlite:///{tmp_path}/register.sqlite")
    with engine.begin() as db:
        for _ in range(3):
            ledger.append(db, datetime.now(UTC), "OPGEHAALD", {"aanlevering": 1})
    assert run_json("ledger", "verify", "--config", config) == {"klopt": True, "regels": 3}

    with engine.begin() as db:
        db.execute(sa.text("UPDATE logboek SET gegevens = '{}' WHERE nr = 2"))
    assert run_json("ledger", "verify", "--config", config, code=1)["feiten"] == {"nr": "2"}


def accept_one_signal(url: str) -> None:
    """Line 2 of aanlevering 1 of partner woonzo, signaal_id K-1, for Amsterdam."""
    nu = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    file = {"bestand": "een.csv.pgp", "sha256": "0" * 64, "grootte": 1, "mtime": 1, "archief": "x", "opgehaald_op": nu}
    row = {"signaal_id": "K-1", "signaal_hash": 1, "inhoud_hash": 1, "sleutel_id": 1, "soort": "VROEG"}
    where = {"gemeentecode": "0363", "sector": "Huur"}
    engine = register.engine(url)
    with engine.begin() as db:
        counts = {"staat": "GECONTROLEERD", "regels": 1, "aanvaard": 1}
        db.execute(tables.aanlevering.insert().values(nr=1, partner="woonzo", **counts, **file))
        db.execute(tables.signaal.insert().values(nr=1 << 24 | 2, ontvangen_op=nu.date(), **row, **where))
        db.execute(tables.partij.insert().values(aanlevering_nr=1, aantal=1, **where))
    engine.dispose()


def test_a_ref_nobody_gave_is_not_found(config: Path) -> None:
    run("register", "upgrade", "--config", config)

    assert run_json("find", "S00000G0002P", "--config", config, code=1) == {"gevonden": False}
    assert run_json("find", "K-1", "--partner", "woonzo", "--config", config, code=1) == {"gevonden": False}


@pytest.mark.parametrize("ref", ["onzin", "123456789", "S00000G0002Q", ""])
def test_a_ref_with_a_typing_mistake_is_wrong_use(config: Path, ref: str) -> None:
    run("register", "upgrade", "--config", config)

    assert "signaal_ref" in run("find", ref, "--config", config, code=2)


def test_a_signal_is_found_by_its_ref_and_by_its_partners_id(config: Path, tmp_path: Path) -> None:
    run("register", "upgrade", "--config", config)
    accept_one_signal(f"sqlite:///{tmp_path}/register.sqlite")

    by_ref = run_json("find", "s0000-0g00-02p", "--config", config)
    by_id = run_json("find", "K-1", "--partner", "woonzo", "--config", config)

    assert by_ref["signaal_id"] == by_id["signaal_id"] == "K-1"
    assert (by_id["signaal_ref"], by_id["regelnr"], by_id["bestand"]) == ("S00000G0002P", 2, "een.csv.pgp")
    run("find", "K-1", "--partner", "andere", "--config", config, code=1)


def test_intake_of_unreachable_partners_names_them_and_is_late(config: Path) -> None:
    run("register", "upgrade", "--config", config)  # nobody serves the sandbox here

    data = run_json("intake", "--config", config, code=1)

    assert data["onbereikbaar"] == [path.stem for path in (config / "partners").glob("*.toml")]
    assert (data["opgehaald"], data["aanleveringen"]) == (0, 0)


def test_a_night_without_signals_is_well(config: Path) -> None:
    run("register", "upgrade", "--config", config)

    data = run_json("uitlevering", "--config", config, code=1)

    today = local_date(datetime.now(UTC))
    assert (data["nacht"], data["batches"], data["klopt"]) == (str(today), 0, True)
    assert data["uitgesteld"]  # its manifest waits: nobody serves the sandbox here
    [why] = data["waarom_niets"]
    assert data["uitgesteld"][0] in why


@pytest.mark.parametrize(("days", "fault", "code"), [(1, "NightAhead", 2), (-1, "NightNeverFrozen", 1)])
def test_a_night_that_has_not_come_or_was_never_frozen_is_refused_and_freezes_nothing(
    config: Path, tmp_path: Path, days: int, fault: str, code: int
) -> None:
    run("register", "upgrade", "--config", config)
    accept_one_signal(f"sqlite:///{tmp_path}/register.sqlite")
    night = local_date(datetime.now(UTC)) + timedelta(days=days)

    answer = run_json("uitlevering", "--nacht", night, "--config", config, code=code)

    assert (answer["fout"], answer["feiten"]["nacht"]) == (fault, str(night))
    assert run_json("status", "--config", config)["batches"] == []


def test_a_reference_is_imported(config: Path, tmp_path: Path) -> None:
    source = tmp_path / "pc6hnr20250801_gwb.csv"
    source.write_text(PC6HNR)

    assert run_json("reference", "import", source, "--config", config)["rijen"] == 1
    assert "Overgenomen: 1 adressen van 2025" in run("reference", "import", source, "--config", config)


def test_a_reference_that_is_none_is_wrong_use(config: Path, tmp_path: Path) -> None:
    source = tmp_path / "pc6hnr20250801_gwb.csv"
    source.write_text("a;b\n1;2\n")

    assert run_json("reference", "import", source, "--config", config, code=2)["fout"] == "ReferenceFault"
    run("reference", "import", tmp_path / "weg.csv", "--config", config, code=2)


def test_a_sandbox_is_made_and_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "box"

    data = run_json("sandbox", "create", folder, "--partners", "1", "--uitvoerders", "1", "--signalen", "5")
    assert Path(data["config"]) == folder / "config"
    assert run_json("config", "check", "--config", folder / "config")["klopt"]

    run("sandbox", "drop", folder)
    assert not folder.exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "brief.txt").write_text("van iemand")

    for command in ("create", "drop", "serve"):
        run("sandbox", command, tmp_path, code=2)

    assert (tmp_path / "brief.txt").read_text() == "van iemand"


def greeting(host: str, port: int) -> bytes:
    """What the server says first, once it listens."""
    until = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection((host, port), timeout=10) as connection:
                return connection.recv(64)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sandbox_is_served_until_it_is_stopped(made: Path, number: signal.Signals) -> None:
    program = Path(sys.executable).with_name("nachtpost")
    with subprocess.Popen([program, "sandbox", "serve", made, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads("".join(process.stdout.readline() for _ in range(4)))
        assert greeting(said["host"], said["poort"]).startswith(b"SSH-2.0")
        process.send_signal(number)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()


FAULTS: list[tuple[Fault, int]] = [
    (ConfigurationFault([]), 2),
    (ReferenceFault("f", "r"), 2),
    (PartyUnreachable("zuid", "timeout"), 3),
    (AccountUnknown("zuid", "r", "m"), 3),
    (RequestRefused("zuid", "het hernoemen van een bestand", 4), 3),
    (UploadIncomplete("zuid", 0, 4), 3),
    (OutOfTime("zuid", 300), 3),
    (LoginRefused("zuid", "nachtpost", "SHA256:x", "zij kent die niet"), 1),
    (ServerUnfit("zuid", "geen SFTP"), 3),
    (FolderRefused("zuid", "in", "het lezen van de map", 3), 3),
    (FolderMissing("zuid", "in"), 3),
    (TooManyNames("zuid", "in", 1), 3),
    (FileChanged("zuid"), 3),
    (NameTaken("zuid"), 3),
    (NotDone("zuid", "het verplaatsen van een bestand"), 3),
    (StoreFault("n", "r"), 3),
    (PgpFault("versleutelen", "s"), 3),
    (LeaseLost("pickup"), 3),
    (StateConflict("zending", 1, "GEUPLOAD"), 3),
    (HostKeyMismatch("zuid"), 1),
    (TargetExists("uit/0363/x"), 1),
    (BalanceFault(["aanlevering 7"]), 1),
    (NightAhead(date(2036, 11, 26), date(2026, 11, 26)), 2),
    (NightNeverFrozen(date(2026, 11, 25)), 1),
    (NotANight("2026-02-30"), 2),
    (LedgerBroken(4), 1),
    (NotDoubtful(7, "GEPUBLICEERD"), 1),
    (RegisterUnreachable(), 3),
    (DemoFault("Het lukte niet."), 1),
    (SandboxFault("r"), 2),
]


def test_no_fault_is_left_out_below() -> None:
    every = {one for one in vars(faults).values() if isinstance(one, type) and issubclass(one, Fault)}

    assert {type(fault) for fault, _ in FAULTS} == every - {Fault, PartyFault, FileFault}


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_every_fault_has_a_sentence_and_a_code(fault: Fault, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert refuse(fault) == code

    said = "".join(capsys.readouterr())
    assert said.strip()
    assert type(fault).__name__ not in said


def test_the_program_itself_ends_with_the_code(config: Path) -> None:
    program = Path(sys.executable).with_name("nachtpost")
    environment = {**os.environ, "NACHTPOST_CONFIG": str(config)}

    well = subprocess.run([program, "config", "check"], env=environment, capture_output=True, text=True, check=False)
    (config / "overeenkomsten.csv").unlink()
    wrong = subprocess.run([program, "config", "check"], env=environment, capture_output=True, text=True, check=False)

    assert (well.returncode, wrong.returncode) == (0, 2)
    assert "overeenkomsten.csv" in wrong.stdout
    assert "Traceback" not in wrong.stdout + wrong.stderr
