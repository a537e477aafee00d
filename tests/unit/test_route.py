"""The routing ladder, the successors on the day of receipt, and the agreements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.retourcodes import REASONS, sentences
from transforms.route import Lookup, Routed, apply_agreements, route

TODAY = date(2026, 11, 23)


def strings(values: Sequence[str | None]) -> pa.StringArray:
    return pa.array(values, pa.string())


def routed(
    table: Sequence[str | None],
    supplied: Sequence[str | None],
    rung: Sequence[str] | None = None,
    *,
    postcode: Sequence[str | None] | None = None,
    dag: date = TODAY,
) -> Routed:
    """Route rows with these table codes and supplied codes; line numbers start at 2."""
    rows = len(table)
    lookup = Lookup(
        gemeentecode=strings(table),
        wijkcode=strings([code and f"{code}01" for code in table]),
        buurtcode=strings([code and f"{code}0102" for code in table]),
        rung=strings(rung or ["ADRES" if code else "" for code in table]),
    )
    return route(
        np.arange(2, rows + 2),
        strings(postcode or ["1234AB"] * rows),
        strings(supplied),
        lookup,
        dag,
    )


def facts(reasons: pa.Table) -> list[tuple[int, str, str, dict[str, Any]]]:
    assert reasons.schema == REASONS
    return [
        (row["regelnr"], row["code"], row["veld"], json.loads(row["detail"] or "{}")) for row in reasons.to_pylist()
    ]


def test_the_ladder_address_then_postcode_then_as_supplied_then_refused() -> None:
    found = routed(["0363", "0344", None, None], [None, None, "0599", None], ["ADRES", "POSTCODE", "", ""])
    assert found.gemeentecode.to_pylist() == ["0363", "0344", "0599", None]
    assert found.routering.to_pylist() == ["ADRES", "POSTCODE", "OPGAVE", ""]
    assert facts(found.reasons) == [(5, "E-ROU-01", "postcode", {})]


def test_wijk_and_buurt_come_with_the_address_only() -> None:
    found = routed(["0363", "0344", None], [None, None, "0599"], ["ADRES", "POSTCODE", ""])
    assert found.wijkcode.to_pylist() == ["036301", None, None]
    assert found.buurtcode.to_pylist() == ["03630102", None, None]


def test_the_table_wins_over_the_supplied_code_with_a_warning() -> None:
    found = routed(["0363", "0363"], ["0344", "0363"])
    assert found.gemeentecode.to_pylist() == ["0363", "0363"]
    assert facts(found.reasons) == [(2, "W-ROU-04", "gemeentecode", {"code1": "0344", "code2": "0363"})]


def test_one_successor_is_followed_on_the_day_of_receipt() -> None:
    assert routed(["0457"], [None], dag=date(2022, 3, 23)).gemeentecode.to_pylist() == ["0457"]
    after = routed(["0457", None], ["0457", "0457"], dag=date(2022, 3, 24))
    assert after.gemeentecode.to_pylist() == ["0363", "0363"]
    assert after.routering.to_pylist() == ["ADRES", "OPGAVE"]
    assert after.wijkcode.to_pylist() == [None, None], "the wijk belonged to the gemeente that ended"
    assert after.reasons.num_rows == 0


def test_several_successors_are_refused_with_their_names() -> None:
    found = routed([None], ["0788"])
    assert found.gemeentecode.to_pylist() == [None]
    assert facts(found.reasons) == [
        (2, "E-ROU-05", "gemeentecode", {"gemeenten": "Boxtel, Oisterwijk, Tilburg, Vught"})
    ]


def test_of_a_gemeente_that_was_divided_the_partner_may_name_the_part() -> None:
    found = routed(["0788", "0788"], ["0865", "0363"])
    assert found.gemeentecode.to_pylist() == ["0865", None]
    assert found.routering.to_pylist() == ["OPGAVE", ""]
    assert [(nr, code) for nr, code, *_ in facts(found.reasons)] == [(3, "E-ROU-05")]


def test_a_supplied_code_that_never_was_or_whose_successors_are_unknown_is_not_guessed() -> None:
    found = routed([None, None], ["9999", "0802"])
    assert found.gemeentecode.to_pylist() == [None, None]
    assert [code for _, code, *_ in facts(found.reasons)] == ["E-ROU-01", "E-ROU-01"]


def test_a_row_without_a_postcode_is_not_routed_and_gets_no_reason() -> None:
    found = routed(
        ["0363", None, None],
        ["0344", "0363", None],
        postcode=[None, "", None],
    )
    assert found.gemeentecode.to_pylist() == [None, None, None]
    assert found.routering.to_pylist() == ["", "", ""]
    assert found.reasons.num_rows == 0


def test_no_rows_and_chunked_columns() -> None:
    assert routed([], []).gemeentecode.to_pylist() == []
    nothing = strings([None, None])
    lookup = Lookup(nothing, nothing, nothing, strings(["", ""]))
    found = route(
        np.array([2, 3]),
        pa.chunked_array([["1234AB"], ["1234AB"]]),
        pa.chunked_array([["0363"], ["0344"]]),
        lookup,
        TODAY,
    )
    assert found.gemeentecode.to_pylist() == ["0363", "0344"]


def agreement(
    code: str, van: str = "2021-01-01", tot: str | None = None, soorten: str = ""
) -> dict[str, str | date | None]:
    return {
        "gemeentecode": code,
        "van": date.fromisoformat(van),
        "tot": tot and date.fromisoformat(tot),
        "soorten": soorten,
    }


AGREEMENT = pa.schema(
    [("gemeentecode", pa.string()), ("van", pa.date32()), ("tot", pa.date32()), ("soorten", pa.string())]
)


def objections(
    rows: Sequence[tuple[str | None, str]], *agreements: dict[str, Any], connected: Sequence[str] = ("0363", "0344")
) -> list[tuple[int, str, str, dict[str, Any]]]:
    codes, kinds = strings([code for code, _ in rows]), strings([soort for _, soort in rows])
    held = pa.Table.from_pylist(list(agreements), AGREEMENT)
    return facts(apply_agreements(np.arange(2, len(rows) + 2), codes, kinds, frozenset(connected), held, TODAY))


def test_a_gemeente_that_is_not_connected() -> None:
    assert objections([("0599", "VROEG")], agreement("0599")) == [
        (2, "E-ROU-02", "gemeentecode", {"naam": "Rotterdam", "code": "0599"})
    ]


def test_no_agreement_in_force_on_the_day_of_receipt() -> None:
    refused = [(2, "E-ROU-03", "gemeentecode", {"datum": "2026-11-23", "naam": "Amsterdam", "soort": "VROEG"})]
    row = [("0363", "VROEG")]
    assert objections(row) == refused
    assert objections(row, agreement("0344")) == refused
    assert objections(row, agreement("0363", tot="2026-11-22")) == refused
    assert objections(row, agreement("0363", van="2026-11-24")) == refused
    assert objections(row, agreement("0363", van="2026-11-23", tot="2026-11-23")) == []
    assert objections(row, agreement("0363", tot="2026-11-22"), agreement("0363", van="2026-11-23")) == []


def test_an_agreement_may_be_for_some_kinds_only() -> None:
    rows = [("0363", "VROEG"), ("0363", "ACTUALISATIE"), ("0363", "AFSLUITING")]
    some = agreement("0363", soorten="VROEG|ACTUALISATIE")
    assert [nr for nr, *_ in objections(rows, some)] == [4]
    assert objections(rows, some, agreement("0363", soorten="AFSLUITING")) == []
    assert objections(rows, some, agreement("0363")) == []


def test_a_row_that_was_not_routed_gets_no_second_reason() -> None:
    assert objections([(None, "VROEG"), ("", "VROEG")]) == []
    assert objections([]) == []


def test_every_reason_makes_a_sentence() -> None:
    found = routed(["0363", None, None], ["0344", "0788", None]).reasons
    assert all(sentences(found["code"], found["detail"], found["veld"]).to_pylist())
