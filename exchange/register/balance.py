"""The balance: every data line of every aanlevering is in exactly one place.

    regels = afgekeurd + dubbel + ingetrokken + niet_doorgezet + aangehouden + wachtend + doorgezet

`regels`, `aanvaard`, `afgekeurd` and `dubbel` were counted by check; the rest is derived from the partijen, the rows
that were taken out of them, and the zending each batch went out with.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from exchange.register import ledger, states, stilstand
from exchange.register.aanleveringen import Soort as AanleveringSoort
from exchange.register.states import PUBLISHED
from exchange.register.stilstand import Onderwerp, Soort, Wrong
from exchange.register.tables import aanlevering, batch, nacht, partij, uitzondering, zending

#: The columns of the balance, in the order of its equation.
PLACES = ("afgekeurd", "dubbel", "ingetrokken", "niet_doorgezet", "aangehouden", "wachtend", "doorgezet")


@dataclass(frozen=True)
class Balance:
    """Counts of rows: `totals`, and per aanlevering nr (`regels`, `aanvaard` and PLACES); `wrong` is what does not add
    up. It holds for the ledger up to entry `logboek_nr`. `niet_gebouwd`: batches (nacht, gemeentecode) that were frozen
    and not built."""

    wrong: Wrong
    totals: Mapping[str, int]
    per_aanlevering: Mapping[int, Mapping[str, int]]
    logboek_nr: int
    niet_gebouwd: Sequence[tuple[date, str]]

    @property
    def klopt(self) -> bool:
        """Whether everything adds up, but for what a beheerder accepted as it is."""
        return not self.wrong

    def unbuilt(self, night: date) -> list[str]:
        """Batches up to `night` that were frozen and not built, for people."""
        return [f"{nacht} {code}" for nacht, code in self.niet_gebouwd if nacht <= night]

    def finished(self, night: date) -> bool:
        """Whether every batch of `night` itself was built; an earlier one keeps only its own night open."""
        return all(nacht != night for nacht, _ in self.niet_gebouwd)


def prove(db: sa.Connection) -> Balance:
    """Add everything up: per aanlevering, per frozen batch, and as a stock.

    Call it in a `register.snapshot`: statements that see different moments prove nothing.
    """
    counts = _per_aanlevering(db)
    totals = Counter(dict.fromkeys(("regels", *PLACES), 0))
    wrong: dict[Onderwerp, Mapping[str, int]] = {}
    for nr, one in counts.items():
        placed = sum(one[place] for place in PLACES)
        if one["regels"] != placed or any(one[place] < 0 for place in PLACES):
            wrong[Onderwerp(Soort.AANLEVERING, nr)] = {"regels": one["regels"], "geteld": placed}
        totals.update({name: one[name] for name in totals})
    changed = db.execute(_changed_query()).all()
    for row in changed:
        wrong[Onderwerp(Soort.BATCH, row.id)] = {"bevroren": row.regels, "over": int(row.over)}
    if stock := _lost(db, totals) or _unplaced(db, totals, changed):
        wrong[Onderwerp(Soort.ALLES)] = stock
    for onderwerp, counted in stilstand.accepted(db):
        if wrong.get(onderwerp) == counted:
            del wrong[onderwerp]
    return Balance(wrong, dict(totals), counts, ledger.last(db)[0], _unbuilt(db))


def _per_aanlevering(db: sa.Connection) -> dict[int, Counter[str]]:
    """Per aanlevering nr how many rows stand in each place of the balance, with `regels` and `aanvaard`.

    Signals only: rows of terugkoppeling are about signals, and are counted in their own CONTROLE. Of what is no
    delivery of signals there can be no rows in a partij: if there are, they show as a difference.
    """
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for row in db.execute(sa.select(aanlevering).where(aanlevering.c.soort == AanleveringSoort.SIGNALEN)):
        counts[row.nr] = Counter(regels=row.regels, aanvaard=row.aanvaard, afgekeurd=row.afgekeurd, dubbel=row.dubbel)
    for query in (_placed_query(), _exception_query()):
        for nr, place, rows in db.execute(query):
            counts[nr][place] += int(rows)  # PostgreSQL sums to a Decimal
    return dict(counts)


def _lost(db: sa.Connection, totals: Mapping[str, int]) -> Mapping[str, int] | None:
    """Rows that the last closed night had and that are in no aanlevering any more: nobody can say of whom they were.
    Since a beheerder accepted such a loss, what was left then is what there has to be."""
    query = sa.select(nacht.c.gesloten_op, nacht.c.totalen).where(nacht.c.gesloten_op.is_not(None))
    closed = db.execute(query.order_by(nacht.c.gesloten_op.desc(), nacht.c.nacht.desc()).limit(1)).first()
    if closed is None:
        return None
    left = (one["regels"] for one in stilstand.accepted_of_all(db, closed.gesloten_op) if "regels" in one)
    before = next(left, closed.totalen["regels"])
    if totals["regels"] >= before:
        return None
    return {"regels": totals["regels"], "eerder": before}


def _unplaced(db: sa.Connection, totals: Mapping[str, int], changed: Sequence[sa.Row[Any]]) -> Mapping[str, int] | None:
    """What was published and what is counted as doorgezet differ by more than the batches that were `changed`. Said as
    a difference: that stays the same however many rows are accepted and published after it."""
    published = db.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(batch.c.regels), 0))
        .join(zending, zending.c.id == batch.c.zending_id)
        .where(zending.c.staat.in_(PUBLISHED))
    )
    known = sum(row.regels - int(row.over) for row in changed if row.staat in PUBLISHED)
    over = int(published or 0) - totals["doorgezet"] - known
    return {"gepubliceerd_min_doorgezet": over} if over else None


def _unbuilt(db: sa.Connection) -> list[tuple[date, str]]:
    query = sa.select(batch.c.nacht, batch.c.gemeentecode).where(batch.c.staat == states.Batch.BEVROREN)
    return [(row.nacht, row.gemeentecode) for row in db.execute(query.order_by(batch.c.nacht, batch.c.gemeentecode))]


def _changed_query() -> sa.Select[Any]:
    """Batches (id, regels, `over`: rows that are left, and the staat of their zending) that no longer have as many rows
    as were frozen into them."""
    gone = _taken_out()
    over = sa.func.coalesce(sa.func.sum(partij.c.aantal - sa.func.coalesce(gone.c.rows, 0)), 0)
    return (
        sa.select(batch.c.id, batch.c.regels, over.label("over"), zending.c.staat)
        .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
        .join(partij, partij.c.batch_id == batch.c.id, isouter=True)
        .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
        .group_by(batch.c.id, batch.c.regels, zending.c.staat)
        .having(over != batch.c.regels)
    )


def _placed_query() -> sa.Select[Any]:
    """Rows that still go with their partij: waiting, held or delivered."""
    gone = _taken_out()
    place = sa.case(
        (partij.c.houdreden.is_not(None), "aangehouden"),
        (zending.c.staat.in_(PUBLISHED), "doorgezet"),
        else_="wachtend",
    )
    rows = sa.func.sum(partij.c.aantal - sa.func.coalesce(gone.c.rows, 0))
    return (
        sa.select(partij.c.aanlevering_nr, place, rows)
        .join(gone, gone.c.partij_id == partij.c.id, isouter=True)
        .join(batch, batch.c.id == partij.c.batch_id, isouter=True)
        .join(zending, zending.c.id == batch.c.zending_id, isouter=True)
        .group_by(partij.c.aanlevering_nr, place)
    )


def _taken_out() -> sa.Subquery:
    """How many rows were taken out of each partij."""
    counted = sa.select(uitzondering.c.partij_id, sa.func.count().label("rows"))
    return counted.group_by(uitzondering.c.partij_id).subquery()


def _exception_query() -> sa.Select[Any]:
    """Rows taken out of their partij."""
    place = sa.func.lower(uitzondering.c.staat)
    return (
        sa.select(partij.c.aanlevering_nr, place, sa.func.count())
        .join(partij, partij.c.id == uitzondering.c.partij_id)
        .group_by(partij.c.aanlevering_nr, place)
    )
