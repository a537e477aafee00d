"""Code lists: DDAS vroegsignalering v1.2 (VNG Realisatie), exact spelling, and our own of layout 1.

Sectors are data, not code (convenant art. 7): nothing here decides by the name of a sector.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Codelijst:
    """Values in their exact spelling; compared without case, spaces, `_` and `-`."""

    naam: str
    waarden: tuple[str, ...]
    _exact: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_exact", {_plain(value): value for value in self.waarden})

    def exact(self, value: str) -> str | None:
        """The exact spelling of `value`, None if it is not in the list.

        >>> SOORT.exact("warme overdracht")
        'WARME_OVERDRACHT'
        """
        return self._exact.get(_plain(value))

    def nearest(self, value: str) -> str:
        """The value of the list that looks most like `value`; all values ('a, b of c') if none comes near.

        Only words from the list come out, so that a refusal never repeats what somebody typed.
        """
        near = difflib.get_close_matches(_plain(value)[:100], self._exact, n=1, cutoff=0.5)
        return self._exact[near[0]] if near else opsomming(self.waarden)


def opsomming(waarden: tuple[str, ...]) -> str:
    """Values in a sentence.

    >>> opsomming(("a", "b", "c"))
    'a, b of c'
    """
    return waarden[0] if len(waarden) == 1 else f"{', '.join(waarden[:-1])} of {waarden[-1]}"


def _plain(value: str) -> str:
    return "".join(value.split()).casefold().replace("_", "").replace("-", "")


SOORT = Codelijst(
    "soort",
    ("VROEG", "ACTUALISATIE", "EINDELEVERING", "AFSLUITING", "WARME_OVERDRACHT", "INTREKKING"),
)

REDEN_INTREKKING = Codelijst(
    "reden_intrekking",
    ("BETAALD", "REGELING", "ONTERECHT", "VERHUISD", "OVERLEDEN", "OVERIG"),
)

SIGNAALPARTNER = Codelijst(
    "Signaalpartner",
    (
        "Belastingdienst",
        "CAK Eigen bijdrage",
        "CAK Zorgverzekeringen",
        "Dienst Toeslagen",
        "DUO",
        "Energie",
        "Huur",
        "Hypotheek",
        "Overige",
        "Water",
        "Zorg",
    ),
)

SIGNAALSTATUS = Codelijst(
    "Signaalstatus",
    (
        "Inwoner al bekend bij schuldhulpverlening",
        "Inwoner is overleden",
        "Niet opgepakt: andere reden",
        "Niet opgepakt: herhaalde melding",
        "Niet opgepakt: onterecht signaal",
        "Nog niet opgepakt",
        "Opgepakt",
        "Persoon is geen inwoner (meer) in de gemeente",
    ),
)

EINDRESULTAAT = Codelijst(
    "Eindresultaat",
    (
        "(Budget)advies en/of quick fix",
        "Definitief geen contact kunnen krijgen",
        "Geen reactie na eerder contact",
        "Inwoner al bekend bij schuldhulpverlening",
        "Inwoner heeft al een ander lopend traject",
        "Inwoner heeft zelf al betaald/betalingsregeling getroffen",
        "Inwoner is overleden",
        "Inwoner regelt het zelf/hoeft geen hulp vanuit vroegsignalering",
        "Niet opgepakt: andere reden",
        "Niet opgepakt: herhaalde melding",
        "Niet opgepakt: onterecht signaal",
        "Persoon is geen inwoner (meer) in de gemeente",
        "Vervolghulp en/of verwijzing",
        "Vervolghulp en/of verwijzing financieel",
        "Vervolghulp en/of verwijzing niet financieel",
        "Verwijzing zonder tussenkomst inwoner",
    ),
)

CONTACTSOORT = Codelijst(
    "Contactsoort",
    (
        "Administratief",
        "Afspraak op locatie",
        "Brief",
        "Huisbezoek",
        "Kaartje",
        "Mail",
        "Onbekend",
        "Overige",
        "SMS/Whatsapp",
        "Telefoon",
    ),
)
