"""The answers to a partner: TM1 lines of every kind, and the correction file.

A line that is about a row names a destination only where that row was accepted. `melding_nr`, matching and what other
partners reported never stand here: nothing of partner A reaches partner B (convenant, Digitaal Meldpunt).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas import gemeenten, retourcodes, waarden
from schemas.signaal import RETOURKOLOMMEN
from schemas.terugmelding import COLUMNS, COUNTS, LAYOUT, PROEFZIN, SLOTZIN, SLOTZIN_DAGEN
from transforms import dates
from transforms.csvbytes import constant
from transforms.identity import signaal_ref
from transforms.profile import SIG1, Profile
from transforms.verdict import Judged
from transforms.wording import worded

Numbers = npt.NDArray[np.int64]

_STATEN = pa.array(["AFGEKEURD", "DUBBEL", "AANVAARD"])
#: Why a row is NIET_DOORGEZET: its gemeente wants no repeats, or was divided before the night.
_HERHAALD, _VERDEELD = "W-HER-01", "E-ROU-06"
_STATE_OF_LEVEL = {"E": "AFGEKEURD", "W": "DUBBEL", "H": "AANGEHOUDEN"}


@dataclass(frozen=True)
class Answered:
    """What every line of an answer starts with: its number, moment (aware), and the file that it answers.

    `head` is the head of the ledger (hex).
    """

    terugmelding_nr: int
    tijdstip: datetime
    partner: str
    bestand: str
    sha256: str
    head: str
    proef: bool = False


def ontvangst(
    to: Answered, code: str | None = None, slots: Mapping[str, str] | None = None, *, gelezen: bool = False
) -> pa.Table:
    """One BESTAND line: the file came in; with `code` also what became of it as a whole, or, of a file that was read
    (`gelezen`), what we want to say about it."""
    if code is None:
        return tm1(to, "ONTVANGST", "BESTAND", 1, {"reden_nr": "0"})
    values = {
        "staat": _STATE_OF_LEVEL[code[0]],
        "reden_nr": "1",
        "code": code,
        "ernst": code[0],
        "tekst": retourcodes.sentence(code, slots or {}),
    }
    if gelezen:
        return tm1(to, "ONTVANGST", "BESTAND", 1, values | {"staat": ""})
    return tm1(to, "ONTVANGST", "BESTAND", 1, values | dict.fromkeys(COUNTS, "0"))


def header() -> pa.Table:
    """TM1 without lines, for a file whose lines follow block by block."""
    return pa.table({name: pa.array([], pa.string()) for name in COLUMNS})


def controle_lines(
    to: Answered,
    judged: Judged,
    broken: pa.Table,
    *,
    nacht: date,
    uitvoerders: Mapping[str, str],
    nachten: Mapping[str, date] = MappingProxyType({}),
    profile: Profile = SIG1,
) -> pa.Table:
    """The REGEL lines of one block, in the order of the file: one per reason, and one for a row without any.

    broken: REASONS of lines that could not be read as rows. nacht: when accepted rows are expected to go; what is
    spoed goes at once. uitvoerders: name of the receiver per `<gemeentecode>|<sector>`; nachten: the night in which it
    receives them, where that may be another. profile: whose words the sentences are in.
    """
    redenen = pa.concat_tables([judged.redenen, broken])
    fresh = pa.array(judged.repeats.fresh)
    codes = pc.if_else(fresh, _text(judged.rows["gemeentecode"]), None)
    places = pc.binary_join_element_wise(codes, _text(judged.rows["sector"]).fill_null(""), "|")
    nights = _looked_up(places, {place: str(night) for place, night in nachten.items()}).fill_null(str(nacht))
    today = str(to.tijdstip.astimezone(dates.AMSTERDAM).date())
    columns = {
        "signaal_id": _shown_ids(judged, redenen),
        "staat": _STATEN.take(pa.array(np.where(judged.repeats.fresh, 2, judged.repeats.dubbel.astype(np.int8)))),
        "gemeentecode": codes,
        "gemeente": gemeenten.names(codes),
        "uitvoerder": _looked_up(places, uitvoerders),
        "nacht": pc.case_when(pc.make_struct(pc.invert(fresh), _chunk(judged.rows["spoed"])), "", today, nights),
    }
    return by_line(to, judged.rows["regelnr"], redenen, columns, profile)


def by_line(
    to: Answered,
    regelnr: pa.ChunkedArray,
    redenen: pa.Table,
    columns: Mapping[str, pa.Array],
    profile: Profile = SIG1,
) -> pa.Table:
    """REGEL lines of a CONTROLE in the order of the file: one per reason, and one for a row without any.

    regelnr and columns: one value per row that could be read, `staat` among them; other lines of `redenen` (REASONS)
    are AFGEKEURD. profile: whose words the sentences are in.
    """
    reasons = redenen.combine_chunks()
    row, reason, lines, number = _pair(_ints(regelnr), _ints(reasons["regelnr"]))
    rows = pa.array(row, mask=row < 0)
    values = {name: _chunk(column).take(rows) for name, column in columns.items()}
    return tm1(
        to,
        "CONTROLE",
        "REGEL",
        len(row),
        {
            "regelnr": pa.array(lines).cast(pa.string()),
            "reden_nr": pa.array(number).cast(pa.string()),
            **_worded(reasons.take(pa.array(reason, mask=reason < 0)), profile),
            **values,
            "staat": values["staat"].fill_null("AFGEKEURD"),
        },
    )


def controle_bestand(
    to: Answered, counts: Mapping[str, int], *, nacht: date, sluitingstijd: time, elke_nacht: bool = True
) -> pa.Table:
    """The BESTAND line that closes a CONTROLE: the counts, and how to have refused rows go along after all; of a proef,
    that nothing goes along.

    nacht: the first in which accepted rows go. counts: regels, aanvaard, afgekeurd, dubbel and any other of COUNTS;
    accepted rows that are nowhere else wait. elke_nacht: every receiver gets files every night.
    """
    whole = dict.fromkeys(COUNTS, 0) | dict(counts)
    if "wachtend" not in counts:
        gone = ("ingetrokken", "aangehouden", "niet_doorgezet", "doorgezet")
        whole["wachtend"] = whole["aanvaard"] - sum(whole[name] for name in gone)
    values = {name: str(whole[name]) for name in COUNTS}
    values |= {"staat": "AANVAARD", "reden_nr": "0", "nacht": str(nacht) if whole["aanvaard"] else ""}
    if to.proef:
        values["tekst"] = PROEFZIN
    elif whole["afgekeurd"]:
        local = to.tijdstip.astimezone(dates.AMSTERDAM)
        late = local.time() >= sluitingstijd
        values["tekst"] = (SLOTZIN if elke_nacht else SLOTZIN + SLOTZIN_DAGEN).format(
            sluitingstijd=f"{sluitingstijd:%H:%M}", datum=local.date() + timedelta(days=1 if late else 0)
        )
    return tm1(to, "CONTROLE", "BESTAND", 1, values)


def doorgezet_lines(to: Answered, rows: pa.Table) -> pa.Table:
    """REGEL lines of the signals of one file that stand at their uitvoerder or never will, in the order of `rows`.

    rows: nr, regelnr (int64), signaal_id, staat (DOORGEZET, INGETROKKEN, NIET_DOORGEZET), verdeeld (bool: that its
    gemeente was divided is why it is not delivered, else that it is a repeat), bestemming (gemeentecode of the batch),
    uitvoerder (its name), nacht (date32) and doorgezet_op (timestamp UTC). Only what was delivered has a signaal_ref
    (there is nobody to share another with) and says where and when.
    """
    staat, codes = _text(rows["staat"]), _text(rows["bestemming"])
    there, refused = pc.equal(staat, "DOORGEZET"), pc.equal(staat, "NIET_DOORGEZET")
    divided = rows["verdeeld"].combine_chunks()
    code = pc.if_else(divided, _VERDEELD, _HERHAALD)
    parts = _parts(codes.filter(divided), to.tijdstip.astimezone(dates.AMSTERDAM).date())
    repeated = pc.if_else(divided, "", retourcodes.sentence(_HERHAALD, {}))
    tekst = pc.replace_with_mask(repeated, divided, parts)

    def only(values: pa.Array | str, where: pa.BooleanArray) -> pa.Array:
        return pc.if_else(where, values, "")

    return tm1(
        to,
        "DOORGEZET",
        "REGEL",
        rows.num_rows,
        {
            "regelnr": _text(rows["regelnr"]),
            "signaal_id": _text(rows["signaal_id"]),
            "signaal_ref": only(signaal_ref(rows["nr"]), there),
            "staat": staat,
            "reden_nr": pc.if_else(refused, "1", "0"),
            "code": only(code, refused),
            "ernst": only(pc.utf8_slice_codeunits(code, 0, 1), refused),
            "tekst": only(tekst, refused),
            "gemeentecode": codes,
            "gemeente": gemeenten.names(codes),
            "uitvoerder": only(_text(rows["uitvoerder"]), there),
            "nacht": only(_text(rows["nacht"]), there),
            "doorgezet_op": only(dates.instant_texts(rows["doorgezet_op"]), there),
        },
    )


def _parts(gemeentecodes: pa.StringArray, day: date) -> pa.StringArray:
    """Per row of a gemeente that was divided, among which gemeenten to choose on `day`."""
    encoded = gemeentecodes.dictionary_encode()
    said = [
        retourcodes.sentence(
            _VERDEELD,
            {
                "naam": gemeenten.name(code),
                "gemeenten": ", ".join(gemeenten.name(part) for part in gemeenten.parts(code, day)),
            },
        )
        for code in encoded.dictionary.to_pylist()
    ]
    return pa.array(said, pa.string()).take(encoded.indices)


def doorgezet_bestand(to: Answered, counts: Mapping[str, int]) -> pa.Table:
    """The BESTAND line that closes a DOORGEZET: how many rows of each staat stand in it."""
    values = {"staat": "DOORGEZET", "reden_nr": "0"}
    values |= {name: str(counts.get(name.upper(), 0)) for name in ("ingetrokken", "niet_doorgezet", "doorgezet")}
    return tm1(to, "DOORGEZET", "BESTAND", 1, values)


def correction_rows(text: pa.Table, redenen: pa.Table, profile: Profile = SIG1) -> pa.Table:
    """Refused rows in the partner's own columns, with retour_regel, retour_codes and retour_tekst; may have no rows.

    text: the refused rows as they came in, all strings, with regelnr (int64). redenen: REASONS of their block.
    Left out: rows refused on a condition for reporting or for a burgerservicenummer, and rows with what looks like one
    in a column that is not ours to check.
    """
    barred = pa.array([code for code, one in retourcodes.RETOURCODES.items() if not one.terug])
    unsafe = redenen.filter(pc.is_in(redenen["code"], value_set=barred))["regelnr"].unique()
    keep = ~np.asarray(pc.is_in(text["regelnr"], value_set=unsafe))
    own = [name for name in text.column_names if name != "regelnr" and name not in RETOURKOLOMMEN]
    for name in own:
        if name not in profile.bron:
            keep &= ~waarden.holds_bsn(_text(text[name]))
    rows = text.filter(pa.array(keep))
    said = _joined(redenen.filter(pc.is_in(redenen["regelnr"], value_set=rows["regelnr"].combine_chunks())), profile)
    at = pc.index_in(rows["regelnr"], value_set=said["regelnr"].combine_chunks())
    answers = (rows["regelnr"].cast(pa.string()), said["codes"].take(at), said["tekst"].take(at))
    return pa.table([*(rows[name] for name in own), *answers], names=[*own, *RETOURKOLOMMEN])


def tm1(to: Answered, soort: str, niveau: str, rows: int, values: Mapping[str, str | pa.Array]) -> pa.Table:
    """TM1 with `values`; what is not given is the same for all rows, or empty."""
    whole: dict[str, str | pa.Array] = {
        "layout": LAYOUT,
        "terugmelding_nr": str(to.terugmelding_nr),
        "soort": soort,
        "niveau": niveau,
        "tijdstip": dates.instant_text(to.tijdstip),
        "proef": "J" if to.proef else "N",
        "partner": to.partner,
        "bestand": to.bestand,
        "bestand_sha256": to.sha256,
        "logboek_kop": to.head,
        **values,
    }
    columns = (whole.get(name, "") for name in COLUMNS)
    return pa.table(
        [constant(value, rows) if isinstance(value, str) else value.fill_null("") for value in columns],
        names=list(COLUMNS),
    )


def _pair(rows: Numbers, reasons: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Per line to write, in the order of the file: (place of the row, place of the reason, regelnr, reden_nr).

    -1 for a line that is no row, and for a row without a reason. Both are given by their regelnr.
    """
    silent = np.flatnonzero(~np.isin(rows, reasons))
    regelnr = np.concatenate((rows[silent], reasons))
    reason = np.concatenate((np.full(len(silent), -1), np.arange(len(reasons))))
    order = np.argsort(regelnr, kind="stable")
    regelnr, reason = regelnr[order], reason[order]
    first = np.flatnonzero(np.diff(regelnr, prepend=-1))
    number = np.arange(len(regelnr)) - np.repeat(first, np.diff(np.append(first, len(regelnr)))) + (reason >= 0)
    by_line = np.argsort(rows, kind="stable")
    place = np.searchsorted(rows[by_line], regelnr).clip(max=max(0, len(rows) - 1))
    row = by_line[place] if len(rows) else np.zeros(len(regelnr), np.int64)
    here = rows[row] == regelnr if len(rows) else np.zeros(len(regelnr), bool)
    return np.where(here, row, -1), reason, regelnr, number


