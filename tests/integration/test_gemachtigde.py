"""One account delivers for several partners: by the name of the file, on the days of its machtiging, and it hears of
its own files only."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exchange import register
from exchange.context import Exchange, local_date, open_exchange
from exchange.register import outbox
from exchange.sandbox import files
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.status import status
from exchange.steps import check, pickup, report
from tests.integration.test_night import DAY, Clock, as_csv, clock, night, opened, opened_as_exchange, root

__all__ = ["clock"]  # a fixture

#: huur-01 has an account of its own; energie-02 may deliver for it, and for water-03, which has none; zorg-04 is
#: nothing to any of them.
HUUR, KOEPEL, WATER, ZORG = "huur-01", "energie-02", "water-03", "zorg-04"
MACHTIGINGEN = f"""gemachtigde;partner;vanaf;tot;bron
{KOEPEL};{HUUR};2026-01-01;{DAY};raamcontract 2026
{KOEPEL};{WATER};2026-01-01;;raamcontract 2026
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = create(tmp_path_factory.mktemp("t") / "s", partners=4, uitvoerders=1, signalen=16, day=DAY, wrong=False)
    register.upgrade(f"sqlite:///{made.folder}/var/register.sqlite")
    (made.config / "machtigingen.csv").write_text(MACHTIGINGEN)
    path = made.config / "partners" / f"{WATER}.toml"
    without = re.sub(r"\n\[(sftp|pgp)\]\n([^\[].*\n)+", "", path.read_text())
    path.write_text(f'terugmelding_aan = "{KOEPEL}"\n{without}')
    return made


