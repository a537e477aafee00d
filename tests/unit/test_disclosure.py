"""Nobody can work out a figure that is too small, with everything that is named beside it."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.disclosure import Counts, Named, part, whole

DREMPEL = 3
MOST = 5


def tables(gemeenten: int, sectoren: int) -> st.SearchStrategy[Counts]:
    cells = st.integers(0, MOST)
    return st.lists(cells, min_size=gemeenten * sectoren, max_size=gemeenten * sectoren).map(
        lambda values: np.array(values, np.int64).reshape(gemeenten, sectoren)
    )


def every(shape: tuple[int, int]) -> Counts:
    """All tables of this shape with cells up to MOST + 1, one per row: the worlds that a reader can think of."""
    size = shape[0] * shape[1]
    return np.array(list(itertools.product(range(MOST + 2), repeat=size)), np.int64).reshape(-1, *shape)


WORLDS = {shape: every(shape) for shape in ((2, 2), (3, 2), (2, 3), (3, 1))}
SHAPES = st.sampled_from(sorted(WORLDS))


def fits(worlds: Counts, counts: Counts, named: Named) -> np.ndarray:
    """Which worlds agree with all that is named of `counts`."""
    agrees = np.ones(len(worlds), bool)
    agrees &= (worlds == counts)[:, named.sectoren].all((1, 2))
    agrees &= (worlds.sum(2) == counts.sum(1))[:, named.totaal].all(1)
    if named.land:
        agrees &= worlds.sum((1, 2)) == counts.sum()
    if named.land_sectoren:
        agrees &= (worlds.sum(1) == counts.sum(0)).all(1)
    return agrees


def small(counts: Counts) -> np.ndarray:
    return (counts > 0) & (counts < DREMPEL)


@settings(max_examples=200, deadline=None)
@given(SHAPES.flatmap(lambda shape: tables(*shape)))
def test_no_small_count_can_be_worked_out(counts: Counts) -> None:
    named = whole(counts, DREMPEL)
    assert not small(counts[named.sectoren]).any()
    assert not small(counts.sum(1)[named.totaal]).any()
    worlds = WORLDS[counts.shape]  # type: ignore[index]
    possible = worlds[fits(worlds, counts, named)]
    for row, column in np.argwhere(small(counts)):
        assert len(np.unique(possible[:, row, column])) > 1, (counts, named)
    for row in np.flatnonzero(small(counts.sum(1))):
        assert len(np.unique(possible.sum(2)[:, row])) > 1, (counts, named)


@settings(max_examples=200, deadline=None)
@given(SHAPES.flatmap(lambda shape: st.tuples(tables(*shape), tables(*shape))))
def test_no_small_part_can_be_worked_out_and_neither_what_is_left_of_the_whole(two: tuple[Counts, Counts]) -> None:
    counts, rest = two
    of = counts + rest
    base = whole(of, DREMPEL)
    named = part(counts, of, base, DREMPEL)
    assert not (named.sectoren & ~base.sectoren).any()
    worlds = WORLDS[counts.shape]  # type: ignore[index]
    possible = worlds[fits(worlds, counts, named)]
    at_most = np.where(base.sectoren[:, None], of, 99)
    possible = possible[(possible <= at_most).all((1, 2))]
    possible = possible[(possible.sum(2) <= np.where(base.totaal, of.sum(1), 99)).all(1)]
    known = base.sectoren[:, None]  # what is left of a whole that is not named says nothing
    for row, column in np.argwhere(small(counts) | (small(rest) & known)):
        assert len(np.unique(possible[:, row, column])) > 1, (counts, of, named)


def test_what_is_large_enough_is_named() -> None:
    counts = np.array([[30, 0, 12], [7, 8, 9]])
    named = whole(counts, 5)
    assert named.sectoren.all() and named.totaal.all() and named.land and named.land_sectoren


def test_one_small_count_costs_its_gemeente_the_sectors_and_keeps_the_totals() -> None:
    counts = np.array([[30, 2], [40, 3], [50, 60]])
    named = whole(counts, 5)
    assert named.sectoren.tolist() == [False, False, True]
    assert named.totaal.all() and named.land and named.land_sectoren


def test_a_small_total_takes_the_next_smallest_with_it_for_the_sum_must_not_give_it_away() -> None:
    counts = np.array([[1, 1], [40, 30], [50, 60]])
    named = whole(counts, 5)
    assert named.totaal.tolist() == [False, False, True]
    assert named.land
