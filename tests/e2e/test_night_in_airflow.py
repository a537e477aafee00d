"""The real DAGs in Airflow on a sandbox: what stands at the parties afterwards, opened with their own keys."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exchange import register
from exchange.context import open_exchange, utc_now
from exchange.register.tables import aanlevering, logboek
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import check, pickup

#: A night that has not come.
AHEAD = "2036-11-26"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Night:
    """A night that was run: intake, uitlevering, and both once more; then one was asked for that is years away."""

    sandbox: Sandbox
    runs: list[dict[str, Any]]
    ahead: dict[str, Any]
    status: dict[str, Any]
    traces: bytes  # everything that Airflow wrote down: database, logs, output


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("nacht")
    sandbox = create(folder / "zandbak", partners=5, uitvoerders=3, signalen=200, seed=7)
    register.upgrade(f"sqlite:///{folder}/zandbak/var/register.sqlite")
    connections = [in_a_connection(sandbox, party) for party in ("huur-01", "uitvoerder-02")]
    with serving(sandbox.folder):
        dags = ("intake", "uitlevering", "intake", "uitlevering", f"uitlevering@{AHEAD}T05:00:00+01:00")
        (*runs, ahead), output = run_dags(folder / "airflow", sandbox.config, *dags, connections=connections)
    with open_exchange(sandbox.config) as exchange:
        found = status(exchange)
    written = [path.read_bytes() for path in (folder / "airflow").rglob("*") if path.is_file()]
    yield Night(sandbox, runs, ahead, found, output + b"".join(written))


def in_a_connection(sandbox: Sandbox, party: str) -> str:
    """Leave it to a connection of Airflow where the party's account is; that connection, as ID=URI."""
    (path,) = sandbox.config.glob(f"*/{party}.toml")
    account = tomllib.loads(path.read_text())["sftp"]
    moved = ("host", "poort", "gebruiker")
    kept = [line for line in path.read_text().splitlines() if line.partition(" ")[0] not in moved]
    path.write_text("\n".join(kept).replace("[sftp]", f'[sftp]\nverbinding = "{party}"'))
    return f"{party}=sftp://{account['gebruiker']}@{account['host']}:{account['poort']}"


def run_dags(
    folder: Path, config: Path, *dags: str, connections: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], bytes]:
    """Run DAGs in a process of their own on an Airflow database in `folder` that holds `connections` (ID=URI)."""
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "AIRFLOW_HOME": str(ROOT),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "NACHTPOST_CONFIG": str(config),
    }
    command = [sys.executable, str(Path(__file__).with_name("run_dags.py")), str(folder / "result.json")]
    command += [*connections, *dags]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=280)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output.decode()[-5000:]
    return json.loads((folder / "result.json").read_text()), output


def opened(sandbox: Sandbox, party: str, path: Path, home: Path) -> list[dict[str, str]]:
    """The rows of a file, opened with plain gpg and the party's own key; the signature must be the exchange's."""
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--trust-model", "always", "--status-fd", "2"]
    own = sandbox.folder / "parties" / party
    subprocess.run(
        [*gpg, "--import", str(own / "secret.asc"), str(own / "exchange.asc")], check=True, capture_output=True
    )
    done = subprocess.run([*gpg, "--decrypt", str(path)], check=True, capture_output=True)
    assert b"[GNUPG:] VALIDSIG" in done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8-sig")), delimiter=";"))


def test_every_run_is_green_although_partners_made_mistakes(night: Night) -> None:
    assert [run["staat"] for run in night.runs] == ["success"] * 4
    assert any(one["code"] for one in night.status["aanleveringen"])
    assert {one["staat"] for run in night.runs for one in run["taken"] if one["taak"] != "alarm"} <= {
        "success",
        "skipped",  # the second intake has nothing to check
    }


def test_tasks_carry_the_names_of_what_they_work_on(night: Night) -> None:
    groups = [one["naam"] for one in night.runs[0]["taken"] if one["taak"] == "check"]
    assert sorted(name for group in groups for name in group.split(", ")) == sorted(night.sandbox.partners)
    shards = [one["naam"] for one in night.runs[1]["taken"] if one["taak"] == "build"]
    assert len(shards) == 3
    assert all(" meer" in shard for shard in shards)
    [day] = frozen_nights(night)
    assert {shard.split(",")[0] for shard in shards} == {f"nacht {day}"}  # asked by hand, without a key


def frozen_nights(night: Night) -> set[date]:
    """As the names of batches tell: VS_BATCH_<gemeentecode>_<yyyymmdd>_<nnn>."""
    return {date.fromisoformat(one["bestand"].split("_")[3]) for one in night.status["batches"]}


