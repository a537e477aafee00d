"""`nachtpost register`: the tables of the register."""

from __future__ import annotations

import typer

from exchange.cli import door
from exchange.faults import ConfigurationFault, Problem, RegisterUnreachable

app = typer.Typer(help="Het register.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Het register."""


@app.command()
def upgrade(config: door.Config = None, json: door.Json = False) -> None:
    """Maak de tabellen van het register, of breng ze bij."""
    import sqlalchemy as sa

    from exchange import register
    from exchange.configuration import load

    door.want_json(json)
    try:
        register.upgrade(load(door.folder(config)).opslag.register)
    except sa.exc.ArgumentError as error:
        mend = "Geef er een van SQLite (sqlite:////pad/register.sqlite) of PostgreSQL (postgresql+psycopg://…)."
        fault = Problem("nachtpost.toml", "opslag.register", "dit is geen adres van een database", mend)
        raise ConfigurationFault([fault]) from error
    except sa.exc.OperationalError as error:
        raise RegisterUnreachable from error
    door.answer({"bijgewerkt": True}, "Het register is bijgewerkt.")
