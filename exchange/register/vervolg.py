"""What later signals do to earlier ones: an ACTUALISATIE replaces, an INTREKKING withdraws (`signaal.vervangt_nr`).

What waits for a batch when it is replaced or withdrawn never goes out: it is taken out of its partij (INGETROKKEN).
What an uitvoerder has, stays DOORGEZET, and the follower is delivered, pointing at what the uitvoerder has. Every
statement works on sets; which rows there are, the partial index on `vervangt_nr` tells.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from exchange.register.tables import aanlevering_of, partij, signaal, uitzondering

_TAKEN_OUT = "INGETROKKEN"


def take_out(db: sa.Connection, aanlevering_nr: int) -> None:
    """Take out what the signals of one aanlevering replace or withdraw and no batch holds yet.

    An INTREKKING goes out itself only if an uitvoerder has something to withdraw. In the caller's transaction, which
    must have written the partijen of the aanlevering: from then on no night can be frozen before it ends.
    """
    mine = sa.and_(
        signaal.c.nr.between(aanlevering_nr << 24, (aanlevering_nr + 1 << 24) - 1), signaal.c.vervangt_nr.is_not(None)
    )
    old, part = signaal.alias("oud"), partij.alias("van_oud")
    replaced = (
        sa.select(old.c.nr, part.c.id, sa.literal(_TAKEN_OUT), sa.func.max(signaal.c.nr))
        .select_from(signaal)
        .join(old, old.c.nr == signaal.c.vervangt_nr)
        .join(part, of(old, part))
        .where(
            mine,
            signaal.c.soort.in_(["ACTUALISATIE", "INTREKKING"]),
            part.c.batch_id.is_(None),
            old.c.nr.not_in(sa.select(uitzondering.c.signaal_nr)),
        )
        .group_by(old.c.nr, part.c.id)
    )
    _insert(db, replaced)
    own = partij.alias("eigen")
    reached = targets(sa.select(signaal.c.nr, signaal.c.vervangt_nr).where(mine, signaal.c.soort == "INTREKKING"))
    idle = (
        sa.select(signaal.c.nr, own.c.id, sa.literal(_TAKEN_OUT), signaal.c.nr)
        .select_from(signaal)
        .join(own, of(signaal, own))
        .join(reached, reached.c.nr == signaal.c.nr)
        .where(reached.c.doel.is_(None))
    )
    _insert(db, idle)


def targets(followers: sa.Select[Any]) -> sa.Subquery:
    """What each of `followers` (nr, vervangt_nr) points at once it is delivered: (nr, doel).

    A target that never went out hands over to what it would have replaced itself, a repeat that was not delivered to
    the signal that it repeats (`verdeeld` names none); `doel` is null where nothing is left.
    """
    chain = followers.cte("keten", recursive=True)
    repeat = sa.and_(uitzondering.c.staat != _TAKEN_OUT, uitzondering.c.door_signaal_nr != uitzondering.c.signaal_nr)
    chain = chain.union(
        sa.select(
            chain.c.nr,
            sa.case(
                (repeat, uitzondering.c.door_signaal_nr),
                (signaal.c.soort == "ACTUALISATIE", signaal.c.vervangt_nr),
            ),
        )
        .select_from(chain)
        .join(uitzondering, uitzondering.c.signaal_nr == chain.c.vervangt_nr)
        .join(signaal, signaal.c.nr == chain.c.vervangt_nr)
    )
    gone = sa.exists().where(uitzondering.c.signaal_nr == chain.c.vervangt_nr)
    at_last = sa.case((sa.not_(gone), chain.c.vervangt_nr))
    return sa.select(chain.c.nr, sa.func.max(at_last).label("doel")).group_by(chain.c.nr).subquery()


def of(row: sa.FromClause, part: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a row of `signaal` belongs to a partij."""
    return sa.and_(
        part.c.aanlevering_nr == aanlevering_of(row.c.nr),
        part.c.gemeentecode == row.c.gemeentecode,
        part.c.sector == row.c.sector,
        part.c.spoed == row.c.spoed,
    )


def _insert(db: sa.Connection, rows: sa.Select[Any]) -> None:
    columns = ["signaal_nr", "partij_id", "staat", "door_signaal_nr"]
    db.execute(uitzondering.insert().from_select(columns, rows))
