"""report: tell partners which rows were delivered and what earlier ones led to, prove the balance, close the night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from exchange.context import Exchange
from exchange.faults import BalanceFault
from exchange.register import balance, ledger
from exchange.register.tables import nacht
from exchange.steps import delivered, outcomes, publish


@dataclass(frozen=True)
class ReportResult:
    """Whether the night balances, its totals, the parties (ids) whose files still wait, and the partners (ids) who are
    told nothing because their key cannot encrypt."""

    klopt: bool
    totalen: dict[str, int]
    uitgesteld: list[str]
    zonder_sleutel: list[str]


def report(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> ReportResult:
    """Tell partners what stands at its uitvoerder and close the night; raises BalanceFault when rows do not add up."""
    moment, partners = nu(), exchange.config.partners.values()
    open_to = [one for one in partners if exchange.keyring.can_encrypt(one.pgp.vingerafdrukken[0], moment)]
    with ThreadPoolExecutor(2) as pool:  # gpg works on one answer while the next is made
        list(pool.map(lambda partner: delivered.report(exchange, partner, nu), open_to))
        list(pool.map(lambda partner: outcomes.report(exchange, partner, night, nu), open_to))
    published = publish.publish(exchange, nu)
    with exchange.register.connect() as db:
        proof = balance.prove(db)
    if not proof.klopt:
        raise BalanceFault(dict(proof.totals))
    _close(exchange, night, Counter(proof.totals), nu)
    shut = sorted({one.id for one in partners} - {one.id for one in open_to})
    return ReportResult(proof.klopt, dict(proof.totals), published.uitgesteld, shut)


def _close(exchange: Exchange, night: date, totals: Counter[str], nu: Callable[[], datetime]) -> None:
    """Close the night as a stock: waiting at its start + received = waiting at its end + what moved."""
    moment = nu()
    with exchange.register.begin() as db:
        before = Counter(
            db.scalar(
                sa.select(nacht.c.totalen)
                .where(nacht.c.nacht < night, nacht.c.gesloten_op.is_not(None))
                .order_by(nacht.c.nacht.desc())
                .limit(1)
            )
            or {}
        )
        received = totals["regels"] - before["regels"]
        moved = sum(totals[place] - before[place] for place in balance.PLACES if place != "wachtend")
        if before["wachtend"] + received != totals["wachtend"] + moved:
            raise BalanceFault(dict(totals))
        db.execute(nacht.update().where(nacht.c.nacht == night).values(gesloten_op=moment, totalen=dict(totals)))
        ledger.append(db, moment, "NACHT_GESLOTEN", {"nacht": str(night), **totals})
