"""What a fault does to a task, and what of it may be read in a log."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout
from airflow.serialization.encoders import coerce_to_core_timetable

from dags import step
from exchange.faults import BalanceFault, HostKeyMismatch, LeaseLost, NightAhead, PartyUnreachable, StoreFault
from exchange.sandbox.create import create
from exchange.sentences import sentence
from schemas.nacht import UITLEVERING

DAGS = Path(__file__).resolve().parents[2] / "dags"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(
        tmp_path_factory.mktemp("stap") / "zandbak", partners=1, uitvoerders=1, signalen=0, wrong=False
    ).config


@pytest.fixture(autouse=True)
def _configured(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NACHTPOST_CONFIG", str(config))


@pytest.mark.parametrize(
    "fault", [PartyUnreachable("huur-01", "geen antwoord"), StoreFault("x", "vol"), LeaseLost("pickup")]
)
def test_what_a_retry_can_mend_is_retried(fault: Exception) -> None:
    with pytest.raises(AirflowException, match=re.escape(sentence(fault))) as caught, step.opened():
        raise fault
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    "fault", [HostKeyMismatch("huur-01"), BalanceFault(["batch 7"]), NightAhead(date(2036, 11, 26), date(2026, 11, 26))]
)
def test_what_a_retry_cannot_mend_fails_at_once(fault: Exception) -> None:
    with pytest.raises(AirflowFailException, match=re.escape(sentence(fault))), step.opened():
        raise fault


def test_a_task_that_took_too_long_says_so_and_is_tried_again() -> None:
    with pytest.raises(AirflowException, match="Deze taak duurde langer dan zij mag") as caught, step.opened():
        raise AirflowTaskTimeout("Timeout, PID: 1")
    assert not isinstance(caught.value, AirflowFailException)


def test_the_text_of_an_unforeseen_exception_stays_out_of_the_log() -> None:
    with pytest.raises(AirflowException) as caught, step.opened():
        raise ValueError("could not parse 'J. de Vries, Dorpsstraat 1'")
    assert str(caught.value).startswith("Dit ging onverwacht mis (ValueError in ")
    assert "Vries" not in str(caught.value)
    assert caught.value.__suppress_context__  # else its text would follow in the log


def test_what_needs_a_person_names_what_is_wrong_and_where() -> None:
    with pytest.raises(AirflowFailException, match="hostsleutel klopt niet: huur-01, zorg-04"):
        step.needs_a_person({"hostsleutel klopt niet": ["huur-01", "zorg-04"], "iets anders": []})
    step.needs_a_person({"hostsleutel klopt niet": []})


@pytest.mark.parametrize(
    ("partition", "asked", "night"),
    [
        ("2026-11-23", datetime(2026, 11, 25, 9, 0, tzinfo=UTC), date(2026, 11, 23)),
        (None, datetime(2026, 11, 22, 23, 30, tzinfo=UTC), date(2026, 11, 23)),  # half past midnight in Amsterdam
        (None, datetime(2026, 7, 1, 21, 59, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_a_night_is_its_partition_or_the_amsterdam_date_of_the_asking(
    partition: str | None, asked: datetime, night: date
) -> None:
    assert step.night_of(partition, asked) == night


def test_every_dag_of_the_house_is_found_and_only_intake_knows_spoed() -> None:
    bag = DagBag(dag_folder=str(DAGS))
    assert bag.import_errors == {}
    assert set(bag.dags) == {"intake", "terugkoppeling", "uitlevering"}
    tasks = {name: sorted(dag.task_ids) for name, dag in bag.dags.items()}
    assert tasks["terugkoppeling"] == ["alarm", "check", "pickup", "publish"]
    assert tasks["intake"] == ["alarm", "check", "hurry", "pickup", "publish"]
    assert all(task.execution_timeout for dag in bag.dags.values() for task in dag.tasks)  # none hangs for ever


def test_the_nightly_run_is_keyed_by_the_local_date_of_its_morning_also_when_the_clock_changes() -> None:
    timetable = coerce_to_core_timetable(DagBag(dag_folder=str(DAGS)).dags["uitlevering"].timetable)
    window = {"earliest": datetime(2026, 3, 28, tzinfo=UTC), "latest": datetime(2026, 3, 29, 12, tzinfo=UTC)}
    runs = [(run.partition_key, f"{run.run_after:%H:%M}") for run in timetable.iter_partition_dagrun_infos(**window)]
    assert runs == [("2026-03-28", "03:30"), ("2026-03-29", "02:30")]  # 04:30 in Amsterdam, in UTC
    assert time(4, 30) == UITLEVERING  # what CONTROLE and the documents promise
