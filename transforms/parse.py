"""From lines to text columns, and from the header to reasons to refuse the file.

Everything is read as text: type inference loses "NA", "null" and leading zeros. What a file must be is layout 1,
but for a column of burgerservicenummers (Bgs art. 2 does not name them).
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from schemas.retourcodes import BestandsReden
from schemas.signaal import BEDRAGKOLOMMEN, KOLOMMEN, KOPPEN_VERPLICHT, RETOURKOLOMMEN, VOORWAARDEN
from transforms.lines import Block, FileRejected, Scan, named
from transforms.profile import SIG1, Profile

_BSN_NAME = re.compile(r"(?:^|[^a-z])bsn(?:[^a-z]|$)|^bsn|bsn$|burgerservice|sofi", re.IGNORECASE)
#: Bytes parsed at a time, several times MAX_LINE; larger pieces fall out of the processor's cache.
_PIECE = 1 << 20
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,39}[0-9]{0,2}")


class ParserMismatch(RuntimeError):
    """The CSV parser made another number of rows than there are lines: a fault of ours. Holds counts only."""

    def __init__(self, lines: int, rows: int) -> None:
        super().__init__(f"{lines} lines, {rows} rows")
        self.lines, self.rows = lines, rows


def check_header(
    columns: Sequence[str],
    *,
    separator: str = ";",
    onbekende_kolommen: str = "weigeren",
    verklaard: Collection[str] = (),
    profile: Profile = SIG1,
) -> list[BestandsReden]:
    """Everything that is wrong with the header; [] if the file can be read.

    columns: names from `read_header`. onbekende_kolommen: "weigeren" or "negeren". verklaard: condition columns that
    any verklaring (of the partner or of one of its overeenkomsten) may stand in for, so that they may be absent.
    profile: which names stand for which columns; the sentences hold the partner's own.
    Codes: E-PRV-02, E-BST-01, E-BST-06, E-BST-07, E-BST-09. The retour columns of a correction file are ignored.

    Where line 1 is not a header it is somebody's data: no name from it is repeated unless most of the
    required columns were recognised, and then only what looks like the name of a column.
    """
    given, bron = Counter(columns), profile.bron
    known = {bron[name] for name in given if name in bron}
    if bsn := _named_after_bsn(given, KOLOMMEN):
        return [bsn]
    unknown = [name for name in given if name not in bron and name not in profile.negeer | set(RETOURKOLOMMEN)]
    few = len(known) < sum(veld not in profile.vast for veld in KOPPEN_VERPLICHT) / 2
    if few and (unknown or not known):
        return [BestandsReden("E-BST-09", {"scheidingsteken": named(separator)})]
    refusals = []
    amounts = [veld for veld in BEDRAGKOLOMMEN if veld in bron.values()]
    needed = [*KOPPEN_VERPLICHT, *(veld for veld in VOORWAARDEN if veld not in verklaard)]
    needed += amounts if len(amounts) == 1 else []  # a profile says which of the two it is
    missing = [profile.kolom(veld) for veld in needed if veld not in known and veld not in profile.vast]
    if missing or (unknown and onbekende_kolommen == "weigeren"):
        slots = {"ontbreekt": ", ".join(missing) or "geen", "onbekend": _shown(unknown)}
        refusals.append(BestandsReden("E-BST-01", slots))
    if len(amounts) > 1 and len(known & set(amounts)) != 1:
        refusals.append(BestandsReden("E-BST-06", {}))
    if twice := [name for name, times in given.items() if times > 1 and name in bron]:
        refusals.append(BestandsReden("E-BST-07", {"kolommen": ", ".join(twice)}))
    return refusals


def check_columns(
    columns: Sequence[str], *, known: Collection[str], required: Sequence[str], separator: str
) -> list[BestandsReden]:
    """As `check_header`, for a layout whose required columns are simply listed. The same codes but E-BST-06."""
    given = Counter(columns)
    if bsn := _named_after_bsn(given, known):
        return [bsn]
    if not given.keys() & set(required):
        return [BestandsReden("E-BST-09", {"scheidingsteken": named(separator)})]
    missing = [name for name in required if name not in given]
    unknown = [name for name in given if name not in known and name not in RETOURKOLOMMEN]
    if missing or unknown:
        return [BestandsReden("E-BST-01", {"ontbreekt": ", ".join(missing) or "geen", "onbekend": _shown(unknown)})]
    twice = [name for name, times in given.items() if times > 1 and name in known]
    return [BestandsReden("E-BST-07", {"kolommen": ", ".join(twice)})] if twice else []


def _named_after_bsn(given: Collection[str], known: Collection[str]) -> BestandsReden | None:
    """E-PRV-02; what looks like no name of a column is not repeated."""
    if bsn := [name for name in given if name not in known and looks_like_bsn(name)]:
        names = ", ".join(name for name in bsn if _COLUMN_NAME.fullmatch(name)) or "BSN"
        return BestandsReden("E-PRV-02", {"kolommen": names})
    return None


def looks_like_bsn(column: str) -> bool:
    """Whether a column's name says that burgerservicenummers stand in it."""
    return _BSN_NAME.search(column) is not None


