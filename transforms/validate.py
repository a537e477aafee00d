"""From text to typed rows, each accepted or refused with all of its reasons at once.

First the text of every row: presence, form, code lists. A cell that fails becomes null in the typed row; then the rules
run over all rows, with null for "no opinion". So one wrong date hides nothing else that is wrong with the row.
Both passes are pandera schemas, validated lazily on a unique index. The source of each rule is that of its code (`bron`
in `schemas.retourcodes`); why a column may be asked for, stands with the column (`bron` in `schemas.signaal`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import waarden
from schemas.codelijsten import SOORT
from schemas.retourcodes import detail, no_reasons, reasons
from schemas.signaal import KOLOMMEN, LETTERS, TYPED, VOORWAARDEN, Judge, failing, in_lijst, text_schema, vorm
from transforms import rules as regels
from transforms.normalise import Text, normalise, typed_column
from transforms.privacy import find_bsn
from transforms.rules import Rules

__all__ = ["Checked", "Rules", "undeclared", "validate"]

Positions = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Failures = dict[tuple[str, str], Positions]
#: Codes after which the cell says nothing any more.
_FORM = ("E-VLD-02", "E-VLD-03", "E-VLD-05")


@dataclass(frozen=True)
class Checked:
    """A block after validation."""

    typed: pa.Table  #: schemas.signaal.TYPED, every row of the block; null where a cell is empty or failed
    reasons: pa.Table  #: REASONS, errors and warnings, in the order of the file
    accepted: Mask  #: rows without an error

    @property
    def rows(self) -> pa.Table:
        """The accepted rows."""
        return self.typed.filter(pa.array(self.accepted))


@dataclass(frozen=True)
class _Kinds:
    """Per row the place of its soort in SOORT, -1 where it has none that is known."""

    place: npt.NDArray[np.int8]

    def in_letters(self, letters: str) -> Mask:
        table = np.array([*(letter in letters for letter in LETTERS), False])
        return table[self.place]


def validate(table: pa.Table, rules: Rules, onleesbaar: Mapping[str, Positions] | None = None) -> Checked:
    """Judge a parsed block.

    table: string columns with SIG1 names (absent ones count as empty) and `regelnr` int64. onleesbaar: per column the
    rows whose text is not what a profile says it is, whatever it looks like. Codes: E-VLD-01 to -09, E-VWD-01,
    E-PRV-01, E-SIG-05, W-EIN-02.
    """
    regelnr = table["regelnr"].to_numpy()
    bedragkolom = "bedrag_euro" if "bedrag_euro" in table.column_names else "bedrag_cent"
    text = normalise(table, skip=() if rules.geboortedatum else ("geboortedatum",))
    kinds = _Kinds(_places(text, len(regelnr)))
    failures = _check_text(text, kinds, rules, len(regelnr), bedragkolom)
    failures |= _unread(onleesbaar or {}, text, failures)
    malformed = _malformed(failures)
    typed = _typed(text, malformed, rules, regelnr, bedragkolom)
    failures |= _check_rules(typed, rules, bedragkolom)
    described = [_described(code, veld, rows, text, kinds, rules, regelnr) for (veld, code), rows in failures.items()]
    described.append(find_bsn(text, malformed, regelnr))
    found = pa.concat_tables(described).sort_by([("regelnr", "ascending"), ("code", "ascending")])
    errors = found["regelnr"].filter(pc.starts_with(found["code"], "E-")).to_numpy()
    return Checked(typed, found, ~np.isin(regelnr, errors))


def undeclared(typed: pa.Table, declared: Mask, rules: Rules) -> pa.Table:
    """E-VLD-01 for conditions that are empty and that no verklaring covers; for after routing.

    typed: rows with their overeenkomst known; declared: per row, whether that overeenkomst declares the
    conditions on the day of receipt. Only needed with `Rules.verklaring_per_overeenkomst`. Returns REASONS.
    """
    kinds = _Kinds(_places({"soort": typed["soort"].combine_chunks()}, typed.num_rows))
    needed = kinds.in_letters("VAE") & ~declared
    regelnr = typed["regelnr"].to_numpy()
    found = []
    for veld in VOORWAARDEN:
        if veld not in rules.verklaard and typed[veld].null_count:
            empty = pc.is_null(typed[veld]).to_numpy()
            found.append(_absent(veld, np.flatnonzero(needed & empty), kinds, regelnr))
    return pa.concat_tables(found) if found else no_reasons()


def _places(text: Mapping[str, pa.Array], rows: int) -> npt.NDArray[np.int8]:
    values = text.get("soort")
    if values is None:
        return np.full(rows, -1, np.int8)
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    exact = [SOORT.exact(value) for value in encoded.dictionary.to_pylist()]
    places = np.array([-1 if name is None else SOORT.waarden.index(name) for name in exact] + [-1], np.int8)
    place: npt.NDArray[np.int8] = places[encoded.indices.fill_null(len(exact)).to_numpy(zero_copy_only=False)]
    return place


def _required(veld: str, text: Text, kinds: _Kinds, rules: Rules, rows: int) -> Mask:
    """Per row, whether `veld` must have a value."""
    if veld in VOORWAARDEN and (veld in rules.verklaard or rules.verklaring_per_overeenkomst):
        return np.zeros(rows, bool)
    if veld == "sector" and len(rules.sectoren) > 1:
        return kinds.in_letters("VAEWI")
    if veld in ("klantnummer", "maanden_achterstand"):
        letters = "VAEW" if veld == "klantnummer" else "VAE"
        return kinds.in_letters(letters) & _in_sector(text, rules, rules.verplicht.get(veld, frozenset()), rows)
    if veld in ("soort", "signaal_id"):
        return np.ones(rows, bool)
    return kinds.in_letters(KOLOMMEN[veld].verplicht)


def _in_sector(text: Text, rules: Rules, sectoren: frozenset[str], rows: int) -> Mask:
    if len(rules.sectoren) == 1:
        return np.full(rows, rules.sectoren[0] in sectoren)
    if "sector" not in text:
        return np.zeros(rows, bool)
    sector = typed_column("sector", text["sector"])
    mask: Mask = pc.is_in(sector, pa.array(sorted(sectoren), pa.string())).to_numpy(zero_copy_only=False)
    return mask


def _check_text(text: Text, kinds: _Kinds, rules: Rules, rows: int, bedragkolom: str) -> Failures:
    checks: dict[str, list[tuple[str, Judge]]] = {}
    columns: dict[str, pa.Array] = {}
    for veld, kolom in KOLOMMEN.items():
        if veld in ("bedrag_cent", "bedrag_euro") and veld != bedragkolom:
            continue
        values = text.get(veld)
        judges: list[tuple[str, Judge]] = []
        if values is None or values.null_count:
            required = _required(veld, text, kinds, rules, rows)
            if required.any():
                judges.append(("E-VLD-01", _present(required)))
        if values is not None and kolom.codelijst is not None:
            judges.append(("E-VLD-03", in_lijst(kolom.codelijst)))
        elif veld == "postcode":
            judges += [("E-VLD-05", _not_foreign), ("E-VLD-02", _postcode)]
        elif values is not None:
            judges.append(("E-VLD-02", vorm(kolom)))
        if judges:
            checks[veld] = judges
            columns[veld] = pa.nulls(rows, pa.string()) if values is None else values
    return failing(text_schema(checks), pa.table(columns)) if rows else {}


def _unread(onleesbaar: Mapping[str, Positions], text: Text, failures: Failures) -> Failures:
    """The failures of what a profile could not read, together with what failed already."""
    found: Failures = {}
    for veld, rows in onleesbaar.items():
        if veld in text:
            code = "E-VLD-03" if KOLOMMEN[veld].codelijst else "E-VLD-02"
            found[veld, code] = np.union1d(rows, failures.get((veld, code), rows))
    return found


def _check_rules(typed: pa.Table, rules: Rules, bedragkolom: str) -> Failures:
    if not typed.num_rows:
        return {}
    renamed = typed.rename_columns([bedragkolom if name == "bedrag_cent" else name for name in typed.column_names])
    judges = regels.judges(typed, rules, bedragkolom)
    return failing(text_schema(judges), renamed.select(list(judges)))


def _present(required: Mask) -> Judge:
    optional = pa.array(~required)
    return lambda values: pc.or_(pc.is_valid(values), optional)


def _foreign(values: pa.Array) -> pa.BooleanArray:
    return waarden.matches(values, waarden.BUITENLANDSE_POSTCODE)


def _not_foreign(values: pa.Array) -> pa.BooleanArray:
    return pc.invert(_foreign(values))


def _postcode(values: pa.Array) -> pa.BooleanArray:
    return pc.or_(waarden.matches(values, waarden.POSTCODE), _foreign(values))


def _malformed(failures: Failures) -> dict[str, Positions]:
    """Per veld the rows whose text failed."""
    found: dict[str, Positions] = {}
    for (veld, code), rows in failures.items():
        if code in _FORM:
            found[veld] = np.union1d(found[veld], rows) if veld in found else rows
    return found


def _typed(
    text: Text,
    malformed: Mapping[str, Positions],
    rules: Rules,
    regelnr: npt.NDArray[np.int64],
    bedragkolom: str,
) -> pa.Table:
    columns = []
    for veld in TYPED.names[:-1]:
        source = bedragkolom if veld == "bedrag_cent" else veld
        values = text.get(source)
        if values is None:
            column = pa.nulls(len(regelnr), TYPED.field(veld).type)
        else:
            column = typed_column(source, _without(values, malformed.get(source)))
        columns.append(_filled(veld, column, values, rules))
    return pa.Table.from_arrays([*columns, pa.array(regelnr)], schema=TYPED)


def _filled(veld: str, column: pa.Array, given: pa.Array | None, rules: Rules) -> pa.Array:
    """What the profile knows where the row says nothing."""
    default = {
        "layout": "SIG1",
        "label": rules.label,
        "sector": rules.sectoren[0] if len(rules.sectoren) == 1 else None,
    }.get(veld)
    if default is None:
        return column
    empty = pa.array(np.ones(len(column), bool)) if given is None else pc.is_null(given)
    return pc.if_else(empty, default, column)


def _without(values: pa.Array, rows: Positions | None) -> pa.Array:
    if rows is None:
        return values
    gone = np.zeros(len(values), bool)
    gone[rows] = True
    if pa.types.is_dictionary(values.type):
        indices = pc.if_else(pa.array(gone), pa.scalar(None, values.type.index_type), values.indices)
        return pa.DictionaryArray.from_arrays(indices, values.dictionary)
    return pc.if_else(pa.array(gone), pa.scalar(None, values.type), values)


def _described(
    code: str,
    veld: str,
    rows: Positions,
    text: Text,
    kinds: _Kinds,
    rules: Rules,
    regelnr: npt.NDArray[np.int64],
) -> pa.Table:
    """REASONS for the rows that failed one check, with the slots of its sentence."""
    if code == "E-VLD-01":
        return _absent(veld, rows, kinds, regelnr)
    if code == "E-VLD-02":
        kolom = KOLOMMEN[veld]
        return reasons(regelnr[rows], code, veld, {"veld": veld, "vorm": kolom.vorm, "voorbeeld": kolom.voorbeeld})
    if code == "E-VLD-03":
        lijst = KOLOMMEN[veld].codelijst
        assert lijst is not None
        given = text[veld].take(pa.array(rows))
        near = [detail({"veld": veld, "suggestie": lijst.nearest(value)}) for value in given.dictionary.to_pylist()]
        return _with_details(regelnr[rows], code, veld, pa.array(near, pa.string()).take(given.indices))
    return reasons(regelnr[rows], code, veld, {"veld": veld, **regels.error_slots(rules, code)})


def _absent(veld: str, rows: Positions, kinds: _Kinds, regelnr: npt.NDArray[np.int64]) -> pa.Table:
    names: Iterable[str] = [*SOORT.waarden, "(elke soort)"]
    texts = pa.array([detail({"veld": veld, "soort": name}) for name in names], pa.string())
    which = np.where(kinds.place[rows] < 0, len(SOORT.waarden), kinds.place[rows])
    return _with_details(regelnr[rows], "E-VLD-01", veld, texts.take(pa.array(which)))


def _with_details(regelnr: npt.NDArray[np.int64], code: str, veld: str, details: pa.Array) -> pa.Table:
    return reasons(regelnr, code, veld).set_column(3, "detail", details)
