"""`nachtpost sandbox`: a whole exchange to try things in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli import door

app = typer.Typer(help="Een oefenomgeving met partijen, sleutels en bestanden.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="De map van de oefenomgeving.")]


@app.callback()
def group() -> None:
    """Een oefenomgeving met partijen, sleutels en bestanden."""


@app.command()
def create(
    folder: Folder,
    partners: Annotated[int, typer.Option(min=1, max=500, help="Aantal partners.")] = 6,
    uitvoerders: Annotated[int, typer.Option(min=1, max=342, help="Aantal uitvoerders.")] = 12,
    signalen: Annotated[int, typer.Option(min=0, help="Aantal signalen in alle goede bestanden samen.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Hetzelfde getal geeft dezelfde oefenomgeving.")] = 1,
    json: door.Json = False,
) -> None:
    """Maak een oefenomgeving in een nieuwe map."""
    from exchange.sandbox.create import create as make

    door.want_json(json)
    make(folder, partners=partners, uitvoerders=uitvoerders, signalen=signalen, seed=seed)
    config = folder / "config"
    door.answer(
        {"map": str(folder), "config": str(config), "partners": partners, "uitvoerders": uitvoerders},
        f"De oefenomgeving staat in {folder}.",
        f"Start de SFTP-server met `nachtpost sandbox serve {folder}` en werk verder met --config {config}.",
    )


@app.command()
def serve(folder: Folder, json: door.Json = False) -> None:
    """Draai de SFTP-server van de oefenomgeving, tot Ctrl-C."""
    from exchange.sandbox.serve import HOST, run

    door.want_json(json)
    port = folder / "server" / "port"
    if not port.is_file():
        raise typer.BadParameter(f"in {folder} staat geen oefenomgeving; maak die met `nachtpost sandbox create`")
    number = int(port.read_text())
    door.answer(
        {"host": HOST, "poort": number},
        f"De SFTP-server luistert op {HOST}, poort {number}; stop met Ctrl-C.",
        f"Inloggen als een partij: sftp -F {folder}/parties/<partij>/ssh_config exchange",
    )
    run(folder)


@app.command()
def terugkoppeling(
    folder: Folder,
    uitvoerder: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Alleen deze uitvoerder; mag vaker. Anders allemaal.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Hetzelfde getal geeft dezelfde antwoorden.")] = 1,
    json: door.Json = False,
) -> None:
    """Speel uitvoerder: vul het sjabloon van de laatste nacht in en zet het klaar als terugkoppeling."""
    from exchange.context import local_date, utc_now
    from exchange.faults import SandboxFault
    from exchange.sandbox.feedback import fill_in

    door.want_json(json)
    chosen = uitvoerder or sorted(path.parents[1].name for path in folder.glob("sftp/*/uit/VS_TK_SJABLOON_*"))
    if not chosen:
        raise SandboxFault(f"in {folder} staat nog geen sjabloon; draai eerst een nacht")
    made = [(one, *fill_in(folder, one, local_date(utc_now()), seed)) for one in dict.fromkeys(chosen)]
    door.answer(
        {"bestanden": [{"uitvoerder": one, "bestand": name, "regels": rows} for one, name, rows in made]},
        door.table("Terugkoppeling", ["uitvoerder", "bestand", "regels"], [list(row) for row in made]),
    )


@app.command()
def drop(folder: Folder, json: door.Json = False) -> None:
    """Gooi de oefenomgeving weg."""
    from exchange.sandbox.create import drop as throw_away

    door.want_json(json)
    throw_away(folder)
    door.answer({"weg": str(folder)}, f"De oefenomgeving in {folder} is weg.")