def check_encoding(view: memoryview, block: Block, codering: str) -> None:
    """Demand that a block is in `codering` ("utf-8" or "windows-1252").

    Raises FileRejected (E-BST-02) with the first line that is not. Text that is not ASCII and yet good UTF-8 is not
    windows-1252: accepted as such it would garble every name with an accent.
    """
    data = view[block.start : block.stop]
    if not (np.frombuffer(data, np.uint8) >= 128).any():
        return
    fault = _undecodable(data, codering)
    if codering != "utf-8" and fault is None and _undecodable(data, "utf-8") is None:
        fault = int(np.argmax(np.frombuffer(data, np.uint8) >= 128))
    if fault is not None:
        regel = block.first_regelnr + bytes(data[:fault]).count(b"\n")
        raise FileRejected("E-BST-02", {"codering": codering, "regel": str(regel)})


def parse(
    scan: Scan,
    columns: Sequence[str],
    separator: str,
    codering: str = "utf-8",
    known: Collection[str] = KOLOMMEN,
) -> pa.Table:
    """The good lines of a block as text.

    columns: header as in the file; its SIG1 columns (or those in `known`, such as a profile's `bron`) come out, in the
    order of the file, as string (never null: an empty field is ""), after them `regelnr` int64. One chunk per
    column. Raises ParserMismatch.
    """
    wanted = [name for name in columns if name in known]
    good = scan.good
    if codering != "utf-8" and good.size:
        good = pa.py_buffer(codecs.decode(memoryview(good), codering).encode())
    if not len(scan.regelnr):
        table = pa.table({name: pa.array([], pa.string()) for name in wanted})
    else:
        table = pcsv.read_csv(
            pa.BufferReader(good),
            read_options=pcsv.ReadOptions(column_names=_distinct(columns, known), use_threads=False, block_size=_PIECE),
            parse_options=pcsv.ParseOptions(delimiter=separator, newlines_in_values=False),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
                check_utf8=False,
            ),
        ).combine_chunks()
    if table.num_rows != len(scan.regelnr):
        raise ParserMismatch(len(scan.regelnr), table.num_rows)
    return table.append_column("regelnr", pa.array(scan.regelnr, pa.int64()))


def _undecodable(data: memoryview, codering: str) -> int | None:
    """Offset of the first byte that is not in `codering`."""
    try:
        codecs.decode(data, codering)
    except UnicodeDecodeError as fault:
        return fault.start
    return None


def _distinct(columns: Sequence[str], known: Collection[str]) -> list[str]:
    """Names for the parser: unknown columns may bear one name twice."""
    return [name if name in known else f"\x00{place}" for place, name in enumerate(columns)]


def _shown(unknown: Sequence[str]) -> str:
    if not unknown:
        return "geen"
    names = [name for name in unknown if _COLUMN_NAME.fullmatch(name)]
    rest = len(unknown) - len(names)
    return ", ".join([*names, *([f"{rest} zonder bruikbare naam"] if rest else [])])
