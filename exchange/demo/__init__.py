"""`nachtpost demo`: one night from end to end on this machine, for real.

A sandbox exchange with its own SFTP server, Airflow with its four parts, the DAGs `intake` and `uitlevering` run by its
scheduler; then the numbers.
"""

from __future__ import annotations

import fcntl
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from exchange import register
from exchange.context import open_exchange
from exchange.demo import airflow, summary
from exchange.faults import DemoFault
from exchange.sandbox.create import create, read_expected
from exchange.sandbox.serve import serving
from exchange.status import status

PARTNERS, UITVOERDERS, SIGNALEN, SEED = 6, 12, 20_000, 2026
DAGS = ["intake", "uitlevering"]


def run(*, exit: bool) -> None:
    """Show a night; raises DemoFault when it does not balance. Without `exit` the pages stay open until Ctrl-C."""
    console = Console(highlight=False)
    folder = airflow.repository() / "var" / "demo"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops us: the parts stop with us
    with ExitStack() as stack:
        stack.enter_context(_alone(folder))
        screen = stack.enter_context(_Screen(console))
        sandbox, server = folder / "zandbak", folder / "airflow"
        with ThreadPoolExecutor(1) as aside:
            made = aside.submit(_make, sandbox)
            screen.now("Airflow start, zandbak wordt gemaakt")
            flow = stack.enter_context(airflow.running(server, sandbox / "config"))
            made.result()
        screen.done(f"Zandbak: {PARTNERS} partners, {UITVOERDERS} uitvoerders, {SIGNALEN} signalen")
        port = stack.enter_context(serving(sandbox))
        screen.done(f"SFTP-server op 127.0.0.1:{port}, elke partij in haar eigen map")
        _wait(lambda: flow.ready(DAGS), airflow.READY, f"Airflow kwam niet op; zie {server / 'logs'}")
        screen.done(f"Airflow op {flow.url}")
        states = {dag: _follow(flow, dag, screen) for dag in DAGS}
        screen.stop()
        wrong = _tell(console, folder, sandbox, states)
        if not exit:
            _stay(console, flow)
    if wrong:
        raise DemoFault("De nacht klopt niet; zie hierboven.")


def _make(sandbox: Path) -> None:
    create(sandbox, partners=PARTNERS, uitvoerders=UITVOERDERS, signalen=SIGNALEN, seed=SEED)
    with open_exchange(sandbox / "config") as exchange:
        register.upgrade(exchange.config.opslag.register)


def _follow(flow: airflow.Airflow, dag: str, screen: _Screen) -> str:
    """Run one DAG and show its tasks as they end; returns the state in which it ended."""
    flow.trigger(dag)
    shown = set[str]()

    def over() -> bool:
        states, tasks = flow.states(dag), flow.tasks(dag)
        for task in tasks:
            if task.staat in ("success", "failed", "upstream_failed") and task.id not in shown:
                shown.add(task.id)
                screen.done(f"{dag}: {task.naam}", well=task.staat == "success")
        busy = [task.naam for task in tasks if task.staat in ("running", "queued", "scheduled", "up_for_retry")]
        screen.now(f"{dag}: {', '.join(busy) or 'wacht op Airflow'}")
        return airflow.FINAL.issuperset(states)

    _wait(over, airflow.RUN, f"{dag} is na {airflow.RUN} seconden nog niet klaar.")
    return "failed" if "failed" in flow.states(dag) else "success"


def _tell(console: Console, folder: Path, sandbox: Path, states: dict[str, str]) -> list[str]:
    """Print the summary; returns what is wrong."""
    with open_exchange(sandbox / "config") as exchange:
        found: dict[str, Any] = status(exchange)
    wrong = [f"{dag} eindigde als {state}." for dag, state in states.items() if state != "success"]
    wrong += summary.problems(found, read_expected(sandbox))
    console.print()
    console.print(summary.tables(found))
    console.print()
    console.print(summary.places(folder), soft_wrap=True)
    console.print()
    for sentence in wrong:
        console.print(sentence, style="red", markup=False)
    if not wrong:
        console.print("De nacht klopt: elke regel is verantwoord, elk fout bestand is met zijn reden beantwoord.")
    return wrong


def _stay(console: Console, flow: airflow.Airflow) -> None:
    console.print(f"\nAirflow    {flow.url}")
    console.print(f"Inloggen   admin / {flow.password('admin')}   (alleen kijken: kijker / {flow.password('kijker')})")
    console.print("Stoppen    Ctrl-C")
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("\nAirflow en SFTP-server stoppen.")


def _wait(over: Callable[[], bool], seconds: float, otherwise: str) -> None:
    until = time.monotonic() + seconds
    while not over():
        if time.monotonic() > until:
            raise DemoFault(otherwise)
        time.sleep(0.7)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Start from an empty folder; refuse when another demo is still in it."""
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".slot").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFault("Er draait al een demo in deze map. Stop die eerst met Ctrl-C.") from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield


class _Screen:
    """What is done as lines with their moment, what is going on as one moving line under them."""

    def __init__(self, console: Console) -> None:
        self._console, self._start = console, time.monotonic()
        self._status = Status("", console=console)

    def __enter__(self) -> _Screen:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def now(self, what: str) -> None:
        self._status.update(what)

    def done(self, what: str, *, well: bool = True) -> None:
        moment = time.monotonic() - self._start
        mark = "[green]✓[/]" if well else "[red]✗[/]"
        self._console.print(f"{mark} {moment:5.0f} s  ", end="")
        self._console.print(what, markup=False, soft_wrap=True)

    def stop(self) -> None:
        self._status.stop()
