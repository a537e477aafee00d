"""Signal rows in the register: written once in bulk, looked up by hash or read as a stream, never updated."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa

from exchange.register.tables import afgekeurde_regel, signaal

#: Rows (SQLite) and bytes (PostgreSQL) read at a time.
_ROWS, _BYTES = 50_000, 1 << 22
#: Without statistics, as on a first night, the planner joins by sorting the whole table; one look-up in the index per
#: hash takes as long whatever the table holds. Until the end of the transaction.
_BY_INDEX = sa.text("SELECT set_config('enable_mergejoin', 'off', true), set_config('enable_hashjoin', 'off', true)")
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
    names = ("nr", "signaal_hash", "inhoud_hash", "gemeentecode", "sector")
    return _among(db, signaal.c.signaal_hash, hashes, [signaal.c[name] for name in names])


def customers(db: sa.Connection, nrs: Sequence[int]) -> list[sa.Row[Any]]:
    """The signals (nr, klant_hash, sector) with these numbers."""
    return _among(db, signaal.c.nr, nrs, [signaal.c.nr, signaal.c.klant_hash, signaal.c.sector])


def _among(
    db: sa.Connection, column: sa.Column[int], values: Sequence[int], wanted: Sequence[sa.Column[Any]]
) -> list[sa.Row[Any]]:
    if not values:
        return []
    listed = ",".join(map(str, values))  # one parameter: a list of them costs more than the look-up
    if db.dialect.name == "postgresql":
        db.execute(_BY_INDEX)
        array = sa.cast(sa.literal(f"{{{listed}}}", sa.Text), sa.ARRAY(sa.BigInteger))
        rows = sa.func.unnest(array).table_valued("value").render_derived()
    else:
        rows = sa.func.json_each(f"[{listed}]").table_valued("value")
    return list(db.execute(sa.select(*wanted).join(rows, rows.c.value == column)))


def stream(db: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of `query` as blocks with the columns of `schema`: COPY on PostgreSQL, the driver's cursor on SQLite."""
    compiled = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    driver: Any = db.connection.driver_connection
    if db.dialect.name == "postgresql":
        convert = pacsv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        )
        with driver.cursor() as cursor, cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)") as copy:
            for content in _pieces(copy):
                read = pacsv.ReadOptions(column_names=schema.names, use_threads=False)
                yield pacsv.read_csv(pa.BufferReader(content), read, convert_options=convert)
        return
    cursor = driver.cursor()
    try:
        cursor.execute(str(compiled))
        while rows := cursor.fetchmany(_ROWS):
            columns = zip(*rows, strict=True)
            yield pa.table([_typed(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
    finally:
        cursor.close()


def _pieces(copy: Iterable[memoryview]) -> Iterator[bytes]:
    """Whole lines, some MiB at a time: COPY hands over one line, or a part of a buffer of them, at a time."""
    held: list[memoryview] = []
    size = 0
    for data in copy:
        held.append(data)
        size += len(data)
        if size >= _BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def refused(db: sa.Connection, rows: pa.Table) -> None:
    """Record refused rows (aanlevering_nr, regelnr, codes)."""
    insert(db, afgekeurde_regel, rows)


def _typed(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_date(kind):
        return pa.array(values, pa.string()).cast(kind)  # SQLite keeps dates as ISO text
    if pa.types.is_boolean(kind):
        return pa.array(values, pa.int8()).cast(kind)  # and booleans as 0 and 1
    return pa.array(values, kind)


def _plain(column: pa.ChunkedArray) -> Iterable[object]:
    if pa.types.is_date(column.type):
        column = column.cast(pa.string())  # SQLite keeps dates as ISO text
    plain: list[object] = column.to_pylist()
    return plain
