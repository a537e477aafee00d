"""Run DAGs of this repository in Airflow, in a process of their own: `python run_dags.py RESULT [ID=URI ...] DAG ...`.

ID=URI is a connection for Airflow's database; DAG may be followed by `@` and the moment (ISO 8601) for which the run is
asked by hand. Writes one JSON list to RESULT, one item per DAG: its name, the run's state and partition key, and its
tasks.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.models.connection import Connection
from airflow.utils.db import initdb
from airflow.utils.session import create_session


def main(result: Path, asked: list[str]) -> None:
    """Migrate Airflow's database when it is new, and run the DAGs one after another."""
    initdb()
    connections = dict(one.split("=", 1) for one in asked if "=" in one)
    with create_session() as session:
        session.add_all(Connection(conn_id=name, uri=uri) for name, uri in connections.items())
    bag = DagBag(dag_folder=str(Path(os.environ["AIRFLOW_HOME"]) / "dags"))
    assert not bag.import_errors, bag.import_errors
    answer = []
    for dag_id in (one for one in asked if "=" not in one):
        name, _, when = dag_id.partition("@")
        run = bag.dags[name].test(run_after=datetime.fromisoformat(when) if when else None)
        tasks = [
            {"taak": one.task_id, "naam": one.rendered_map_index, "staat": one.state, "poging": one.try_number}
            for one in run.get_task_instances()
        ]
        answer.append({"dag": dag_id, "staat": run.state, "taken": tasks})
    result.write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
