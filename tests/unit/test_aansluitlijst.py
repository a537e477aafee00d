"""aansluitlijst.csv: a partner sees its own gemeenten, to whom they go and when, and nothing of another's."""

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa

from exchange.configuration import Bediening, Configuration, Partner, Uitvoerder
from exchange.configuration.agreements import SCHEMA, Agreements
from exchange.configuration.machtigingen import Machtiging, Machtigingen
from exchange.configuration.opvolging import succeeded
from exchange.configuration.regelbestand import Regel
from exchange.configuration.regels import Regels
from exchange.steps.aansluitlijst import lines, served
from schemas.aansluitlijst import Aansluitlijst

DAY = date(2026, 7, 1)
WOONZO = Partner.model_construct(id="woonzo", naam="Woonzo", sectoren=("Huur", "Energie"))
ZUID = (Bediening(code="0363", van=date(2021, 1, 1), tot=date(2026, 12, 31)), Bediening(code="0402", van=DAY))
NOORD = (
    Bediening(code="0363", van=date(2027, 1, 1)),
    Bediening(code="0457", sector="Huur", van=date(2021, 1, 1), tot=date(2022, 3, 23)),
)


def agreement(partner: str, code: str, van: date, tot: date | None = None, soorten: str = "") -> dict[str, object]:
    rest = {"geboortedatum": False, "verklaring_van": None, "al_bekend": False}
    return {"partner": partner, "gemeentecode": code, "van": van, "tot": tot, "soorten": soorten, **rest}


def listed(
    *agreements: dict[str, object],
    machtigingen: tuple[Machtiging, ...] = (),
    regels: tuple[Regel, ...] = (),
    account: Partner = WOONZO,
    day: date = DAY,
) -> list[tuple[str, ...]]:
    """The lines of AL1, without the layout."""
    names = ("exchange", "opslag", "intake", "uitlevering", "pgp", "monitor")
    uitvoerders = {
        id: Uitvoerder.model_construct(id=id, naam=id.title(), gemeenten=serving)
        for id, serving in (("zuid", ZUID), ("noord", NOORD))
    }
    written = Agreements(pa.Table.from_pylist(list(agreements), SCHEMA), list(range(2, 2 + len(agreements))), [])
    others = {id: Partner.model_construct(id=id, naam=id, sectoren=("Huur",)) for id in ("klein", "vorig")}
    config = Configuration(
        Path(),
        alle_melders={"woonzo": WOONZO, **others},
        alle_uitvoerders=uitvoerders,
        overeenkomsten=succeeded(written).table,
        machtigingen=Machtigingen(machtigingen),
        regels=Regels(regels),
        **dict.fromkeys(names),
    )
    found = lines(config, account, day, served(config))
    Aansluitlijst.validate(found.to_pandas(types_mapper=pd.ArrowDtype))
    return [tuple(row.values())[1:] for row in found.to_pylist()]


ALL = "VROEG|ACTUALISATIE|EINDELEVERING|AFSLUITING|WARME_OVERDRACHT|INTREKKING"


def test_each_gemeente_and_sector_with_who_serves_it_now_and_who_takes_over() -> None:
    assert listed(agreement("woonzo", "0363", date(2025, 1, 1))) == [
        ("woonzo", "0363", "Amsterdam", "Energie", "Noord", "2027-01-01", "", ALL),
        ("woonzo", "0363", "Amsterdam", "Energie", "Zuid", "2025-01-01", "2026-12-31", ALL),
        ("woonzo", "0363", "Amsterdam", "Huur", "Noord", "2027-01-01", "", ALL),
        ("woonzo", "0363", "Amsterdam", "Huur", "Zuid", "2025-01-01", "2026-12-31", ALL),
    ]


def test_an_overeenkomst_narrows_the_period_and_the_kinds() -> None:
    found = listed(agreement("woonzo", "0402", date(2026, 8, 1), date(2026, 8, 31), "VROEG"))
    assert [row[4:] for row in found] == [("Zuid", "2026-08-01", "2026-08-31", "VROEG")] * 2


def test_what_has_ended_and_what_is_anothers_does_not_stand_there() -> None:
    ended = agreement("woonzo", "0363", date(2021, 1, 1), date(2026, 6, 30))
    assert listed(ended, agreement("ander", "0363", date(2021, 1, 1))) == []
    assert listed(agreement("woonzo", "0457", date(2021, 1, 1), date(2022, 3, 23))) == []


def test_an_account_also_sees_for_whom_it_may_deliver_today() -> None:
    held = Machtiging("woonzo", "klein", DAY, DAY, "brief 12")
    over = Machtiging("woonzo", "vorig", date(2025, 1, 1), date(2026, 6, 30), "brief 11")
    agreed = [agreement(id, "0402", DAY) for id in ("klein", "vorig")]
    assert {row[0] for row in listed(*agreed, machtigingen=(held, over))} == {"klein"}


def test_an_experimental_sector_only_as_long_as_the_gemeente_is_designated() -> None:
    """Wgs art. 2: at most five years, and only designated gemeenten."""
    designated = Regel("aangewezen", "DUO", "0363", "", DAY, date(2027, 6, 30), None, "weigeren", "Stcrt.")
    studie = Partner.model_construct(id="studie", sectoren=("DUO",))
    agreed = [agreement("studie", code, date(2025, 1, 1)) for code in ("0363", "0402")]
    found = listed(*agreed, regels=(designated,), account=studie)
    assert [(row[1], *row[4:7]) for row in found] == [
        ("0363", "Noord", "2027-01-01", "2027-06-30"),
        ("0363", "Zuid", "2026-07-01", "2026-12-31"),
    ]


def test_an_overeenkomst_goes_on_with_the_one_successor_of_its_gemeente() -> None:
    """Weesp went into Amsterdam on 24 March 2022: check accepts those signals as before."""
    weesp = agreement("woonzo", "0457", date(2021, 1, 1))
    before = listed(weesp, day=date(2022, 3, 1))
    assert [(row[1], *row[4:7]) for row in before if row[3] == "Huur"] == [
        ("0363", "Noord", "2027-01-01", ""),
        ("0363", "Zuid", "2022-03-24", "2026-12-31"),
        ("0457", "Noord", "2021-01-01", "2022-03-23"),
    ]
    assert {row[1] for row in listed(weesp)} == {"0363"}


def test_an_overeenkomst_ends_with_a_gemeente_that_was_divided() -> None:
    """Haaren went to four gemeenten in 2021: nobody can say which of them was meant."""
    assert listed(agreement("woonzo", "0788", date(2020, 1, 1))) == []


def test_two_overeenkomsten_that_come_to_the_same_are_one_line() -> None:
    own = agreement("woonzo", "0363", date(2022, 3, 24))
    assert listed(own, agreement("woonzo", "0457", date(2021, 1, 1))) == listed(own)
