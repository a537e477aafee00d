"""`nachtpost check-file`: what a partner runs before sending, with the production schemas and sentences."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.configuration import Profiel
    from exchange.configuration.models import IntakeSettings
    from exchange.steps.basis import Bestemmingen
    from exchange.steps.check_file import Checked

#: Reasons shown on a screen; `--json` has all of them.
LISTED = 100


class Scheidingsteken(StrEnum):
    """What stands between two fields, as it can be typed on a command line."""

    PUNTKOMMA = ";"
    KOMMA = ","
    STREEP = "|"
    TAB = "tab"


class Codering(StrEnum):
    """How text is stored."""

    UTF8 = "utf-8"
    WINDOWS = "windows-1252"


def check_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Het csv-bestand, vóór het versleutelen.")],
    partner: Annotated[
        str | None, typer.Option(metavar="ID", help="Controleer als deze partner, met de configuratie.")
    ] = None,
    sector: Annotated[
        list[str] | None, typer.Option(help="Zonder configuratie: uw sector, bijvoorbeeld Huur; mag vaker.")
    ] = None,
    scheidingsteken: Annotated[
        Scheidingsteken, typer.Option(help="Zonder configuratie: wat tussen de velden staat.")
    ] = Scheidingsteken.PUNTKOMMA,
    codering: Annotated[
        Codering, typer.Option(help="Zonder configuratie: hoe het bestand is opgeslagen.")
    ] = Codering.UTF8,
    verklaring: Annotated[
        bool, typer.Option("--verklaring", help="Zonder configuratie: een verklaring vervangt de zeven voorwaarden.")
    ] = False,
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Controleer een bestand voordat u het verstuurt, met de regels en de zinnen van de echte controle."""
    from exchange.configuration.models import IntakeSettings
    from exchange.context import utc_now
    from exchange.steps.check_file import check_file as judge

    door.want_json(json)
    if (partner is None) == (not sector):
        raise typer.BadParameter("geef --partner ID (met de configuratie) of --sector SECTOR (zonder)")
    if not file.is_file():
        raise typer.BadParameter(f"{file} is geen bestand")
    if file.suffix.lower() in (".pgp", ".gpg", ".asc"):
        raise typer.BadParameter("geef het csv-bestand zoals het is vóór het versleutelen")
    nu = utc_now()
    goes, intake = None, IntakeSettings()
    if partner is None:
        profiel = _profile(sector or [], scheidingsteken, codering, verklaring)
    else:
        profiel, goes, intake = configured(config, partner, nu)
    found = judge(file, profiel, goes, intake, nu)
    door.answer(data(file, found), *said(found))
    if not found.klopt:
        raise typer.Exit(door.Exit.REFUSED)


def configured(config: Path | None, partner: str, nu: datetime) -> tuple[Profiel, Bestemmingen, IntakeSettings]:
    """The partner as the exchange knows it; the register is left alone."""
    from exchange.configuration import load
    from exchange.context import Exchange
    from exchange.steps import basis

    exchange = Exchange(load(door.folder(config)))
    known = exchange.config.melders.get(partner)
    if known is None:
        if partner in exchange.config.stilgezet:
            exchange.config.partij(partner)  # says that it is
        raise typer.BadParameter(f"partner {partner} staat niet in de configuratie")
    return known, basis.bestemmingen(exchange.config, exchange.postcodes, known, nu), exchange.config.intake


def _profile(sectors: list[str], scheidingsteken: Scheidingsteken, codering: Codering, verklaring: bool) -> Profiel:
    """A partner of whom nothing is known but what was typed."""
    from exchange.configuration import Profiel, Verklaring
    from schemas.codelijsten import SIGNAALPARTNER

    exact = [SIGNAALPARTNER.exact(sector) for sector in sectors]
    for typed, value in zip(sectors, exact, strict=True):
        if value is None:
            raise typer.BadParameter(f"sector {typed} bestaat niet; bedoelt u {SIGNAALPARTNER.nearest(typed)}?")
    return Profiel.model_validate(
        {
            "id": "partner",
            "sectoren": exact,
            "scheidingsteken": "\t" if scheidingsteken is Scheidingsteken.TAB else str(scheidingsteken),
            "codering": str(codering),
            "verklaring": Verklaring(van=date(2000, 1, 1)) if verklaring else None,
        }
    )


def data(file: Path, found: Checked) -> dict[str, Any]:
    """The verdict for programs."""
    reasons = [{**row, "regelnr": int(row["regelnr"])} for row in found.redenen.to_pylist()]
    tally = found.tally
    return {
        "bestand": file.name,
        "klopt": found.klopt,
        "code": found.code,
        "tekst": found.tekst,
        "regels": tally.regels,
        "aanvaard": tally.aanvaard,
        "afgekeurd": tally.afgekeurd,
        "dubbel": tally.dubbel,
        "redenen": reasons,
        "niet_gecontroleerd": list(found.open),
    }


def said(found: Checked) -> list[Table | str]:
    """The verdict for people."""
    parts: list[Table | str] = []
    if found.code:
        parts.append(f"Dit bestand wordt afgekeurd. {found.code}: {found.tekst}")
    else:
        parts += _listed(found)
    parts.append("Niet gecontroleerd:\n" + "\n".join(f"- {one}" for one in found.open))
    return parts


def _listed(found: Checked) -> list[Table | str]:
    tally, rows = found.tally, found.redenen
    said: list[Table | str] = []
    if rows.num_rows:
        first: list[list[object]] = [
            [int(row["regelnr"]), row["code"], row["tekst"]] for row in rows.slice(0, LISTED).to_pylist()
        ]
        said.append(door.table("Wat u van ons zou horen", ["regel", "code", "tekst"], first))
    if rows.num_rows > LISTED:
        said.append(f"Er zijn nog {rows.num_rows - LISTED} redenen; met --json ziet u ze allemaal.")
    said.append(
        f"Regels: {tally.regels}. Aanvaard: {tally.aanvaard}. Afgekeurd: {tally.afgekeurd}. Dubbel: {tally.dubbel}."
    )
    return said
