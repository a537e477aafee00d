"""References survive people, hashes survive spelling."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import identity
from transforms.identity import ALPHABET, NotASignaalRef, NrOutOfRange, parse_signaal_ref, signaal_ref

KEY = b"k" * 32
NUMBERS = st.integers(0, 2**50 - 1)


def ref(nr: int) -> str:
    return str(signaal_ref(np.array([nr]))[0].as_py())


@given(NUMBERS)
def test_a_reference_reads_back_as_its_nr(nr: int) -> None:
    assert parse_signaal_ref(ref(nr)) == nr


@given(NUMBERS)
def test_a_reference_starts_with_a_letter_and_has_no_letter_that_people_misread(nr: int) -> None:
    assert len(ref(nr)) == 12
    assert ref(nr)[0] == "S"
    assert not set(ref(nr)) & set("ILOU")


@given(NUMBERS, st.integers(1, 11), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(nr: int, place: int, letter: str) -> None:
    good = ref(nr)
    if good[place] != letter:
        with pytest.raises(NotASignaalRef) as refusal:
            parse_signaal_ref(good[:place] + letter + good[place + 1 :])
        assert refusal.value.reason == "check"


@given(NUMBERS, st.integers(1, 11), st.integers(1, 11))
def test_two_swapped_characters_are_noticed(nr: int, one: int, other: int) -> None:
    swapped = list(ref(nr))
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if "".join(swapped) != ref(nr):
        with pytest.raises(NotASignaalRef):
            parse_signaal_ref("".join(swapped))


def test_a_reference_is_read_in_lower_case_with_spaces_dashes_and_o_for_zero() -> None:
    assert parse_signaal_ref(" s0000-0go0 02p ") == 1 << 24 | 2


@pytest.mark.parametrize(
    ("text", "reason"), [("", "length"), ("S123", "length"), ("X00000G0002P", "prefix"), ("S00000G000!P", "character")]
)
def test_what_is_no_reference_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(NotASignaalRef) as refusal:
        parse_signaal_ref(text)
    assert refusal.value.reason == reason
    assert str(refusal.value) == reason


@pytest.mark.parametrize("nr", [-1, 2**50])
def test_a_nr_that_does_not_fit_is_refused(nr: int) -> None:
    with pytest.raises(NrOutOfRange):
        signaal_ref(np.array([nr]))


def address(huisletter: str | None, toevoeging: str | None, postcode: str = "1234AB", huisnummer: object = 12) -> str:
    columns = ([postcode], [huisnummer], [huisletter], [toevoeging])
    kinds = (pa.string(), None, pa.string(), pa.string())
    arrays = (pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True))
    return str(identity.normalise_address(*arrays)[0].as_py())


@pytest.mark.parametrize("parts", [("A", None), ("", "A"), (None, "-A"), ("", " a"), ("", "/A"), ("a", "")])
def test_all_spellings_of_one_addition_are_one_address(parts: tuple[str | None, str | None]) -> None:
    assert address(*parts) == "1234AB|12|A"


def test_spaces_and_case_in_the_postcode_and_zeros_before_the_number_do_not_matter() -> None:
    assert address("", "", "1234 ab", "012") == address("", "", "1234AB", 12) == "1234AB|12|"


def test_the_number_and_the_addition_do_not_run_together() -> None:
    assert address("", "2", huisnummer=1) != address("", "", huisnummer=12)


def test_without_a_postcode_or_number_there_is_no_address() -> None:
    empty = pa.array([None, "1234AB", ""], pa.string())
    numbers = pa.array([1, None, 3], pa.int32())
    found = identity.normalise_address(empty, numbers, pa.array([None] * 3, pa.string()), pa.array([""] * 3))
    assert found.null_count == 3
    hashes = identity.keyed_hash(found, KEY, "adres")
    assert hashes.null_count == 3
    assert identity.melding_nr(identity.melding_bits(found, KEY)).null_count == 3


def test_a_hash_depends_on_value_key_and_domain() -> None:
    value = pa.array(["1234AB|12|"])
    one = identity.keyed_hash(value, KEY, "adres")
    assert one == identity.keyed_hash(value, KEY, "adres")
    assert one.type == pa.int64()
    others = [
        identity.keyed_hash(value, b"q" * 32, "adres"),
        identity.keyed_hash(value, KEY, "klantnummer"),
        identity.keyed_hash(pa.array(["1234AB|13|"]), KEY, "adres"),
    ]
    assert one not in others


def test_a_hash_of_a_slice_with_empty_values_stands_in_its_own_place() -> None:
    values = pa.array(["x", "a", None, "b"]).slice(1)
    found = identity.keyed_hash(values, KEY, "adres").to_pylist()
    assert found[1] is None
    assert found[2] == identity.keyed_hash(pa.array(["b"]), KEY, "adres")[0].as_py()


def test_a_melding_nr_is_the_same_again_and_says_nothing_about_the_hash_of_the_register() -> None:
    place = pa.array(["1234AB|12|", "1234AB|12|A", "1234AB|99999|ZBIS9"])
    bits = identity.melding_bits(place, KEY)
    assert bits == identity.melding_bits(place, KEY)
    numbers = identity.melding_nr(bits).to_pylist()
    assert len(set(numbers)) == 3
    text = numbers[0]
    assert text[:2] == "M-" and len(text) == 14 and set(text[2:]) <= set(ALPHABET)
    assert text != identity.melding_nr(identity.melding_bits(place, b"q" * 32))[0].as_py()
    adres_hash = identity.keyed_hash(place, KEY, "adres")[0].as_py() & (2**64 - 1)
    assert text[2:] != "".join(ALPHABET[(adres_hash >> 59 - 5 * at) & 31] for at in range(12))


def test_a_melding_nr_does_not_depend_on_what_stands_before_it_in_the_column() -> None:
    place = pa.array(["1234AB|12|", None, "5678CD|1|B"])
    assert identity.melding_bits(place.slice(2), KEY)[0] == identity.melding_bits(place, KEY)[2]


def test_content_separates_columns_and_takes_an_absent_one_as_empty() -> None:
    one = pa.table({"a": ["x", None], "b": pa.array([12, None])})
    assert identity.content(one, ["a", "b"]).to_pylist() == ["x\x1f12", "\x1f"]
    assert identity.content(one, ["a", "c", "b"]).to_pylist() == ["x\x1f\x1f12", "\x1f\x1f"]
