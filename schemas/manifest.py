"""MAN1: the last file of a night for an uitvoerder. One line per gemeente that it serves, zeros too."""

from __future__ import annotations

from typing import ClassVar

import pandera.pandas as pandera

from schemas.batch import AANTAL, DATUM, Tekst

LAYOUT = "MAN1"


class Manifest(pandera.DataFrameModel):
    """MAN1, in the order of the file; every column is text."""

    layout: Tekst = pandera.Field(isin=[LAYOUT])
    uitvoerder: Tekst = pandera.Field(str_matches=r"^[a-z0-9-]{2,20}$")
    nacht: Tekst = pandera.Field(str_matches=DATUM)
    gemeentecode: Tekst = pandera.Field(str_matches=r"^[0-9]{4}$", unique=True)
    bestand: Tekst = pandera.Field(str_matches=r"^(VS_BATCH_[0-9]{4}_[0-9]{8}_[0-9]{3}[.]csv[.]pgp)?$")
    staat: Tekst = pandera.Field(isin=["NIEUW", "OPNIEUW", "LEEG"])
    regels: Tekst = pandera.Field(str_matches=AANTAL)
    meldingen: Tekst = pandera.Field(str_matches=AANTAL)
    urgent: Tekst = pandera.Field(str_matches=AANTAL)
    grootte: Tekst = pandera.Field(str_matches=AANTAL)  #: bytes of the ciphertext
    sha256: Tekst = pandera.Field(str_matches=r"^([0-9a-f]{64})?$")  #: of the ciphertext

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Manifest.to_schema().columns)
