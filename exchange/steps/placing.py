"""placing: how a zending comes to stand at its receiver under its own name, effectively once.

Uploaded under a temporary name, seen to be whole there, *recorded*; then the intent to rename is recorded, the rename
is sent, and its answer is recorded. What was not seen under its own name is not booked. After a refusal or a crash what
stands under both names decides, with the intent:

| own name | temporary name | rename sent | then |
|---|---|---|---|
| ours, by its bytes | whatever | | GEPUBLICEERD; what is left under the temporary name is removed |
| of another | | no, or refused | it waits, and is named |
| nothing | whole | | the rename is sent (again) |
| nothing | nothing, or not whole | no, or refused | GEBOUWD: the same bytes once more |
| anything else | | yes, and it was not refused | ONZEKER: it may have been collected, and nobody can see |

A refusal counts when the file still stood under its temporary name after it: a server may do what it refuses. A server
that refuses one file or will not say what stands there, and a file of ours that cannot be read or is not what we made,
keep none of the others waiting.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, BinaryIO

import sqlalchemy as sa

from exchange.faults import FileFault, StoreFault, TargetExists
from exchange.register import outbox, states
from exchange.sentences import sentence
from exchange.steps import collected
from exchange.steps.visit import Visit

#: Files that go through the states together: the register is asked a few times per so many, and not per file.
TOGETHER = 16

_State = states.Zending


class Found(Enum):
    """Where a zending stands at its receiver."""

    OURS = "under its own name"
    READY = "whole under its temporary name"
    TAKEN = "another file has its name"
    GONE = "nowhere, or not whole"


@dataclass
class Placed:
    """What became of the files of one visit: how many are visible now, whether any must be tried again, and what was
    said of those that were refused, by zending (id)."""

    visible: int = 0
    late: bool = False
    refused: dict[int, str] = field(default_factory=dict)

    @property
    def again(self) -> bool:
        """Whether another round may bring more."""
        return self.late or bool(self.refused)


def place(visit: Visit, rows: Sequence[sa.Row[Any]], placed: Placed) -> None:
    """Take `rows` as far as they will go, in their order, and count them; raises PartyFault when all of it fails."""
    for at in range(0, len(rows), TOGETHER):
        lot = _Lot(visit, placed)
        _upload(lot, rows[at : at + TOGETHER])
        _rename(lot, _whole(lot))


def look(visit: Visit, row: sa.Row[Any]) -> Found:
    """What stands under both names; raises FileFault where the server does not say."""
    there = visit.connection.stat(final(row))
    if there is not None:
        return Found.OURS if collected.ours(visit.connection, row, there) else Found.TAKEN
    return Found.READY if _stands(visit, row, temporary(row)) else Found.GONE


def final(row: sa.Row[Any]) -> str:
    """Where the receiver finds it."""
    return f"{row.map}/{row.naam}"


def temporary(row: sa.Row[Any]) -> str:
    """Where it lies until then: always the same, so that an upload that begins again replaces what is left there."""
    return f"{row.map}/.{row.naam}.{row.id}.tmp"


@dataclass
class _Lot:
    """A few zendingen on their way: which are ready to be renamed, and where the others went."""

    visit: Visit
    placed: Placed
    ready: list[sa.Row[Any]] = field(default_factory=list)
    moved: dict[_State, list[int]] = field(default_factory=lambda: defaultdict(list))

    def each(self, rows: Collection[sa.Row[Any]], work: Callable[[sa.Row[Any]], None]) -> None:
        """Work on every row; one that the server refuses, or of which it will not say how it stands, waits alone."""
        for row in rows:
            try:
                work(row)
            except (FileFault, StoreFault, TargetExists) as fault:
                # never the name: an answer is named after a file that the partner may have named after somebody
                taken = "een ander bestand heeft de naam van het onze; er is niets overschreven"
                said = sentence(fault) if not isinstance(fault, TargetExists) else f"{self.visit.receiver.id}: {taken}"
                self.placed.refused[row.id] = said

    def to(self, target: _State, row: sa.Row[Any]) -> None:
        self.moved[target].append(row.id)

    def record(self, refused: Collection[int] = ()) -> None:
        """Record where they went, and of which the rename was not sent or refused."""
        if not refused and not self.moved:
            return
        with self.visit.recording() as (db, moment):
            outbox.ask(db, refused, None)
            for target, ids in self.moved.items():
                outbox.move(db, ids, target, moment)
        self.placed.visible += len(self.moved[_State.GEPUBLICEERD])
        self.placed.late |= bool(self.moved[_State.GEBOUWD])
        self.moved.clear()


def _upload(lot: _Lot, rows: Collection[sa.Row[Any]]) -> None:
    """To GEUPLOAD what is new, and where it belongs what an earlier round began."""

    def begin(row: sa.Row[Any]) -> None:
        if row.staat == _State.GEUPLOAD:
            _resume(lot, row)
            return
        with lot.visit.exchange.archive.open(row.archief) as ciphertext:
            content = _Hashed(ciphertext)
            lot.visit.connection.put(content, temporary(row), row.grootte)
        if content.hexdigest() != row.sha256:
            lot.visit.connection.remove(temporary(row))
            raise StoreFault(row.archief, "dit zijn niet de bytes die wij maakten")
        lot.to(_State.GEUPLOAD, row)
        lot.ready.append(row)

    try:
        lot.each(rows, begin)
    finally:  # what did arrive is recorded, also when the connection breaks at the next
        lot.record()


class _Hashed:
    """Hashes what is read of a file: what the archive gives must be what was recorded."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _resume(lot: _Lot, row: sa.Row[Any]) -> None:
    asked = row.hernoemen_op is not None
    match look(lot.visit, row):
        case Found.OURS:
            lot.to(_State.GEPUBLICEERD, row)
            lot.visit.connection.remove(temporary(row))
        case Found.READY:
            lot.ready.append(row)
        case Found.TAKEN if not asked:
            raise TargetExists(final(row))
        case Found.GONE if not asked:
            lot.to(_State.GEBOUWD, row)
        case _:
            lot.to(_State.ONZEKER, row)


