"""TM1: every answer to a partner, one layout for all kinds, one line per reason.

`melding_nr`, `matching` and `opeenvolgend` never stand here: two partners comparing them would learn of each other.
"""

from __future__ import annotations

from typing import ClassVar

import pandera.pandas as pandera

from schemas.batch import AANTAL, AANTAL_OF_LEEG, DATUM_OF_LEEG, INSTANT, INSTANT_OF_LEEG, SIGNAAL_REF_OF_LEEG, Tekst

LAYOUT = "TM1"

#: Counts of a BESTAND line: the balance of an aanlevering, with `aanvaard` = all that was not refused or dubbel.
COUNTS = (
    "regels",
    "aanvaard",
    "afgekeurd",
    "dubbel",
    "ingetrokken",
    "aangehouden",
    "wachtend",
    "niet_doorgezet",
    "doorgezet",
)

#: Last words of a CONTROLE with refused rows.
SLOTZIN = "Levert u verbeterde regels vóór {sluitingstijd} aan, dan gaan ze mee in de nacht van {datum}."


class Terugmelding(pandera.DataFrameModel):
    """TM1, in the order of the file; every column is text."""

    layout: Tekst = pandera.Field(isin=[LAYOUT])
    terugmelding_nr: Tekst = pandera.Field(str_matches=AANTAL)
    soort: Tekst = pandera.Field(isin=["ONTVANGST", "CONTROLE", "DOORGEZET", "UITKOMST"])
    niveau: Tekst = pandera.Field(isin=["BESTAND", "REGEL"])
    tijdstip: Tekst = pandera.Field(str_matches=INSTANT)
    proef: Tekst = pandera.Field(isin=["J", "N"])
    partner: Tekst
    bestand: Tekst
    bestand_sha256: Tekst = pandera.Field(str_matches=r"^([0-9a-f]{64})?$")
    regelnr: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    signaal_id: Tekst
    signaal_ref: Tekst = pandera.Field(str_matches=SIGNAAL_REF_OF_LEEG)
    staat: Tekst = pandera.Field(
        isin=[
            "",  # ONTVANGST of a file that is still to be checked
            "AANVAARD",
            "AFGEKEURD",
            "DUBBEL",
            "INGETROKKEN",
            "AANGEHOUDEN",
            "NIET_DOORGEZET",
            "DOORGEZET",
        ]
    )
    reden_nr: Tekst = pandera.Field(str_matches=AANTAL)
    code: Tekst = pandera.Field(str_matches=r"^([EWH]-[A-Z]{3}-[0-9]{2})?$")
    ernst: Tekst = pandera.Field(isin=["", "E", "W", "H"])
    veld: Tekst
    tekst: Tekst
    gemeentecode: Tekst = pandera.Field(str_matches=r"^([0-9]{4})?$")
    gemeente: Tekst
    uitvoerder: Tekst
    nacht: Tekst = pandera.Field(str_matches=DATUM_OF_LEEG)
    doorgezet_op: Tekst = pandera.Field(str_matches=INSTANT_OF_LEEG)
    uitkomst: Tekst
    uitkomst_datum: Tekst = pandera.Field(str_matches=DATUM_OF_LEEG)
    opschorten_tot: Tekst = pandera.Field(str_matches=DATUM_OF_LEEG)
    regels: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    aanvaard: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    afgekeurd: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    dubbel: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    ingetrokken: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    aangehouden: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    wachtend: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    niet_doorgezet: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    doorgezet: Tekst = pandera.Field(str_matches=AANTAL_OF_LEEG)
    logboek_kop: Tekst = pandera.Field(str_matches=r"^([0-9a-f]{64})?$")

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Terugmelding.to_schema().columns)
