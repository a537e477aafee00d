"""What a partner may know of an uitvoerder's terugkoppeling (DDAS 1.2; AVG art. 5.1 c; convenant art. 4)."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codelijsten import EINDRESULTAAT, SIGNAALSTATUS
from schemas.terugmelding import Terugmelding
from schemas.uitkomst import AFBEELDING, DICHT, EINDRESULTATEN, STATUSSEN, UITKOMSTEN
from transforms.answer import Answered
from transforms.uitkomst import HISTORY, UITKOMST, changed, outcomes, uitkomst_bestand, uitkomst_lines

DAY = date(2026, 4, 1)
OPGEPAKT, ANDERE = "Opgepakt", "Niet opgepakt: andere reden"
BEKEND = "Inwoner al bekend bij schuldhulpverlening"


def told(nr: int = 1, **values: Any) -> dict[str, Any]:
    row = {"signaal_nr": nr, "aanlevering_nr": 9, "regelnr": 2, "status": OPGEPAKT, "status_datum": DAY}
    return {**row, "ontvangen_op": DAY, "doorgezet_op": DAY, "al_bekend": False, **values}


def known(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = outcomes(pa.Table.from_pylist(list(rows), schema=HISTORY)).to_pylist()
    return found


def one(*rows: dict[str, Any]) -> dict[str, Any]:
    [row] = known(*rows)
    return row


def test_every_status_and_every_eindresultaat_has_one_stated_outcome_with_its_source() -> None:
    assert {(row.status, row.eindresultaat) for row in AFBEELDING} == set(
        itertools.product(SIGNAALSTATUS.waarden, ("", *EINDRESULTAAT.waarden))
    )
    assert STATUSSEN.keys() == set(SIGNAALSTATUS.waarden)
    assert EINDRESULTATEN.keys() == set(EINDRESULTAAT.waarden)
    assert all(row.uitkomst in UITKOMSTEN for row in AFBEELDING)
    assert all(rule.bron for rule in (*STATUSSEN.values(), *EINDRESULTATEN.values()))


@pytest.mark.parametrize(
    ("status", "eindresultaat", "uitkomst"),
    [
        (OPGEPAKT, None, "OPGEPAKT"),
        ("Nog niet opgepakt", None, ""),
        ("Niet opgepakt: herhaalde melding", None, "HERHAALDE_MELDING"),
        ("Niet opgepakt: onterecht signaal", None, "ONTERECHT"),
        ("Persoon is geen inwoner (meer) in de gemeente", None, "GEEN_INWONER"),
        ("Inwoner is overleden", None, "OVERLEDEN"),
        (OPGEPAKT, "Vervolghulp en/of verwijzing financieel", "AFGEROND"),
        (OPGEPAKT, "Inwoner heeft zelf al betaald/betalingsregeling getroffen", "AFGEROND"),
        (OPGEPAKT, "Inwoner is overleden", "OVERLEDEN"),
        (ANDERE, None, "NIET_OPGEPAKT"),
        (ANDERE, "Inwoner is overleden", "NIET_OPGEPAKT"),
        ("Inwoner is overleden", ANDERE, "NIET_OPGEPAKT"),
        (BEKEND, None, "NIET_OPGEPAKT"),
        (OPGEPAKT, BEKEND, "NIET_OPGEPAKT"),
    ],
)
def test_a_partner_learns_what_ddas_lets_it_know(status: str, eindresultaat: str | None, uitkomst: str) -> None:
    assert one(told(status=status, eindresultaat=eindresultaat, eindresultaat_datum=DAY))["uitkomst"] == uitkomst


@given(st.sampled_from(AFBEELDING), st.booleans(), st.booleans())
def test_of_another_reason_nobody_learns_why(pair: Any, open_: bool, help_: bool) -> None:
    """DDAS: the partner may know only that it was not picked up. Whatever the other column says."""
    row = told(
        status=pair.status,
        eindresultaat=pair.eindresultaat or None,
        eindresultaat_datum=DAY + timedelta(1),
        al_bekend=open_,
        hulp_geaccepteerd=help_,
    )
    got = one(row)
    if ANDERE in (pair.status, pair.eindresultaat):
        assert (got["uitkomst"], got["opschorten_tot"]) == ("NIET_OPGEPAKT", None)
    if not open_:
        assert got["uitkomst"] not in DICHT


def test_that_the_inwoner_was_known_is_told_where_the_overeenkomst_opens_it() -> None:
    assert one(told(status=BEKEND, al_bekend=True))["uitkomst"] == "AL_BEKEND"


def test_the_last_status_date_counts_and_then_what_came_in_last() -> None:
    late = told(status=ANDERE, status_datum=DAY + timedelta(1), aanlevering_nr=3)
    assert one(late, told(aanlevering_nr=8))["uitkomst"] == "NIET_OPGEPAKT"
    assert one(told(aanlevering_nr=8), told(status=ANDERE, aanlevering_nr=7))["uitkomst"] == "OPGEPAKT"
    assert one(told(regelnr=2), told(status=ANDERE, regelnr=3))["uitkomst"] == "NIET_OPGEPAKT"


def test_the_date_is_of_what_decided_and_never_before_the_signal_was_delivered() -> None:
    """A status that is older than the delivery is about another partner's signal at the address."""
    end = {"eindresultaat": "Geen reactie na eerder contact", "eindresultaat_datum": DAY + timedelta(9)}
    assert one(told(**end))["uitkomst_datum"] == DAY + timedelta(9)
    assert one(told(doorgezet_op=DAY + timedelta(5)))["uitkomst_datum"] == DAY + timedelta(5)


