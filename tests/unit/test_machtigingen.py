"""machtigingen.csv: which account may deliver for which other partner, and when."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from exchange.configuration import Melder, Partner, Vertegenwoordigde
from exchange.configuration.machtigingen import Machtiging, Machtigingen, check_answered, read

HOSTKEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDgQ2mTrdRy3WsM4fQXbQvWwfJLnkq0lmT0nXQeRzq1p"
HEADER = "gemachtigde;partner;vanaf;tot;bron"


def partner(id: str, **more: Any) -> Partner:
    account = {
        "sftp": {"host": "sftp.example", "gebruiker": id, "hostkeys": [HOSTKEY]},
        "pgp": {"bestand": f"keys/{id}.asc", "vingerafdrukken": ["A" * 40]},
    }
    return Partner.model_validate({"id": id, "naam": id, "sectoren": ["Huur"], **account, **more})


def without_account(id: str, to: str) -> Vertegenwoordigde:
    return Vertegenwoordigde.model_validate({"id": id, "naam": id, "sectoren": ["Huur"], "terugmelding_aan": to})


MELDERS: dict[str, Melder] = {
    "koepel": partner("koepel"),
    "woonzo": partner("woonzo"),
    "woonaf": partner("woonaf", naampatroon=r"AF-\d{4}\.pgp", naamvoorbeeld="AF-0001.pgp"),
    "alles": partner("alles", naampatroon=r".+\.pgp", naamvoorbeeld="iets.pgp"),
    "klein": without_account("klein", "koepel"),
}


def reading(tmp_path: Path, *lines: str, header: str = HEADER) -> tuple[tuple[Machtiging, ...], list[tuple[str, str]]]:
    path = tmp_path / "machtigingen.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8-sig")
    found = read(path, MELDERS, MELDERS)
    assert all(one.file == "machtigingen.csv" and one.mend for one in found.problems)
    return found.geldig, [(one.place, one.problem) for one in found.problems]


def test_without_the_file_every_account_delivers_for_itself_only(tmp_path: Path) -> None:
    assert read(tmp_path / "machtigingen.csv", MELDERS, MELDERS) == Machtigingen()


def test_a_machtiging_holds_on_both_its_days_and_between(tmp_path: Path) -> None:
    found, problems = reading(
        tmp_path, "koepel;woonzo;2026-01-01;2026-06-30;brief 12", "", "koepel;klein;2026-01-01;;raamcontract"
    )
    assert problems == []
    first, second = found
    days = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1))
    assert [first.holds(day) for day in days] == [False, True, True, False]
    assert second.holds(date(2999, 1, 1))
    assert (first.bron, second.partner) == ("brief 12", "klein")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("niemand;woonzo;2026-01-01;;brief", "partner niemand kennen wij niet"),
        ("koepel;niemand;2026-01-01;;brief", "partner niemand kennen wij niet"),
        ("koepel;koepel;2026-01-01;;brief", "koepel machtigt zichzelf"),
        ("klein;woonzo;2026-01-01;;brief", "gemachtigde klein heeft zelf geen account"),
        ("koepel;woonzo;2026-06-30;2026-01-01;brief", "tot ligt vóór vanaf"),
        ("koepel;woonzo;;;brief", "vanaf is geen datum"),
        ("koepel;woonzo;01-01-2026;;brief", "vanaf is geen datum"),
        ("koepel;woonzo;2026-01-01;2026-02-30;brief", "tot is geen datum"),
        ("koepel;woonzo;2026-01-01;;", "bron is leeg"),
        ("koepel;woonzo;2026-01-01", "deze regel heeft 3 velden in plaats van 5"),
    ],
)
def test_a_wrong_line_is_named_with_its_mend(tmp_path: Path, line: str, said: str) -> None:
    found, [(place, problem)] = reading(tmp_path, "koepel;woonaf;2026-01-01;;brief", line)
    assert place == "regel 3"
    assert said in problem
    assert [one.partner for one in found] == ["woonaf"]


def test_a_column_too_few_refuses_the_file(tmp_path: Path) -> None:
    assert reading(tmp_path, header="gemachtigde;partner;vanaf;tot") == (
        (),
        [("regel 1", "de kolomkoppen kloppen niet")],
    )


def test_machtigingen_of_one_pair_may_follow_but_not_overlap(tmp_path: Path) -> None:
    first = "koepel;woonzo;2026-01-01;2026-06-30;brief"
    assert reading(tmp_path, first, "koepel;woonzo;2026-07-01;;brief 2")[1] == []
    assert reading(tmp_path, first, "woonaf;woonzo;2026-01-01;;brief 2")[1] == []  # two may deliver for one
    [(place, problem)] = reading(tmp_path, first, "koepel;woonzo;2026-06-30;;brief 2")[1]
    assert (place, "regel 2" in problem) == ("regel 3", True)


def test_names_of_one_account_can_be_told_apart(tmp_path: Path) -> None:
    def unclear(*lines: str) -> list[tuple[str, bool]]:
        return [(place, "is niet te zien of het" in problem) for place, problem in reading(tmp_path, *lines)[1]]

    assert unclear("woonzo;woonaf;2026-01-01;;brief", "woonzo;koepel;2026-01-01;;brief") == []
    assert unclear("koepel;alles;2026-01-01;;brief") == [("regel 2", True)]  # its own name is one of alles as well
    both = "alles;woonaf;2026-01-01;2026-06-30;brief", "alles;woonzo;2026-07-01;;brief"
    assert unclear(*both) == [("regel 2", True), ("regel 3", True)]


def test_whoever_has_no_account_names_one_that_may_deliver_for_it() -> None:
    def said(melder: Vertegenwoordigde, *held: Machtiging) -> list[str]:
        melders = {id: one for id, one in MELDERS.items() if id != "klein"} | {melder.id: melder}
        return [one.problem for one in check_answered(melders, melders, Machtigingen(held))]

    held = Machtiging("koepel", "nieuw", date(2026, 1, 1), date.max, "brief")
    assert said(without_account("nieuw", "koepel"), held) == []
    assert said(without_account("nieuw", "koepel")) == ["koepel heeft geen machtiging voor nieuw"]
    assert said(without_account("nieuw", "niemand"), held) == ["niemand is geen partner met een account"]
    assert said(without_account("nieuw", "nieuw"), held) == ["nieuw is geen partner met een account"]
