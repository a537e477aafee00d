"""report: tell partners which rows were delivered and what earlier ones led to, prove the balance, close the night."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

from exchange.configuration import Partner
from exchange.context import Exchange
from exchange.faults import BalanceFault
from exchange.register import balance, ledger
from exchange.register.tables import nacht
from exchange.steps import build, delivered, outcomes, publish


@dataclass(frozen=True)
class ReportResult:
    """Whether the night balances, its totals, the parties (ids) whose files still wait, the partners (ids) who are
    told nothing because their key cannot encrypt, and frozen batches (night and gemeentecode) that were never built."""

    klopt: bool
    totalen: dict[str, int]
    uitgesteld: list[str]
    zonder_sleutel: list[str]
    niet_gebouwd: list[str]


def report(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> ReportResult:
    """Tell partners what stands at its uitvoerder and close the night; raises BalanceFault when rows do not add up.

    A night of which a batch was not built stays open.
    """
    moment, partners = nu(), exchange.config.partners.values()
    build.manifests(exchange, night, nu)  # where a shard was stopped between its last batch and the manifest
    open_to = [one for one in partners if exchange.keyring.can_encrypt(one.pgp.vingerafdrukken[0], moment)]
    with ThreadPoolExecutor(2) as pool:  # gpg works on one answer while the next is made
        asked = {one.id: pool.submit(_tell, exchange, one, night, nu) for one in open_to}
    elsewhere = [partner for partner, told in asked.items() if not told.result()]
    published = publish.publish(exchange, nu)
    with exchange.register.connect() as db:
        proof = balance.prove(db)
        unbuilt = balance.unbuilt(db, night)
    if not proof.klopt:
        raise BalanceFault(dict(proof.totals))
    if not unbuilt:
        _close(exchange, night, proof.totals, nu)
    shut = sorted({one.id for one in partners} - asked.keys())
    late = sorted({*published.uitgesteld, *elsewhere})
    return ReportResult(proof.klopt, dict(proof.totals), late, shut, unbuilt)


def _tell(exchange: Exchange, partner: Partner, night: date, nu: Callable[[], datetime]) -> bool:
    """What was delivered, then what became of it; False when another worker is at one of them."""
    answers = delivered.report(exchange, partner, nu), outcomes.report(exchange, partner, night, nu)
    return None not in answers


def _close(exchange: Exchange, night: date, totals: Mapping[str, int], nu: Callable[[], datetime]) -> None:
    """Close the night, once; `totals` are the stock that the next one starts from."""
    moment = nu()
    with exchange.register.begin() as db:
        closed = db.execute(
            nacht.update()
            .where(nacht.c.nacht == night, nacht.c.gesloten_op.is_(None))
            .values(gesloten_op=moment, totalen=dict(totals))
        )
        if closed.rowcount:
            ledger.append(db, moment, "NACHT_GESLOTEN", {"nacht": str(night), **totals})
