"""Working days, target dates and the Amsterdam clock."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from transforms import dates


def days(*values: date | None) -> pa.Array:
    return pa.array(values, pa.date32())


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2026, 6, 8), date(2026, 6, 8), 0),
        (date(2026, 6, 8), date(2026, 6, 9), 1),
        (date(2026, 6, 5), date(2026, 6, 8), 1),  # over a weekend
        (date(2026, 4, 2), date(2026, 4, 7), 1),  # Good Friday, Easter
        (date(2026, 4, 24), date(2026, 4, 28), 1),  # Koningsdag on a Monday
        (date(2026, 12, 31), date(2027, 1, 4), 1),  # into the next year
        (date(2026, 6, 9), date(2026, 6, 8), -1),
    ],
)
def test_working_days_leave_out_weekends_and_holidays(start: date, end: date, expected: int) -> None:
    assert dates.working_days_between(start, days(end)).to_pylist() == [expected]
    assert dates.working_days_between(days(start), days(end)).to_pylist() == [expected]


def test_the_fifth_of_may_is_no_working_day_in_any_year() -> None:
    assert date(2026, 5, 5) in dates.public_holidays(2026)
    assert date(2025, 5, 5) in dates.public_holidays(2025)


def test_an_empty_date_gives_no_count() -> None:
    assert dates.working_days_between(days(None, date(2026, 6, 8)), days(date(2026, 6, 8), None)).to_pylist() == [
        None,
        None,
    ]
    assert dates.working_days_between(date(2026, 6, 8), days()).to_pylist() == []


def test_adding_working_days_skips_holidays_and_starts_on_the_next_one_after_a_weekend() -> None:
    found = dates.add_working_days(days(date(2026, 4, 2), date(2026, 6, 6), None, date(2026, 12, 24)), 3)
    assert found.to_pylist() == [date(2026, 4, 9), date(2026, 6, 10), None, date(2026, 12, 30)]


def test_targets_follow_the_ground() -> None:
    received = days(*[date(2026, 6, 5)] * 5)  # a Friday
    soort = pa.array(["VROEG", "VROEG", "WARME_OVERDRACHT", "WARME_OVERDRACHT", "INTREKKING"])
    found = dates.target_dates(received, soort, pa.array([False, True, False, True, False]))
    assert found.richtdatum_gesprek.to_pylist() == [
        date(2026, 7, 3),
        date(2026, 6, 10),
        date(2026, 6, 8),
        date(2026, 6, 8),
        None,
    ]
    assert found.termijn_basis.to_pylist() == [
        dates.BASIS_VIER_WEKEN,
        dates.BASIS_BEDREIGEND,
        dates.BASIS_WARM,
        dates.BASIS_WARM,
        None,
    ]


@pytest.mark.parametrize(
    ("day", "before"),
    [
        (date(2026, 3, 15), date(2025, 9, 15)),
        (date(2026, 8, 31), date(2026, 2, 28)),
        (date(2026, 6, 30), date(2025, 12, 30)),
    ],
)
def test_six_months_back_is_a_calendar_matter(day: date, before: date) -> None:
    assert dates.six_months_before(day) == before


def test_instants_are_written_with_the_offset_of_the_season() -> None:
    moments = [datetime(2026, 1, 1, 23, 30, tzinfo=UTC), datetime(2026, 7, 1, 22, 30, 5, 900, tzinfo=UTC), None]
    column = pa.chunked_array([pa.array(moments, pa.timestamp("us", "UTC"))])
    assert dates.instant_texts(column).to_pylist() == ["2026-01-02T00:30:00+01:00", "2026-07-02T00:30:05+02:00", None]
    assert dates.local_dates(column).to_pylist() == [date(2026, 1, 2), date(2026, 7, 2), None]
