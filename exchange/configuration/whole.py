"""The configuration in force: everything and everybody that holds, and who is stopped because something does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from exchange.configuration import coverage, regels
from exchange.configuration.machtigingen import Machtigingen
from exchange.configuration.models import (
    Bediening,
    ExchangeSettings,
    IntakeSettings,
    Melder,
    MonitorSettings,
    OpslagSettings,
    Partij,
    Partner,
    PgpSettings,
    UitleveringSettings,
    Uitvoerder,
    Vertegenwoordigde,
)
from exchange.configuration.pgpkeys import Sleutel
from exchange.faults import ConfigurationFault, Problem
from schemas.codelijsten import SIGNAALPARTNER
from transforms.names import Naamvorm


@dataclass(frozen=True)
class Stilgezet:
    """A party (`soort`: partner or uitvoerder) that is left out until what is wrong about it is mended."""

    soort: str
    fouten: tuple[Problem, ...]


@dataclass(frozen=True)
class Configuration:
    """What holds. `overeenkomsten` has the schema `exchange.configuration.agreements.SCHEMA`; what becomes of them when
    a gemeente ends, stands in it as lines of their own.

    A party about which something is wrong is `stilgezet` (by id): it is in none of `partners`, `vertegenwoordigden`,
    `melders` and `uitvoerders`, and what waits for it or comes from it, waits. `alle_melders` and `alle_uitvoerders`
    have it as well, where its file can be read: who serves what, and how somebody is called, is not changed by a key
    that is missing. `problemen` are all that is wrong.
    """

    folder: Path
    exchange: ExchangeSettings
    opslag: OpslagSettings
    intake: IntakeSettings
    uitlevering: UitleveringSettings
    pgp: PgpSettings
    monitor: MonitorSettings
    alle_melders: Mapping[str, Melder]
    alle_uitvoerders: Mapping[str, Uitvoerder]
    overeenkomsten: pa.Table
    regels: regels.Regels
    machtigingen: Machtigingen = field(default_factory=Machtigingen)
    stilgezet: Mapping[str, Stilgezet] = field(default_factory=dict)
    problemen: tuple[Problem, ...] = ()
    sleutels: tuple[Sleutel, ...] = ()

    @cached_property
    def melders(self) -> Mapping[str, Melder]:
        """Everybody who reports signals, with an account (`partners`) or without one."""
        return {id: one for id, one in self.alle_melders.items() if id not in self.stilgezet}

    @cached_property
    def partners(self) -> Mapping[str, Partner]:
        """Who reports signals and has an account."""
        return {id: one for id, one in self.melders.items() if isinstance(one, Partner)}

    @cached_property
    def vertegenwoordigden(self) -> Mapping[str, Vertegenwoordigde]:
        """Who reports signals and has none."""
        return {id: one for id, one in self.melders.items() if isinstance(one, Vertegenwoordigde)}

    @cached_property
    def uitvoerders(self) -> Mapping[str, Uitvoerder]:
        """Who receives signals."""
        return {id: one for id, one in self.alle_uitvoerders.items() if id not in self.stilgezet}

    @property
    def accounts(self) -> dict[str, Partij]:
        """Everybody who has an account, stopped or not, whose file can be read; by that file."""
        partners = {f"partners/{id}.toml": one for id, one in self.alle_melders.items() if isinstance(one, Partner)}
        return {**partners, **{f"uitvoerders/{id}.toml": one for id, one in self.alle_uitvoerders.items()}}

    @cached_property
    def namen(self) -> Mapping[str, str]:
        """How everybody is called whose file can be read, by id."""
        everybody: dict[str, Melder | Uitvoerder] = {**self.alle_melders, **self.alle_uitvoerders}
        return {id: one.naam for id, one in everybody.items()}

    @property
    def bediening_bekend(self) -> bool:
        """Whether the files of all uitvoerders can be read; if not, nobody can say that a gemeente has none."""
        return not any(
            one.soort == "uitvoerder" and id not in self.alle_uitvoerders for id, one in self.stilgezet.items()
        )

    def path(self, name: str | Path) -> Path:
        """The absolute place of a file that the configuration names."""
        return self.folder / name

    def partij(self, id: str) -> Partij:
        """The partner or uitvoerder with this id; raises ConfigurationFault when it is stopped, or not there any
        more."""
        return self.partners.get(id) or self.uitvoerders.get(id) or self._missing(id)

    def _missing(self, id: str) -> NoReturn:
        stopped = self.stilgezet.get(id)
        if stopped:
            count = f"{len(stopped.fouten)} {'fout' if len(stopped.fouten) == 1 else 'fouten'}"
            said = f"deze partij is stilgezet: {count}", "nachtpost config check noemt wat er mis is."
        else:
            said = (
                "voor deze partij is nog iets af te handelen, maar zij staat niet meer in de configuratie",
                "Zet het bestand van deze partij terug totdat alles is afgehandeld.",
            )
        raise ConfigurationFault([Problem("partners of uitvoerders", f"{id}.toml", *said)])

    def namens(self, account: str, dag: date) -> list[Melder]:
        """For whom, beside itself, this account may deliver on `dag`."""
        held = [one.partner for one in self.machtigingen.geldig if one.gemachtigde == account and one.holds(dag)]
        return [self.melders[partner] for partner in held if partner in self.melders]

    def onzeker(self, account: str, dag: date) -> list[Naamvorm]:
        """The names of files that this account may well deliver on `dag`, but for a partner that is stopped or by a
        machtiging that does not hold."""
        every = (*self.machtigingen.geldig, *self.machtigingen.onduidelijk)
        held = {one.partner for one in every if one.gemachtigde == account and one.holds(dag)} - self.melders.keys()
        known = self.alle_melders
        return [known[id].naam_van_bestanden if id in known else Naamvorm(id) for id in sorted(held)]

    def hoort(self, melder: Melder, dag: date) -> Partner | None:
        """Whose account hears what became of a partner's signals: its own, else the one that the partner names.

        None while that one has no machtiging on `dag`: then nobody may know. Not to be asked while it `wacht`.
        """
        if not isinstance(melder, Vertegenwoordigde):
            return self.partners[melder.id]
        return self.partners[melder.terugmelding_aan] if melder in self.namens(melder.terugmelding_aan, dag) else None

    def wacht(self, melder: Melder) -> bool:
        """Whether nobody hears of its signals because the account that should is stopped."""
        return isinstance(melder, Vertegenwoordigde) and melder.terugmelding_aan in self.stilgezet

    def uitvoerder_of(self, gemeentecode: str, dag: date, sector: str | None = None) -> str | None:
        """The id of the uitvoerder that serves the gemeente on `dag`, stopped or not; None where nobody does.

        Without a sector: the one that serves all sectors, None where sectors go to different uitvoerders.
        """
        sectors = (sector,) if sector else SIGNAALPARTNER.waarden
        serving = {self._serving(gemeentecode, one, dag) for one in sectors}
        return serving.pop() if len(serving) == 1 else None

    def bediening_of(self, gemeentecode: str, dag: date, sector: str) -> Bediening | None:
        """How the gemeente is served for `sector` on `dag`; None where nobody serves it."""
        turn = self._turn(gemeentecode, sector, dag)
        return turn and self.alle_uitvoerders[turn.uitvoerder].gemeenten[turn.number - 1]

    def _serving(self, gemeentecode: str, sector: str, dag: date) -> str | None:
        turn = self._turn(gemeentecode, sector, dag)
        return turn and turn.uitvoerder

    def turns_of(self, gemeentecode: str, sector: str) -> Sequence[coverage.Turn]:
        """Who serves the gemeente for `sector` when, earliest first."""
        return self._turns.get((gemeentecode, sector), ())

    def _turn(self, gemeentecode: str, sector: str, dag: date) -> coverage.Turn | None:
        return next((turn for turn in self.turns_of(gemeentecode, sector) if turn.van <= dag <= turn.tot), None)

    @cached_property
    def _turns(self) -> Mapping[tuple[str, str], list[coverage.Turn]]:
        return coverage.turns(self.alle_uitvoerders.values())
