"""AL1: where an account may report signals, today and as far as has been agreed. One line per partner, gemeente, sector
and period."""

from __future__ import annotations

from typing import ClassVar

import pandera.pandas as pandera

from schemas.batch import DATUM, DATUM_OF_LEEG, GEMEENTECODE, SOORTEN, Tekst, kolom

LAYOUT = "AL1"
#: Always the same name: it is a list to look at, not a message.
NAAM = "aansluitlijst.csv"

_GEVULD = r"."


class Aansluitlijst(pandera.DataFrameModel):
    """AL1, in the order of the file; every column is text."""

    layout: Tekst = kolom("versie van deze layout", LAYOUT, waarden=[LAYOUT])
    partner: Tekst = kolom(
        "uw id, of dat van een partner voor wie u aanlevert", "huur-01", r"^[a-z0-9-]{2,20}$", vorm="id van een partner"
    )
    gemeentecode: Tekst = kolom("gemeente, volgens het CBS", "0344", GEMEENTECODE)
    gemeente: Tekst = kolom("naam van de gemeente", "Utrecht", _GEVULD, vorm="tekst")
    sector: Tekst = kolom("een van uw sectoren (DDAS Signaalpartner)", "Huur", _GEVULD, vorm="tekst")
    uitvoerder: Tekst = kolom("wie uw signalen voor deze gemeente krijgt", "Schuldhulp Midden", _GEVULD, vorm="tekst")
    van: Tekst = kolom("eerste dag waarop u kunt melden", "2026-01-01", DATUM)
    tot: Tekst = kolom("laatste dag; leeg is tot nader bericht", "2026-12-31", DATUM_OF_LEEG)
    soorten: Tekst = kolom(
        "soorten signalen die u kunt melden, met | ertussen",
        "VROEG|ACTUALISATIE",
        rf"^({'|'.join(SOORTEN)})([|]({'|'.join(SOORTEN)}))*$",
        vorm="soorten met | ertussen",
    )

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Aansluitlijst.to_schema().columns)
