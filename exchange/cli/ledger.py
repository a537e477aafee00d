"""`nachtpost ledger`: the append-only list of what happened."""

from __future__ import annotations

import typer

from exchange.cli import door

app = typer.Typer(help="Het logboek.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Het logboek."""


@app.command()
def verify(config: door.Config = None, json: door.Json = False) -> None:
    """Controleer dat in het logboek niets is gewijzigd of verdwenen."""
    from exchange.register import ledger

    door.want_json(json)
    with door.opened(config) as exchange:
        entries = ledger.verify(exchange.register)
    door.answer({"klopt": True, "regels": entries}, f"Het logboek klopt: {entries} regels.")
