"""
### Wat doet dit

Elk uur: bestanden met terugkoppeling **ophalen** bij alle uitvoerders, ze **controleren**, en de antwoorden (ontvangst,
controle, correctiebestand) **publiceren** in hun map `terugmelding/`. Wat partners ervan mogen weten, lezen zij de
eerstvolgende nacht in hun UITKOMST (*uitlevering*, taak *afsluiten*).

### Wat is onschuldig

- Groen met afgekeurde bestanden of regels: de uitvoerder heeft een fout gemaakt en leest in zijn terugmelding welke.
- *controleren* overgeslagen: er was niets nieuws. *alarm* overgeslagen: zo hoort het.
- Een uitvoerder die even niet bereikbaar is: over een uur volgt de volgende ronde, en niets wordt dubbel verwerkt.

### Rood: wat doet u

Hetzelfde als bij *intake*: open de rode taak vóór *alarm*, lees de laatste regel van het logboek, en zoek die op in de
uitleg van *intake*. Waar daar partner staat, leest u uitvoerder (`uitvoerders/<id>.toml`).
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag

from dags.receive import receive
from dags.step import RETRIED


@dag(
    dag_display_name="Terugkoppeling",
    description="Elk uur: ophalen, controleren, antwoorden.",
    schedule=CronTriggerTimetable("10 * * * *", timezone="Europe/Amsterdam"),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIED,
    doc_md=__doc__,
    tags=["nachtpost"],
)
def terugkoppeling() -> None:
    """From the uitvoerders' `in/` to their answers."""
    receive("TERUGKOPPELING")


terugkoppeling()
