"""The register: SQLAlchemy Core on SQLite or PostgreSQL, migrated by Alembic only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def engine(url: str) -> sa.Engine:
    """An engine on `url`; on SQLite with WAL and `BEGIN IMMEDIATE` for every transaction.

    A deferred `BEGIN` that reads first fails under a second writer instead of waiting for it.
    """
    made = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)  # an exception shows no row
    if made.dialect.name == "sqlite":
        sa.event.listen(made, "connect", _prepare_sqlite)
        sa.event.listen(made, "begin", _begin_immediate)
    return made


def upgrade(url: str) -> None:
    """Bring the register at `url` to the newest version of its tables."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event says BEGIN, not the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=120000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
