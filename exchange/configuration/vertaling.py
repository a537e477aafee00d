"""`[vertaling]` in a partner's file: how its own export becomes SIG1, and everything in it that cannot hold.

What a profile says is checked here as a whole, so that nothing of it is discovered at night.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from pydantic import Field

from exchange.configuration.base import Model
from exchange.faults import Problem
from schemas import waarden
from schemas.codelijsten import Codelijst
from schemas.signaal import BEDRAGKOLOMMEN, KOLOMMEN, KOPPEN_VERPLICHT, RETOURKOLOMMEN, VOORWAARDEN, Type
from transforms.parse import looks_like_bsn
from transforms.profile import DATUMVORM, Bedragvorm, Profile, date_pattern

if TYPE_CHECKING:
    from exchange.configuration.models import Profiel

_NAMES = Codelijst("kolommen van SIG1", tuple(KOLOMMEN))
_JA_NEE = tuple(veld for veld, kolom in KOLOMMEN.items() if kolom.type is Type.JA_NEE)
#: Who reports on one place only may have no column for it.
_OF_A_PLACE = ("woonplaats", "gemeentecode")
#: (key, what is wrong, how to mend it)
_Said = tuple[str, str, str]


class Vertaling(Model):
    """A partner's own columns, forms and codes. A column of SIG1 that is not named goes by its own name."""

    kolommen: Mapping[str, str] = Field({}, description="Per kolom van SIG1 de naam van de kolom in uw export.")
    negeer: tuple[str, ...] = Field((), description="Kolommen in uw export die wij niet lezen.")
    vast: Mapping[str, str] = Field({}, description="Per kolom van SIG1 een waarde die voor elke regel geldt.")
    codes: Mapping[str, Mapping[str, str]] = Field(
        {},
        description="Per kolom van SIG1 wat uw codes betekenen. Een code die er niet in staat, keurt de regel af.",
    )
    ja_nee: Mapping[str, Literal["J", "N"]] = Field(
        {}, description="Hetzelfde voor elke kolom met J en N die niet in codes staat."
    )
    datumvorm: str = Field(DATUMVORM, description="Hoe u datums schrijft, met jjjj, mm en dd (of m en d).")
    decimaalteken: Literal[",", "."] | None = Field(None, description="Wat vóór de centen staat.")
    duizendtalteken: Literal["", ".", ",", " ", "'"] | None = Field(
        None, description='Wat tussen duizendtallen staat als u dat schrijft; "" is nooit iets.'
    )
    huisnummer_splitsen: bool = Field(
        False, description="true: uw huisnummer heeft ook de letter en de toevoeging, zoals 12A; wij splitsen het."
    )

    @cached_property
    def profile(self) -> Profile:
        """The same for the transforms."""
        named = dict.fromkeys(_JA_NEE, self.ja_nee) if self.ja_nee else {}
        return Profile(
            kolommen=self.kolommen,
            negeer=frozenset(self.negeer),
            vast=self.vast,
            codes={**named, **self.codes},
            datumvorm=self.datumvorm,
            bedragvorm=Bedragvorm(self.decimaalteken, self.duizendtalteken or "") if self.decimaalteken else None,
            splitsen=self.huisnummer_splitsen,
        )


def check(file: str, partner: Profiel) -> list[Problem]:
    """Everything in the partner's profile that is wrong or contradicts itself."""
    vertaling = partner.vertaling
    if vertaling is None:
        return []
    said = [
        *_columns(vertaling),
        *_own_names(vertaling, partner.codering),
        *_fixed(vertaling, partner.sectoren),
        *_codes(vertaling, partner.sectoren),
        *_forms(vertaling),
    ]
    return [Problem(file, f"vertaling.{key}", problem, mend) for key, problem, mend in said]


