"""A geboortedatum is kept only for the gemeente whose overeenkomst names it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from exchange.configuration import Configuration, Partner
from exchange.configuration.agreements import SCHEMA
from exchange.configuration.regels import Regels
from exchange.reference import PostcodeTable
from exchange.steps.basis import bestemmingen
from exchange.steps.reading import minimised
from schemas.signaal import TYPED

DAY = date(2026, 7, 1)


def agreement(code: str, geboortedatum: bool, tot: date | None = None) -> dict[str, object]:
    period = {"van": date(2026, 1, 1), "tot": tot, "verklaring_van": None}
    rest = {"partner": "woonzo", "soorten": "", "al_bekend": False}
    return {"gemeentecode": code, "geboortedatum": geboortedatum, **period, **rest}


def kept(codes: list[str | None], *agreements: dict[str, object]) -> list[date | None]:
    born = {"geboortedatum": [date(1980, 1, 1)] * len(codes)}
    typed = pa.table({field.name: pa.array(born.get(field.name, [None] * len(codes)), field.type) for field in TYPED})
    table = pa.Table.from_pylist(list(agreements), SCHEMA)
    found: list[date | None] = minimised(typed, pa.array(codes, pa.string()), table, DAY)["geboortedatum"].to_pylist()
    return found


def test_only_rows_of_a_gemeente_that_names_it_keep_it() -> None:
    found = kept(["0363", "0344", None], agreement("0363", True), agreement("0344", False))
    assert found == [date(1980, 1, 1), None, None]


def test_an_overeenkomst_that_has_ended_names_nothing_any_more() -> None:
    assert kept(["0363"], agreement("0363", True, tot=date(2026, 6, 30))) == [None]


def test_where_two_overeenkomsten_came_to_be_with_one_gemeente_both_must_name_it() -> None:
    assert kept(["0363"], agreement("0363", True), agreement("0363", True)) == [date(1980, 1, 1)]
    assert kept(["0363"], agreement("0363", True), agreement("0363", False)) == [None]


def test_an_overeenkomst_counts_with_all_that_is_in_it_for_the_gemeente_that_its_own_has_become(tmp_path: Path) -> None:
    """Weesp went into Amsterdam on 24 March 2022, Haaren into four."""
    woonzo = Partner.model_construct(id="woonzo", sectoren=("Huur",))
    table = pa.Table.from_pylist([agreement("0457", True), agreement("0788", True)], SCHEMA)
    rest = dict.fromkeys(("exchange", "opslag", "intake", "uitlevering", "pgp", "monitor"))
    config = Configuration(
        Path(),
        partners={"woonzo": woonzo},
        uitvoerders={},
        overeenkomsten=table,
        machtigingen=(),
        regels=Regels(),
        **rest,
    )
    goes = bestemmingen(config, PostcodeTable.open(tmp_path), woonzo, datetime(2026, 7, 1, tzinfo=UTC))
    assert goes.overeenkomsten["gemeentecode"].to_pylist() == ["0363", "0788"]
    assert goes.overeenkomsten["geboortedatum"].to_pylist() == [True, True]
