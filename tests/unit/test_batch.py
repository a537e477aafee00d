"""BAT1 as an uitvoerder reads it: addresses together, urgent first, figures as Divosa and DDAS define them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from schemas import batch as bat1
from schemas.manifest import Manifest
from transforms import batch, identity
from transforms.meldingen import EARLIER
from transforms.verdict import ACCEPTED

NIGHT = date(2026, 6, 10)
RECEIVED = datetime(2026, 6, 9, 10, 0, tzinfo=UTC)
KEY = b"k" * 32
NAMES = {"woonvast": "Woonvast", "stroom": "Stroom BV"}
FILES = {1: "VS_BATCH_0363_20260610_001.csv.pgp", 2: "VS_BATCH_0344_20260610_001.csv.pgp"}

PLAIN: dict[str, Any] = {
    "soort": "VROEG",
    "sector": "Huur",
    "partner": "woonvast",
    "achternaam": "Berg",
    "voorletters": "J.",
    "voorvoegsel": "van den",
    "straat": "Dorpsstraat",
    "huisnummer": 12,
    "postcode": "1234AB",
    "woonplaats": "Utrecht",
    "gemeentecode": "0363",
    "bedrag_cent": 12345,
    "peildatum": date(2026, 6, 1),
    "oudste_vervaldatum": date(2026, 4, 1),
    "routering": "ADRES",
    "ontvangen_op": RECEIVED,
    "batch_id": 1,
}


def rows(*given: dict[str, Any]) -> pa.Table:
    """Accepted rows: PLAIN with what each test changes; nr follows the order."""
    whole = [PLAIN | {"nr": (1 << 24) + at + 2} | one for at, one in enumerate(given)]
    schema = ACCEPTED.append(pa.field("batch_id", pa.int64()))
    table = pa.table({f.name: pa.array([one.get(f.name) for one in whole], f.type) for f in schema})
    address = identity.normalise_address(*(table[n] for n in ("postcode", "huisnummer", "huisletter", "toevoeging")))
    hashes = identity.keyed_hash(address, KEY, "adres")
    nummers = identity.melding_bits(address, KEY)
    for name, column in (("adres_hash", hashes), ("melding", nummers)):
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def built(table: pa.Table, earlier: pa.Table | None = None, **options: Any) -> dict[int, pd.DataFrame]:
    """Every batch of `table`, each proven to be BAT1."""
    made = batch.build_batches(
        table,
        night=NIGHT,
        geleverd_op=datetime(2026, 6, 10, 2, 30, tzinfo=UTC),
        bestand=FILES,
        partner_names=NAMES,
        earlier=earlier,
        terugkoppeling_dagen=28,
        **options,
    )
    return {id: bat1.Batch.validate(one.cast(_texts(one)).to_pandas(types_mapper=pd.ArrowDtype)) for id, one in made}


def _texts(table: pa.Table) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in table.column_names])


def earlier_of(table: pa.Table, *given: dict[str, Any]) -> pa.Table:
    """Earlier signals at the address of the first row."""
    base = {"adres_hash": table["adres_hash"][0].as_py(), "soort": "VROEG", "partner": "woonvast", "bedrag_cent": 10000}
    whole = [base | {"nr": at + 1} | one for at, one in enumerate(given)]
    return pa.Table.from_pylist(whole, schema=EARLIER)


def test_a_row_is_ready_to_work_with() -> None:
    row = built(rows({"telefoon": "+31 6 12345678", "label": "Merk", "klantnummer": "007"}))[1].iloc[0]
    assert row["batch"] == "VS_BATCH_0363_20260610_001"
    assert row["gemeente"] == "Amsterdam"
    assert row["signaal_ref"] == identity.signaal_ref(np.array([(1 << 24) + 2]))[0].as_py()
    assert row["naamregel"] == "J. van den Berg"
    assert row["partner"] == "Woonvast"
    assert row["klantnummer"] == "007"
    assert row["telefoon"] == "0612345678"
    assert (row["bedrag_euro"], row["bedrag_cent"]) == ("123,45", "12345")
    assert row["dagen_achterstand"] == "61"
    assert row["ontvangen_op"] == "2026-06-09T12:00:00+02:00"
    assert row["geleverd_op"] == "2026-06-10T04:30:00+02:00"
    assert row["richtdatum_gesprek"] == "2026-07-07"
    assert row["terugkoppeling_voor"] == "2026-07-08"
    assert (row["matching"], row["opeenvolgend"], row["herhaalde_melding"]) == ("ENKELVOUDIG", "N", "N")


def test_an_empty_part_of_the_name_leaves_no_double_space() -> None:
    assert built(rows({"voorvoegsel": None, "voorletters": ""}))[1]["naamregel"].tolist() == ["Berg"]
    nobody = {"voorletters": None, "voorvoegsel": None, "achternaam": None}
    assert built(rows({}, nobody))[1]["naamregel"].tolist() == ["J. van den Berg", ""]
    assert built(rows(nobody))[1]["naamregel"].tolist() == [""]


def test_a_row_without_any_name_is_a_row_all_the_same() -> None:
    nobody = dict.fromkeys(("voorletters", "voorvoegsel", "achternaam"))
    found = built(rows({}, {"soort": "INTREKKING", **nobody}))[1]
    assert found["naamregel"].tolist() == ["J. van den Berg", ""]


def test_signals_of_two_partners_at_one_address_are_one_melding_with_its_own_totals() -> None:
    frame = built(
        rows(
            {"toevoeging": "-a"},
            {"huisnummer": 14},
            {"huisletter": "A", "partner": "stroom", "bedrag_cent": 55},
        )
    )[1]
    together = frame[frame["huisnummer"] == "12"]
    assert together["melding_nr"].nunique() == 1
    assert together["volgorde"].astype(int).diff().iloc[1] == 1
    assert together["matching"].tolist() == ["MEERVOUDIG"] * 2
    assert together["aantal_signalen_melding"].tolist() == ["2"] * 2
    assert together["totaal_bedrag_melding_euro"].tolist() == ["124,00"] * 2
    assert frame[frame["huisnummer"] == "14"]["matching"].tolist() == ["ENKELVOUDIG"]


def test_an_address_with_one_urgent_row_goes_first_as_a_whole() -> None:
    frame = built(
        rows(
            {"postcode": "1000AA"},
            {"postcode": "9999ZZ", "partner": "stroom"},
            {"postcode": "9999ZZ", "bedreigende_situatie": True},
            {"postcode": "1000AA", "huisnummer": 2},
        )
    )[1]
    assert frame["postcode"].tolist() == ["9999ZZ", "9999ZZ", "1000AA", "1000AA"]
    assert frame["huisnummer"].tolist() == ["12", "12", "2", "12"]
    assert frame["urgent"].tolist() == ["J", "N", "N", "N"]
    assert frame["urgentie_reden"].tolist()[:2] == ["BEDREIGENDE_SITUATIE", ""]
    assert frame["volgorde"].tolist() == ["1", "2", "3", "4"]


def test_only_an_explicit_ground_makes_urgent() -> None:
    table = rows({"soort": "EINDELEVERING"}, {"soort": "WARME_OVERDRACHT", "huisnummer": 2}, {"huisnummer": 3})
    assert built(table)[1].set_index("soort")["urgentie_reden"].to_dict() == {
        "EINDELEVERING": "",
        "WARME_OVERDRACHT": "WARME_OVERDRACHT",
        "VROEG": "",
    }
    frame = built(table, urgent_soorten={1: ["EINDELEVERING"]})[1].set_index("soort")
    assert frame["urgentie_reden"]["EINDELEVERING"] == "INSTELLING"
    assert frame["richtdatum_gesprek"]["EINDELEVERING"] == "2026-07-07"  # urgent to them, not threatening by law


def test_the_order_does_not_depend_on_the_order_of_the_rows() -> None:
    table = rows(*({"huisnummer": number % 7 + 1, "bedreigende_situatie": number % 5 == 0} for number in range(40)))
    shuffled = table.take(np.random.default_rng(3).permutation(len(table)))
    pd.testing.assert_frame_equal(built(table)[1], built(shuffled)[1])


def test_rows_of_two_gemeenten_come_out_as_two_batches_that_know_nothing_of_each_other() -> None:
    made = built(rows({}, {"batch_id": 2, "gemeentecode": "0344"}, {"batch_id": 2, "gemeentecode": "0344"}))
    assert {id: len(frame) for id, frame in made.items()} == {1: 1, 2: 2}
    assert made[1]["aantal_signalen_melding"].tolist() == ["1"]
    assert made[2]["gemeente"].tolist() == ["Utrecht"] * 2
    assert made[2]["volgorde"].tolist() == ["1", "2"]


def test_batches_made_together_are_the_same_as_apart() -> None:
    table = rows(*({"batch_id": number % 2 + 1, "gemeentecode": ["0363", "0344"][number % 2]} for number in range(9)))
    for id, frame in built(table).items():
        apart = built(table.filter(pc.equal(table["batch_id"], id)))
        pd.testing.assert_frame_equal(frame, apart[id])


def test_no_rows_are_no_batches() -> None:
    assert built(rows()) == {}


def test_an_earlier_signal_in_another_month_makes_opeenvolgend_but_not_meervoudig() -> None:
    table = rows({}, {"huisnummer": 13})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 5, 31)}, {"ontvangen_op": date(2025, 12, 9)}))[1]
    assert found["opeenvolgend"].tolist() == ["J", "N"]
    assert found["aantal_eerdere_signalen"].tolist() == ["1", "0"]  # the other one is over six months old
    assert found["matching"].tolist() == ["ENKELVOUDIG"] * 2


def test_an_earlier_signal_in_the_same_month_makes_meervoudig_too() -> None:
    table = rows({})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 6, 2)}))[1]
    assert (found["matching"].item(), found["opeenvolgend"].item()) == ("MEERVOUDIG", "J")


def test_an_update_is_not_a_second_signal_of_the_month() -> None:
    table = rows({"soort": "ACTUALISATIE", "vervangt_nr": 1})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 6, 2)}))[1]
    assert found["matching"].item() == "ENKELVOUDIG"
    assert found["vervangt_signaal_ref"].item() == identity.signaal_ref(np.array([1]))[0].as_py()


@pytest.mark.parametrize(("amount", "repeated"), [(9999, "J"), (10000, "J"), (10001, "N")])
def test_herhaald_is_the_same_partner_with_an_amount_that_is_not_higher(amount: int, repeated: str) -> None:
    table = rows({"bedrag_cent": amount})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 5, 2)}))[1]
    assert (found["herhaalde_melding"].item(), found["vorig_bedrag_euro"].item()) == (repeated, "100,00")


def test_what_its_partner_withdrew_or_replaced_is_repeated_by_nobody_and_counts_as_earlier_once() -> None:
    table = rows({"bedrag_cent": 1})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 6, 2), "vervallen": 1}))[1]
    assert (found["herhaalde_melding"].item(), found["vorig_bedrag_euro"].item()) == ("N", "")
    assert (found["opeenvolgend"].item(), found["matching"].item()) == ("J", "ENKELVOUDIG")


def test_a_repeat_is_not_marked_in_the_sectors_where_the_gemeente_wants_no_mark() -> None:
    table = rows({"bedrag_cent": 1, "sector": "Huur"})
    past = earlier_of(table, {"ontvangen_op": date(2026, 5, 2)})
    marks = [
        built(table, past, ongemarkeerd={1: sectors})[1]["herhaalde_melding"].item()
        for sectors in ([], ["Huur"], ["Zorg"])
    ]
    assert marks == ["J", "", "J"]


def test_another_partner_s_earlier_amount_is_not_shown() -> None:
    table = rows({})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 5, 2), "partner": "stroom"}))[1]
    assert (found["herhaalde_melding"].item(), found["vorig_bedrag_euro"].item()) == ("N", "")
    assert found["opeenvolgend"].item() == "J"


def test_the_signal_that_a_row_names_goes_before_the_partner_s_last_one() -> None:
    table = rows({"vervangt_nr": 1, "bedrag_cent": 500})
    past = earlier_of(table, {"ontvangen_op": date(2026, 4, 2), "bedrag_cent": 400}, {"ontvangen_op": date(2026, 5, 2)})
    found = built(table, past)[1]
    assert (found["herhaalde_melding"].item(), found["vorig_bedrag_euro"].item()) == ("N", "4,00")


def test_two_customers_of_one_partner_at_an_address_are_not_taken_for_a_repeat() -> None:
    table = rows({"klantnummer": "1"}, {"klantnummer": "2"})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 5, 2), "bedrag_cent": 99999}))[1]
    assert found["herhaalde_melding"].tolist() == ["N", "N"]
    assert found["vorig_bedrag_euro"].tolist() == ["", ""]


def test_earlier_needs_no_more_than_address_and_date() -> None:
    table = rows({})
    found = built(table, earlier_of(table, {"ontvangen_op": date(2026, 5, 2)}).select(["adres_hash", "ontvangen_op"]))[
        1
    ]
    assert (found["opeenvolgend"].item(), found["herhaalde_melding"].item()) == ("J", "N")


def test_an_intrekking_without_address_counts_for_nobody() -> None:
    withdrawal = dict.fromkeys(
        ("achternaam", "straat", "huisnummer", "postcode", "woonplaats", "bedrag_cent", "peildatum")
    )
    table = rows(
        {
            "soort": "INTREKKING",
            "reden_intrekking": "BETAALD",
            "vervangt_nr": 1,
            "oudste_vervaldatum": None,
            **withdrawal,
        },
        {"soort": "INTREKKING", "vervangt_nr": 2, "bedreigende_situatie": True, **withdrawal},
        {},
    )
    frame = built(table)[1]
    assert frame["soort"].tolist() == ["VROEG", "INTREKKING", "INTREKKING"]
    assert frame["aantal_signalen_melding"].tolist() == ["1", "0", "0"]
    gone = frame[frame["soort"] == "INTREKKING"]
    for name in ("matching", "richtdatum_gesprek", "terugkoppeling_voor", "bedrag_euro", "melding_nr"):
        assert gone[name].tolist() == ["", ""], name
    assert gone["urgent"].tolist() == ["N", "N"]
    assert batch.counts(pa.Table.from_pandas(frame)) == {"meldingen": 1, "urgent": 0}


def test_every_row_that_goes_in_comes_out_once() -> None:
    random = np.random.default_rng(7)
    table = rows(*({"huisnummer": int(random.integers(1, 50)), "batch_id": int(n % 2) + 1} for n in range(500)))
    found = pd.concat(built(table).values())["signaal_ref"]
    assert sorted(found) == sorted(identity.signaal_ref(table["nr"]).to_pylist())


def test_the_manifest_names_every_gemeente_served_zeros_too() -> None:
    made = {
        "gemeentecode": "0363",
        "bestand": FILES[1],
        "regels": 3,
        "meldingen": 2,
        "urgent": 1,
        "grootte": 999,
        "sha256": "a" * 64,
    }
    table = batch.manifest("wijkteam", NIGHT, ["0363", "0344"], [made])
    frame = Manifest.validate(table.to_pandas(types_mapper=pd.ArrowDtype))
    assert frame["gemeentecode"].tolist() == ["0344", "0363"]
    assert frame["staat"].tolist() == ["LEEG", "NIEUW"]
    assert frame["regels"].tolist() == ["0", "3"]
    assert frame["nacht"].tolist() == ["2026-06-10"] * 2
