"""`nachtpost monitor` on a night's register: a csv, a chart, and nothing about anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli import app
from exchange.status import status
from tests.integration.test_night import DAY, clock, exchange, night, root, template

__all__ = ["clock", "exchange", "template"]  # fixtures


@pytest.fixture
def register_url(tmp_path: Path) -> str:
    """What is shown here does not depend on the register."""
    return f"sqlite:///{tmp_path}/register.sqlite"


def test_a_month_is_written_as_csv_and_chart(exchange, clock, tmp_path):
    night(exchange, clock)
    (exchange.config.folder / "inwoners.csv").write_text("gemeentecode;inwoners\n0014;235000\n")
    arguments = ["monitor", "--month", f"{DAY:%Y-%m}", "--output", str(tmp_path / "uit")]
    done = CliRunner().invoke(app, [*arguments, "--config", str(exchange.config.folder), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    country = next(row for row in said["cijfers"] if (row["gemeentecode"], row["sector"]) == ("", "Alle"))
    warm = sum(row["regels"] for row in status(exchange)["batches"]) - int(country["signalen"])
    assert 0 <= warm <= 3  # warme overdrachten are no vroegsignalen
    assert [Path(path).suffix for path in said["bestanden"]] == [".csv", ".png", ".svg"]
    text = (tmp_path / "uit" / f"monitor-{DAY:%Y-%m}.csv").read_bytes()
    assert text.count(b"\r\n") == len(said["cijfers"]) + 1
    again = [path.read_bytes() for path in sorted((tmp_path / "uit").iterdir())]
    CliRunner().invoke(app, [*arguments, "--config", str(exchange.config.folder)])
    assert [path.read_bytes() for path in sorted((tmp_path / "uit").iterdir())] == again


def test_a_list_of_inhabitants_that_cannot_be_read_is_named(exchange):
    (exchange.config.folder / "inwoners.csv").write_text("code,aantal\n0014,x\n")
    done = CliRunner().invoke(app, ["monitor", "--month", "2026-11", "--config", str(exchange.config.folder)])
    assert done.exit_code == 2
    assert "inwoners.csv" in done.output and "gemeentecode;inwoners" in done.output
    assert root(exchange).exists()
