"""Read the configuration folder as a whole: everything that is wrong is said at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pyarrow as pa
from pydantic import ValidationError
from pydantic_settings import SettingsError

from exchange.configuration import agreements, coverage, keys, machtigingen, opvolging, problems, regels, vertaling
from exchange.configuration.models import (
    Bediening,
    ExchangeSettings,
    IntakeSettings,
    Melder,
    MonitorSettings,
    OpslagSettings,
    Partner,
    PgpSettings,
    Settings,
    UitleveringSettings,
    Uitvoerder,
    Vertegenwoordigde,
)
from exchange.faults import ConfigurationFault, Problem
from schemas import gemeenten
from schemas.codelijsten import SIGNAALPARTNER

FILE = "nachtpost.toml"
_Party = TypeVar("_Party", Melder, Uitvoerder)


@dataclass(frozen=True)
class Configuration:
    """A configuration that holds. `overeenkomsten` has the schema `exchange.configuration.agreements.SCHEMA`; what
    becomes of them when a gemeente ends, stands in it as lines of their own."""

    folder: Path
    exchange: ExchangeSettings
    opslag: OpslagSettings
    intake: IntakeSettings
    uitlevering: UitleveringSettings
    pgp: PgpSettings
    monitor: MonitorSettings
    partners: Mapping[str, Partner]
    uitvoerders: Mapping[str, Uitvoerder]
    overeenkomsten: pa.Table
    regels: regels.Regels
    vertegenwoordigden: Mapping[str, Vertegenwoordigde] = field(default_factory=dict)
    machtigingen: tuple[machtigingen.Machtiging, ...] = ()

    @cached_property
    def melders(self) -> Mapping[str, Melder]:
        """Everybody who reports signals, with an account (`partners`) or without one."""
        return {**self.partners, **self.vertegenwoordigden}

    def path(self, name: str | Path) -> Path:
        """The absolute place of a file that the configuration names."""
        return self.folder / name

    def partij(self, id: str) -> Partner | Uitvoerder:
        """The partner or uitvoerder with this id; raises ConfigurationFault when there is none any more."""
        return self.partners.get(id) or self.uitvoerders.get(id) or _gone(id)

    def namens(self, account: str, dag: date) -> list[Melder]:
        """For whom, beside itself, this account may deliver on `dag`."""
        held = [one.partner for one in self.machtigingen if one.gemachtigde == account and one.holds(dag)]
        return [self.melders[partner] for partner in held]

    def hoort(self, melder: Melder, dag: date) -> Partner | None:
        """Whose account hears what became of a partner's signals: its own, else the one that the partner names.

        None while that one has no machtiging on `dag`: then nobody may know.
        """
        if not isinstance(melder, Vertegenwoordigde):
            return self.partners[melder.id]
        return self.partners[melder.terugmelding_aan] if melder in self.namens(melder.terugmelding_aan, dag) else None

    def uitvoerder_of(self, gemeentecode: str, dag: date, sector: str | None = None) -> str | None:
        """The id of the uitvoerder that serves the gemeente on `dag`; None where nobody does.

        Without a sector: the one that serves all sectors, None where sectors go to different uitvoerders.
        """
        sectors = (sector,) if sector else SIGNAALPARTNER.waarden
        serving = {self._serving(gemeentecode, one, dag) for one in sectors}
        return serving.pop() if len(serving) == 1 else None

    def bediening_of(self, gemeentecode: str, dag: date, sector: str) -> Bediening | None:
        """How the gemeente is served for `sector` on `dag`; None where nobody serves it."""
        turn = self._turn(gemeentecode, sector, dag)
        return turn and self.uitvoerders[turn.uitvoerder].gemeenten[turn.number - 1]

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
        return coverage.turns(self.uitvoerders.values())


def load(folder: Path) -> Configuration:
    """Read and check the folder; raises ConfigurationFault with everything that is wrong at once."""
    folder = folder.resolve()
    if not folder.is_dir():
        mend = "Geef de map met --config, of in de omgeving als NACHTPOST_CONFIG."
        raise ConfigurationFault([Problem(str(folder), "", "deze map bestaat niet", mend)])
    wrong: list[Problem] = []
    settings = _settings(folder, wrong)
    partners = _parties(folder, "partners", _kind_of_partner, wrong)
    uitvoerders = _parties(folder, "uitvoerders", lambda _: Uitvoerder, wrong)
    wrong += _shared_ids(partners, uitvoerders)
    wrong += [problem for file, partner in _found(partners) for problem in vertaling.check(file, partner)]
    if settings:
        wrong += keys.check_secrets(settings, folder)
    known = {partner.id: partner for _, partner in _found(partners)}
    accounts = {id: partner for id, partner in known.items() if isinstance(partner, Partner)}
    found: list[tuple[str, Partner | Uitvoerder]] = [
        *((f"partners/{id}.toml", one) for id, one in accounts.items()),
        *_found(uitvoerders),
    ]
    ids = [Path(file).stem for file in partners]
    lives = _lives()
    with ThreadPoolExecutor(1) as pool:  # gpg is another process: it reads keys while we read overeenkomsten
        judged = pool.submit(keys.check_pgp, found, settings, folder)
        written = agreements.read(folder / agreements.FILE, ids, lives)
        agreed = opvolging.succeeded(written)
        held, problems_held = machtigingen.read(folder / machtigingen.FILE, ids, known)
        wrong += judged.result()
    wrong += [*agreed.problems, *problems_held, *machtigingen.check_answered(known, ids, held)]
    serving = dict(_found(uitvoerders))
    wrong += coverage.check_serving(serving, lives)
    own, said = regels.read(folder, known, lives, agreed.has)
    wrong += [*said, *regels.check_experiments(written, known, own)]
    if len(serving) == len(uitvoerders):  # a file that cannot be read would look like a gap
        wrong += coverage.check_gaps(agreed, known, serving.values(), lives)
    if wrong or settings is None:
        raise ConfigurationFault(wrong)
    return Configuration(
        folder=folder,
        exchange=settings.exchange,
        opslag=settings.opslag.anchored(folder),
        intake=settings.intake,
        uitlevering=settings.uitlevering,
        pgp=settings.pgp,
        monitor=settings.monitor,
        partners=accounts,
        uitvoerders={uitvoerder.id: uitvoerder for uitvoerder in serving.values()},
        overeenkomsten=agreed.table,
        regels=regels.Regels(own),
        vertegenwoordigden={id: one for id, one in known.items() if isinstance(one, Vertegenwoordigde)},
        machtigingen=held,
    )


def _settings(folder: Path, wrong: list[Problem]) -> Settings | None:
    content = _toml(folder, FILE, wrong)
    if content is None:
        return None
    try:
        return Settings(**content)
    except ValidationError as error:
        wrong += problems.from_validation(error, FILE, Settings)
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        place = f"NACHTPOST_{name[1].upper()}" if name else "NACHTPOST_…"
        wrong.append(Problem("omgeving", place, "deze waarde is geen JSON", "Schrijf een lijst of tabel als JSON."))
    return None


def _gone(id: str) -> NoReturn:
    mend = "Zet het bestand van deze partij terug totdat alles is afgehandeld."
    problem = "voor deze partij is nog iets af te handelen, maar zij staat niet meer in de configuratie"
    raise ConfigurationFault([Problem("partners of uitvoerders", f"{id}.toml", problem, mend)])


def _kind_of_partner(content: Mapping[str, Any]) -> type[Melder]:
    return Vertegenwoordigde if "terugmelding_aan" in content else Partner


def _parties(
    folder: Path, kind: str, model_of: Callable[[Mapping[str, Any]], type[_Party]], wrong: list[Problem]
) -> dict[str, _Party | None]:
    """Per file the party it describes, None where it does not hold."""
    found: dict[str, _Party | None] = {}
    for path in sorted(folder.glob(f"{kind}/*.toml")):
        file = f"{kind}/{path.name}"
        found[file] = None
        content = _toml(folder, file, wrong)
        if content is None:
            continue
        model = model_of(content)
        try:
            party = model.model_validate(content)
        except ValidationError as error:
            wrong += problems.from_validation(error, file, model)
            continue
        if party.id != path.stem:
            mend = f"Noem het bestand {party.id}.toml, of verander id."
            wrong.append(Problem(file, "id", "id en bestandsnaam zijn niet gelijk", mend))
            continue
        found[file] = party
    return found


def _toml(folder: Path, file: str, wrong: list[Problem]) -> dict[str, Any] | None:
    try:
        return tomllib.loads((folder / file).read_text(encoding="utf-8-sig"))
    except OSError:
        wrong.append(Problem(file, "", "dit bestand ontbreekt of is niet leesbaar", "Zet het bestand in deze map."))
    except UnicodeDecodeError:
        wrong.append(Problem(file, "", "dit bestand is geen UTF-8", "Bewaar het opnieuw als UTF-8."))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"regel {line[1]}" if line else "aan het eind"
        mend = "Tekst staat tussen aanhalingstekens, lijsten tussen [ en ]; elke sleutel staat er één keer."
        wrong.append(Problem(file, place, "dit is geen geldig TOML", mend))
    return None


def _found(parties: Mapping[str, _Party | None]) -> list[tuple[str, _Party]]:
    return [(file, party) for file, party in parties.items() if party is not None]


def _shared_ids(partners: Mapping[str, object], uitvoerders: Mapping[str, object]) -> list[Problem]:
    both = {Path(file).stem for file in partners} & {Path(file).stem for file in uitvoerders}
    return [
        Problem(f"uitvoerders/{id}.toml", "id", f"ook een partner heet {id}", "Geef een van beide een ander id.")
        for id in sorted(both)
    ]


def _lives() -> dict[str, tuple[date, date]]:
    """Per gemeentecode its first and its last day."""
    return {code: (one.van, gemeenten.last_day(code)) for code, one in gemeenten.table().items()}
