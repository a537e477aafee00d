"""What makes a row wrong, one case per reason; and that a row hears all of them at once."""

import json
from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codelijsten import SIGNAALPARTNER
from schemas.retourcodes import sentences
from schemas.signaal import KOLOMMEN, TYPED, VOORWAARDEN
from transforms.validate import Checked, Rules, undeclared, validate

TODAY = date(2026, 7, 1)
#: What sectors require, as schemas/regels.csv says.
VERPLICHT = {"klantnummer": frozenset({"Energie", "Water"}), "maanden_achterstand": frozenset({"Huur"})}
HUUR = Rules(TODAY, ("Huur",), verplicht=VERPLICHT)
#: Conditions for reporting that are met.
MET = {name: "J" if KOLOMMEN[name].voorwaarde else "N" for name in VOORWAARDEN}
VROEG = {
    "signaal_id": "K1-2026-06-30",
    "soort": "VROEG",
    "achternaam": "Jansen",
    "straat": "Dorpsstraat",
    "huisnummer": "12",
    "postcode": "1234AB",
    "woonplaats": "Utrecht",
    "bedrag_cent": "12345",
    "peildatum": "2026-06-30",
    "oudste_vervaldatum": "2026-04-01",
    "maanden_achterstand": "2",
    "herinnering_datum": "2026-06-01",
    **MET,
}
INTREKKING = {"signaal_id": "K2", "soort": "INTREKKING", "vorig_signaal_id": "K1", "reden_intrekking": "BETAALD"}
EINDE = VROEG | {"soort": "EINDELEVERING", "vorig_signaal_id": "K0", "gebeurtenis_datum": "2026-10-01"}
WARM = {name: value for name, value in VROEG.items() if name not in MET} | {
    "soort": "WARME_OVERDRACHT",
    "toestemming_datum": "2026-06-30",
}


def check(*rows: Mapping[str, str], rules: Rules = HUUR) -> Checked:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in names}
    return validate(pa.table(columns | {"regelnr": pa.array(range(2, 2 + len(rows)), pa.int64())}), rules)


def found(checked: Checked, regelnr: int = 2) -> set[tuple[str, str]]:
    """(code, veld) of a row."""
    return {(row["code"], row["veld"]) for row in checked.reasons.to_pylist() if row["regelnr"] == regelnr}


@pytest.mark.parametrize(
    "row", [VROEG, INTREKKING, EINDE, WARM, VROEG | {"soort": "ACTUALISATIE", "vorig_signaal_id": "K0"}]
)
def test_a_right_row_of_each_kind_has_nothing_to_hear(row: dict[str, str]) -> None:
    checked = check(row)
    assert found(checked) == set()
    assert checked.accepted.tolist() == [True]


