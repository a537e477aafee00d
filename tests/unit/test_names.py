"""What a delivered file may be called, and whose it is by that name."""

import pytest

from transforms.lines import FileRejected
from transforms.names import Naamvorm, whose

WOON_ZO = Naamvorm("woon-zo")
OTHERS = (Naamvorm("stroom"), Naamvorm("water", r"ACHTERSTAND-\d{6}\.pgp", "ACHTERSTAND-202606.pgp"))


def refusal(bestand: str, own: Naamvorm, *others: Naamvorm) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        whose(bestand, own, others)
    return caught.value


@pytest.mark.parametrize("ending", ["pgp", "gpg", "asc"])
def test_the_layouts_own_name_is_well(ending: str) -> None:
    assert whose(f"VS_SIG_woon-zo_20260630_001.csv.{ending}", WOON_ZO) == "woon-zo"


@pytest.mark.parametrize(
    "bestand",
    [
        "signalen.csv.pgp",
        "VS_SIG_woon-zo_20260630_1.csv.pgp",
        "VS_SIG_woon-zo_20260630_001.csv",
        "VS_SIG_woon-zo_20260630_001.csv.pgp (1)",
        "kopie van VS_SIG_woon-zo_20260630_001.csv.pgp",
    ],
)
def test_another_name_is_told_the_form_and_an_example_that_would_do(bestand: str) -> None:
    found = refusal(bestand, WOON_ZO)
    assert (found.code, found.slots["vorm"]) == ("E-BST-08", "VS_SIG_woon-zo_<jjjjmmdd>_<nnn>.csv.pgp")
    assert whose(found.slots["voorbeeld"], WOON_ZO) == "woon-zo"


def test_a_name_of_its_own_may_be_agreed_with_a_partner() -> None:
    agreed = Naamvorm("woonzo", r"ACHTERSTAND-\d{6}\.pgp", "ACHTERSTAND-202606.pgp")
    assert whose("ACHTERSTAND-202607.pgp", agreed) == "woonzo"
    found = refusal("achterstand.pgp", agreed)
    assert found.slots == {"vorm": agreed.patroon, "voorbeeld": "ACHTERSTAND-202606.pgp"}


def test_the_name_says_for_whom_an_account_delivers() -> None:
    assert whose("VS_SIG_woon-zo_20260630_001.csv.pgp", WOON_ZO, OTHERS) == "woon-zo"
    assert whose("VS_SIG_stroom_20260630_001.csv.pgp", WOON_ZO, OTHERS) == "stroom"
    assert whose("ACHTERSTAND-202607.pgp", WOON_ZO, OTHERS) == "water"


def test_the_name_of_another_is_refused_alike_whether_that_partner_exists_or_not() -> None:
    """Nobody learns from us who else delivers, or how its files are called."""
    for other in ("stroom", "water", "niemand"):
        found = refusal(f"VS_SIG_{other}_20260630_001.csv.pgp", WOON_ZO)
        assert (found.code, found.slots) == ("E-BST-12", {"voorbeeld": WOON_ZO.voorbeeld})
    named, unnamed = (refusal(name, WOON_ZO) for name in ("ACHTERSTAND-202607.pgp", "iets.pgp"))
    assert (named.code, named.slots) == (unnamed.code, unnamed.slots) == ("E-BST-08", unnamed.slots)


def test_a_name_that_could_be_of_two_is_nobodys() -> None:
    broad = Naamvorm("koepel", r".+\.pgp", "alles.pgp")
    assert refusal("VS_SIG_stroom_20260630_001.csv.pgp", broad, *OTHERS).code == "E-BST-12"


def test_an_uitvoerder_has_a_form_of_its_own() -> None:
    zuid = Naamvorm("zuid", soort="TK")
    assert whose("VS_TK_zuid_20260630_001.csv.pgp", zuid) == "zuid"
    assert refusal("VS_SIG_woon-zo_20260630_001.csv.pgp", zuid).code == "E-BST-08"
