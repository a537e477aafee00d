"""`nachtpost publiceren`: what stands still because rows do not add up, and how it goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli import door

app = typer.Typer(help="Wat stilstaat omdat aantallen niet kloppen.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Wat stilstaat omdat aantallen niet kloppen."""


@app.command()
def hervat(
    reason: Annotated[str, typer.Option("--reason", metavar="TEKST", help="Waarom dit weer mag.")],
    soort: Annotated[
        str | None, typer.Argument(metavar="[aanlevering|batch|alles]", help="Wat; anders alles wat stilstaat.")
    ] = None,
    nr: Annotated[int, typer.Argument(metavar="[NR]", help="Het nummer, zoals `status` het noemt.")] = 0,
    toch: Annotated[bool, typer.Option("--toch", help="Ook waar de aantallen nog verschillen.")] = False,
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Hef een stilstand op. Eerst wordt opnieuw geteld: wat nog verschilt, blijft stilstaan."""
    from exchange.context import utc_now
    from exchange.register.stilstand import Onderwerp, Soort
    from exchange.steps.proof import resume

    door.want_json(json)
    if not reason.strip():
        raise typer.BadParameter("zeg met --reason waarom dit weer mag")
    if soort is not None and (soort.upper() not in list(Soort) or (soort.lower() == "alles") != (nr == 0)):
        raise typer.BadParameter("noem een aanlevering of batch met haar nummer, of alles")
    wanted = Onderwerp(Soort(soort.upper()), nr) if soort else None
    with door.opened(config) as exchange:
        done = resume(exchange, wanted, reason.strip(), utc_now, toch=toch)
    door.answer(
        {"opgeheven": done.opgeheven, "verschilt": done.verschilt},
        *_said(
            "Opgeheven: {}. De eerstvolgende ronde publiceert het; een batch die nog niet is gebouwd, maakt u met "
            "`nachtpost uitlevering --nacht`.",
            done.opgeheven,
        ),
        *_said(
            "De aantallen verschillen nog, dit blijft stilstaan: {}. Moet het toch de deur uit, geef dan --toch; een "
            "batch waarvan regels ontbreken, wordt ook dan niet gebouwd.",
            done.verschilt,
        ),
        *([] if done.opgeheven or done.verschilt else ["Hiervan staat niets stil."]),
    )
    if done.verschilt:
        raise typer.Exit(door.Exit.REFUSED)


def _said(sentence: str, names: list[str]) -> list[str]:
    return [sentence.format(", ".join(names))] if names else []