def _whole(lot: _Lot) -> list[sa.Row[Any]]:
    """Those that can be renamed: after their upload, others went before them, and a server may lose a file."""
    found: list[sa.Row[Any]] = []

    def see(row: sa.Row[Any]) -> None:
        if _stands(lot.visit, row, temporary(row)):
            found.append(row)
        elif row.hernoemen_op is None:
            lot.to(_State.GEBOUWD, row)

    lot.each(lot.ready, see)
    lot.record()
    return found


def _rename(lot: _Lot, rows: Sequence[sa.Row[Any]]) -> None:
    """To GEPUBLICEERD: the intent first, then the request, then its answer and what is seen under the own name."""
    if not rows:
        return
    visit, refused = lot.visit, {row.id for row in rows}  # until it is sent

    def send(row: sa.Row[Any]) -> None:
        refused.discard(row.id)
        try:
            visit.connection.rename(temporary(row), final(row))
        except (FileFault, TargetExists):
            if _stands(visit, row, temporary(row)):  # else it may have been done, and collected
                refused.add(row.id)
            raise
        if _stands(visit, row, final(row)):
            lot.to(_State.GEPUBLICEERD, row)
        elif look(visit, row) is Found.READY:  # the answer was not true
            refused.add(row.id)
            lot.placed.late = True
        else:
            lot.to(_State.ONZEKER, row)

    with visit.recording() as (db, moment):
        outbox.ask(db, refused, moment)
    try:
        lot.each(rows, send)
    finally:
        lot.record(refused)


def _stands(visit: Visit, row: sa.Row[Any], path: str) -> bool:
    """Whether a file of its size stands there."""
    found = visit.connection.stat(path)
    return found is not None and found.regular and found.size == row.grootte
