"""What of an uitvoerder's terugkoppeling a partner may know: one table from DDAS values to an uitkomst.

Sources: DDAS vroegsignalering v1.2 (herhaalde melding, onterecht signaal, geen inwoner and overleden are fed back; of
"andere reden" a partner may know only that it was not picked up, never why) and the data minimisation of AVG art. 5.1
c (how a closed case ended is not the partner's). "Al bekend bij schuldhulpverlening" is fed back in some practice
(Divosa 2024): off, and opened per overeenkomst (`al_bekend`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.codelijsten import EINDRESULTAAT, SIGNAALSTATUS

#: The values of TM1's `uitkomst` and what they mean to a partner.
UITKOMSTEN = {
    "": "een eerdere uitkomst geldt niet meer; er is nog geen nieuwe",
    "OPGEPAKT": "de uitvoerder is ermee bezig",
    "NIET_OPGEPAKT": "niet opgepakt; waarom, mag u niet weten",
    "HERHAALDE_MELDING": "niet opgepakt: u meldde dit al eerder en het bedrag is niet hoger",
    "ONTERECHT": "niet opgepakt: het signaal had niet gemeld mogen worden",
    "GEEN_INWONER": "de persoon woont niet of niet meer in de gemeente",
    "OVERLEDEN": "de persoon is overleden",
    "AL_BEKEND": "al bekend bij schuldhulpverlening; alleen als uw overeenkomst met de gemeente dat opent",
    "AFGEROND": "de uitvoerder is klaar; hoe het afliep, staat er niet bij",
}

#: Days that collection is suspended at most, from the day that we received that help was accepted.
#: Convenant art. 4; Janssen & Janssen: at most 30 days.
OPSCHORTEN_DAGEN = 30

_DDAS = "DDAS 1.2"
_MINIMAAL = "AVG art. 5.1 c: hoe het afliep, is niet aan de partner"


@dataclass(frozen=True)
class Regel:
    """What one DDAS value becomes. Of a status and an eindresultaat the one with the lowest `rang` decides, so that a
    reason that must stay unsaid is not said by the other column."""

    waarde: str
    uitkomst: str
    rang: int
    bron: str


#: Rungs: what must stay unsaid, what is fed back as it is, what is closed, what goes on, what says nothing.
_ONGEZEGD, _AL_BEKEND, _TERUG, _DICHT, _OPEN, _NIETS = range(6)

_GEDEELD = (
    Regel("Niet opgepakt: andere reden", "NIET_OPGEPAKT", _ONGEZEGD, _DDAS),
    Regel("Inwoner al bekend bij schuldhulpverlening", "AL_BEKEND", _AL_BEKEND, "Divosa 2024; per overeenkomst"),
    Regel("Inwoner is overleden", "OVERLEDEN", _TERUG, _DDAS),
    Regel("Persoon is geen inwoner (meer) in de gemeente", "GEEN_INWONER", _TERUG, _DDAS),
    Regel("Niet opgepakt: onterecht signaal", "ONTERECHT", _TERUG, _DDAS),
    Regel("Niet opgepakt: herhaalde melding", "HERHAALDE_MELDING", _TERUG, _DDAS),
)  # fmt: skip

STATUSSEN: dict[str, Regel] = {
    regel.waarde: regel
    for regel in (
        *_GEDEELD,
        Regel("Opgepakt", "OPGEPAKT", _OPEN, _DDAS),
        Regel("Nog niet opgepakt", "", _NIETS, _DDAS),
    )
}
EINDRESULTATEN: dict[str, Regel] = {
    regel.waarde: regel
    for regel in (
        *_GEDEELD,
        Regel("(Budget)advies en/of quick fix", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Definitief geen contact kunnen krijgen", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Geen reactie na eerder contact", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Inwoner heeft al een ander lopend traject", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Inwoner heeft zelf al betaald/betalingsregeling getroffen", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Inwoner regelt het zelf/hoeft geen hulp vanuit vroegsignalering", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Vervolghulp en/of verwijzing", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Vervolghulp en/of verwijzing financieel", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Vervolghulp en/of verwijzing niet financieel", "AFGEROND", _DICHT, _MINIMAAL),
        Regel("Verwijzing zonder tussenkomst inwoner", "AFGEROND", _DICHT, _MINIMAAL),
    )
}
#: Uitkomsten beside which `opschorten_tot` may stand: what was not picked up suspends nothing.
MET_OPSCHORTING = ("OPGEPAKT", "AFGEROND")
#: What a partner reads instead where the overeenkomst does not open it.
DICHT = {"AL_BEKEND": "NIET_OPGEPAKT"}


@dataclass(frozen=True)
class Afbeelding:
    """One pair of DDAS values ("" for no eindresultaat), its uitkomst before `DICHT`, and which of the two decided."""

    status: str
    eindresultaat: str
    uitkomst: str
    door_eindresultaat: bool


def _pairs() -> Iterator[Afbeelding]:
    for status in SIGNAALSTATUS.waarden:
        own = STATUSSEN[status]
        yield Afbeelding(status, "", own.uitkomst, False)
        for eindresultaat in EINDRESULTAAT.waarden:
            end = EINDRESULTATEN[eindresultaat]
            decides = end.rang < own.rang
            yield Afbeelding(status, eindresultaat, (end if decides else own).uitkomst, decides)


#: Every pair that TK1 can hold; a value that has no rule fails at import.
AFBEELDING: tuple[Afbeelding, ...] = tuple(_pairs())
