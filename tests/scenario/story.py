"""Three months at one address: what partners send, what uitvoerders answer, and when.

Mevrouw De Vries rents in Weesp. Her landlord, her energy supplier and her drinking-water company report arrears. On
24 March 2022 Weesp becomes part of Amsterdam, where repeats are not received; in April she moves to Hilversum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

HUUR, ENERGIE, WATER = "huur-01", "energie-02", "water-03"
#: The first serves Weesp (until the merger) and Hilversum, the second Amsterdam.
GOOI, AMSTERDAM = "uitvoerder-01", "uitvoerder-02"

Row = Mapping[str, str]

WEESP = {"straat": "Nieuwstraat", "huisnummer": "12", "postcode": "1381BC", "woonplaats": "Weesp"}
HILVERSUM = {"straat": "Kerkstraat", "huisnummer": "5", "postcode": "1211CL", "woonplaats": "Hilversum"}


@dataclass(frozen=True)
class Sent:
    """A file that a party drops in the afternoon of `day`. In `rows` of an uitvoerder `{HU-1}` is the signaal_ref of
    the partner's HU-1, as it stood in the uitvoerder's batch."""

    day: date
    party: str
    rows: tuple[Row, ...]
    why: str
    number: int = field(default=1)


def _day(month: int, day: int) -> date:
    return date(2022, month, day)


def _signal(partner: str, day: date, signaal_id: str, cent: int, **other: str) -> Row:
    """A row as the partner's system exports it on `day`; the newest arrears are 45 days old."""
    own = {
        HUUR: {"sector": "Huur", "maanden_achterstand": "2"},
        ENERGIE: {"sector": "Energie", "klantnummer": "E-778812"},
        WATER: {"sector": "Water", "klantnummer": "W20417"},
    }[partner]
    return {
        "signaal_id": signaal_id,
        "soort": "VROEG",
        "voorletters": "A.",
        "voorvoegsel": "de",
        "achternaam": "Vries",
        "telefoon": {HUUR: "0612340001", ENERGIE: "0612340002", WATER: ""}[partner],
        "bedrag_cent": str(cent),
        "peildatum": str(day - timedelta(days=1)),
        "oudste_vervaldatum": str(day - timedelta(days=46)),
        "herinnering_datum": str(day - timedelta(days=14)),
        **own,
        **WEESP,
        **other,
    }


def _withdrawn(signaal_id: str, of: str, reden: str, sector: str) -> Row:
    return {
        "signaal_id": signaal_id,
        "soort": "INTREKKING",
        "vorig_signaal_id": of,
        "reden_intrekking": reden,
        "sector": sector,
    }


def _feedback(of: str, status: str, day: date, **other: str) -> Row:
    return {"layout": "TK1", "signaal_ref": f"{{{of}}}", "status": status, "status_datum": str(day), **other}


def story() -> list[Sent]:
    """Every file, in order of time."""
    d = _day
    return [
        Sent(d(2, 1), HUUR, (_signal(HUUR, d(2, 1), "HU-1", 82000),), "new"),
        Sent(d(2, 3), ENERGIE, (_signal(ENERGIE, d(2, 3), "EN-1", 24550),), "new, a second partner at the address"),
        Sent(d(2, 8), GOOI, (_feedback("HU-1", "Opgepakt", d(2, 8)),), "picked up"),
        Sent(d(2, 10), HUUR, (_signal(HUUR, d(2, 1), "HU-1", 82000),), "the same signal once more"),
        Sent(d(3, 1), HUUR, (_signal(HUUR, d(3, 1), "HU-2", 82000),), "repeated: not higher than last month"),
        Sent(
            d(3, 2),
            ENERGIE,
            (_signal(ENERGIE, d(3, 2), "EN-2", 31000, soort="ACTUALISATIE", vorig_signaal_id="EN-1"),),
            "higher",
        ),
        Sent(d(3, 3), WATER, (_signal(WATER, d(3, 3), "WA-1", 9000),), "new, a third partner"),
        Sent(
            d(3, 3),
            WATER,
            (_withdrawn("WA-1-IN", "WA-1", "BETAALD", "Water"),),
            "withdrawn before the night: it never goes out",
            number=2,
        ),
        Sent(
            d(3, 8),
            GOOI,
            (
                _feedback("EN-2", "Opgepakt", d(3, 7), hulp_geaccepteerd="J", hulp_geaccepteerd_op="2022-03-07"),
                _feedback("HU-2", "Niet opgepakt: andere reden", d(3, 8)),
                _feedback("WA-1", "Opgepakt", d(3, 8)),
            ),
            "help accepted: collection is suspended; another reason: nobody hears which; a signal that never came",
        ),
        Sent(
            d(3, 23),
            ENERGIE,
            (_withdrawn("EN-2-IN", "EN-2", "REGELING", "Energie"),),
            "withdrawn after delivery, on the last day of Weesp: Amsterdam's uitvoerder receives it",
        ),
        Sent(
            d(4, 1),
            HUUR,
            (_signal(HUUR, d(4, 1), "HU-3", 82000),),
            "repeated: Amsterdam receives no repeats, but its uitvoerder never had the signal itself",
        ),
        Sent(d(4, 4), HUUR, (_signal(HUUR, d(4, 4), "HU-3-NOG", 82000),), "repeated, and now not delivered"),
        Sent(
            d(4, 5),
            HUUR,
            (_signal(HUUR, d(4, 5), "HU-4", 123000, maanden_achterstand="3"),),
            "higher, still with the old gemeentecode",
        ),
        Sent(
            d(4, 12),
            AMSTERDAM,
            (
                _feedback("HU-4", "Persoon is geen inwoner (meer) in de gemeente", d(4, 12)),
                _feedback("EN-1", "Opgepakt", d(4, 12)),
            ),
            "no longer an inwoner; and a reference that went to another uitvoerder",
        ),
        Sent(
            d(4, 14),
            HUUR,
            (
                _withdrawn("HU-4-IN", "HU-4", "VERHUISD", "Huur"),
                _signal(HUUR, d(4, 14), "HU-5", 123000, maanden_achterstand="3", **HILVERSUM),
            ),
            "moved to Hilversum",
        ),
        Sent(
            d(4, 20),
            ENERGIE,
            (
                _signal(
                    ENERGIE,
                    d(4, 20),
                    "EN-3",
                    40000,
                    soort="EINDELEVERING",
                    gebeurtenis_datum="2022-05-10",
                    **HILVERSUM,
                ),
            ),
            "end of supply within twenty working days, without an earlier signal",
        ),
        Sent(
            d(4, 26),
            GOOI,
            (_feedback("HU-5", "Inwoner al bekend bij schuldhulpverlening", d(4, 26)),),
            "known already: not told unless the overeenkomst says so",
        ),
    ]
