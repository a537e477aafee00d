"""`nachtpost reference`: tables that others publish."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli import door

app = typer.Typer(help="Referentietabellen.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Referentietabellen."""


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="pc6hnr….csv van het CBS, of het zip-bestand zoals u het downloadde.")
    ],
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Neem de CBS-tabel postcode + huisnummer -> gemeente, wijk en buurt over."""
    from exchange.configuration import load
    from exchange.reference import import_pc6hnr

    door.want_json(json)
    if not file.is_file():
        raise typer.BadParameter(f"{file} bestaat niet")
    done = import_pc6hnr(file, Path(load(door.folder(config)).opslag.referentie))
    door.answer(
        asdict(done),
        f"Overgenomen: {done.rijen} adressen van {done.jaar}. Overgeslagen: {done.fout} onleesbare regels, "
        f"{done.dubbel} dubbele en {done.tegenstrijdig} tegenstrijdige.",
        *([f"Onbekende gemeentecodes: {', '.join(done.onbekend)}."] if done.onbekend else []),
    )
