"""The published list of retourcodes: sentences that can be made, and that hold nothing personal."""

import json
import re

import pyarrow as pa
import pytest

from schemas import codelijsten, gemeenten, retourcodes
from schemas.retourcodes import RETOURCODES, SlotMissing, detail, reasons, sentence, sentences

#: Slots whose value comes from a list, a setting, the calendar or a count; anything else could be somebody's.
IMPERSONAL = {
    *("veld", "veld2", "soort", "sectoren", "sector", "termijn", "vorm", "voorbeeld", "suggestie"),
    *("kolommen", "ontbreekt", "onbekend", "codering", "regel", "maximum", "scheidingsteken", "verwacht", "gevonden"),
    *("vingerafdruk", "datum", "tijdstip", "naam", "code", "code1", "code2", "gemeenten", "werkdagen", "bedrag"),
}


@pytest.mark.parametrize("code", RETOURCODES)
def test_every_code_has_a_sentence_a_level_and_a_source(code: str) -> None:
    row = RETOURCODES[code]
    assert re.fullmatch(r"[EWH]-[A-Z]{3}-[0-9]{2}", code)
    assert row.ernst == code[0]
    assert row.bron
    assert row.sleuven <= IMPERSONAL
    text = sentence(code, dict.fromkeys(row.sleuven, "x"))
    assert text.endswith((".", "?"))
    assert "{" not in text


@pytest.mark.parametrize("code", [code for code in RETOURCODES if code.startswith("E-")])
def test_a_refusal_says_what_to_do_next(code: str) -> None:
    asks = (
        r"[Ll]ever|Gebruik|Onderteken|Meld|Controleer|Verwijder|Vul|Kies|Neem|Geef|Zet|Pas|Verwacht|Afgesproken|Is het"
    )
    assert re.search(asks, RETOURCODES[code].tekst)


def test_every_sentence_can_be_written_in_the_smallest_encoding_that_a_partner_may_have() -> None:
    """A correction file is in the partner's own encoding, with our sentences in it."""
    lists = [one for one in vars(codelijsten).values() if isinstance(one, codelijsten.Codelijst)]
    said = [row.tekst for row in RETOURCODES.values()]
    said += [one.naam for one in gemeenten.table().values()]
    said += [waarde for one in lists for waarde in one.waarden]
    "".join(said).encode("windows-1252")


def test_the_layouts_own_sentences_stand_in_the_list() -> None:
    wanted = """E-PGP-01 E-PGP-02 E-PGP-03 E-PGP-04 E-BST-01 E-BST-02 W-BST-03 E-VLD-01 E-VLD-02
    E-PRV-01 E-VWD-01 E-ROU-01 E-ROU-02 E-ROU-03 W-ROU-04 E-SIG-01 W-SIG-02 W-EIN-01"""
    assert set(wanted.split()) <= RETOURCODES.keys()


def test_rows_refused_on_a_condition_or_a_bsn_do_not_travel_back() -> None:
    kept = {code for code, row in RETOURCODES.items() if not row.terug}
    assert kept == {"E-VWD-01", "E-PRV-01", "E-PRV-02", "E-PRV-03"}


def test_a_missing_slot_and_an_unknown_code_are_faults_of_ours() -> None:
    with pytest.raises(SlotMissing) as missing:
        sentence("E-VLD-01", {"veld": "postcode"})
    assert (missing.value.code, missing.value.slot) == ("E-VLD-01", "soort")
    with pytest.raises(KeyError):
        sentence("E-XXX-99", {})


def test_many_reasons_become_sentences_in_their_own_order() -> None:
    codes = ["E-VWD-01", "W-SIG-02", "E-VWD-01", "E-VLD-01"]
    details = ["", "", detail({"veld": "natuurlijk_persoon"}), detail({"soort": "VROEG"})]
    velden = ["huidige_klant", "", "huidige_klant", "postcode"]
    made = sentences(pa.chunked_array([codes[:1], codes[1:]]), pa.array(details), velden).to_pylist()
    expected = [
        sentence(code, {"veld": veld, **json.loads(slots or "{}")})
        for code, slots, veld in zip(codes, details, velden, strict=True)
    ]
    assert made == expected
    assert sentences([], []).to_pylist() == []


def test_reasons_have_one_shape() -> None:
    table = reasons(pa.array([2, 3]).to_numpy(), "E-RGL-02")
    assert table.schema == retourcodes.REASONS == retourcodes.no_reasons().schema
    assert table.to_pylist()[1] == {"regelnr": 3, "code": "E-RGL-02", "veld": "", "detail": ""}
