"""Physical lines, before anybody calls them CSV.

A CSV parser lets one odd quote swallow the rest of a file and cannot say on which line it went wrong. So bytes are
looked at first: every physical line gets its number, and a line that a parser would misread is taken out with its own
reason. What is left is one line = one row, whatever stood around it (layout 1: no line break inside a field).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.retourcodes import detail, reasons

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

LF, CR, QUOTE = ord("\n"), ord("\r"), ord('"')
BOM = b"\xef\xbb\xbf"
#: Longest line, in bytes, that is still read; ten times what the widest layout needs.
MAX_LINE = 65_536
#: How what is often sent instead of csv begins, and what it is called in a sentence.
_NO_CSV = {
    b"PK\x03\x04": "een Excel- of zipbestand",
    b"\xd0\xcf\x11\xe0": "een oud Excel-bestand",
    b"%PDF": "een pdf-bestand",
    b"-----BEGIN PGP": "nog een PGP-bericht",
}
_WINDOW = 1 << 24
_MAX_BLOCK = 1 << 26
#: Lines judged at a time: a few hundred kB, which stay in the processor's cache.
_PIECE = 2048


class FileRejected(Exception):
    """The file as a whole cannot be read. `code` and `slots` are those of the retourcode."""

    def __init__(self, code: str, slots: dict[str, str]) -> None:
        super().__init__(code)
        self.code, self.slots = code, slots


@dataclass(frozen=True)
class Header:
    """Line 1."""

    columns: tuple[str, ...]  #: as they stand, trimmed
    end: int  #: offset of line 2 in the file
    codering: str  #: "utf-8" or "windows-1252"; a byte order mark overrules the profile


@dataclass(frozen=True)
class Block:
    """Whole lines: view[start:stop], the first of which is physical line `first_regelnr`."""

    start: int
    stop: int
    first_regelnr: int
    lines: int  #: physical lines, blank ones included


@dataclass(frozen=True)
class Scan:
    """What a block holds."""

    good: pa.Buffer  #: whole lines that a CSV parser reads as one row each
    regelnr: Numbers  #: physical line number per good line
    bad: pa.Table  #: REASONS of the lines taken out, one per line
    lines: int  #: data lines (not blank): good and bad together


def read_header(view: memoryview, separator: str, codering: str) -> Header:
    """Read line 1 (a BOM, CRLF or LF and quotes are tolerated).

    Raises FileRejected: E-BST-05 for zero bytes (a header without rows is fine), E-BST-02 for another encoding,
    E-BST-13 for what is no csv at all, E-BST-09 if line 1 is blank or too long to be a header.
    """
    first = bytes(view[: MAX_LINE + 1])
    for begin, soort in _NO_CSV.items():
        if first.startswith(begin):
            raise FileRejected("E-BST-13", {"soort": soort})
    if not first.removeprefix(BOM):
        raise FileRejected("E-BST-05", {})
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileRejected("E-BST-02", {"codering": codering, "regel": "1"})
    line, newline, _ = first.partition(b"\n")
    end = len(line) + len(newline)
    if line.startswith(BOM):
        line, codering = line.removeprefix(BOM), "utf-8"
    try:
        text = line.decode(codering).rstrip("\r")
    except UnicodeDecodeError:
        raise FileRejected("E-BST-02", {"codering": codering, "regel": "1"}) from None
    if len(line) > MAX_LINE or not text.strip() or not text.replace(separator, "").isprintable():
        raise FileRejected("E-BST-09", {"scheidingsteken": named(separator)})
    names = (name.strip() for name in text.split(separator))
    return Header(tuple(_unquoted(name) for name in names), end, codering)


def blocks(view: memoryview, header_end: int, lines_per_block: int) -> Iterator[Block]:
    """Walk the data lines in blocks of at most `lines_per_block` lines, without loading the whole.

    A line longer than MAX_LINE stands in a block of its own, so that a file without line breaks costs no memory.
    """
    size, start, regelnr = len(view), header_end, 2
    while start < size:
        block = _block(view, start, size, regelnr, lines_per_block)
        yield block
        start, regelnr = block.stop, regelnr + block.lines


def scan(view: memoryview, block: Block, *, separator: str, columns: int) -> Scan:
    """Number the lines of a block and take out what a CSV parser would get wrong.

    separator: one byte; columns: fields in the header. Codes: E-RGL-01 number of fields, E-RGL-02 quotes,
    E-RGL-03 control characters, E-RGL-04 too long. A line gets the first of 04, 03, 02, 01: what comes after it in
    that order cannot be told.
    """
    if block.stop - block.start > MAX_LINE and block.lines == 1:
        number = np.array([block.first_regelnr], np.int64)
        too_long = reasons(number, "E-RGL-04", slots={"maximum": str(MAX_LINE)})
        return Scan(pa.py_buffer(b""), number[:0], too_long, 1)
    data = np.frombuffer(view[block.start : block.stop], np.uint8)
    starts, ends = _edges(data)
    fields = np.empty(len(starts), np.int64)
    state = np.empty(len(starts), np.int8)
    for first in range(0, len(starts), _PIECE):
        piece = slice(first, first + _PIECE)
        begin = starts[first]
        end = starts[first + _PIECE] if first + _PIECE < len(starts) else len(data)
        fields[piece], state[piece] = _judge(data[begin:end], starts[piece] - begin, separator)
    blank = starts >= ends
    sparse = np.flatnonzero((fields == 1) & ~blank & (state == 0))
    blank[[line for line in sparse if not data[starts[line] : ends[line]].tobytes().strip()]] = True
    state[(state == 0) & (fields != columns)] = 1
    state[ends - starts > MAX_LINE] = 4
    state[blank] = 0
    good = (state == 0) & ~blank
    regelnr = np.arange(block.first_regelnr, block.first_regelnr + len(starts), dtype=np.int64)
    return Scan(
        good=_kept(view, block, data, starts, good),
        regelnr=regelnr[good],
        bad=_bad(state, regelnr, fields, columns),
        lines=int(np.count_nonzero(~blank)),
    )


def named(separator: str) -> str:
    """A separator as a sentence shows it."""
    return "tabs" if separator == "\t" else separator


def _unquoted(name: str) -> str:
    quoted = len(name) > 1 and name[0] == name[-1] == '"'
    return name[1:-1].replace('""', '"').strip() if quoted else name


def _block(view: memoryview, start: int, size: int, regelnr: int, maximum: int) -> Block:
    """The next block; looks ahead one window at a time, and stops early where lines are very long."""
    at, lines, stop = start, 0, start
    while at < size and lines < maximum and at - start < _MAX_BLOCK and at - stop <= MAX_LINE:
        window = np.frombuffer(view[at : min(at + _WINDOW, size)], np.uint8)
        newlines = np.flatnonzero(window == LF)[: maximum - lines]
        if len(newlines):
            lines, stop = lines + len(newlines), at + int(newlines[-1]) + 1
        at += len(window)
    if not lines:
        return Block(start, _line_end(view, start, size), regelnr, 1)
    if at >= size and lines < maximum and 0 < size - stop <= MAX_LINE:
        return Block(start, size, regelnr, lines + 1)  # the last line has no line end
    return Block(start, stop, regelnr, lines)


def _line_end(view: memoryview, at: int, size: int) -> int:
    while at < size:
        newlines = np.flatnonzero(np.frombuffer(view[at : min(at + _WINDOW, size)], np.uint8) == LF)
        if len(newlines):
            return at + int(newlines[0]) + 1
        at += _WINDOW
    return size


def _edges(data: Bytes) -> tuple[Numbers, Numbers]:
    """Start of each line and its end without CR and LF; the last line may lack its LF."""
    newlines = np.flatnonzero(data == LF)
    if not len(newlines) or newlines[-1] != len(data) - 1:
        newlines = np.append(newlines, len(data))
    starts = np.concatenate((np.zeros(1, np.int64), newlines[:-1] + 1))
    ends = newlines.copy()
    ends -= (ends > starts) & (data[ends - 1] == CR)
    return starts, ends


def _judge(data: Bytes, starts: Numbers, separator: str) -> tuple[Numbers, npt.NDArray[np.int8]]:
    """Fields per line, and 3 for a line with a control character, 2 for one with broken quotes, else 0."""
    newline = data == LF
    state = np.zeros(len(starts), np.int8)
    separates = data == ord(separator)
    quotes = data == QUOTE
    if quotes.any():
        broken = _broken(data, quotes, starts, separates | newline | quotes)
        state[broken] = 2
        separates &= ~_inside(quotes, starts, broken)
    state[_with_control(data, newline, separates, starts)] = 3
    return _per_line(np.flatnonzero(separates), starts) + 1, state


def _with_control(data: Bytes, newline: Mask, separates: Mask, starts: Numbers) -> Numbers:
    """Lines that hold a control character, a CR that is not before a LF included; a tab that separates is none."""
    control = (data < 32) | (data == 127)
    control &= ~newline & ~separates
    if not control.any():
        return np.empty(0, np.int64)
    places = np.flatnonzero(control)
    ends_line = newline[np.minimum(places + 1, len(data) - 1)] | (places == len(data) - 1)
    places = places[~((data[places] == CR) & ends_line)]
    return np.unique(np.searchsorted(starts, places, side="right") - 1)


def _broken(data: Bytes, quotes: Mask, starts: Numbers, edge: Mask) -> Mask:
    """Lines with an odd number of quotes, or with one that opens or closes inside a field (RFC 4180, 2.5-2.7).

    Before an opening quote stands a separator, the start of the line or (doubled) a quote; after a closing one a
    separator, the end of the line or a quote.
    """
    broken: Mask = _per_line(np.flatnonzero(quotes), starts) % 2 == 1
    opened = _inside(quotes, starts, broken)
    before = np.concatenate(([True], edge[:-1]))
    after = np.concatenate((edge[1:] | (data[1:] == CR), [True]))
    misplaced = np.flatnonzero(quotes & ~np.where(opened, before, after))
    broken[np.searchsorted(starts, misplaced, side="right") - 1] = True
    return broken


def _inside(quotes: Mask, starts: Numbers, broken: Mask) -> Mask:
    """Per byte whether it stands in quotes (the opening quote does, the closing one does not); not in broken lines."""
    toggles = quotes.astype(np.uint8)
    ends = np.append(starts[1:], len(toggles))
    for line in np.flatnonzero(broken):
        toggles[starts[line] : ends[line]] = 0
    # sums wrap at 256, which keeps odd and even apart; every line that is left holds an even number
    inside: Mask = (np.cumsum(toggles, dtype=np.uint8) & 1).view(np.bool_)
    return inside


def _per_line(places: Numbers, starts: Numbers) -> Numbers:
    """How many of the sorted `places` lie in each line; several times as fast as `np.add.reduceat` on a mask."""
    return np.diff(np.searchsorted(places, starts), append=len(places))


def _kept(view: memoryview, block: Block, data: Bytes, starts: Numbers, good: Mask) -> pa.Buffer:
    """The good lines as one buffer; the view itself, without a copy, if all are good."""
    if good.all():
        return pa.py_buffer(view[block.start : block.stop])
    ends = np.append(starts[1:], len(data))
    change = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
    runs = zip(starts[change[::2]], ends[change[1::2] - 1], strict=True)
    return pa.py_buffer(b"".join(data[start:end].tobytes() for start, end in runs))


def _bad(state: npt.NDArray[np.int8], regelnr: Numbers, fields: Numbers, columns: int) -> pa.Table:
    """REASONS of the lines taken out, in the order of the file."""
    parts = [
        reasons(regelnr[state == 2], "E-RGL-02"),
        reasons(regelnr[state == 3], "E-RGL-03"),
        reasons(regelnr[state == 4], "E-RGL-04", slots={"maximum": str(MAX_LINE)}),
    ]
    uneven = reasons(regelnr[state == 1], "E-RGL-01")
    found, which = np.unique(fields[state == 1], return_inverse=True)
    counts = [detail({"verwacht": str(columns), "gevonden": str(number)}) for number in found]
    details = pa.array(counts, pa.string()).take(pa.array(which))
    parts.append(uneven.set_column(3, "detail", details))
    return pa.concat_tables(parts).sort_by("regelnr")
