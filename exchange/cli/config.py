"""`nachtpost config`: is the configuration right, as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.configuration import Configuration

app = typer.Typer(help="De configuratie.", no_args_is_help=True)
NO_TABLE = (
    "Let op: er is nog geen CBS-tabel. Een signaal zonder gemeentecode wordt dan afgekeurd, en een gemeentecode wordt "
    "niet met het adres vergeleken. Lees haar in met: nachtpost reference import BESTAND."
)


@app.callback()
def group() -> None:
    """De configuratie."""


@app.command()
def check(config: door.Config = None, json: door.Json = False) -> None:
    """Controleer de hele configuratie en zeg alles wat niet klopt in één keer, en welke sleutels aandacht vragen."""
    from exchange.configuration import keyhealth, load
    from exchange.context import local_date, utc_now
    from exchange.reference import PostcodeTable

    door.want_json(json)
    found, now = load(door.folder(config)), utc_now()
    cbs = PostcodeTable.open(Path(found.opslag.referentie)).imported
    warnings = keyhealth.warnings(found.sleutels, found.accounts, now)
    counts = {
        "partners": len(found.melders),
        "uitvoerders": len(found.uitvoerders),
        "gemeenten": len({serving.code for one in found.uitvoerders.values() for serving in one.gemeenten}),
        "overeenkomsten": found.overeenkomsten.num_rows,
        "machtigingen": len(found.machtigingen.geldig),
    }
    data = {
        "klopt": not found.problemen,
        **counts,
        "cbs_tabel": cbs.jaar if cbs else None,
        "oude_hashsleutels": [{"id": key.id, "mag_weg_vanaf": str(day)} for key, day in found.opslag.may_go()],
        "stilgezet": {id: one.soort for id, one in found.stilgezet.items()},
        "problemen": [vars(one) for one in found.problemen],
        "waarschuwingen": [vars(one) for one in warnings],
    }
    well = (
        f"De configuratie klopt: {counts['partners']} partners, {counts['uitvoerders']} uitvoerders voor "
        f"{counts['gemeenten']} gemeenten, {counts['overeenkomsten']} overeenkomsten, {counts['machtigingen']} "
        "machtigingen."
    )
    door.answer(
        data,
        *([door.wrong(found.problemen), *_stopped(found)] if found.problemen else [well]),
        *([] if cbs else [NO_TABLE]),
        *(f"Let op: {one.file} {one.place}: {one.problem}. {one.mend}" for one in warnings),
        *_old_keys(found, local_date(now)),
    )
    if found.problemen:
        raise typer.Exit(door.Exit.WRONG_USE)


def _old_keys(found: Configuration, today: date) -> Iterator[str]:
    for key, day in found.opslag.may_go():
        if day <= today:
            yield f"Hashsleutel {key.id} mag weg: haal haar uit opslag.hashsleutels en vernietig {key.bestand}."
        else:
            yield f"Hashsleutel {key.id} is nog nodig om mee te vergelijken; zij mag weg vanaf {day}."


def _stopped(found: Configuration) -> Iterator[str]:
    """Who waits until that is mended, and who does not."""
    yield f"Stilgezet: {', '.join(found.stilgezet) or 'niemand'}. Wat van hen komt of voor hen is, wacht."
    yield f"Verder werken {len(found.melders)} partners en {len(found.uitvoerders)} uitvoerders."
