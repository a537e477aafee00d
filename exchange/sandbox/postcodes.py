"""A table of addresses like the one CBS publishes, for an exchange without real data.

Every gemeente gets a range of four-digit postcodes of its own; at some borders a postcode lies in two gemeenten, the
higher house numbers in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

#: Letter pairs that postcodes use: no F I O Q U Y, and never SA, SD or SS.
_LETTERS = [
    first + second
    for first in "ABCDEGHJKLMNPRSTVWXZ"
    for second in "ABCDEGHJKLMNPRSTVWXZ"
    if first + second not in ("SA", "SD", "SS")
]

#: One border in so many has a postcode on both sides.
_SHARED = 10

#: House numbers per postcode: at least, and at most.
_HOUSES = (8, 26)


class TooManyPostcodes(ValueError):
    """So many postcodes do not fit between 1000 and 9999; `needed` four-digit ranges were asked for."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


def write_pc6hnr(
    path: Path, gemeentecodes: Sequence[str], postcodes_per_gemeente: int = 40, seed: int = 0, jaar: int = 2025
) -> pa.Table:
    """Write a file in the layout of CBS (codes without leading zeros; `,` up to 2024, then `;`), return its addresses.

    Returns postcode string, huisnummer int32, gemeentecode string: every address once, sorted by gemeente in the order
    of their codes. The same arguments give the same file. Raises TooManyPostcodes.
    """
    rng = np.random.default_rng(seed)
    numbers = np.array(sorted({int(code) for code in gemeentecodes}), np.int64)
    ranges = -(-postcodes_per_gemeente // len(_LETTERS))  # four-digit postcodes per gemeente
    step = 9000 // max(1, len(numbers) * ranges)
    if not step:
        raise TooManyPostcodes(len(numbers) * ranges)
    within = np.tile(np.arange(postcodes_per_gemeente), len(numbers))
    owner = np.repeat(np.arange(len(numbers)), postcodes_per_gemeente)
    digits = 1000 + (owner * ranges + within // len(_LETTERS)) * step
    letters = within % len(_LETTERS)

    houses = rng.integers(_HOUSES[0], _HOUSES[1] + 1, len(owner))
    start = rng.integers(0, 150, len(owner)) * 2 + rng.integers(1, 3, len(owner))
    last = np.cumsum(houses)
    place = np.arange(last[-1] if len(last) else 0) - np.repeat(last - houses, houses)
    huisnummer = np.repeat(start, houses) + 2 * place  # one side of a street
    postcode = np.repeat(np.arange(len(owner)), houses)
    lies_in = owner[postcode]
    border = (within == postcodes_per_gemeente - 1) & (owner % _SHARED == 0) & (owner + 1 < len(numbers))
    lies_in = lies_in + (border[postcode] & (place >= (houses // 2)[postcode]))

    names = np.char.add(digits.astype(str), np.array(_LETTERS)[letters])
    gemeente = numbers[lies_in]
    wijk = gemeente * 100 + (within // 10 % 100)[postcode]
    table = pa.table(
        {
            "PC6": pa.array(names).take(pa.array(postcode)),
            "Huisnummer": pa.array(huisnummer, pa.int32()),
            f"Buurt{jaar}": wijk * 100 + (within % 10)[postcode],
            f"Wijk{jaar}": wijk,
            f"Gemeente{jaar}": gemeente,
        }
    )
    separator = "," if jaar <= 2024 else ";"
    with path.open("wb") as file:
        file.write(separator.join(table.column_names).encode() + b"\n")
        options = pa_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="none")
        pa_csv.write_csv(table, file, options)
    codes = pa.array([f"{number:04d}" for number in numbers.tolist()])
    return pa.table(
        {"postcode": table["PC6"], "huisnummer": table["Huisnummer"], "gemeentecode": codes.take(pa.array(lies_in))}
    )
