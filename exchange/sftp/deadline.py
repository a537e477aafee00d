"""Until when a visit to a party may take, whatever its server does.

A time-out per answer does not end a server that gives a byte now and then, names without end, or half a packet; and
the libraries below wait without one in places. So what is open when the time is over is closed by a watch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadline:
    """`seconds` from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, none when it has passed."""
        return max(0.0, self._until - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return not self.left

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """Call `end`, from another thread, when the time is over before the body is."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(self.left):
                if self.passed:
                    end()
                    return

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()