def test_a_night_that_has_not_come_is_refused_at_once_and_freezes_nothing(night: Night) -> None:
    tasks = {one["taak"]: (one["staat"], one["poging"]) for one in night.ahead["taken"]}
    assert (night.ahead["staat"], tasks["bundle"]) == ("failed", ("failed", 1))
    assert tasks["report"][0] == "skipped"
    assert date.fromisoformat(AHEAD) not in frozen_nights(night)
    assert f"De nacht van {AHEAD} is nog niet geweest".encode() in night.traces


def test_a_run_that_published_nothing_says_why_in_its_log(night: Night) -> None:
    assert b"Van deze nacht is alles er al" in night.traces


def test_the_night_balances_and_everything_is_delivered(night: Night) -> None:
    balance = night.status["balans"]
    expected = night.sandbox.expected
    assert balance["klopt"]
    assert balance["wachtend"] == 0
    assert (balance["regels"], balance["afgekeurd"]) == (sum(e.regels for e in expected), sum(e.fout for e in expected))
    assert balance["doorgezet"] == balance["regels"] - balance["afgekeurd"] > 0


def test_each_file_gets_the_code_that_it_deserves(night: Night) -> None:
    answered = {(one["partner"], one["bestand"]): one["code"] or "" for one in night.status["aanleveringen"]}
    assert answered == {(one.partner, one.bestand): one.code for one in night.sandbox.expected}


def test_each_uitvoerder_opens_its_batches_and_its_manifest_names_them_all(night: Night, gpg_home: Path) -> None:
    delivered = 0
    for party in night.sandbox.uitvoerders:
        out = night.sandbox.folder / "sftp" / party / "uit"
        (manifest,) = out.glob("VS_MANIFEST_*")
        lines = opened(night.sandbox, party, manifest, gpg_home)
        assert {line["gemeentecode"] for line in lines} == {folder.name for folder in out.iterdir() if folder.is_dir()}
        listed = {line["bestand"]: line for line in lines if line["staat"] != "LEEG"}
        batches = {path.name: path for path in out.glob("*/VS_BATCH_*")}
        assert batches.keys() == listed.keys()
        for name, path in batches.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name]["sha256"]
            delivered += int(listed[name]["regels"])
    assert delivered == night.status["balans"]["doorgezet"]


def test_a_batch_holds_the_rows_of_its_gemeente(night: Night, gpg_home: Path) -> None:
    batch = max(night.status["batches"], key=lambda one: one["regels"])
    path = night.sandbox.folder / "sftp" / batch["uitvoerder"] / "uit" / batch["gemeentecode"] / batch["bestand"]
    rows = opened(night.sandbox, batch["uitvoerder"], path, gpg_home)
    assert len(rows) == batch["regels"]
    assert {row["gemeentecode"] for row in rows} == {batch["gemeentecode"]}
    assert all(row["achternaam"] and row["signaal_ref"] for row in rows)


def test_each_partner_reads_what_became_of_every_row(night: Night, gpg_home: Path) -> None:
    for party in night.sandbox.partners:
        folder = night.sandbox.folder / "sftp" / party / "terugmelding"
        (good,) = (one for one in night.sandbox.expected if one.partner == party and one.regels)
        stem = good.bestand.removesuffix(".csv.pgp")
        (controle,) = folder.glob(f"{stem}_CONTROLE_*")
        lines = [line for line in opened(night.sandbox, party, controle, gpg_home) if line["niveau"] == "REGEL"]
        refused = {line["regelnr"] for line in lines if line["staat"] == "AFGEKEURD"}
        accepted = {line["regelnr"] for line in lines if line["staat"] == "AANVAARD"}
        assert (len(refused), len(accepted)) == (good.fout, good.regels - good.fout)
        assert all(line["code"] and line["tekst"] for line in lines if line["staat"] == "AFGEKEURD")
        (doorgezet,) = folder.glob("VS_DOORGEZET_*")
        through = opened(night.sandbox, party, doorgezet, gpg_home)
        assert {line["regelnr"] for line in through if line["niveau"] == "REGEL"} == accepted


def test_a_terugmelding_nr_rises_without_a_gap(night: Night) -> None:
    for party in night.sandbox.partners:
        names = (night.sandbox.folder / "sftp" / party / "terugmelding").glob("VS_*")
        numbers = {int(path.name.split(".")[0].rsplit("_", 1)[1]) for path in names}
        assert numbers == set(range(1, len(numbers) + 1))


