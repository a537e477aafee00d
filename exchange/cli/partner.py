"""`nachtpost partner check`: how a partner's own export is read, on a sample, before the first real delivery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from exchange.cli import check_file, door

app = typer.Typer(help="Partners en hun eigen bestanden.", no_args_is_help=True)


@app.command("check")
def check(
    id: Annotated[str, typer.Argument(metavar="ID", help="De partner, uit partners/<id>.toml.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Een proefexport, niet versleuteld.")],
    regels: Annotated[int, typer.Option(min=1, max=1000, help="Zoveel regels worden getoond.")] = 3,
    config: door.Config = None,
    json: door.Json = False,
) -> None:
    """Laat zien hoe wij een export lezen, regel voor regel, en wat er nog aan ontbreekt."""
    from exchange.context import utc_now
    from exchange.steps.check_file import check_file as judge
    from exchange.steps.check_file import sample
    from transforms.lines import FileRejected

    door.want_json(json)
    if not file.is_file():
        raise typer.BadParameter(f"{file} is geen bestand")
    nu = utc_now()
    profiel, goes, intake = check_file.configured(config, id, nu)
    found = judge(file, profiel, goes, intake, nu)
    try:
        rows = sample(file, profiel, regels)
    except FileRejected:
        rows = []  # `found` says why
    door.answer({"regels_getoond": rows, **check_file.data(file, found)}, *_shown(rows), *check_file.said(found))
    if not found.klopt:
        raise typer.Exit(door.Exit.REFUSED)


def _shown(rows: list[dict[str, str]]) -> list[Table | str]:
    """A table per line, without what is empty on both sides."""
    by_line: dict[str, list[list[object]]] = {}
    for row in rows:
        if row["waarde"] or row["wordt"]:
            source = row["eigen_kolom"] or "(vaste waarde)"
            made = row["wordt"] or "niet te lezen"
            by_line.setdefault(row["regelnr"], []).append([source, row["waarde"], row["kolom"], made])
    titles = ["uw kolom", "uw waarde", "wordt", "waarde"]
    return [door.table(f"Regel {regelnr}", titles, cells) for regelnr, cells in by_line.items()]
