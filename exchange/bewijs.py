"""Bewijs van melding: what the register can prove of one signaal to the partner that reported it.

For a partner that is asked, by a judge for one, to show that it reported before it went on. By reference only: nothing
here tells who the signaal is about (AVG art. 5: no more than the purpose asks).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import ledger, snapshot
from exchange.register.states import PUBLISHED
from exchange.register.tables import aanlevering, batch, partij, signaal, uitzondering, zending
from exchange.status import located
from schemas import gemeenten
from transforms import identity


@dataclass(frozen=True)
class Levering:
    """That the signaal stood ready for its uitvoerder, and whether it was seen to be collected."""

    uitvoerder: str
    nacht: date
    klaargezet_op: datetime
    opgehaald_op: datetime | None


@dataclass(frozen=True)
class Bewijs:
    """What is stated of one signaal; `staat` is its place in the balance, as in a terugmelding. Moments are in UTC."""

    gemaakt_op: datetime
    uitwisseling: str
    vingerafdruk: str  # of the key that signs
    partner: str
    partner_naam: str
    signaal_id: str
    signaal_ref: str
    soort: str
    regelnr: int
    bestand: str
    sha256: str  # of the file as it was received
    ontvangen_op: datetime
    aanvaard_op: datetime
    staat: str
    gemeentecode: str
    gemeente: str
    levering: Levering | None  # only when DOORGEZET
    door_ref: str | None  # when INGETROKKEN: the partner's own later signaal that took this one's place
    verdeeld: bool  # when NIET_DOORGEZET: its gemeente was divided; otherwise it was a repeat
    regels: tuple[ledger.Entry, ...]  # of the ledger, about that file and that levering
    logboek_nr: int
    logboek_kop: str


def gather(exchange: Exchange, ref: str, nu: datetime) -> Bewijs | None:
    """What can be stated at `nu` of the signaal with this signaal_ref; None when no accepted signaal has it.

    The whole ledger is verified first, for a statement rests on it. Raises NotASignaalRef and LedgerBroken.
    """
    nr = identity.parse_signaal_ref(ref)
    with snapshot(exchange.register) as db:
        ledger.walk(db)
        row = db.execute(_query(nr)).first()
        if row is None:
            return None
        staat = _staat(row)
        withdrawn_by = row.door_signaal_nr if staat == "INGETROKKEN" else None
        entries = _entries(db, row, staat, withdrawn_by)
        logboek_nr, logboek_kop = ledger.last(db)
    config = exchange.config
    gemeentecode = row.bestemming or row.gemeentecode  # a gemeente may have merged between receipt and delivery
    levering = Levering(
        config.namen.get(row.uitvoerder, row.uitvoerder), row.nacht, row.gepubliceerd_op, row.batch_opgehaald_op
    )
    return Bewijs(
        gemaakt_op=nu,
        uitwisseling=config.exchange.naam,
        vingerafdruk=config.exchange.pgp_vingerafdruk,
        partner=row.partner,
        partner_naam=config.namen.get(row.partner, row.partner),
        signaal_id=row.signaal_id,
        signaal_ref=_ref(nr),
        soort=row.soort,
        regelnr=nr & 0xFFFFFF,
        bestand=row.bestand,
        sha256=row.sha256,
        ontvangen_op=row.opgehaald_op,
        aanvaard_op=row.gecontroleerd_op,
        staat=staat,
        gemeentecode=gemeentecode,
        gemeente=gemeenten.name(gemeentecode),
        levering=levering if staat == "DOORGEZET" else None,
        door_ref=_ref(withdrawn_by) if withdrawn_by is not None and withdrawn_by != nr else None,
        verdeeld=staat == "NIET_DOORGEZET" and row.door_signaal_nr == nr,
        regels=tuple(entries),
        logboek_nr=logboek_nr,
        logboek_kop=logboek_kop,
    )


def _query(nr: int) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            signaal.c.signaal_id,
            signaal.c.soort,
            signaal.c.gemeentecode,
            aanlevering.c.nr.label("aanlevering_nr"),
            aanlevering.c.partner,
            aanlevering.c.bestand,
            aanlevering.c.sha256,
            aanlevering.c.opgehaald_op,
            aanlevering.c.gecontroleerd_op,
            partij.c.houdreden,
            batch.c.uitvoerder,
            batch.c.nacht,
            batch.c.gemeentecode.label("bestemming"),
            batch.c.zending_id,
            zending.c.staat,
            zending.c.gebouwd_op,
            zending.c.gepubliceerd_op,
            zending.c.opgehaald_op.label("batch_opgehaald_op"),
            uitzondering.c.staat.label("uitzondering"),
            uitzondering.c.door_signaal_nr,
        )
        .select_from(located())
        .where(signaal.c.nr == nr)
    )


def _staat(row: sa.Row[tuple[object, ...]]) -> str:
    """A row that was taken out did not go with its partij, whatever became of that."""
    if row.uitzondering:
        return str(row.uitzondering)
    if row.houdreden:
        return "AANGEHOUDEN"
    return "DOORGEZET" if row.staat in PUBLISHED else "WACHTEND"


def _entries(
    db: sa.Connection, row: sa.Row[tuple[object, ...]], staat: str, withdrawn_by: int | None
) -> list[ledger.Entry]:
    subjects, moments = {("aanlevering", row.aanlevering_nr)}, [row.opgehaald_op, row.gecontroleerd_op]
    if staat == "DOORGEZET":
        subjects.add(("zending", row.zending_id))
        moments += [row.gebouwd_op, row.gepubliceerd_op, row.batch_opgehaald_op]
    if withdrawn_by is not None and withdrawn_by >> 24 != row.aanlevering_nr:
        subjects.add(("aanlevering", withdrawn_by >> 24))
        file = sa.select(aanlevering.c.opgehaald_op, aanlevering.c.gecontroleerd_op)
        moments += db.execute(file.where(aanlevering.c.nr == withdrawn_by >> 24)).one()
    return ledger.about(db, subjects, [moment for moment in moments if moment])


def _ref(nr: int) -> str:
    return str(identity.signaal_ref(np.array([nr]))[0].as_py())
