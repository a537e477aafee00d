"""From a month's signals to MON1: anonymous figures per gemeente and sector (convenant art. 5.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import gemeenten
from schemas import monitor as mon1
from transforms.disclosure import Counts, part, whole

#: A month's signals: what counts of each.
SIGNALS = pa.schema(
    [("nr", pa.int64()), ("gemeentecode", pa.string()), ("sector", pa.string()), ("melding", pa.int64())]
)
#: What uitvoerders told of them: the last feedback of each signal that has any.
FEEDBACK = pa.schema(
    [("nr", pa.int64()), ("opgepakt", pa.bool_()), ("bereikt", pa.bool_()), ("hulp_geaccepteerd", pa.bool_())]
)


@dataclass(frozen=True)
class Figures:
    """Counts per gemeente (rows, by `codes`) and sector (columns, by `sectoren`); `meldingen` per gemeente."""

    codes: tuple[str, ...]
    sectoren: tuple[str, ...]
    signalen: Counts
    delen: Mapping[str, Counts]
    meldingen: Counts


def count(signals: pa.Table, earlier: pa.Array, feedback: pa.Table, last_day: date) -> Figures:
    """Count `signals` (SIGNALS) of one calendar month; `last_day` is its last day, for what gemeenten have become.

    An address is known by its melding, which a new hash key does not change. earlier: meldingen with a signal in the
    six months before the month. feedback: see FEEDBACK.
    """
    places = gemeenten.become(signals["gemeentecode"], last_day)
    codes, sectoren = (sorted(pc.unique(column).to_pylist()) for column in (places, signals["sector"]))
    row, column = (
        pc.index_in(values, value_set=pa.array(names, pa.string())).to_numpy(zero_copy_only=False)
        for values, names in ((places, codes), (signals["sector"].combine_chunks(), sectoren))
    )
    addresses = signals["melding"].combine_chunks()
    known = addresses.dictionary_encode()
    homes, home = np.unique(row * len(known.dictionary) + known.indices.to_numpy(), return_inverse=True)
    several = np.bincount(home)[home] >= 2
    told = signals.join(feedback, "nr").sort_by("nr") if feedback.num_rows else None
    order = np.argsort(signals["nr"].to_numpy())

    def counted(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Counts:
        table = np.zeros((len(codes), len(sectoren)), np.int64)
        np.add.at(table, (row[mask], column[mask]), 1)
        return table

    def fed_back(name: str) -> Counts:
        mask = np.zeros(signals.num_rows, bool)
        if told is not None:
            mask[order] = told[name].fill_null(False).to_numpy()
        return counted(mask)

    return Figures(
        tuple(codes),
        tuple(sectoren),
        counted(np.ones(signals.num_rows, bool)),
        {
            "enkelvoudig": counted(~several),
            "meervoudig": counted(several),
            "opeenvolgend": counted(pc.is_in(addresses, value_set=earlier).to_numpy(zero_copy_only=False)),
            **{name: fed_back(name) for name in ("opgepakt", "bereikt", "hulp_geaccepteerd")},
        },
        np.bincount(homes // max(1, len(known.dictionary)), minlength=len(codes)),
    )


def report(figures: Figures, maand: str, drempel: int, inwoners: Mapping[str, int]) -> pa.Table:
    """MON1 of `figures`; counts below `drempel` (at least 2) are protected. inwoners: per gemeentecode, where known."""
    base = whole(figures.signalen, drempel)
    few = (figures.meldingen > 0) & (figures.meldingen < drempel)
    named = {
        name: part(counts, figures.signalen, base, drempel, few if name == "enkelvoudig" else None)
        for name, counts in figures.delen.items()
    }
    # what is left of one is the other, and meldingen shows how many addresses had more than one signal
    named["meervoudig"] = named["meldingen"] = named["enkelvoudig"]
    named["signalen"] = base
    tables = {"signalen": figures.signalen, **figures.delen}
    everybody = sum(inwoners.get(code, 0) for code in figures.codes) if set(figures.codes) <= inwoners.keys() else 0
    totals = {name: table.sum(1) for name, table in tables.items()} | {"meldingen": figures.meldingen}
    country = {name: int(values.sum()) if named[name].land else None for name, values in totals.items()}
    lines = [_line(mon1.LAND, mon1.ALLE, country, everybody)]
    for at, sector in enumerate(figures.sectoren):
        sums = {name: int(table[:, at].sum()) if named[name].land_sectoren else None for name, table in tables.items()}
        lines.append(_line(mon1.LAND, sector, sums, everybody))
    for row, code in enumerate(figures.codes):
        whole_row = {name: int(values[row]) if named[name].totaal[row] else None for name, values in totals.items()}
        lines.append(_line(code, mon1.ALLE, whole_row, inwoners.get(code, 0)))
        for at, sector in enumerate(figures.sectoren):
            cells = {name: int(table[row, at]) if named[name].sectoren[row] else None for name, table in tables.items()}
            lines.append(_line(code, sector, cells, inwoners.get(code, 0)))
    fixed = {"layout": mon1.LAYOUT, "maand": maand, "meldingen": ""}
    return pa.table({name: pa.array([(fixed | line)[name] for line in lines], pa.string()) for name in mon1.COLUMNS})


def _line(code: str, sector: str, figures: Mapping[str, int | None], inwoners: int) -> dict[str, str]:
    """One line; a figure that is None is protected."""
    signalen = figures["signalen"]
    per_1000 = f"{signalen * 1000 / inwoners:.1f}".replace(".", ",") if signalen is not None and inwoners else ""
    return {
        "gemeentecode": code,
        "gemeente": gemeenten.name(code) if code else "alle gemeenten",
        "sector": sector,
        **{name: "" if value is None else str(value) for name, value in figures.items()},
        "signalen_per_1000": per_1000,
        "afgeschermd": " ".join(name for name, value in figures.items() if value is None),
    }
