"""[levering] of an uitvoerder: what it may say, on which nights it receives, and what a batch of its own looks like."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exchange.configuration import Bediening, Configuration, Levering, Uitvoerder
from exchange.configuration.problems import from_validation
from exchange.faults import Problem
from exchange.steps import levering
from schemas.batch import COLUMNS, ONMISBAAR
from transforms import batch

KERST = date(2026, 12, 25)  # a Friday


def only(**given: object) -> Problem:
    with pytest.raises(ValidationError) as caught:
        Levering(**given)
    [found] = from_validation(caught.value, "uitvoerders/zuid.toml", Levering)
    return found


def receiver(id: str = "zuid", van: date = date(2026, 1, 1), tot: date | None = None, **profile: object) -> Uitvoerder:
    serving = (Bediening(code="0363", van=van, tot=tot),)
    return Uitvoerder.model_construct(id=id, naam=id, levering=Levering(**profile), gemeenten=serving)


def configuration(*uitvoerders: Uitvoerder) -> Configuration:
    rest = dict.fromkeys(("exchange", "opslag", "intake", "uitlevering", "pgp", "monitor", "overeenkomsten", "regels"))
    return Configuration(Path(), alle_melders={}, alle_uitvoerders={one.id: one for one in uitvoerders}, **rest)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kolommen": [*ONMISBAAR, "achternam"]}, ("achternam is geen kolom", "Bedoelde u achternaam in plaats van")),
        ({"kolommen": [*ONMISBAAR, "straat", "straat"]}, ("dubbel: straat", "één keer")),
        ({"kolommen": ["straat"]}, ("signaal_ref ontbreekt (zonder dit kenmerk", "Zet signaal_ref, soort, ")),
        ({"kolommen": []}, ("signaal_ref ontbreekt", "Zet signaal_ref")),
        ({"formaat": "xlsx", "bom": True}, ("bom hoort bij csv", "Laat bom weg")),
        ({"formaatt": "xlsx"}, ("kennen wij niet", "Bedoelde u formaat?")),
        ({"formaat": "pdf"}, ("geen bekende waarde", "'csv' of 'xlsx'")),
        ({"dagen": ["ma"]}, ("geen bekende waarde", "'maandag'")),
        ({"dagen": []}, ("leeg", "minstens één")),
        ({"vanaf": "02:30"}, ("in maart een uur niet", "buiten dat uur")),
        ({"afhalen": "verplaatst"}, ("horen bij elkaar", "verplaatst_naar")),
        ({"verplaatst_naar": "klaar"}, ("horen bij elkaar", "verplaatst_naar")),
        ({"afhalen": "verplaatst", "verplaatst_naar": "../klaar"}, ("geen map", "`verwerkt`")),
        ({"bewaren_dagen": 30}, ("bewaren_dagen doet niets bij afhalen verdwenen", "verwijder_niet_opgehaald = true")),
        ({"afhalen": "onbekend", "bewaren_dagen": 30}, ("doet niets bij afhalen onbekend", "Laat bewaren_dagen weg")),
        ({"verwijder_niet_opgehaald": True}, ("zonder bewaren_dagen", "Geef bewaren_dagen")),
    ],
)
def test_a_profile_that_is_wrong_or_does_nothing_is_refused_with_the_mend(
    given: dict[str, object], said: tuple[str, str]
) -> None:
    found = only(**given)
    assert said[0] in found.problem
    assert said[1] in found.mend


def test_a_misspelt_column_is_not_also_called_missing() -> None:
    rest = [name for name in ONMISBAAR if name != "signaal_ref"]
    assert only(kolommen=["signaalref", *rest]).problem == "signaalref is geen kolom van BAT1"


def test_nothing_said_is_a_csv_with_everything_every_day() -> None:
    plain = Levering()
    assert (plain.formaat, plain.kolommen, plain.bom, plain.map, plain.afhalen) == (
        "csv",
        None,
        False,
        "per_gemeente",
        "verdwenen",
    )
    assert all(plain.levert_op(KERST + timedelta(days=later)) for later in range(7))


def test_days_and_holidays_of_the_algemene_termijnenwet() -> None:
    profile = Levering(dagen=["donderdag", "vrijdag"], feestdagen=False)
    days = [KERST + timedelta(days=later) for later in range(-1, 9)]
    assert [day.day for day in days if profile.levert_op(day)] == [24, 31]  # not 25 December, not 1 January
    assert Levering(dagen=["vrijdag"]).levert_op(KERST)


def test_the_hour_is_amsterdam_time_in_summer_and_winter() -> None:
    profile = Levering(vanaf="07:00")
    assert profile.niet_voor(date(2026, 1, 5)) == datetime(2026, 1, 5, 6, tzinfo=UTC)
    assert profile.niet_voor(date(2026, 7, 6)) == datetime(2026, 7, 6, 5, tzinfo=UTC)


def test_signals_wait_for_the_next_night_of_whoever_serves_the_gemeente_then() -> None:
    noord = receiver("noord", date(2026, 12, 28), dagen=["woensdag"])
    config = configuration(receiver("zuid", tot=date(2026, 12, 27), dagen=["maandag"]), noord)
    assert levering.destination(config, "0363", "Huur", date(2026, 12, 21)) == ("zuid", date(2026, 12, 21))
    assert levering.destination(config, "0363", "Huur", date(2026, 12, 22)) == ("noord", date(2026, 12, 30))
    assert levering.destination(config, "0344", "Huur", date(2026, 12, 22)) is None


def test_a_name_says_the_form_and_keeps_it_when_the_profile_changes() -> None:
    table = pa.table({name: ["x"] for name in COLUMNS})
    name = levering.name(receiver(formaat="xlsx"), "VS_BATCH_0363_20261225_001")
    assert name == "VS_BATCH_0363_20261225_001.xlsx.pgp"
    assert levering.batch(receiver(), name, table).startswith(b"PK")


@given(st.permutations(COLUMNS), st.integers(0, len(COLUMNS)))
def test_a_batch_has_the_columns_that_were_chosen_in_their_order(order: list[str], count: int) -> None:
    chosen = list(dict.fromkeys([*order[:count], *ONMISBAAR]))
    table = pa.table({name: [f"van {name}"] for name in COLUMNS})
    made = levering.batch(receiver(kolommen=chosen), "VS_BATCH_0363_20261225_001.csv.pgp", table)
    assert made.decode().splitlines() == [";".join(chosen), ";".join(f"van {name}" for name in chosen)]


def test_a_csv_for_programs_keeps_values_that_a_spreadsheet_takes_for_a_formula() -> None:
    table = pa.table({name: ["=1+1"] for name in COLUMNS})
    made = levering.batch(receiver(bom=True), "VS_BATCH_0363_20261225_001.csv.pgp", table)
    assert made.startswith(b"\xef\xbb\xbflayout;")
    assert made.decode("utf-8-sig").splitlines()[1] == ";".join(["=1+1"] * len(COLUMNS))


def test_an_empty_file_is_named_in_the_manifest_as_empty() -> None:
    found = {"meldingen": 0, "urgent": 0, "grootte": 9, "sha256": "0" * 64}
    batches = [
        {"gemeentecode": "0344", "bestand": "a", "regels": 0, **found},
        {"gemeentecode": "0363", "bestand": "b", "regels": 2, **found},
    ]
    table = batch.manifest("zuid", KERST, ["0200", "0344", "0363"], batches)
    assert table.select(["bestand", "staat", "regels"]).to_pylist() == [
        {"bestand": "", "staat": "LEEG", "regels": "0"},
        {"bestand": "a", "staat": "LEEG", "regels": "0"},
        {"bestand": "b", "staat": "NIEUW", "regels": "2"},
    ]
