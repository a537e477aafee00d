"""`nachtpost bewijs`: a signed statement for the partner that reported a signaal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli import door, where


def bewijs(
    signaal: where.Ref,
    partner: where.Owner = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="De map waarin het bewijs en de handtekening komen.")
    ] = Path(),
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Maak een ondertekend bewijs (PDF) dat een partner een signaal heeft gemeld."""
    from exchange import bewijsblad
    from exchange.bewijs import gather
    from exchange.context import utc_now

    door.want_json(json)
    with door.opened(config) as exchange:
        wanted = where.meant(exchange, signaal, partner)
        found = None if wanted is None else gather(exchange, wanted, utc_now())
        if found is None:
            door.answer({"gevonden": False}, where.UNKNOWN)
            raise typer.Exit(door.Exit.REFUSED)
        page, signature = bewijsblad.write(found, exchange.keyring, output)
    door.answer(
        {"gevonden": True, "pdf": page, "handtekening": signature, **asdict(found)},
        f"Bewijs voor {found.partner_naam} ({found.partner}): {page}",
        f"Handtekening: {signature}",
        "Geef beide bestanden aan deze partner en aan niemand anders.",
    )
