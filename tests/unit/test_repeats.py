"""A signaal_id that comes back: the same content is a repeat, other content an error, a refused id is free again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.repeats import Accepted, judge


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def known(**pairs: int) -> Accepted:
    ids = ints(*(int(key[1:]) for key in pairs))
    return Accepted().plus(ids, ints(*pairs.values()), ids * 100, ids)


def test_an_accepted_id_with_the_same_content_is_dubbel_and_with_other_content_a_conflict():
    verdict = judge(ints(5, 6, 7), ints(1, 2, 3), np.ones(3, bool), known(h5=1, h6=9))
    assert verdict.dubbel.tolist() == [True, False, False]
    assert verdict.conflict.tolist() == [False, True, False]
    assert verdict.fresh.tolist() == [False, False, True]


def test_the_id_of_a_refused_row_is_free_for_the_next_row():
    verdict = judge(ints(5, 5), ints(1, 2), np.array([False, True]), Accepted())
    assert verdict.fresh.tolist() == [False, True]
    assert not verdict.conflict.any()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), max_size=40))
def test_it_equals_reading_the_rows_one_by_one(rows):
    ids, contents, candidate = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    verdict = judge(ints(*ids), ints(*contents), np.array(candidate, bool), known(h0=1))
    seen = {0: 1}
    for at, (key, content, counts) in enumerate(rows):
        expected = (
            None if not counts else "fresh" if key not in seen else "dubbel" if seen[key] == content else "conflict"
        )
        got = [name for name in ("fresh", "dubbel", "conflict") if getattr(verdict, name)[at]]
        assert got == ([expected] if expected else [])
        if expected == "fresh":
            seen[key] = content
