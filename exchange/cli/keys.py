"""`nachtpost keys`: the exchange's own keys."""

from __future__ import annotations

from datetime import date

import typer

from exchange.cli import door

app = typer.Typer(help="De sleutels van de uitwisseling.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """De sleutels van de uitwisseling."""


@app.command()
def rotate(config: door.Config = None, json: door.Json = False) -> None:
    """Maak een nieuwe hashsleutel. De vorige blijft nodig tot `config check` zegt dat zij weg mag."""
    from exchange.configuration import keys, load
    from exchange.configuration.models import HashKeyFile
    from exchange.context import local_date, utc_now

    door.want_json(json)
    found = load(door.folder(config))
    known = found.opslag.hashsleutels
    fresh = max(key.id for key in known) + 1
    bestand = f"keys/hash-{fresh}.key"
    keys.make_random(found.path(bestand))
    every = [*known, HashKeyFile(id=fresh, bestand=bestand, van=local_date(utc_now()))]
    lines = [f'    {{ id = {key.id}, bestand = "{key.bestand}"{_since(key.van)} }},' for key in every]
    setting = "\n".join(["hashsleutels = [", *lines, "]"])
    door.answer(
        {"id": fresh, "bestand": bestand, "instelling": setting},
        f"Nieuwe hashsleutel {fresh}: {found.path(bestand)}.",
        "Zet haar op elke machine op dezelfde plaats, en daarna, tussen twee intakes, in [opslag] van nachtpost.toml:",
        setting,
    )


def _since(van: date | None) -> str:
    return f", van = {van}" if van else ""