@pytest.fixture
def exchange(template: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    folder = tmp_path / "s"
    shutil.copytree(template.folder, folder)
    with serving(folder), open_exchange(folder / "config") as found:
        yield found


@pytest.fixture
def rows(exchange: Exchange) -> dict[str, list[dict[str, str]]]:
    """Signals per partner; nothing waits in any folder."""
    [dropped] = inbox(exchange, HUUR).glob("*.pgp")
    found = opened_as_exchange(exchange, dropped)
    for waiting in (root(exchange) / "sftp").glob("*/in/*.pgp"):
        waiting.unlink()
    sectors = {KOEPEL: "Energie", WATER: "Water"}
    others = {id: [row | {"sector": sector, "klantnummer": "K1"} for row in found] for id, sector in sectors.items()}
    return {HUUR: found, **others}


def inbox(exchange: Exchange, party: str) -> Path:
    return root(exchange) / "sftp" / party / "in"


def drop(exchange: Exchange, account: str, partner: str, number: int, content: bytes, to: str = "in") -> str:
    name = files.file_name(partner, DAY, number)
    files.drop_file(root(exchange), account, name, content, to=to)
    return name


def told(exchange: Exchange, party: str, folder: str = "terugmelding") -> dict[str, str]:
    """Every answer in a party's folder: its name without our number, and its first code."""
    where = root(exchange) / "sftp" / party / folder
    return {
        path.name.rpartition("_")[0]: opened(exchange, party, path)[0]["code"]
        for path in sorted(where.glob("VS_*"))
        if path.is_file()
    }


def stands(exchange: Exchange) -> dict[str, tuple[str, str | None, str | None, int]]:
    """Per file whose it is, who dropped it, its code, and how many rows were accepted."""
    found = status(exchange)["aanleveringen"]
    return {row["bestand"]: (row["partner"], row["gemachtigde"], row["code"], row["aanvaard"]) for row in found}


def test_a_night_of_an_account_that_delivers_for_two_others(exchange, clock, rows):
    own = drop(exchange, KOEPEL, KOEPEL, 1, as_csv(rows[KOEPEL]))
    huur = drop(exchange, KOEPEL, HUUR, 1, as_csv(rows[HUUR][:2]))
    water = drop(exchange, KOEPEL, WATER, 1, as_csv(rows[WATER]))
    itself = drop(exchange, HUUR, HUUR, 2, as_csv(rows[HUUR][2:]))
    foreign = drop(exchange, ZORG, HUUR, 3, as_csv(rows[HUUR]))
    unknown = drop(exchange, ZORG, "bestaat-niet", 3, as_csv(rows[HUUR]))
    pickup.pickup(exchange, clock)
    groups = check.groups(exchange, 4)
    assert sorted(map(sorted, groups)) == [sorted([HUUR, KOEPEL, WATER]), [ZORG]]  # one account, one series of answers
    night(exchange, clock)

    assert stands(exchange) == {
        own: (KOEPEL, None, None, len(rows[KOEPEL])),
        huur: (HUUR, KOEPEL, None, 2),
        water: (WATER, KOEPEL, None, len(rows[WATER])),
        itself: (HUUR, None, None, len(rows[HUUR]) - 2),
        foreign: (ZORG, None, "E-BST-12", 0),
        unknown: (ZORG, None, "E-BST-12", 0),
    }
    day, stems = f"{DAY:%Y%m%d}", {name: name.removesuffix(".csv.pgp") for name in (own, huur, water, itself)}
    mine = {f"{stems[name]}_{soort}" for name in (own, huur, water) for soort in ("ONTVANGST", "CONTROLE")}
    assert set(told(exchange, KOEPEL)) == mine | {f"VS_DOORGEZET_{id}_{day}" for id in (KOEPEL, WATER)}
    theirs = {f"{stems[itself]}_ONTVANGST", f"{stems[itself]}_CONTROLE", f"VS_DOORGEZET_{HUUR}_{day}"}
    assert set(told(exchange, HUUR)) == theirs  # no gap either: 001 came from the account that it authorised
    assert set(told(exchange, ZORG).values()) == {"E-BST-12"}
    assert not list((root(exchange) / "sftp" / WATER / "terugmelding").glob("VS_*"))

    folder = root(exchange) / "sftp"
    [doorgezet] = (folder / HUUR / "terugmelding").glob("VS_DOORGEZET_*")
    lines = opened(exchange, HUUR, doorgezet)
    assert {line["signaal_id"] for line in lines if line["regelnr"]} == {row["signaal_id"] for row in rows[HUUR]}
    for path in (folder / KOEPEL / "terugmelding").glob("VS_*"):
        of = {line["partner"] for line in opened(exchange, KOEPEL, path)}
        assert of == {next(id for id in (KOEPEL, WATER, HUUR) if f"_{id}_" in path.name)}
    with exchange.register.connect() as db:  # numbers rise per account, whatever partner a file is of
        assert outbox.next_number(db, KOEPEL, "terugmelding") == 3 * 2 + 2 + 1
        assert outbox.next_number(db, WATER, "terugmelding") == 1
    assert status(exchange)["balans"]["klopt"]


def test_what_holds_for_a_partners_files_holds_for_those_of_its_gemachtigde(exchange, clock, rows):
    first = drop(exchange, KOEPEL, HUUR, 1, as_csv(rows[HUUR][:1]))
    bytes_ = (inbox(exchange, KOEPEL) / first).read_bytes()
    (inbox(exchange, KOEPEL) / files.file_name(HUUR, DAY, 2)).write_bytes(bytes_)
    drop(exchange, KOEPEL, HUUR, 6, as_csv(rows[HUUR][1:2]))
    (inbox(exchange, HUUR) / files.file_name(HUUR, DAY, 7)).write_bytes(bytes_)  # not signed by whose folder it is
    drop(exchange, HUUR, HUUR, 8, as_csv(rows[HUUR][2:3]))
    own_key = inbox(exchange, HUUR) / files.file_name(HUUR, DAY, 8)
    shutil.copy(own_key, inbox(exchange, KOEPEL) / files.file_name(HUUR, DAY, 9))
    drop(exchange, KOEPEL, HUUR, 10, as_csv(rows[HUUR][3:]), to="in/proef")
    night(exchange, clock)
    codes = {int(name.split("_")[-1][:3]): (who, code) for name, (_, who, code, _) in stands(exchange).items()}
    assert codes == {
        1: (KOEPEL, None),
        2: (KOEPEL, "W-BST-03"),
        6: (KOEPEL, None),
        7: (None, "E-PGP-03"),  # the same bytes, and the partner does not hear that they came before
        8: (None, None),
        9: (KOEPEL, "E-PGP-03"),  # the partner's own key does not open another's account
    }
    answers = told(exchange, KOEPEL)
    assert answers[f"VS_SIG_{HUUR}_{DAY:%Y%m%d}_006_ONTVANGST"] == "W-BST-11"
    assert set(told(exchange, KOEPEL, "terugmelding/proef")) == {
        f"VS_SIG_{HUUR}_{DAY:%Y%m%d}_010_PROEF_{soort}" for soort in ("ONTVANGST", "CONTROLE")
    }
    assert [row["gemachtigde"] for row in status(exchange)["proeven"]] == [KOEPEL]
    clock.now += timedelta(hours=25)
    pickup.pickup(exchange, clock)
    assert status(exchange)["proeven"] == []
    assert told(exchange, KOEPEL, "terugmelding/proef") == {}
    assert not list((inbox(exchange, KOEPEL) / "proef" / "opgehaald").iterdir())


def test_a_machtiging_ends_with_its_last_day_and_the_done_file_is_that_of_the_partner_named(exchange, clock, rows):
    path = exchange.config.folder / "partners" / f"{HUUR}.toml"
    path.write_text(f"gereedbestand = true\n{path.read_text()}")
    with open_exchange(exchange.config.folder) as changed:
        name = drop(changed, KOEPEL, HUUR, 1, as_csv(rows[HUUR][:1]))
        own = drop(changed, KOEPEL, KOEPEL, 1, as_csv(rows[KOEPEL][:1]))
        assert pickup.pickup(changed, clock).opgehaald == 1
        assert (inbox(changed, KOEPEL) / name).exists() and not (inbox(changed, KOEPEL) / own).exists()
        (inbox(changed, KOEPEL) / f"{name}.gereed").touch()
        assert pickup.pickup(changed, clock).opgehaald == 1
        assert [path.name for path in inbox(changed, KOEPEL).iterdir() if path.is_file()] == []
        clock.now += timedelta(days=1)
        late = drop(changed, KOEPEL, HUUR, 2, as_csv(rows[HUUR][1:2]))
        pickup.pickup(changed, clock)
        _check(changed, clock)  # also of what was picked up while the machtiging held
        assert stands(changed) == {
            own: (KOEPEL, None, None, 1),
            name: (HUUR, KOEPEL, None, 1),
            late: (KOEPEL, None, "E-BST-12", 0),
        }


def test_nobody_hears_for_a_partner_without_an_account_while_no_machtiging_holds(exchange, clock, rows):
    drop(exchange, KOEPEL, WATER, 1, as_csv(rows[WATER]))
    pickup.pickup(exchange, clock)
    held = exchange.config.folder / "machtigingen.csv"
    held.write_text(MACHTIGINGEN.replace(f"{WATER};2026-01-01;", f"{WATER};2026-01-01;{DAY}"))
    with open_exchange(exchange.config.folder) as ending:
        _check(ending, clock)  # of the day of receipt
        clock.now += timedelta(days=1)
        night(ending, clock)
        assert report.report(ending, local_date(clock.now), clock).zonder_machtiging == [WATER]
        assert not [name for name in told(ending, KOEPEL) if name.startswith("VS_DOORGEZET")]
    night(exchange, clock)  # with a machtiging that goes on
    assert [name for name in told(exchange, KOEPEL) if name.startswith(f"VS_DOORGEZET_{WATER}_")]


def _check(exchange: Exchange, clock: Clock) -> None:
    for group in check.groups(exchange, 2):
        check.check(exchange, group, clock)


def test_files_that_may_be_of_a_partner_that_is_stopped_wait_wherever_they_were_dropped(exchange, clock, rows):
    file = exchange.config.folder / "partners" / f"{HUUR}.toml"
    held = exchange.config.folder / "machtigingen.csv"
    whole, lines = file.read_text(), held.read_text()
    own, huur = (
        drop(exchange, KOEPEL, KOEPEL, 1, as_csv(rows[KOEPEL])),
        drop(exchange, KOEPEL, HUUR, 1, as_csv(rows[HUUR])),
    )
    water = drop(exchange, KOEPEL, WATER, 1, as_csv(rows[WATER]))
    nobodys = inbox(exchange, KOEPEL) / "Export huur.pgp"  # as files of HUUR may be called, for all that we know
    shutil.copy(inbox(exchange, KOEPEL) / huur, nobodys)
    pickup.pickup(exchange, clock)  # some of it was here before anything was wrong
    for name in (own, huur, water):
        drop(exchange, KOEPEL, name.split("_")[2], 2, as_csv(rows[KOEPEL]))
    for wrong in ((file, whole + "[["), (held, lines.replace(f"{DAY};raamcontract", f"{DAY};;raamcontract"))):
        wrong[0].write_text(wrong[1])
        with open_exchange(exchange.config.folder) as broken:
            assert set(broken.config.stilgezet) == {HUUR}
            night(broken, clock)
        assert {name for name, found in stands(exchange).items() if found[2] or found[3]} >= {own, water}
        waiting = {row["bestand"] for row in status(exchange)["aanleveringen"] if row["staat"] == "OPGEHAALD"}
        assert waiting == {huur, nobodys.name}
        assert {path.name for path in inbox(exchange, KOEPEL).glob("*.pgp")} == {files.file_name(HUUR, DAY, 2)}
        file.write_text(whole)
        held.write_text(lines)
    night(exchange, clock)
    assert stands(exchange)[huur] == (HUUR, KOEPEL, None, len(rows[HUUR]))
    assert stands(exchange)[nobodys.name][2] == "E-BST-08"
    assert stands(exchange)[files.file_name(HUUR, DAY, 2)][:2] == (HUUR, KOEPEL)
