"""What every step is given: the configuration and one adapter per outside thing, opened once per process."""

from __future__ import annotations

import logging
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from stamina.instrumentation import set_on_retry_hooks

from exchange import register
from exchange.configuration import Configuration, Partij, Verbinding, load
from exchange.faults import AccountUnknown, ConfigurationFault
from exchange.pgp import Keyring
from exchange.reference import PostcodeTable
from exchange.sftp import Connection, connect
from exchange.store import Store, WorkStore
from transforms import identity

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def utc_now() -> datetime:
    """The clock of the product; steps take it as `nu`."""
    return datetime.now(UTC)


def local_date(moment: datetime) -> date:
    """The Amsterdam date of an instant."""
    return moment.astimezone(AMSTERDAM).date()


@dataclass(frozen=True)
class HashKey:
    """A key for the register's hashes and the id that stands beside each hash."""

    id: int
    key: bytes


class Exchange:
    """Configuration and adapters. The costly ones (keyring, postcode table) open at first use, once per process."""

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self._exit = ExitStack()

    def close(self) -> None:
        """Close what was opened, the private GNUPGHOME first of all."""
        self._exit.close()

    @cached_property
    def register(self) -> sa.Engine:
        """The register."""
        made = register.engine(self.config.opslag.register)
        self._exit.callback(made.dispose)
        return made

    @cached_property
    def archive(self) -> Store:
        """Ciphertext, received and sent."""
        return Store(self.config.opslag.archief)

    @cached_property
    def work(self) -> WorkStore:
        """Accepted rows, encrypted at rest."""
        return WorkStore(self.config.opslag.werk, _key(self.config.path(self.config.opslag.opslagsleutel)))

    @cached_property
    def postcodes(self) -> PostcodeTable:
        """The imported CBS table postcode + huisnummer -> gemeente, wijk, buurt."""
        return PostcodeTable.open(Path(self.config.opslag.referentie))

    @cached_property
    def hash_keys(self) -> tuple[HashKey, ...]:
        """The keys of the register's hashes, newest first: that one makes new hashes, with the others older rows are
        found. The newest is the last one of the configuration."""
        named = reversed(self.config.opslag.hashsleutels)
        return tuple(HashKey(one.id, _key(self.config.path(one.bestand))) for one in named)

    @cached_property
    def melding_key(self) -> bytes:
        """The key of every melding_nr. It does not change with the hash keys: a melding_nr lasts."""
        return identity.derived_key(_key(self.config.path(self.config.opslag.opslagsleutel)), "melding")

    @cached_property
    def keyring(self) -> Keyring:
        """Our secret key and every party's public keys, in a GNUPGHOME of this process."""
        config = self.config
        parties: list[Partij] = [*config.partners.values(), *config.uitvoerders.values()]
        public = [config.path(party.pgp.bestand).read_bytes() for party in parties]
        return self._exit.enter_context(
            Keyring.open(
                config.path(config.exchange.pgp_sleutel).read_bytes(),
                config.exchange.pgp_vingerafdruk,
                public,
                config.pgp.compressie,
            )
        )

    def shut(self, moment: datetime) -> set[str]:
        """Uitvoerders (ids) for whom nothing can be encrypted at `moment`."""
        return {
            uitvoerder.id
            for uitvoerder in self.config.uitvoerders.values()
            if self.receiving_key(uitvoerder, moment) is None
        }

    def receiving_key(self, party: Partij, moment: datetime) -> str | None:
        """The first fingerprint of the party to which can be encrypted at `moment`; None where there is none."""
        able = (one for one in party.pgp.vingerafdrukken if self.keyring.can_encrypt(one, moment))
        return next(able, None)

    def connect(self, party: Partij) -> AbstractContextManager[Connection]:
        """Log in to the party's own account with our SSH key (see `exchange.sftp.connect` for the faults).

        Two waits for files to stand still go beside the time that its server may take. Raises AccountUnknown for an
        Airflow connection that is not there: that concerns this party alone.
        """
        if isinstance(party.sftp, Verbinding):
            try:
                _ = party.sftp.asked
            except ConfigurationFault as fault:
                [problem] = fault.problems
                raise AccountUnknown(party.id, problem.problem, problem.mend) from fault
        intake = self.config.intake
        seconds = intake.partij_seconden + 2 * intake.stil_seconden
        return connect(party.sftp, self.config.path(self.config.exchange.ssh_sleutel), party.id, seconds)


@contextmanager
def open_exchange(folder: Path | None = None) -> Iterator[Exchange]:
    """Open the exchange described in `folder`, or in the folder that NACHTPOST_CONFIG names."""
    _silence()
    exchange = Exchange(load(folder or Path(os.environ["NACHTPOST_CONFIG"])))
    try:
        yield exchange
    finally:
        exchange.close()


def _silence() -> None:
    """Libraries tell beheerders nothing: what matters of it is a fault of ours, in Dutch and without a name.

    stamina would log every retry with its arguments, which say where we log in and as whom, and through structlog on
    standard output, which is for answers. paramiko tells every connection, and prints the stack of a thread that broke.
    Airflow's `namespace_levels` does not reach these loggers.
    """
    set_on_retry_hooks([])
    for name in ("paramiko", "asyncssh", "gnupg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _key(path: Path) -> bytes:
    return b64decode(path.read_text().strip(), validate=True)
