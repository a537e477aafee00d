"""The example of a partner's own export in the document for partners, read by the profile that stands beside it."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from exchange.configuration.models import IntakeSettings, Profiel
from exchange.configuration.vertaling import Vertaling, check
from exchange.steps.check_file import check_file, sample

#: What stands in partners/<id>.toml, beside the account and the keys.
PROFIEL = """\
codering = "windows-1252"
aanlevering = "stand"

[verklaring]
van = 2025-01-01

[vertaling]
negeer = ["Wijkbeheerder"]
datumvorm = "dd-mm-jjjj"
decimaalteken = ","
duizendtalteken = "."
huisnummer_splitsen = true
vast = { soort = "VROEG" }

[vertaling.kolommen]
signaal_id = "Dossier"
achternaam = "Naam"
huisnummer = "Huisnr"
bedrag_euro = "Saldo"
peildatum = "Stand per"
oudste_vervaldatum = "Oudste post"
herinnering_datum = "Brief"
"""
EXPORT = """\
Dossier;Naam;postcode;Huisnr;woonplaats;Saldo;Stand per;Oudste post;Brief;maanden_achterstand;Wijkbeheerder
D-1001;Jansen;1234AB;12A;Voorbeeldstad;1.820,50;31-03-2025;01-02-2025;15-03-2025;2;De Groot
"""


def keys() -> Iterator[tuple[str, str]]:
    """What may stand in [vertaling]."""
    for name, one in Vertaling.model_fields.items():
        yield f"`{name}`", str(one.description)


def read(nu: datetime) -> Iterator[tuple[str, str, str, str]]:
    """What `nachtpost partner check` shows of EXPORT: own column, own value, column of SIG1, its value."""
    profiel = Profiel.model_validate({"id": "huur-01", "sectoren": ["Huur"], **tomllib.loads(PROFIEL)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        path.write_text(EXPORT, encoding=profiel.codering)
        found = check_file(path, profiel, None, IntakeSettings(), nu)
        rows = sample(path, profiel, 1)
    assert found.klopt and not check("", profiel), (found, "the example must be a good one")
    for row in rows:
        if row["wordt"]:
            yield row["eigen_kolom"] or "(vaste waarde)", row["waarde"], f"`{row['kolom']}`", row["wordt"]
