"""What the convenant asks of a system like this: one test for each row of that table in our domain facts.

The first line of each docstring is the place in the convenant, as the table has it; what it asks follows.
"""

from __future__ import annotations

import ast
import re
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from exchange import register
from exchange.faults import LedgerBroken
from exchange.register import balance, ledger
from exchange.register.tables import logboek, metadata, signaal
from exchange.store import Store, WorkStore
from schemas.codelijsten import SIGNAALPARTNER
from schemas.retourcodes import RETOURCODES
from schemas.signaal import KOLOMMEN, VOORWAARDEN
from schemas.uitkomst import OPSCHORTEN_DAGEN
from tests.integration.test_register import check, receive
from tests.integration.test_register import rows as accepted_rows
from tests.unit.test_batch import built, rows
from tests.unit.test_minimised import agreement as naming_birth
from tests.unit.test_minimised import kept
from tests.unit.test_monitor import lines as monitor_lines
from tests.unit.test_monitor import signals
from tests.unit.test_regels import load as rules_of
from tests.unit.test_route import TODAY as ROUTED_ON
from tests.unit.test_route import agreement, objections
from tests.unit.test_uitkomst import DAY, accepted, one
from tests.unit.test_validate import EINDE, TODAY, VERPLICHT, VROEG, found
from tests.unit.test_validate import check as validated
from transforms.monitor import FEEDBACK, count, report
from transforms.rules import Rules

ROOT = Path(__file__).parents[2]
FACTS = ROOT.parent / "shared" / "domain" / "facts.md"
TOLD = ROOT / "tests" / "scenario" / "verwacht"

#: What is whose in the three months of the scenario.
OWN = {"huur-01": "HU-", "energie-02": "EN-|E-778812", "water-03": "WA-|W20417"}


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    url = f"sqlite:///{tmp_path}/register.sqlite"
    register.upgrade(url)
    return register.engine(url)


def test_the_meldpunt_tells_each_partner_of_its_own_signals_only() -> None:
    """definitions, *Digitaal Meldpunt*

    Partners report arrears to it; the uitvoerder communicates with each partner separately: nothing of partner A's
    signals may ever reach partner B. The files are those that the scenario proves the parties to receive.
    """
    for partner in OWN:
        files = list((TOLD / partner).rglob("*.csv"))
        told = "".join(path.read_text() for path in files)
        assert len(files) > 5
        assert re.search(OWN[partner], told)
        assert not re.search("|".join(own for other, own in OWN.items() if other != partner), told)


def test_signals_of_one_huishouden_belong_together_across_partners() -> None:
    """definitions, *Huishouden*

    Signals at one address belong together, across partners.
    """
    batch = built(rows({}, {"partner": "stroom", "sector": "Energie"}, {"huisnummer": 14}))[1]
    assert batch.groupby("melding_nr")["partner"].apply(set).tolist().count({"Woonvast", "Stroom BV"}) == 1
    assert batch["aantal_signalen_melding"].tolist().count("2") == 2


def test_none_of_the_five_ways_of_a_datalek_goes_unseen_or_is_open(tmp_path: Path, engine: sa.Engine) -> None:
    """definitions, *Datalek*

    Unintended access, destruction, loss, alteration or disclosure of personal data: all five are failures of this
    system.
    """
    # access: whoever reads the disk reads no name
    schema = pa.schema([("nr", pa.int64()), ("achternaam", pa.string()), ("gemeentecode", pa.string())])
    with WorkStore(f"file://{tmp_path}/werk", b"k" * 32).writer(1, 1, schema) as writer:
        writer.write(pa.table([[1], ["Wolkenstein"], ["0363"]], schema=schema))
    assert b"Wolkenstein" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    # destruction: what breaks off half-way leaves what was there
    store = Store(f"file://{tmp_path}/archief")
    with store.put_atomic("a") as sink:
        sink.write(b"whole")
    with pytest.raises(RuntimeError), store.put_atomic("a") as sink:
        sink.write(b"ha")
        raise RuntimeError
    assert store.open("a").read() == b"whole"
    # loss: a row that is nowhere shows in the balance; alteration: a changed entry breaks the ledger
    with engine.begin() as db:
        nr = receive(db)
        check(db, nr, accepted_rows(nr, 2, 3))
        assert balance.prove(db).klopt
        db.execute(signaal.delete().where(signaal.c.nr == nr << 24 | 2))
        db.execute(metadata.tables["partij"].update().values(aantal=1))
        assert not balance.prove(db).klopt
    assert ledger.verify(engine) > 0
    with engine.begin() as db:
        db.execute(logboek.update().values(gebeurtenis="IETS_ANDERS"))
    with pytest.raises(LedgerBroken):
        ledger.verify(engine)
    # disclosure: the register, which everybody on the house may look into, has no column for a person
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    persons = {"achternaam", "voorletters", "straat", "huisnummer", "postcode", "telefoon", "email", "geboortedatum"}
    assert columns.isdisjoint(persons)


@pytest.mark.parametrize("sector", ["Huur", "Energie", "Water", "Zorg"])
def test_who_must_report_does_so_after_a_social_effort_and_in_one_way(sector: str) -> None:
    """consideration f, art. 3.1

    Energy, water, insurers and landlords must report after a social collection effort; uniform way of reporting.
    """
    rules = Rules(TODAY, (sector,), verplicht=VERPLICHT)
    for row in (VROEG | {"klantnummer": "K1"}, EINDE | {"klantnummer": "K1"}):
        assert found(validated(row, rules=rules)) == set()
        for name in VOORWAARDEN:
            wrong = "N" if KOLOMMEN[name].voorwaarde else "J"
            assert ("E-VWD-01", name) in found(validated(row | {name: wrong}, rules=rules))


