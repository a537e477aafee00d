"""BAT1: one night's signals for one gemeente, as its uitvoerder receives them. Every column is text, empty is "".

Dates are `YYYY-MM-DD`, instants ISO 8601 with the Amsterdam offset, amounts `123,45` (euro) beside eurocents.
"""

from __future__ import annotations

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
BEDRAG_OF_LEEG = r"^(-?[0-9]+,[0-9]{2})?$"
SIGNAAL_REF = r"^S[0-9A-HJKMNP-TV-Z]{11}$"
SIGNAAL_REF_OF_LEEG = rf"^({SIGNAAL_REF[1:-1]})?$"
SOORTEN = ("VROEG", "ACTUALISATIE", "EINDELEVERING", "AFSLUITING", "WARME_OVERDRACHT", "INTREKKING")


def _fits(pattern: str) -> Any:
    return pandera.Field(str_matches=pattern)


def _one_of(*values: str) -> Any:
    return pandera.Field(isin=list(values))


class Batch(pandera.DataFrameModel):
    """BAT1, in the order of the file."""

    layout: Tekst = _one_of(LAYOUT)
    batch: Tekst = _fits(r"^VS_BATCH_[0-9]{4}_[0-9]{8}_[0-9]{3}$")
    volgorde: Tekst = _fits(AANTAL)  #: 1, 2, 3 … without gaps
    gemeentecode: Tekst = _fits(r"^[0-9]{4}$")
    gemeente: Tekst
    signaal_ref: Tekst = pandera.Field(str_matches=SIGNAAL_REF, unique=True)
    melding_nr: Tekst = _fits(r"^(M-[0-9A-HJKMNP-TV-Z]{12})?$")  #: empty for an INTREKKING without address
    soort: Tekst = _one_of(*SOORTEN)
    vervangt_signaal_ref: Tekst = _fits(SIGNAAL_REF_OF_LEEG)
    reden_intrekking: Tekst
    urgent: Tekst = _one_of("J", "N")
    urgentie_reden: Tekst = _one_of("", "BEDREIGENDE_SITUATIE", "WARME_OVERDRACHT", "INSTELLING")
    sector: Tekst
    partner: Tekst
    label: Tekst
    klantnummer: Tekst
    voorletters: Tekst
    voorvoegsel: Tekst
    achternaam: Tekst
    naamregel: Tekst
    straat: Tekst
    huisnummer: Tekst = _fits(r"^([1-9][0-9]{0,4})?$")
    huisletter: Tekst
    toevoeging: Tekst
    postcode: Tekst = _fits(r"^([1-9][0-9]{3}[A-Z]{2})?$")
    woonplaats: Tekst
    wijkcode: Tekst
    buurtcode: Tekst
    telefoon: Tekst = _fits(r"^([+]?[0-9]+)?$")
    telefoon_2: Tekst = _fits(r"^([+]?[0-9]+)?$")
    email: Tekst
    bedrag_euro: Tekst = _fits(BEDRAG_OF_LEEG)
    bedrag_cent: Tekst = _fits(r"^(-?[0-9]+)?$")
    peildatum: Tekst = _fits(DATUM_OF_LEEG)
    oudste_vervaldatum: Tekst = _fits(DATUM_OF_LEEG)
    dagen_achterstand: Tekst = _fits(r"^(-?[0-9]+)?$")  #: from oudste_vervaldatum to peildatum
    maanden_achterstand: Tekst = _fits(AANTAL_OF_LEEG)
    herinnering_datum: Tekst = _fits(DATUM_OF_LEEG)
    gebeurtenis_datum: Tekst = _fits(DATUM_OF_LEEG)
    aantal_signalen_melding: Tekst = _fits(AANTAL)
    totaal_bedrag_melding_euro: Tekst = _fits(BEDRAG_OF_LEEG)
    matching: Tekst = _one_of("", "ENKELVOUDIG", "MEERVOUDIG")  #: Divosa; empty for an INTREKKING
    opeenvolgend: Tekst = _one_of("J", "N")
    aantal_eerdere_signalen: Tekst = _fits(AANTAL)
    herhaalde_melding: Tekst = _one_of("J", "N")
    vorig_bedrag_euro: Tekst = _fits(BEDRAG_OF_LEEG)
    ontvangen_op: Tekst = _fits(INSTANT)
    geleverd_op: Tekst = _fits(INSTANT)
    richtdatum_gesprek: Tekst = _fits(DATUM_OF_LEEG)
    termijn_basis: Tekst
    terugkoppeling_voor: Tekst = _fits(DATUM_OF_LEEG)
    routering: Tekst
    waarschuwingen: Tekst = _fits(r"^(W-[A-Z]{3}-[0-9]{2}( W-[A-Z]{3}-[0-9]{2})*)?$")

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Batch.to_schema().columns)
