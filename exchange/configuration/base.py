"""What every model of the configuration shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """Frozen, and an unknown key is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def wrong(problem: str, mend: str) -> PydanticCustomError:
    """The error of our own rules: what is wrong and how to mend it, in Dutch."""
    return PydanticCustomError("nachtpost", "{problem}", {"problem": problem, "mend": mend})