def _columns(vertaling: Vertaling) -> Iterator[_Said]:
    """Every table names columns of SIG1, and no column gets its value in two ways."""
    for table in ("kolommen", "vast", "codes"):
        for veld in getattr(vertaling, table):
            if veld not in KOLOMMEN:
                yield f"{table}.{veld}", "deze kolom kent SIG1 niet", f"Bedoelde u {_NAMES.nearest(veld)}?"
    for veld in sorted(vertaling.vast.keys() & vertaling.kolommen.keys()):
        yield f"vast.{veld}", "deze kolom staat ook in kolommen", "Laat één van beide weg."
    for veld in sorted(vertaling.vast.keys() & vertaling.codes.keys()):
        yield f"codes.{veld}", "deze kolom heeft al een vaste waarde", "Laat één van beide weg."
    if set(BEDRAGKOLOMMEN) <= vertaling.kolommen.keys():
        yield "kolommen.bedrag_cent", "het bedrag staat in twee kolommen", "Noem alleen de kolom die telt."
    if vertaling.huisnummer_splitsen and "huisletter" in vertaling.kolommen.keys() | vertaling.vast.keys():
        mend = "Laat huisnummer_splitsen weg, of noem huisletter niet."
        yield "huisnummer_splitsen", "huisletter komt dan uit twee kolommen", mend
    possible = {*vertaling.profile.bron.values()} | vertaling.vast.keys()
    wanted = [veld for veld in KOPPEN_VERPLICHT if veld not in possible]
    if not possible & set(BEDRAGKOLOMMEN):
        wanted.append("bedrag_euro")
    for veld in wanted:
        mend = f"Noem in kolommen waar {veld} staat, of neem de naam {veld} uit negeer of van de andere kolom."
        yield f"kolommen.{veld}", "deze kolom is verplicht en kan zo nergens vandaan komen", mend


def _own_names(vertaling: Vertaling, codering: str) -> Iterator[_Said]:
    """The partner's names can stand in a header, once, and are not names that we do not read."""
    own = [*((f"kolommen.{veld}", name) for veld, name in vertaling.kolommen.items()), *_numbered(vertaling.negeer)]
    times = Counter(name for _, name in own)
    for key, name in own:
        if times[name] > 1:
            mend = "Een kolom kan één kolom van SIG1 worden, of genegeerd worden: laat één van beide weg."
            yield key, f"{name} staat twee keer in de vertaling", mend
        if not name or name != name.strip() or not name.isprintable():
            yield key, "dit is geen naam van een kolom", "Neem de kop over uit de export, zonder spaties eromheen."
        elif looks_like_bsn(name):
            mend = "Laat de kolom uit de export halen: een burgerservicenummer mag niet worden aangeleverd."
            yield key, "dit lijkt een kolom met burgerservicenummers", mend
        elif name in (*RETOURKOLOMMEN, "regelnr"):
            yield key, f"{name} is een naam die wij zelf gebruiken", "Geef de kolom in de export een andere naam."
        elif not _encodable(name, codering):
            mend = "Verbeter de naam, of codering."
            yield key, f"deze naam kan niet voorkomen in een bestand in {codering}", mend


def _fixed(vertaling: Vertaling, sectoren: tuple[str, ...]) -> Iterator[_Said]:
    for veld, value in vertaling.vast.items():
        key = f"vast.{veld}"
        if veld in VOORWAARDEN:
            mend = "Leg het vast met een datum, in [verklaring] of in de overeenkomst."
            yield key, "een voorwaarde voor melden kan geen vaste waarde zijn", mend
        elif veld == "label":
            yield key, "een vast label hoort niet in de vertaling", 'Zet het bij de partner: label = "…".'
        elif veld in KOLOMMEN and not (KOLOMMEN[veld].codelijst or veld in _OF_A_PLACE):
            yield key, "deze kolom verschilt per signaal", "Noem in kolommen waar de waarde staat."
        elif veld in KOLOMMEN:
            yield from _value(key, veld, value, sectoren)


