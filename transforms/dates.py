"""Dates and times as people here count them: Dutch working days, Amsterdam instants, the target dates of a signal.

Dates are Amsterdam dates (`date32`), instants UTC timestamps. Working days are Monday to Friday without the holidays of
art. 3 of the Algemene termijnenwet (5 May every year, Good Friday counts along).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import holidays as holiday_calendar
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

AMSTERDAM = ZoneInfo("Europe/Amsterdam")

Days = npt.NDArray[np.datetime64]
Column: TypeAlias = pa.Array | pa.ChunkedArray

#: Wgs art. 4: first conversation within 4 weeks of the signal. Days.
WEEKS_4 = 28
#: Wgs art. 4: within 3 working days in a threatening situation.
THREATENING = 3
#: Drinkwater pilot: contact within 3 days of a warme overdracht.
WARM = 3

BASIS_VIER_WEKEN = "4 weken na ontvangst (streefdatum, Wgs art. 4)"
BASIS_BEDREIGEND = "3 werkdagen na ontvangst wegens bedreigende situatie (streefdatum, Wgs art. 4)"
BASIS_WARM = "3 dagen na ontvangst van een warme overdracht (streefdatum)"


@lru_cache(maxsize=64)
def public_holidays(year: int) -> tuple[date, ...]:
    """The days of `year` in the Netherlands that are no working days though not (only) a Saturday or Sunday."""
    return tuple(sorted(holiday_calendar.country_holidays("NL", years=year, categories=("public", "optional"))))


def working_days_between(start: Column | date, end: Column | date) -> pa.Int64Array:
    """Working days from `start` (not counted) up to and including `end`; negative when `end` lies first; null if empty.

    start, end: date32 columns of one length, or a date for all rows.

    >>> working_days_between(date(2026, 4, 2), pa.array([date(2026, 4, 7)])).to_pylist()  # Easter in between
    [1]
    """
    first, last = np.broadcast_arrays(_days(start), _days(end))
    known = ~(np.isnat(first) | np.isnat(last))
    counted = np.zeros(len(first), np.int64)
    one = np.timedelta64(1, "D")
    begin, finish = first[known] + one, last[known] + one
    counted[known] = np.busday_count(begin, finish, holidays=_holidays(begin, finish))
    return pa.array(counted, mask=~known)


def add_working_days(start: Column | date, count: int) -> pa.Date32Array:
    """The date `count` working days after `start` (not counted itself); null stays null.

    >>> add_working_days(pa.array([date(2026, 4, 2)]), 3).to_pylist()  # Good Friday and Easter Monday in between
    [datetime.date(2026, 4, 9)]
    """
    days = _days(start)
    known = ~np.isnat(days)
    found = np.full(len(days), np.datetime64("NaT", "D"))
    # Two weeks of holidays' room: `count` working days never stretch over more calendar days than this.
    until = days[known] + np.timedelta64(2 * count + 14, "D")
    off = _holidays(days[known], until)
    on = np.busday_offset(days[known], 0, roll="backward", holidays=off)
    found[known] = np.busday_offset(on, count, holidays=off)
    return _date_array(found)


class Targets(NamedTuple):
    """Per signal the richtdatum_gesprek (date32) and the termijn_basis that it is counted from (string)."""

    richtdatum_gesprek: pa.Date32Array
    termijn_basis: pa.StringArray


def target_dates(ontvangen: Column, soort: Column, bedreigend: pa.BooleanArray) -> Targets:
    """The target dates of signals; null for an INTREKKING, which asks for no conversation.

    ontvangen: date32, Amsterdam date of receipt. A target, not a legal date: the law counts the three working days from
    the moment that the inwoner accepts (NVVK 1-11-2023), which nobody knows yet; counting from receipt is never late.
    Three days after a warme overdracht never lie later than three working days, so that ground goes first.
    """
    days = _days(ontvangen)
    warm, threatening = np.asarray(pc.equal(soort, "WARME_OVERDRACHT")), np.asarray(bedreigend) & ~np.isnat(days)
    found = days + np.where(warm, WARM, WEEKS_4).astype("timedelta64[D]")
    hurried = threatening & ~warm
    found[hurried] = _days(add_working_days(_date_array(days[hurried]), THREATENING))
    basis = np.where(warm, 2, np.where(hurried, 1, 0)).astype(np.int8)
    texts = pa.array([BASIS_VIER_WEKEN, BASIS_BEDREIGEND, BASIS_WARM]).take(pa.array(basis))
    asks = pc.not_equal(soort, "INTREKKING")
    return Targets(pc.if_else(asks, _date_array(found), None), pc.if_else(asks, texts, None))


def six_months_before(day: date) -> date:
    """How far back opeenvolgend looks (Divosa)."""
    return months_later(day, -6)


def months_later(day: date, months: int) -> date:
    """The same day so many months later (or earlier), or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def local_dates(instants: Column) -> pa.Date32Array:
    """Amsterdam dates of UTC instants."""
    return _once_each(instants, lambda moment: moment.astimezone(AMSTERDAM).date(), pa.date32())


def instant_text(moment: datetime) -> str:
    """ISO 8601 with the Amsterdam offset, in seconds; `moment` must be aware.

    >>> instant_text(datetime(2026, 7, 1, 2, 30, tzinfo=UTC))
    '2026-07-01T04:30:00+02:00'
    """
    return moment.astimezone(AMSTERDAM).isoformat(timespec="seconds")


def instant_texts(instants: Column) -> pa.StringArray:
    """`instant_text` of a timestamp[UTC] column; null stays null."""
    return _once_each(instants, instant_text, pa.string())


def _once_each(instants: Column, change: Callable[[datetime], object], kind: pa.DataType) -> pa.Array:
    """`change` applied to each distinct instant: rows share the few moments at which their files came in."""
    column = instants.combine_chunks() if isinstance(instants, pa.ChunkedArray) else instants
    encoded = column.dictionary_encode()
    moments = [None if moment is None else moment.astimezone(UTC) for moment in encoded.dictionary.to_pylist()]
    return pa.array([None if moment is None else change(moment) for moment in moments], kind).take(encoded.indices)


def _holidays(start: Days, end: Days) -> list[date]:
    """The holidays of every year between the first and the last day of two columns."""
    if not len(start):
        return []
    first, last = min(start.min(), end.min()).astype(date), max(start.max(), end.max()).astype(date)
    return [day for year in range(first.year, last.year + 1) for day in public_holidays(year)]


def _days(column: Column | date) -> Days:
    """datetime64[D], NaT for null; a single date has shape (1,)."""
    if isinstance(column, date):
        return np.array([column], "datetime64[D]")
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    days = array.cast(pa.int32()).cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
    return np.asarray(days).view("datetime64[D]").copy()


def _date_array(days: Days) -> pa.Date32Array:
    missing = np.isnat(days)
    numbers = np.where(missing, np.datetime64(0, "D"), days).astype("datetime64[D]").astype(np.int32)
    return pa.array(numbers, pa.int32(), mask=missing).cast(pa.date32())
