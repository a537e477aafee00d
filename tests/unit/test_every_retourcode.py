"""Every published retourcode is really given: by a case here, or by a named test where that takes gpg or a register."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from exchange.configuration.models import IntakeSettings, Profiel
from exchange.steps.check_file import check_file
from schemas.retourcodes import RETOURCODES
from tests.unit import test_follow, test_grenzen, test_names, test_route, test_tk1, test_validate
from tests.unit.test_validate import VROEG
from transforms import answer
from transforms.follow import moved
from transforms.grenzen import Geldend, Venster

TESTS = Path(__file__).parents[1]
NU = datetime(2026, 7, 1, 12, tzinfo=UTC)

#: The tests that make these: they take keys, messages, or what was received before.
ELSEWHERE = {
    "E-PGP-01": "integration/test_pgp.py::test_what_is_not_encrypted_is_refused",
    "E-PGP-02": "integration/test_pgp.py::test_a_message_for_another_key_is_refused_naming_ours",
    "E-PGP-03": "integration/test_pgp.py::test_an_unsigned_message_is_refused",
    "E-PGP-04": "integration/test_pgp.py::test_a_key_is_judged_at_the_moment_of_pickup",
    "E-PGP-05": "integration/test_pgp.py::test_a_flipped_bit_is_refused",
    "E-PGP-06": "integration/test_pgp.py::test_aead_is_refused_with_what_to_change_be_it_whole_or_damaged",
    "E-PGP-07": "integration/test_pgp.py::test_sha1_is_refused",
    "E-PGP-09": "integration/test_night.py::"
    "test_a_partner_that_signs_well_but_cannot_be_answered_is_told_so_and_holds_nobody_up",
    "E-BST-14": "integration/test_pickup_servers.py::"
    "test_a_file_that_is_too_large_is_not_fetched_and_its_partner_hears_so",
    "E-PGP-10": "integration/test_pgp_messages.py::test_a_message_without_mdc_is_told_to_switch_it_on",
    "E-PGP-11": "integration/test_pgp_messages.py::test_a_password_instead_of_our_key_is_told_so",
    "E-PGP-12": "integration/test_pgp_messages.py::test_an_expired_signature_is_told_until_when_it_held",
    "E-PGP-13": "integration/test_pgp_messages.py::test_two_messages_one_behind_another_are_told_to_be_two",
    "E-PGP-14": "integration/test_pgp_messages.py::test_a_key_that_starts_in_the_future_is_told_from_when",
    "W-BST-03": "integration/test_night.py::"
    "test_the_same_bytes_are_answered_as_a_repeat_and_after_a_refusal_checked_anew",
    "W-SIG-06": "integration/test_partner_export.py::"
    "test_a_whole_list_every_night_repeats_what_is_the_same_and_updates_what_changed",
    "W-BST-11": "integration/test_partner_export.py::test_a_gap_in_the_numbers_of_a_day_is_mentioned",
}


def export(*changes: dict[str, str], tail: bytes = b"", header: Callable[[str], str] = str) -> bytes:
    """A partner's file: a good row per change to it, then `tail`."""
    rows = [VROEG | {"signaal_id": f"K{at}", "klantnummer": ""} | change for at, change in enumerate(changes)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    first, _, rest = text.getvalue().partition("\r\n")
    return f"{header(first)}\r\n{rest}".encode() + tail


def read(folder: Path, content: bytes, most: int = 1000, size: int = 10**6) -> set[str]:
    """What a partner hears of a file: the whole of reading it, without a register or overeenkomsten."""
    (folder / "export.csv").write_bytes(content)
    profile = Profiel(id="partner", sectoren=("Huur",))
    found = check_file(folder / "export.csv", profile, None, IntakeSettings(max_bytes=size, max_regels=most), NU)
    return {found.code, *found.redenen["code"].to_pylist()}


BSN = "123456782"
SAME = {"signaal_id": "A"}
FILES: dict[str, Callable[[Path], set[str]]] = {
    "E-PGP-08": lambda folder: read(folder, export({}), size=10),
    "E-BST-01": lambda folder: read(folder, export({}, header=lambda text: text.replace("straat", "weg"))),
    "E-BST-02": lambda folder: read(folder, export({}, tail=b"\xe9\xff\r\n")),
    "E-BST-05": lambda folder: read(folder, b""),
    "E-BST-06": lambda folder: read(folder, export({"bedrag_euro": "1,00"})),
    "E-BST-07": lambda folder: read(folder, export({}, header=lambda text: text.replace("straat", "postcode"))),
    "E-BST-09": lambda folder: read(folder, b"1;VROEG;Jansen\r\n"),
    "E-BST-10": lambda folder: read(folder, export({}, {}), most=2),
    "E-BST-13": lambda folder: read(folder, b"%PDF-1.7\n"),
    "E-RGL-01": lambda folder: read(folder, export({}, tail=b"K;VROEG\r\n")),
    "E-RGL-02": lambda folder: read(folder, export({}, tail=b'K;"VROEG\r\n')),
    "E-RGL-03": lambda folder: read(folder, export({}, tail=b"K;\x00\r\n")),
    "E-RGL-04": lambda folder: read(folder, export({}, tail=b"x" * 10**5 + b"\r\n")),
    "E-PRV-02": lambda folder: read(folder, export({"bsn": ""})),
    "E-PRV-03": lambda folder: read(folder, export(*[{"klantnummer": BSN}] * 20)),
    "E-SIG-01": lambda folder: read(folder, export(SAME, SAME | {"bedrag_cent": "99999"})),
    "W-SIG-02": lambda folder: read(folder, export(SAME, SAME)),
}


def validated(code: str) -> set[str]:
    """What the cases of `test_validate` for this code hear."""
    cases = [row | change for row, change, expected, _ in test_validate.WRONG if expected == code]
    return set(test_validate.check(*cases).reasons["code"].to_pylist())


def undelivered(gemeentecode: str, *, verdeeld: bool) -> list[str]:
    """What DOORGEZET says of a row that was taken out."""
    when = {"nacht": pa.date32(), "doorgezet_op": pa.timestamp("us", "UTC"), "uitvoerder": pa.string()}
    row = {"nr": 1 << 24 | 2, "regelnr": 2, "signaal_id": "A", "staat": "NIET_DOORGEZET"}
    row |= {"verdeeld": verdeeld, "bestemming": gemeentecode}
    rows = pa.table(
        {name: [value] for name, value in row.items()} | {name: pa.nulls(1, of) for name, of in when.items()}
    )
    to = answer.Answered(1, NU, "partner", "a.csv.pgp", "", "")
    told: list[str] = answer.doorgezet_lines(to, rows)["code"].to_pylist()
    return told


def elsewhere() -> list[str]:
    followed = test_follow.one(accepted=test_follow.known(7, 42, "0344"))
    rows = pa.table({"regelnr": [9], "soort": ["ACTUALISATIE"]})
    found: list[str] = moved(rows, followed, pa.array(["0363"]), test_follow.DAY)["code"].to_pylist()
    return found


def routed(table: str | None, supplied: str | None) -> list[str]:
    return [code for _, code, *_ in test_route.facts(test_route.routed([table], [supplied]).reasons)]


def held(**geldend: object) -> list[str]:
    """What a signal of 45 days and EUR 80 hears; of an announced end, one that is near."""
    set_ = Geldend(**geldend)  # type: ignore[arg-type]
    near = {"soort": "EINDELEVERING", "einde": date(2026, 7, 2)} if set_.werkdagen else {}
    return [code for code, _ in test_grenzen.told(set_, **near)]  # type: ignore[arg-type]


def told_before() -> list[str]:
    first = test_tk1.judged(test_tk1.GOOD)
    found: list[str] = test_tk1.judged(test_tk1.GOOD, huidig=first.verteld).redenen["code"].to_pylist()
    return found


def spoken(refusal: Iterable[tuple[str, str]]) -> set[str]:
    return {code for code, _ in refusal}


VALIDATED = sorted({code for _, _, code, _ in test_validate.WRONG})
TK1 = test_tk1.GOOD
CASES: dict[str, Callable[[], Iterable[str]]] = {
    **{code: lambda code=code: validated(code) for code in VALIDATED},  # type: ignore[misc]
    "W-EIN-02": lambda: spoken(test_validate.found(test_validate.check(test_validate.WARNED[0][0]))),
    "E-BST-08": lambda: [test_names.refusal("iets.pgp", test_names.WOON_ZO).code],
    "E-BST-12": lambda: [test_names.refusal("VS_SIG_stroom_20260630_001.csv.pgp", test_names.WOON_ZO).code],
    "E-ROU-01": lambda: routed(None, None),
    "E-ROU-02": lambda: [one[1] for one in test_route.objections([("0599", "VROEG")])],
    "E-ROU-03": lambda: [one[1] for one in test_route.objections([("0363", "VROEG")])],
    "W-ROU-04": lambda: routed("0363", "0344"),
    "E-ROU-05": lambda: routed(None, "0788"),
    "E-ROU-06": lambda: undelivered("0788", verdeeld=True),
    "W-HER-01": lambda: undelivered("0363", verdeeld=False),
    "W-SIG-03": lambda: test_follow.codes(test_follow.one()),
    "E-SIG-04": lambda: test_follow.codes(test_follow.one(overgangsdatum=test_follow.DAY)),
    "E-INT-01": lambda: test_follow.codes(test_follow.one("INTREKKING", postcode="")),
    "W-SIG-07": elsewhere,
    "W-VEN-01": lambda: held(termijn=Venster(60)),
    "E-VEN-01": lambda: held(termijn=Venster(60), weigert=frozenset({"termijn_dagen"})),
    "W-DRE-01": lambda: held(drempel_cent=10_000),
    "E-DRE-01": lambda: held(drempel_cent=10_000, weigert=frozenset({"drempel_euro"})),
    "W-EIN-01": lambda: held(werkdagen=20),
    "E-EXP-01": lambda: held(aangewezen=False),
    "E-TKB-01": lambda: test_tk1.codes(TK1 | {"signaal_ref": test_tk1.UNKNOWN}),
    "E-TKB-02": lambda: test_tk1.codes(TK1 | {"signaal_ref": ""}),
    "E-TKB-03": lambda: test_tk1.codes(TK1 | {"eindresultaat_datum": "2026-04-08"}),
    "W-TKB-04": lambda: test_tk1.codes({"signaal_ref": test_tk1.REF}),
    "W-TKB-05": told_before,
}


@pytest.mark.parametrize("code", CASES)
def test_its_case_is_given_it(code: str) -> None:
    assert set(CASES[code]()) == {code}


@pytest.mark.parametrize("code", FILES)
def test_its_file_is_given_it_and_nothing_else(code: str, tmp_path: Path) -> None:
    assert FILES[code](tmp_path) - {""} == {code}


@pytest.mark.parametrize("code", ELSEWHERE)
def test_the_test_that_is_named_asserts_it(code: str) -> None:
    path, _, name = ELSEWHERE[code].partition("::")
    parsed = ast.parse((TESTS / path).read_text())
    [found] = [node for node in parsed.body if isinstance(node, ast.FunctionDef) and node.name == name]
    asserted = [node for one in ast.walk(found) if isinstance(one, ast.Assert) for node in ast.walk(one)]
    assert code in {node.value for node in asserted if isinstance(node, ast.Constant)}


def test_there_is_one_for_every_code() -> None:
    assert sorted([*CASES, *FILES, *ELSEWHERE]) == sorted(RETOURCODES)
