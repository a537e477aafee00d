"""No burgerservicenummer gets in: art. 2 Bgs does not list it, the college adds it on its own side (Wgs art. 8c).

In a text where no number of nine digits belongs, one that passes the 11-proof refuses the row. In a column of numbers
1 in 11 passes by chance, so those are judged per file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas import waarden
from schemas.retourcodes import no_reasons, reasons

#: Text in which a burgerservicenummer may be hidden. A telephone number holds nine digits by nature.
TEKSTVELDEN = ("label", "voorletters", "voorvoegsel", "achternaam", "straat", "woonplaats", "email")


@dataclass
class KlantnummerDrift:
    """Judges the klantnummers of one file, block by block (design: at least 20 of nine digits, more than half pass)."""

    negencijferig: int = 0
    slaagt: int = 0

    def add(self, klantnummers: pa.Array | pa.ChunkedArray) -> None:
        """Count one block (string, null allowed)."""
        for values in klantnummers.chunks if isinstance(klantnummers, pa.ChunkedArray) else [klantnummers]:
            self.negencijferig += int(np.count_nonzero(waarden.nine_digits(values)))
            self.slaagt += int(np.count_nonzero(waarden.is_bsn(values)))

    @property
    def suspicious(self) -> bool:
        """Whether the column holds burgerservicenummers by all appearances (E-PRV-03)."""
        return self.negencijferig >= 20 and self.slaagt * 2 > self.negencijferig


def find_bsn(
    text: Mapping[str, pa.Array],
    malformed: Mapping[str, npt.NDArray[np.intp]],
    regelnr: npt.NDArray[np.int64],
) -> pa.Table:
    """E-PRV-01 for every cell that seems to hold a burgerservicenummer.

    text: columns as delivered (string or dictionary of strings). malformed: row positions whose text has
    not the form of its column: there no number belongs, in whatever column. Returns REASONS.
    """
    found = []
    for veld, values in text.items():
        if veld in TEKSTVELDEN:
            places = np.flatnonzero(waarden.holds_bsn(values))
        else:
            suspects = malformed.get(veld, np.empty(0, np.intp))
            places = suspects[waarden.holds_bsn(values.take(pa.array(suspects)))] if len(suspects) else suspects
        if len(places):
            found.append(reasons(regelnr[places], "E-PRV-01", veld, {"veld": veld}))
    return pa.concat_tables(found) if found else no_reasons()
