"""The tasks of a DAG that takes files in: pickup, check, publish. Intake and terugkoppeling differ in whose files; only
intake may bring signals that do not wait for the night."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TriggerRule, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from dags.step import STILL, named, needs_a_person, opened, tell

#: An Airflow task costs seconds of start-up, so parties are checked in at most this many groups.
GROUPS = 3

#: Of what pickup found, what only a person can mend; the sentence with the mend stands in the log of that task.
_WAITS = {
    "aanmelding_geweigerd": "de server laat ons niet toe",
    "vertrouwd_niet": "hostsleutel klopt niet",
    "niet_te_gebruiken": "de server antwoordt, maar niet bruikbaar",
    "geen_toegang": "wij mogen de map niet lezen",
    "mislukt": "ophalen lukt niet",
}


def receive(soort: str) -> None:
    """Make the tasks, inside a DAG. soort: a name of `exchange.register.aanleveringen.Soort`."""

    @task(task_display_name="ophalen", multiple_outputs=False)
    def pickup() -> list[list[str]]:
        """Fetch what parties dropped; returns the groups of party ids that have something to check."""
        from exchange.context import utc_now
        from exchange.register.aanleveringen import Soort
        from exchange.sentences import STOPPED, stopped
        from exchange.steps.check import groups
        from exchange.steps.pickup import pickup as fetch

        with opened() as exchange:
            facts = tell(fetch(exchange, utc_now, Soort[soort]))
            problems = {text: facts[name] for name, text in _WAITS.items()}
            problems[STOPPED] = stopped(exchange.config.problemen)
            get_current_context()["ti"].xcom_push("wacht", problems)
            return groups(exchange, GROUPS, Soort[soort])

    @task(task_display_name="controleren", map_index_template="{{ naam }}", multiple_outputs=False)
    def check(partijen: list[str]) -> dict[str, int]:
        """Check every waiting file of these parties."""
        from exchange.context import utc_now
        from exchange.steps.check import check as judge

        named(partijen)
        with opened() as exchange:
            return tell(judge(exchange, partijen, utc_now))

    @task(task_display_name="spoed", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    def hurry() -> dict[str, Any]:
        """Make batches of what must not wait, also when a group failed; red while something is stopped."""
        from exchange.context import utc_now
        from exchange.steps.spoed import spoed

        with opened() as exchange:
            facts = tell(spoed(exchange, utc_now))
        needs_a_person({STILL: facts["stilstand"]})
        return facts

    @task(task_display_name="publiceren", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    def publish() -> dict[str, Any]:
        """Publish what waits, also when a group failed: the others must not wait. Then say what needs a beheerder."""
        from exchange.context import utc_now
        from exchange.steps.publish import publish as send

        with opened() as exchange:
            facts = tell(send(exchange, utc_now))
        needs_a_person(get_current_context()["ti"].xcom_pull(task_ids="pickup", key="wacht") or {})
        return facts

    @task(task_display_name="alarm", trigger_rule=TriggerRule.ONE_FAILED, retries=0)
    def alarm() -> None:
        """Without this a run would be green when its last task is."""
        raise AirflowFailException("een taak hiervoor is mislukt")

    fetched = pickup()
    tasks = [fetched, check.expand(partijen=fetched), *([hurry()] if soort == "SIGNALEN" else []), publish()]
    chain(*tasks)
    tasks >> alarm()
