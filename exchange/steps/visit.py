"""A visit to one receiver: who works for whom, over which connection, and under which lease it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from exchange.configuration import Levering, Partij, Uitvoerder
from exchange.context import Exchange
from exchange.register import leases, outbox, states
from exchange.sftp import Connection


@dataclass(frozen=True)
class Visit:
    """What every part of a visit needs. Nobody else records anything of this receiver meanwhile: the lease says so."""

    exchange: Exchange
    receiver: Partij
    connection: Connection
    lease: leases.Lease
    nu: Callable[[], datetime]

    @property
    def levering(self) -> Levering:
        """A partner has no profile of delivery: it is the same for all."""
        return self.receiver.levering if isinstance(self.receiver, Uitvoerder) else Levering()

    @contextmanager
    def recording(self) -> Iterator[tuple[sa.Connection, datetime]]:
        """A transaction that only counts while the lease is ours, and its moment."""
        moment = self.nu()
        with self.exchange.register.begin() as db:
            leases.renew(db, self.lease, moment)
            yield db, moment

    def record(self, moved: Mapping[states.Zending, Collection[int]]) -> None:
        """Take zendingen (ids) to other states, all in one transaction."""
        if any(moved.values()):
            with self.recording() as (db, moment):
                for target, ids in moved.items():
                    outbox.move(db, ids, target, moment)
