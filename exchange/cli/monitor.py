"""`nachtpost monitor`: the anonymous figures of a month."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli import door

#: Columns shown on a screen, for the whole country; the file has every gemeente.
SHOWN = ("sector", "signalen", "meldingen", "enkelvoudig", "meervoudig", "opeenvolgend", "opgepakt", "bereikt")


def monitor(
    month: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="De kalendermaand, bijvoorbeeld 2026-10.")],
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Schrijf hier een csv-bestand en een grafiek (PNG en SVG).")
    ] = None,
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Geef de anonieme cijfers van een maand; kleine aantallen worden afgeschermd (convenant art. 5.6)."""
    from exchange import monitor as figures
    from schemas.monitor import LAND

    door.want_json(json)
    with door.opened(config) as exchange:
        table = figures.month(exchange, month.date().replace(day=1))
    written = [str(path) for path in figures.write(table, output)] if output else []
    rows = table.to_pylist()
    shown = [[row[name] for name in SHOWN] for row in rows if row["gemeentecode"] == LAND]
    door.answer(
        {"cijfers": rows, "bestanden": written},
        door.table(f"Alle gemeenten, {month:%Y-%m} (leeg is afgeschermd)", list(SHOWN), shown),
        *(f"Geschreven: {path}" for path in written),
    )
