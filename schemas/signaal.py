"""SIG1, the signaal as a partner delivers it: its columns as data, and the schema of their text.

The documents, the header check and the pandera schema are all made from KOLOMMEN. Kinds are written as in the layout:
V = VROEG, A = ACTUALISATIE, E = EINDELEVERING and AFSLUITING, W = WARME_OVERDRACHT, I = INTREKKING.
"""

from __future__ import annotations

# ruff: noqa: E501 (one column is one line)
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas import waarden
from schemas.codelijsten import REDEN_INTREKKING, SIGNAALPARTNER, SOORT, Codelijst

LAYOUT = "SIG1"
#: Letter of each kind, in the order of SOORT.
LETTERS = "VAEEWI"


class Type(StrEnum):
    """How a column is read; what is not free text has few distinct values and is judged once per value."""

    VRIJ = "vrij"  # string
    CODE = "code"  # string
    DATUM = "datum"  # date32
    JA_NEE = "ja_nee"  # bool
    GETAL = "getal"  # int32
    CENT = "cent"  # int64, eurocents
    EURO = "euro"  # read into bedrag_cent


ARROW: dict[Type, pa.DataType] = {
    Type.VRIJ: pa.string(),
    Type.CODE: pa.string(),
    Type.DATUM: pa.date32(),
    Type.JA_NEE: pa.bool_(),
    Type.GETAL: pa.int32(),
    Type.CENT: pa.int64(),
    Type.EURO: pa.int64(),
}


@dataclass(frozen=True)
class Kolom:
    """One column of SIG1."""

    naam: str
    betekenis: str  #: Dutch, for the documents
    vorm: str  #: Dutch, slot of E-VLD-02
    voorbeeld: str  #: a value that passes
    patroon: str  #: RE2, on the whole value
    type: Type = Type.VRIJ
    verplicht: str = ""  #: letters of the kinds that need it
    codelijst: Codelijst | None = None
    voorwaarde: bool | None = None  #: the value that the conditions for reporting demand (Bgs art. 2)
    bron: str = "layout 1"  #: why it may be asked (AVG art. 5.1 c: no more than is needed)


def _datum(naam: str, betekenis: str, verplicht: str = "") -> Kolom:
    return Kolom(naam, betekenis, "een bestaande datum JJJJ-MM-DD", "2026-03-31", waarden.DATUM, Type.DATUM, verplicht)


def _lijst(naam: str, betekenis: str, lijst: Codelijst, voorbeeld: str, verplicht: str = "") -> Kolom:
    return Kolom(naam, betekenis, "een waarde uit de codelijst", voorbeeld, ".*", Type.CODE, verplicht, lijst)


def _voorwaarde(naam: str, betekenis: str, goed: bool) -> Kolom:
    voorbeeld = "J" if goed else "N"
    return Kolom(naam, betekenis, "J of N", voorbeeld, waarden.JA_NEE, Type.JA_NEE, "VAE", voorwaarde=goed)


_LAYOUT = Codelijst("layout", (LAYOUT,))
_TELEFOON = "een telefoonnummer van tien cijfers, of met landcode"

