"""What a partner reads back: every row once per reason, nothing personal, nothing of another partner."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from schemas import retourcodes, terugmelding
from schemas.retourcodes import no_reasons, reasons
from transforms import answer, csvbytes, identity
from transforms.answer import Answered
from transforms.repeats import Repeats
from transforms.verdict import Judged

MOMENT = datetime(2026, 6, 9, 10, 0, tzinfo=UTC)
NIGHT = date(2026, 6, 10)
TO = Answered(7, MOMENT, "woonvast", "VS_SIG_woonvast_20260609_001.csv.pgp", "a" * 64, "b" * 64)
RECEIVERS = {"0363|Huur": "Wijkteam Amsterdam", "0344|Huur": "Stadsteam Utrecht"}


def judged(*rows: tuple[int, str, str], redenen: pa.Table | None = None) -> Judged:
    """A block of (regelnr, signaal_id, verdict): the gemeentecode of an accepted row, DUBBEL or AFGEKEURD."""
    verdicts = np.array([verdict for _, _, verdict in rows], object)
    dubbel, refused = verdicts == "DUBBEL", verdicts == "AFGEKEURD"
    table = pa.table(
        {
            "regelnr": pa.array([regelnr for regelnr, _, _ in rows], pa.int64()),
            "signaal_id": pa.array([id for _, id, _ in rows], pa.string()),
            # a refused row has a gemeente too: the answer must not tell
            "gemeentecode": pa.array(["0363" if len(v) > 4 else v for v in verdicts], pa.string()),
            "sector": pa.array(["Huur"] * len(rows), pa.string()),
            "spoed": pa.array([id.startswith("SPOED") for _, id, _ in rows], pa.bool_()),
            "melding_nr": pa.array(["M-000000000000"] * len(rows), pa.string()),
        }
    )
    none = np.zeros(len(rows), bool)
    repeats = Repeats(fresh=~dubbel & ~refused, dubbel=dubbel, conflict=none, update=none)
    return Judged(table, redenen if redenen is not None else no_reasons(), repeats, geweigerd=refused)


def why(regelnr: int, code: str, veld: str = "", **slots: str) -> pa.Table:
    return reasons(np.array([regelnr]), code, veld, slots)


def frame(table: pa.Table) -> pd.DataFrame:
    """The table as a reader of the file gets it, proven to be TM1."""
    lines = list(csv.DictReader(io.StringIO(csvbytes.to_csv(table).decode(), newline=""), delimiter=";"))
    text = pd.DataFrame(lines, columns=list(terugmelding.COLUMNS), dtype=pd.ArrowDtype(pa.string()))
    return terugmelding.Terugmelding.validate(text)


def controle(block: Judged, broken: pa.Table | None = None) -> pd.DataFrame:
    given = broken if broken is not None else no_reasons()
    return frame(answer.controle_lines(TO, block, given, nacht=NIGHT, uitvoerders=RECEIVERS))


def test_ontvangst_says_that_the_file_came_in() -> None:
    line = frame(answer.ontvangst(TO)).iloc[0]
    assert (line["soort"], line["niveau"], line["staat"], line["reden_nr"]) == ("ONTVANGST", "BESTAND", "", "0")
    assert (line["bestand"], line["bestand_sha256"]) == (TO.bestand, TO.sha256)
    assert (line["terugmelding_nr"], line["tijdstip"]) == ("7", "2026-06-09T12:00:00+02:00")
    assert line["logboek_kop"] == TO.head


@pytest.mark.parametrize(
    ("code", "slots", "staat"),
    [("E-PGP-01", {}, "AFGEKEURD"), ("W-BST-03", {"tijdstip": "2026-06-08T12:00:00+02:00"}, "DUBBEL")],
)
def test_ontvangst_of_a_file_that_is_not_read_gives_the_code_and_zero_rows(
    code: str, slots: dict[str, str], staat: str
) -> None:
    line = frame(answer.ontvangst(TO, code, slots)).iloc[0]
    assert (line["staat"], line["code"], line["ernst"], line["regels"]) == (staat, code, code[0], "0")
    assert line["tekst"] == retourcodes.sentence(code, slots)


def test_an_accepted_row_without_a_reason_is_one_line_with_its_destination() -> None:
    line = controle(judged((2, "A-1", "0344"))).iloc[0]
    assert (line["regelnr"], line["signaal_id"], line["staat"], line["reden_nr"]) == ("2", "A-1", "AANVAARD", "0")
    assert (line["gemeentecode"], line["gemeente"], line["uitvoerder"]) == ("0344", "Utrecht", "Stadsteam Utrecht")
    assert line["nacht"] == "2026-06-10"
    assert (line["code"], line["tekst"], line["signaal_ref"]) == ("", "", "")


def test_every_reason_is_a_line_and_the_file_s_order_is_kept() -> None:
    redenen = pa.concat_tables(
        [
            why(5, "E-VLD-01", "peildatum", soort="VROEG"),
            why(3, "W-EIN-01", "gebeurtenis_datum", werkdagen="20"),
            why(5, "E-ROU-01", "postcode"),
        ]
    )
    block = judged((2, "a", "0363"), (3, "b", "0363"), (5, "c", "AFGEKEURD"), (6, "d", "0363"), redenen=redenen)
    found = controle(block)
    assert found["regelnr"].tolist() == ["2", "3", "5", "5", "6"]
    assert found["reden_nr"].tolist() == ["0", "1", "1", "2", "0"]
    assert found["code"].tolist() == ["", "W-EIN-01", "E-VLD-01", "E-ROU-01", ""]
    assert found["ernst"].tolist() == ["", "W", "E", "E", ""]
    assert found["staat"].tolist() == ["AANVAARD", "AANVAARD", "AFGEKEURD", "AFGEKEURD", "AANVAARD"]
    assert found["tekst"][2] == retourcodes.sentence("E-VLD-01", {"veld": "peildatum", "soort": "VROEG"})


def test_a_row_that_is_not_accepted_has_no_destination() -> None:
    redenen = pa.concat_tables([why(2, "W-SIG-02", "signaal_id"), why(3, "E-SIG-01", "signaal_id")])
    found = controle(judged((2, "a", "DUBBEL"), (3, "b", "AFGEKEURD"), redenen=redenen))
    assert found["staat"].tolist() == ["DUBBEL", "AFGEKEURD"]
    assert found["signaal_id"].tolist() == ["a", "b"]
    for column in ("gemeentecode", "gemeente", "uitvoerder", "nacht"):
        assert found[column].tolist() == ["", ""], column


def test_a_line_that_could_not_be_read_as_a_row_is_answered_too() -> None:
    found = controle(judged((2, "a", "0363"), (4, "b", "0363")), why(3, "E-RGL-02"))
    assert found["regelnr"].tolist() == ["2", "3", "4"]
    assert found["staat"].tolist() == ["AANVAARD", "AFGEKEURD", "AANVAARD"]
    assert found["signaal_id"].tolist() == ["a", "", "b"]


def test_an_accepted_row_names_the_night_in_which_its_uitvoerder_receives() -> None:
    block = judged((2, "a", "0363"), (3, "b", "0344"), (4, "c", "AFGEKEURD"))
    later = {"0363|Huur": NIGHT + timedelta(days=3)}
    lines = answer.controle_lines(TO, block, no_reasons(), nacht=NIGHT, uitvoerders=RECEIVERS, nachten=later)
    assert frame(lines)["nacht"].tolist() == [str(NIGHT + timedelta(days=3)), str(NIGHT), ""]


def test_a_block_of_only_unreadable_lines_is_answered() -> None:
    found = controle(judged(), why(2, "E-ROU-01"))
    assert found[["regelnr", "staat"]].to_numpy().tolist() == [["2", "AFGEKEURD"]]


def test_what_stands_where_a_signaal_id_should_is_not_sent_back() -> None:
    redenen = pa.concat_tables(
        [
            why(2, "E-VLD-02", "signaal_id", vorm="x", voorbeeld="y"),
            why(3, "E-PRV-01", "signaal_id"),
            why(4, "E-PRV-01", "achternaam"),
        ]
    )
    block = judged(
        (2, "Jan de Vries", "AFGEKEURD"), (3, "123456782", "AFGEKEURD"), (4, "A-4", "AFGEKEURD"), redenen=redenen
    )
    assert controle(block)["signaal_id"].tolist() == ["", "", "A-4"]


def test_nothing_that_links_partners_stands_in_the_layout() -> None:
    assert not {"melding_nr", "matching", "opeenvolgend", "aantal_signalen_melding"} & set(terugmelding.COLUMNS)
    assert (
        "M-000000000000"
        not in csvbytes.to_csv(
            answer.controle_lines(TO, judged((2, "a", "0363")), no_reasons(), nacht=NIGHT, uitvoerders=RECEIVERS)
        ).decode()
    )


def closing(moment: datetime, **counts: int) -> pd.Series[Any]:
    to = Answered(7, moment, "woonvast", TO.bestand, TO.sha256, TO.head)
    return frame(answer.controle_bestand(to, counts, nacht=NIGHT, sluitingstijd=time(4, 0))).iloc[0]


def test_the_last_line_counts_and_balances() -> None:
    line = closing(MOMENT, regels=10, aanvaard=6, afgekeurd=3, dubbel=1, ingetrokken=2)
    assert (line["regels"], line["aanvaard"], line["wachtend"]) == ("10", "6", "4")
    places = ("afgekeurd", "dubbel", "ingetrokken", "niet_doorgezet", "aangehouden", "wachtend", "doorgezet")
    assert sum(int(line[name]) for name in places) == 10


@pytest.mark.parametrize(
    ("moment", "night"),
    [
        (datetime(2026, 6, 9, 10, 0, tzinfo=UTC), "2026-06-10"),
        (datetime(2026, 6, 9, 23, 0, tzinfo=UTC), "2026-06-10"),  # 01:00 in Amsterdam: before closing time
        (datetime(2026, 6, 10, 2, 15, tzinfo=UTC), "2026-06-11"),  # 04:15: closed
    ],
)
def test_refused_rows_are_invited_for_a_night_that_can_still_be_met(moment: datetime, night: str) -> None:
    line = closing(moment, regels=1, aanvaard=0, afgekeurd=1, dubbel=0)
    assert line["tekst"] == f"Levert u verbeterde regels vóór 04:00 aan, dan gaan ze mee in de nacht van {night}."


def test_without_refused_rows_nobody_is_invited() -> None:
    assert closing(MOMENT, regels=1, aanvaard=1, afgekeurd=0, dubbel=0)["tekst"] == ""


def test_doorgezet_gives_the_shared_reference_and_the_moment() -> None:
    nr = (3 << 24) + 5
    rows = pa.table(
        {
            "nr": pa.array([nr]),
            "regelnr": pa.array([5]),
            "signaal_id": ["A-5"],
            "staat": ["DOORGEZET"],
            "verdeeld": [False],
            "bestemming": ["0363"],
            "uitvoerder": ["Wijkteam Amsterdam"],
            "nacht": pa.array([NIGHT]),
            "doorgezet_op": pa.array([MOMENT], pa.timestamp("us", "UTC")),
        }
    )
    line = frame(answer.doorgezet_lines(TO, rows)).iloc[0]
    assert identity.parse_signaal_ref(line["signaal_ref"]) == nr
    assert (line["regelnr"], line["signaal_id"], line["staat"]) == ("5", "A-5", "DOORGEZET")
    assert (line["gemeente"], line["nacht"]) == ("Amsterdam", "2026-06-10")
    assert line["doorgezet_op"] == "2026-06-09T12:00:00+02:00"
    closed = frame(answer.doorgezet_bestand(TO, {"DOORGEZET": 1, "NIET_DOORGEZET": 2})).iloc[0]
    assert (closed["doorgezet"], closed["niet_doorgezet"], closed["ingetrokken"]) == ("1", "2", "0")


def test_what_never_goes_out_says_why_and_has_no_reference_that_anybody_could_quote() -> None:
    nothing = pa.array([None, None])
    rows = pa.table(
        {
            "regelnr": pa.array([5, 6], pa.int64()),
            "signaal_id": ["A-5", "A-6"],
            "nr": pa.array([4 << 24 | 5, 4 << 24 | 6], pa.int64()),
            "staat": ["NIET_DOORGEZET", "INGETROKKEN"],
            "verdeeld": [False, False],
            "bestemming": ["0363", "0363"],
            "uitvoerder": ["Schuldhulp Noord", None],
            "nacht": nothing.cast(pa.date32()),
            "doorgezet_op": nothing.cast(pa.timestamp("us", "UTC")),
        }
    )
    repeat, withdrawn = (line for _, line in frame(answer.doorgezet_lines(TO, rows)).iterrows())
    assert (repeat["staat"], repeat["code"], repeat["ernst"], repeat["reden_nr"]) == (
        *("NIET_DOORGEZET", "W-HER-01", "W"),
        "1",
    )
    assert "niet doorgezet" in repeat["tekst"]
    assert (withdrawn["staat"], withdrawn["code"], withdrawn["tekst"]) == ("INGETROKKEN", "", "")
    for line in (repeat, withdrawn):
        assert (line["signaal_ref"], line["uitvoerder"], line["nacht"], line["doorgezet_op"]) == ("", "", "", "")


def test_what_was_for_a_gemeente_that_has_been_divided_hears_among_which_to_choose() -> None:
    """Haaren went to four gemeenten in 2021. What was delivered or left out as a repeat before says nothing of it."""
    rows = pa.table(
        {
            "regelnr": pa.array([5, 6, 7], pa.int64()),
            "signaal_id": ["A-5", "A-6", "A-7"],
            "nr": pa.array([4 << 24 | 5, 4 << 24 | 6, 4 << 24 | 7], pa.int64()),
            "staat": ["NIET_DOORGEZET", "DOORGEZET", "NIET_DOORGEZET"],
            "verdeeld": [True, False, False],
            "bestemming": ["0788", "0788", "0788"],
            "uitvoerder": [None, "Schuldhulp Noord", None],
            "nacht": pa.array([None, date(2020, 12, 31), None]),
            "doorgezet_op": pa.array([None, MOMENT, None], pa.timestamp("us", "UTC")),
        }
    )
    divided, delivered, repeat = (line for _, line in frame(answer.doorgezet_lines(TO, rows)).iterrows())
    assert (divided["code"], divided["ernst"], divided["signaal_ref"]) == ("E-ROU-06", "E", "")
    assert "Haaren opgegaan in meer dan één gemeente: Boxtel, Oisterwijk, Tilburg, Vught" in divided["tekst"]
    assert (delivered["code"], delivered["ernst"], delivered["tekst"]) == ("", "", "")
    assert repeat["code"] == "W-HER-01"


def test_a_controle_says_of_an_urgent_signal_that_goes_at_once_that_it_goes_today() -> None:
    found = controle(judged((2, "A-1", "0344"), (3, "SPOED-1", "0344")))
    assert found["nacht"].tolist() == [str(NIGHT), "2026-06-09"]


def text(**columns: list[str]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({**columns, "regelnr": pa.array(range(2, 2 + rows), pa.int64())})


def test_the_correction_file_is_the_partner_s_own_row_with_line_codes_and_sentences() -> None:
    redenen = pa.concat_tables([why(2, "E-VLD-01", "peildatum", soort="VROEG"), why(2, "E-ROU-01", "postcode")])
    made = answer.correction_rows(text(signaal_id=["a"], Eigen=["=1+1"]), redenen).to_pylist()
    assert list(made[0]) == ["signaal_id", "Eigen", "retour_regel", "retour_codes", "retour_tekst"]
    assert made[0]["Eigen"] == "=1+1"
    assert (made[0]["retour_regel"], made[0]["retour_codes"]) == ("2", "E-ROU-01 E-VLD-01")
    assert made[0]["retour_tekst"].endswith(retourcodes.sentence("E-VLD-01", {"veld": "peildatum", "soort": "VROEG"}))


@pytest.mark.parametrize("code", ["E-VWD-01", "E-PRV-01"])
def test_a_row_refused_on_a_condition_or_a_bsn_does_not_travel_back(code: str) -> None:
    redenen = pa.concat_tables([why(2, code, "huidige_klant"), why(2, "E-ROU-01"), why(3, "E-ROU-01")])
    made = answer.correction_rows(text(signaal_id=["a", "b"]), redenen)
    assert made["signaal_id"].to_pylist() == ["b"]


def test_a_bsn_in_a_column_of_the_partner_s_own_does_not_travel_back() -> None:
    redenen = pa.concat_tables([why(2, "E-ROU-01"), why(3, "E-ROU-01")])
    made = answer.correction_rows(text(signaal_id=["a", "b"], Eigen=["nr 123456782", "x"]), redenen)
    assert made["signaal_id"].to_pylist() == ["b"]


def test_the_retour_columns_of_an_earlier_correction_file_are_replaced() -> None:
    made = answer.correction_rows(text(signaal_id=["a"], retour_regel=["99"], retour_tekst=["oud"]), why(2, "E-ROU-01"))
    assert made.column_names == ["signaal_id", "retour_regel", "retour_codes", "retour_tekst"]
    assert made["retour_regel"].to_pylist() == ["2"]


def test_no_refused_rows_are_no_correction_file() -> None:
    assert answer.correction_rows(text(signaal_id=["a"]).slice(1), no_reasons()).num_rows == 0


def test_the_last_line_tells_of_nights_in_which_an_uitvoerder_receives_nothing() -> None:
    counts = {"regels": 1, "afgekeurd": 1, "aanvaard": 0, "dubbel": 0}
    lines = answer.controle_bestand(TO, counts, nacht=NIGHT, sluitingstijd=time(4, 0), elke_nacht=False)
    assert (
        frame(lines)
        .iloc[0]["tekst"]
        .endswith("Ontvangt de uitvoerder dan niets, dan gaan ze mee in zijn eerstvolgende nacht.")
    )
