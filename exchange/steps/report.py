"""report: tell partners which rows were delivered and what earlier ones led to, prove the balance, close the night."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

from exchange.configuration import Melder, Partner
from exchange.context import Exchange, local_date
from exchange.faults import BalanceFault
from exchange.register import balance, leases, ledger
from exchange.register.tables import nacht
from exchange.steps import bundle, delivered, outcomes, proof, publish
from exchange.steps.alone import each_alone


@dataclass(frozen=True)
class ReportResult:
    """Whether the night balances, its totals, the parties (ids) whose files still wait, the partners (ids) who are
    told nothing because the key cannot encrypt, or because they have no account and the one that they name has no
    machtiging today, frozen batches (night and gemeentecode) that were never built, per doubtful zending its number and
    receiver, what stands still, and which other process is telling a partner."""

    klopt: bool
    totalen: dict[str, int]
    uitgesteld: list[str]
    zonder_sleutel: list[str]
    zonder_machtiging: list[str]
    niet_gebouwd: list[str]
    onzeker: list[str]
    stilstand: list[str]
    bezet: list[str]


def report(exchange: Exchange, night: date, nu: Callable[[], datetime]) -> ReportResult:
    """Tell partners what stands at its uitvoerder and close the night; raises BalanceFault when rows do not add up.

    A night of which a batch was not built stays open; later ones close. The proof is one moment, and what it found is
    recorded with the entry of the ledger that it reached. That a partner cannot be told, or something not published,
    keeps none of this from being done, and is raised at the end. Raises NightAhead and NightNeverFrozen.
    """
    moment, config = nu(), exchange.config
    with exchange.register.connect() as db:
        bundle.may_be_worked_on(db, night, moment)
    hearing = {id: config.hoort(one, local_date(moment)) for id, one in config.melders.items() if not config.wacht(one)}
    accounts = {id: account for id, account in hearing.items() if account}
    with ThreadPoolExecutor(2) as pool:  # gpg works on one answer while the next is made
        asked = {
            id: pool.submit(_tell, exchange, config.melders[id], account, night, nu)
            for id, account in accounts.items()
            if exchange.receiving_key(account, moment)
        }
    elsewhere = []
    with each_alone() as alone:
        for partner, told in asked.items():
            with alone(partner):
                elsewhere += [] if told.result() else [partner]
        with alone("publiceren"):
            published = publish.publish(exchange, nu)
        found = proof.prove(exchange, nu)
        if not found.klopt:
            raise BalanceFault([str(one) for one in sorted(found.wrong)])
        if found.finished(night):
            _close(exchange, night, found, nu)
    unbuilt = found.unbuilt(night)
    shut, unheard = sorted(accounts.keys() - asked.keys()), sorted(hearing.keys() - accounts.keys())
    late = sorted({*published.uitgesteld, *elsewhere})
    still = proof.standing(exchange)
    names = [(f"{answer}:{partner}", partner) for partner in elsewhere for answer in ("doorgezet", "uitkomst")]
    busy = [one for name, partner in names for one in leases.who(exchange.register, name, partner)]
    return ReportResult(found.klopt, dict(found.totals), late, shut, unheard, unbuilt, published.onzeker, still, busy)


def _tell(exchange: Exchange, partner: Melder, account: Partner, night: date, nu: Callable[[], datetime]) -> bool:
    """What of `partner` was delivered, then what became of it, to `account`; False when another worker is at one."""
    answers = (
        delivered.report(exchange, partner, account, nu),
        outcomes.report(exchange, partner, account, night, nu),
    )
    return None not in answers


def _close(exchange: Exchange, night: date, proven: balance.Balance, nu: Callable[[], datetime]) -> None:
    """Close the night, once; its totals are the stock that the next one starts from."""
    moment, totals = nu(), dict(proven.totals)
    with exchange.register.begin() as db:
        closed = db.execute(
            nacht.update()
            .where(nacht.c.nacht == night, nacht.c.gesloten_op.is_(None))
            .values(gesloten_op=moment, totalen=totals, logboek_nr=proven.logboek_nr)
        )
        if closed.rowcount:
            ledger.append(
                db, moment, "NACHT_GESLOTEN", {"nacht": str(night), "bewezen_tot": proven.logboek_nr, **totals}
            )