def accepted(at: int, **values: Any) -> dict[str, Any]:
    return told(hulp_geaccepteerd=True, aanlevering_nr=at, ontvangen_op=DAY + timedelta(at), **values)


def test_collection_is_suspended_thirty_days_from_the_first_feedback_that_help_was_accepted() -> None:
    """Convenant art. 4: at most 30 days; saying it again does not extend them, saying nothing does not end them."""
    until = DAY + timedelta(1 + 30)
    assert one(accepted(1))["opschorten_tot"] == until
    assert one(accepted(1), accepted(20), told(aanlevering_nr=25))["opschorten_tot"] == until
    assert one(told())["opschorten_tot"] is None


def test_help_that_is_refused_ends_the_suspension_and_a_new_acceptance_starts_one() -> None:
    no = told(hulp_geaccepteerd=False, aanlevering_nr=5)
    assert one(accepted(1), no)["opschorten_tot"] is None
    assert one(accepted(1), no, accepted(7))["opschorten_tot"] == DAY + timedelta(7 + 30)


def test_what_is_not_picked_up_suspends_nothing_and_each_signal_stands_alone() -> None:
    assert one(accepted(1), told(status=ANDERE, aanlevering_nr=2))["opschorten_tot"] is None
    assert [row["opschorten_tot"] for row in known(accepted(1, nr=4), told(nr=5))] == [DAY + timedelta(31), None]


def news(now: dict[str, Any], *before: dict[str, Any]) -> int:
    said = pa.Table.from_pylist(list(before), schema=UITKOMST)
    return int(changed(pa.Table.from_pylist([now], schema=UITKOMST), said).num_rows)


def test_only_another_outcome_or_suspension_is_news() -> None:
    row = {"signaal_nr": 1, "uitkomst": "NIET_OPGEPAKT", "uitkomst_datum": DAY, "opschorten_tot": None}
    assert news(row) == 1
    assert news(row, row) == 0
    assert news(row, row | {"uitkomst_datum": DAY - timedelta(1)}) == 0
    assert news(row, row | {"uitkomst": "OPGEPAKT"}) == 1
    assert news(row | {"opschorten_tot": DAY}, row) == 1
    assert news(row | {"uitkomst": ""}) == 0
    assert news(row | {"uitkomst": ""}, row) == 1
    assert news(row, row | {"signaal_nr": 2}) == 1


def test_an_uitkomst_names_the_partners_own_row_and_ends_with_a_line_for_the_file() -> None:
    nr = 5 << 24 | 7
    now = outcomes(pa.Table.from_pylist([told(nr, status=ANDERE)], schema=HISTORY))
    facts = {"signaal_id": "K1", "bestand": "b.pgp", "sha256": "0" * 64, "bestemming": "0344", "uitvoerder": "Hulp"}
    for name, value in facts.items():
        now = now.append_column(name, pa.array([value]))
    to = Answered(4, datetime(2026, 4, 2, 3, 0, tzinfo=UTC), "huur-01", "u.pgp", "", "0" * 64)
    [row], [last] = (table.to_pylist() for table in (uitkomst_lines(to, now), uitkomst_bestand(to)))
    plain = pd.DataFrame([row, last], dtype=pd.ArrowDtype(pa.string()))
    Terugmelding.validate(plain)
    assert row["uitkomst"] == "NIET_OPGEPAKT"
    assert (row["signaal_id"], row["regelnr"], row["bestand"], row["gemeente"]) == ("K1", "7", "b.pgp", "Utrecht")
    assert "andere reden" not in str(row)
    assert (last["niveau"], last["bestand"]) == ("BESTAND", "u.pgp")