def test_airflow_holds_nothing_personal(night: Night, gpg_home: Path) -> None:
    batch = max(night.status["batches"], key=lambda one: one["regels"])
    path = night.sandbox.folder / "sftp" / batch["uitvoerder"] / "uit" / batch["gemeentecode"] / batch["bestand"]
    for row in opened(night.sandbox, batch["uitvoerder"], path, gpg_home):
        personal = [row[name] for name in ("naamregel", "email", "telefoon", "klantnummer", "postcode") if row[name]]
        assert personal
        for value in personal:
            assert value.encode() not in night.traces


def test_what_a_retry_cannot_mend_fails_at_once_and_turns_the_run_red(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    ((run,), output) = run_dags(tmp_path / "airflow", tmp_path / "config", "intake")
    tasks = {one["taak"]: one for one in run["taken"]}
    assert run["staat"] == "failed"
    assert (tasks["pickup"]["staat"], tasks["pickup"]["poging"]) == ("failed", 1)
    assert tasks["alarm"]["staat"] == "failed"
    assert b"nachtpost.toml: dit bestand ontbreekt" in output


@pytest.mark.long
def test_a_party_that_is_stopped_is_named_in_red_when_the_work_for_all_others_is_done(tmp_path: Path) -> None:
    sandbox = create(tmp_path / "zandbak", partners=2, uitvoerders=1, signalen=20, seed=7, wrong=False)
    register.upgrade(f"sqlite:///{sandbox.folder}/var/register.sqlite")
    (sandbox.config / "keys" / "huur-01.asc").unlink()
    with serving(sandbox.folder):
        runs, output = run_dags(tmp_path / "airflow", sandbox.config, "intake", "uitlevering")
    assert [run["staat"] for run in runs] == ["failed"] * 2
    red = [{one["taak"] for one in run["taken"] if one["staat"] == "failed"} for run in runs]
    assert red == [{"publish", "alarm"}, {"report", "alarm"}]
    assert "nachtpost config check noemt wat er mis is: huur-01 (1 fout)" in output.decode()
    with open_exchange(sandbox.config) as exchange:
        found = status(exchange)
    assert (found["balans"]["regels"], found["balans"]["doorgezet"]) == (10, 10)


@pytest.mark.long
def test_a_night_without_batches_publishes_and_closes_all_the_same(tmp_path: Path) -> None:
    sandbox = create(tmp_path / "zandbak", partners=1, uitvoerders=1, signalen=0, wrong=False)
    register.upgrade(f"sqlite:///{sandbox.folder}/var/register.sqlite")
    with serving(sandbox.folder):
        ((run,), _) = run_dags(tmp_path / "airflow", sandbox.config, "uitlevering")
    states = {one["taak"]: one["staat"] for one in run["taken"]}
    assert (run["staat"], states["build"], states["publish"]) == ("success", "skipped", "success")
    assert len(list(sandbox.folder.glob("sftp/uitvoerder-01/uit/VS_MANIFEST_*"))) == 1
    assert events(sandbox)[-1] == "NACHT_GESLOTEN"


def events(sandbox: Sandbox) -> list[str]:
    with open_exchange(sandbox.config) as exchange, exchange.register.connect() as db:
        return list(db.scalars(sa.select(logboek.c.gebeurtenis).order_by(logboek.c.nr)))


@pytest.mark.long
def test_what_does_not_add_up_stands_still_before_it_is_built_and_turns_the_night_red(tmp_path: Path) -> None:
    sandbox = create(tmp_path / "zandbak", partners=1, uitvoerders=1, signalen=10, seed=7, wrong=False)
    register.upgrade(f"sqlite:///{sandbox.folder}/var/register.sqlite")
    with serving(sandbox.folder):
        with open_exchange(sandbox.config) as exchange:
            pickup.pickup(exchange, utc_now)
            check.check(exchange, sandbox.partners, utc_now)
            with exchange.register.begin() as db:
                db.execute(aanlevering.update().values(regels=aanlevering.c.regels + 1))
        ((run,), _) = run_dags(tmp_path / "airflow", sandbox.config, "uitlevering")
    found = events(sandbox)
    assert found[found.index("NACHT_BEVROREN") + 1] == "STILGEZET"
    red = {one["taak"] for one in run["taken"] if one["staat"] == "failed"}
    assert (run["staat"], red) == ("failed", {"publish", "report", "alarm"})
    assert not list(sandbox.folder.glob("sftp/uitvoerder-01/uit/*/VS_BATCH_*"))