WRONG: list[tuple[dict[str, str], dict[str, str], str, str]] = [
    # presence
    *((VROEG, {name: ""}, "E-VLD-01", name) for name in VROEG if name not in ("straat",)),
    (VROEG, {"soort": "ACTUALISATIE"}, "E-VLD-01", "vorig_signaal_id"),
    (INTREKKING, {"vorig_signaal_id": " "}, "E-VLD-01", "vorig_signaal_id"),
    (EINDE, {"gebeurtenis_datum": ""}, "E-VLD-01", "gebeurtenis_datum"),
    (WARM, {"toestemming_datum": ""}, "E-VLD-01", "toestemming_datum"),
    # form
    (VROEG, {"signaal_id": "a b"}, "E-VLD-02", "signaal_id"),
    (VROEG, {"signaal_id": "x" * 41}, "E-VLD-02", "signaal_id"),
    (VROEG, {"vorig_signaal_id": "é"}, "E-VLD-02", "vorig_signaal_id"),
    (VROEG, {"klantnummer": "x" * 31}, "E-VLD-02", "klantnummer"),
    (VROEG, {"label": "x" * 201}, "E-VLD-02", "label"),
    (VROEG, {"voorletters": "1"}, "E-VLD-02", "voorletters"),
    (VROEG, {"voorvoegsel": "9"}, "E-VLD-02", "voorvoegsel"),
    (VROEG, {"achternaam": "-"}, "E-VLD-02", "achternaam"),
    (VROEG, {"achternaam": "x" * 201}, "E-VLD-02", "achternaam"),
    (VROEG, {"straat": "12"}, "E-VLD-02", "straat"),
    (VROEG, {"woonplaats": "."}, "E-VLD-02", "woonplaats"),
    (VROEG, {"huisnummer": "0"}, "E-VLD-02", "huisnummer"),
    (VROEG, {"huisnummer": "100000"}, "E-VLD-02", "huisnummer"),
    (VROEG, {"huisnummer": "12A"}, "E-VLD-02", "huisnummer"),
    (VROEG, {"huisletter": "AB"}, "E-VLD-02", "huisletter"),
    (VROEG, {"toevoeging": "vijfx"}, "E-VLD-02", "toevoeging"),
    (VROEG, {"postcode": "0234AB"}, "E-VLD-02", "postcode"),
    (VROEG, {"postcode": "1234SS"}, "E-VLD-02", "postcode"),
    (VROEG, {"gemeentecode": "34"}, "E-VLD-02", "gemeentecode"),
    (VROEG, {"telefoon": "54321"}, "E-VLD-02", "telefoon"),
    (VROEG, {"telefoon_2": "geen"}, "E-VLD-02", "telefoon_2"),
    (VROEG, {"email": "jansen"}, "E-VLD-02", "email"),
    (VROEG, {"bedrag_cent": "12,5"}, "E-VLD-02", "bedrag_cent"),
    (VROEG, {"bedrag_cent": "9" * 30}, "E-VLD-02", "bedrag_cent"),
    (VROEG, {"peildatum": "30-06-2026"}, "E-VLD-02", "peildatum"),
    (VROEG, {"peildatum": "2026-02-30"}, "E-VLD-02", "peildatum"),
    (VROEG, {"oudste_vervaldatum": "2026-4-1"}, "E-VLD-02", "oudste_vervaldatum"),
    (VROEG, {"herinnering_datum": "gisteren"}, "E-VLD-02", "herinnering_datum"),
    (EINDE, {"gebeurtenis_datum": "2026-13-01"}, "E-VLD-02", "gebeurtenis_datum"),
    (WARM, {"toestemming_datum": "J"}, "E-VLD-02", "toestemming_datum"),
    (VROEG, {"maanden_achterstand": "2,5"}, "E-VLD-02", "maanden_achterstand"),
    (VROEG, {"bedreigende_situatie": "misschien"}, "E-VLD-02", "bedreigende_situatie"),
    (VROEG, {"natuurlijk_persoon": "1"}, "E-VLD-02", "natuurlijk_persoon"),
    # code lists
    (VROEG, {"layout": "SIG2"}, "E-VLD-03", "layout"),
    (VROEG, {"soort": "VROEGG"}, "E-VLD-03", "soort"),
    (VROEG, {"sector": "Huren"}, "E-VLD-03", "sector"),
    (INTREKKING, {"reden_intrekking": "weg"}, "E-VLD-03", "reden_intrekking"),
    # addresses where nobody lives, or not here
    (VROEG, {"straat": "Postbus 12"}, "E-VLD-04", "straat"),
    (VROEG, {"straat": "antwoordnummer"}, "E-VLD-04", "straat"),
    (VROEG, {"postcode": "D-48529"}, "E-VLD-05", "postcode"),
    (VROEG, {"postcode": "2000"}, "E-VLD-05", "postcode"),
    # dates and amounts
    *((VROEG, {name: "2026-07-02"}, "E-VLD-06", name) for name in ("peildatum", "herinnering_datum")),
    (WARM, {"toestemming_datum": "2026-07-02"}, "E-VLD-06", "toestemming_datum"),
    (VROEG, {"oudste_vervaldatum": "2026-07-01"}, "E-VLD-07", "oudste_vervaldatum"),
    (VROEG, {"bedrag_cent": "0"}, "E-VLD-08", "bedrag_cent"),
    (VROEG, {"bedrag_cent": "-100"}, "E-VLD-08", "bedrag_cent"),
    # agreements
    (VROEG, {"sector": "Zorg"}, "E-VLD-09", "sector"),
    # conditions for reporting
    *((row, {name: "N" if MET[name] == "J" else "j"}, "E-VWD-01", name) for name in MET for row in (VROEG, EINDE)),
    # privacy
    *((VROEG, {name: "Jansen 123456782"}, "E-PRV-01", name) for name in ("label", "achternaam", "straat")),
    # what it follows
    (INTREKKING, {"vorig_signaal_id": "K2"}, "E-SIG-05", "vorig_signaal_id"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "change", "code", "veld"), WRONG)
