"""The layouts that we read and write are the published ones, column by column."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from schemas import batch, manifest, signaal, terugmelding
from schemas.aansluitlijst import Aansluitlijst

PUBLISHED = Path(__file__).parents[3] / "shared" / "layouts.md"
published = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published layouts are not beside this repository")


def section(heading: str) -> str:
    """The text under a heading that names a layout, up to the next heading."""
    text = PUBLISHED.read_text()
    return re.split(r"^## ", text.partition(heading)[2], maxsplit=1, flags=re.MULTILINE)[0]


def columns(heading: str) -> list[str]:
    """The first cells of the table under a heading, in order; a cell may name several columns."""
    rows = [line.split("|")[1] for line in section(heading).splitlines() if line.startswith("|")]
    return [name for cell in rows[2:] for name in re.findall(r"[a-z][a-z0-9_]+", cell.replace("**or**", ","))]


@published
def test_sig1_is_as_published():
    assert list(signaal.KOLOMMEN) == columns("(SIG1)")


@published
def test_bat1_is_as_published():
    assert list(batch.COLUMNS) == columns("(BAT1)")


@published
def test_man1_is_as_published():
    line = PUBLISHED.read_text().partition("**Manifest (MAN1)**: ")[2].partition(". ")[0]
    assert list(manifest.COLUMNS) == [re.sub(r" \(.*\)", "", name) for name in line.split(" · ")]


@published
def test_tm1_is_as_published():
    assert list(terugmelding.COLUMNS) == columns("(TM1)")


@pytest.mark.parametrize("model", [batch.Batch, manifest.Manifest, terugmelding.Terugmelding, Aansluitlijst])
def test_every_column_that_we_make_says_what_it_means_and_gives_a_value_that_passes(model):
    columns = model.to_schema().columns
    for column in columns.values():
        assert column.description
        assert column.metadata["vorm"]
        assert column.metadata["voorbeeld"] or column.metadata["leeg"]
    row = {
        name: pd.array([column.metadata["voorbeeld"]], pd.ArrowDtype(pa.string())) for name, column in columns.items()
    }
    model.validate(pd.DataFrame(row))


def test_every_column_that_we_read_gives_a_value_that_passes():
    for kolom in signaal.KOLOMMEN.values():
        judge = signaal.in_lijst(kolom.codelijst) if kolom.codelijst else signaal.vorm(kolom)
        assert judge(pa.array([kolom.voorbeeld])).to_pylist() == [True], kolom.naam
