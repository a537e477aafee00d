"""MON1: a month in anonymous figures (convenant art. 5.6). Every column is text; a figure that is protected is "".

Meervoudig and opeenvolgend are Divosa's: two or more signals at one address in one calendar month; an earlier signal at
the address in the six months before. Here they count *signals*, so that they add up over sectors; `meldingen` counts
addresses, and an address is not proof of one household.
"""

from __future__ import annotations

from typing import ClassVar

import pandera.pandas as pandera

from schemas.batch import AANTAL_OF_LEEG, Tekst, kolom

LAYOUT = "MON1"
#: Figures that count signals; each is at most `signalen`.
DELEN = ("enkelvoudig", "meervoudig", "opeenvolgend", "opgepakt", "bereikt", "hulp_geaccepteerd")
#: The sector of a row that holds all of them together, and the code of the row of the whole country.
ALLE, LAND = "Alle", ""


class Monitor(pandera.DataFrameModel):
    """MON1, in the order of the file."""

    layout: Tekst = kolom("versie van deze layout", LAYOUT, waarden=[LAYOUT])
    maand: Tekst = kolom(
        "kalendermaand waarin wij de signalen ontvingen", "2026-10", r"^[0-9]{4}-[0-9]{2}$", vorm="JJJJ-MM"
    )
    gemeentecode: Tekst = kolom(
        "gemeente volgens het CBS op de laatste dag van de maand; leeg is alle gemeenten",
        "0344",
        r"^([0-9]{4})?$",
        vorm="4 cijfers",
    )
    gemeente: Tekst = kolom("naam van de gemeente", "Utrecht")
    sector: Tekst = kolom("DDAS Signaalpartner; Alle is alle sectoren samen", "Huur")
    signalen: Tekst = kolom("vroegsignalen, eindeleverings- en afsluitsignalen", "120", AANTAL_OF_LEEG)
    meldingen: Tekst = kolom("adressen met een of meer signalen; alleen bij Alle", "96", AANTAL_OF_LEEG)
    enkelvoudig: Tekst = kolom("Divosa: signalen die in deze maand het enige op hun adres zijn", "80", AANTAL_OF_LEEG)
    meervoudig: Tekst = kolom(
        "Divosa: signalen op een adres met twee of meer signalen in deze maand", "40", AANTAL_OF_LEEG
    )
    opeenvolgend: Tekst = kolom(
        "Divosa: signalen op een adres met een signaal in de zes maanden ervoor", "35", AANTAL_OF_LEEG
    )
    opgepakt: Tekst = kolom("DDAS: signalen die zijn opgepakt", "60", AANTAL_OF_LEEG)
    bereikt: Tekst = kolom("signalen waarbij de inwoner is bereikt", "30", AANTAL_OF_LEEG)
    hulp_geaccepteerd: Tekst = kolom("signalen waarbij de inwoner hulp heeft geaccepteerd", "12", AANTAL_OF_LEEG)
    signalen_per_1000: Tekst = kolom(
        "signalen per 1.000 inwoners, als inwoners.csv de gemeente noemt",
        "1,4",
        r"^([0-9]+,[0-9])?$",
        vorm="getal met één decimaal",
    )
    afgeschermd: Tekst = kolom(
        "figuren die wij niet noemen, omdat het er te weinig zijn of omdat een ander getal er dan uit volgt",
        "hulp_geaccepteerd",
    )

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


COLUMNS: tuple[str, ...] = tuple(Monitor.to_schema().columns)