_KOLOMMEN = (
    _lijst("layout", "versie van deze layout", _LAYOUT, LAYOUT),
    Kolom("signaal_id", "uw eigen kenmerk van het signaal", "1 tot 40 letters, cijfers of . _ / -", "K12345-2026-03-31", waarden.SIGNAAL_ID, verplicht="VAEWI"),
    _lijst("soort", "soort signaal", SOORT, "VROEG", "VAEWI"),
    Kolom("vorig_signaal_id", "het signaal waarop dit volgt of dat u intrekt", "1 tot 40 letters, cijfers of . _ / -", "K12345-2026-02-28", waarden.SIGNAAL_ID, verplicht="AI"),
    _lijst("reden_intrekking", "waarom u intrekt", REDEN_INTREKKING, "BETAALD"),
    _lijst("sector", "DDAS Signaalpartner; verplicht als u voor meer sectoren meldt", SIGNAALPARTNER, "Huur"),
    Kolom("label", "het merk dat de klant kent", "ten hoogste 200 tekens", "Voorbeeld Energie", waarden.TEKST, Type.CODE),
    Kolom("klantnummer", "uw klantnummer; verplicht bij energie en water", "1 tot 30 letters, cijfers of . _ / -", "K12345", waarden.KLANTNUMMER),
    Kolom("voorletters", "voorletters", "letters en punten", "A.B.", waarden.VOORLETTERS, Type.CODE),
    Kolom("voorvoegsel", "voorvoegsel", "letters", "van der", waarden.VOORVOEGSEL, Type.CODE),
    Kolom("achternaam", "achternaam", "tekst met ten minste één letter", "Jansen", waarden.NAAM, verplicht="VAEW"),
    _datum("geboortedatum", "alleen als de overeenkomst erom vraagt; anders bewaren wij het niet"),
    Kolom("straat", "straat", "tekst met ten minste één letter", "Dorpsstraat", waarden.NAAM),
    Kolom("huisnummer", "huisnummer", "een getal van 1 tot en met 99999", "12", waarden.HUISNUMMER, Type.GETAL, "VAEW"),
    Kolom("huisletter", "huisletter", "één letter", "A", waarden.HUISLETTER, Type.CODE),
    Kolom("toevoeging", "toevoeging", "ten hoogste 4 letters, cijfers, spaties of streepjes", "bis", waarden.TOEVOEGING, Type.CODE),
    Kolom("postcode", "postcode van het woonadres", "1234AB", "1234AB", waarden.POSTCODE, Type.CODE, "VAEW"),
    Kolom("woonplaats", "woonplaats", "tekst met ten minste één letter", "Utrecht", waarden.NAAM, Type.CODE, "VAEW"),
    Kolom("gemeentecode", "gemeentecode volgens het CBS", "4 cijfers", "0344", waarden.GEMEENTECODE, Type.CODE),
    Kolom("telefoon", "telefoonnummer, indien bekend", _TELEFOON, "0612345678", waarden.TELEFOON),
    Kolom("telefoon_2", "tweede telefoonnummer, indien bekend", _TELEFOON, "0301234567", waarden.TELEFOON),
    Kolom("email", "e-mailadres, indien bekend", "een e-mailadres", "naam@voorbeeld.nl", waarden.EMAIL),
    Kolom("bedrag_cent", "hoogte van de achterstand in eurocenten", "een heel getal", "12345", waarden.BEDRAG_CENT, Type.CENT, "VAEW"),
    Kolom("bedrag_euro", "hoogte van de achterstand in euro", "een bedrag met een komma en zonder punten", "123,45", waarden.BEDRAG_EURO, Type.EURO, "VAEW"),
    _datum("peildatum", "dag waarop het bedrag zo was", "VAEW"),
    _datum("oudste_vervaldatum", "vervaldatum van de oudste openstaande post", "VAE"),
    Kolom("maanden_achterstand", "maanden achterstand; verplicht bij huur", "een geheel getal", "2", waarden.MAANDEN, Type.GETAL),
    _datum("gebeurtenis_datum", "geplande dag van einde levering of afsluiting", "E"),
    Kolom("bedreigende_situatie", "J alleen als u het weet", "J of N", "N", waarden.JA_NEE, Type.JA_NEE),
    _datum("toestemming_datum", "dag waarop de klant toestemming gaf", "W"),
    _datum("herinnering_datum", "laatste schriftelijke herinnering", "VAE"),
    _voorwaarde("contactpoging_gedaan", "u hebt persoonlijk contact gezocht", True),
    _voorwaarde("gewezen_op_schuldhulp", "u hebt op schuldhulpverlening gewezen", True),
    _voorwaarde("aanbod_gegevensdeling", "u hebt aangeboden gegevens te delen", True),
    _voorwaarde("natuurlijk_persoon", "de klant is een natuurlijk persoon", True),
    _voorwaarde("huidige_klant", "de klant is nu klant", True),
    _voorwaarde("bezwaar_gegevensdeling", "de klant heeft bezwaar gemaakt", False),
    _voorwaarde("betalingsregeling_nagekomen", "er loopt een regeling die wordt nagekomen", False),
)  # fmt: skip

_BGS = "Bgs art. 2"
_VOORWAARDEN = "Bgs art. 2; NVVK vuistregels mei 2022"
_REGELING = "Tijdelijke regeling 2023 art. 2.3"
_CONTACT = f"{_BGS}: contactgegevens; {_REGELING}"
_HOOGTE = f"{_BGS}: de hoogte van de achterstand"
_CONTACTGEGEVENS = "voorletters voorvoegsel achternaam straat huisnummer huisletter toevoeging postcode woonplaats telefoon telefoon_2 email"
#: Why a column may be asked for; what is not named is our own administration.
_BRONNEN = {
    **dict.fromkeys(_CONTACTGEGEVENS.split(), _CONTACT),
    **dict.fromkeys(("bedrag_cent", "bedrag_euro", "maanden_achterstand"), _HOOGTE),
    **{kolom.naam: _VOORWAARDEN for kolom in _KOLOMMEN if kolom.voorwaarde is not None},
    "sector": "DDAS Signaalpartner",
    "klantnummer": _REGELING,
    "geboortedatum": "overeenkomst; staat in geen lijst die wij vonden",
    "gemeentecode": "CBS gemeentelijke indeling",
    "oudste_vervaldatum": "DDAS; NVVK 30-11-2022: termijn van de achterstand",
    "gebeurtenis_datum": "Divosa 2023: 20 werkdagen voor einde levering",
    "bedreigende_situatie": "Wgs art. 4",
    "toestemming_datum": "warme overdracht: toestemming van de klant",
    "herinnering_datum": _VOORWAARDEN,
}

