"""Plays the uitvoerders of a sandbox: fills in the template of the last night and drops it as terugkoppeling."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from exchange.faults import SandboxFault
from exchange.sandbox import files
from schemas.terugkoppeling import KOLOMMEN

#: What an uitvoerder may tell of a signaal, and how often (of 20); the rest is left empty in the template.
_ANSWERS: tuple[tuple[int, Mapping[str, str]], ...] = (
    (6, {"status": "Opgepakt", "bereikt": "N", "aantal_contactpogingen": "1"}),
    (4, {"status": "Opgepakt", "bereikt": "J", "aantal_contactpogingen": "2", "hulp_geaccepteerd": "J"}),
    (2, {"status": "Opgepakt", "bereikt": "J", "eindresultaat": "Vervolghulp en/of verwijzing"}),
    (2, {"status": "Niet opgepakt: andere reden"}),
    (1, {"status": "Niet opgepakt: herhaalde melding"}),
    (1, {"status": "Inwoner al bekend bij schuldhulpverlening"}),
    (1, {"status": "Persoon is geen inwoner (meer) in de gemeente"}),
    (1, {"status": "Nog niet opgepakt"}),
    (2, {}),
)


def fill_in(folder: Path, uitvoerder: str, day: date, seed: int) -> tuple[str, int]:
    """Fill in the newest template of `uitvoerder` and drop it: the file's name and its rows.

    Raises SandboxFault when there is no template. The same seed gives the same answers.
    """
    given = sorted((folder / "sftp" / uitvoerder / "uit").glob(f"VS_TK_SJABLOON_{uitvoerder}_*.csv.pgp"))
    if not given:
        raise SandboxFault(f"{uitvoerder} heeft nog geen sjabloon; draai eerst een nacht")
    text = files.open_file(folder, uitvoerder, given[-1]).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    chance = random.Random(seed)  # noqa: S311  nothing here is secret
    weights = [often for often, _ in _ANSWERS]
    for row in rows:
        row.update(chance.choices([told for _, told in _ANSWERS], weights)[0])
        row["status_datum"] = str(day) if row["status"] else ""
        row["eindresultaat_datum"] = str(day) if row["eindresultaat"] else ""
        row["hulp_geaccepteerd_op"] = str(day) if row["hulp_geaccepteerd"] else ""
    return drop(folder, uitvoerder, day, rows).name, len(rows)


def drop(folder: Path, uitvoerder: str, day: date, rows: Sequence[Mapping[str, str]]) -> Path:
    """Drop rows of TK1 under the next free number of the day, as the uitvoerder's own gpg would make the file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(KOLOMMEN), delimiter=";", restval="")
    writer.writeheader()
    writer.writerows(rows)
    start = f"VS_TK_{uitvoerder}_{day:%Y%m%d}_"
    taken = sum(1 for _ in (folder / "sftp" / uitvoerder / "in").rglob(f"*{start}*"))
    return files.drop_file(folder, uitvoerder, f"{start}{taken + 1:03d}.csv.pgp", text.getvalue().encode())
