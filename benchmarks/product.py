"""The product's own steps with every check, the register and the terugmeldingen; two processes, as two tasks."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from benchmarks.timing import step, tell
from exchange import register
from exchange.context import local_date, open_exchange, utc_now
from exchange.steps import build, bundle, check, pickup, publish, report


def ready(_: int) -> None:
    """Start a process: start-up is counted for nobody."""
    time.sleep(0.1)


def check_group(folder: Path, partners: list[str]) -> None:
    """One mapped task of `intake`."""
    with open_exchange(folder) as exchange:
        check.check(exchange, partners, utc_now)


def build_shard(folder: Path, night: date, codes: list[str]) -> None:
    """One mapped task of `uitlevering`."""
    with open_exchange(folder) as exchange:
        build.build(exchange, night, codes, utc_now)


def main(folder: Path) -> None:
    """One whole night."""
    with (
        open_exchange(folder) as exchange,
        ProcessPoolExecutor(2, get_context("forkserver")) as pool,
    ):
        register.upgrade(exchange.config.opslag.register)
        list(pool.map(ready, range(8)))
        night = local_date(utc_now())
        with step("pickup"):
            pickup.pickup(exchange, utc_now)
        with step("check"):
            list(pool.map(check_group, *_spread(folder, check.groups(exchange, 2))))
        with step("publish answers"):
            publish.publish(exchange, utc_now)
        with step("bundle"):
            bundle.bundle(exchange, night, utc_now)
        with step("build"):
            shards = build.shards(exchange, night, 2)
            list(pool.map(build_shard, [folder] * len(shards), [night] * len(shards), shards))
        with step("publish batches"):
            publish.publish(exchange, utc_now)
        with step("report"):
            done = report.report(exchange, night, utc_now)
        assert done.klopt
        assert done.totalen["doorgezet"] > 0
    tell()


def _spread(folder: Path, groups: list[list[str]]) -> tuple[list[Path], list[list[str]]]:
    return [folder] * len(groups), groups


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "config")
