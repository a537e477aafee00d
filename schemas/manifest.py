"""MAN1: the last file of a night for an uitvoerder. One line per gemeente that it serves, zeros too."""

from __future__ import annotations

from typing import ClassVar

import pandera.pandas as pandera

from schemas.batch import AANTAL, DATUM, GEMEENTECODE, SHA256_OF_LEEG, Tekst, kolom

LAYOUT = "MAN1"


class Manifest(pandera.DataFrameModel):
    """MAN1, in the order of the file; every column is text."""

    layout: Tekst = kolom("versie van deze layout", LAYOUT, waarden=[LAYOUT])
    uitvoerder: Tekst = kolom(
        "uw id bij ons", "uitvoerder-01", r"^[a-z0-9-]{2,20}$", vorm="2 tot 20 kleine letters, cijfers of -"
    )
    nacht: Tekst = kolom("datum van de ochtend waarop de bestanden klaarstaan", "2026-04-01", DATUM)
    gemeentecode: Tekst = kolom("gemeente, volgens het CBS", "0344", GEMEENTECODE, uniek=True)
    bestand: Tekst = kolom(
        "naam van de batch in uit/<gemeentecode>/ (of in uit/, als u dat zo hebt gekozen); leeg als er geen bestand is",
        "VS_BATCH_0344_20260401_001.csv.pgp",
        r"^(VS_BATCH_[0-9]{4}_[0-9]{8}_[0-9]{3}[.](csv|xlsx)[.]pgp)?$",
        vorm="bestandsnaam",
    )
    staat: Tekst = kolom(
        "NIEUW: deze nacht gemaakt; OPNIEUW: nog eens klaargezet, want niet te zien was of u hem had; LEEG: geen "
        "signalen",
        "NIEUW",
        waarden=["NIEUW", "OPNIEUW", "LEEG"],
    )
    regels: Tekst = kolom("signalen in de batch", "12", AANTAL)
    meldingen: Tekst = kolom("verschillende adressen in de batch", "11", AANTAL)
    urgent: Tekst = kolom("regels met urgent J", "1", AANTAL)
    grootte: Tekst = kolom("bytes van het versleutelde bestand", "4321", AANTAL)
    sha256: Tekst = kolom("sha256 van het versleutelde bestand", "0" * 64, SHA256_OF_LEEG)

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
        name: ClassVar[str] = LAYOUT


#: Names of the columns in the order of the file.
COLUMNS: tuple[str, ...] = tuple(Manifest.to_schema().columns)
