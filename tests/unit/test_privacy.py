"""A burgerservicenummer never gets in: not in a text, and not as a column of numbers."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.waarden import holds_bsn, is_bsn
from transforms.privacy import KlantnummerDrift, find_bsn

NONE = np.empty(0, np.intp)


def passes(number: str) -> bool:
    """The 11-proof as BRP describes it."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return int(number) > 0 and sum(w * int(d) for w, d in zip(weights, number, strict=True)) % 11 == 0


@given(st.lists(st.integers(0, 999_999_999).map(lambda number: f"{number:09d}"), min_size=1))
def test_the_eleven_proof(numbers: list[str]) -> None:
    assert is_bsn(pa.array(numbers)).tolist() == [passes(number) for number in numbers]


@pytest.mark.parametrize("text", ["12345678", "1234567820", "abcdefghi", "", "12345678x", None])
def test_what_is_not_nine_digits_is_no_bsn(text: str | None) -> None:
    assert is_bsn(pa.array([text], pa.string())).tolist() == [False]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Jansen 123456782", True),
        ("123456782", True),
        ("bsn:1234.56.782/Jansen", True),
        ("1234 56 782", True),
        ("123-456-782", True),
        ("123456789 en 123456782", True),
        ("Jansen 123456789", False),
        ("0612345678", False),
        ("1123456782", False),
        ("Laan van 1940", False),
        ("Jansen", False),
        (None, False),
    ],
)
def test_a_bsn_is_found_inside_a_text(text: str | None, hidden: bool) -> None:
    values = pa.array([None, text, "x"], pa.string())
    assert holds_bsn(values).tolist() == [False, hidden, False]
    assert holds_bsn(values.dictionary_encode()).tolist() == [False, hidden, False]
    assert holds_bsn(values.slice(1)).tolist() == [hidden, False]


def test_rows_are_named_by_line_and_column_only() -> None:
    text = {"achternaam": pa.array(["Jansen", "123456782"]), "klantnummer": pa.array(["123456782", "1"])}
    found = find_bsn(text, {}, np.array([7, 8]))
    assert found.to_pylist() == [
        {"regelnr": 8, "code": "E-PRV-01", "veld": "achternaam", "detail": '{"veld": "achternaam"}'}
    ]


def drift(bsn: int, other: int, rest: int = 0) -> KlantnummerDrift:
    judge = KlantnummerDrift()
    values = ["123456782"] * bsn + ["123456789"] * other + ["K1"] * rest + [None]
    judge.add(pa.array(values[:10], pa.string()))
    judge.add(pa.chunked_array([pa.array(values[10:], pa.string())]))
    return judge


def test_a_column_of_klantnummers_is_judged_as_a_whole() -> None:
    assert drift(20, 0, 100).suspicious
    assert drift(11, 9).suspicious
    assert not drift(10, 10).suspicious  # half is not more than half
    assert not drift(19, 0, 1000).suspicious  # too few to tell
    assert not drift(2, 20).suspicious  # 1 in 11 passes by chance
