"""Every rule names where it comes from: in its data, or in the docstring of the module that judges by it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from exchange.configuration.regels import landelijk
from schemas.retourcodes import RETOURCODES
from schemas.signaal import KOLOMMEN, VOORWAARDEN
from schemas.uitkomst import EINDRESULTATEN, STATUSSEN

ROOT = Path(__file__).parents[2]

#: Laws, agreements and public sources that somebody else can look up.
PUBLIC = (
    r"(Wgs|Bgs|AVG|convenant) art\. \d|convenant, Digitaal Meldpunt|Tijdelijke regeling \d{4} art\. \d|"
    r"Stcrt\. \d{4}-\d+|"
    r"Wet algemene regels herindeling art\. \d|Algemene termijnenwet|Energieregeling \d|"
    r"DDAS|Divosa( \d{4}|: | monitor)|NVVK (\d|vuistregels)|CBS (postcode|gemeentelijke indeling|table)|BRP API|RFC \d+"
)
#: What is ours, or agreed between two parties.
OURS = r"layout 1|overeenkomst|keuze van de gemeente|machtiging|warme overdracht: toestemming"
#: A module may point at the data that holds the source.
POINTS = r"`bron` in `schemas\.retourcodes`|exchange\.configuration\.regels"

DATA = [
    *((code, one.bron) for code, one in RETOURCODES.items()),
    *((f"{one.regel} {one.sector}", one.bron) for one in landelijk()),
    *((f"{one.waarde} -> {one.uitkomst}", one.bron) for one in (*STATUSSEN.values(), *EINDRESULTATEN.values())),
    *((naam, kolom.bron) for naam, kolom in KOLOMMEN.items()),
]


@pytest.mark.parametrize(("rule", "bron"), DATA)
def test_a_rule_in_data_names_a_source_that_can_be_looked_up_or_says_that_it_is_ours(rule: str, bron: str) -> None:
    assert re.search(f"{PUBLIC}|{OURS}", bron), rule


def test_what_is_asked_about_a_person_rests_on_law_or_on_the_overeenkomst() -> None:
    """Data minimisation (AVG art. 5.1 c): a column about somebody is never just ours to ask."""
    own = {naam for naam, kolom in KOLOMMEN.items() if not re.search(PUBLIC, kolom.bron)}
    administration = {"layout", "signaal_id", "soort", "vorig_signaal_id", "reden_intrekking", "label", "peildatum"}
    assert own == administration | {"geboortedatum", "toestemming_datum"}
    assert all("Bgs art. 2" in KOLOMMEN[naam].bron for naam in VOORWAARDEN)


def judging() -> list[Path]:
    """Modules that hold a retourcode: there, somebody is refused or warned."""
    found = []
    for folder in ("transforms", "exchange/steps", "exchange/configuration", "exchange/pgp"):
        for path in sorted((ROOT / folder).glob("*.py")):
            constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            if any(isinstance(value, str) and value in RETOURCODES for value in constants):
                found.append(path)
    return found


@pytest.mark.parametrize("path", judging(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_that_judges_names_its_source(path: Path) -> None:
    parsed = ast.parse(path.read_text())
    documented = (node for node in ast.walk(parsed) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))
    said = " ".join(" ".join((ast.get_docstring(node) or "").split()) for node in documented)
    assert re.search(f"{PUBLIC}|{POINTS}|layout 1", said)


def test_the_modules_that_judge_are_found() -> None:
    assert {"route.py", "rules.py", "privacy.py", "grenzen.py", "verdict.py"} <= {path.name for path in judging()}
