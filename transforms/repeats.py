"""Repeats: a signaal_id that was accepted before, in the register or higher up in the same file.

Same content is a repeat (W-SIG-02, staat DUBBEL), other content an error (E-SIG-01), or an update where the partner
delivers its whole list every time (`aanlevering = "stand"`). Only *accepted* signals count: the
signaal_id of a refused row is free again (layout 1). Everything works on keyed hashes, never on the values themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass
class Accepted:
    """What is known to be accepted: per signaal_hash its content hash, signaal nr and place.

    Four int64 arrays sorted by `signaal_hash` and nr: 32 bytes per signal, for the signals of one file and their like.
    `plek` packs gemeente and sector (see `follow`): an INTREKKING goes where the signal went that it withdraws.
    """

    signaal_hash: Hashes = field(default_factory=lambda: np.empty(0, np.int64))
    inhoud_hash: Hashes = field(default_factory=lambda: np.empty(0, np.int64))
    nr: Hashes = field(default_factory=lambda: np.empty(0, np.int64))
    plek: Hashes = field(default_factory=lambda: np.empty(0, np.int64))

    def find(self, wanted: Hashes) -> tuple[Mask, npt.NDArray[np.intp]]:
        """Where the last of each of `wanted` stands: (found, position), which means something only where found."""
        if not len(self.signaal_hash):
            return np.zeros(len(wanted), bool), np.zeros(len(wanted), np.intp)
        place = (np.searchsorted(self.signaal_hash, wanted, side="right") - 1).clip(min=0)
        return self.signaal_hash[place] == wanted, place

    def plus(self, signaal_hash: Hashes, inhoud_hash: Hashes, nr: Hashes, plek: Hashes) -> Accepted:
        """This and more, sorted again."""
        merged, numbers = np.concatenate((self.signaal_hash, signaal_hash)), np.concatenate((self.nr, nr))
        order = np.lexsort((numbers, merged))
        return Accepted(
            merged[order],
            np.concatenate((self.inhoud_hash, inhoud_hash))[order],
            numbers[order],
            np.concatenate((self.plek, plek))[order],
        )


@dataclass(frozen=True)
class Repeats:
    """The verdict per row of a block: at most one of the first three holds for a candidate."""

    fresh: Mask
    dubbel: Mask
    conflict: Mask
    update: Mask  #: of the fresh: those that follow the accepted one with their own signaal_id


def judge(
    signaal_hash: Hashes, inhoud_hash: Hashes, candidate: Mask, accepted: Accepted, may_update: Mask | None = None
) -> Repeats:
    """Divide the candidates (rows without an error of their own) into fresh, dubbel and conflict, in file order.

    may_update: rows whose other content makes them an update of the accepted one, not a conflict.

    >>> one = np.array([7, 7, 7, 8]); content = np.array([1, 1, 2, 3]); every = np.ones(4, bool)
    >>> verdict = judge(one, content, every, Accepted())
    >>> verdict.fresh.tolist(), verdict.dubbel.tolist(), verdict.conflict.tolist()
    ([True, False, False, True], [False, True, False, False], [False, False, True, False])
    """
    before, place = accepted.find(signaal_hash)
    reference = np.where(before, accepted.inhoud_hash[place] if len(accepted.inhoud_hash) else 0, 0)
    update = np.zeros(len(candidate), bool)
    if may_update is not None:
        update = may_update & before & (reference != inhoud_hash)
    rows = np.flatnonzero(candidate & (~before | update))
    _, first, group = np.unique(signaal_hash[rows], return_index=True, return_inverse=True)
    fresh = np.zeros(len(candidate), bool)
    fresh[rows[first]] = True
    reference[rows] = inhoud_hash[rows][first][group]
    again = candidate & ~fresh
    same = reference == inhoud_hash
    return Repeats(fresh=fresh, dubbel=again & same, conflict=again & ~same, update=fresh & update)
