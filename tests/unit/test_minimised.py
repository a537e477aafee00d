"""A geboortedatum is kept only for the gemeente whose overeenkomst names it."""

from datetime import date

import pyarrow as pa

from exchange.configuration.agreements import SCHEMA
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
