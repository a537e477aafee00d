"""What every command shares: its options, how it prints, its exit code, and what it says when something is wrong.

Exit codes: 0 all well, 1 something was refused or is late, 2 wrong use or configuration, 3 a fault that a retry may
mend. A fault is said in a sentence, never as a stack trace.
"""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup
from typer.exceptions import TyperException

from exchange.faults import (
    ConfigurationFault,
    Fault,
    NightAhead,
    NotANight,
    Problem,
    ReferenceFault,
    RegisterUnreachable,
    SandboxFault,
)
from exchange.sentences import of_the_system, sentence

if TYPE_CHECKING:
    from exchange.context import Exchange

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="DIR", help="De map met de configuratie; anders NACHTPOST_CONFIG."),
]
Json = Annotated[bool, typer.Option("--json", help="Schrijf het antwoord als JSON, voor programma's.")]


_WRONG_PLACE = (PermissionError, FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Exit(IntEnum):
    """How a command ends."""

    WELL = 0
    REFUSED = 1
    WRONG_USE = 2
    RETRY = 3


@dataclass
class _Asked:
    """What was asked of this run, wherever in the command the options stood."""

    config: Path | None = None
    json: bool = False


_asked = _Asked()


def remember(config: Config = None, json: Json = False) -> None:
    """Options that stand before the command count for it."""
    _asked.config, _asked.json = config, json


class Door(TyperGroup):
    """The outermost group: turns a fault into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module's docstring for the exit codes."""
        wanted = "--json" in ctx.args  # known here also where the command itself cannot be understood
        try:
            return super().invoke(ctx)
        except Fault as fault:
            raise typer.Exit(refuse(fault)) from fault
        except OSError as error:  # a disk that is full or closed to us; the network has faults of its own
            where = f" ({error.filename})" if error.filename else ""
            said = f"Dit lukte niet: {of_the_system(error)}{where}."
            code = Exit.WRONG_USE if isinstance(error, _WRONG_PLACE) else Exit.RETRY
            raise typer.Exit(_say_failure(type(error).__name__, said, code)) from error
        except TyperException as error:
            want_json(wanted)
            if not _asked.json:
                raise  # typer says it, and how the command is meant
            raise typer.Exit(_say_failure("WrongUse", error.format_message(), Exit.WRONG_USE)) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001  its text may quote a row, so it is not shown
            raise typer.Exit(_say_failure(type(error).__name__, sentence(error), Exit.RETRY)) from None


def folder(config: Path | None) -> Path:
    """The configuration folder that was asked for; wrong use when there is none."""
    asked = config or _asked.config or os.environ.get("NACHTPOST_CONFIG")
    if not asked:
        mend = "Geef de map met --config DIR, of in de omgeving als NACHTPOST_CONFIG."
        raise ConfigurationFault([Problem("opdracht", "--config", "er is geen configuratie genoemd", mend)])
    return Path(asked)


@contextmanager
def opened(config: Path | None) -> Iterator[Exchange]:
    """The exchange, with a register that answers and has its tables."""
    import sqlalchemy as sa

    from exchange.context import open_exchange

    with open_exchange(folder(config)) as exchange:
        try:
            if not sa.inspect(exchange.register).has_table("aanlevering"):
                problem, mend = "het register heeft nog geen tabellen", "Voer eerst uit: nachtpost register upgrade"
                raise ConfigurationFault([Problem("nachtpost.toml", "opslag.register", problem, mend)])
            yield exchange
        except sa.exc.OperationalError as error:
            raise RegisterUnreachable from error


def want_json(json: bool) -> None:
    """Remember `--json` for everything that this run prints, faults included."""
    _asked.json = _asked.json or json


def answer(data: Mapping[str, Any], *tables: Table | str) -> None:
    """Print the answer: `data` as JSON, or the tables and sentences for people."""
    if _asked.json:
        typer.echo(jsonlib.dumps(data, ensure_ascii=False, indent=2, default=str))
        return
    console = Console(highlight=False)
    for one in tables:
        console.print(one, markup=False) if isinstance(one, str) else console.print(one)


def table(title: str, columns: list[str], rows: list[list[object]]) -> Table:
    """A table; numbers stand right. Cells are text, never markup."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for at, column in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[at], int) for row in rows)
        made.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


def wrong(problems: Sequence[Problem]) -> Table:
    """What is wrong, with its mend and, where it is known whom that stops, who that is."""
    rows: list[list[object]] = [[one.file, one.place, one.problem, one.mend] for one in problems]
    columns = ["bestand", "plaats", "wat", "zo lost u het op"]
    if any(one.partijen is not None for one in problems):
        columns.append("zet stil")
        for row, one in zip(rows, problems, strict=True):
            row.append("iedereen" if one.partijen is None else ", ".join(one.partijen) or "niemand")
    return table("Dit klopt niet", columns, rows)


def refuse(fault: Fault) -> Exit:
    """Say what is wrong and return the exit code that goes with it."""
    if isinstance(fault, ConfigurationFault):
        data = {"klopt": False, "fout": "ConfigurationFault", "problemen": [vars(one) for one in fault.problems]}
        answer(data, wrong(fault.problems))
        return Exit.WRONG_USE
    return _say_failure(type(fault).__name__, sentence(fault), _code(fault), vars(fault))


def _say_failure(name: str, said: str, code: Exit, facts: Mapping[str, object] | None = None) -> Exit:
    data = {"fout": name, "tekst": said, "feiten": {key: str(value) for key, value in (facts or {}).items()}}
    if _asked.json:
        answer(data)
    else:
        typer.echo(said, err=True)
    return code


def _code(fault: Fault) -> Exit:
    if isinstance(fault, ReferenceFault | SandboxFault | NightAhead | NotANight):
        return Exit.WRONG_USE
    return Exit.RETRY if fault.retry else Exit.REFUSED
