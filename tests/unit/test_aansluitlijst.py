"""aansluitlijst.csv: a partner sees its own gemeenten, to whom they go and when, and nothing of another's."""

from datetime import date
from pathlib import Path

import pyarrow as pa

from exchange.configuration import Bediening, Configuration, Partner, Uitvoerder
from exchange.configuration.agreements import SCHEMA
from exchange.configuration.machtigingen import Machtiging
from exchange.steps.aansluitlijst import lines

DAY = date(2026, 7, 1)
WOONZO = Partner.model_construct(id="woonzo", sectoren=("Huur", "Energie"))
ZUID = (Bediening(code="0363", van=date(2021, 1, 1), tot=date(2026, 12, 31)), Bediening(code="0402", van=DAY))
NOORD = (
    Bediening(code="0363", van=date(2027, 1, 1)),
    Bediening(code="0457", sector="Huur", van=date(2021, 1, 1), tot=date(2022, 3, 23)),
)


def agreement(partner: str, code: str, van: date, tot: date | None = None, soorten: str = "") -> dict[str, object]:
    rest = {"geboortedatum": False, "verklaring_van": None, "al_bekend": False}
    return {"partner": partner, "gemeentecode": code, "van": van, "tot": tot, "soorten": soorten, **rest}


def listed(*agreements: dict[str, object], machtigingen: tuple[Machtiging, ...] = ()) -> list[tuple[str, ...]]:
    names = ("exchange", "opslag", "intake", "uitlevering", "pgp", "monitor", "regels")
    uitvoerders = {
        id: Uitvoerder.model_construct(id=id, naam=id.title(), gemeenten=serving)
        for id, serving in (("zuid", ZUID), ("noord", NOORD))
    }
    table = pa.Table.from_pylist(list(agreements), SCHEMA)
    others = {id: Partner.model_construct(id=id, sectoren=("Huur",)) for id in ("klein", "vorig")}
    config = Configuration(
        Path(),
        partners={"woonzo": WOONZO, **others},
        uitvoerders=uitvoerders,
        overeenkomsten=table,
        machtigingen=machtigingen,
        **dict.fromkeys(names),
    )
    return [tuple(row.values()) for row in lines(config, WOONZO, DAY).to_pylist()]


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
