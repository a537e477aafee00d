"""What a delivered file may be called."""

import pytest

from transforms.lines import FileRejected
from transforms.names import check_name


def refusal(*given: str) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        check_name(*given)
    return caught.value


@pytest.mark.parametrize("ending", ["pgp", "gpg", "asc"])
def test_the_layouts_own_name_is_well(ending: str) -> None:
    check_name(f"VS_SIG_woon-zo_20260630_001.csv.{ending}", "woon-zo")


@pytest.mark.parametrize(
    "bestand",
    [
        "signalen.csv.pgp",
        "VS_SIG_ander_20260630_001.csv.pgp",
        "VS_SIG_woon-zo_20260630_1.csv.pgp",
        "VS_SIG_woon-zo_20260630_001.csv",
        "VS_SIG_woon-zo_20260630_001.csv.pgp (1)",
        "kopie van VS_SIG_woon-zo_20260630_001.csv.pgp",
    ],
)
def test_another_name_is_told_the_form_and_an_example_that_would_do(bestand: str) -> None:
    found = refusal(bestand, "woon-zo")
    assert (found.code, found.slots["vorm"]) == ("E-BST-08", "VS_SIG_woon-zo_<jjjjmmdd>_<nnn>.csv.pgp")
    check_name(found.slots["voorbeeld"], "woon-zo")


def test_a_name_of_its_own_may_be_agreed_with_a_partner() -> None:
    agreed = (r"ACHTERSTAND-\d{6}\.pgp", "ACHTERSTAND-202606.pgp")
    check_name("ACHTERSTAND-202607.pgp", "woonzo", *agreed)
    found = refusal("VS_SIG_woonzo_20260630_001.csv.pgp", "woonzo", *agreed)
    assert found.slots == {"vorm": agreed[0], "voorbeeld": agreed[1]}
