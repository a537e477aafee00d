"""TK1: what an uitvoerder may tell, how strictly it is read, and that an answer never shows what is another's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from schemas.retourcodes import REASONS
from schemas.terugkoppeling import KOLOMMEN, VERTELD
from schemas.terugmelding import Terugmelding
from transforms import identity, terugkoppeling
from transforms.answer import Answered
from transforms.terugkoppeling import Judged

DAY = date(2026, 4, 10)
KEY = bytes(range(32))
NR = 5 << 24 | 7
[REF] = identity.signaal_ref(np.array([NR])).to_pylist()
OTHERS = identity.signaal_ref(np.array([6 << 24 | 2])).to_pylist()[0]
UNKNOWN = identity.signaal_ref(np.array([99 << 24 | 9])).to_pylist()[0]
BITS = identity.melding_bits(pa.array(["1234AB|12|"]), KEY)
[MELDING] = identity.melding_nr(BITS).to_pylist()
GOOD = {"signaal_ref": REF, "status": "Opgepakt", "status_datum": "2026-04-08"}
EMPTY = pa.table({"signaal_nr": pa.array([], pa.int64()), **{name: pa.array([], pa.string()) for name in VERTELD}})


def judged(*rows: dict[str, str], members: tuple[int, ...] = (), huidig: pa.Table = EMPTY) -> Judged:
    """The verdict on rows of an uitvoerder to whom NR was delivered, and `members` at MELDING."""
    table = pa.table({name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in KOLOMMEN})
    table = table.append_column("regelnr", pa.array(range(2, len(rows) + 2), pa.int64()))
    given = terugkoppeling.read(table, DAY)
    meldingen = pa.table(
        {
            "melding": pa.array(BITS.to_pylist() * len(members), pa.int64()),
            "nr": pa.array(members, pa.int64()),
        }
    )
    return terugkoppeling.judge(given, np.array([NR]), meldingen, huidig)


def codes(row: dict[str, str], **more: Any) -> list[str]:
    found: list[str] = sorted(judged(row, **more).redenen["code"].to_pylist())
    return found


def test_a_row_tells_what_became_of_one_signal() -> None:
    found = judged(
        GOOD
        | {
            "layout": "tk1",
            "status": "opge PAKT",
            "eindresultaat": "vervolghulpen/ofverwijzing",
            "eindresultaat_datum": "2026-04-09",
            "hulp_geaccepteerd": "j",
            "hulp_geaccepteerd_op": "2026-04-08",
            "bereikt": "N",
            "aantal_contactpogingen": "3",
        }
    )
    assert found.redenen.num_rows == 0
    assert found.verteld.to_pylist() == [
        {
            "regelnr": 2,
            "status": "Opgepakt",
            "status_datum": date(2026, 4, 8),
            "eindresultaat": "Vervolghulp en/of verwijzing",
            "eindresultaat_datum": date(2026, 4, 9),
            "hulp_geaccepteerd": True,
            "hulp_geaccepteerd_op": date(2026, 4, 8),
            "bereikt": False,
            "aantal_contactpogingen": 3,
            "signaal_nr": NR,
        }
    ]


def test_a_melding_is_every_signal_of_it_and_of_nothing_else() -> None:
    by_melding = {"melding_nr": MELDING.lower().replace("-", " "), "status": "Opgepakt", "status_datum": "2026-04-08"}
    found = judged(GOOD, by_melding, members=(NR, NR + 1))
    assert found.verteld.select(["regelnr", "signaal_nr"]).to_pylist() == [
        {"regelnr": 2, "signaal_nr": NR},
        {"regelnr": 3, "signaal_nr": NR},
        {"regelnr": 3, "signaal_nr": NR + 1},
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"status": ""}, ["E-VLD-01"]),
        ({"status_datum": ""}, ["E-VLD-01"]),
        ({"status": "", "bereikt": "J", "status_datum": ""}, ["E-VLD-01", "E-VLD-01"]),
        ({"status": "Oppgepakt"}, ["E-VLD-03"]),
        ({"status_datum": "08-04-2026"}, ["E-VLD-02"]),
        ({"status_datum": "2026-04-11"}, ["E-VLD-06"]),
        ({"hulp_geaccepteerd": "ja"}, ["E-VLD-02"]),
        ({"aantal_contactpogingen": "veel"}, ["E-VLD-02"]),
        ({"aantal_contactpogingen": "123456782"}, ["E-PRV-01", "E-VLD-02"]),
        ({"signaal_ref": "S1"}, ["E-VLD-02"]),
        ({"signaal_ref": ""}, ["E-TKB-02"]),
        ({"melding_nr": MELDING}, ["E-TKB-02"]),
        ({"eindresultaat": "Geen reactie na eerder contact"}, ["E-TKB-03"]),
        ({"eindresultaat_datum": "2026-04-08"}, ["E-TKB-03"]),
        ({"hulp_geaccepteerd_op": "2026-04-08"}, ["E-TKB-03"]),
        ({"hulp_geaccepteerd_op": "2026-04-08", "hulp_geaccepteerd": "N"}, ["E-TKB-03"]),
        ({"layout": "TK9"}, ["E-VLD-03"]),
        ({"signaal_ref": UNKNOWN, "status": "x", "status_datum": "y"}, ["E-TKB-01", "E-VLD-02", "E-VLD-03"]),
    ],
)
def test_a_wrong_row_is_refused_with_all_its_reasons(cells: dict[str, str], expected: list[str]) -> None:
    found = judged(GOOD | cells)
    assert sorted(found.redenen["code"].to_pylist()) == expected
    assert found.geweigerd.tolist() == [True]
    assert found.verteld.num_rows == 0


def test_a_refusal_names_the_nearest_value_of_the_list() -> None:
    [detail] = judged(GOOD | {"status": "Oppgepakt"}).redenen["detail"].to_pylist()
    assert '"suggestie": "Opgepakt"' in detail


def test_unknown_and_anothers_reference_get_the_same_answer() -> None:
    """Convenant, Digitaal Meldpunt: nothing tells whether a reference exists elsewhere; nor does a typing error."""
    wrong = REF[:-1] + ("0" if REF[-1] != "0" else "1")
    rows = [GOOD | {"signaal_ref": ref} for ref in (OTHERS, UNKNOWN, wrong)]
    said = [lines(judged(row))[0] for row in rows]
    assert {(line["code"], line["veld"], line["tekst"], line["staat"]) for line in said} == {
        (
            "E-TKB-01",
            "signaal_ref",
            "Dit signaal_ref of melding_nr hoort niet bij een signaal dat aan u is geleverd. "
            "Deze regel is niet verwerkt. Controleer de schrijfwijze.",
            "AFGEKEURD",
        )
    }
    assert codes({"melding_nr": "M-0123456789AB", "status": "Opgepakt", "status_datum": "2026-04-08"}) == ["E-TKB-01"]


def test_a_row_of_the_template_that_is_not_filled_in_says_nothing_and_is_not_refused() -> None:
    found = judged({"layout": "TK1", "signaal_ref": REF}, {"signaal_ref": OTHERS}, {})
    assert found.staat.to_pylist() == ["WACHTEND"] * 3
    assert found.redenen["code"].to_pylist() == ["W-TKB-04"] * 3
    assert found.verteld.num_rows == 0


def test_what_was_told_before_is_a_repeat_until_something_is_different() -> None:
    first = judged(GOOD | {"bereikt": "J"})
    again = judged(GOOD | {"bereikt": "J"}, GOOD, huidig=first.verteld)
    assert again.staat.to_pylist() == ["DUBBEL", "AANVAARD"]
    assert again.redenen["code"].to_pylist() == ["W-TKB-05"]


def lines(found: Judged) -> list[dict[str, str]]:
    to = Answered(3, datetime(2026, 4, 10, 9, 0, tzinfo=UTC), "uitvoerder-01", "b", "0" * 64, "0" * 64)
    table = terugkoppeling.controle_lines(to, found, REASONS.empty_table(), nacht=date(2026, 4, 11))
    Terugmelding.validate(table.to_pandas(types_mapper=lambda _: pd.ArrowDtype(pa.string())))
    rows: list[dict[str, str]] = table.to_pylist()
    return rows


def test_the_answer_quotes_the_reference_and_never_the_melding() -> None:
    by_melding = {"melding_nr": MELDING, "status": "Opgepakt", "status_datum": "2026-04-08"}
    said = lines(judged(GOOD, by_melding, {"signaal_ref": "S1"}, members=(NR,)))
    assert [(row["regelnr"], row["signaal_ref"], row["staat"], row["nacht"]) for row in said] == [
        ("2", REF, "AANVAARD", "2026-04-11"),
        ("3", "", "AANVAARD", "2026-04-11"),
        ("4", "", "AFGEKEURD", ""),
    ]
    assert MELDING not in str(said)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (KOLOMMEN, []),
        (("melding_nr", "status", "status_datum"), []),
        (("signaal_ref", "status", "status_datum", "retour_regel", "retour_codes", "retour_tekst"), []),
        (("status", "status_datum"), ["E-BST-01"]),
        (("signaal_ref", "status_datum"), ["E-BST-01"]),
        ((*KOLOMMEN, "toelichting"), ["E-BST-01"]),
        ((*KOLOMMEN, "bsn"), ["E-PRV-02"]),
        (("signaal_ref", "status", "status", "status_datum"), ["E-BST-07"]),
        ((REF, "Opgepakt"), ["E-BST-09"]),
    ],
)
def test_the_header_is_that_of_tk1(header: tuple[str, ...], expected: list[str]) -> None:
    assert [one.code for one in terugkoppeling.check_header(list(header), ";")] == expected


def test_the_template_holds_every_signal_in_order_but_no_withdrawal() -> None:
    batch = pa.table({"signaal_ref": [REF, OTHERS, UNKNOWN], "soort": ["VROEG", "INTREKKING", "VROEG"]})
    made = terugkoppeling.template([terugkoppeling.to_answer(batch), terugkoppeling.to_answer(batch.slice(0, 1))])
    assert made.column_names == list(KOLOMMEN)
    assert made["signaal_ref"].to_pylist() == [REF, UNKNOWN, REF]
    filled = {name for name in made.column_names if any(made[name].to_pylist())}
    assert filled == {"layout", "signaal_ref"}


def test_references_are_read_as_people_type_them_in_columns_as_one_by_one() -> None:
    typed = [REF, REF.lower(), f" {REF[:4]}-{REF[4:]} ", REF[:-1], "", "é" * 6, UNKNOWN, None]
    assert identity.signaal_nrs(pa.array(typed)).to_pylist() == [NR, NR, NR, None, None, None, 99 << 24 | 9, None]
    assert identity.melding_numbers(pa.array([MELDING, MELDING[:-1], None])).to_pylist() == [
        BITS[0].as_py(),
        None,
        None,
    ]
