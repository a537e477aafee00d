"""The name of a delivered file: the partner's own if one is agreed, else that of layout 1."""

from __future__ import annotations

import re

from transforms.lines import FileRejected


def check_name(bestand: str, partner: str, patroon: str | None = None, voorbeeld: str | None = None) -> None:
    """Raise FileRejected (E-BST-08) for a name without the agreed form.

    patroon: a regular expression for the whole name, with a `voorbeeld` that fits it; without them layout 1 holds for
    `partner` (its id).
    """
    if patroon is None:
        patroon = rf"VS_SIG_{re.escape(partner)}_\d{{8}}_\d{{3}}\.csv\.(pgp|gpg|asc)"
        vorm, voorbeeld = f"VS_SIG_{partner}_<jjjjmmdd>_<nnn>.csv.pgp", f"VS_SIG_{partner}_20260105_001.csv.pgp"
    else:
        vorm = patroon
    if not re.fullmatch(patroon, bestand):
        raise FileRejected("E-BST-08", {"vorm": vorm, "voorbeeld": voorbeeld or ""})
