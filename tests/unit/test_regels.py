"""regels.csv: what holds where and when, which line goes before which, and what is refused before it can do harm."""

from datetime import date
from pathlib import Path

import pytest

from exchange.configuration import Partner
from exchange.configuration.regels import Regels, landelijk, read
from schemas.codelijsten import SIGNAALPARTNER
from transforms.grenzen import Venster

HEADER = "regel;sector;gemeentecode;partner;van;tot;waarde;gevolg;bron"
DAY = date(2026, 7, 1)
LIVES = {"0363": (date(1811, 1, 1), date.max), "0457": (date(1811, 1, 1), date(2022, 3, 23))}
PARTNERS = {
    "woonzo": Partner.model_construct(id="woonzo", sectoren=("Huur",)),
    "studie": Partner.model_construct(id="studie", sectoren=("DUO",)),
}


def written(folder: Path, *lines: str) -> Path:
    (folder / "regels.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return folder


def load(folder: Path, *lines: str) -> Regels:
    found, problems = read(written(folder, *lines), PARTNERS, PARTNERS, LIVES, lambda partner, code: True)
    assert problems == []
    return Regels(found)


def test_every_rule_of_the_country_names_its_source_and_first_day() -> None:
    assert {one.sector for one in landelijk()} <= set(SIGNAALPARTNER.waarden)
    assert all(one.bron and one.van == date(2021, 1, 1) for one in landelijk())


def test_the_rules_of_the_country_hold_where_nothing_else_was_set() -> None:
    regels = Regels()
    assert regels.geldend("woonzo", "0363", "Huur", DAY).termijn == Venster(30)
    assert regels.geldend("woonzo", "0363", "Zorg", DAY).termijn == Venster(30, 100)
    assert regels.geldend("woonzo", "0363", "Energie", DAY).werkdagen == 20
    assert regels.verplicht("klantnummer", DAY) == {"Energie", "Water"}
    assert regels.verplicht("maanden_achterstand", DAY) == {"Huur"}
    assert regels.verplicht("klantnummer", date(2020, 12, 31)) == frozenset()


def test_an_overeenkomst_goes_before_a_gemeente_and_a_gemeente_before_a_sector(tmp_path: Path) -> None:
    regels = load(
        tmp_path,
        "termijn_dagen;Huur;;;2026-01-01;;40-;;besluit",
        "termijn_dagen;Huur;0363;;2026-01-01;;50-;;besluit",
        "termijn_dagen;Huur;0363;woonzo;2026-01-01;;60-90;weigeren;overeenkomst",
    )
    pair, gemeente, elsewhere = (
        regels.geldend(partner, code, "Huur", DAY)
        for partner, code in (("woonzo", "0363"), ("andere", "0363"), ("woonzo", "0344"))
    )
    assert (pair.termijn, gemeente.termijn, elsewhere.termijn) == (Venster(60, 90), Venster(50), Venster(40))
    assert (pair.weigert, gemeente.weigert) == ({"termijn_dagen"}, frozenset())
    assert regels.geldend("woonzo", "0363", "Huur", date(2025, 12, 31)).termijn == Venster(30)  # of the country


def test_a_line_for_one_sector_goes_before_one_for_all(tmp_path: Path) -> None:
    regels = load(
        tmp_path,
        "drempel_euro;;0363;;2026-01-01;;50,00;;besluit",
        "drempel_euro;Zorg;0363;;2026-01-01;;125,00;;besluit",
    )
    assert regels.geldend("woonzo", "0363", "Zorg", DAY).drempel_cent == 12_500
    assert regels.geldend("woonzo", "0363", "Huur", DAY).drempel_cent == 5_000


def test_an_experimental_sector_needs_a_designation_on_the_day_itself(tmp_path: Path) -> None:
    regels = load(tmp_path, "aangewezen;DUO;0363;;2026-01-01;2026-12-31;;;Stcrt. 2025-17636")
    assert regels.geldend("studie", "0363", "DUO", DAY).aangewezen
    assert not regels.geldend("studie", "0363", "DUO", date(2027, 1, 1)).aangewezen
    assert not regels.geldend("studie", "0344", "DUO", DAY).aangewezen
    assert regels.geldend("woonzo", "0344", "Huur", DAY).aangewezen


def test_an_overeenkomst_may_leave_out_what_its_gemeente_set(tmp_path: Path) -> None:
    regels = load(
        tmp_path,
        "drempel_euro;;0363;;2026-01-01;;50,00;weigeren;besluit",
        "drempel_euro;;0363;woonzo;2026-01-01;;0,00;;overeenkomst",
    )
    found = regels.geldend("woonzo", "0363", "Huur", DAY)
    assert (found.drempel_cent, found.weigert) == (0, frozenset())


def test_days_on_which_a_gemeente_may_be_told_of_an_experimental_sector(tmp_path: Path) -> None:
    """A designation that is followed by another is one period; one that comes back later is a second."""
    regels = load(
        tmp_path,
        "aangewezen;DUO;0363;;2022-01-01;2023-12-31;;;Stcrt.",
        "aangewezen;DUO;0363;;2024-01-01;2024-12-31;;;Stcrt.",
        "aangewezen;DUO;0363;;2026-01-01;2027-12-31;;;Stcrt.",
    )
    van, tot = date(2023, 7, 1), date(2026, 6, 30)
    assert regels.open("0363", "DUO", van, tot) == [(van, date(2024, 12, 31)), (date(2026, 1, 1), tot)]
    assert regels.open("0344", "DUO", van, tot) == []
    assert regels.open("0344", "Huur", van, date.max) == [(van, date.max)]
    assert regels.open("0363", "DUO", date(2026, 1, 1), date.max) == [(date(2026, 1, 1), date(2027, 12, 31))]


@pytest.mark.parametrize(
    ("line", "said", "mend"),
    [
        ("drempel;;0363;;2026-01-01;;50,00;;besluit", "regel drempel kennen wij niet", "drempel_euro"),
        ("drempel_euro;Huren;0363;;2026-01-01;;50,00;;besluit", "sector Huren kennen wij niet", "Huur?"),
        ("drempel_euro;;;;2026-01-01;;50,00;;besluit", "geen sector en geen gemeentecode", "ten minste een"),
        ("drempel_euro;;;woonzo;2026-01-01;;50,00;;besluit", "partner zonder gemeentecode", "partner en een gemeente"),
        ("drempel_euro;;9999;;2026-01-01;;50,00;;besluit", "9999 bestaat niet", "CBS"),
        ("drempel_euro;;0457;;2026-01-01;;50,00;;besluit", "bestond niet op de datum", "2022-03-23"),
        ("drempel_euro;;0457;;2021-01-01;2026-01-01;50,00;;besluit", "niet op de datum in tot", "2022-03-23"),
        ("drempel_euro;;0363;ander;2026-01-01;;50,00;;besluit", "partner ander kennen wij niet", "partners/<id>.toml"),
        ("drempel_euro;Zorg;0363;woonzo;2026-01-01;;50,00;;x", "meldt niet voor sector Zorg", "Huur"),
        ("drempel_euro;;0363;;morgen;;50,00;;besluit", "van is geen datum", "jjjj-mm-dd"),
        ("drempel_euro;;0363;;20260101;;50,00;;besluit", "van is geen datum", "jjjj-mm-dd"),
        ("aangewezen;DUO;0363;;9998-01-01;;;;besluit", "van ligt niet tussen", "het jaar"),
        ("drempel_euro;;0363;;2026-01-01;2999-01-01;50,00;;x", "tot ligt niet tussen", "het jaar"),
        ("drempel_euro;;0363;;;;50,00;;besluit", "van is leeg", "eerste dag"),
        ("drempel_euro;;0363;;2026-02-01;2026-01-01;50,00;;x", "tot ligt vóór van", "laatste dag"),
        ("drempel_euro;;0363;;2026-01-01;;50.00;;besluit", "geen bedrag", "50,00"),
        ("drempel_euro;;0363;;2026-01-01;;50,00;negeren;x", "gevolg negeren kan niet", "waarschuwen of weigeren"),
        ("drempel_euro;;0363;;2026-01-01;;50,00;;", "bron is leeg", "besluit"),
        ("termijn_dagen;Huur;0363;;2026-01-01;;100-30;;x", "geen termijn", "30-100"),
        ("einde_levering_werkdagen;Water;;;2026-01-01;;twintig;;x", "geen aantal dagen", "0 tot en met 99"),
        ("einde_levering_werkdagen;Water;;;2026-01-01;;20;weigeren;x", "gevolg weigeren kan niet", "waarschuwen"),
        ("verplicht;Huur;;;2026-01-01;;bsn;;x", "geen kolom", "klantnummer"),
        ("verplicht;Huur;0363;;2026-01-01;;klantnummer;;x", "hele land", "gemeentecode en partner leeg"),
        ("aangewezen;Huur;0363;;2026-01-01;2026-12-31;;;x", "geen experimentele sector", "haal de regel weg"),
        ("aangewezen;DUO;0363;;2026-01-01;2031-01-01;;;x", "ten hoogste vijf jaar", "tot"),
        ("aangewezen;DUO;0363;;2026-01-01;;;;x", "ten hoogste vijf jaar", "tot"),
        ("aangewezen;DUO;;;2026-01-01;2026-12-31;;;x", "gemeente en een sector", "beide"),
        ("aangewezen;DUO;0363;;2026-01-01;2026-12-31;J;;x", "hoort geen waarde", "leeg"),
        ("drempel_euro;;0363;;2026-01-01;;50,00;besluit", "8 velden in plaats van 9", "Verbeter"),
    ],
)
def test_a_line_that_is_wrong_is_named_with_its_mend(tmp_path: Path, line: str, said: str, mend: str) -> None:
    _, [problem] = read(written(tmp_path, line), PARTNERS, PARTNERS, LIVES, lambda partner, code: True)
    assert (problem.file, problem.place) == ("regels.csv", "regel 2")
    assert said in problem.problem
    assert mend in problem.mend


def test_a_deviation_needs_an_overeenkomst(tmp_path: Path) -> None:
    line = "drempel_euro;;0363;woonzo;2026-01-01;;50,00;;besluit"
    _, [problem] = read(written(tmp_path, line), PARTNERS, PARTNERS, LIVES, lambda partner, code: False)
    assert "geen overeenkomst" in problem.problem


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("2026-06-30;;60,00", "overlapt met die op regel 2"),
        ("2026-07-02;;60,00", "gat van 2026-06-30 tot 2026-07-02"),
    ],
)
def test_lines_for_the_same_thing_neither_overlap_nor_leave_a_gap(tmp_path: Path, second: str, said: str) -> None:
    lines = ["drempel_euro;;0363;;2026-01-01;2026-06-30;50,00;;besluit", f"drempel_euro;;0363;;{second};;besluit"]
    _, [problem] = read(written(tmp_path, *lines), PARTNERS, PARTNERS, LIVES, lambda partner, code: True)
    assert problem.place == "regel 3"
    assert said in problem.problem


def test_a_wrong_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "regels.csv").write_text("regel;sector\n")
    _, [problem] = read(tmp_path, PARTNERS, PARTNERS, LIVES, lambda partner, code: True)
    assert HEADER in problem.mend


def test_without_the_file_the_rules_of_the_country_are_all(tmp_path: Path) -> None:
    assert read(tmp_path, PARTNERS, PARTNERS, LIVES, lambda partner, code: True) == ([], [])


def test_a_last_day_at_the_end_of_time_is_none(tmp_path: Path) -> None:
    regels = load(tmp_path, "experimenteel;Overige;;;2026-01-01;9999-12-31;;;proef van de sector")
    assert not regels.geldend("woonzo", "0363", "Overige", DAY).aangewezen
    assert regels.open("0363", "Overige", date(2025, 1, 1), date.max) == [(date(2025, 1, 1), date(2025, 12, 31))]
