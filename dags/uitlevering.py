"""
### Wat doet dit

Elke nacht om 04:30 (Amsterdam), en met de hand: wat tot nu toe is aanvaard **bundelen** per gemeente en de balans
bewijzen, de batches **bouwen**, ze **publiceren** bij de uitvoerders (het manifest als laatste), en **afsluiten**: de
partners melden wat is doorgezet en de balans nog eens bewijzen. Eén nacht is één partitie; de sleutel is de datum van
de ochtend.
Welke nacht het is, staat bij elke taak *bouwen* en in elk logboek.

Met de hand: *Trigger*, zonder partitiesleutel voor vandaag, of met een datum als `2026-11-23` om die nacht af te maken.
Een nacht die al is gebundeld krijgt er geen regels bij: opnieuw draaien maakt alleen af wat nog niet af was. Een nacht
na vandaag wordt geweigerd.

### Wat is onschuldig

- Een taak die opnieuw wordt geprobeerd. Batches worden niet opnieuw gemaakt: dezelfde bytes gaan nog eens.
- *alarm* overgeslagen: zo hoort het.
- Uitvoerders zonder batch: zij krijgen een manifest met nullen, en op een dag die niet hun leverdag is niets. Wat voor
  hen is aanvaard, wacht dan.
- *bouwen* overgeslagen: er is geen enkele batch. *publiceren* zet neer wat er verder ligt, en de nacht gaat dicht.
- *bundelen*, *bouwen* en *afsluiten* overgeslagen: er is om een nacht gevraagd die voorbij is en nooit is gebundeld.
  Wat wacht, gaat met de eerstvolgende nacht mee; *publiceren* zet alleen neer wat al klaarlag.
- `gepubliceerd=0`: het logboek van *publiceren* zegt erachter waarom.
- Bestanden die er na *publiceren* nog niet staan: een uitvoerder kan een tijd hebben gekozen (`vanaf`). De eerste ronde
  van *intake* na die tijd zet ze neer.

### Rood: wat doet u

Open de rode taak vóór *alarm* en lees de laatste regel van het logboek.

- **wacht op een volgende poging**: deze uitvoerder of partner was niet bereikbaar, of weigerde dat wij iets neerzetten
  of (na `bewaren_dagen`) verwijderen. Zijn bestanden liggen klaar; elk kwartier probeert *intake* het opnieuw. Bel de
  uitvoerder als het bij aanvang van de werkdag nog zo is.
- **Stilgezet tot de configuratie klopt**: van deze partijen klopt iets niet in de configuratie. Wat voor hen is of van
  hen komt, wacht; alle anderen zijn bediend. `nachtpost config check` noemt wat er mis is, met de oplossing. Daarna
  gaat de volgende nacht mee wat wachtte.
- **gemeente zonder uitvoerder**: de signalen van die gemeente wachten. Vul `uitvoerders/*.toml` aan
  (`nachtpost config check`); ze gaan de volgende nacht mee.
- **batch niet gebouwd**: de taak *bouwen* is van die nacht niet afgekomen. Draai haar nog eens (*Clear*), daarna
  *publiceren* en *afsluiten*; voor een eerdere nacht: *Trigger* met die datum. Tot dan blijft haar nacht open; latere
  nachten gaan gewoon dicht.
- **onzeker of het is afgeleverd**: wij vroegen een server een bestand zichtbaar te maken, en konden daarna niet zien
  wat ervan werd. Er gaat niets opnieuw, want de ontvanger kan het hebben; het manifest van die nacht wacht. Vraag het
  hem, en leg zijn antwoord vast: `nachtpost zending afgehaald NR --reason TEKST`, of `opnieuw` als hij het niet heeft.
- **de aantallen kloppen niet**: de genoemde aanlevering of batch staat stil, met de antwoorden en het manifest die
  erbij horen; al het andere gaat door. Staat er *alles*, dan wordt er wel gebundeld en gebouwd, maar niets meer
  gepubliceerd. Waarschuw de
  ontwikkelaars. `nachtpost status` laat zien wat stilstaat. Is het hersteld: `nachtpost publiceren hervat --reason
  "…"`, en voor een batch die nog niet is gebouwd daarna *Trigger* met de datum van haar nacht.
- **is nog niet geweest**: er is om een nacht na vandaag gevraagd; er is niets gebundeld.
- **Iets anders**: draai de rode taak nog eens (*Clear*). Dat kan altijd. Blijft het rood, bewaar het logboek en
  waarschuw de ontwikkelaars.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import CronPartitionTimetable, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dags.step import RETRIED, STILL, named, needs_a_person, night, opened, tell
from schemas.nacht import UITLEVERING

log = logging.getLogger(__name__)

#: An Airflow task costs seconds of start-up, so gemeenten are built in at most this many shards.
SHARDS = 3


@dag(
    dag_display_name="Uitlevering",
    description="Elke nacht: bundelen, bouwen, publiceren, afsluiten.",
    schedule=CronPartitionTimetable(
        f"{UITLEVERING.minute} {UITLEVERING.hour} * * *", timezone="Europe/Amsterdam", key_format="%Y-%m-%d"
    ),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIED,
    doc_md=__doc__,
    tags=["nachtpost"],
)
def uitlevering() -> None:
    """From what is accepted to the uitvoerders' folders."""

    @task(task_display_name="bundelen", multiple_outputs=False)
    def bundle() -> list[list[str]]:
        """Freeze the night's batches, and prove them before any is built, for an intake publishes what it finds.
        Returns the shards of gemeentecodes to build."""
        from exchange.context import utc_now
        from exchange.faults import NightNeverFrozen
        from exchange.sentences import sentence
        from exchange.steps.build import shards
        from exchange.steps.bundle import bundle as freeze
        from exchange.steps.proof import prove

        with opened() as exchange:
            asked = night()
            try:
                facts = tell(freeze(exchange, asked, utc_now))
            except NightNeverFrozen as never:  # also the last night before this DAG was switched on
                raise AirflowSkipException(sentence(never)) from None
            waits = {name: facts[name] for name in ("zonder_uitvoerder", "zonder_sleutel")}
            get_current_context()["ti"].xcom_push("wacht", waits)
            prove(exchange, utc_now)
            return shards(exchange, asked, SHARDS)

    @task(task_display_name="bouwen", map_index_template="{{ naam }}", multiple_outputs=False)
    def build(gemeenten: list[str]) -> dict[str, Any]:
        """Make the batches of these gemeenten."""
        from exchange.context import utc_now
        from exchange.steps.build import build as make
        from schemas.gemeenten import name

        with opened() as exchange:
            asked = night()
            named([f"nacht {asked}", *(name(code) for code in gemeenten)])
            facts = tell(make(exchange, asked, gemeenten, utc_now))
        needs_a_person({STILL: facts["stilstand"]})
        return facts

    @task(task_display_name="publiceren", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    def publish() -> dict[str, Any]:
        """Publish what is built and adds up, also when a shard failed: its gemeenten must not hold up the others. A run
        that publishes nothing says why, and one in which something stands still is red."""
        from exchange.context import utc_now
        from exchange.steps.proof import standing
        from exchange.steps.publish import publish as send
        from exchange.steps.waarom import nothing_published

        with opened() as exchange:
            facts = tell(send(exchange, utc_now))
            if not facts["gepubliceerd"]:
                log.info("%s", " ".join(nothing_published(exchange, night(), facts["uitgesteld"], utc_now)))
            still = standing(exchange)
        needs_a_person({STILL: still})
        return facts

    @task(task_display_name="afsluiten", trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    def report() -> dict[str, Any]:
        """Tell the partners what is delivered, prove the balance again, close the night; then say what still waits."""
        from exchange.context import utc_now
        from exchange.sentences import STOPPED, stopped
        from exchange.steps.report import report as close

        waits = get_current_context()["ti"].xcom_pull(task_ids="bundle", key="wacht")
        if waits is None:
            raise AirflowSkipException("er is niets gebundeld")
        with opened() as exchange:
            facts = tell(close(exchange, night(), utc_now))
            still = exchange.config.stilgezet
            if late := [id for id in facts["uitgesteld"] if id not in still]:
                raise AirflowException(f"wacht op een volgende poging: {', '.join(late)}")
        needs_a_person(
            {
                STOPPED: stopped(exchange.config.problemen),
                "gemeente zonder uitvoerder": waits["zonder_uitvoerder"],
                "sleutel van de uitvoerder kan niet versleutelen": waits["zonder_sleutel"],
                "sleutel van de partner kan niet versleutelen": facts["zonder_sleutel"],
                "partner zonder account, en geen geldige machtiging om haar te antwoorden": facts["zonder_machtiging"],
                "batch niet gebouwd, haar nacht blijft open": facts["niet_gebouwd"],
                "onzeker of het is afgeleverd, zending": facts["onzeker"],
                STILL: facts["stilstand"],
            }
        )
        return facts

    @task(task_display_name="alarm", trigger_rule=TriggerRule.ONE_FAILED, retries=0)
    def alarm() -> None:
        """Without this a run would be green when its last task is."""
        raise AirflowFailException("een taak hiervoor is mislukt")

    bundled, published, reported = bundle(), publish(), report()
    built = build.expand(gemeenten=bundled)
    built >> published >> reported
    [bundled, built, published, reported] >> alarm()


uitlevering()
