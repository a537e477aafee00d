"""The name of a delivered file: the partner's own if one is agreed, else that of layout 1."""

from __future__ import annotations

import re

from transforms.lines import FileRejected


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
