"""The sentences of retourcodes in the words of a partner's profile: its columns, its forms, its codes."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.compute as pc

from schemas import retourcodes
from schemas.codelijsten import opsomming
from schemas.signaal import KOLOMMEN, Type
from transforms.profile import SIG1, Bedragvorm, Profile

#: Columns that sentences name themselves; the other names of SIG1 are common words as well.
_NAMED = re.compile(r"\b(?:vorig_signaal_id|signaal_id|gemeentecode|bedrag_cent|bedrag_euro)\b")
_SEPARATOR = "\x1f"
_SIGNS = {",": "een komma", ".": "een punt", " ": "een spatie", "'": "een apostrof"}


def worded(reasons: pa.Table, profile: Profile) -> tuple[pa.StringArray, pa.StringArray]:
    """Per reason (REASONS) the name of its column and its sentence."""
    if profile is SIG1 or not reasons.num_rows:
        return _chunk(reasons["veld"]), retourcodes.sentences(reasons["code"], reasons["detail"], reasons["veld"])
    keys = pc.binary_join_element_wise(*(_chunk(reasons[name]) for name in ("code", "veld", "detail")), _SEPARATOR)
    distinct = keys.dictionary_encode()
    parts = (key.split(_SEPARATOR) for key in distinct.dictionary.to_pylist())
    said = [_said(code, veld, detail, profile) for code, veld, detail in parts]
    names, texts = (pa.array(values, pa.string()) for values in zip(*said, strict=True))
    return names.take(distinct.indices), texts.take(distinct.indices)


def vorm(veld: str, profile: Profile) -> tuple[str, str]:
    """What a value of this column must look like, in words and as an example."""
    kolom = KOLOMMEN[veld]
    if not profile.changes(veld):
        return kolom.vorm, kolom.voorbeeld
    if veld in profile.codes:
        own = tuple(profile.codes[veld])
        return opsomming(own), own[0]
    if kolom.type is Type.DATUM:
        return f"een bestaande datum {profile.datumvorm.upper()}", _example(profile.datumvorm)
    if profile.bedragvorm and kolom.type is Type.EURO:
        return _amount(profile.bedragvorm)
    return "een huisnummer, zo nodig met een letter of toevoeging erachter", "12A"


def _said(code: str, veld: str, detail: str, profile: Profile) -> tuple[str, str]:
    slots = {"veld": veld, **(json.loads(detail) if detail else {})}
    about = slots["veld"]
    if "vorm" in slots and about in KOLOMMEN:
        slots["vorm"], slots["voorbeeld"] = vorm(about, profile)
    if "suggestie" in slots and about in profile.codes:
        slots["suggestie"] = opsomming(tuple(profile.codes[about]))
    slots |= {name: profile.kolom(slots[name]) for name in ("veld", "veld2") if name in slots}
    template = _NAMED.sub(lambda found: _literal(profile.kolom(found[0])), retourcodes.RETOURCODES[code].tekst)
    return profile.kolom(veld), template.format_map(slots)


def _literal(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")


def _example(datumvorm: str) -> str:
    """31 March 2026, as written here."""
    day = {"jjjj": "2026", "mm": "03", "dd": "31", "m": "3", "d": "31"}
    return re.sub("jjjj|mm?|dd?", lambda part: day[part[0]], datumvorm)


def _amount(form: Bedragvorm) -> tuple[str, str]:
    said = f"een bedrag in euro met {_SIGNS[form.decimaal]} voor de centen"
    said += f" en {_SIGNS[form.duizendtal]} tussen duizendtallen" if form.duizendtal else ", zonder teken ertussen"
    return said, f"1{form.duizendtal}234{form.decimaal}56"


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
