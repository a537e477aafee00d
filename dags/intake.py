"""
### Wat doet dit

Elk kwartier: bestanden **ophalen** bij alle partners, ze **controleren**, en de antwoorden (ontvangst, controle,
correctiebestand) **publiceren** in hun map `terugmelding/`. Wat is aanvaard, gaat de eerstvolgende nacht mee. Wat
dringend is voor een uitvoerder die dat meteen wil (`spoed_direct`), wacht daar niet op: **spoed** maakt er een batch
van, met een eigen manifest.

### Wat is onschuldig

- Groen met afgekeurde bestanden of regels: de partner heeft een fout gemaakt en leest in zijn terugmelding welke.
- *controleren* overgeslagen: er was niets nieuws. *alarm* overgeslagen: zo hoort het.
- Een partner die even niet bereikbaar is, of een taak die opnieuw wordt geprobeerd: over een kwartier volgt de
  volgende ronde, en niets wordt dubbel verwerkt.

### Rood: wat doet u

Open de rode taak vóór *alarm* en lees de laatste regel van het logboek.

- **hostsleutel klopt niet**: er is niets uitgewisseld met die partner. Bel de partner: is de sleutel vervangen? Pas
  daarna `partners/<id>.toml` aan.
- **ConfigurationFault**: `nachtpost config check` noemt alles wat niet klopt, met de oplossing.
- **StoreFault, OperationalError**: is de schijf vol, zijn opslag en register bereikbaar?
- **BalanceFault** in *spoed*: de aantallen tellen niet op. **Publiceer niets meer**: zet *intake* en *uitlevering* op
  pauze en waarschuw de ontwikkelaars.
- **Iets anders**: draai de rode taak nog eens (*Clear*). Dat kan altijd, elke stap is herhaalbaar. Blijft het rood,
  bewaar het logboek en waarschuw de ontwikkelaars.

Haast is er alleen voor 04:00: wat dan niet is gecontroleerd, gaat een nacht later.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronTriggerTimetable, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from dags.step import RETRIED, named, needs_a_person, opened, tell

#: An Airflow task costs seconds of start-up, so partners are checked in at most this many groups.
GROUPS = 3


@dag(
    dag_display_name="Intake",
    description="Elk kwartier: ophalen, controleren, spoed, antwoorden.",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="Europe/Amsterdam"),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIED,
    doc_md=__doc__,
    tags=["nachtpost"],
)
def intake() -> None:
    """From the partners' `in/` to their answers."""

    @task(task_display_name="ophalen", multiple_outputs=False)
    def pickup() -> list[list[str]]:
        """Fetch what partners dropped; returns the groups of partner ids that have something to check."""
        from exchange.context import utc_now
        from exchange.steps.check import groups
        from exchange.steps.pickup import pickup as fetch

        with opened() as exchange:
            facts = tell(fetch(exchange, utc_now))
            get_current_context()["ti"].xcom_push("vertrouwd_niet", facts["vertrouwd_niet"])
            return groups(exchange, GROUPS)

    @task(task_display_name="controleren", map_index_template="{{ naam }}", multiple_outputs=False)
    def check(partners: list[str]) -> dict[str, int]:
        """Check every waiting file of these partners."""
        from exchange.context import utc_now
        from exchange.steps.check import check as judge

        named(partners)
        with opened() as exchange:
            return tell(judge(exchange, partners, utc_now))

    @task(task_display_name="spoed", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    def hurry() -> dict[str, Any]:
        """Make batches of what must not wait for the night, also when a group failed."""
        from exchange.context import utc_now
        from exchange.steps.spoed import spoed

        with opened() as exchange:
            return tell(spoed(exchange, utc_now))

    @task(task_display_name="publiceren", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    def publish() -> dict[str, Any]:
        """Publish what waits, also when a group failed: the others must not wait. Then say what needs a beheerder."""
        from exchange.context import utc_now
        from exchange.steps.publish import publish as send

        with opened() as exchange:
            facts = tell(send(exchange, utc_now))
        untrusted = get_current_context()["ti"].xcom_pull(task_ids="pickup", key="vertrouwd_niet")
        needs_a_person({"hostsleutel klopt niet": untrusted or []})
        return facts

    @task(task_display_name="alarm", trigger_rule=TriggerRule.ONE_FAILED, retries=0)
    def alarm() -> None:
        """Without this a run would be green when its last task is."""
        raise AirflowFailException("een taak hiervoor is mislukt")

    fetched = pickup()
    checked = check.expand(partners=fetched)
    hurried, published = hurry(), publish()
    checked >> hurried >> published
    [fetched, checked, hurried, published] >> alarm()


intake()
