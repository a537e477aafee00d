"""Three months, three partners, two gemeenten and a merger: every file that every party receives, byte for byte.

Expected are the files in `verwacht/<party>/`, as their receiver decrypts them; hashes of ciphertext and the head of the
ledger are masked. `python -m tests.scenario.test_three_months` writes them anew: read the difference before you commit.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.scenario.story import ENERGIE, HUUR, WATER, story
from tests.scenario.world import Told, world

EXPECTED = Path(__file__).parent / "verwacht"
#: What would give away another partner's signal: how each names its own, its customer number and its amounts.
OWN = {
    HUUR: r"HU-\d|82000|820,00|123000|1230,00|0612340001",
    ENERGIE: r"EN-\d|E-778812|24550|245,50|31000|310,00|40000|400,00|0612340002",
    WATER: r"WA-\d|W20417|\b9000\b|90,00",
}


def played(folder: Path) -> dict[str, Told]:
    """Everything that every party received."""
    with world(folder) as lived:
        lived.play(story())
        return lived.received


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    return played(tmp_path_factory.mktemp("scenario") / "s")


def test_every_party_receives_exactly_what_is_expected(received: dict[str, Told]) -> None:
    expected = {str(path.relative_to(EXPECTED)): path.read_bytes() for path in EXPECTED.rglob("*") if path.is_file()}
    found = {f"{party}/{place}": content for party, told in received.items() for place, content in told.items()}
    assert sorted(found) == sorted(expected)
    for place, content in found.items():
        assert content.decode() == expected[place].decode(), place


@pytest.mark.parametrize("partner", sorted(OWN))
def test_no_partner_reads_anything_of_another(received: dict[str, Told], partner: str) -> None:
    others = re.compile("|".join(own for other, own in OWN.items() if other != partner))
    for place, content in received[partner].items():
        assert not others.search(content.decode()), place
        assert not re.search(r"M-[0-9A-Z]{12}|MEERVOUDIG", content.decode()), place


def test_a_signal_that_was_withdrawn_before_the_night_reached_nobody(received: dict[str, Told]) -> None:
    for uitvoerder in ("uitvoerder-01", "uitvoerder-02"):
        assert not any(b"W20417" in content for content in received[uitvoerder].values())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        told = played(Path(name) / "s")
    shutil.rmtree(EXPECTED, ignore_errors=True)
    for party, files in told.items():
        for place, content in files.items():
            path = EXPECTED / party / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
