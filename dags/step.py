"""What every task shares: how often it is retried, what a fault does to it, and what may stand in a log.

Nothing personal reaches Airflow: results are counts and ids, return values are not logged, and an exception that is
not one of our own is reduced to its type and place, because its text may quote a row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout

if TYPE_CHECKING:
    from exchange.context import Exchange

log = logging.getLogger(__name__)

#: For `default_args`: what a retry can mend is tried three times more, ever later. A task that takes an hour hangs: a
#: night of a million rows takes minutes, and no party more than its time (`partij_seconden`).
RETRIED = {
    "owner": "nachtpost",
    "retries": 3,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=1),
    "show_return_value_in_logs": False,
}


#: What is said of batches and aanleveringen whose rows do not add up.
STILL = (
    "de aantallen kloppen niet, dit staat stil en de rest gaat door; waarschuw de ontwikkelaars en hef het na herstel "
    "op met nachtpost publiceren hervat"
)


@contextmanager
def opened() -> Iterator[Exchange]:
    """The exchange that NACHTPOST_CONFIG describes; turns what goes wrong inside into "again" or "fails at once"."""
    from exchange.context import open_exchange
    from exchange.faults import Fault
    from exchange.sentences import sentence

    failure: Exception
    try:
        with open_exchange() as exchange:
            yield exchange
        return
    except AirflowException:
        raise
    except AirflowTaskTimeout:
        failure = AirflowException(
            "Deze taak duurde langer dan zij mag en is gestopt. Wat af was, blijft; de volgende poging gaat verder. "
            "Blijft het zo, waarschuw de ontwikkelaars."
        )
    except Fault as fault:
        failure = AirflowException(sentence(fault)) if fault.retry else AirflowFailException(sentence(fault))
    except Exception as error:  # noqa: BLE001  whatever it is, its text stays out of the log
        failure = AirflowException(sentence(error))
    raise failure from None  # a chained exception would bring its text along


def night() -> date:
    """The night of this run."""
    run = get_current_context()["dag_run"]
    found = night_of(run.partition_key, run.run_after)
    log.info("nacht %s", found)
    return found


def night_of(partition_key: str | None, run_after: datetime) -> date:
    """The date of the morning: the partition's, else the Amsterdam date on which a run was asked for by hand. Raises
    NotANight."""
    from exchange.context import local_date
    from exchange.faults import NotANight

    try:
        return date.fromisoformat(partition_key) if partition_key else local_date(run_after)
    except ValueError:
        raise NotANight(str(partition_key)) from None


def named(items: Sequence[str]) -> None:
    """Give this mapped task the names of what it works on (at most 250 characters in Airflow)."""
    shown = ", ".join(items[:4])
    get_current_context()["naam"] = shown if len(items) <= 4 else f"{shown} en {len(items) - 4} meer"


def needs_a_person(problems: dict[str, list[str]]) -> None:
    """Fail at once, naming what waits for a beheerder: what is wrong -> ids of parties or gemeenten."""
    found = [f"{what}: {', '.join(ids)}" for what, ids in problems.items() if ids]
    if found:
        raise AirflowFailException("; ".join(found))


def tell(result: Any) -> dict[str, Any]:
    """Log a step's result (a dataclass of counts and ids) and return it as a dict for XCom."""
    facts = dict(vars(result))
    log.info("%s", ", ".join(f"{name}={value}" for name, value in facts.items()))
    return facts
