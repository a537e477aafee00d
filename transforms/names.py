"""The name of a delivered file: the partner's own if one is agreed, else that of layout 1."""

from __future__ import annotations

import re
from collections.abc import Iterable

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


def check_name(
    bestand: str, partij: str, patroon: str | None = None, voorbeeld: str | None = None, *, soort: str = "SIG"
) -> None:
    """Raise FileRejected (E-BST-08) for a name without the agreed form.

    patroon: a regular expression for the whole name, with a `voorbeeld` that fits it; without them layout 1 holds for
    `partij` (its id) and `soort` (SIG from a partner, TK from an uitvoerder).
    """
    if patroon is None:
        start = f"VS_{soort}_{partij}"
        patroon = rf"{re.escape(start)}_\d{{8}}_\d{{3}}\.csv\.(pgp|gpg|asc)"
        vorm, voorbeeld = f"{start}_<jjjjmmdd>_<nnn>.csv.pgp", f"{start}_20260105_001.csv.pgp"
    else:
        vorm = patroon
    if not re.fullmatch(patroon, bestand):
        raise FileRejected("E-BST-08", {"vorm": vorm, "voorbeeld": voorbeeld or ""})
