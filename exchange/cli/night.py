"""`nachtpost intake`, `terugkoppeling` and `uitlevering`: the steps of the DAGs, one after another in this process."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.register.aanleveringen import Soort


def intake(config: door.Config = None, json: door.Json = False) -> None:
    """Haal bestanden op bij alle partners, controleer ze en zet de antwoorden klaar, met wat spoed heeft."""
    from exchange.register.aanleveringen import Soort

    _receive(Soort.SIGNALEN, config, json)


def terugkoppeling(config: door.Config = None, json: door.Json = False) -> None:
    """Haal terugkoppeling op bij alle uitvoerders, controleer haar en zet de antwoorden klaar."""
    from exchange.register.aanleveringen import Soort

    _receive(Soort.TERUGKOPPELING, config, json)


def _receive(soort: Soort, config: Path | None, json: bool) -> None:
    from exchange.context import utc_now
    from exchange.register.aanleveringen import Soort
    from exchange.sentences import STOPPED, stopped
    from exchange.steps import check, pickup, publish, spoed

    door.want_json(json)
    with door.opened(config) as exchange:
        fetched = pickup.pickup(exchange, utc_now, soort)
        try:
            checked = [check.check(exchange, group, utc_now) for group in check.groups(exchange, 1, soort)]
        finally:  # what went wrong with one party holds up nobody's answers
            urgent = spoed.spoed(exchange, utc_now).regels if soort is Soort.SIGNALEN else 0
            published = publish.publish(exchange, utc_now)
        still = stopped(exchange.config.problemen)
    refused = sum(one.afgekeurd for one in checked)
    data = {
        "opgehaald": fetched.opgehaald,
        "onbereikbaar": fetched.onbereikbaar,
        "vertrouwd_niet": fetched.vertrouwd_niet,
        "mislukt": fetched.mislukt,
        "aanleveringen": sum(one.aanleveringen for one in checked),
        "afgekeurd": refused,
        "spoed": urgent,
        "gepubliceerd": published.gepubliceerd,
        "uitgesteld": published.uitgesteld,
        "stilgezet": still,
    }
    door.answer(
        data,
        f"Opgehaald: {data['opgehaald']}. Gecontroleerd: {data['aanleveringen']}, waarvan {refused} als geheel "
        f"afgekeurd. Bestanden klaargezet: {data['gepubliceerd']}, met {urgent} spoedsignalen.",
        *_late("Niet bereikbaar", fetched.onbereikbaar),
        *_late("Hostsleutel klopt niet, niets uitgewisseld", fetched.vertrouwd_niet),
        *_late("Ophalen lukte door een fout bij ons niet", fetched.mislukt),
        *_late("Bestanden wachten op een volgende poging", published.uitgesteld),
        *_late(STOPPED, still),
    )
    if still or refused or fetched.onbereikbaar or fetched.vertrouwd_niet or fetched.mislukt or published.uitgesteld:
        raise typer.Exit(door.Exit.REFUSED)


def uitlevering(
    nacht: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="De datum van de ochtend; anders vandaag (Amsterdam)."),
    ] = None,
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Lever uit wat is aanvaard: bundelen, bouwen, publiceren en de nacht afsluiten."""
    from exchange.context import local_date, utc_now
    from exchange.sentences import STOPPED, stopped
    from exchange.steps import build, bundle, publish, report

    door.want_json(json)
    night = nacht.date() if nacht else local_date(utc_now())
    with door.opened(config) as exchange:
        bundled = bundle.bundle(exchange, night, utc_now)
        for gemeenten in build.shards(exchange, night, 1):
            build.build(exchange, night, gemeenten, utc_now)
        published = publish.publish(exchange, utc_now)
        reported = report.report(exchange, night, utc_now)
        still = stopped(exchange.config.problemen)
    late = sorted({*published.uitgesteld, *reported.uitgesteld})
    shut = [*bundled.zonder_sleutel, *reported.zonder_sleutel]
    data = {
        "nacht": str(night),
        "batches": bundled.batches,
        "regels": bundled.regels,
        "zonder_uitvoerder": bundled.zonder_uitvoerder,
        "zonder_sleutel": shut,
        "zonder_machtiging": reported.zonder_machtiging,
        "gepubliceerd": published.gepubliceerd,
        "uitgesteld": late,
        "niet_gebouwd": reported.niet_gebouwd,
        "stilgezet": still,
        "klopt": reported.klopt,
        "totalen": reported.totalen,
    }
    door.answer(
        data,
        f"Nacht {night}: {bundled.batches} batches met {bundled.regels} signalen; {published.gepubliceerd} bestanden "
        "gepubliceerd. De balans klopt.",
        *_late("Geen uitvoerder voor gemeente", bundled.zonder_uitvoerder),
        *_late("Sleutel kan niet versleutelen, bestanden wachten", shut),
        *_late("Partner zonder account, en geen geldige machtiging om haar te antwoorden", reported.zonder_machtiging),
        *_late("Batch niet gebouwd, de nacht blijft open", reported.niet_gebouwd),
        *_late("Bestanden wachten op een volgende poging", late),
        *_late(STOPPED, still),
    )
    if still or late or shut or bundled.zonder_uitvoerder or reported.zonder_machtiging or reported.niet_gebouwd:
        raise typer.Exit(door.Exit.REFUSED)


def _late(what: str, names: list[str]) -> list[str]:
    return [f"{what}: {', '.join(names)}."] if names else []
