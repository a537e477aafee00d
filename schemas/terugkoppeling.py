"""TK1: what an uitvoerder tells about a signaal, or about every signaal of a melding. No free text, name or address.

Read, judged and documented from KOLOMMEN, as SIG1 is. Code lists are those of DDAS vroegsignalering v1.2.
"""

from __future__ import annotations

# ruff: noqa: E501 (one column is one line)
from collections.abc import Mapping

import pyarrow as pa

from schemas import waarden
from schemas.codelijsten import EINDRESULTAAT, SIGNAALSTATUS, Codelijst
from schemas.signaal import Kolom, Type

LAYOUT = "TK1"

#: As people type them: in small letters, with spaces or dashes between (see `transforms.identity`).
SIGNAAL_REF = r"[Ss](?:[ -]?[0-9A-Za-z]){11}"
MELDING_NR = r"[Mm](?:[ -]?[0-9A-Za-z]){12}"

_DATUM = "een bestaande datum JJJJ-MM-DD"
_LIJST = "een waarde uit de codelijst"

_KOLOMMEN = (
    Kolom("layout", "versie van deze layout", _LIJST, LAYOUT, ".*", Type.CODE, codelijst=Codelijst("layout", (LAYOUT,))),
    Kolom("signaal_ref", "het signaal, zoals in uw batch", "S en 11 letters of cijfers", "S00000G0002P", SIGNAAL_REF),
    Kolom("melding_nr", "in plaats daarvan: de signalen van deze melding die u tot nu toe kreeg, tot zes maanden voor het nieuwste", "M- en 12 letters of cijfers", "M-0123456789AB", MELDING_NR),
    Kolom("status", "DDAS Signaalstatus", _LIJST, "Opgepakt", ".*", Type.CODE, codelijst=SIGNAALSTATUS),
    Kolom("status_datum", "datum van de status; de laatste datum geldt, en bij gelijke datum wat wij het laatst ontvingen", _DATUM, "2026-04-08", waarden.DATUM, Type.DATUM),
    Kolom("eindresultaat", "DDAS Eindresultaat, als u klaar bent", _LIJST, "Vervolghulp en/of verwijzing", ".*", Type.CODE, codelijst=EINDRESULTAAT),
    Kolom("eindresultaat_datum", "datum daarvan", _DATUM, "2026-05-20", waarden.DATUM, Type.DATUM),
    Kolom("hulp_geaccepteerd", "de inwoner heeft uw aanbod aangenomen; daarmee schort de partner de inning op", "J of N", "J", waarden.JA_NEE, Type.JA_NEE),
    Kolom("hulp_geaccepteerd_op", "datum daarvan; gaat niet naar de partner", _DATUM, "2026-04-10", waarden.DATUM, Type.DATUM),
    Kolom("bereikt", "u hebt de inwoner gesproken; alleen voor cijfers zonder personen", "J of N", "J", waarden.JA_NEE, Type.JA_NEE),
    Kolom("aantal_contactpogingen", "alleen voor cijfers zonder personen", "een getal van 0 tot en met 999", "2", r"[0-9]{1,3}", Type.GETAL),
)  # fmt: skip

KOLOMMEN: Mapping[str, Kolom] = {kolom.naam: kolom for kolom in _KOLOMMEN}
#: What a row quotes: exactly one of the two.
VERWIJZINGEN = ("signaal_ref", "melding_nr")
#: What every row that says something must say.
VERPLICHT = ("status", "status_datum")
#: Columns of which both or neither have a value (the second one J where it is J or N).
SAMEN = (("eindresultaat", "eindresultaat_datum"), ("hulp_geaccepteerd_op", "hulp_geaccepteerd"))

#: Typed rows: TK1 with both references as numbers (null where absent or wrong), then the physical line.
TYPED = pa.schema(
    [
        ("signaal_nr", pa.int64()),
        ("melding", pa.int64()),
        ("status", pa.string()),
        ("status_datum", pa.date32()),
        ("eindresultaat", pa.string()),
        ("eindresultaat_datum", pa.date32()),
        ("hulp_geaccepteerd", pa.bool_()),
        ("hulp_geaccepteerd_op", pa.date32()),
        ("bereikt", pa.bool_()),
        ("aantal_contactpogingen", pa.int32()),
        ("regelnr", pa.int64()),
    ]
)
#: What one row tells, whichever signaal it is about.
VERTELD = tuple(name for name in TYPED.names if name not in ("signaal_nr", "melding", "regelnr"))
