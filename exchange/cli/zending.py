"""`nachtpost zending`: a beheerder settles what nobody could see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.register.states import Zending

app = typer.Typer(help="Zendingen waarvan onzeker is of zij zijn afgeleverd.", no_args_is_help=True)

Nr = Annotated[int, typer.Argument(metavar="NR", help="Het nummer van de zending, zoals status het noemt.")]
Reason = Annotated[str, typer.Option("--reason", help="Waarom: wie bevestigde het, en hoe. Dit wordt bewaard.")]


@app.command()
def afgehaald(nr: Nr, reason: Reason, config: door.Config = None, json: door.Json = False) -> None:
    """De ontvanger heeft dit bestand: het is afgeleverd."""
    from exchange.register.states import Zending

    _decide(nr, Zending.OPGEHAALD, reason, config, json, "Vastgelegd: zending {nr} is afgehaald.")


@app.command()
def opnieuw(nr: Nr, reason: Reason, config: door.Config = None, json: door.Json = False) -> None:
    """De ontvanger heeft dit bestand niet: zet dezelfde bytes onder dezelfde naam nog eens klaar."""
    from exchange.register.states import Zending

    said = "Vastgelegd: zending {nr} gaat bij de volgende ronde opnieuw; het manifest noemt haar OPNIEUW."
    _decide(nr, Zending.GEBOUWD, reason, config, json, said)


def _decide(nr: int, target: Zending, reason: str, config: Path | None, json: bool, said: str) -> None:
    from exchange.context import utc_now
    from exchange.steps import onzeker

    door.want_json(json)
    if not reason.strip():
        raise typer.BadParameter("geef een reden", param_hint="--reason")
    with door.opened(config) as exchange:
        onzeker.decide(exchange, nr, target, reason.strip(), utc_now)
    door.answer({"zending": nr, "staat": str(target)}, said.format(nr=nr))
