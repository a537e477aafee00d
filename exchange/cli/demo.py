"""`nachtpost demo`: one night from end to end, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli import door


def demo(
    exit: Annotated[
        bool, typer.Option("--exit", help="Stop na de nacht, in plaats van de server te laten draaien.")
    ] = False,
    json: door.Json = False,
) -> None:
    """Speel een hele nacht na in een oefenomgeving."""
    from exchange.demo import run

    door.want_json(json)
    run(exit=exit)