def _codes(vertaling: Vertaling, sectoren: tuple[str, ...]) -> Iterator[_Said]:
    for veld, codes in vertaling.codes.items():
        kind = KOLOMMEN[veld].type if veld in KOLOMMEN else Type.CODE
        if kind not in (Type.CODE, Type.JA_NEE):
            yield f"codes.{veld}", "deze kolom heeft geen codes", "Vertaal alleen codes en J of N."
        else:
            yield from _keys(f"codes.{veld}", codes)
            for own, value in codes.items():
                if veld in KOLOMMEN:
                    yield from _value(f"codes.{veld}.{own}", veld, value, sectoren)
    yield from _keys("ja_nee", vertaling.ja_nee)


def _keys(key: str, codes: Mapping[str, str]) -> Iterator[_Said]:
    """The partner's own values can be told apart."""
    if not codes and key != "ja_nee":
        yield key, "deze vertaling is leeg", "Noem elke waarde die in de export voorkomt, of laat de vertaling weg."
    times = Counter(own.strip().lower() for own in codes)
    for own in codes:
        if not own.strip():
            mend = "Een lege waarde blijft leeg: laat deze regel weg."
            yield f'{key}.""', "een lege waarde kan niets betekenen", mend
        elif own != own.strip() or times[own.lower()] > 1:
            mend = "Hoofdletters en spaties eromheen tellen niet mee: schrijf elke waarde één keer."
            yield f"{key}.{own}", "deze waarde staat er twee keer, of met spaties", mend


def _value(key: str, veld: str, value: str, sectoren: tuple[str, ...]) -> Iterator[_Said]:
    """A value of ours that stands in the profile."""
    kolom = KOLOMMEN[veld]
    if kolom.codelijst and value not in kolom.codelijst.waarden:
        mend = f"Bedoelde u {kolom.codelijst.nearest(value)}? Gebruik precies die schrijfwijze."
        yield key, f"deze waarde staat niet in de lijst {kolom.codelijst.naam}", mend
    elif not kolom.codelijst and not waarden.matches(pa.array([value]), kolom.patroon)[0].as_py():
        yield key, f"{veld} kan deze waarde niet hebben", f"Verwacht: {kolom.vorm}, bijvoorbeeld {kolom.voorbeeld}."
    elif veld == "sector" and value not in sectoren:
        yield key, "voor deze sector meldt de partner niet", "Voeg de sector toe aan sectoren, of verbeter de waarde."


def _forms(vertaling: Vertaling) -> Iterator[_Said]:
    try:
        date_pattern(vertaling.datumvorm)
    except ValueError:
        mend = "Bijvoorbeeld dd-mm-jjjj, d/m/jjjj of jjjjmmdd; een jaar heeft vier cijfers."
        yield "datumvorm", "dit is geen vorm van een datum", mend
    signs = {"decimaalteken": vertaling.decimaalteken, "duizendtalteken": vertaling.duizendtalteken}
    given = [key for key, value in signs.items() if value is not None]
    if "bedrag_cent" in vertaling.kolommen:
        for key in given:
            yield (
                key,
                "bedrag_cent heeft geen decimalen en geen duizendtallen",
                "Laat de sleutel weg, of noem bedrag_euro.",
            )
    elif given or "bedrag_euro" in vertaling.kolommen:
        for key in (key for key in signs if key not in given):
            mend = f'Zeg hoe de partner bedragen schrijft: {key} = "…"; nooit een teken tussen duizendtallen is "".'
            yield key, f"{key} ontbreekt: wij raden niet wat een punt of een komma betekent", mend
    if given and vertaling.decimaalteken == vertaling.duizendtalteken:
        mend = "Kijk het na in de export: het ene teken staat voor de centen, het andere tussen duizendtallen."
        yield "duizendtalteken", "dit is ook het decimaalteken", mend


def _numbered(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((f"negeer nr. {number}", name) for number, name in enumerate(names, 1))


def _encodable(name: str, codering: str) -> bool:
    try:
        name.encode(codering)
    except UnicodeEncodeError:
        return False
    return True
