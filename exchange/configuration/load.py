"""Read the configuration folder as a whole: everything that is wrong is said at once."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from exchange.configuration import accounts as shared
from exchange.configuration import (
    agreements,
    coverage,
    keys,
    machtigingen,
    opvolging,
    pgpkeys,
    problems,
    regels,
    vertaling,
)
from exchange.configuration.models import Melder, Partij, Partner, Settings, Uitvoerder, Vertegenwoordigde
from exchange.configuration.whole import Configuration, Stilgezet
from exchange.faults import ConfigurationFault, Problem
from schemas import gemeenten

FILE = "nachtpost.toml"
_Party = TypeVar("_Party", Melder, Uitvoerder)


def load(folder: Path) -> Configuration:
    """Read and check the folder. What is wrong about one party stops that party and no other.

    Raises ConfigurationFault, with everything that is wrong at once, when anything of it is about the whole.
    """
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
    serving = dict(_found(uitvoerders))
    accounts: dict[str, Partij] = {file: one for file, one in _found(partners) if isinstance(one, Partner)} | serving
    wrong += [*pgpkeys.check_shared(accounts, settings), *shared.check_shared(accounts)]
    ids, lives = [Path(file).stem for file in partners], _lives()
    with ThreadPoolExecutor(1) as pool:  # gpg is another process: it reads keys while we read overeenkomsten
        judged = pool.submit(pgpkeys.check, accounts, settings, folder)
        written = agreements.read(folder / agreements.FILE, ids, lives)
        agreed = opvolging.succeeded(written)
        held = machtigingen.read(folder / machtigingen.FILE, ids, known)
        said, sleutels = judged.result()
    wrong += [*said, *agreed.problems, *held.problems, *machtigingen.check_answered(known, ids, held)]
    wrong += coverage.check_serving(serving, lives)
    own, said = regels.read(folder, ids, known, lives, agreed.has)
    wrong += [*said, *regels.check_experiments(written, known, own)]
    if len(serving) == len(uitvoerders):  # a file that cannot be read would look like a gap
        wrong += coverage.check_gaps(agreed, known, serving.values(), lives)
    found = [_placed(problem) for problem in wrong]
    if settings is None or any(problem.partijen is None for problem in found):
        raise ConfigurationFault(found)
    return Configuration(
        folder=folder,
        exchange=settings.exchange,
        opslag=settings.opslag.anchored(folder),
        intake=settings.intake,
        uitlevering=settings.uitlevering,
        pgp=settings.pgp,
        monitor=settings.monitor,
        alle_melders=known,
        alle_uitvoerders={uitvoerder.id: uitvoerder for uitvoerder in serving.values()},
        overeenkomsten=agreed.table,
        regels=regels.Regels(own),
        machtigingen=held,
        stilgezet=_stopped(found, uitvoerders),
        problemen=tuple(found),
        sleutels=tuple(sleutels),
    )


def _placed(problem: Problem) -> Problem:
    """What is wrong in a party's own file stops that party."""
    if problem.partijen is None and problem.file.startswith(("partners/", "uitvoerders/")):
        return replace(problem, partijen=(Path(problem.file).stem,))
    return problem


def _stopped(found: Sequence[Problem], uitvoerders: Iterable[str]) -> dict[str, Stilgezet]:
    """Per party (id) what stops it; `uitvoerders` are the files of those."""
    faults: dict[str, list[Problem]] = defaultdict(list)
    for problem in found:
        for id in dict.fromkeys(problem.partijen or ()):
            faults[id].append(problem)
    renamed = (one for one in found if one.place == "id" and one.file.startswith("uitvoerders/"))
    receiving = {Path(file).stem for file in uitvoerders} | {id for one in renamed for id in one.partijen or ()}
    return {id: Stilgezet("uitvoerder" if id in receiving else "partner", tuple(faults[id])) for id in sorted(faults)}


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
            # what waits for the id that it has, waits; unless that has a file of its own, for then this is a copy
            both = (path.stem,) if path.with_stem(party.id).exists() else (path.stem, party.id)
            wrong.append(Problem(file, "id", "id en bestandsnaam zijn niet gelijk", mend, both))
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
    except RecursionError:
        wrong.append(Problem(file, "", "dit is geen geldig TOML", "Er staan te veel [ en { in elkaar."))
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
