"""`nachtpost status` and `nachtpost find`: how does it stand, and where is this signaal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.context import Exchange


def status(config: door.Config = None, json: door.Json = False) -> None:
    """Laat zien hoe het staat: aanleveringen, batches en de balans."""
    from exchange.status import status as standing

    door.want_json(json)
    with door.opened(config) as exchange:
        found = standing(exchange)
    balance: Mapping[str, Any] = found["balans"]
    door.answer(
        found,
        _listed("Aanleveringen", found["aanleveringen"]),
        _listed("Batches", found["batches"]),
        _listed("Balans", [{"klopt": "ja" if balance["klopt"] else "NEE", **_counts(balance)}]),
    )
    if not balance["klopt"]:
        raise typer.Exit(door.Exit.REFUSED)


def find(
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="Het signaal_ref; met --partner het signaal_id van die partner.")
    ],
    partner: Annotated[str | None, typer.Option(metavar="ID", help="De partner van wie het signaal_id is.")] = None,
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Zoek een signaal op zijn verwijzing; zoeken op persoon kan niet."""
    from exchange.status import find as look
    from transforms.identity import NotASignaalRef

    door.want_json(json)
    with door.opened(config) as exchange:
        try:
            wanted = _ref_of(exchange, partner, ref.strip()) if partner else ref.strip()
            found = None if wanted is None else look(exchange, wanted)
        except NotASignaalRef as error:
            raise typer.BadParameter("dit is geen signaal_ref: er is een teken verkeerd of weggevallen") from error
    if found is None:
        door.answer({"gevonden": False}, "Er is geen aanvaard signaal met deze verwijzing.")
        raise typer.Exit(door.Exit.REFUSED)
    rows: list[list[object]] = [[name, value] for name, value in found.items()]
    door.answer({"gevonden": True, **found}, door.table("Gevonden", ["wat", "waarde"], rows))


def _ref_of(exchange: Exchange, partner: str, signaal_id: str) -> str | None:
    """The signaal_ref of the newest accepted signaal that this partner gave this id."""
    import numpy as np
    import sqlalchemy as sa

    from exchange.register.tables import aanlevering, signaal
    from transforms.identity import signaal_ref

    query = (
        sa.select(sa.func.max(signaal.c.nr))
        .join(aanlevering, aanlevering.c.nr == signaal.c.nr.bitwise_rshift(24))
        .where(signaal.c.signaal_id == signaal_id, aanlevering.c.partner == partner)
    )
    with exchange.register.connect() as db:
        nr = db.scalar(query)
    return None if nr is None else str(signaal_ref(np.array([nr])).to_pylist()[0])


def _counts(balance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in balance.items() if name != "klopt"}


def _listed(title: str, items: list[dict[str, Any]]) -> Table | str:
    if not items:
        return f"{title}: nog geen."
    columns = list(items[0])
    return door.table(title, columns, [[item[column] for column in columns] for item in items])
