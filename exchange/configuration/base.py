"""What every model of the configuration shares."""

from __future__ import annotations

from datetime import time

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """Frozen, and an unknown key is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def wrong(problem: str, mend: str) -> PydanticCustomError:
    """The error of our own rules: what is wrong and how to mend it, in Dutch."""
    return PydanticCustomError("nachtpost", "{problem}", {"problem": problem, "mend": mend})


def exists_every_day(value: time) -> time:
    """Refuse an hour that the clock skips in March and has twice in October."""
    if value.hour == 2:
        raise wrong(
            "tussen 02:00 en 03:00 bestaat in maart een uur niet en in oktober een uur dubbel",
            "Kies een tijd buiten dat uur, bijvoorbeeld 04:30.",
        )
    return value