KOLOMMEN: Mapping[str, Kolom] = {
    kolom.naam: replace(kolom, bron=_BRONNEN.get(kolom.naam, kolom.bron)) for kolom in _KOLOMMEN
}
VOORWAARDEN = tuple(kolom.naam for kolom in _KOLOMMEN if kolom.voorwaarde is not None)
BEDRAGKOLOMMEN = ("bedrag_cent", "bedrag_euro")
#: Columns that must stand in every file, whatever kinds it holds; amounts and conditions have rules of their own.
KOPPEN_VERPLICHT = tuple(
    kolom.naam for kolom in _KOLOMMEN if "V" in kolom.verplicht and kolom.naam not in (*BEDRAGKOLOMMEN, *VOORWAARDEN)
)
#: What a correction file adds; ignored when it comes back.
RETOURKOLOMMEN = ("retour_regel", "retour_codes", "retour_tekst")

#: Typed rows after validation: all of SIG1 with the amount in eurocents, then the physical line.
TYPED = pa.schema(
    [(kolom.naam, ARROW[kolom.type]) for kolom in _KOLOMMEN if kolom.type is not Type.EURO] + [("regelnr", pa.int64())]
)

Judge = Callable[[pa.Array], pa.BooleanArray]


def text_schema(checks: Mapping[str, Iterable[tuple[str, Judge]]]) -> pandera.DataFrameSchema:
    """A pandera schema from named judges per column: {veld: [(code, judge), ...]}.

    A judge gets the column as one Arrow array and says per row true, false or null (no opinion). In the lazy
    failures the schema's name is the veld and the check's name the retourcode. Only one failure case is listed per check (it
    holds a raw value and listing all is slow); `failing` has the true rows.
    """
    return pandera.DataFrameSchema(
        {
            veld: pandera.Column(
                nullable=True,
                checks=[
                    pandera.Check(_as_check(judge), name=code, ignore_na=False, n_failure_cases=1)
                    for code, judge in judges
                ],
            )
            for veld, judges in checks.items()
        },
        unique=None,
    )


def failing(schema: pandera.DataFrameSchema, table: pa.Table) -> dict[tuple[str, str], npt.NDArray[np.intp]]:
    """Validate `table` lazily; the row positions that failed, per (veld, code). Raises nothing for bad rows."""
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        schema.validate(frame, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as errors:
        found = {}
        for error in errors.schema_errors:
            if not isinstance(error.check, pandera.Check):
                raise  # a column is missing or a judge broke: ours, not the partner's
            found[str(error.schema.name), str(error.check.name)] = np.flatnonzero(~error.check_output.to_numpy(bool))
        return found
    return {}


def vorm(kolom: Kolom) -> Judge:
    """Judge of the form of a column's text (E-VLD-02)."""
    if kolom.type is Type.DATUM:
        return lambda values: _per_value(values, _is_date)
    if kolom.type is Type.VRIJ and kolom.patroon is waarden.NAAM:
        return _is_name
    return lambda values: waarden.matches(values, kolom.patroon)


def in_lijst(lijst: Codelijst) -> Judge:
    """Judge of membership of a code list (E-VLD-03)."""
    return lambda values: _per_value(values, lambda value: lijst.exact(value) is not None)


def _is_name(values: pa.Array) -> pa.BooleanArray:
    """At least one letter, at most 200 bytes; cheaper than the pattern on the whole value."""
    return pc.and_(pc.match_substring_regex(values, r"\p{L}"), pc.less_equal(pc.binary_length(values), 200))


def _as_check(judge: Judge) -> Callable[[pd.Series], pd.Series]:
    def check(series: pd.Series) -> pd.Series:
        values = pa.array(series.array)
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        verdict = judge(values).fill_null(True).to_numpy(zero_copy_only=False)
        return pd.Series(verdict, index=series.index)

    return check


def _per_value(values: pa.Array, judge: Callable[[str], bool]) -> pa.BooleanArray:
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    verdict = pa.array([judge(value) for value in values.dictionary.to_pylist()], pa.bool_())
    return verdict.take(values.indices)


def _is_date(value: str) -> bool:
    return read_date(value) is not None


def read_date(value: str) -> date | None:
    """A date as SIG1 writes it (JJJJ-MM-DD, 1900-2099), None if it is not one or does not exist."""
    if len(value) != 10 or value[:2] not in ("19", "20") or value[4] != "-" or value[7] != "-":
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
