"""A night with a broken party of each kind: the others' night goes on, and what waits goes out once it is mended."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exchange import register
from exchange.cli import app
from exchange.context import Exchange, local_date, open_exchange
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report
from tests.integration.test_night import Clock, opened, root
from tests.unit.test_stopped import V6

BROKEN = {"zorg-04", "huur-05", "energie-06", "water-07", "zorg-08", "huur-09", "energie-10", "water-11"}
SHUT = {f"uitvoerder-{number:02d}" for number in (4, 5, 6, 7)}
WELL, OPEN = {"huur-01", "energie-02", "water-03"}, {"uitvoerder-01", "uitvoerder-02", "uitvoerder-03"}


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    made = create(tmp_path / "s", partners=11, uitvoerders=7, signalen=110, seed=5, wrong=False, profielen=False)
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    monkeypatch.setenv("NACHTPOST_CONFIG", str(made.config))
    register.upgrade(f"sqlite:///{made.folder}/var/register.sqlite")
    with serving(made.folder):
        yield made


def break_all(config: Path) -> None:
    """One kind for each of BROKEN and SHUT."""

    def text(file: str) -> str:
        return (config / file).read_text()

    def key(id: str) -> str:
        return text(f"{'uitvoerders' if id in SHUT else 'partners'}/{id}.toml").partition('kken = ["')[2][:40]

    def account(id: str) -> str:
        return text(f"uitvoerders/{id}.toml").partition("[sftp]")[2].partition("[pgp]")[0]

    changed = {
        "partners/zorg-04.toml": text("partners/zorg-04.toml") + "[[",
        "keys/energie-06.asc": V6[1],
        "partners/water-07.toml": text("partners/water-07.toml").replace("AAAA", "BBBB", 1),
        "overeenkomsten.csv": text("overeenkomsten.csv") + "zorg-08;0000;2021-01-01;;;N;\n",
        "regels.csv": text("regels.csv") + "drempel_euro;;0363;huur-09;2021-01-01;;5;;zomaar\n",
        "partners/water-11.toml": text("partners/water-11.toml").replace(key("water-11"), key("energie-10")),
        "uitvoerders/uitvoerder-04.toml": text("uitvoerders/uitvoerder-04.toml").replace("naam =", "naam", 1),
        "keys/uitvoerder-05.asc": text("keys/uitvoerder-01.asc"),
        "uitvoerders/uitvoerder-07.toml": text("uitvoerders/uitvoerder-07.toml").replace(
            account("uitvoerder-07"), account("uitvoerder-06")
        ),
    }
    (config / "keys" / "huur-05.asc").unlink()
    for file, content in changed.items():
        (config / file).write_text(content)


def run(*arguments: str, code: int) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def signals(exchange: Exchange) -> Counter[str]:
    """How often each signal stands in a batch at an uitvoerder."""
    folder = root(exchange) / "sftp"
    found = [(path.parents[2].name, path) for path in folder.glob("*/uit/*/VS_BATCH_*")]
    return Counter(row["signaal_ref"] for party, path in found for row in opened(exchange, party, path))


def test_the_others_night_goes_on_and_what_waits_goes_out_once_it_is_mended(sandbox, tmp_path):
    shutil.copytree(sandbox.config, tmp_path / "whole")
    break_all(sandbox.config)

    told = run("config", "check", code=2)
    assert set(told["stilgezet"]) == BROKEN | SHUT
    assert {id for one in told["problemen"] for id in one["partijen"]} == BROKEN | SHUT
    assert (told["partners"], told["uitvoerders"]) == (len(WELL), len(OPEN))

    taken, night = run("intake", code=1), run("uitlevering", code=1)
    for said in (taken, night):
        assert {one.partition(" (")[0] for one in said["stilgezet"]} == BROKEN | SHUT
    assert (taken["opgehaald"], taken["afgekeurd"], taken["uitgesteld"], taken["onbereikbaar"]) == (3, 0, [], [])
    assert (night["klopt"], night["zonder_uitvoerder"], night["zonder_sleutel"]) == (True, [], [])
    assert (night["uitgesteld"], night["niet_gebouwd"]) == ([], [])
    stands = run("status", code=0)
    assert {one["partij"] for one in stands["stilgezet"]} == BROKEN | SHUT
    rows = {one["partner"]: (one["regels"], one["afgekeurd"]) for one in stands["aanleveringen"]}
    assert rows == dict.fromkeys(WELL, (10, 0))  # also what is for an uitvoerder that is stopped
    assert {one["uitvoerder"] for one in stands["batches"]} == OPEN
    assert stands["balans"]["doorgezet"] > 0 and stands["balans"]["wachtend"] > 0
    assert all(list((sandbox.folder / "sftp" / id / "in").glob("*.pgp")) for id in BROKEN)
    for id in BROKEN | SHUT:
        assert not [path for path in (sandbox.folder / "sftp" / id).glob("**/VS_*") if path.parent.name != "in"]

    shutil.rmtree(sandbox.config)
    shutil.copytree(tmp_path / "whole", sandbox.config)
    clock = Clock()
    clock.now = datetime.now(UTC) + timedelta(days=1)
    with open_exchange(sandbox.config) as mended:
        day = local_date(clock())
        assert pickup.pickup(mended, clock).opgehaald == len(BROKEN)
        check.check(mended, sorted(mended.config.partners), clock)
        bundle.bundle(mended, day, clock)
        build.build(mended, day, build.shards(mended, day, 1)[0], clock)
        publish.publish(mended, clock)
        report.report(mended, day, clock)
        assert mended.config.problemen == ()
        balance = status(mended)["balans"]
        assert (balance["regels"], balance["doorgezet"], balance["wachtend"]) == (110, 110, 0)
        assert set(signals(mended).values()) == {1} and signals(mended).total() == 110
