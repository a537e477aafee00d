"""From the text of an uitvoerder's file (TK1) to what it tells about which signaal, and the answer to each row.

The code lists are those of DDAS; the source of each rule is that of its code (`bron` in `schemas.retourcodes`). A row
is judged as those of a partner are: presence, form and code lists first, then rules, with all reasons at once. A
reference counts when it is of a signaal that was delivered to this uitvoerder; an unknown one and another's get the
same answer (E-TKB-01; convenant, Digitaal Meldpunt). A row of the template in which nothing was filled in yet is not
refused: it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.retourcodes import BestandsReden, detail, reasons
from schemas.signaal import Judge, Type, failing, in_lijst, text_schema, vorm
from schemas.terugkoppeling import KOLOMMEN, LAYOUT, SAMEN, TYPED, VERPLICHT, VERTELD, VERWIJZINGEN
from transforms import identity, parse
from transforms.answer import Answered, by_line
from transforms.csvbytes import constant
from transforms.normalise import Text, normalise, typed_column
from transforms.privacy import find_bsn

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_DATUMS = tuple(name for name, kolom in KOLOMMEN.items() if kolom.type is Type.DATUM)
#: What an empty row of the template is not refused for.
_UNFILLED = pa.array(["E-VLD-01", "E-TKB-02"])


def to_answer(batch: pa.Table) -> bytes:
    """The signals of a batch (BAT1) about which terugkoppeling is expected, in its order, as 8 bytes each.

    An INTREKKING takes a signaal back: nothing is expected about it.
    """
    rows = batch.filter(pc.not_equal(batch["soort"].cast(pa.string()), "INTREKKING"))
    return np.asarray(identity.signaal_nrs(rows["signaal_ref"]), "<i8").tobytes()


def template(parts: Sequence[bytes]) -> pa.Table:
    """TK1 to be filled in: one row per signaal of `parts` (see `to_answer`), empty but for layout and signaal_ref."""
    nrs = np.frombuffer(b"".join(parts), "<i8")
    columns = {name: constant("", len(nrs)) for name in KOLOMMEN}
    columns |= {"layout": constant(LAYOUT, len(nrs)), "signaal_ref": identity.signaal_ref(nrs)}
    return pa.table(columns)


def check_header(columns: Sequence[str], separator: str) -> list[BestandsReden]:
    """What is wrong with the header; [] if the file can be read. Codes: E-PRV-02, E-BST-01, E-BST-07, E-BST-09."""
    reference = () if set(VERWIJZINGEN) & set(columns) else VERWIJZINGEN[:1]
    return parse.check_columns(columns, known=KOLOMMEN, required=(*reference, *VERPLICHT), separator=separator)


@dataclass(frozen=True)
class Read:
    """A block after validation: typed rows (TYPED, null where empty or wrong), REASONS, which rows say nothing yet, and
    which reference each row quotes."""

    typed: pa.Table
    redenen: pa.Table
    leeg: Mask
    verwijzing: npt.NDArray[np.int8]  #: 0 signaal_ref, 1 melding_nr, -1 none that can be looked up

    def wanted(self, which: int) -> Numbers:
        """The distinct references of one kind (an index in VERWIJZINGEN) that must be looked up."""
        column = self.typed["signaal_nr" if which == 0 else "melding"].filter(pa.array(self.verwijzing == which))
        return np.unique(np.asarray(column.drop_null(), np.int64))


@dataclass(frozen=True)
class Judged:
    """A block of which every row has its verdict; `verteld` holds what is new: signaal_nr, regelnr and VERTELD."""

    typed: pa.Table
    redenen: pa.Table
    staat: pa.StringArray
    verteld: pa.Table

    @property
    def geweigerd(self) -> Mask:
        """The refused rows."""
        return self.is_("AFGEKEURD")

    def is_(self, staat: str) -> Mask:
        """The rows in one state."""
        return np.asarray(pc.equal(self.staat, staat))


def read(table: pa.Table, day: date) -> Read:
    """Validate a parsed block (string columns of TK1, `regelnr` int64), received on `day`.

    Codes: E-VLD-01, -02, -03, -06, E-PRV-01, E-TKB-02, -03.
    """
    rows, regelnr = table.num_rows, table["regelnr"].to_numpy()
    text = normalise(table, kolommen=KOLOMMEN)
    leeg = ~np.logical_or.reduce([_filled(text, veld, rows) for veld in VERTELD])
    failures = failing(text_schema(judges := _judges(text, leeg)), _columns(text, judges, rows)) if rows else {}
    malformed = {veld: at for (veld, code), at in failures.items() if code in ("E-VLD-02", "E-VLD-03")}
    typed = _typed(text, rows, regelnr)
    found = [_described(code, veld, at, text, regelnr) for (veld, code), at in failures.items()]
    found += [_later(typed, veld, day) for veld in _DATUMS]
    found += [_apart(text, typed, veld, other, rows) for veld, other in SAMEN]
    signaal, melding = (_filled(text, veld, rows) for veld in VERWIJZINGEN)
    found += [reasons(regelnr[signaal == melding], "E-TKB-02"), find_bsn(text, malformed, regelnr)]
    redenen = pa.concat_tables(found).sort_by([("regelnr", "ascending"), ("code", "ascending")])
    unfilled = pc.is_in(redenen["regelnr"], value_set=pa.array(regelnr[leeg]))
    redenen = redenen.filter(pc.invert(pc.and_(unfilled, pc.is_in(redenen["code"], value_set=_UNFILLED))))
    verwijzing = np.where(leeg | (signaal == melding), -1, np.where(signaal, 0, 1)).astype(np.int8)
    for veld in VERWIJZINGEN:
        verwijzing[malformed.get(veld, [])] = -1
    return Read(typed, redenen, leeg, verwijzing)


def judge(given: Read, geleverd: Numbers, meldingen: pa.Table, huidig: pa.Table) -> Judged:
    """Decide on each row.

    geleverd: nrs of the signals in `given.wanted(0)` that were delivered to this uitvoerder. meldingen: melding and nr
    (int64) of those in `given.wanted(1)`. huidig: signaal_nr and VERTELD, the newest that is known of each signaal.
    Codes: E-TKB-01, W-TKB-04, W-TKB-05.
    """
    typed, regelnr = given.typed, given.typed["regelnr"].to_numpy()
    row, nr = _signals(given, geleverd, meldingen)
    lost = (given.verwijzing >= 0) & ~np.isin(np.arange(len(regelnr)), row)
    unknown = [
        reasons(regelnr[lost & (given.verwijzing == which)], "E-TKB-01", veld)
        for which, veld in enumerate(VERWIJZINGEN)
    ]
    redenen = pa.concat_tables([given.redenen, *unknown])
    refused = np.isin(regelnr, redenen["regelnr"].filter(pc.starts_with(redenen["code"], "E-")).to_numpy())
    row, nr = row[~refused[row]], nr[~refused[row]]
    told = typed.take(pa.array(row)).select(["regelnr", *VERTELD]).append_column("signaal_nr", pa.array(nr))
    fresh = ~_known(told, huidig)
    new = np.isin(np.arange(len(regelnr)), row[fresh])
    staat = np.select([refused, given.leeg, new], ["AFGEKEURD", "WACHTEND", "AANVAARD"], "DUBBEL")
    redenen = pa.concat_tables(
        [redenen, reasons(regelnr[staat == "WACHTEND"], "W-TKB-04"), reasons(regelnr[staat == "DUBBEL"], "W-TKB-05")]
    )
    return Judged(typed, redenen, pa.array(staat.tolist(), pa.string()), told.filter(pa.array(fresh)))


def controle_lines(to: Answered, judged: Judged, broken: pa.Table, *, nacht: date) -> pa.Table:
    """The REGEL lines of one block. They quote a signaal_ref, never a melding_nr; nacht: when partners hear of it."""
    nr = judged.typed["signaal_nr"].combine_chunks()
    ref = pc.if_else(nr.is_valid(), identity.signaal_ref(nr.fill_null(0)), "")
    accepted = pa.array(judged.is_("AANVAARD"))
    columns = {"signaal_ref": ref, "staat": judged.staat, "nacht": pc.if_else(accepted, str(nacht), "")}
    return by_line(to, judged.typed["regelnr"], pa.concat_tables([judged.redenen, broken]), columns)


def _judges(text: Text, leeg: Mask) -> dict[str, list[tuple[str, Judge]]]:
    found: dict[str, list[tuple[str, Judge]]] = {}
    for veld, kolom in KOLOMMEN.items():
        judges: list[tuple[str, Judge]] = []
        if veld in VERPLICHT:
            judges.append(("E-VLD-01", _present(leeg)))
        if veld in text:
            judges.append(("E-VLD-03", in_lijst(kolom.codelijst)) if kolom.codelijst else ("E-VLD-02", vorm(kolom)))
        if judges:
            found[veld] = judges
    return found


def _present(leeg: Mask) -> Judge:
    optional = pa.array(leeg)
    return lambda values: pc.or_(pc.is_valid(values), optional)


def _columns(text: Text, judges: Mapping[str, object], rows: int) -> pa.Table:
    return pa.table({veld: text.get(veld, pa.nulls(rows, pa.string())) for veld in judges})


def _filled(text: Text, veld: str, rows: int) -> Mask:
    return np.asarray(text[veld].is_valid()) if veld in text else np.zeros(rows, bool)


def _typed(text: Text, rows: int, regelnr: Numbers) -> pa.Table:
    none = pa.nulls(rows, pa.string())
    columns = {
        "signaal_nr": identity.signaal_nrs(text.get("signaal_ref", none)),
        "melding": identity.melding_numbers(text.get("melding_nr", none)),
        "regelnr": pa.array(regelnr),
    }
    for veld in VERTELD:
        kind = TYPED.field(veld).type
        columns[veld] = typed_column(veld, text[veld], KOLOMMEN) if veld in text else pa.nulls(rows, kind)
    return pa.table({name: columns[name] for name in TYPED.names}).cast(TYPED)


def _described(code: str, veld: str, rows: npt.NDArray[np.intp], text: Text, regelnr: Numbers) -> pa.Table:
    """REASONS for the rows that failed one check, with the slots of its sentence."""
    kolom = KOLOMMEN[veld]
    if code == "E-VLD-01":
        return reasons(regelnr[rows], code, veld, {"veld": veld, "soort": "terugkoppeling"})
    if code == "E-VLD-02":
        return reasons(regelnr[rows], code, veld, {"veld": veld, "vorm": kolom.vorm, "voorbeeld": kolom.voorbeeld})
    assert kolom.codelijst is not None
    given = text[veld].take(pa.array(rows))
    near = [detail({"veld": veld, "suggestie": kolom.codelijst.nearest(one)}) for one in given.dictionary.to_pylist()]
    details = pa.array(near, pa.string()).take(given.indices)
    return reasons(regelnr[rows], code, veld).set_column(3, "detail", details)


def _later(typed: pa.Table, veld: str, day: date) -> pa.Table:
    late = pc.fill_null(pc.greater(typed[veld], pa.scalar(day, pa.date32())), False)
    return reasons(typed["regelnr"].filter(late).to_numpy(), "E-VLD-06", veld)


def _apart(text: Text, typed: pa.Table, veld: str, other: str, rows: int) -> pa.Table:
    """E-TKB-03 where only one of two columns that go together has a value."""
    first, second = _filled(text, veld, rows), _filled(text, other, rows)
    if KOLOMMEN[other].type is Type.JA_NEE:
        alone = first & (~second | ~np.asarray(typed[other].fill_null(True)))
    else:
        alone = first != second
    return reasons(typed["regelnr"].to_numpy()[alone], "E-TKB-03", veld, {"veld": veld, "veld2": other})


def _signals(given: Read, geleverd: Numbers, meldingen: pa.Table) -> tuple[Numbers, Numbers]:
    """(place of the row, signaal nr), once for every signaal that a row is about."""
    nrs = np.asarray(given.typed["signaal_nr"].fill_null(-1), np.int64)
    single = np.flatnonzero((given.verwijzing == 0) & np.isin(nrs, geleverd))
    members = meldingen.sort_by([("melding", "ascending"), ("nr", "ascending")])
    of, nr = (np.asarray(members[name], np.int64) for name in ("melding", "nr"))
    many = np.flatnonzero(given.verwijzing == 1)
    wanted = np.asarray(given.typed["melding"].fill_null(-1), np.int64)[many]
    first = np.searchsorted(of, wanted)
    count = np.searchsorted(of, wanted, side="right") - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return (
        np.concatenate((single, np.repeat(many, count))),
        np.concatenate((nrs[single], nr[np.repeat(first, count) + within])),
    )


def _known(told: pa.Table, huidig: pa.Table) -> Mask:
    """Which rows tell what is already the newest of their signaal."""
    place = pc.index_in(told["signaal_nr"], value_set=huidig["signaal_nr"].combine_chunks()).combine_chunks()
    before = identity.content(huidig, VERTELD).take(place)
    return np.asarray(pc.fill_null(pc.equal(identity.content(told, VERTELD), before), False))
