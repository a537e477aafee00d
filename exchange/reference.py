"""The CBS table postcode + huisnummer -> gemeente, wijk, buurt: imported once a year, memory-mapped at every look-up.

A table is a folder of sorted arrays, `pc6hnr-<year>`; the file `actueel` beside it names the one in use. Import writes
a new folder and then moves the name, so that a reader sees the old table or the new one, whole. Look-ups are binary
searches in 8-byte keys: no database, and the pages are shared between processes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from exchange import pc6hnr
from exchange.faults import ReferenceFault
from schemas import gemeenten
from transforms.route import ADRES, POSTCODE, Lookup

POINTER = "actueel"

Numbers: TypeAlias = npt.NDArray[np.signedinteger]

#: Of the arrays in a table's folder: dtype by file name. `sleutel` is postcode number * 100,000 + huisnummer, sorted;
#: `gemeente`, `wijk` and `buurt` go with it. `postcode` holds per postcode number its gemeente: 0 unknown, -1 several.
ARRAYS: dict[str, type[np.signedinteger]] = {
    "sleutel": np.int64,
    "gemeente": np.int16,
    "wijk": np.int32,
    "buurt": np.int32,
    "postcode": np.int16,
}

Strings: TypeAlias = pa.StringArray | pa.ChunkedArray | npt.NDArray[np.str_]
Ints = npt.NDArray[np.int32] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Imported:
    """What an import took over. `rijen` = addresses; lines of the file = rijen + fout + dubbel + tegenstrijdig."""

    jaar: int
    rijen: int
    fout: int  #: lines that are not an address with codes
    dubbel: int  #: lines that say again what another line said
    tegenstrijdig: int  #: lines of addresses that stand under several gemeenten: left to the next rung of the ladder
    postcodes: int
    grenspostcodes: int  #: postcodes that lie in several gemeenten
    onbekend: tuple[str, ...]  #: gemeentecodes that did not exist on 1 August of that year


def import_pc6hnr(source: Path, folder: Path) -> Imported:
    """Take over a file of CBS (`pc6hnr<yyyy>0801_gwb.csv`, or the zip that holds it) and put it in use.

    Raises ReferenceFault, and changes nothing, if header or columns do not fit.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    addresses = pc6hnr.read(source)
    postcode = _gemeente_by_postcode(addresses)
    known = gemeenten.active(date(addresses.jaar, 8, 1))
    codes = gemeenten.codes_of(np.unique(addresses.gemeente)).to_pylist()
    done = Imported(
        jaar=addresses.jaar,
        rijen=len(addresses.sleutel),
        fout=addresses.fout,
        dubbel=addresses.dubbel,
        tegenstrijdig=addresses.tegenstrijdig,
        postcodes=int(np.count_nonzero(postcode)),
        grenspostcodes=int(np.count_nonzero(postcode == -1)),
        onbekend=tuple(code for code in codes if code not in known),
    )
    arrays: dict[str, Numbers] = {
        "sleutel": addresses.sleutel,
        "gemeente": addresses.gemeente,
        "wijk": addresses.wijk,
        "buurt": addresses.buurt,
        "postcode": postcode,
    }
    _put_in_use(folder, f"pc6hnr-{addresses.jaar}", arrays, done)
    return done


