"""What the demo shows at the end: per partner, per uitvoerder, the balance, and where to look."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

#: States of an outgoing file that stands, or stood, at its receiver.
DELIVERED = {"GEPUBLICEERD", "OPGEHAALD", "VERWIJDERD"}


def problems(status: Mapping[str, Any], expected: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why this night is not as it should be (Dutch sentences); empty when it balances and every file was answered."""
    found = []
    if not status["balans"]["klopt"]:
        found.append("De balans klopt niet.")
    if status["balans"]["wachtend"]:
        found.append(f"Er wachten nog {status['balans']['wachtend']} regels.")
    if not status["balans"]["doorgezet"]:
        found.append("Er is niets doorgezet.")
    stuck = [one["bestand"] for one in status["batches"] if one["staat"] not in DELIVERED]
    if stuck:
        found.append(f"Niet gepubliceerd: {len(stuck)} batches.")
    answered = {(one["partner"], one["bestand"]): one for one in status["aanleveringen"]}
    for one in expected:
        got = answered.get((one["partner"], one["bestand"]))
        if got is None:
            found.append(f"{one['bestand']} is niet opgehaald.")
        elif ((got["code"] or ""), got["regels"]) != (one["code"], one["regels"]):
            found.append(f"{one['bestand']}: verwacht {one['code'] or 'geen code'}, {one['regels']} regels.")
    return found


def tables(status: Mapping[str, Any]) -> Group:
    """Per partner, per uitvoerder, and the balance."""
    return Group(
        _partners(status["aanleveringen"]), "", _uitvoerders(status["batches"]), "", _balance(status["balans"])
    )


def places(folder: Path) -> Text:
    """Where the files lie and how to look inside."""
    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    sandbox = folder / "zandbak"
    return Text(
        f"Wat een partij ziet   {sandbox}/sftp/<partij>/\n"
        f"Inloggen als partij   sftp -F {sandbox}/parties/huur-01/ssh_config exchange\n"
        f"Sleutels van partijen {sandbox}/parties/<partij>/\n"
        f"Zelf vragen           .venv/bin/nachtpost status --config {sandbox}/config\n"
        f"Logboeken             {folder}/airflow/logs/"
    )


def _partners(files: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(
        "Partners", "partner", "bestanden", "regels", "aanvaard", "afgekeurd", "doorgezet", "op hele bestanden"
    )
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    refused: dict[str, list[str]] = defaultdict(list)
    for file in files:
        totals[file["partner"]].update({name: file[name] for name in ("regels", "aanvaard", "afgekeurd", "doorgezet")})
        totals[file["partner"]]["bestanden"] += 1
        if file["code"]:
            refused[file["partner"]].append(file["code"])
    for partner, count in sorted(totals.items()):
        numbers = (count[name] for name in ("bestanden", "regels", "aanvaard", "afgekeurd", "doorgezet"))
        table.add_row(partner, *map(_number, numbers), " ".join(refused[partner]))
    table.columns[-1].justify = "left"
    return table


def _uitvoerders(batches: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("Uitvoerders", "uitvoerder", "batches", "gemeenten", "regels", "staat")
    count: dict[str, Counter[str]] = defaultdict(Counter)
    served: dict[str, set[str]] = defaultdict(set)
    for batch in batches:
        mine = count[batch["uitvoerder"]]
        mine["batches"] += 1
        mine["regels"] += batch["regels"]
        mine["klaar"] += batch["staat"] in DELIVERED
        served[batch["uitvoerder"]].add(batch["gemeentecode"])
    for uitvoerder, one in sorted(count.items()):
        left = one["batches"] - one["klaar"]
        state = f"{left} wachten" if left else "alles gepubliceerd"
        numbers = (one["batches"], len(served[uitvoerder]), one["regels"])
        table.add_row(uitvoerder, *map(_number, numbers), state)
    table.columns[-1].justify = "left"
    return table


def _balance(balance: Mapping[str, Any]) -> Table:
    table = _table(f"Balans: {'klopt' if balance['klopt'] else 'KLOPT NIET'}", "", "regels")
    table.add_row("ontvangen", _number(balance["regels"]))
    for name in (name for name in balance if name not in ("klopt", "regels")):
        table.add_row(name.replace("_", " "), _number(balance[name]))
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _number(value: int) -> str:
    return f"{value:,}".replace(",", ".")
