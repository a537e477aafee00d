"""`nachtpost config`: is the configuration right, as a whole."""

from __future__ import annotations

from pathlib import Path

import typer

from exchange.cli import door

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
    """Controleer de hele configuratie en zeg alles wat niet klopt in één keer."""
    from exchange.configuration import load
    from exchange.context import local_date, utc_now
    from exchange.reference import PostcodeTable

    door.want_json(json)
    found = load(door.folder(config))
    cbs = PostcodeTable.open(Path(found.opslag.referentie)).imported
    data = {
        "klopt": True,
        "partners": len(found.melders),
        "uitvoerders": len(found.uitvoerders),
        "gemeenten": len({serving.code for one in found.uitvoerders.values() for serving in one.gemeenten}),
        "overeenkomsten": found.overeenkomsten.num_rows,
        "machtigingen": len(found.machtigingen),
        "cbs_tabel": cbs.jaar if cbs else None,
        "oude_hashsleutels": [{"id": key.id, "mag_weg_vanaf": str(day)} for key, day in found.opslag.may_go()],
        "problemen": [],
    }
    today = local_date(utc_now())
    door.answer(
        data,
        f"De configuratie klopt: {data['partners']} partners, {data['uitvoerders']} uitvoerders voor "
        f"{data['gemeenten']} gemeenten, {data['overeenkomsten']} overeenkomsten, {data['machtigingen']} machtigingen.",
        *([] if cbs else [NO_TABLE]),
        *(
            f"Hashsleutel {key.id} mag weg: haal haar uit opslag.hashsleutels en vernietig {key.bestand}."
            if day <= today
            else f"Hashsleutel {key.id} is nog nodig om mee te vergelijken; zij mag weg vanaf {day}."
            for key, day in found.opslag.may_go()
        ),
    )
