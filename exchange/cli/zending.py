"""`nachtpost zending`: a beheerder settles what nobody could see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.register.states import Zending

app = typer.Typer(help="Zendingen waarvan onzeker is of zij zijn afgeleverd.", no_args_is_help=True)

Nr = Annotated[
    list[int],
    typer.Argument(metavar="NR...", min=1, max=2**63 - 1, help="De nummers van de zendingen, zoals status ze noemt."),
]
Reason = Annotated[str, typer.Option("--reason", help="Waarom: wie bevestigde het, en hoe. Dit wordt bewaard.")]


@app.command()
def afgehaald(nr: Nr, reason: Reason, config: door.Config = None, json: door.Json = False) -> None:
    """De ontvanger heeft deze bestanden: zij zijn afgeleverd."""
    from exchange.register.states import Zending

    _decide(nr, Zending.OPGEHAALD, reason, config, json, "Vastgelegd: afgehaald is zending {nr}.")


@app.command()
def opnieuw(nr: Nr, reason: Reason, config: door.Config = None, json: door.Json = False) -> None:
    """De ontvanger heeft deze bestanden niet: zet dezelfde bytes onder dezelfde naam nog eens klaar."""
    from exchange.register.states import Zending

    said = "Vastgelegd: bij de volgende ronde gaat opnieuw zending {nr}; het manifest noemt haar OPNIEUW."
    _decide(nr, Zending.GEBOUWD, reason, config, json, said)


def _decide(nrs: list[int], target: Zending, reason: str, config: Path | None, json: bool, said: str) -> None:
    from exchange.context import utc_now
    from exchange.steps import onzeker

    door.want_json(json)
    if not reason.strip():
        raise typer.BadParameter("geef een reden", param_hint="--reason")
    with door.opened(config) as exchange:
        for nr in nrs:
            onzeker.decide(exchange, nr, target, reason.strip(), utc_now)
    door.answer({"zendingen": nrs, "staat": str(target)}, said.format(nr=", ".join(map(str, nrs))))
