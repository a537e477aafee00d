"""An export in a partner's own columns, forms and codes becomes SIG1; what it says otherwise is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.signaal import KOLOMMEN, KOPPEN_VERPLICHT, VOORWAARDEN
from transforms.answer import correction_rows
from transforms.lines import blocks, read_header, scan
from transforms.parse import check_header, parse
from transforms.profile import SIG1, Bedragvorm, Profile, date_pattern
from transforms.validate import Checked, Rules, validate
from transforms.wording import worded

TODAY = date(2026, 7, 1)
HUUR = Rules(TODAY, ("Huur",), verklaring_kolommen=frozenset(VOORWAARDEN))
KOMMA, PUNT = Bedragvorm(",", "."), Bedragvorm(".", ",")
PROFILE = Profile(
    kolommen={
        "signaal_id": "Kenmerk",
        "achternaam": "Naam huurder",
        "huisnummer": "Huisnr",
        "bedrag_euro": "Saldo",
        "peildatum": "Stand per",
        "oudste_vervaldatum": "Oudste post",
        "herinnering_datum": "Brief",
        "maanden_achterstand": "Mnd",
        "huidige_klant": "Klant?",
    },
    negeer=frozenset({"Wijkbeheerder"}),
    vast={"soort": "VROEG"},
    codes={"huidige_klant": {"Ja": "J", "Nee": "N"}, "reden_intrekking": {"B": "BETAALD", "O": "OVERIG"}},
    datumvorm="dd-mm-jjjj",
    bedragvorm=KOMMA,
    splitsen=True,
)
EXPORT = {
    "Kenmerk": "K1-2026-06-30",
    "Naam huurder": "Jansen",
    "Huisnr": "12A",
    "postcode": "1234AB",
    "woonplaats": "Utrecht",
    "Saldo": "1.234,56",
    "Stand per": "30-06-2026",
    "Oudste post": "01-04-2026",
    "Brief": "01-06-2026",
    "Mnd": "2",
    "Klant?": "Ja",
}


def check(*rows: Mapping[str, str], profile: Profile = PROFILE) -> tuple[Checked, pa.Table]:
    """The rows as checked, and as the partner wrote them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in names}
    own = pa.table(columns | {"regelnr": pa.array(range(2, 2 + len(rows)), pa.int64())})
    mapped = profile.apply(own)
    return validate(mapped.text, HUUR, mapped.onleesbaar), own


def typed(row: Mapping[str, str], profile: Profile = PROFILE) -> dict[str, object]:
    [one] = check(row, profile=profile)[0].typed.to_pylist()
    return dict(one)


def said(row: Mapping[str, str], profile: Profile = PROFILE) -> list[tuple[str, str, str]]:
    """(code, column, sentence) of every reason of a row, as its partner reads it."""
    reasons = check(row, profile=profile)[0].reasons
    names, texts = worded(reasons, profile)
    return list(zip(reasons["code"].to_pylist(), names.to_pylist(), texts.to_pylist(), strict=True))


def test_an_export_becomes_sig1() -> None:
    assert said(EXPORT) == []
    row = typed(EXPORT)
    assert {name: row[name] for name in ("soort", "huisnummer", "huisletter", "bedrag_cent", "huidige_klant")} == {
        "soort": "VROEG",
        "huisnummer": 12,
        "huisletter": "A",
        "bedrag_cent": 123_456,
        "huidige_klant": True,
    }
    assert (row["peildatum"], row["oudste_vervaldatum"]) == (date(2026, 6, 30), date(2026, 4, 1))