def _shown_ids(judged: Judged, reasons: pa.Table) -> pa.StringArray:
    """The signaal_id of each row; empty where it has not the form of one or may be a burgerservicenummer."""
    ids = _chunk(judged.rows["signaal_id"])
    refused = pa.array(judged.geweigerd)
    own = reasons.filter(pc.and_(pc.starts_with(reasons["code"], "E-PRV"), pc.equal(reasons["veld"], "signaal_id")))
    private = pc.is_in(judged.rows["regelnr"].filter(refused), value_set=own["regelnr"].combine_chunks())
    shown = pc.and_(waarden.matches(ids.filter(refused), waarden.SIGNAAL_ID).fill_null(False), pc.invert(private))
    return pc.replace_with_mask(ids, refused, pc.if_else(_chunk(shown), ids.filter(refused), ""))


def _worded(reasons: pa.Table, profile: Profile) -> dict[str, pa.Array]:
    """code, ernst, veld and tekst of REASONS, null where there is none."""
    given = _chunk(reasons["code"].is_valid())
    velden = texts = pa.nulls(reasons.num_rows, pa.string())
    if pc.any(given).as_py():
        named, said = worded(reasons.filter(given), profile)
        velden, texts = pc.replace_with_mask(velden, given, named), pc.replace_with_mask(texts, given, said)
    code = _chunk(reasons["code"])
    return {"code": code, "ernst": pc.utf8_slice_codeunits(code, 0, 1), "veld": velden, "tekst": texts}


