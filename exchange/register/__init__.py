"""The register: SQLAlchemy Core on SQLite or PostgreSQL, migrated by Alembic only.

`begin` is for who writes and `connect` for who reads; who needs one moment over several statements takes `snapshot`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


class Register(sa.Engine):
    """An engine that knows who writes: on SQLite a writer says so at once (`BEGIN IMMEDIATE`), because one that reads
    first fails under a second writer instead of waiting for it. A reader waits for nobody and holds up nobody (WAL)."""

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that writes."""
        with self.execution_options(writes=True).begin() as db:
            yield db


def engine(url: str) -> Register:
    """An engine on `url`."""
    # our threads are the bound, not the pool: one that waits for a writer must not cost another its connection
    made = sa.create_engine(url, max_overflow=-1, pool_pre_ping=True, hide_parameters=True)  # exceptions show no row
    register = Register(made.pool, made.dialect, made.url, hide_parameters=True)
    if made.dialect.name == "sqlite":
        sa.event.listen(register, "connect", _prepare_sqlite)
        sa.event.listen(register, "begin", _begin_sqlite)
    else:
        sa.event.listen(register, "connect", _prepare_postgresql)
    return register


@contextmanager
def snapshot(register: sa.Engine) -> Iterator[sa.Connection]:
    """Read the register as it is at one moment, over as many statements as it takes; nothing can be written."""
    with register.connect() as db:
        if db.dialect.name == "postgresql":
            db.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with db.begin():  # said, and not left to the first statement: some read beside SQLAlchemy (`signalen.stream`)
            yield db


def upgrade(url: str) -> None:
    """Bring the register at `url` to the newest version of its tables."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event says BEGIN, not the driver
    cursor = connection.cursor()
    for pragma in ("busy_timeout=120000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """The rows that a machine had locked when it fell silent are free again after a minute, not after hours."""
    for setting, value in (("idle", 30), ("interval", 10), ("count", 3)):
        connection.execute(f"SET tcp_keepalives_{setting} = {value}")
    connection.commit()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
