"""
### Wat doet dit

Elk kwartier: bestanden **ophalen** bij alle partners, ze **controleren**, en de antwoorden (ontvangst, controle,
correctiebestand) **publiceren** in hun map `terugmelding/`. Wat is aanvaard, gaat de eerstvolgende nacht mee. Wat
dringend is voor een uitvoerder die dat meteen wil (`spoed_direct`), wacht daar niet op: **spoed** maakt er een batch
van, met een eigen manifest.

### Wat is onschuldig

- Groen met afgekeurde bestanden of regels: de partner heeft een fout gemaakt en leest in zijn terugmelding welke.
- *controleren* overgeslagen: er was niets nieuws. *alarm* overgeslagen: zo hoort het.
- Een partner die even niet bereikbaar of te traag is, of een taak die opnieuw wordt geprobeerd: over een kwartier volgt
  de volgende ronde, en niets wordt dubbel verwerkt.
- Bestanden die blijven staan omdat wij ze niet mogen lezen of verplaatsen: het logboek van *ophalen* noemt hoeveel en
  waarom. Wat is opgehaald, wordt verwerkt, en niet nog eens ingenomen. Zeg het de partner.

### Groen, en toch voor u

- **onversleuteld** in het logboek van *ophalen* (en in `nachtpost status`): een bestand van die partij was voor
  iedereen leesbaar. Wij hebben het verzegeld en bij haar weggehaald; zij leest dat in haar ONTVANGST, en na een week is
  het ook bij ons weg (`verzegeld_dagen`). Bel haar, en ga samen na of dit een datalek is (AVG art. 33: binnen 72 uur).

### Rood: wat doet u

Open de rode taak vóór *alarm* en lees de laatste regel van het logboek.

- **hostsleutel klopt niet**: er is niets uitgewisseld met die partner. Bel de partner: is de sleutel vervangen? Pas
  daarna `partners/<id>.toml` aan.
- **de server laat ons niet toe**, **antwoordt, maar niet bruikbaar** of **wij mogen de map niet lezen**: het logboek
  van *ophalen* zegt met welke gebruiker en welke sleutel van ons, of om welke map het gaat. Bel de partner.
- **ophalen lukt niet**: bij de genoemde partijen ging op ons systeem iets mis; de rest is gewoon opgehaald. Het
  logboek van *ophalen* noemt wat.
- **Stilgezet tot de configuratie klopt**: van deze partijen klopt iets niet in de configuratie. Wat van hen komt of
  voor hen is, wacht; alle anderen zijn bediend. `nachtpost config check` noemt wat er mis is, met de oplossing.
- **ConfigurationFault**: er klopt iets niet dat voor iedereen geldt; ook dat noemt `nachtpost config check`.
- **StoreFault, OperationalError**: is de schijf vol, zijn opslag en register bereikbaar?
- **de aantallen kloppen niet** in *spoed*: het genoemde staat stil, al het andere gaat door; staat er *alles*, dan
  wordt niets gepubliceerd. Waarschuw de ontwikkelaars. `nachtpost status` laat zien wat stilstaat; is het hersteld, dan
  heft u het op met `nachtpost publiceren hervat --reason "…"`. Tot dan blijft elke ronde rood.
- **Iets anders**: draai de rode taak nog eens (*Clear*). Dat kan altijd, elke stap is herhaalbaar. Blijft het rood,
  bewaar het logboek en waarschuw de ontwikkelaars.

Haast is er alleen voor 04:00: wat dan niet is gecontroleerd, gaat een nacht later.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag

from dags.receive import receive
from dags.step import RETRIED


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
    receive("SIGNALEN")


intake()
