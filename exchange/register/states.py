"""The two state machines of the register, each transition in one table.

A state alone drives the machine; *why* is a retourcode beside it.
"""

from __future__ import annotations

from enum import StrEnum


class Aanlevering(StrEnum):
    """Where a received file stands."""

    OPGEHAALD = "OPGEHAALD"  # the bytes are in the archive
    GECONTROLEERD = "GECONTROLEERD"  # read; its rows accepted or refused one by one
    AFGEKEURD = "AFGEKEURD"  # refused as a whole, with one code
    HERHAALD = "HERHAALD"  # the same bytes as one that was read before
    GEWIST = "GEWIST"  # a proef whose time is over: the file is gone, here and at the partner


class Zending(StrEnum):
    """Where an outgoing file stands."""

    GEBOUWD = "GEBOUWD"  # the ciphertext is in the archive
    GEUPLOAD = "GEUPLOAD"  # whole and verified under a temporary name at the receiver
    GEPUBLICEERD = "GEPUBLICEERD"  # seen under its own name: the receiver can collect it
    ONZEKER = "ONZEKER"  # a rename was sent, and nobody can see what became of it: evidence or a beheerder settles it
    OPGEHAALD = "OPGEHAALD"  # seen to be collected
    VERWIJDERD = "VERWIJDERD"  # stood there for as long as its receiver's profile says, and is gone


#: A zending in one of these states stands, or stood, at its receiver under its own name.
PUBLISHED = (Zending.GEPUBLICEERD, Zending.OPGEHAALD, Zending.VERWIJDERD)


class Batch(StrEnum):
    """Where a night's batch for one gemeente stands before it becomes a zending."""

    BEVROREN = "BEVROREN"
    GEBOUWD = "GEBOUWD"


#: Pairs, because a dictionary would take states of two machines with the same name for one.
TRANSITIONS: tuple[tuple[StrEnum, frozenset[StrEnum]], ...] = (
    (Aanlevering.OPGEHAALD, frozenset({Aanlevering.GECONTROLEERD, Aanlevering.AFGEKEURD, Aanlevering.HERHAALD})),
    (Aanlevering.GECONTROLEERD, frozenset({Aanlevering.GEWIST})),
    (Aanlevering.AFGEKEURD, frozenset({Aanlevering.GEWIST})),
    (Zending.GEBOUWD, frozenset({Zending.GEUPLOAD})),
    # back only where no rename was sent, or it was refused: what may have been collected must not come again
    (Zending.GEUPLOAD, frozenset({Zending.GEPUBLICEERD, Zending.GEBOUWD, Zending.ONZEKER})),
    (Zending.ONZEKER, frozenset({Zending.GEPUBLICEERD, Zending.OPGEHAALD, Zending.GEUPLOAD, Zending.GEBOUWD})),
    (Zending.GEPUBLICEERD, frozenset({Zending.OPGEHAALD, Zending.VERWIJDERD})),
    (Zending.OPGEHAALD, frozenset({Zending.VERWIJDERD})),
    (Batch.BEVROREN, frozenset({Batch.GEBOUWD})),
)


def sources(target: StrEnum) -> list[str]:
    """The states from which `target` may be reached."""
    return [str(source) for source, targets in TRANSITIONS if target in targets]
