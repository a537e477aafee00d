"""Alembic's entry: the URL comes from the caller, never from a file."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from exchange.register import engine
from exchange.register.tables import Instant, metadata


def render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our one moment type as the plain type under it: a migration must not change with our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Instant) else False


register = engine(context.config.attributes["url"])
if register.dialect.name == "sqlite":
    # what ALTER TABLE cannot do, a copy of the table does; dropping the old one must not look like dropping its rows
    sa.event.listen(register, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
with register.begin() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
