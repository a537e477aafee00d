"""Which figures may be named, so that nobody can work out one that is too small (AVG art. 4 (1) and consideration 26).

A count is *small* when it is not zero and below the threshold; so is what is left of the whole that it is a part of. A
gemeente with a small count in one sector gets no figures per sector at all, only its total; where the total is small,
or would give a small count away, that is left out as well. Totals over gemeenten hold every gemeente, so that what is
left out stands in them as one sum: there are then at least two gemeenten in it, and the sum is not small either.
Totals per sector hold every gemeente too; they are named when for each small count that is left out another country can
be thought of, with the same totals everywhere and another count there: one more here, one less in the next sector, and
the other way round in another gemeente.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Named:
    """Which counts of one figure may be named: `sectoren` and `totaal` per gemeente, and for all gemeenten together
    `land` and `land_sectoren`."""

    sectoren: Mask
    totaal: Mask
    land: bool
    land_sectoren: bool


def whole(counts: Counts, drempel: int) -> Named:
    """What may be named of counts (gemeente x sector) that are no part of another figure. drempel: at least 2."""
    most = np.full(counts.shape, np.iinfo(np.int64).max)
    small, small_total = _small(counts, drempel), _small(counts.sum(1), drempel)
    everywhere = np.ones(len(counts), bool)
    unknown = Named(everywhere, everywhere, land=True, land_sectoren=True)
    return _named(counts, most, small, small_total, ~everywhere, drempel, None, unknown)


def part(counts: Counts, of: Counts, base: Named, drempel: int, besides: Mask | None = None) -> Named:
    """What may be named of counts (gemeente x sector) that are a part of the counts `of`, named as `base` says.

    besides: gemeenten of which the total must be left out for another reason as well.
    """
    small = _small(counts, drempel) | _small(of - counts, drempel)
    total, of_total = counts.sum(1), of.sum(1)
    small_total = _small(total, drempel) | _small(of_total - total, drempel)
    if besides is not None:
        small_total |= besides
    return _named(counts, of, small, small_total, base.sectoren, drempel, of, base)


def _small(counts: Counts, drempel: int) -> Mask:
    return np.asarray((counts > 0) & (counts < drempel))


def _named(
    counts: Counts,
    most: Counts,
    small: Mask,
    small_total: Mask,
    most_known: Mask,
    drempel: int,
    of: Counts | None,
    base: Named,
) -> Named:
    """most: what a cell can be at most; most_known: the rows in which others know that too. base: what is named of the
    figure that this one is a part of; more than that is never named."""
    total = counts.sum(1)
    of_total = total if of is None else of.sum(1)
    limit = np.where(most_known[:, None], most, total[:, None])
    highest = np.minimum(limit, total[:, None])
    lowest = np.maximum(0, total[:, None] - (limit.sum(1)[:, None] - limit))
    fixed = (small & (highest <= lowest)).any(1)  # the total would give the cell away
    total_hidden = _together(total, small_total | fixed | ~base.totaal, drempel, of_total)
    hidden = small.any(1) | total_hidden | ~base.sectoren
    country = counts.sum(0)
    small_country = _small(country, drempel)
    if of is not None:
        small_country |= _small(of.sum(0) - country, drempel)
    return Named(
        ~hidden,
        ~total_hidden,
        land=base.land and not (_small(total.sum(), drempel) or _small(of_total.sum() - total.sum(), drempel)),
        land_sectoren=base.land_sectoren and not small_country.any() and _open(counts, most, small, hidden),
    )


def _together(total: Counts, hidden: Mask, drempel: int, of_total: Counts) -> Mask:
    """More gemeenten whose total is left out, the smallest first, until their sum gives none of them away."""
    hidden = hidden.copy()
    if not hidden.any():
        return hidden
    for at in np.argsort(of_total, kind="stable"):
        several = np.count_nonzero(hidden & (of_total > 0)) >= 2
        left, rest = total[hidden].sum(), (of_total - total)[hidden].sum()
        if several and left >= 2 * drempel and (rest == 0 or rest >= 2 * drempel):
            break
        hidden[at] = True
    return hidden


def _open(counts: Counts, most: Counts, small: Mask, hidden: Mask) -> bool:
    """Whether for each small cell one can be moved to the next sector and back in another gemeente that is left out."""
    more, less = (counts < most) & hidden[:, None], (counts > 0) & hidden[:, None]
    for row, column in np.argwhere(small & hidden[:, None]):
        others = np.arange(len(counts)) != row
        for here, there in ((more, less), (less, more)):
            back = (there[:, column] & others)[:, None] & here
            if here[row, column] and (there[row] & back.any(0) & (np.arange(counts.shape[1]) != column)).any():
                break
        else:
            return False
    return True
