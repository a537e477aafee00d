"""alone: what goes wrong on our side with one is raised when all others have been served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from exchange.sentences import sentence

log = logging.getLogger(__name__)


@contextmanager
def each_alone() -> Iterator[Callable[[str], AbstractContextManager[None]]]:
    """Gives what to put around the work for each (its name, an id of ours, goes to the log). Every fault is logged and
    the first one raised at the end; one that the body raises itself goes before it."""
    faults: list[Exception] = []

    @contextmanager
    def alone(whose: str) -> Iterator[None]:
        try:
            yield
        except Exception as fault:  # noqa: BLE001  raised below
            log.error("%s: %s", whose, sentence(fault))
            faults.append(fault)

    yield alone
    if faults:
        raise faults[0]