def _joined(reasons: pa.Table, profile: Profile) -> pa.Table:
    """Each refused line once: regelnr, its distinct codes and all its sentences, in one text each."""
    ordered = reasons.append_column("tekst", worded(reasons, profile)[1]).sort_by(
        [("regelnr", "ascending"), ("code", "ascending")]
    )
    codes = ordered.group_by(["regelnr", "code"], use_threads=False).aggregate([])
    listed = codes.group_by("regelnr", use_threads=False).aggregate([("code", "list")])
    texts = ordered.group_by("regelnr", use_threads=False).aggregate([("tekst", "list")])
    return pa.table(
        {
            "regelnr": listed["regelnr"],
            "codes": pc.binary_join(listed["code_list"], " "),
            "tekst": pc.binary_join(texts["tekst_list"], " "),
        }
    )


def _looked_up(keys: pa.StringArray, names: Mapping[str, str]) -> pa.StringArray:
    """The name of each key, null where there is none."""
    values = pa.array(list(names.values()), pa.string())
    return values.take(pc.index_in(keys, value_set=pa.array(list(names), pa.string())))


def _ints(column: pa.ChunkedArray) -> Numbers:
    numbers: Numbers = np.asarray(column).astype(np.int64)
    return numbers


def _text(column: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    array = _chunk(column)
    return array if array.type == pa.string() else array.cast(pa.string())


def _chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
