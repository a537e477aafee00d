"""The name of a delivered file: the partner's own if one is agreed, else that of layout 1. It says whose file it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from transforms.lines import FileRejected

_NUMBERED = re.compile(r"(VS_SIG_[a-z0-9-]+_\d{8}_)(\d{3})\.csv\.(?:pgp|gpg|asc)")


def series(bestand: str) -> tuple[str, int] | None:
    """What numbered files of one day have in common, and the number of this one; None for a name that is not ours."""
    found = _NUMBERED.fullmatch(bestand)
    return (found[1], int(found[2])) if found else None


def missing(bestand: str, earlier: Iterable[str]) -> str | None:
    """The numbers before this file's that no `earlier` file of its day had, such as "002" or "002-004"; None if none.

    Only what lies after the last one before it: what was missing earlier has been said then.
    """
    own = series(bestand)
    if own is None:
        return None
    numbers = [found[1] for found in map(series, earlier) if found and found[0] == own[0] and found[1] < own[1]]
    first = max(numbers, default=0) + 1
    if first >= own[1]:
        return None
    return f"{first:03d}" if first == own[1] - 1 else f"{first:03d}-{own[1] - 1:03d}"


@dataclass(frozen=True)
class Naamvorm:
    """How the files of one party are called: as layout 1 has it for its id and `soort` (SIG from a partner, TK from an
    uitvoerder), or by a `patroon` of its own, a regular expression for the whole name, with an example that fits."""

    partij: str
    patroon: str | None = None
    eigen_voorbeeld: str | None = None
    soort: str = "SIG"

    @property
    def vorm(self) -> str:
        """The form as a party reads it."""
        return self.patroon or f"VS_{self.soort}_{self.partij}_<jjjjmmdd>_<nnn>.csv.pgp"

    @property
    def voorbeeld(self) -> str:
        """A name that fits."""
        own = self.eigen_voorbeeld if self.patroon else None
        return own or f"VS_{self.soort}_{self.partij}_20260105_001.csv.pgp"

    def fits(self, bestand: str) -> bool:
        """Whether this is a name of this form."""
        ours = rf"VS_{self.soort}_{re.escape(self.partij)}_\d{{8}}_\d{{3}}\.csv\.(pgp|gpg|asc)"
        return re.fullmatch(self.patroon or ours, bestand) is not None


def whose(bestand: str, own: Naamvorm, others: Iterable[Naamvorm] = ()) -> str:
    """The one party whose file this is: the account's `own`, or one of the `others` that it may deliver for.

    Raises FileRejected: E-BST-12 for a name of several of them, or of layout 1 with another id, and E-BST-08 for a
    name without an agreed form. Neither tells whether a party with that id, or that form, exists.
    """
    found = [form.partij for form in (own, *others) if form.fits(bestand)]
    if len(found) == 1:
        return found[0]
    if found or (own.soort == "SIG" and series(bestand)):
        raise FileRejected("E-BST-12", {"voorbeeld": own.voorbeeld})
    raise FileRejected("E-BST-08", {"vorm": own.vorm, "voorbeeld": own.voorbeeld})
