"""Aanleveringen in the register: read with what came before, and closed with everything they led to at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from exchange.faults import StateConflict
from exchange.register import ledger, outbox, signalen, states, terugkoppelingen, vervolg
from exchange.register.tables import aanlevering, aanlevering_of, partij, signaal, te_melden, terugkoppeling


class Soort(StrEnum):
    """What a received file holds, and with that who sends it."""

    SIGNALEN = "SIGNALEN"  # from a partner
    PROEF = "PROEF"  # from a partner: signalen that are read and answered, and are no signalen
    TERUGKOPPELING = "TERUGKOPPELING"  # from an uitvoerder

    @property
    def taken_along(self) -> tuple[Soort, ...]:
        """What is picked up and checked in the same round, of the same parties, in this order: a proef before the file
        that it tries, whose rows it would otherwise call known."""
        return (Soort.PROEF, Soort.SIGNALEN) if self is Soort.SIGNALEN else (self,)


@dataclass(frozen=True)
class Received:
    """One received file, as pickup registered it. `eerder_op` is set when the same bytes were read before.

    `partner` is the party whose file it is: the id of an uitvoerder where it holds terugkoppeling. `gemachtigde` is the
    account that dropped it, where that is another.
    """

    nr: int
    soort: Soort
    partner: str
    gemachtigde: str | None
    bestand: str
    sha256: str
    archief: str
    opgehaald_op: datetime
    eerder_op: datetime | None
    verzegeld: bool = False  # it came unencrypted, and is not read

    @property
    def afzender(self) -> str:
        """The account that dropped it, and that is answered."""
        return self.gemachtigde or self.partner

    @property
    def proef(self) -> bool:
        """Whether nothing of it may become a signaal."""
        return self.soort is Soort.PROEF

    @property
    def reeks(self) -> str:
        """The series that its answers are numbered in: those of a proef leave no gap in the real one."""
        return "proef" if self.proef else "terugmelding"


@dataclass(frozen=True)
class Verdict:
    """What check found; `partijen` counts accepted rows per (gemeentecode, sector, spoed)."""

    staat: states.Aanlevering
    code: str | None = None
    poging: int = 0
    regels: int = 0
    aanvaard: int = 0
    afgekeurd: int = 0
    dubbel: int = 0
    partijen: Mapping[tuple[str, str, bool], int] | None = None


def dropped_by(account: str) -> sa.ColumnElement[bool]:
    """Whether an aanlevering lay in the folder of this account, whoever's file it is."""
    own = sa.and_(aanlevering.c.partner == account, aanlevering.c.gemachtigde.is_(None))
    return sa.or_(aanlevering.c.gemachtigde == account, own)


def sealed() -> sa.Select[Any]:
    """What came unencrypted and is kept sealed. A proef goes sooner, in its own way."""
    there = aanlevering.c.gewist_op.is_(None), aanlevering.c.staat != states.Aanlevering.GEWIST
    return sa.select(aanlevering).where(aanlevering.c.verzegeld, *there).order_by(aanlevering.c.nr)


def received(db: sa.Connection, nr: int) -> Received:
    """The file with this number, and whether its bytes already reached a CONTROLE for this partner from this account:
    what another account dropped, it does not hear of.

    A proef is never remembered, nor does it remember.
    """
    row = db.execute(sa.select(aanlevering).where(aanlevering.c.nr == nr)).one()
    earlier = (
        None
        if row.soort == Soort.PROEF
        else db.scalar(
            sa.select(aanlevering.c.opgehaald_op)
            .where(
                aanlevering.c.partner == row.partner,
                dropped_by(row.gemachtigde or row.partner),
                aanlevering.c.soort == row.soort,
                aanlevering.c.sha256 == row.sha256,
                aanlevering.c.staat == states.Aanlevering.GECONTROLEERD,
            )
            .order_by(aanlevering.c.nr)
            .limit(1)
        )
    )
    soort = Soort(row.soort)
    return Received(
        row.nr,
        soort,
        row.partner,
        row.gemachtigde,
        row.bestand,
        row.sha256,
        row.archief,
        row.opgehaald_op,
        earlier,
        row.verzegeld,
    )


