"""Seconds per step, printed as JSON at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

_steps: dict[str, float] = {}


@contextmanager
def step(name: str) -> Iterator[None]:
    """Add the time of the body to `name`."""
    begun = time.perf_counter()
    yield
    _steps[name] = _steps.get(name, 0) + time.perf_counter() - begun


def tell() -> None:
    """Print what was measured, for `measure.run`."""
    print(json.dumps(_steps), flush=True)
