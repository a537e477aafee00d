"""What a delivered file is judged by, beside its own bytes.

check takes all of it from the exchange. `nachtpost check-file` has no register, and on a partner's own machine no
overeenkomsten either: what is not known is None, and then nothing is said about it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from exchange.configuration import Bediening, Configuration, Melder, Profiel
from exchange.configuration.models import IntakeSettings
from exchange.configuration.regels import Regels
from exchange.context import Exchange, local_date
from exchange.reference import PostcodeTable
from exchange.register import signalen
from schemas import gemeenten
from transforms import follow
from transforms.repeats import Accepted


@dataclass(frozen=True)
class Bestemmingen:
    """Where signals go and whether they may: the table of addresses, the gemeenten (codes) that are connected on the
    day of receipt, the lines of this partner in overeenkomsten.csv, and what signals are held to."""

    postcodes: PostcodeTable
    aangesloten: frozenset[str]
    overeenkomsten: pa.Table
    regels: Regels


@dataclass(frozen=True)
class Wensen:
    """What a receiver wants of certain signals: `spoed` the kinds that are urgent to an uitvoerder that gets urgent
    signals at once, None where all wait for the night; `geen_herhaling` whether the gemeente wants no repeats."""

    spoed: Collection[str] | None
    geen_herhaling: bool


@dataclass(frozen=True)
class Basis:
    """`keys` make the hashes by which signals are compared, newest first; `melding_key` makes every melding_nr;
    `eerder` finds the hashes (by whichever of the keys) of signals accepted before. `wensen` are those of the
    uitvoerder of a gemeente (code) and sector."""

    profiel: Profiel
    ontvangen_op: datetime
    keys: Sequence[bytes]
    melding_key: bytes
    intake: IntakeSettings
    bestemmingen: Bestemmingen | None = None
    eerder: Callable[[list[int]], Accepted] | None = None
    wensen: Callable[[str, str], Wensen] | None = None


def of_exchange(exchange: Exchange, partner: Melder, moment: datetime) -> Basis:
    """Everything, for a file of `partner` that was picked up at `moment`."""
    return Basis(
        profiel=partner,
        ontvangen_op=moment,
        keys=[one.key for one in exchange.hash_keys],
        melding_key=exchange.melding_key,
        intake=exchange.config.intake,
        bestemmingen=bestemmingen(exchange.config, exchange.postcodes, partner, moment),
        eerder=lambda hashes: _accepted(exchange.register, hashes),
        wensen=_wensen(exchange.config, local_date(moment)),
    )


def bestemmingen(config: Configuration, postcodes: PostcodeTable, partner: Melder, moment: datetime) -> Bestemmingen:
    """Where signals of `partner` may go on the day of `moment`.

    What is wrong about an uitvoerder decides nothing of a row. A gemeente is connected when somebody serves it, stopped
    or not, or when there is an overeenkomst with it; and every one may be while a file cannot be read.
    """
    day, own = local_date(moment), config.overeenkomsten.filter(pc.field("partner") == partner.id)
    served = (one for uitvoerder in config.alle_uitvoerders.values() for one in uitvoerder.gemeenten)
    agreed = own.filter((pc.field("van") <= day) & ((pc.field("tot") >= day) | pc.field("tot").is_null()))
    connected = {*(one.code for one in served if one.holds(day)), *agreed["gemeentecode"].to_pylist()}
    return Bestemmingen(
        postcodes=postcodes,
        aangesloten=frozenset(connected if config.bediening_bekend else gemeenten.active(day)),
        overeenkomsten=own,
        regels=config.regels,
    )


def _wensen(config: Configuration, day: date) -> Callable[[str, str], Wensen] | None:
    """See Basis; None where no uitvoerder wishes anything, so that nobody needs to be asked."""
    receivers = config.alle_uitvoerders.values()
    serving = (one for receiver in receivers for one in receiver.gemeenten)
    if not any(one.spoed_direct for one in receivers) and not any(_unwanted(one) for one in serving):
        return None

    def ask(code: str, sector: str) -> Wensen:
        receiver = config.alle_uitvoerders.get(config.uitvoerder_of(code, day, sector) or "")
        urgent = receiver.urgent_soorten if receiver and receiver.spoed_direct else None
        return Wensen(urgent, _unwanted(config.bediening_of(code, day, sector)))

    return ask


def _unwanted(bediening: Bediening | None) -> bool:
    return bediening is not None and bediening.herhaalde_meldingen == "niet_ontvangen"


def _accepted(register: sa.Engine, hashes: list[int]) -> Accepted:
    """What the register has accepted of these signals."""
    with register.connect() as db:
        rows = signalen.known(db, hashes)
    signaal, inhoud, nr = (
        np.array([getattr(row, name) for row in rows], np.int64) for name in ("signaal_hash", "inhoud_hash", "nr")
    )
    codes = pa.array([row.gemeentecode for row in rows], pa.string())
    places = follow.place(codes, pa.array([row.sector for row in rows], pa.string()))
    return Accepted().plus(signaal, inhoud, nr, places)
