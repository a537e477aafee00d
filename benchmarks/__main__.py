"""Side by side, in turn, at 100 k and 1 M signals in 60 partner files; writes docs/performance.md.

python -m benchmarks                  both sizes, three rounds
python -m benchmarks --size 100000 --rounds 1
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from rich.console import Console

from benchmarks import database, measure, report, world

SIZES = (100_000, 1_000_000)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--size", type=int, action="append", help="signals; may be given more than once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args()
    console = Console(stderr=True)
    found = {size: _size(size, asked.rounds, console) for size in asked.size or SIZES}
    memory = {size: _one_file(size, console) for size in (100_000, 200_000)}
    asked.output.write_text(report.text(found, memory, asked.rounds))


def _size(size: int, rounds: int, console: Console) -> dict[str, list[measure.Run]]:
    runs: dict[str, list[measure.Run]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="np-bench") as name, database.postgres() as server:
        folder = world.make(Path(name) / "s", size)
        with world.served(folder):
            for at in range(rounds):
                for contender in ("bare tools", "obvious Python", "product, SQLite", "product, PostgreSQL"):
                    world.reset(folder)
                    environment = {}
                    if contender == "product, PostgreSQL":
                        environment["NACHTPOST_OPSLAG__REGISTER"] = database.fresh(server)
                    module = {"bare tools": "bare", "obvious Python": "obvious"}.get(contender, "product")
                    done = measure.run(f"benchmarks.{module}", folder, environment)
                    runs[contender].append(done)
                    console.print(
                        f"{size:>9,} round {at + 1} {contender:20} {done.seconds:6.1f} s {done.peak:6.0f} MiB"
                    )
    return runs


def _one_file(size: int, console: Console) -> float:
    """Peak memory of a night of `size` signals in one file, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="np-bench") as name:
        folder = world.make(Path(name) / "s", size, partners=1)
        with world.served(folder):
            peaks = []
            for _ in range(3):
                world.reset(folder)
                peaks.append(measure.run("benchmarks.product", folder).peak)
    console.print(f"{size:>9,} in one file: {statistics.median(peaks):.0f} MiB")
    return statistics.median(peaks)


if __name__ == "__main__":
    main()