def close(
    db: sa.Connection,
    file: Received,
    verdict: Verdict,
    nu: datetime,
    *,
    accepted: Iterable[pa.Table] = (),
    refused: Iterable[pa.Table] = (),
    told: Sequence[pa.Table] = (),
    answers: Sequence[outbox.Built] = (),
    first_number: int = 0,
    numbers: int = 0,
) -> None:
    """Record a checked file in the caller's transaction: rows, partijen, what they replace, answers and the ledger.

    `accepted` are blocks with the columns of `signaal`, `refused` of `afgekeurde_regel`, `told` of `terugkoppeling`.
    Raises StateConflict when the file was closed by another.
    """
    done = db.execute(
        aanlevering.update()
        .where(aanlevering.c.nr == file.nr, aanlevering.c.staat.in_(states.sources(verdict.staat)))
        .values(
            staat=verdict.staat,
            code=verdict.code,
            gecontroleerd_op=nu,
            poging=verdict.poging,
            regels=verdict.regels,
            aanvaard=verdict.aanvaard,
            afgekeurd=verdict.afgekeurd,
            dubbel=verdict.dubbel,
        )
    )
    if done.rowcount != 1:
        raise StateConflict("aanlevering", file.nr, str(verdict.staat))
    for block in accepted:
        signalen.insert(db, signaal, block)
    for block in refused:
        signalen.refused(db, block)
    signalen.insert(db, partij, _partijen(file.nr, verdict.partijen or {}))
    vervolg.take_out(db, file.nr)  # after the partijen: writing them waits for a freeze, and a freeze for us
    for block in told:
        signalen.insert(db, terugkoppeling, block)
    if told:
        db.execute(te_melden.insert().from_select(["aanlevering_nr", "partner"], _concerned(file.nr)))
        terugkoppelingen.settle(db, file.nr, nu)  # before the ledger is locked: publish takes them in that order too
    outbox.take_numbers(db, file.afzender, file.reeks, first_number, numbers)
    outbox.add(db, nu, answers)
    counts = {"regels": verdict.regels, "aanvaard": verdict.aanvaard, "afgekeurd": verdict.afgekeurd}
    event = event_of(file.soort, verdict.staat)
    ledger.append(db, nu, event, {"aanlevering": file.nr, "code": verdict.code, **counts})


def event_of(soort: Soort, staat: states.Aanlevering) -> str:
    """How the ledger calls that a file came into `staat`; nobody may take a proef for a delivery."""
    return f"PROEF_{staat}" if soort is Soort.PROEF else str(staat)


def _concerned(nr: int) -> sa.Select[Any]:
    """The partners about whose signals the terugkoppeling `nr` is."""
    own = aanlevering.alias("own")
    return (
        sa.select(sa.literal(nr, sa.BigInteger), own.c.partner)
        .select_from(terugkoppeling)
        .join(own, own.c.nr == aanlevering_of(terugkoppeling.c.signaal_nr))
        .where(terugkoppeling.c.aanlevering_nr == nr)
        .distinct()
    )


def _partijen(nr: int, counts: Mapping[tuple[str, str, bool], int]) -> pa.Table:
    places = sorted(counts)
    return pa.table(
        {
            "aanlevering_nr": pa.array([nr] * len(places), pa.int64()),
            "gemeentecode": pa.array([gemeentecode for gemeentecode, _, _ in places], pa.string()),
            "sector": pa.array([sector for _, sector, _ in places], pa.string()),
            "spoed": pa.array([spoed for _, _, spoed in places], pa.bool_()),
            "aantal": pa.array([counts[place] for place in places], pa.int64()),
        }
    )
