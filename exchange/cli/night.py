"""`nachtpost intake`, `terugkoppeling` and `uitlevering`: the steps of the DAGs, one after another in this process."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli import door

if TYPE_CHECKING:
    from exchange.register.aanleveringen import Soort

#: Zendingen of which nobody knows whether they were delivered: `nachtpost zending` settles them.
DOUBT = "Onzeker of het is afgeleverd (nachtpost status zegt wat u doet), zending"


#: What a beheerder reads of parties where fetching did not go as it should, by field of the result.
_PARTIES = {
    "onbereikbaar": "Niet bereikbaar",
    "te_traag": "Niet klaar binnen de tijd, de rest volgt",
    "aanmelding_geweigerd": "Server laat ons niet toe",
    "vertrouwd_niet": "Hostsleutel klopt niet, niets uitgewisseld",
    "niet_te_gebruiken": "Server antwoordt, maar niet bruikbaar",
    "zonder_map": "Geen map om uit op te halen",
    "geen_toegang": "Wij mogen de map niet lezen",
    "mislukt": "Ophalen lukte door een fout bij ons niet",
}
_COUNTS = {
    "blijft_staan": "Bestanden die wij niet konden ophalen of verplaatsen",
    "later": "Bestanden die wachten op de volgende ronde",
}


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
    from exchange.steps.alone import each_alone

    door.want_json(json)
    with door.opened(config) as exchange:
        fetched = pickup.pickup(exchange, utc_now, soort)
        with each_alone() as alone:  # what went wrong with one party holds up nobody's answers
            with alone("controleren"):
                checked = [check.check(exchange, group, utc_now) for group in check.groups(exchange, 1, soort)]
            with alone("spoed"):
                hurried = spoed.spoed(exchange, utc_now) if soort is Soort.SIGNALEN else spoed.NOTHING
            with alone("publiceren"):
                published = publish.publish(exchange, utc_now)
        still = stopped(exchange.config.problemen)
    refused, urgent = sum(one.afgekeurd for one in checked), hurried.regels
    busy = [*fetched.bezet, *(one for group in checked for one in group.bezet), *hurried.bezet]
    data = {
        **vars(fetched),
        "aanleveringen": sum(one.aanleveringen for one in checked),
        "afgekeurd": refused,
        "spoed": urgent,
        "gepubliceerd": published.gepubliceerd,
        "uitgesteld": published.uitgesteld,
        "onzeker": published.onzeker,
        "stilgezet": still,
        "stilstand": hurried.stilstand,
        "bezet": busy,
    }
    parties = {text: getattr(fetched, name) for name, text in _PARTIES.items()}
    counts = {text: getattr(fetched, name) for name, text in _COUNTS.items()}
    door.answer(
        data,
        f"Opgehaald: {data['opgehaald']}. Gecontroleerd: {data['aanleveringen']}, waarvan {refused} als geheel "
        f"afgekeurd. Bestanden klaargezet: {data['gepubliceerd']}, met {urgent} spoedsignalen.",
        *(line for text, ids in parties.items() for line in _late(text, ids)),
        *(line for text, of in counts.items() for line in _late(text, [f"{id} ({many})" for id, many in of.items()])),
        *_late("Kwam onversleuteld aan en is verzegeld, ga na of dit een datalek is", fetched.onversleuteld),
        *_late("Bestanden wachten op een volgende poging", published.uitgesteld),
        *_late(_STILL, hurried.stilstand),
        *_late(_BUSY, busy),
        *_late(DOUBT, published.onzeker),
        *_late(STOPPED, still),
    )
    waits = (still, published.uitgesteld, hurried.stilstand, published.onzeker, fetched.onversleuteld)
    if refused or any((*parties.values(), *counts.values(), *waits)):
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
    from exchange.steps import build, bundle, proof, publish, report
    from exchange.steps.alone import each_alone
    from exchange.steps.waarom import nothing_published

    door.want_json(json)
    night = nacht.date() if nacht else local_date(utc_now())
    with door.opened(config) as exchange:
        bundled = bundle.bundle(exchange, night, utc_now)
        proof.prove(exchange, utc_now)
        with each_alone() as alone:  # what cannot be built costs nobody else the night
            with alone("bouwen"):
                built = [build.build(exchange, night, some, utc_now) for some in build.shards(exchange, night, 1)]
            with alone("publiceren"):
                published = publish.publish(exchange, utc_now)
                why = (
                    [] if published.gepubliceerd else nothing_published(exchange, night, published.uitgesteld, utc_now)
                )
            with alone("afsluiten"):
                reported = report.report(exchange, night, utc_now)
        still = stopped(exchange.config.problemen)
    busy = [*(one for some in built for one in some.bezet), *reported.bezet]
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
        "onzeker": reported.onzeker,
        "niet_gecontroleerd": bundled.niet_gecontroleerd,
        "stilgezet": still,
        "stilstand": reported.stilstand,
        "bezet": busy,
        "waarom_niets": why,
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
        *_late("Batch niet gebouwd, haar nacht blijft open", reported.niet_gebouwd),
        *_late("Bestanden wachten op een volgende poging", late),
        *_late(
            "Opgehaald en nog niet gecontroleerd, dus niet mee met deze nacht",
            [f"{id} ({files})" for id, files in bundled.niet_gecontroleerd.items()],
        ),
        *_late(_STILL, reported.stilstand),
        *_late(_BUSY, busy),
        *_late(DOUBT, reported.onzeker),
        *_late(STOPPED, still),
        *why,
    )
    waits = (still, late, shut, bundled.zonder_uitvoerder, reported.zonder_machtiging, reported.niet_gebouwd)
    if any(waits) or bundled.niet_gecontroleerd or reported.stilstand or reported.onzeker:
        raise typer.Exit(door.Exit.REFUSED)


_STILL = "De aantallen kloppen niet, dit staat stil; zie `nachtpost publiceren hervat --help`"
_BUSY = "Een ander proces is hier al mee bezig, het is daaraan overgelaten"


def _late(what: str, names: list[str]) -> list[str]:
    return [f"{what}: {', '.join(names)}."] if names else []
