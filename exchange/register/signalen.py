"""Signal rows in the register: written once in bulk, looked up by hash, never updated."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa

from exchange.register.tables import afgekeurde_regel, signaal

_CSV = pacsv.WriteOptions(include_header=False, quoting_style="needed")


def insert(db: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    """Write `rows` (columns named as the table's): COPY on PostgreSQL, `executemany` of the driver on SQLite."""
    names = [column.name for column in table.columns if column.name in rows.column_names]
    rows = rows.select(names)
    if db.dialect.name == "postgresql":
        buffer = io.BytesIO()
        pacsv.write_csv(rows, buffer, _CSV)
        driver: Any = db.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy,
        ):
            copy.write(buffer.getbuffer())
        return
    marks = ", ".join("?" * len(names))
    cursor = db.connection.driver_connection.cursor()  # type: ignore[union-attr]
    columns = [_plain(rows[name]) for name in names]
    cursor.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", zip(*columns, strict=True))  # noqa: S608
    cursor.close()


def known(db: sa.Connection, hashes: Sequence[int]) -> list[sa.Row[Any]]:
    """The accepted signals (nr, signaal_hash, inhoud_hash, gemeentecode, sector) whose signaal_hash is in `hashes`."""
    columns = (
        signaal.c.nr,
        signaal.c.signaal_hash,
        signaal.c.inhoud_hash,
        signaal.c.gemeentecode,
        signaal.c.sector,
    )
    if not hashes:
        return []
    if db.dialect.name == "postgresql":
        wanted = sa.cast(list(hashes), sa.ARRAY(sa.BigInteger))
        query = sa.select(*columns).where(signaal.c.signaal_hash == sa.any_(wanted))
    else:
        listed = sa.func.json_each("[" + ",".join(map(str, hashes)) + "]").table_valued("value")
        query = sa.select(*columns).join(listed, listed.c.value == signaal.c.signaal_hash)
    return list(db.execute(query))


def refused(db: sa.Connection, rows: pa.Table) -> None:
    """Record refused rows (aanlevering_nr, regelnr, codes)."""
    insert(db, afgekeurde_regel, rows)


def _plain(column: pa.ChunkedArray) -> Iterable[object]:
    if pa.types.is_date(column.type):
        column = column.cast(pa.string())  # SQLite keeps dates as ISO text
    plain: list[object] = column.to_pylist()
    return plain
