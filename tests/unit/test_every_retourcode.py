"""Every published retourcode has a test that makes the product give it."""

from pathlib import Path

import pytest

from schemas.retourcodes import RETOURCODES

#: These name codes without making anything give them: the list itself, how it is worded, what a sandbox says of itself.
NOT_GIVEN_IN = {Path(__file__).name, "test_retourcodes.py", "test_answer.py", "test_sandbox.py"}
GIVEN = "".join(
    path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py") if path.name not in NOT_GIVEN_IN
)


@pytest.mark.parametrize("code", RETOURCODES)
def test_a_test_makes_the_product_give_it(code: str) -> None:
    assert code in GIVEN
