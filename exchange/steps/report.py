"""report: tell partners which rows were delivered and what earlier ones led to, prove the balance, close the night."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

from exchange.configuration import Melder, Partner
from exchange.context import Exchange, local_date
from exchange.faults import BalanceFault
from exchange.register import balance, ledger
from exchange.register.tables import nacht
from exchange.steps import build, delivered, outcomes, publish


@dataclass(frozen=True)
class ReportResult:
    """Whether the night balances, its totals, the parties (ids) whose files still wait, the partners (ids) who are
    told nothing because the key cannot encrypt, or because they have no account and the one that they name has no
    machtiging today, and frozen batches (night and gemeentecode) that were never built."""

    klopt: bool
    totalen: dict[str, int]
    uitgesteld: list[str]
    zonder_sleutel: list[str]
    zonder_machtiging: list[str]
    niet_gebouwd: list[str]


def report(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> ReportResult:
    """Tell partners what stands at its uitvoerder and close the night; raises BalanceFault when rows do not add up.

    A night of which a batch was not built stays open.
    """
    moment, config = nu(), exchange.config
    hearing = {id: config.hoort(one, local_date(moment)) for id, one in config.melders.items() if not config.wacht(one)}
    accounts = {id: account for id, account in hearing.items() if account}
    build.manifests(exchange, night, nu)  # where a shard was stopped between its last batch and the manifest
    with ThreadPoolExecutor(2) as pool:  # gpg works on one answer while the next is made
        asked = {
            id: pool.submit(_tell, exchange, config.melders[id], account, night, nu)
            for id, account in accounts.items()
            if exchange.receiving_key(account, moment)
        }
    elsewhere = [partner for partner, told in asked.items() if not told.result()]
    published = publish.publish(exchange, nu)
    with exchange.register.connect() as db:
        proof = balance.prove(db)
        unbuilt = balance.unbuilt(db, night)
    if not proof.klopt:
        raise BalanceFault(dict(proof.totals))
    if not unbuilt:
        _close(exchange, night, proof.totals, nu)
    shut, unheard = sorted(accounts.keys() - asked.keys()), sorted(hearing.keys() - accounts.keys())
    late = sorted({*published.uitgesteld, *elsewhere})
    return ReportResult(proof.klopt, dict(proof.totals), late, shut, unheard, unbuilt)


def _tell(exchange: Exchange, partner: Melder, account: Partner, night: date, nu: Callable[[], datetime]) -> bool:
    """What of `partner` was delivered, then what became of it, to `account`; False when another worker is at one."""
    answers = (
        delivered.report(exchange, partner, account, nu),
        outcomes.report(exchange, partner, account, night, nu),
    )
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
