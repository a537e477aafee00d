"""What a beheerder asks: how does it stand, and where is this row. By reference only, never by person."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa

from exchange.context import Exchange
from exchange.register import aanleveringen, balance, outbox, snapshot, states, stilstand, vervolg
from exchange.register.aanleveringen import Soort
from exchange.register.tables import aanlevering, aanlevering_of, batch, partij, signaal, uitzondering, zending
from transforms import identity

#: What check counts in every file.
COUNTED = ("regels", "aanvaard", "afgekeurd", "dubbel")


def status(exchange: Exchange) -> dict[str, Any]:
    """`stilgezet` (parties), `aanleveringen`, `proeven` (while their files are there), `terugkoppelingen`, `batches`,
    `onversleuteld` (what came so and is kept sealed), `onzeker` (zendingen of which nobody knows whether they were
    delivered), `stilstand` and `balans`, all of one moment, as `nachtpost status --json` prints them."""
    with snapshot(exchange.register) as db:
        proof = balance.prove(db)
        files = db.execute(sa.select(aanlevering).order_by(aanlevering.c.nr)).all()
        batches = db.execute(
            sa.select(batch, zending.c.staat.label("zending_staat"))
            .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
            .order_by(batch.c.nacht, batch.c.uitvoerder, batch.c.gemeentecode)
        )
        return {
            "stilgezet": [
                {"partij": id, "soort": one.soort, "fouten": len(one.fouten)}
                for id, one in exchange.config.stilgezet.items()
            ],
            "aanleveringen": [
                {
                    "nr": row.nr,
                    "partner": row.partner,
                    "gemachtigde": row.gemachtigde,
                    "bestand": row.bestand,
                    "staat": row.staat,
                    "code": row.code,
                    **{name: proof.per_aanlevering[row.nr][name] for name in ("regels", "aanvaard", *balance.PLACES)},
                }
                for row in files
                if row.soort == Soort.SIGNALEN
            ],
            "proeven": [
                {"partner": row.partner, "gemachtigde": row.gemachtigde, **_read(row)}
                for row in files
                if row.soort == Soort.PROEF and row.staat != states.Aanlevering.GEWIST
            ],
            "terugkoppelingen": [
                {"uitvoerder": row.partner, **_read(row)} for row in files if row.soort == Soort.TERUGKOPPELING
            ],
            "batches": [
                {
                    "nr": row.id,
                    "nacht": str(row.nacht),
                    "gemeentecode": row.gemeentecode,
                    "uitvoerder": row.uitvoerder,
                    "bestand": row.bestand,
                    "regels": row.regels,
                    "staat": row.zending_staat or row.staat,
                }
                for row in batches
            ],
            "onzeker": [
                {
                    "zending": row.id,
                    "ontvanger": row.ontvanger,
                    "soort": row.soort,
                    "map": row.map,
                    "bestand": row.naam,
                    "sinds": row.onzeker_op.isoformat(timespec="seconds"),
                }
                for row in outbox.doubtful(db)
            ],
            "stilstand": [
                {"wat": str(stilstand.onderwerp_of(row)), "sinds": row.sinds, "gegevens": row.gegevens}
                for row in stilstand.standing(db)
            ],
            "onversleuteld": [
                {
                    "partij": row.gemachtigde or row.partner,
                    "bestand": row.bestand,
                    "opgehaald_op": row.opgehaald_op.isoformat(),
                }
                for row in db.execute(aanleveringen.sealed())
            ],
            "balans": {"klopt": proof.klopt, **proof.totals},
        }


def _read(row: sa.Row[Any]) -> dict[str, Any]:
    """How a file was read that is in no balance."""
    return {name: getattr(row, name) for name in ("bestand", "staat", "code", *COUNTED)}


def find(exchange: Exchange, ref: str) -> dict[str, Any] | None:
    """Where the signaal with this `signaal_ref` is; None when no accepted signaal has it."""
    nr = identity.parse_signaal_ref(ref)
    query = (
        sa.select(
            signaal.c.signaal_id,
            signaal.c.gemeentecode,
            aanlevering.c.partner,
            aanlevering.c.gemachtigde,
            aanlevering.c.bestand,
            aanlevering.c.opgehaald_op,
            batch.c.uitvoerder,
            batch.c.nacht,
            batch.c.bestand.label("batch"),
            zending.c.staat,
            zending.c.gepubliceerd_op,
            zending.c.opgehaald_op.label("batch_opgehaald_op"),
            uitzondering.c.staat.label("uitzondering"),
        )
        .select_from(located())
        .where(signaal.c.nr == nr)
    )
    with exchange.register.connect() as db:
        row = db.execute(query).mappings().first()
    return {"signaal_ref": ref, "regelnr": nr & 0xFFFFFF, **row} if row else None


def located() -> sa.Join:
    """Each accepted signaal with its aanlevering and partij and, as far as they are there, what it went with."""
    return (
        signaal.join(aanlevering, aanlevering.c.nr == aanlevering_of(signaal.c.nr))
        .join(partij, vervolg.of(signaal, partij))
        .join(batch, batch.c.id == partij.c.batch_id, isouter=True)
        .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
        .join(uitzondering, uitzondering.c.signaal_nr == signaal.c.nr, isouter=True)
    )


def newest_ref(exchange: Exchange, partner: str, signaal_id: str) -> str | None:
    """The signaal_ref of the newest accepted signaal that `partner` gave this id; None when there is none."""
    query = (
        sa.select(sa.func.max(signaal.c.nr))
        .select_from(signaal)
        .join(aanlevering, aanlevering.c.nr == aanlevering_of(signaal.c.nr))
        .where(signaal.c.signaal_id == signaal_id, aanlevering.c.partner == partner)
    )
    with exchange.register.connect() as db:
        nr = db.scalar(query)
    return None if nr is None else str(identity.signaal_ref(np.array([nr])).to_pylist()[0])
