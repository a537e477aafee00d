"""docs/performance.md, from what was measured."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Mapping, Sequence

from benchmarks.measure import Run

_HEAD = """# Performance

Written by `make bench` at commit {commit}: {rounds} interleaved rounds on one machine, medians. Seconds are
without start-up; memory is the highest sum (PSS) of all processes at one moment. Timings of a shared machine differ by
a third from day to day; the ratios hold better.

* **bare tools**: `sftp get`, `gpg -d`, polars read and split, `gpg -se` for every part (two at a time),
  `sftp put`. No checks.
* **obvious Python**: paramiko as it comes, `read_csv`, pandera, `groupby().to_csv`, python-gnupg one by one.
* **product**: its own steps with every check, the register and all terugmeldingen, in two processes, without Airflow.

What the product does and the others do not: it logs in to every party at its own account, verifies each signature
against the pinned key, keeps every ciphertext, judges each row by every rule, looks each row up among the earlier ones,
routes it by address, keeps it encrypted, makes and encrypts three answers a file, and records all of it, durably.
"""

#: What we aim at, on PostgreSQL: times the bare tools, and MiB at a million signals.
AIM_TIMES, AIM_MIB = 1.5, 1024


def text(found: Mapping[int, Mapping[str, Sequence[Run]]], memory: Mapping[int, float], rounds: int) -> str:
    """The whole page."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    parts = [_HEAD.format(rounds=rounds, commit=asked.stdout.strip())]
    for size, runs in found.items():
        parts.append(f"\n## {size:,} signals in 60 files\n\n{_table(runs)}\n")
        parts.append(_aims(runs, size))
        parts += [f"\nPer step, {name} (median seconds): {_steps(runs[name])}.\n" for name in runs]
    small, large = memory.values()
    parts.append(
        "\n## One large file\n\nPeak memory of a whole night on SQLite with all signals in one file: "
        f"{small:.0f} MiB at 100,000 and {large:.0f} MiB at 200,000 signals ({large / small:.2f} times).\n"
    )
    return "".join(parts)


def _aims(runs: Mapping[str, Sequence[Run]], size: int) -> str:
    own, bare = runs["product, PostgreSQL"], runs["bare tools"]
    ratio = statistics.median(one.seconds / other.seconds for one, other in zip(own, bare, strict=True))
    said = f"\nAim: at most {AIM_TIMES} times the bare tools: {_reached(ratio <= AIM_TIMES)} ({ratio:.2f})."
    if size == 1_000_000:
        peak = statistics.median(run.peak for run in own)
        said += f" At most {AIM_MIB:,} MiB: {_reached(peak <= AIM_MIB)} ({peak:.0f})."
    return f"{said}\n"


def _reached(holds: bool) -> str:
    return "reached" if holds else "not reached"


def _table(runs: Mapping[str, Sequence[Run]]) -> str:
    lines = ["| way | seconds | times the bare tools | peak MiB |", "|---|---|---|---|"]
    bare = runs["bare tools"]
    for name, own in runs.items():
        seconds = statistics.median(run.seconds for run in own)
        ratio = statistics.median(one.seconds / other.seconds for one, other in zip(own, bare, strict=True))
        spread = f"{min(run.seconds for run in own):.1f} - {max(run.seconds for run in own):.1f}"
        peak = statistics.median(run.peak for run in own)
        lines.append(f"| {name} | {seconds:.1f} ({spread}) | {ratio:.2f} | {peak:.0f} |")
    return "\n".join(lines)


def _steps(runs: Sequence[Run]) -> str:
    names = runs[0].steps
    return ", ".join(f"{name} {statistics.median(run.steps[name] for run in runs):.1f}" for name in names)
