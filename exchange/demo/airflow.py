"""Airflow for the demo: its four parts in one process group, and the few questions that are put to its REST API."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.faults import DemoFault

HOST, PORT = "127.0.0.1", 8080
PARTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
#: Seconds in which Airflow must be ready, and in which a run must end.
READY, RUN = 120, 300
FINAL = {"success", "failed"}


def repository() -> Path:
    """The repository root, where `airflow.cfg` and `dags/` are: AIRFLOW_HOME."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "airflow.cfg").is_file():
        raise DemoFault("De demo draait alleen vanuit de repository: daar staan airflow.cfg en dags/.")
    return root


@dataclass(frozen=True)
class Task:
    """One task of a run: its name (with what it works on, when mapped) and state."""

    id: str
    naam: str
    staat: str


class Airflow:
    """A running Airflow; raises DemoFault when it does not answer as expected."""

    def __init__(self, port: int, passwords: Path) -> None:
        self.port, self._passwords = port, passwords
        self._token = ""

    @property
    def url(self) -> str:
        """The address of its pages."""
        return f"http://{HOST}:{self.port}"

    def password(self, user: str) -> str:
        """The generated password of `user`."""
        found: dict[str, str] = json.loads(self._passwords.read_text())
        return found[user]

    def ready(self, dags: list[str]) -> bool:
        """Whether the scheduler runs and knows these DAGs."""
        try:
            health = self._ask("GET", "/api/v2/monitor/health")
            if health["scheduler"]["status"] != "healthy":
                return False
            if not self._token:
                login = {"username": "admin", "password": self.password("admin")}
                self._token = self._ask("POST", "/auth/token", login)["access_token"]
            known = {one["dag_id"] for one in self._ask("GET", "/api/v2/dags")["dags"]}
        except (OSError, KeyError, http.client.HTTPException, DemoFault):
            return False
        return known.issuperset(dags)

    def trigger(self, dag: str) -> None:
        """Ask for a run by hand and switch the DAG on."""
        self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})
        self._ask("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})

    def states(self, dag: str) -> list[str]:
        """The states of all runs: where the clock asked for one meanwhile, it may have been ahead of ours."""
        return [run["state"] for run in self._ask("GET", f"/api/v2/dags/{dag}/dagRuns")["dag_runs"]]

    def tasks(self, dag: str) -> list[Task]:
        """The tasks of all runs, in the order in which they started."""
        found = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns/~/taskInstances")["task_instances"]
        found.sort(key=lambda one: (one["start_date"] is None, one["start_date"], one["map_index"]))
        # only the first of a mapped task carries the display name
        shown = {one["task_id"]: one["task_display_name"] for one in found if one["map_index"] <= 0}
        return [Task(one["id"], _name(one, shown[one["task_id"]]), one["state"] or "wacht") for one in found]

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise DemoFault(f"Airflow antwoordt {answer.status} op {method} {path}")
        return json.loads(content)


def _name(task: Mapping[str, Any], shown: str) -> str:
    return f"{shown} · {task['rendered_map_index']}" if task["rendered_map_index"] else shown


@contextmanager
def running(folder: Path, config: Path) -> Iterator[Airflow]:
    """Migrate a database in `folder` and run the four parts on it until the block ends."""
    port = _free_port()
    passwords = folder / "wachtwoorden.json"
    environment = _environment(folder, config, port, passwords)
    logs = folder / "logs"
    logs.mkdir(parents=True)
    with (logs / "migrate.log").open("wb") as log:
        done = subprocess.run([*_AIRFLOW, "db", "migrate"], env=environment, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise DemoFault(f"Airflow kon zijn database niet maken; zie {logs / 'migrate.log'}")
    parts: list[subprocess.Popen[bytes]] = []
    try:
        for name, arguments in PARTS.items():
            group = parts[0].pid if parts else 0
            with (logs / f"{name}.log").open("wb") as log:
                parts.append(
                    subprocess.Popen(
                        [*_AIRFLOW, *arguments],
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        process_group=group,
                    )
                )
        yield Airflow(port, passwords)
    finally:
        _stop(parts)


_AIRFLOW = [sys.executable, "-m", "airflow"]


def _environment(folder: Path, config: Path, port: int, passwords: Path) -> dict[str, str]:
    """The repository's airflow.cfg, with database, logs and passwords of its own."""
    url = f"http://{HOST}:{port}"
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {
        "AIRFLOW_HOME": str(repository()),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(folder / "logs" / "dag_processor"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "NACHTPOST_CONFIG": str(config),
    }


def _free_port() -> int:
    """8080 when it is free, else any."""
    for wanted in (PORT, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, wanted))
            return int(probe.getsockname()[1])
    raise DemoFault("Er is geen vrije poort op deze machine.")


def _stop(parts: list[subprocess.Popen[bytes]]) -> None:
    """Stop the whole group, workers included; what does not listen within ten seconds is ended."""
    if not parts:
        return
    group = parts[0].pid
    for order, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(group, order)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            for part in parts:
                part.poll()
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