def test_every_sector_is_handled_alike_by_the_uitvoerder() -> None:
    """art. 3.2

    Uniform handling of signals by the uitvoerder: the same columns, order and terms, whoever reported.
    """
    sectors = ["Huur", "Energie", "Water", "Zorg", "Overige"]
    batch = built(rows(*({"sector": sector, "huisnummer": 10} for sector in sectors)))[1]
    assert batch["sector"].tolist() == sectors
    for name in ("richtdatum_gesprek", "termijn_basis", "terugkoppeling_voor", "urgent", "matching"):
        assert batch[name].nunique() == 1, name


def test_a_partner_learns_in_time_that_collection_is_suspended() -> None:
    """art. 4

    Suspension of collection measures: the partner must learn in time that it applies. At most 30 days.
    """
    assert OPSCHORTEN_DAGEN == 30
    assert one(accepted(0))["opschorten_tot"] == DAY + timedelta(days=30)


def test_results_are_monitored_with_anonymous_figures() -> None:
    """art. 5.6

    Results are monitored with anonymous figures gathered while carrying out the convenant.
    """
    given = [("0344", "Huur", at) for at in range(40)] + [("0344", "Zorg", at) for at in range(100, 103)]
    figures = count(signals(*given), pa.array([], pa.int64()), FEEDBACK.empty_table(), date(2026, 10, 31))
    table = report(figures, "2026-10", 5, {})
    assert table.column_names[:4] == ["layout", "maand", "gemeentecode", "gemeente"]
    assert not {"signaal_ref", "melding_nr", "partner", "adres_hash"} & set(table.column_names)
    assert monitor_lines(table)["0344", "Zorg"]["signalen"] == ""  # three households could be recognised


def test_an_overeenkomst_counts_from_its_first_day_to_its_last_and_a_pair_may_deviate(tmp_path: Path) -> None:
    """art. 6, considerations m, n

    Agreements start, renew and end (notice 3 months), and pairs may deviate: agreements are data with dates.
    """
    row = [("0363", "VROEG")]
    assert objections(row, agreement("0363")) == []
    assert objections(row, agreement("0363", tot="2021-12-31"))[0][1] == "E-ROU-03"
    assert objections(row, agreement("0363", van="2999-01-01"))[0][1] == "E-ROU-03"
    assert objections(row, agreement("0363", soorten="EINDELEVERING"))[0][1] == "E-ROU-03"
    # renewed: one ends on the day before the other begins, and no day lies between
    for last in (ROUTED_ON - timedelta(days=1), ROUTED_ON):
        renewed = agreement("0363", tot=str(last)), agreement("0363", van=str(last + timedelta(days=1)))
        assert objections(row, *renewed) == []
    # a pair deviates from what holds for its gemeente, for as long as they agreed
    deviation = "termijn_dagen;Huur;0363;woonzo;2026-01-01;2026-12-31;60-;weigeren;overeenkomst"
    regels = rules_of(tmp_path, "termijn_dagen;Huur;0363;;2026-01-01;;40-;;besluit", deviation)
    days = (("woonzo", date(2026, 12, 31)), ("woonzo", date(2027, 1, 1)), ("ander", date(2026, 12, 31)))
    held = [regels.geldend(partner, "0363", "Huur", day) for partner, day in days]
    assert [(one.termijn and one.termijn.van, bool(one.weigert)) for one in held] == [
        (60, True),
        (40, False),
        (40, False),
    ]


def test_a_new_kind_of_partner_joins_without_a_change_of_code() -> None:
    """art. 7

    New kinds of partners can join: sectors are data, not code.
    """
    assert found(validated(VROEG, rules=Rules(TODAY, ("Overige",), verplicht=VERPLICHT))) == set()
    names = set(SIGNAALPARTNER.waarden)
    for path in [*(ROOT / "transforms").rglob("*.py"), *(ROOT / "exchange").rglob("*.py")]:
        if "sandbox" in path.parts or "demo" in path.parts:  # an example has partners of some kind
            continue
        constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        assert names.isdisjoint(value for value in constants if isinstance(value, str)), path


def test_no_more_is_kept_or_passed_on_than_the_law_allows() -> None:
    """art. 2.2 a

    AVG applies: lawful basis, data minimisation, retention, security.
    """
    # lawful basis: without an overeenkomst or a condition of art. 2 Bgs nothing is accepted, nor sent back to be mended
    assert objections([("0363", "VROEG")])[0][1] == "E-ROU-03"
    assert not validated(VROEG | {"huidige_klant": "N"}).accepted.any()
    assert not RETOURCODES["E-VWD-01"].terug
    # minimisation: no BSN, and a geboortedatum only where the overeenkomst names it
    assert {code for code, _ in found(validated(VROEG | {"label": "123456782"}))} == {"E-PRV-01"}
    assert kept(["0363", "0344"], naming_birth("0363", False), naming_birth("0344", True))[0] is None


def test_every_row_of_the_table_has_its_test() -> None:
    if not FACTS.exists():
        pytest.skip("the domain facts are not at hand")
    table = FACTS.read_text().partition("## What the convenant asks")[2].partition("\n## ")[0]
    asked = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")} - {"where"}
    tests = (one for name, one in globals().items() if name.startswith("test_") and one.__doc__)
    assert {one.__doc__.splitlines()[0] for one in tests} == asked
