"""`nachtpost register`: the tables of the register."""

from __future__ import annotations

import typer

from exchange.cli import door

app = typer.Typer(help="Het register.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Het register."""


@app.command()
def upgrade(config: door.Config = None, json: door.Json = False) -> None:
    """Maak de tabellen van het register, of breng ze bij."""
    from exchange import register
    from exchange.configuration import load

    door.want_json(json)
    register.upgrade(load(door.folder(config)).opslag.register)
    door.answer({"bijgewerkt": True}, "Het register is bijgewerkt.")
