"""What identifies a row while the hash key is being replaced, and whom a signal is about."""

import numpy as np
import pyarrow as pa
import pytest

from schemas.signaal import TYPED
from transforms.repeats import Accepted, judge
from transforms.verdict import Ids, customers

OLD, NEW = b"o" * 32, b"n" * 32


def typed(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([{"regelnr": at} | row for at, row in enumerate(rows, 2)], schema=TYPED)


def recorded(rows: pa.Table, *keys: bytes) -> Accepted:
    """What the register holds of rows that were accepted under the first of `keys`."""
    ids = Ids.of(rows, 1, "woonvast", keys)
    return Accepted().plus(ids.signaal, ids.inhoud, ids.nr, np.zeros(len(ids.nr), np.int64))


def test_what_an_earlier_key_hashed_is_known_by_the_newest():
    before = typed({"signaal_id": "A", "bedrag_cent": 1}, {"signaal_id": "B", "bedrag_cent": 1})
    now = typed(
        {"signaal_id": "A", "bedrag_cent": 1},
        {"signaal_id": "B", "bedrag_cent": 2},
        {"signaal_id": "C", "vorig_signaal_id": "B"},
    )
    ids = Ids.of(now, 2, "woonvast", [NEW, OLD])
    found = ids.renewed(recorded(before, OLD))
    verdict = judge(ids.signaal, ids.inhoud, np.ones(3, bool), found)
    assert verdict.dubbel.tolist() == [True, False, False]
    assert verdict.conflict.tolist() == [False, True, False]
    followed, at = found.find(np.asarray(ids.vorig.fill_null(0)))
    assert (followed[2], found.nr[at[2]]) == (True, 1 << 24 | 3)


def test_what_the_newest_key_hashed_stays_as_it_is_and_the_register_is_asked_by_every_key():
    rows = typed({"signaal_id": "A"})
    ids = Ids.of(rows, 2, "woonvast", [NEW, OLD])
    assert ids.renewed(recorded(rows, NEW)).signaal_hash.tolist() == ids.signaal.tolist()
    assert set(ids.wanted()) == {recorded(rows, key).signaal_hash[0] for key in (OLD, NEW)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"klantnummer": "7", "achternaam": "Bakker"}, {"klantnummer": "7", "achternaam": "Jansen"}, True),
        ({"klantnummer": "7"}, {"klantnummer": "8"}, False),
        ({"achternaam": "de Vries"}, {"achternaam": "De  Vries"}, True),
        ({"achternaam": "Vries"}, {"achternaam": "Bakker"}, False),
        ({"achternaam": "7"}, {"klantnummer": "7"}, False),
    ],
)
def test_a_customer_is_a_klantnummer_or_else_a_name(one, other, same):
    who = customers(typed(one, other), "woonvast", np.ones(2, bool)).to_pylist()
    assert (who[0] == who[1] and who[0] is not None) == same


def test_nobody_is_hashed_where_nobody_asks():
    assert customers(typed({"klantnummer": "7"}), "woonvast", np.zeros(1, bool)).null_count == 1
