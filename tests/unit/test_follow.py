"""What a signaal follows: found in the register or above it in the file, unknown, or itself."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from transforms.follow import Followed, follow, moved, place
from transforms.repeats import Accepted

DAY = date(2026, 11, 23)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def known(signaal_hash: int, nr: int, gemeentecode: str = "0363", sector: str = "Huur") -> Accepted:
    at = place(pa.array([gemeentecode]), pa.array([sector]))
    return Accepted().plus(ints(signaal_hash), ints(0), ints(nr), at)


def one(
    soort: str = "ACTUALISATIE",
    vorig: int | None = 7,
    *,
    accepted: Accepted | None = None,
    own: Accepted | None = None,
    overgangsdatum: date | None = None,
    **cells: str,
) -> Followed:
    row = {"signaal_id": "b", "vorig_signaal_id": "a", "gemeentecode": "", "postcode": "1234AB", **cells}
    table = pa.table({"regelnr": [9], "soort": [soort], **{name: [value] for name, value in row.items()}})
    hashed = pa.array([vorig], pa.int64())
    return follow(table, hashed, accepted or Accepted(), own or Accepted(), ints(100), DAY, overgangsdatum)


def codes(followed: Followed) -> list[str]:
    return followed.redenen["code"].to_pylist()


def test_an_accepted_signal_is_followed_to_its_number_and_its_gemeente():
    found = one(accepted=known(7, 42, "0080", "Zorg"))
    assert found.vorig_nr.to_pylist() == [42]
    assert found.gemeentecode.to_pylist() == ["0080"]
    assert found.sector.to_pylist() == ["Zorg"]
    assert codes(found) == []


def test_a_row_above_in_the_same_block_counts_and_a_row_below_does_not():
    assert one(own=known(7, 99)).vorig_nr.to_pylist() == [99]
    assert one(own=known(7, 101)).vorig_nr.to_pylist() == [None]


def test_without_vorig_signaal_id_nothing_is_followed_and_nothing_said():
    found = one(vorig=None, vorig_signaal_id="")
    assert found.vorig_nr.to_pylist() == [None]
    assert codes(found) == []


@pytest.mark.parametrize(
    ("soort", "overgangsdatum", "cells", "code"),
    [
        ("ACTUALISATIE", None, {}, "W-SIG-03"),
        ("ACTUALISATIE", date(2026, 11, 24), {}, "W-SIG-03"),
        ("ACTUALISATIE", date(2026, 11, 23), {}, "E-SIG-04"),
        ("EINDELEVERING", date(2026, 1, 1), {}, "W-SIG-03"),
        ("AFSLUITING", date(2026, 1, 1), {}, "W-SIG-03"),
        ("INTREKKING", None, {"postcode": ""}, "E-INT-01"),
        ("INTREKKING", None, {"postcode": "", "gemeentecode": "0363"}, "W-SIG-03"),
    ],
)
def test_an_unknown_earlier_signal(soort, overgangsdatum, cells, code):
    assert codes(one(soort, overgangsdatum=overgangsdatum, **cells)) == [code]


@pytest.mark.parametrize(
    ("soort", "here", "there", "expected"),
    [
        ("ACTUALISATIE", "0363", "0363", []),
        ("ACTUALISATIE", "0363", "0344", ["W-SIG-07"]),
        ("ACTUALISATIE", "0363", "0457", []),  # Weesp became Amsterdam
        ("INTREKKING", "0363", "0344", []),
        ("ACTUALISATIE", "", "0344", []),  # refused for its address already
    ],
)
def test_an_update_that_leaves_its_gemeente_is_warned_about(soort, here, there, expected):
    followed = one(soort, accepted=known(7, 42, there))
    table = pa.table({"regelnr": [9], "soort": [soort]})
    assert moved(table, followed, pa.array([here]), DAY)["code"].to_pylist() == expected