def test_one_thing_wrong_gives_one_reason_and_refuses_the_row(
    row: dict[str, str], change: dict[str, str], code: str, veld: str
) -> None:
    checked = check(row, row | change, row)
    assert {reason for reason in found(checked, 3) if reason[0].startswith("E-")} == {(code, veld)}
    assert found(checked, 2) == found(checked, 4) == set()
    assert checked.accepted.tolist() == [True, False, True]


WARNED: list[tuple[dict[str, str], Rules, str, str]] = [
    (EINDE | {"vorig_signaal_id": ""}, HUUR, "W-EIN-02", "vorig_signaal_id"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "rules", "code", "veld"), WARNED)
def test_a_warning_does_not_refuse(row: dict[str, str], rules: Rules, code: str, veld: str) -> None:
    checked = check(row, rules=rules)
    assert found(checked) == {(code, veld)}
    assert checked.accepted.tolist() == [True]


def test_a_row_hears_all_of_its_reasons_at_once() -> None:
    wrong = {"postcode": "x", "achternaam": "", "peildatum": "morgen", "bedrag_cent": "0", "huidige_klant": "N"}
    assert found(check(VROEG | wrong)) == {
        ("E-VLD-02", "postcode"),
        ("E-VLD-01", "achternaam"),
        ("E-VLD-02", "peildatum"),
        ("E-VLD-08", "bedrag_cent"),
        ("E-VWD-01", "huidige_klant"),
    }


def test_a_due_date_in_the_future_is_wrong_twice() -> None:
    reasons = {("E-VLD-06", "oudste_vervaldatum"), ("E-VLD-07", "oudste_vervaldatum")}
    assert found(check(VROEG | {"oudste_vervaldatum": "2026-07-02"})) >= reasons


def test_conditions_do_not_count_for_a_warme_overdracht_or_an_intrekking() -> None:
    against = {name: "N" if value == "J" else "J" for name, value in MET.items()}
    assert found(check(WARM | against)) == found(check(INTREKKING | against)) == set()


def test_a_bsn_in_a_field_that_has_another_form_is_called_a_bsn() -> None:
    """A telephone number has ten digits and a huisnummer five: what is left is not sent back."""
    for veld in ("telefoon", "huisnummer", "geboortedatum"):
        rules = Rules(TODAY, ("Huur",), geboortedatum=True)
        assert ("E-PRV-01", veld) in found(check(VROEG | {veld: "123456782"}, rules=rules))
        assert ("E-PRV-01", veld) not in found(check(VROEG | {veld: "123456789"}, rules=rules))


def test_numbers_that_a_sector_asks_for() -> None:
    for sector in ("Energie", "Water"):
        assert found(check(VROEG, rules=Rules(TODAY, (sector,), verplicht=VERPLICHT))) == {("E-VLD-01", "klantnummer")}
    without = VROEG | {"maanden_achterstand": "", "oudste_vervaldatum": "2026-05-01"}
    assert found(check(without, rules=Rules(TODAY, ("Zorg",), verplicht=VERPLICHT))) == set()
    both = Rules(TODAY, ("Huur", "Energie"), verplicht=VERPLICHT)
    assert found(check(VROEG, rules=both)) == {("E-VLD-01", "sector")}
    assert found(check(VROEG | {"sector": "energie"}, rules=both)) == {("E-VLD-01", "klantnummer")}