def test_a_partner_without_a_profile_keeps_its_table_as_it_is() -> None:
    own = pa.table({"signaal_id": ["1"], "regelnr": pa.array([2], pa.int64())})
    assert SIG1.apply(own).text is own


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        # an amount that the convention cannot read, also where SIG1 would read it
        ("Saldo", "1,234.56", "Saldo heeft niet de juiste vorm. Verwacht: een bedrag in euro met een komma voor de "
         "centen en een punt tussen duizendtallen, bijvoorbeeld 1.234,56. Deze regel is niet verwerkt."),
        ("Saldo", "1234.56", "Saldo heeft niet de juiste vorm."),
        ("Saldo", "12.34", "Saldo heeft niet de juiste vorm."),
        ("Saldo", "1,234", "Saldo heeft niet de juiste vorm."),
        ("Stand per", "2026-06-30", "Stand per heeft niet de juiste vorm. Verwacht: een bestaande datum DD-MM-JJJJ, "
         "bijvoorbeeld 31-03-2026. Deze regel is niet verwerkt."),
        ("Stand per", "31-06-2026", "Stand per heeft niet de juiste vorm."),
        ("Stand per", "06-30-2026", "Stand per heeft niet de juiste vorm."),
        ("Klant?", "J", "Klant? heeft niet de juiste vorm. Verwacht: Ja of Nee, bijvoorbeeld Ja."),
        ("Huisnr", "twaalf", "Huisnr heeft niet de juiste vorm. Verwacht: een huisnummer, zo nodig met een letter of "
         "toevoeging erachter, bijvoorbeeld 12A."),
        ("Naam huurder", "", "Naam huurder is leeg, maar verplicht bij soort VROEG."),
        ("Kenmerk", "a b", "Kenmerk heeft niet de juiste vorm."),
        ("Oudste post", "01-07-2026", "Oudste post ligt na Stand per. Dat kan niet."),
        ("Klant?", "Nee", "Volgens Klant? is niet voldaan aan een voorwaarde voor melden."),
        ("postcode", "12 AB", "postcode heeft niet de juiste vorm."),
    ],
)  # fmt: skip
def test_a_refusal_names_the_column_and_the_form_that_the_partner_knows(column: str, value: str, expected: str) -> None:
    found = [one for one in said(EXPORT | {column: value}) if one[0].startswith("E-")]
    assert [(named, text.startswith(expected)) for _, named, text in found] == [(column, True)], found


def test_a_code_that_is_not_in_the_list_is_told_which_are() -> None:
    profile = replace(PROFILE, vast={}, codes={"soort": {"1": "VROEG", "9": "INTREKKING"}})
    row = {name: value for name, value in EXPORT.items() if name != "Klant?"}
    assert said(row | {"soort": "1"}, profile) == []
    for other in ("VROEG", "2"):  # the partner's list is whole: our own word is not in it
        [(code, column, text)] = said(row | {"soort": other}, profile)
        assert (code, column) == ("E-VLD-03", "soort")
        assert "Bedoelt u 1 of 9?" in text


def test_a_sentence_that_names_columns_itself_names_the_partners() -> None:
    profile = replace(PROFILE, kolommen={**PROFILE.kolommen, "vorig_signaal_id": "Vorig {kenmerk}"})
    row = EXPORT | {"Vorig {kenmerk}": EXPORT["Kenmerk"]}
    [(code, column, text)] = said(row, profile)
    assert (code, column) == ("E-SIG-05", "Vorig {kenmerk}")
    assert text.startswith("Vorig {kenmerk} is gelijk aan Kenmerk.")


def test_a_value_is_read_with_spaces_around_it_and_codes_in_any_case() -> None:
    row = EXPORT | {"Saldo": " 1.234,56 ", "Stand per": "30-06-2026 ", "Klant?": "JA"}
    assert typed(row) == typed(EXPORT)


def test_empty_stays_empty() -> None:
    row = typed(EXPORT | {"Saldo": "", "Stand per": " ", "Huisnr": "", "Klant?": ""})
    assert [row[name] for name in ("bedrag_cent", "peildatum", "huisnummer", "huidige_klant")] == [None] * 4


def test_a_burgerservicenummer_is_seen_in_a_value_that_cannot_be_read() -> None:
    assert ("E-PRV-01", "Saldo") in {(code, column) for code, column, _ in said(EXPORT | {"Saldo": "123456782"})} or (
        typed(EXPORT | {"Saldo": "123456782"})["bedrag_cent"] == 12_345_678_200
    )
    assert {(code, column) for code, column, _ in said(EXPORT | {"Stand per": "123456782"})} == {
        ("E-VLD-02", "Stand per"),
        ("E-PRV-01", "Stand per"),
    }


