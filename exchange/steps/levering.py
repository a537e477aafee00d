"""An uitvoerder's files as its profile wants them: in which nights, under which names, where, and what they hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa

from exchange.configuration import Configuration, Uitvoerder
from schemas import gemeenten
from transforms import csvbytes, xlsxbytes
from transforms.lines import BOM


def destination(config: Configuration, gemeentecode: str, sector: str, night: date) -> tuple[str, date] | None:
    """Who receives what is accepted before `night`, and in which night; None where nobody serves the gemeente. One that
    is stopped receives it then if what is wrong is mended before."""
    for later in itertools.count():
        day = night + timedelta(days=later)
        receiver = config.uitvoerder_of(gemeenten.current(gemeentecode, day), day, sector)
        if receiver is None:
            return None
        if config.alle_uitvoerders[receiver].levering.levert_op(day):
            return receiver, day
    raise AssertionError("unreachable")


def served(receiver: Uitvoerder, night: date) -> list[str]:
    """The gemeentecodes that it serves in `night`."""
    return sorted({one.code for one in receiver.gemeenten if one.holds(night)})


def empty_batches(config: Configuration, night: date) -> Iterator[tuple[str, str]]:
    """(uitvoerder id, gemeentecode) of every gemeente whose uitvoerder wants a file, signals or not."""
    for receiver in config.uitvoerders.values():
        if receiver.levering.lege_batch == "leeg_bestand":
            yield from ((receiver.id, code) for code in served(receiver, night))


def name(receiver: Uitvoerder, stem: str) -> str:
    """The name of a file; its ending says in which form it is made, also when the profile changes meanwhile."""
    return f"{stem}.{receiver.levering.formaat}.pgp"


def folder(receiver: Uitvoerder, gemeentecode: str) -> str:
    """Where the batches of a gemeente lie."""
    return f"uit/{gemeentecode}" if receiver.levering.map == "per_gemeente" else "uit"


def batch(receiver: Uitvoerder, name: str, table: pa.Table) -> bytes:
    """A batch with the columns of the profile, in its order."""
    columns = receiver.levering.kolommen
    return content(receiver, name, table.select(columns) if columns else table)


def content(receiver: Uitvoerder, name: str, table: pa.Table) -> bytes:
    """A table in the form that `name` says. CSV is for programs, so its values are never changed for a spreadsheet."""
    if name.endswith(".xlsx.pgp"):
        return xlsxbytes.to_xlsx(table, name.split("_")[1].lower())
    return BOM + csvbytes.to_csv(table) if receiver.levering.bom else csvbytes.to_csv(table)
