"""Reading `pc6hnr<yyyy>0801_gwb.csv`, as CBS publishes it every year: some 8 million addresses with their codes.

Header `PC6,Huisnummer,Buurt2024,Wijk2024,Gemeente2024`, separator `,` (2024) or `;` (2025). The codes may stand there
without their leading zeros: they are read as numbers and written with their zeros (gemeente 4, wijk 6, buurt 8).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from exchange.faults import ReferenceFault

#: A key is postcode number * HOUSES + huisnummer (1 to 99,999).
HOUSES = 100_000

#: Postcode numbers: four digits * 676 + two letters; 0 is no postcode.
POSTCODES = 10_000 * 26 * 26

_COLUMNS = ("pc6", "huisnummer", "buurt", "wijk", "gemeente")
_LARGEST = {"huisnummer": HOUSES - 1, "buurt": 99_999_999, "wijk": 999_999, "gemeente": 9_999}
_CODE_COLUMN = re.compile(r"(buurt|wijk|gemeente)([0-9]{4})")
_BLOCK = 16 << 20  # bytes read at a time

#: More wrong lines than this, of all lines, and the columns are not what the header says.
_TOLERATED = 0.02

Ints = npt.NDArray[np.signedinteger]


@dataclass(frozen=True)
class Addresses:
    """The addresses of a file, arrays of equal length sorted by `sleutel`, each key once."""

    jaar: int
    sleutel: npt.NDArray[np.int64]
    gemeente: npt.NDArray[np.int16]
    wijk: npt.NDArray[np.int32]
    buurt: npt.NDArray[np.int32]
    #: Postcode number and gemeente of lines left out because an address stands under several gemeenten.
    twistpostcode: npt.NDArray[np.int64]
    twistgemeente: npt.NDArray[np.int16]
    fout: int  #: lines that are not an address with codes
    dubbel: int  #: lines whose address came before, under the same gemeente

    @property
    def tegenstrijdig(self) -> int:
        """Lines left out because their address stands under several gemeenten."""
        return len(self.twistpostcode)


@dataclass(frozen=True)
class _Header:
    separator: str
    names: list[str]  # lower case, without the year
    jaar: int


def read(source: Path) -> Addresses:
    """Read the file, or the one file in a zip whose name says pc6hnr; raises ReferenceFault if it does not fit."""
    with _opened(source) as stream:
        header = _header(source.name, stream)
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        lines = 0
        for batch, skipped in _batches(source.name, stream, header):
            part = _addresses(batch)
            lines += batch.num_rows + skipped
            parts.append(part)
    good = sum(len(part[0]) for part in parts)
    if good < lines * (1 - _TOLERATED) or not good:
        raise ReferenceFault(
            source.name,
            f"{lines - good} van de {lines} regels zijn geen adres met codes; waarschijnlijk zijn dit andere kolommen",
        )
    key, gemeente, wijk, buurt = (np.concatenate([part[at] for part in parts]) for at in range(4))
    parts.clear()
    if not np.all(key[1:] >= key[:-1]):
        order = np.argsort(key, kind="stable")
        key, gemeente, wijk, buurt = key[order], gemeente[order], wijk[order], buurt[order]
    again = np.concatenate([[False], key[1:] == key[:-1]])
    disputed = np.zeros(len(key), bool)
    if len(other := np.flatnonzero(again[1:] & (gemeente[1:] != gemeente[:-1]))):
        disputed = np.isin(key, key[other])
    kept = ~again & ~disputed
    return Addresses(
        jaar=header.jaar,
        sleutel=key[kept],
        gemeente=gemeente[kept],
        wijk=wijk[kept],
        buurt=buurt[kept],
        twistpostcode=key[disputed] // HOUSES,
        twistgemeente=gemeente[disputed],
        fout=lines - good,
        dubbel=int(np.count_nonzero(again & ~disputed)),
    )


def postcode_numbers(postcodes: pa.StringArray) -> npt.NDArray[np.int64]:
    """The number of each postcode "NNNNAA" (upper case, no space); 0 for null and for anything else."""
    rows = len(postcodes)
    numbers = np.zeros(rows, np.int64)
    texts = postcodes.fill_null("")
    if not rows:
        return numbers
    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + rows + 1]
    six = np.flatnonzero(np.diff(ends) == 6)
    if not len(six):
        return numbers
    data = np.frombuffer(texts.buffers()[2], np.uint8)
    if len(six) == rows:
        characters = data[ends[0] : ends[-1]].reshape(rows, 6)
    else:
        characters = data[ends[six][:, None] + np.arange(6)]
    digits = characters[:, :4] - np.uint8(ord("0"))  # what is below wraps to a large number
    letters = characters[:, 4:] - np.uint8(ord("A"))
    fits = (digits <= 9).all(axis=1) & (letters <= 25).all(axis=1) & (digits[:, 0] > 0)
    number = letters[:, 0].astype(np.int64) * 26 + letters[:, 1]
    for place, weight in enumerate((1000, 100, 10, 1)):
        number += digits[:, place].astype(np.int64) * (weight * 676)
    numbers[six] = np.where(fits, number, 0)
    return numbers


def codes(values: Ints, width: int, present: npt.NDArray[np.bool_]) -> pa.StringArray:
    """Whole numbers as text of `width` digits, leading zeros included; null where not `present`."""
    rows = len(values)
    characters = np.empty((rows, width), np.uint8)
    left = values.astype(np.int64)
    for place in range(width - 1, -1, -1):
        left, digit = np.divmod(left, 10)
        characters[:, place] = digit + ord("0")
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    texts = pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(characters))
    return pc.if_else(pa.array(present), texts, None)


@contextmanager
def _opened(source: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(source):
        with source.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(source) as folder:
        found = [name for name in folder.namelist() if re.search(r"pc6hnr[^/]*\.csv$", name, re.IGNORECASE)]
        if len(found) != 1:
            raise ReferenceFault(
                source.name, f"in de zip staan {len(found)} bestanden pc6hnr….csv, er hoort er één te staan"
            )
        with folder.open(found[0]) as stream:
            yield stream


def _header(name: str, stream: IO[bytes]) -> _Header:
    """Read the header line; columns may stand in any order and others may stand beside them."""
    try:
        line = stream.readline(1000).decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ReferenceFault(name, "de eerste regel is geen kop") from error
    separator = ";" if line.count(";") >= line.count(",") else ","
    names = [column.strip().strip('"').lower() for column in line.split(separator)]
    years = {found[2] for column in names if (found := _CODE_COLUMN.fullmatch(column))}
    plain = [_CODE_COLUMN.sub(r"\1", column) for column in names]
    missing = [column for column in _COLUMNS if plain.count(column) != 1]
    if missing or len(years) != 1:
        reason = f"in de kop staat niet één keer {', '.join(missing)}" if missing else "in de kop staat niet één jaar"
        raise ReferenceFault(name, f"{reason}; verwacht: PC6, Huisnummer, Buurt<jaar>, Wijk<jaar>, Gemeente<jaar>")
    return _Header(separator, plain, int(years.pop()))


def _batches(name: str, stream: IO[bytes], header: _Header) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The lines as text, with the number of lines since the last batch that have too many or too few fields."""
    skipped = 0

    def skip(_row: pa_csv.InvalidRow) -> str:
        nonlocal skipped
        skipped += 1
        return "skip"

    try:
        reader = pa_csv.open_csv(
            pa.PythonFile(stream, "r"),
            read_options=pa_csv.ReadOptions(block_size=_BLOCK, column_names=header.names),
            parse_options=pa_csv.ParseOptions(delimiter=header.separator, invalid_row_handler=skip),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(_COLUMNS), column_types=dict.fromkeys(_COLUMNS, pa.string())
            ),
        )
        for batch in reader:
            taken, skipped = skipped, 0
            yield batch, taken
    except pa.ArrowInvalid as error:
        raise ReferenceFault(name, "er staan geen regels in, of het is geen CSV in UTF-8") from error
    if skipped:
        yield pa.RecordBatch.from_pydict({column: pa.array([], pa.string()) for column in _COLUMNS}), skipped


def _addresses(batch: pa.RecordBatch) -> tuple[Ints, Ints, Ints, Ints]:
    """Key, gemeente, wijk and buurt of the lines that are an address with codes."""
    postcode = postcode_numbers(batch["pc6"])
    if not postcode.all():
        postcode = postcode_numbers(pc.utf8_upper(pc.replace_substring(batch["pc6"], " ", "")))
    numbers = {column: _whole(batch[column]) for column in _COLUMNS[1:]}
    good = postcode > 0
    for column, values in numbers.items():
        good &= (values >= 1) & (values <= _LARGEST[column])
    key = (postcode * HOUSES + numbers["huisnummer"])[good]
    gemeente, wijk, buurt = (numbers[column][good] for column in ("gemeente", "wijk", "buurt"))
    return key, gemeente.astype(np.int16), wijk.astype(np.int32), buurt.astype(np.int32)


def _whole(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    """Whole numbers; 0 for anything else. The slow way only for a batch that holds something else."""
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(texts)
        digits = pc.match_substring_regex(trimmed, "^[0-9]{1,9}$")
        numbers = pc.if_else(digits, trimmed, "0").cast(pa.int64())
    found: npt.NDArray[np.int64] = numbers.to_numpy(zero_copy_only=False)
    return found