def test_a_verklaring_in_force_stands_in_for_empty_conditions_but_not_for_a_contradiction() -> None:
    bare = {name: value for name, value in VROEG.items() if name not in MET}
    declared = frozenset(VOORWAARDEN)
    assert found(check(bare, rules=Rules(TODAY, ("Huur",), verklaring_kolommen=declared))) == set()
    against = bare | {"huidige_klant": "N"}
    rules = Rules(TODAY, ("Huur",), verklaring_kolommen=declared, verklaring_van=TODAY, verklaring_tot=TODAY)
    assert found(check(against, rules=rules)) == {("E-VWD-01", "huidige_klant")}
    late = Rules(TODAY, ("Huur",), verklaring_kolommen=declared, verklaring_tot=date(2026, 6, 30))
    assert found(check(bare, rules=late)) == {("E-VLD-01", name) for name in VOORWAARDEN}
    early = Rules(TODAY, ("Huur",), verklaring_kolommen=declared, verklaring_van=date(2026, 7, 2))
    assert len(found(check(bare, rules=early))) == len(VOORWAARDEN)


def test_a_verklaring_in_an_overeenkomst_is_judged_once_the_gemeente_is_known() -> None:
    bare = {name: value for name, value in VROEG.items() if name not in MET}
    rules = Rules(TODAY, ("Huur",), verklaring_per_overeenkomst=True)
    checked = check(bare, bare, WARM, rules=rules)
    assert checked.reasons.num_rows == 0
    late = undeclared(checked.typed, np.array([True, False, False]), rules)
    assert {(row["regelnr"], row["code"], row["veld"]) for row in late.to_pylist()} == {
        (3, "E-VLD-01", name) for name in VOORWAARDEN
    }
    assert undeclared(checked.typed, np.ones(3, bool), rules).num_rows == 0


def test_rows_come_out_typed() -> None:
    row = VROEG | {
        "soort": " vroeg ",
        "postcode": "1234 ab",
        "sector": "HUUR",
        "telefoon": "06-12345678",
        "email": " a@b.nl",
        "huidige_klant": "j",
        "gemeentecode": "0034",
        "achternaam": "\u00a0Özgür ",
    }
    typed = check(row, rules=Rules(TODAY, ("Huur",), label="Merk")).typed
    assert typed.schema == TYPED
    out = typed.to_pylist()[0]
    assert {name: out[name] for name in ("layout", "soort", "postcode", "sector", "label", "achternaam")} == {
        "layout": "SIG1",
        "soort": "VROEG",
        "postcode": "1234AB",
        "sector": "Huur",
        "label": "Merk",
        "achternaam": "Özgür",
    }
    assert (out["telefoon"], out["email"], out["gemeentecode"]) == ("06-12345678", "a@b.nl", "0034")
    assert (out["bedrag_cent"], out["huisnummer"], out["maanden_achterstand"]) == (12345, 12, 2)
    assert (out["peildatum"], out["huidige_klant"], out["regelnr"]) == (date(2026, 6, 30), True, 2)


@pytest.mark.parametrize(
    ("text", "cents"),
    [("123,45", 12345), ("123.4", 12340), ("0,01", 1), ("1000", 100000), ("999999999,99", 99999999999)],
)
def test_amounts_in_euro_become_exact_cents(text: str, cents: int) -> None:
    row = {name: value for name, value in VROEG.items() if name != "bedrag_cent"} | {"bedrag_euro": text}
    checked = check(row)
    assert found(checked) == set()
    assert checked.typed["bedrag_cent"].to_pylist() == [cents]


