"""What was set for signals of a sector to a gemeente: arrears window, drempelbedrag, designation, notice of an end.

Judged when each row has its gemeente. What holds where, when, and by which source stands in data
(`exchange.configuration.regels`); falling outside is a warning, unless that data says `weigeren`: that a signal is
"onterecht" is the gemeente's decision (DDAS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import gemeenten
from schemas.retourcodes import detail, no_reasons, reasons
from transforms.dates import working_days_between
from transforms.meldingen import Kinds

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

#: The slots of a sentence for one combination of gemeente and sector, by its place.
Slots = Callable[[int], dict[str, str]]

_ANY = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Venster:
    """Arrears window, in days from the oldest due date to the peildatum, both ends included."""

    van: int
    tot: int | None = None

    def __str__(self) -> str:
        return f"vanaf {self.van} dagen" if self.tot is None else f"{self.van} tot en met {self.tot} dagen"


@dataclass(frozen=True)
class Geldend:
    """What holds for one sector, gemeente and partner on one day; None or 0 where nothing was set. `weigert` names the
    regels that refuse."""

    termijn: Venster | None = None
    drempel_cent: int | None = None
    werkdagen: int | None = None  #: from receipt to an announced end of delivery
    aangewezen: bool = True  #: False: an experimental sector in a gemeente that was not designated for it
    weigert: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Places:
    """Per row which combination of gemeente and sector it is of; what holds for each."""

    names: Sequence[tuple[str, str]]
    geldend: Sequence[Geldend]
    where: npt.NDArray[np.intp]

    def numbers(self, values: Sequence[int]) -> Numbers:
        return np.array(values, np.int64)[self.where]

    def among(self, values: Sequence[bool]) -> Mask:
        return np.array(values, bool)[self.where]


def judge(
    typed: pa.Table,
    gemeentecode: pa.StringArray,
    sector: pa.Array | pa.ChunkedArray,
    of: Callable[[str, str], Geldend],
    ontvangen_op: date,
) -> pa.Table:
    """Reasons (REASONS) of rows outside what was set: W/E-VEN-01, W/E-DRE-01, W-EIN-01, E-EXP-01.

    typed: schemas.signaal.TYPED. gemeentecode, sector: where each row goes and its sector; a row without a gemeente is
    held to what goes for its sector everywhere. of(gemeentecode, sector): asked once per combination.
    """
    if not typed.num_rows:
        return no_reasons()
    plain = (pc.cast(one, pa.string()).fill_null("") for one in (gemeentecode, sector))
    encoded = pc.binary_join_element_wise(*plain, "|").dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    names = [(code, rest) for code, _, rest in (place.partition("|") for place in encoded.dictionary.to_pylist())]
    places = _Places(names, [of(*name) for name in names], np.asarray(encoded.indices))
    kinds = Kinds(typed["soort"])
    return pa.concat_tables(
        [
            *_window(typed, kinds, places),
            *_threshold(typed, kinds, places),
            *_notice(typed, kinds, places, ontvangen_op),
            *_experiment(typed, kinds, places),
        ]
    )


def _window(typed: pa.Table, kinds: Kinds, places: _Places) -> Iterator[pa.Table]:
    """VROEG and ACTUALISATIE only: the others must be followed up outside the window as well (VNG, NVVK)."""
    windows = [one.termijn or Venster(0) for one in places.geldend]
    days, known = _days(typed)
    late = places.numbers([_ANY if one.tot is None else one.tot for one in windows])
    outside = known & ((days < places.numbers([one.van for one in windows])) | (days > late))
    outside &= kinds.among("VROEG", "ACTUALISATIE") & places.among([one.termijn is not None for one in places.geldend])

    def slots(at: int) -> dict[str, str]:
        return {"sector": places.names[at][1], "termijn": str(windows[at])}

    yield from _refused_or_warned(typed, outside, places, "termijn_dagen", "VEN-01", "oudste_vervaldatum", slots)


def _threshold(typed: pa.Table, kinds: Kinds, places: _Places) -> Iterator[pa.Table]:
    """VROEG only: an update may well be lower, and an announced end must always be followed up."""
    least = [one.drempel_cent or 0 for one in places.geldend]
    amount = np.asarray(typed["bedrag_cent"].fill_null(_ANY)).astype(np.int64)
    below = (amount < places.numbers(least)) & kinds.among("VROEG")

    def slots(at: int) -> dict[str, str]:
        code, sector = places.names[at]
        euros = f"{least[at] // 100},{least[at] % 100:02d}"
        return {"naam": gemeenten.name(code) if code else sector, "bedrag": euros}

    yield from _refused_or_warned(typed, below, places, "drempel_euro", "DRE-01", "bedrag_cent", slots)


def _notice(typed: pa.Table, kinds: Kinds, places: _Places, ontvangen_op: date) -> Iterator[pa.Table]:
    """An announced end of delivery, in working days from the day of receipt."""
    ends = kinds.among("EINDELEVERING", "AFSLUITING")
    if not ends.any():
        return
    wanted = [one.werkdagen or 0 for one in places.geldend]
    days = working_days_between(ontvangen_op, typed["gebeurtenis_datum"].combine_chunks())
    short = ends & (np.asarray(days.fill_null(_ANY)).astype(np.int64) < places.numbers(wanted))
    short &= places.numbers(wanted) > 0  # where no notice was set, a date in the past is not too late for it either
    yield _told(typed, short, places, "W-EIN-01", "gebeurtenis_datum", lambda at: {"werkdagen": str(wanted[at])})


def _experiment(typed: pa.Table, kinds: Kinds, places: _Places) -> Iterator[pa.Table]:
    barred = places.among([not one.aangewezen for one in places.geldend]) & ~kinds.among("INTREKKING")

    def slots(at: int) -> dict[str, str]:
        code, sector = places.names[at]
        return {"sector": sector, "naam": gemeenten.name(code) if code else "deze gemeente"}

    yield _told(typed, barred, places, "E-EXP-01", "sector", slots)


def _refused_or_warned(
    typed: pa.Table, outside: Mask, places: _Places, regel: str, code: str, veld: str, slots: Slots
) -> Iterator[pa.Table]:
    refuses = places.among([regel in one.weigert for one in places.geldend])
    yield _told(typed, outside & ~refuses, places, f"W-{code}", veld, slots)
    yield _told(typed, outside & refuses, places, f"E-{code}", veld, slots)


def _told(typed: pa.Table, rows: Mask, places: _Places, code: str, veld: str, slots: Slots) -> pa.Table:
    where = places.where[rows]
    used, which = np.unique(where, return_inverse=True)
    details = pa.array([detail({"veld": veld, **slots(at)}) for at in used.tolist()], pa.string())
    found = reasons(typed["regelnr"].to_numpy()[rows], code, veld)
    return found.set_column(found.column_names.index("detail"), "detail", details.take(pa.array(which)))


def _days(typed: pa.Table) -> tuple[Numbers, Mask]:
    """Days from the oldest due date to the peildatum, and where both are known."""
    both = pc.and_(typed["peildatum"].is_valid(), typed["oudste_vervaldatum"].is_valid())
    until, since = (typed[name].cast(pa.int32()).fill_null(0) for name in ("peildatum", "oudste_vervaldatum"))
    return np.asarray(pc.subtract(until, since)).astype(np.int64), np.asarray(both)
