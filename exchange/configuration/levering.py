"""[levering]: how an uitvoerder receives its files. What is not said is as the documents describe it for everybody."""

from __future__ import annotations

import difflib
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from exchange.configuration.base import Model, exists_every_day, wrong

Dag = Literal["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"]
DAGEN: tuple[Dag, ...] = get_args(Dag)

_AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def _columns(names: tuple[str, ...]) -> tuple[str, ...]:
    from schemas.batch import COLUMNS, ONMISBAAR  # slow to import, and only needed for who chooses

    problems, mends, meant = [], [], set()
    for name in dict.fromkeys(name for name in names if name not in COLUMNS):
        near = difflib.get_close_matches(name.lower(), COLUMNS, n=1, cutoff=0.5)
        problems.append(f"{name} is geen kolom van BAT1")
        meant.update(near)
        mends.append(f"Bedoelde u {near[0]} in plaats van {name}?" if near else f"Verwijder {name}.")
    double = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if double:
        problems.append(f"dubbel: {', '.join(double)}")
        mends.append("Noem elke kolom één keer.")
    missing = [name for name in ONMISBAAR if name not in names and name not in meant]
    if missing:
        problems += [f"{name} ontbreekt ({ONMISBAAR[name]})" for name in missing]
        mends.append(f"Zet {', '.join(missing)} erbij, op de plaats die u wilt.")
    if problems:
        raise wrong("; ".join(problems), " ".join(mends))
    return names


def _subfolder(value: str) -> str:
    if not value.strip("/") or {"", ".", ".."} & set(value.strip("/").split("/")):
        mend = (
            "Noem een map onder die van het bestand, zoals `verwerkt`, of een map van het account, zoals `/verwerkt`."
        )
        raise wrong("dit is geen map", mend)
    return value.rstrip("/")


class Levering(Model):
    """The profile of an uitvoerder's files. Days are those of the night's morning, hours Amsterdam time."""

    formaat: Literal["csv", "xlsx"] = Field(default="csv", description="csv voor programma's, xlsx voor mensen")
    kolommen: Annotated[tuple[str, ...], AfterValidator(_columns)] | None = Field(
        default=None, description="welke kolommen van BAT1, in welke volgorde; weggelaten: alle"
    )
    bom: bool = Field(
        default=False, description="csv begint met het UTF-8-merkteken (BOM), waaraan Excel de codering herkent"
    )
    lege_batch: Literal["geen", "leeg_bestand"] = Field(
        default="geen", description="een gemeente zonder signalen krijgt geen bestand, of een met alleen de kolomkoppen"
    )
    dagen: Annotated[frozenset[Dag], Field(min_length=1)] = Field(
        default=frozenset(DAGEN),
        description="op welke dagen wij leveren; wat daarbuiten komt, wacht op de eerstvolgende",
    )
    feestdagen: bool = Field(
        default=True, description="ook leveren op een dag die volgens de Algemene termijnenwet vrij is"
    )
    vanaf: Annotated[time, AfterValidator(exists_every_day)] = Field(
        default=time(0), description="de bestanden van een nacht komen niet eerder dan deze tijd"
    )
    map: Literal["per_gemeente", "een_map"] = Field(
        default="per_gemeente", description="batches in uit/<gemeentecode>/, of alle in uit/"
    )
    afhalen: Literal["verdwenen", "verplaatst", "bevestigd", "onbekend"] = Field(
        default="verdwenen",
        description="waaraan wij zien dat u een bestand hebt opgehaald: het is weg, het staat in verplaatst_naar, er "
        "staat <bestand>.ok naast, of wij kunnen het niet zien",
    )
    verplaatst_naar: Annotated[str, AfterValidator(_subfolder)] | None = Field(
        default=None,
        description="bij verplaatst: de map onder die van het bestand; begint zij met /, dan onder uw account",
    )
    bewaren_dagen: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None,
        description="zo lang laten wij een opgehaald bestand staan, daarna verwijderen wij het; weggelaten: nooit",
    )
    verwijder_niet_opgehaald: bool = Field(
        default=False,
        description="bewaren_dagen geldt ook voor bestanden waarvan wij niet weten of u ze hebt opgehaald",
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Settings that would do nothing, or contradict each other, are mistakes."""
        if self.bom and self.formaat == "xlsx":
            raise wrong("bom hoort bij csv, en formaat is xlsx", "Laat bom weg.")
        if (self.afhalen == "verplaatst") != (self.verplaatst_naar is not None):
            mend = 'Geef bij afhalen = "verplaatst" de map in verplaatst_naar, en anders die sleutel niet.'
            raise wrong("afhalen en verplaatst_naar horen bij elkaar", mend)
        if self.verwijder_niet_opgehaald and self.bewaren_dagen is None:
            raise wrong("verwijder_niet_opgehaald doet niets zonder bewaren_dagen", "Geef bewaren_dagen.")
        if self.bewaren_dagen and self.afhalen != "bevestigd" and not self.verwijder_niet_opgehaald:
            raise wrong(
                f"bewaren_dagen doet niets bij afhalen {self.afhalen}: van wat er nog staat, weten wij niet of het is "
                "opgehaald",
                "Laat bewaren_dagen weg, of zet verwijder_niet_opgehaald = true.",
            )
        return self

    @property
    def elke_nacht(self) -> bool:
        """Whether there is no night that is not this uitvoerder's."""
        return self.feestdagen and len(self.dagen) == len(DAGEN)

    def levert_op(self, night: date) -> bool:
        """Whether the night of this date is one of this uitvoerder's."""
        from transforms.dates import public_holidays  # slow to import, and only needed for who has days

        if DAGEN[night.weekday()] not in self.dagen:
            return False
        return self.feestdagen or night not in public_holidays(night.year)

    def niet_voor(self, night: date) -> datetime:
        """The instant before which nothing of this night is published."""
        return datetime.combine(night, self.vanaf, _AMSTERDAM)

    def bewaard_tot(self, gepubliceerd_op: datetime) -> datetime | None:
        """When a file published then has stood long enough; None: it may stand for ever."""
        return gepubliceerd_op + timedelta(days=self.bewaren_dagen) if self.bewaren_dagen else None