@pytest.mark.parametrize(
    ("given_", "parts"),
    [
        ("12", ("12", None, None)),
        ("12A", ("12", "A", None)),
        ("12-a", ("12", "a", None)),
        ("12 A 2", ("12", "A", "2")),
        ("12A2", ("12", "A", "2")),
        ("12bis", ("12", None, "bis")),
        ("12-3", ("12", None, "3")),
        ("12/hs", ("12", None, "hs")),
    ],
)
def test_a_house_number_is_split(given_: str, parts: tuple[str, str | None, str | None]) -> None:
    row = typed(EXPORT | {"Huisnr": given_})
    assert (str(row["huisnummer"]), row["huisletter"], row["toevoeging"]) == parts


@pytest.mark.parametrize("value", ["A12", "123456", "12 achter", "12;A", "-", "12A-12345"])
def test_a_house_number_that_cannot_be_split_is_refused(value: str) -> None:
    assert [(code, column) for code, column, _ in said(EXPORT | {"Huisnr": value})] == [("E-VLD-02", "Huisnr")]


def test_a_toevoeging_with_a_column_of_its_own_stands_in_no_other() -> None:
    profile = replace(PROFILE, kolommen={**PROFILE.kolommen, "toevoeging": "Toev"})
    row = typed(EXPORT | {"Toev": "bis"}, profile)
    assert (row["huisnummer"], row["huisletter"], row["toevoeging"]) == (12, "A", "bis")
    found = said(EXPORT | {"Huisnr": "12 hs", "Toev": "bis"}, profile)
    assert [(code, column) for code, column, _ in found] == [("E-VLD-02", "Huisnr")]


cents = st.integers(1, 9_999_999)  # nine digits and more may look like a BSN


def written(cent: int, vorm: Bedragvorm) -> str:
    text = f"{cent // 100:,}".replace(",", vorm.duizendtal)
    return f"{text}{vorm.decimaal}{cent % 100:02d}"


@settings(max_examples=25)  # five validations each
@given(cents)
def test_two_partners_with_opposite_conventions_give_the_same_eurocents(cent: int) -> None:
    amounts = {
        typed(EXPORT | {"Saldo": written(cent, vorm)}, replace(PROFILE, bedragvorm=vorm))["bedrag_cent"]
        for vorm in (KOMMA, PUNT, Bedragvorm(",", " "), Bedragvorm(".", ""), Bedragvorm(",", "'"))
    }
    assert amounts == {cent}


@given(cents, st.booleans())
def test_an_amount_in_the_opposite_convention_is_refused_and_never_another_amount(cent: int, komma: bool) -> None:
    wrote, agreed = (KOMMA, PUNT) if komma else (PUNT, KOMMA)
    row = EXPORT | {"Saldo": written(cent, wrote)}
    profile = replace(PROFILE, bedragvorm=agreed)
    assert typed(row, profile)["bedrag_cent"] is None
    assert [(code, column) for code, column, _ in said(row, profile)] == [("E-VLD-02", "Saldo")]


DAYS = st.dates(date(2000, 1, 1), TODAY - timedelta(days=40))


@given(
    DAYS, st.sampled_from(["dd-mm-jjjj", "d-m-jjjj", "mm/dd/jjjj", "jjjjmmdd", "d.m.jjjj", "jjjj-mm-dd", "dd mm jjjj"])
)
def test_a_date_is_read_in_the_form_that_was_agreed(day: date, vorm: str) -> None:
    parts = {"jjjj": f"{day.year}", "mm": f"{day.month:02d}", "dd": f"{day.day:02d}", "m": f"{day.month}"}
    text = vorm.replace("jjjj", parts["jjjj"]).replace("mm", parts["mm"]).replace("dd", parts["dd"])
    text = text.replace("m", parts["m"]).replace("d", f"{day.day}")
    profile = Profile(kolommen={"peildatum": "Stand"}, datumvorm=vorm)
    assert typed({"Stand": text}, profile)["peildatum"] == day


