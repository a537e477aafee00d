"""The anonymous figures of a month, as Divosa defines them (convenant art. 5.6)."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa

from schemas.monitor import Monitor
from transforms.monitor import FEEDBACK, SIGNALS, count, report

LAST = date(2026, 10, 31)


def signals(*rows: tuple[str, str, int]) -> pa.Table:
    """(gemeentecode, sector, address) of each; nr is its place."""
    columns = list(zip(*rows, strict=True))
    return pa.table([pa.array(range(len(rows))), *map(pa.array, columns)], schema=SIGNALS)


def lines(table: pa.Table) -> dict[tuple[str, str], dict[str, str]]:
    Monitor.validate(table.to_pandas(types_mapper=pd.ArrowDtype))
    return {(row["gemeentecode"], row["sector"]): row for row in table.to_pylist()}


def test_two_signals_at_one_address_are_meervoudig_and_one_melding() -> None:
    rows = [("0344", "Huur", 1), ("0344", "Zorg", 1), ("0344", "Huur", 2), ("0363", "Huur", 1)]
    figures = count(signals(*rows), pa.array([2]), FEEDBACK.empty_table(), LAST)
    assert figures.codes == ("0344", "0363")
    assert figures.sectoren == ("Huur", "Zorg")
    assert figures.signalen.tolist() == [[2, 1], [1, 0]]
    assert figures.delen["meervoudig"].tolist() == [[1, 1], [0, 0]]
    assert figures.delen["enkelvoudig"].tolist() == [[1, 0], [1, 0]]
    assert figures.delen["opeenvolgend"].tolist() == [[1, 0], [0, 0]]
    assert figures.meldingen.tolist() == [2, 1]


def test_signals_of_a_gemeente_that_went_into_another_count_there() -> None:
    figures = count(
        signals(("0457", "Huur", 1), ("0363", "Zorg", 1)), pa.array([], pa.int64()), FEEDBACK.empty_table(), LAST
    )
    assert figures.codes == ("0363",)
    assert figures.meldingen.tolist() == [1]


def test_the_last_feedback_of_each_signal_counts_once() -> None:
    rows = [("0344", "Huur", at) for at in range(4)]
    told = pa.table(
        [pa.array([3, 1]), pa.array([True, True]), pa.array([None, True]), pa.array([False, True])], schema=FEEDBACK
    )
    figures = count(signals(*rows), pa.array([], pa.int64()), told, LAST)
    found = {name: figures.delen[name].tolist() for name in ("opgepakt", "bereikt", "hulp_geaccepteerd")}
    assert found == {"opgepakt": [[2]], "bereikt": [[1]], "hulp_geaccepteerd": [[1]]}


def test_small_counts_are_left_out_and_said_to_be() -> None:
    rows = [("0344", "Huur", at) for at in range(40)] + [("0344", "Zorg", at) for at in range(100, 130)]
    rows += [("0363", "Huur", at) for at in range(200, 260)] + [("0363", "Zorg", at) for at in range(300, 302)]
    table = lines(
        report(
            count(signals(*rows), pa.array([], pa.int64()), FEEDBACK.empty_table(), LAST),
            "2026-10",
            5,
            {"0363": 20_000},
        )
    )
    assert table["0363", "Zorg"]["signalen"] == ""
    assert "signalen" in table["0363", "Zorg"]["afgeschermd"].split()
    assert (table["0363", "Alle"]["signalen"], table["0363", "Alle"]["signalen_per_1000"]) == ("62", "3,1")
    assert (table["0344", "Zorg"]["signalen"], table["", "Alle"]["signalen"]) == ("30", "132")


def test_a_month_without_signals_is_one_line_of_zeros() -> None:
    table = report(
        count(SIGNALS.empty_table(), pa.array([], pa.int64()), FEEDBACK.empty_table(), LAST), "2026-10", 5, {}
    )
    assert [(row["sector"], row["signalen"]) for row in table.to_pylist()] == [("Alle", "0")]
