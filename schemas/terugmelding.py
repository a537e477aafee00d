"""TM1: every answer to a partner, one layout for all kinds, one line per reason.

`melding_nr`, `matching` and `opeenvolgend` never stand here: two partners comparing them would learn of each other.
"""

from __future__ import annotations

from typing import ClassVar

import pandera.pandas as pandera

from schemas.batch import (
    AANTAL,
    AANTAL_OF_LEEG,
    DATUM_OF_LEEG,
    INSTANT,
    INSTANT_OF_LEEG,
    SHA256_OF_LEEG,
    SIGNAAL_REF_OF_LEEG,
    Tekst,
    kolom,
)
from schemas.uitkomst import UITKOMSTEN

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
#: What follows where not every uitvoerder receives files every night.
SLOTZIN_DAGEN = " Ontvangt de uitvoerder dan niets, dan gaan ze mee in zijn eerstvolgende nacht."

#: Last words of the CONTROLE of a proef.
PROEFZIN = (
    "Dit was een proef: er is niets geregistreerd en niets doorgezet. Zet het bestand in de map in/ om het aan te "
    "leveren."
)


class Terugmelding(pandera.DataFrameModel):
    """TM1, in the order of the file; every column is text."""

    layout: Tekst = kolom("versie van deze layout", LAYOUT, waarden=[LAYOUT])
    terugmelding_nr: Tekst = kolom(
        "nummer van het bestand; loopt per partner op, zodat u ziet of u er een mist", "7", AANTAL
    )
    soort: Tekst = kolom("soort terugmelding", "CONTROLE", waarden=["ONTVANGST", "CONTROLE", "DOORGEZET", "UITKOMST"])
    niveau: Tekst = kolom(
        "gaat de regel over het bestand of over één regel daarvan", "REGEL", waarden=["BESTAND", "REGEL"]
    )
    tijdstip: Tekst = kolom("wanneer wij dit bestand maakten", "2026-03-31T16:46:00+02:00", INSTANT)
    proef: Tekst = kolom("J bij een proef: niets van het bestand telt mee", "N", waarden=["J", "N"])
    partner: Tekst = kolom("uw id bij ons", "huur-01")
    bestand: Tekst = kolom("het bestand waarop dit antwoordt", "VS_SIG_huur-01_20260331_001.csv.pgp")
    bestand_sha256: Tekst = kolom("sha256 van dat bestand, zoals u het versleuteld neerzette", "0" * 64, SHA256_OF_LEEG)
    regelnr: Tekst = kolom("regelnummer in uw bestand; de kopregel is regel 1", "2", AANTAL_OF_LEEG)
    signaal_id: Tekst = kolom("uw eigen kenmerk", "K12345-2026-03-31")
    signaal_ref: Tekst = kolom(
        "ons kenmerk, dat de uitvoerder ook heeft; vanaf DOORGEZET", "S00000G0002P", SIGNAAL_REF_OF_LEEG
    )
    staat: Tekst = kolom(
        "wat er van de regel of het bestand is geworden; leeg in de ONTVANGST van een bestand dat is gelezen",
        "AANVAARD",
        waarden=[
            "",
            "AANVAARD",
            "AFGEKEURD",
            "DUBBEL",
            "INGETROKKEN",
            "AANGEHOUDEN",
            "WACHTEND",
            "NIET_DOORGEZET",
            "DOORGEZET",
        ],
    )
    reden_nr: Tekst = kolom("een regel met meer redenen staat er vaker: 1, 2, 3; 0 is geen reden", "1", AANTAL)
    code: Tekst = kolom("retourcode", "W-VEN-01", r"^([EWH]-[A-Z]{3}-[0-9]{2})?$", vorm="retourcode")
    ernst: Tekst = kolom("E keurt af, W waarschuwt, H houdt vast", "W", waarden=["", "E", "W", "H"])
    veld: Tekst = kolom("de kolom waar het om gaat", "oudste_vervaldatum")
    tekst: Tekst = kolom("de zin bij de retourcode, zonder persoonlijke gegevens", "Het signaal is wel aanvaard.")
    gemeentecode: Tekst = kolom("gemeente waar het signaal naartoe gaat", "0344", r"^([0-9]{4})?$", vorm="4 cijfers")
    gemeente: Tekst = kolom("naam van die gemeente", "Utrecht")
    uitvoerder: Tekst = kolom("naam van de uitvoerder", "Schuldhulp Voorbeeld")
    nacht: Tekst = kolom(
        "de nacht waarin het signaal meegaat of meeging: de datum van de ochtend", "2026-04-01", DATUM_OF_LEEG
    )
    doorgezet_op: Tekst = kolom(
        "wanneer het signaal bij de uitvoerder klaarstond", "2026-04-01T04:32:00+02:00", INSTANT_OF_LEEG
    )
    uitkomst: Tekst = kolom(
        "wat de uitvoerder terugkoppelde, voor zover u het mag weten", "OPGEPAKT", waarden=list(UITKOMSTEN)
    )
    uitkomst_datum: Tekst = kolom("datum daarvan", "2026-04-08", DATUM_OF_LEEG)
    opschorten_tot: Tekst = kolom("tot en met wanneer u de inning opschort", "2026-05-10", DATUM_OF_LEEG)
    regels: Tekst = kolom(
        "regels in uw bestand; deze en de volgende aantallen staan alleen op regels met niveau BESTAND",
        "120",
        AANTAL_OF_LEEG,
    )
    aanvaard: Tekst = kolom("aantal aanvaard", "118", AANTAL_OF_LEEG)
    afgekeurd: Tekst = kolom("aantal afgekeurd", "2", AANTAL_OF_LEEG)
    dubbel: Tekst = kolom("aantal dat wij al hadden", "0", AANTAL_OF_LEEG)
    ingetrokken: Tekst = kolom("aantal ingetrokken vóór het is doorgezet", "0", AANTAL_OF_LEEG)
    aangehouden: Tekst = kolom("aantal dat wacht op een beheerder", "0", AANTAL_OF_LEEG)
    wachtend: Tekst = kolom("aantal dat wacht op de nacht", "118", AANTAL_OF_LEEG)
    niet_doorgezet: Tekst = kolom(
        "aantal dat niet wordt doorgezet: een herhaling die de gemeente niet wil, of een gemeente die is verdeeld",
        "0",
        AANTAL_OF_LEEG,
    )
    doorgezet: Tekst = kolom("aantal dat bij de uitvoerder klaarstaat", "0", AANTAL_OF_LEEG)
    logboek_kop: Tekst = kolom(
        "kop van ons logboek; bewaar hem, dan kunt u nagaan dat er niets is gewijzigd", "0" * 64, SHA256_OF_LEEG
    )

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Terugmelding.to_schema().columns)