@pytest.mark.parametrize(
    "vorm", ["dd-mm-jj", "dd-mm", "jjjj-dd-dd", "dmjjjj", "dd-mm/jjjj", "yyyy-mm-dd", "", "dd-mm-jjjj "]
)
def test_what_is_no_form_of_a_date_is_none(vorm: str) -> None:
    with pytest.raises(ValueError, match=vorm or "^$"):
        date_pattern(vorm)


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from([*EXPORT, "reden_intrekking"]), st.text(st.characters(codec="utf-8"), max_size=12))
)
def test_no_text_breaks_a_profile_and_every_reason_can_be_said(row: dict[str, str]) -> None:
    checked, _ = check(row or EXPORT, profile=PROFILE)
    names, texts = worded(checked.reasons, PROFILE)
    assert len(names) == len(texts) == checked.reasons.num_rows
    refused = {one["regelnr"] for one in checked.reasons.to_pylist() if one["code"].startswith("E-")}
    assert checked.accepted.tolist() == [2 not in refused]


def header(columns: list[str], **options: object) -> dict[str, dict[str, str]]:
    found = check_header(columns, verklaard=VOORWAARDEN, profile=PROFILE, **options)  # type: ignore[arg-type]
    return {one.code: dict(one.slots) for one in found}


def test_the_header_is_the_profiles() -> None:
    assert header([*EXPORT, "Wijkbeheerder", "retour_regel"]) == {}


@pytest.mark.parametrize("gone", [name for name in EXPORT if name not in ("Klant?", "Mnd", "Oudste post", "Brief")])
def test_a_column_of_the_partner_that_is_missing_goes_by_the_partners_name(gone: str) -> None:
    assert header([name for name in EXPORT if name != gone])["E-BST-01"] == {"ontbreekt": gone, "onbekend": "geen"}


@pytest.mark.parametrize("name", ["achternaam", "soort", "bedrag_cent", "bedrag_euro", "huisletter", "Afdeling"])
def test_a_column_that_has_another_source_or_none_is_unknown(name: str) -> None:
    assert header([*EXPORT, name])["E-BST-01"] == {"ontbreekt": "geen", "onbekend": name}
    assert header([*EXPORT, name], onbekende_kolommen="negeren") == {}


def test_a_column_of_the_partner_that_stands_there_twice_refuses_the_file() -> None:
    assert header([*EXPORT, "Saldo"]) == {"E-BST-07": {"kolommen": "Saldo"}}


def test_a_column_named_after_a_bsn_refuses_the_file() -> None:
    assert header([*EXPORT, "BSN"]) == {"E-PRV-02": {"kolommen": "BSN"}}


def test_somebody_elses_export_is_not_taken_for_a_header() -> None:
    assert set(header(["a", "b", "Kenmerk"])) == {"E-BST-09"}
    assert set(KOPPEN_VERPLICHT) - set(PROFILE.bron.values()) == {"soort"}


def test_only_the_columns_of_the_profile_are_read_from_the_file() -> None:
    view = memoryview(b"Kenmerk;Wijkbeheerder;Saldo\nK1;De Vries;1,00\n")
    top = read_header(view, ";", "utf-8")
    [block] = blocks(view, top.end, 10)
    text = parse(scan(view, block, separator=";", columns=3), top.columns, ";", "utf-8", PROFILE.bron)
    assert text.to_pylist() == [{"Kenmerk": "K1", "Saldo": "1,00", "regelnr": 2}]


def test_a_correction_goes_back_in_the_partners_own_columns_and_words() -> None:
    klant = PROFILE.kolommen | {"klantnummer": "Klantnr"}
    profile = replace(PROFILE, kolommen=klant)
    row = EXPORT | {"Saldo": "1,234.56", "Klantnr": "123456782"}  # passes the 11-proof, and may
    checked, own = check(row, profile=profile)
    [back] = correction_rows(own, checked.reasons, profile).to_pylist()
    assert {name: back[name] for name in row} == row
    assert back["retour_codes"] == "E-VLD-02"
    assert back["retour_tekst"].startswith("Saldo heeft niet de juiste vorm.")


def test_every_column_of_sig1_may_have_another_name() -> None:
    kolommen = {veld: f"Eigen {veld}" for veld in KOLOMMEN if veld != "bedrag_cent"}
    profile = Profile(kolommen=kolommen)
    assert check_header(list(kolommen.values()), profile=profile) == []
