"""BAT1: one night's signals for one gemeente, as its uitvoerder receives them. Every column is text, empty is "".

Dates are `YYYY-MM-DD`, instants ISO 8601 with the Amsterdam offset, amounts `123,45` (euro) beside eurocents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import pandas as pd
import pandera.pandas as pandera
import pyarrow

LAYOUT = "BAT1"

Tekst = Annotated[pd.ArrowDtype, pyarrow.string()]

DATUM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DATUM_OF_LEEG = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"
INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+]0[12]:00$"
INSTANT_OF_LEEG = rf"^({INSTANT[1:-1]})?$"
AANTAL = r"^[0-9]+$"
AANTAL_OF_LEEG = r"^[0-9]*$"
GETAL_OF_LEEG = r"^(-?[0-9]+)?$"
BEDRAG_OF_LEEG = r"^(-?[0-9]+,[0-9]{2})?$"
GEMEENTECODE = r"^[0-9]{4}$"
SIGNAAL_REF = r"^S[0-9A-HJKMNP-TV-Z]{11}$"
SIGNAAL_REF_OF_LEEG = rf"^({SIGNAAL_REF[1:-1]})?$"
TELEFOON_OF_LEEG = r"^([+]?[0-9]+)?$"
SHA256_OF_LEEG = r"^([0-9a-f]{64})?$"
SOORTEN = ("VROEG", "ACTUALISATIE", "EINDELEVERING", "AFSLUITING", "WARME_OVERDRACHT", "INTREKKING")
JA_NEE = ("J", "N")

#: How the documents describe a pattern.
VORMEN = {
    None: "tekst",
    DATUM: "datum JJJJ-MM-DD",
    DATUM_OF_LEEG: "datum JJJJ-MM-DD",
    INSTANT: "tijdstip met tijdzone",
    INSTANT_OF_LEEG: "tijdstip met tijdzone",
    AANTAL: "geheel getal",
    AANTAL_OF_LEEG: "geheel getal",
    GETAL_OF_LEEG: "geheel getal",
    BEDRAG_OF_LEEG: "bedrag in euro, met een komma",
    GEMEENTECODE: "4 cijfers",
    SIGNAAL_REF: "S en 11 letters of cijfers",
    SIGNAAL_REF_OF_LEEG: "S en 11 letters of cijfers",
    TELEFOON_OF_LEEG: "cijfers; uit het buitenland met +",
    SHA256_OF_LEEG: "64 tekens (sha256)",
}


def kolom(
    betekenis: str,
    voorbeeld: str,
    patroon: str | None = None,
    *,
    waarden: Sequence[str] = (),
    vorm: str = "",
    uniek: bool = False,
) -> Any:
    """A column of a file that we make, with what the documents say about it: meaning, form and a value that passes."""
    leeg = "" in waarden if waarden else patroon is None or re.match(patroon, "") is not None
    vorm = vorm or (", ".join(value for value in waarden if value) if waarden else VORMEN[patroon])
    return pandera.Field(
        str_matches=patroon,
        isin=list(waarden) or None,
        unique=uniek,
        description=betekenis,
        metadata={"vorm": vorm, "voorbeeld": voorbeeld, "leeg": leeg},
    )


class Batch(pandera.DataFrameModel):
    """BAT1, in the order of the file."""

    layout: Tekst = kolom("versie van deze layout", LAYOUT, waarden=[LAYOUT])
    batch: Tekst = kolom(
        "naam van de batch",
        "VS_BATCH_0344_20260401_001",
        r"^VS_BATCH_[0-9]{4}_[0-9]{8}_[0-9]{3}$",
        vorm="de bestandsnaam tot aan de punt",
    )
    volgorde: Tekst = kolom("regelnummer in de batch: 1, 2, 3, zonder gaten", "1", AANTAL)
    gemeentecode: Tekst = kolom("gemeente, volgens het CBS", "0344", GEMEENTECODE)
    gemeente: Tekst = kolom("naam van de gemeente", "Utrecht")
    signaal_ref: Tekst = kolom(
        "ons kenmerk van het signaal; noem dit als u iets over het signaal vraagt",
        "S00000G0002P",
        SIGNAAL_REF,
        uniek=True,
    )
    melding_nr: Tekst = kolom(
        "gelijk voor alle signalen op één adres; leeg bij een INTREKKING zonder adres",
        "M-0123456789AB",
        r"^(M-[0-9A-HJKMNP-TV-Z]{12})?$",
        vorm="M- en 12 letters of cijfers",
    )
    soort: Tekst = kolom("soort signaal", "VROEG", waarden=SOORTEN)
    vervangt_signaal_ref: Tekst = kolom(
        "het eerdere signaal waarop dit volgt of dat is ingetrokken; leeg als u dat nooit ontving",
        "S00000G0003C",
        SIGNAAL_REF_OF_LEEG,
    )
    reden_intrekking: Tekst = kolom("waarom de partner intrekt", "BETAALD")
    urgent: Tekst = kolom("J alleen om een reden die de partner of uw instelling noemt", "N", waarden=JA_NEE)
    urgentie_reden: Tekst = kolom(
        "de reden voor urgent", "", waarden=["", "BEDREIGENDE_SITUATIE", "WARME_OVERDRACHT", "INSTELLING"]
    )
    sector: Tekst = kolom("DDAS Signaalpartner", "Huur")
    partner: Tekst = kolom("naam van de partner die meldt", "Voorbeeld Wonen")
    label: Tekst = kolom("het merk dat de klant kent", "Voorbeeld Energie")
    klantnummer: Tekst = kolom("klantnummer bij de partner", "K12345")
    voorletters: Tekst = kolom("voorletters", "A.B.")
    voorvoegsel: Tekst = kolom("voorvoegsel", "van der")
    achternaam: Tekst = kolom("achternaam", "Jansen")
    naamregel: Tekst = kolom("de naam op één regel, voor een brief", "A.B. van der Jansen")
    straat: Tekst = kolom("straat", "Dorpsstraat")
    huisnummer: Tekst = kolom("huisnummer", "12", r"^([1-9][0-9]{0,4})?$", vorm="getal van 1 tot en met 99999")
    huisletter: Tekst = kolom("huisletter", "A")
    toevoeging: Tekst = kolom("toevoeging", "bis")
    postcode: Tekst = kolom("postcode", "1234AB", r"^([1-9][0-9]{3}[A-Z]{2})?$", vorm="1234AB")
    woonplaats: Tekst = kolom("woonplaats", "Utrecht")
    wijkcode: Tekst = kolom("wijk volgens het CBS; leeg als wij het adres niet in de CBS-tabel vinden", "034401")
    buurtcode: Tekst = kolom("buurt volgens het CBS; leeg als wij het adres niet in de CBS-tabel vinden", "03440111")
    telefoon: Tekst = kolom("telefoonnummer", "0612345678", TELEFOON_OF_LEEG)
    telefoon_2: Tekst = kolom("tweede telefoonnummer", "0301234567", TELEFOON_OF_LEEG)
    email: Tekst = kolom("e-mailadres", "naam@voorbeeld.nl")
    bedrag_euro: Tekst = kolom("hoogte van de achterstand, voor mensen", "123,45", BEDRAG_OF_LEEG)
    bedrag_cent: Tekst = kolom("hetzelfde bedrag in eurocenten, voor programma's", "12345", GETAL_OF_LEEG)
    peildatum: Tekst = kolom("dag waarop het bedrag zo was", "2026-03-31", DATUM_OF_LEEG)
    oudste_vervaldatum: Tekst = kolom("vervaldatum van de oudste openstaande post", "2026-02-01", DATUM_OF_LEEG)
    dagen_achterstand: Tekst = kolom("dagen van oudste_vervaldatum tot peildatum", "58", GETAL_OF_LEEG)
    maanden_achterstand: Tekst = kolom("maanden achterstand", "2", AANTAL_OF_LEEG)
    herinnering_datum: Tekst = kolom("laatste schriftelijke herinnering", "2026-03-15", DATUM_OF_LEEG)
    gebeurtenis_datum: Tekst = kolom("geplande dag van einde levering of afsluiting", "2026-05-15", DATUM_OF_LEEG)
    aantal_signalen_melding: Tekst = kolom(
        "signalen op dit adres in deze batch, zonder intrekkingen en wat is vervangen", "1", AANTAL
    )
    totaal_bedrag_melding_euro: Tekst = kolom("som van die signalen", "123,45", BEDRAG_OF_LEEG)
    matching: Tekst = kolom(
        "Divosa: MEERVOUDIG is twee of meer signalen op een adres in één kalendermaand; leeg bij een INTREKKING",
        "ENKELVOUDIG",
        waarden=["", "ENKELVOUDIG", "MEERVOUDIG"],
    )
    opeenvolgend: Tekst = kolom(
        "Divosa: J als er in de laatste 6 maanden een eerder signaal op dit adres was", "N", waarden=JA_NEE
    )
    aantal_eerdere_signalen: Tekst = kolom("hoeveel signalen dat waren", "0", AANTAL)
    herhaalde_melding: Tekst = kolom(
        "DDAS: J als dezelfde partner eerder meldde en het bedrag niet hoger is; leeg als de gemeente dat niet wil",
        "N",
        waarden=["", *JA_NEE],
    )
    vorig_bedrag_euro: Tekst = kolom("het bedrag van het vorige signaal van dezelfde partner", "110,00", BEDRAG_OF_LEEG)
    ontvangen_op: Tekst = kolom("wanneer wij het signaal ontvingen", "2026-03-31T16:45:00+02:00", INSTANT)
    geleverd_op: Tekst = kolom("wanneer wij de batch maakten", "2026-04-01T04:30:00+02:00", INSTANT)
    richtdatum_gesprek: Tekst = kolom(
        "streefdatum voor het eerste gesprek, geen wettelijke datum; leeg bij een INTREKKING",
        "2026-04-28",
        DATUM_OF_LEEG,
    )
    termijn_basis: Tekst = kolom("waarvan die datum is geteld", "4 weken na ontvangst (streefdatum, Wgs art. 4)")
    terugkoppeling_voor: Tekst = kolom(
        "wanneer een antwoord wordt verwacht; leeg bij een INTREKKING", "2026-04-29", DATUM_OF_LEEG
    )
    routering: Tekst = kolom(
        "hoe wij de gemeente vonden: ADRES, POSTCODE, OPGAVE (van de partner) of VORIG (waar het eerdere signaal was)",
        "ADRES",
    )
    waarschuwingen: Tekst = kolom(
        "W-codes, gescheiden door een spatie",
        "W-VEN-01",
        r"^(W-[A-Z]{3}-[0-9]{2}( W-[A-Z]{3}-[0-9]{2})*)?$",
        vorm="retourcodes",
    )

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Batch.to_schema().columns)

#: Columns that no uitvoerder may leave out, each with the reason.
ONMISBAAR: dict[str, str] = {
    "signaal_ref": "zonder dit kenmerk is geen terugkoppeling mogelijk",
    "soort": "anders leest een intrekking als een nieuw signaal",
    "vervangt_signaal_ref": "anders is niet te zien welk signaal is vervangen of ingetrokken",
    "urgent": "een bedreigende situatie vraagt binnen drie werkdagen een gesprek (Wgs art. 4)",
}
