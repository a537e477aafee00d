"""The files that a sandbox drops: good ones, with a few wrong rows, and ones that are wrong as a whole."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TypedDict

import pyarrow as pa

from exchange import pgp
from exchange.faults import PgpFault
from exchange.sandbox.rows import People, signals, spoil
from schemas.signaal import VOORWAARDEN
from transforms.csvbytes import to_csv

#: Of the rows of a file, one in so many is wrong on purpose.
WRONG_ROWS = 50


class Slip(TypedDict, total=False):
    """What goes wrong when a file is made, as `drop_file` takes it."""

    sign: bool
    encrypt: bool
    stranger: bool
    cut: bool


def good(
    addresses: pa.Table,
    count: int,
    partner: str,
    sector: str,
    people: People,
    seed: int,
    day: date,
    declares: bool,
    wrong: bool,
) -> tuple[pa.Table, int]:
    """A partner's rows and how many of them are wrong on purpose."""
    rows = signals(addresses, count, partner=partner, sector=sector, people=people, seed=seed, day=day)
    places: list[int] = list(range(3, count, WRONG_ROWS)) if wrong else []
    rows, expected = spoil(rows, places, conditions=not declares)
    return (rows.drop_columns(list(VOORWAARDEN)) if declares else rows), len(expected)


def drop_all(
    folder: Path, partner: str, day: date, rows: tuple[pa.Table, int], turn: int | None
) -> Iterator[tuple[str, int, int, str]]:
    """Drop the good file and, with a `turn`, this partner's share of wrong files: (name, rows, wrong rows, code)."""
    table, refused = rows
    content = to_csv(table)
    name = file_name(partner, day, 1)
    drop_file(folder, partner, name, content)
    yield name, table.num_rows, refused, ""
    if turn is None:
        return
    few = to_csv(table.slice(0, 3))
    nihil = file_name(partner, day, 2)
    drop_file(folder, partner, nihil, to_csv(table.slice(0, 0)))
    yield nihil, 0, 0, ""
    wrong = _wrong(few, turn)
    for number, (code, data, how) in enumerate(wrong, 3):
        bad = file_name(partner, day, number)
        drop_file(folder, partner, bad, data, **how)
        yield bad, 0, 0, code
    again = file_name(partner, day, 9)
    inbox = folder / "sftp" / partner / "in"
    (inbox / again).write_bytes((inbox / name).read_bytes())
    yield again, 0, 0, "W-BST-03"
    (inbox / f"{file_name(partner, day, 10)}.part").write_bytes(b"half")


def _wrong(content: bytes, turn: int) -> list[tuple[str, bytes, Slip]]:
    """Two wrong files for this partner, so that together they are wrong in every way."""
    lines = content.split(b"\r\n")
    every: list[tuple[str, bytes, Slip]] = [
        ("E-PGP-01", content, {"encrypt": False}),
        ("E-PGP-03", content, {"sign": False}),
        ("E-PGP-05", content, {"cut": True}),
        ("E-BST-01", content.replace(b"achternaam", b"familienaam", 1), {}),
        ("E-BST-02", lines[0] + b"\r\n" + lines[1].replace(b";", b";\xe9\xff;", 1) + b"\r\n", {}),
        ("E-BST-05", b"", {}),
        ("E-BST-07", content.replace(b"voorvoegsel", b"achternaam", 1), {}),
        ("E-PRV-02", content.replace(b"voorvoegsel", b"bsn", 1), {}),
        ("E-PGP-03", content, {"stranger": True}),
        ("E-BST-09", b"\r\n".join(lines[1:]), {}),
    ]
    return [every[turn * 2 % len(every)], every[(turn * 2 + 1) % len(every)]]


def file_name(partner: str, day: date, number: int) -> str:
    """The agreed name of a partner's file."""
    return f"VS_SIG_{partner}_{day:%Y%m%d}_{number:03d}.csv.pgp"


def drop_file(
    folder: Path,
    partner: str,
    name: str,
    content: bytes,
    *,
    sign: bool = True,
    encrypt: bool = True,
    stranger: bool = False,
    cut: bool = False,
    to: str = "in",
) -> Path:
    """Put a file in the `in/` of a party (also an uitvoerder), as its own gpg would make it."""
    target = folder / "sftp" / partner / to / name
    if encrypt:
        content = _message(folder / "parties" / partner, content, sign=sign, stranger=stranger)
    if cut:
        content = content[: len(content) * 2 // 3]
    half = target.with_suffix(".part")
    half.write_bytes(content)
    half.rename(target)
    return target


def open_file(folder: Path, party: str, path: Path) -> bytes:
    """A file of ours as the party reads it, with its own gpg."""
    own = folder / "parties" / party
    with _gpg((own / "secret.asc").read_bytes(), own) as gpg:
        return _run([*gpg, "--decrypt", str(path)], b"")


def _message(own: Path, content: bytes, *, sign: bool, stranger: bool) -> bytes:
    secret = pgp.generate("Onbekend <onbekend@example.nl>")[0] if stranger else (own / "secret.asc").read_bytes()
    with _gpg(secret, own) as gpg:
        ours = _run([*gpg, "--with-colons", "--show-keys", str(own / "exchange.asc")], b"").decode()
        fingerprint = next(line.split(":")[9] for line in ours.splitlines() if line.startswith("fpr:"))
        return _run([*gpg, *(["--sign"] if sign else []), "--encrypt", "--recipient", fingerprint], content)


@contextmanager
def _gpg(secret: bytes, own: Path) -> Iterator[list[str]]:
    """A party's gpg, with its secret key and ours to encrypt to."""
    with tempfile.TemporaryDirectory(prefix="np") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--trust-model", "always"]
        _run([*gpg, "--import"], secret)
        _run([*gpg, "--import"], (own / "exchange.asc").read_bytes())
        yield gpg
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)


def _run(command: list[str], content: bytes) -> bytes:
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    if done.returncode:
        raise PgpFault(command[-1], f"exit {done.returncode}")
    return done.stdout
