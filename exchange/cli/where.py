"""`nachtpost status` and `nachtpost find`: how does it stand, and where is this signaal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.context import Exchange

Ref = Annotated[str, typer.Argument(metavar="SIGNAAL", help="Het signaal_ref, of met --partner het signaal_id.")]
Owner = Annotated[str | None, typer.Option("--partner", metavar="ID", help="De partner van wie het signaal_id is.")]
#: What a beheerder does about a doubt.
SETTLE = (
    "Vraag de ontvanger of hij deze bestanden heeft. Zo ja: nachtpost zending afgehaald NR... --reason TEKST. "
    "Zo nee: nachtpost zending opnieuw NR... --reason TEKST."
)
#: What is said of a reference that leads nowhere; alike for every reason.
UNKNOWN = "Er is geen aanvaard signaal met deze verwijzing."


def status(config: door.Config = None, json: door.Json = False) -> None:
    """Laat zien hoe het staat: aanleveringen, batches en de balans."""
    from exchange.status import status as standing

    door.want_json(json)
    with door.opened(config) as exchange:
        found = standing(exchange)
    balance: Mapping[str, Any] = found["balans"]
    door.answer(
        found,
        *([_listed("Stilgezet (nachtpost config check)", found["stilgezet"])] if found["stilgezet"] else []),
        _listed("Aanleveringen", found["aanleveringen"]),
        *([_listed("Proeven", found["proeven"])] if found["proeven"] else []),
        *([_listed("Terugkoppelingen", found["terugkoppelingen"])] if found["terugkoppelingen"] else []),
        _listed("Batches", _per_uitvoerder(found["batches"])),
        *([_listed("Onzeker of het is afgeleverd", found["onzeker"]), SETTLE] if found["onzeker"] else []),
        *([_listed("Stilstand", [_counted(one) for one in found["stilstand"]])] if found["stilstand"] else []),
        *([_listed("Onversleuteld aangekomen: datalek?", readable)] if (readable := found["onversleuteld"]) else []),
        _listed("Balans", [{**balance, "klopt": "ja" if balance["klopt"] else "NEE"}]),
    )
    if not balance["klopt"]:
        raise typer.Exit(door.Exit.REFUSED)


def find(ref: Ref, partner: Owner = None, config: door.Config = None, json: door.Json = False) -> None:
    """Zoek een signaal op zijn verwijzing; zoeken op persoon kan niet."""
    from exchange.status import find as look

    door.want_json(json)
    with door.opened(config) as exchange:
        wanted = meant(exchange, ref, partner)
        found = None if wanted is None else look(exchange, wanted)
    if found is None:
        door.answer({"gevonden": False}, UNKNOWN)
        raise typer.Exit(door.Exit.REFUSED)
    rows: list[list[object]] = [[name, value] for name, value in found.items()]
    door.answer({"gevonden": True, **found}, door.table("Gevonden", ["wat", "waarde"], rows))


def meant(exchange: Exchange, ref: str, partner: str | None) -> str | None:
    """The signaal_ref that was asked for, None when that partner has no such signaal; wrong use when it is no ref."""
    from exchange.status import newest_ref
    from transforms.identity import NotASignaalRef, parse_signaal_ref

    if partner:
        return newest_ref(exchange, partner, ref.strip())
    try:
        parse_signaal_ref(ref)
    except NotASignaalRef as error:
        raise typer.BadParameter("dit is geen signaal_ref: er is een teken verkeerd of weggevallen") from error
    return ref.strip()


def _per_uitvoerder(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For people: a night has hundreds of batches. Those of one uitvoerder in one state together."""
    found = Counter((one["uitvoerder"], one["staat"]) for one in batches)
    lines = Counter(dict.fromkeys(found, 0))
    for one in batches:
        lines[one["uitvoerder"], one["staat"]] += one["regels"]
    return [
        {"uitvoerder": uitvoerder, "staat": staat, "batches": count, "regels": lines[uitvoerder, staat]}
        for (uitvoerder, staat), count in sorted(found.items())
    ]


def _counted(stands: dict[str, Any]) -> dict[str, Any]:
    return {**stands, "gegevens": ", ".join(f"{name}: {count}" for name, count in stands["gegevens"].items())}


def _listed(title: str, items: list[dict[str, Any]]) -> Table | str:
    """A table of `items`, without the columns in which nothing stands."""
    if not items:
        return f"{title}: nog geen."
    columns = [name for name in items[0] if any(item[name] for item in items)]
    return door.table(title, columns, [[item[column] for column in columns] for item in items])