@pytest.mark.parametrize(("text", "code"), [("1.234,50", "E-VLD-02"), ("-1,00", "E-VLD-08"), ("", "E-VLD-01")])
def test_a_wrong_amount_in_euro_is_blamed_on_its_own_column(text: str, code: str) -> None:
    row = {name: value for name, value in VROEG.items() if name != "bedrag_cent"} | {"bedrag_euro": text}
    assert found(check(row)) == {(code, "bedrag_euro")}


@pytest.mark.parametrize(
    "number",
    [
        "0612345678",
        "06-12345678",
        "+31612345678",
        "0031 6 12345678",
        "(030) 1234567",
        "+31 (0)30 1234567",
        "+32 475 123456",
    ],
)
def test_telephone_numbers_as_people_write_them(number: str) -> None:
    assert found(check(VROEG | {"telefoon": number})) == set()


def test_a_date_of_birth_that_nobody_asked_for_is_neither_judged_nor_kept() -> None:
    row = VROEG | {"geboortedatum": "1980-01-01"}
    assert check(row).typed["geboortedatum"].to_pylist() == [None]
    assert found(check(VROEG | {"geboortedatum": "x"})) == set()
    asked = Rules(TODAY, ("Huur",), geboortedatum=True)
    assert check(row, rules=asked).typed["geboortedatum"].to_pylist() == [date(1980, 1, 1)]
    assert found(check(VROEG | {"geboortedatum": "2026-07-02"}, rules=asked)) == {("E-VLD-06", "geboortedatum")}


def test_a_refusal_suggests_the_nearest_code() -> None:
    details = {}
    for wrong in ("Enrgie", "qqqq"):
        checked = check(VROEG | {"sector": wrong})
        details[wrong] = json.loads(checked.reasons["detail"][0].as_py())["suggestie"]
    assert details == {"Enrgie": "Energie", "qqqq": f"{', '.join(SIGNAALPARTNER.waarden[:-1])} of Zorg"}


def test_every_reason_becomes_a_sentence_without_the_value_that_was_wrong() -> None:
    listed = ("E-VLD-01", "E-VLD-04")  # words that every partner may read: nothing, ACTUALISATIE, antwoordnummer
    changes = [change for row, change, code, _ in WRONG if row is VROEG and code not in listed]
    checked = check(*(VROEG | change for change in changes))
    spoken = "\n".join(sentences(checked.reasons["code"], checked.reasons["detail"]).to_pylist())
    secret = [value for change in changes for value in change.values() if len(value) > 4]
    assert spoken
    assert [value for value in secret if value in spoken] == []


def test_an_empty_block_has_nothing_to_say() -> None:
    empty = pa.table({name: pa.array([], pa.string()) for name in VROEG} | {"regelnr": pa.array([], pa.int64())})
    checked = validate(empty, HUUR)
    assert (checked.typed.num_rows, checked.reasons.num_rows, len(checked.accepted)) == (0, 0, 0)
    assert checked.typed.schema == TYPED


ANY = st.one_of(
    st.just(""), st.sampled_from(["J", "N", "VROEG", "2026-01-01", "12", "1234AB", "-1"]), st.text(max_size=5)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(sorted(KOLOMMEN)), ANY), min_size=1, max_size=5))
def test_no_text_breaks_the_rules_and_only_sound_rows_are_accepted(rows: list[dict[str, str]]) -> None:
    rows = [{name: text.encode("utf-8", "replace").decode() for name, text in row.items()} for row in rows]
    checked = check(*rows, rules=Rules(TODAY, ("Huur", "Energie"), geboortedatum=True))
    refused = {row["regelnr"] for row in checked.reasons.to_pylist() if row["code"].startswith("E-")}
    assert checked.accepted.tolist() == [number not in refused for number in range(2, 2 + len(rows))]
    assert len(sentences(checked.reasons["code"], checked.reasons["detail"])) == checked.reasons.num_rows
    for row in checked.rows.to_pylist():
        assert row["soort"] is not None
        assert row["signaal_id"] is not None
