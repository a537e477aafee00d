"""What pydantic found, said in Dutch: which file, which key, what is wrong and how to mend it.

Values are never repeated, except by our own rules, which know that theirs is not a secret.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from exchange.configuration.models import ACCOUNT, VERBINDING
from exchange.faults import Problem

_TYPES: Mapping[str, tuple[str, str]] = {
    "missing": ("{key} ontbreekt", "Voeg {key} toe."),
    "string_type": ("dit is geen tekst", "Zet de waarde tussen aanhalingstekens."),
    "string_too_short": ("dit is leeg", "Vul een waarde in."),
    "int_type": ("dit is geen geheel getal", "Vul een getal in, zonder aanhalingstekens."),
    "int_parsing": ("dit is geen geheel getal", "Vul een getal in, zonder aanhalingstekens."),
    "int_from_float": ("dit is geen geheel getal", "Vul een getal zonder cijfers achter de punt in."),
    "float_type": ("dit is geen getal", "Vul een getal in, zonder aanhalingstekens."),
    "float_parsing": ("dit is geen getal", "Vul een getal in, zonder aanhalingstekens."),
    "bool_type": ("dit is geen true of false", "Vul true of false in, zonder aanhalingstekens."),
    "bool_parsing": ("dit is geen true of false", "Vul true of false in, zonder aanhalingstekens."),
    "tuple_type": ("dit is geen lijst", "Zet de waarden tussen [ en ]."),
    "dict_type": ("dit is geen onderdeel met sleutels", "Maak er een tabel van: [{key}]."),
    "too_short": ("deze lijst is leeg", "Vul minstens één waarde in."),
    "literal_error": ("dit is geen bekende waarde", "Kies uit: {expected}."),
    "string_pattern_mismatch": ("dit heeft niet de juiste vorm", "Verwacht: {pattern}."),
    "greater_than_equal": ("dit getal is te klein", "Vul {ge} of meer in."),
    "less_than_equal": ("dit getal is te groot", "Vul {le} of minder in."),
    "model_type": ("dit is geen onderdeel met sleutels", "Maak er een tabel van: [{key}]."),
    "model_attributes_type": ("dit is geen onderdeel met sleutels", "Maak er een tabel van: [{key}]."),
}


def from_validation(error: ValidationError, file: str, model: type[BaseModel]) -> list[Problem]:
    """One Problem per error of `error`, which `file` caused when it was read as `model`."""
    errors = error.errors(include_url=False, include_input=False)
    return [_problem(found, file, model) for found in errors if not _follows(found, errors)]


def _follows(found: Any, errors: Sequence[Any]) -> bool:
    """Whether a list only counts as empty because its elements are wrong."""
    loc = found["loc"]
    return found["type"] == "too_short" and any(one["loc"][: len(loc)] == loc != one["loc"] for one in errors)


def _problem(found: Any, file: str, model: type[BaseModel]) -> Problem:
    loc = tuple(part for part in found["loc"] if part not in (ACCOUNT, VERBINDING))
    variable = f"NACHTPOST_{'__'.join(str(part) for part in loc)}".upper()
    if len(loc) > 1 and variable in {name.upper() for name in os.environ}:
        file, place = "omgeving", variable
    else:
        place = _place(loc)
    return Problem(file, place, *_sentences(found, loc, model))


def _sentences(found: Any, loc: tuple[str | int, ...], model: type[BaseModel]) -> tuple[str, str]:
    kind, ctx = found["type"], found.get("ctx", {})
    key = str(loc[-1]) if loc else ""
    if kind == "nachtpost":
        return ctx["problem"], ctx["mend"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(model, loc[:-1]), n=1)
        return "deze sleutel kennen wij niet", (
            f"Bedoelde u {near[0]}?" if near else "Verwijder de sleutel of verbeter de schrijfwijze."
        )
    if kind.startswith("date"):
        return "dit is geen datum", "Schrijf de datum als jjjj-mm-dd, in TOML zonder aanhalingstekens."
    if kind.startswith("time"):
        return "dit is geen tijd", 'Schrijf de tijd als "uu:mm".'
    problem, mend = _TYPES.get(kind, ("deze waarde klopt niet", "Verbeter de waarde."))
    slots = {"key": key, **{name: str(value).replace(" or ", " of ") for name, value in ctx.items()}}
    return problem.format(**slots), mend.format(**slots)


def _place(loc: tuple[str | int, ...]) -> str:
    """`sftp.poort`, or `gemeenten nr. 3, code` (counted from 1) for an element of a list."""
    place = ""
    for part in loc:
        if isinstance(part, int):
            place += f" nr. {part + 1}"
        elif place.endswith(tuple("0123456789")) and " nr. " in place:
            place += f", {part}"
        else:
            place += f".{part}" if place else part
    return place


def _keys(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at `loc`; none where that is not a table of its own."""
    for part in loc:
        annotation: Any = model.model_fields[part].annotation if part in model.model_fields else None
        if isinstance(part, int):
            continue
        choices = (getattr(one, "__origin__", one) for one in (annotation, *getattr(annotation, "__args__", ())))
        inner = [one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)