class PostcodeTable:
    """The table in use; empty when none was imported, so that every row falls through to the supplied gemeentecode."""

    def __init__(self, arrays: dict[str, Numbers], imported: Imported | None) -> None:
        self._arrays = arrays
        self.imported = imported

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the table that `folder` has in use; raises ReferenceFault if it is named but not whole."""
        for _ in range(2):  # an import may take the folder away between the two reads
            try:
                name = (folder / POINTER).read_text(encoding="utf-8").strip()
            except FileNotFoundError:
                return cls({key: np.zeros(0, kind) for key, kind in ARRAYS.items()}, None)
            if (folder / name).is_dir():
                return cls._map(folder / name)
        raise ReferenceFault(name, f"{POINTER} noemt deze tabel, maar zij is er niet; importeer haar opnieuw")

    @classmethod
    def _map(cls, folder: Path) -> Self:
        try:
            arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in ARRAYS}
            facts = json.loads((folder / "tabel.json").read_text(encoding="utf-8"))
            return cls(arrays, Imported(**facts | {"onbekend": tuple(facts["onbekend"])}))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ReferenceFault(folder.name, "de tabel is niet heel; importeer haar opnieuw") from error

    def lookup(self, postcode: Strings, huisnummer: pa.Array | pa.ChunkedArray | Ints) -> Lookup:
        """What the table says of each address.

        postcode: strings "NNNNAA", null where absent; huisnummer: whole numbers, null or 0 where absent. Anything else
        than a postcode is not found.
        """
        numbers = pc6hnr.postcode_numbers(_one_array(postcode, pa.string()))
        house = _one_array(huisnummer, pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        keys = self._arrays["sleutel"]
        if not len(keys):
            return _nothing(len(numbers))
        fits = (numbers > 0) & (house > 0) & (house < pc6hnr.HOUSES)
        wanted = np.where(fits, numbers * pc6hnr.HOUSES + house, -1)
        place = np.minimum(_search(keys, wanted), len(keys) - 1)
        found = keys[place] == wanted
        by_postcode = np.maximum(self._arrays["postcode"][numbers], 0)
        at = np.where(found, place, 0)
        return Lookup(
            gemeentecode=gemeenten.codes_of(np.where(found, self._arrays["gemeente"][at], by_postcode)),
            wijkcode=pc6hnr.codes(self._arrays["wijk"][at], 6, found),
            buurtcode=pc6hnr.codes(self._arrays["buurt"][at], 8, found),
            rung=_RUNGS.take(pa.array(np.where(found, 2, np.where(by_postcode > 0, 1, 0)))),
        )


_RUNGS = pa.array(["", POSTCODE, ADRES], pa.string())


def _nothing(rows: int) -> Lookup:
    nothing = pa.nulls(rows, pa.string())
    return Lookup(nothing, nothing, nothing, pa.repeat(pa.scalar(""), rows))


def _search(keys: Numbers, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Place of each wanted key; asked for in order, because neighbours then find their pages in the cache."""
    order = np.argsort(wanted)
    place = np.empty(len(wanted), np.int64)
    place[order] = np.searchsorted(keys, wanted[order])
    return place


def _one_array(values: Strings | Ints | pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def _gemeente_by_postcode(addresses: pc6hnr.Addresses) -> npt.NDArray[np.int16]:
    """Per postcode number its gemeente; 0 unknown, -1 several. Contradicted addresses count along."""
    lowest = np.full(pc6hnr.POSTCODES, np.iinfo(np.int16).max, np.int16)
    highest = np.zeros(pc6hnr.POSTCODES, np.int16)
    for numbers, codes in (
        (addresses.sleutel // pc6hnr.HOUSES, addresses.gemeente),
        (addresses.twistpostcode, addresses.twistgemeente),
    ):
        np.minimum.at(lowest, numbers, codes)
        np.maximum.at(highest, numbers, codes)
    several = (highest > 0) & (lowest != highest)
    return np.where(several, np.int16(-1), highest)


def _put_in_use(folder: Path, name: str, arrays: dict[str, Numbers], done: Imported) -> None:
    """Write the arrays under a new name, durably; then move the pointer; then drop what nobody will open any more."""
    with _alone(folder):
        _swap(folder, name, arrays, done)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One import in this folder at a time."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _swap(folder: Path, name: str, arrays: dict[str, Numbers], done: Imported) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=".nieuw-", dir=folder))
    try:
        for key, kind in ARRAYS.items():
            with (fresh / f"{key}.npy").open("xb") as file:
                np.save(file, arrays[key].astype(kind, copy=False))
                file.flush()
                os.fsync(file.fileno())
        _write(fresh / "tabel.json", json.dumps(asdict(done)))
        _flush_folder(fresh)
        final = _rename_free(fresh, folder / name)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    pointer = folder / f".{POINTER}-{final.name}"
    _write(pointer, final.name + "\n")
    pointer.replace(folder / POINTER)
    _flush_folder(folder)
    for other in folder.glob(f"{name}*"):
        if other != final:  # maps that are open keep their pages
            shutil.rmtree(other)


def _rename_free(fresh: Path, wanted: Path) -> Path:
    """Rename to the wanted name, or with a number behind it where that is taken (the same year imported again)."""
    number, target = 1, wanted
    while target.exists():
        number += 1
        target = wanted.with_name(f"{wanted.name}-{number}")
    return fresh.rename(target)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
