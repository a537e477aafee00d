"""Run one contender as a process of its own and watch the memory of everything it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """Seconds per step, their sum, and the highest sum of memory (PSS, MiB) of the processes at one moment."""

    steps: dict[str, float]
    peak: float

    @property
    def seconds(self) -> float:
        """The whole run, without start-up."""
        return sum(self.steps.values())


def run(module: str, folder: Path, environment: Mapping[str, str] | None = None) -> Run:
    """`python -m <module> <folder>`; it prints its seconds per step as JSON on its last line."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(folder)], stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}
    )
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            peak[0] = max(peak[0], _memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    over.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{module} ended with {process.returncode}")
    return Run(json.loads(output.splitlines()[-1]), peak[0])


def _memory(root: int) -> float:
    """PSS of a process and all its descendants, in MiB."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    waiting, total = [root], 0
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024
