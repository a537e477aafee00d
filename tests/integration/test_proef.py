"""The dry-run drop `in/proef/`: answered like the real thing, marked PROEF, counted nowhere, and gone after a day."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from exchange import register
from exchange.context import Exchange, open_exchange
from exchange.register import ledger
from exchange.register.tables import aanlevering, afgekeurde_regel, logboek, partij, signaal
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import bundle, check, pickup, proef, publish
from schemas.terugmelding import PROEFZIN
from tests.integration.test_night import DAY, Clock, as_csv, opened, opened_as_exchange, root

HUUR = "huur-01"
#: What may differ between the CONTROLE of a proef and of the same bytes delivered.
OWN = ("terugmelding_nr", "tijdstip", "proef", "logboek_kop")
DAY_LATER = timedelta(hours=24)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = create(
        tmp_path_factory.mktemp("t") / "s", partners=1, uitvoerders=1, signalen=12, day=DAY, seed=7, wrong=False
    )
    register.upgrade(f"sqlite:///{made.folder}/var/register.sqlite")
    return made


@pytest.fixture
def exchange(template: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    """A fresh copy of the sandbox, served, in which one file waits in `in/`."""
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    folder = tmp_path / "s"
    shutil.copytree(template.folder, folder)
    with serving(folder), open_exchange(folder / "config") as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rows(exchange: Exchange) -> list[dict[str, str]]:
    """Signals from the file that waits, which is taken back; the last one gets a wrong postcode."""
    [dropped] = (sftp(exchange) / "in").glob("*.pgp")
    found = opened_as_exchange(exchange, dropped)[:5]
    dropped.unlink()
    return [*found[:4], found[4] | {"postcode": "?"}]


def sftp(exchange: Exchange) -> Path:
    return root(exchange) / "sftp" / HUUR


def drop(exchange: Exchange, number: int, content: bytes, **how: bool) -> Path:
    name = files.file_name(HUUR, DAY, number)
    return files.drop_file(root(exchange), HUUR, name, content, to="in/proef", **how)


def intake(exchange: Exchange, clock: Clock) -> None:
    pickup.pickup(exchange, clock)
    for group in check.groups(exchange, 2):
        check.check(exchange, group, clock)
    publish.publish(exchange, clock)


def answers(exchange: Exchange, folder: str, soort: str) -> list[list[dict[str, str]]]:
    """The lines of each answer of this kind, in the order in which they were made."""
    found = sorted((sftp(exchange) / folder).glob(f"*_{soort}_*"), key=lambda path: path.name.rpartition("_")[2])
    return [opened(exchange, HUUR, path) for path in found]


def left(exchange: Exchange) -> dict[str, int]:
    """How many files there still are at the partner and in the archive."""
    folders = {"in/proef/opgehaald": sftp(exchange), "terugmelding/proef": sftp(exchange)}
    found = {name: len(list((where / name).glob("*"))) for name, where in folders.items()}
    return found | {"archief": len(exchange.archive.list("proef")) + len(exchange.archive.list("verzonden"))}


def counted(exchange: Exchange, table: sa.Table) -> int:
    with exchange.register.connect() as db:
        return db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_proef_gets_the_answers_that_the_file_would_get_and_none_of_it_counts(exchange, clock):
    dropped = drop(exchange, 1, as_csv(rows(exchange)))
    encrypted = dropped.read_bytes()
    intake(exchange, clock)

    names = sorted(path.name for path in (sftp(exchange) / "terugmelding" / "proef").iterdir())
    stem = f"{dropped.name.removesuffix('.csv.pgp')}_PROEF"
    assert names == [
        f"{stem}_CONTROLE_000002.csv.pgp",
        f"{stem}_CORRECTIE_000002.csv.pgp",
        f"{stem}_ONTVANGST_000001.csv.pgp",
    ]
    assert not list((sftp(exchange) / "terugmelding").glob("VS_*"))
    [tried] = answers(exchange, "terugmelding/proef", "CONTROLE")
    [receipt] = answers(exchange, "terugmelding/proef", "ONTVANGST")
    assert {line["proef"] for line in [*tried, *receipt]} == {"J"}
    assert tried[-1]["tekst"] == PROEFZIN

    now = status(exchange)
    assert now["aanleveringen"] == []
    [shown] = now["proeven"]
    assert (shown["partner"], shown["bestand"], shown["staat"]) == (HUUR, dropped.name, "GECONTROLEERD")
    assert (shown["regels"], shown["aanvaard"], shown["afgekeurd"]) == (5, 4, 1)
    assert now["balans"]["klopt"]
    assert set(now["balans"].values()) == {True, 0}
    assert [counted(exchange, table) for table in (signaal, partij, afgekeurde_regel)] == [0, 0, 0]
    assert bundle.bundle(exchange, DAY, clock).regels == 0

    (sftp(exchange) / "in" / dropped.name).write_bytes(encrypted)  # and now the very same bytes for real
    intake(exchange, clock)
    [real] = answers(exchange, "terugmelding", "CONTROLE")
    assert [line["staat"] for line in real[:-1]] == ["AANVAARD"] * 4 + ["AFGEKEURD"]
    assert {line["proef"] for line in real} == {"N"}
    assert {line["terugmelding_nr"] for line in real} == {"2"}, "a proef leaves no gap in the real numbers"
    for mine, theirs in zip(tried[:-1], real[:-1], strict=True):
        assert {name: mine[name] for name in mine if name not in OWN} == {
            name: theirs[name] for name in theirs if name not in OWN
        }
    assert status(exchange)["balans"]["wachtend"] == 4


def test_the_same_proef_twice_is_answered_twice(exchange, clock):
    content = as_csv(rows(exchange))
    encrypted = drop(exchange, 1, content).read_bytes()
    intake(exchange, clock)
    (sftp(exchange) / "in" / "proef" / files.file_name(HUUR, DAY, 1)).write_bytes(encrypted)
    intake(exchange, clock)
    first, second = answers(exchange, "terugmelding/proef", "CONTROLE")
    assert [line["staat"] for line in first] == [line["staat"] for line in second]
    assert "DUBBEL" not in {line["staat"] for line in second}


def test_a_proef_knows_what_was_delivered_before(exchange, clock):
    content = as_csv(rows(exchange)[:3])
    files.drop_file(root(exchange), HUUR, files.file_name(HUUR, DAY, 1), content)
    intake(exchange, clock)
    drop(exchange, 2, content)
    intake(exchange, clock)
    [told] = answers(exchange, "terugmelding/proef", "CONTROLE")
    assert [line["staat"] for line in told[:-1]] == ["DUBBEL"] * 3


def test_a_proef_that_is_refused_as_a_whole_says_why(exchange, clock):
    drop(exchange, 1, as_csv(rows(exchange)), sign=False)
    intake(exchange, clock)
    [[receipt]] = answers(exchange, "terugmelding/proef", "ONTVANGST")
    assert (receipt["code"], receipt["staat"], receipt["proef"]) == ("E-PGP-03", "AFGEKEURD", "J")
    assert [(row["staat"], row["code"]) for row in status(exchange)["proeven"]] == [("AFGEKEURD", "E-PGP-03")]


def test_after_24_hours_the_files_are_gone_here_and_at_the_partner(exchange, clock):
    drop(exchange, 1, as_csv(rows(exchange)))
    intake(exchange, clock)
    there = {"in/proef/opgehaald": 1, "terugmelding/proef": 3, "archief": 4}

    clock.now += DAY_LATER - timedelta(seconds=1)
    intake(exchange, clock)
    assert left(exchange) == there

    clock.now += timedelta(seconds=1)
    proef.wipe_archive(exchange, HUUR, clock.now)  # as far as it goes while the partner cannot be reached
    assert left(exchange) == there | {"archief": 0}
    next((sftp(exchange) / "terugmelding" / "proef").iterdir()).unlink()  # the partner may do so too
    for _ in range(2):
        intake(exchange, clock)
        assert left(exchange) == dict.fromkeys(there, 0)
        assert status(exchange)["proeven"] == []
    with exchange.register.connect() as db:
        events = db.scalars(sa.select(logboek.c.gebeurtenis).order_by(logboek.c.nr)).all()
    assert events[:2] == ["PROEF_OPGEHAALD", "ZENDING_GEBOUWD"]
    assert events[-4:] == ["PROEF_GEWIST", *["ZENDING_VERWIJDERD"] * 3]
    assert ledger.verify(exchange.register) == len(events)


def test_what_came_again_and_is_not_read_yet_is_kept(exchange, clock):
    encrypted = drop(exchange, 1, as_csv(rows(exchange))).read_bytes()
    intake(exchange, clock)
    clock.now += DAY_LATER - timedelta(hours=1)
    (sftp(exchange) / "in" / "proef" / files.file_name(HUUR, DAY, 1)).write_bytes(encrypted)
    pickup.pickup(exchange, clock)
    clock.now += timedelta(hours=1)
    intake(exchange, clock)
    assert [row["staat"] for row in status(exchange)["proeven"]] == ["GECONTROLEERD"]
    assert len(answers(exchange, "terugmelding/proef", "CONTROLE")) == 1


def test_the_partners_own_file_under_the_name_of_an_answer_stays(exchange, clock):
    drop(exchange, 1, as_csv(rows(exchange)))
    intake(exchange, clock)
    [answer] = (sftp(exchange) / "terugmelding" / "proef").glob("*_ONTVANGST_*")
    answer.write_bytes(b"something else")
    clock.now += DAY_LATER
    intake(exchange, clock)
    assert [path.read_bytes() for path in (sftp(exchange) / "terugmelding" / "proef").iterdir()] == [b"something else"]


def test_a_partner_without_the_folder_or_with_a_file_of_that_name_is_served_as_ever(exchange, clock):
    (sftp(exchange) / "in" / "proef").rmdir()
    assert pickup.pickup(exchange, clock).onbereikbaar == []
    (sftp(exchange) / "in" / "proef").write_bytes(b"a file")
    result = pickup.pickup(exchange, clock)
    assert (result.opgehaald, result.onbereikbaar, result.mislukt) == (1, [], [])
    with exchange.register.connect() as db:
        assert "proef" in db.scalars(sa.select(aanlevering.c.bestand)).all()
