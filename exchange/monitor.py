"""A month in anonymous figures (convenant art. 5.6), from the register: counted here, named as `disclosure` allows."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import ConfigurationFault, Problem
from exchange.register import signalen, snapshot, terugkoppelingen
from exchange.register.tables import signaal, uitzondering
from schemas import monitor as mon1
from transforms import monitor
from transforms.csvbytes import to_csv
from transforms.dates import six_months_before

#: An update or withdrawal is no new signal, and a warme overdracht no vroegsignaal.
COUNTED = ("VROEG", "EINDELEVERING", "AFSLUITING")
INWONERS = "inwoners.csv"
_MELDING = pa.schema([("melding", pa.int64())])


def month(exchange: Exchange, first: date) -> pa.Table:
    """MON1 of the calendar month that begins on `first`. Raises ConfigurationFault for a wrong inwoners.csv."""
    last = first.replace(day=monthrange(first.year, first.month)[1])
    with snapshot(exchange.register) as db:
        blocks = signalen.stream(db, _received(first, last, *monitor.SIGNALS.names), monitor.SIGNALS)
        signals = pa.concat_tables([monitor.SIGNALS.empty_table(), *blocks])
        addresses = pc.unique(signals["melding"])
        before = _received(six_months_before(first), first, "melding").where(signaal.c.ontvangen_op < first)
        known = [
            pc.unique(block.filter(pc.is_in(block["melding"], value_set=addresses))["melding"])
            for block in signalen.stream(db, before, _MELDING)
        ]
        feedback = _feedback(db, signals)
    earlier = pa.concat_arrays([pa.array([], pa.int64()), *known])
    figures = monitor.count(signals, earlier, feedback, last)
    return monitor.report(figures, f"{first:%Y-%m}", exchange.config.monitor.drempel, _inwoners(exchange))


def write(table: pa.Table, folder: Path) -> list[Path]:
    """The month as CSV and as a chart (PNG, SVG) in `folder`; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    maand = table["maand"][0].as_py()
    path = folder / f"monitor-{maand}.csv"
    path.write_bytes(to_csv(table))
    return [path, *_chart(table, maand, folder)]


def _received(first: date, last: date, *columns: str) -> sa.Select[Any]:
    return sa.select(*(signaal.c[name] for name in columns)).where(
        signaal.c.ontvangen_op >= first,
        signaal.c.ontvangen_op <= last,
        signaal.c.soort.in_(COUNTED),
        signaal.c.melding.is_not(None),
        signaal.c.nr.not_in(sa.select(uitzondering.c.signaal_nr)),
    )


def _feedback(db: sa.Connection, signals: pa.Table) -> pa.Table:
    """The last feedback of each signal that has any (`transforms.monitor.FEEDBACK`)."""
    told = terugkoppelingen.newest(db, signals["nr"].to_pylist())
    picked_up = pc.or_(
        pc.equal(told["status"], "Opgepakt"), pc.fill_null(pc.not_equal(told["eindresultaat"], ""), False)
    )
    columns = [told["signaal_nr"], picked_up, told["bereikt"], told["hulp_geaccepteerd"]]
    return pa.table(columns, names=monitor.FEEDBACK.names).cast(monitor.FEEDBACK)


def _inwoners(exchange: Exchange) -> Mapping[str, int]:
    """Inhabitants per gemeentecode, from the configuration folder if it has them (`gemeentecode;inwoners`)."""
    path = exchange.config.path(INWONERS)
    if not path.is_file():
        return {}
    kinds = {"gemeentecode": pa.string(), "inwoners": pa.int64()}
    options = pacsv.ConvertOptions(column_types=kinds, include_columns=list(kinds))
    try:
        table = pacsv.read_csv(path, parse_options=pacsv.ParseOptions(delimiter=";"), convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        mend = "De eerste regel hoort te zijn: gemeentecode;inwoners. Daaronder per gemeente een heel getal."
        raise ConfigurationFault([Problem(INWONERS, "", "dit bestand kunnen wij niet lezen", mend)]) from error
    return dict(zip(table["gemeentecode"].to_pylist(), table["inwoners"].to_pylist(), strict=True))


def _chart(table: pa.Table, maand: str, folder: Path) -> list[Path]:
    """Signals per sector, and from signal to help, over all gemeenten; a protected figure has no bar."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "nachtpost"  # the same figures give the same file
    country = [row for row in table.to_pylist() if row["gemeentecode"] == mon1.LAND]
    whole, sectors = country[0], country[1:]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    names, bottom = [row["sector"] for row in sectors], [0] * len(sectors)
    for part, colour in (("enkelvoudig", "#1b6ca8"), ("meervoudig", "#f2a541")):  # told apart by the colour-blind too
        heights = [int(row[part] or 0) for row in sectors]
        left.bar(names, heights, bottom=bottom, color=colour, label=part)
        bottom = [low + high for low, high in zip(bottom, heights, strict=True)]
    left.set_title("Signalen per sector (Divosa: per adres en kalendermaand)", fontsize=10)
    left.set_ylabel("signalen")
    left.legend()
    steps = ("signalen", "opgepakt", "bereikt", "hulp_geaccepteerd")
    bars = right.bar(
        [step.replace("_", " ") for step in steps], [int(whole[step] or 0) for step in steps], color="#1b6ca8"
    )
    right.bar_label(bars, [whole[step] or "afgeschermd" for step in steps])
    right.set_title("Van signaal tot hulp, alle gemeenten", fontsize=10)
    figure.suptitle(f"Vroegsignalering {maand}")
    paths = [folder / f"monitor-{maand}.{ending}" for ending in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=144, metadata={"Date": None} if path.suffix == ".svg" else {"Software": None})
    plt.close(figure)
    return paths
