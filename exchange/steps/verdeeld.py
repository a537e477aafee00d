"""What was accepted for a gemeente that has since been divided over several: nobody can say to which of them it goes.

Such a row is never sent and never guessed. It is taken out of its partij when the night is frozen, and DOORGEZET tells
its partner among which gemeenten to choose (E-ROU-06; CBS gemeentelijke indeling).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from exchange.register import vervolg
from exchange.register.tables import partij, signaal, uitzondering
from schemas import gemeenten


def take_out(db: sa.Connection, night: date, waiting: Iterable[sa.Row[Any]]) -> None:
    """Take all rows of those partijen out, in the transaction that freezes the others."""
    for part in waiting:
        if gemeenten.parts(part.gemeentecode, night):
            first = part.aanlevering_nr << 24
            rows = (
                sa.select(signaal.c.nr, partij.c.id, sa.literal("NIET_DOORGEZET"), signaal.c.nr)
                .select_from(signaal)
                .join(partij, vervolg.of(signaal, partij))
                .where(
                    partij.c.id == part.id,
                    signaal.c.nr.between(first, first + (1 << 24) - 1),
                    signaal.c.nr.not_in(sa.select(uitzondering.c.signaal_nr)),
                )
            )
            columns = ["signaal_nr", "partij_id", "staat", "door_signaal_nr"]
            db.execute(uitzondering.insert().from_select(columns, rows))
