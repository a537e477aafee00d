"""Windows, thresholds, notice and experiments: what a row hears where it falls outside what was set."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from schemas.retourcodes import sentences
from schemas.signaal import TYPED
from transforms.grenzen import Geldend, Venster, judge

TODAY = date(2026, 7, 1)
AMSTERDAM = "0363"


def told(
    geldend: Geldend, soort: str = "VROEG", dagen: int = 45, cent: int | None = 8_000, einde: date | None = None
) -> list[tuple[str, str]]:
    """(code, sentence) of one row for Amsterdam, sector Huur."""
    row = {
        "regelnr": 2,
        "soort": soort,
        "peildatum": TODAY,
        "oudste_vervaldatum": TODAY - timedelta(days=dagen),
        "bedrag_cent": cent,
        "gebeurtenis_datum": einde,
    }
    typed = pa.table({field.name: pa.array([row.get(field.name)], field.type) for field in TYPED})
    found = judge(typed, pa.array([AMSTERDAM]), pa.array(["Huur"]), lambda _code, _sector: geldend, TODAY)
    return list(zip(found["code"].to_pylist(), sentences(found["code"], found["detail"]).to_pylist(), strict=True))


@pytest.mark.parametrize(("dagen", "inside"), [(29, False), (30, True), (100, True), (101, False)])
def test_a_window_holds_both_its_ends(dagen: int, inside: bool) -> None:
    found = told(Geldend(termijn=Venster(30, 100)), dagen=dagen)
    assert [code for code, _ in found] == ([] if inside else ["W-VEN-01"])
    assert inside or "voor Huur (30 tot en met 100 dagen)" in found[0][1]


def test_outside_the_window_is_refused_only_where_that_was_set() -> None:
    [(code, text)] = told(Geldend(termijn=Venster(60), weigert=frozenset({"termijn_dagen"})))
    assert code == "E-VEN-01"
    assert "vanaf 60 dagen" in text and "niet verwerkt" in text


@pytest.mark.parametrize(("cent", "below"), [(4_999, True), (5_000, False), (None, False)])
def test_a_drempelbedrag_warns_below_it_and_says_nothing_of_an_amount_that_is_not_there(
    cent: int | None, below: bool
) -> None:
    found = told(Geldend(drempel_cent=5_000), cent=cent)
    assert [code for code, _ in found] == (["W-DRE-01"] if below else [])
    assert not below or "drempelbedrag van Amsterdam (50,00 euro)" in found[0][1]


def test_a_drempelbedrag_refuses_where_that_was_set() -> None:
    [(code, _)] = told(Geldend(drempel_cent=10_000, weigert=frozenset({"drempel_euro"})))
    assert code == "E-DRE-01"


@pytest.mark.parametrize("soort", ["EINDELEVERING", "AFSLUITING", "WARME_OVERDRACHT", "INTREKKING"])
def test_what_must_be_followed_up_is_held_to_no_window_and_no_drempelbedrag(soort: str) -> None:
    everything = frozenset({"termijn_dagen", "drempel_euro"})
    assert told(Geldend(termijn=Venster(60), drempel_cent=10_000, weigert=everything), soort) == []


def test_an_update_may_be_lower_than_the_drempelbedrag() -> None:
    assert told(Geldend(drempel_cent=10_000), "ACTUALISATIE") == []


@pytest.mark.parametrize(("days", "short"), [(27, True), (28, False)])
def test_an_end_of_delivery_is_announced_in_working_days(days: int, short: bool) -> None:
    found = told(Geldend(werkdagen=20), "EINDELEVERING", einde=TODAY + timedelta(days=days))
    assert [code for code, _ in found] == (["W-EIN-01"] if short else [])
    assert not short or "20 werkdagen" in found[0][1]


@pytest.mark.parametrize("werkdagen", [None, 0])
def test_where_no_notice_was_set_no_end_of_delivery_is_too_late(werkdagen: int | None) -> None:
    assert told(Geldend(werkdagen=werkdagen), "EINDELEVERING", einde=TODAY - timedelta(days=7)) == []


@pytest.mark.parametrize("soort", ["VROEG", "EINDELEVERING"])
def test_an_experimental_sector_goes_to_designated_gemeenten_only(soort: str) -> None:
    [(code, text)] = told(Geldend(aangewezen=False), soort)
    assert code == "E-EXP-01"
    assert "Voor Huur" in text and "Amsterdam is dat vandaag niet" in text


def test_a_withdrawal_is_never_held_back_by_an_ended_designation() -> None:
    assert told(Geldend(aangewezen=False), "INTREKKING") == []


def test_what_holds_is_asked_once_per_gemeente_and_sector_and_counts_for_its_own_rows() -> None:
    asked = []

    def of(code: str, sector: str) -> Geldend:
        asked.append((code, sector))
        return Geldend(drempel_cent=10_000 if code == AMSTERDAM else None)

    values = {"regelnr": [2, 3, 4, 5], "soort": ["VROEG"] * 4, "bedrag_cent": [8_000] * 4}
    typed = pa.table({field.name: pa.array(values.get(field.name, [None] * 4), field.type) for field in TYPED})
    codes = pa.array([AMSTERDAM, "0344", None, AMSTERDAM])
    found = judge(typed, codes, pa.array(["Huur"] * 4), of, TODAY)
    assert sorted(asked) == [("", "Huur"), ("0344", "Huur"), (AMSTERDAM, "Huur")]
    assert found["regelnr"].to_pylist() == [2, 5]
