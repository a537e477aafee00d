"""The sentences of the retourcodes: (code, niveau, bron, tekst). Read through `schemas.retourcodes`."""

from __future__ import annotations

# One code is one line: read it as the table that it is.
# ruff: noqa: E501
# fmt: off

_AF = "Deze regel is niet verwerkt."
_NIETS = "Er is geen regel verwerkt."
_DOOR = "Dit signaal is niet doorgezet."
_WEL = "Het signaal is wel aanvaard."
_ONTWERP = "layout 1"
_VEILIG = "AVG art. 32; convenant art. 2.2 a"
_BSN = "Wgs art. 8c; Bgs art. 2 noemt geen burgerservicenummer"
_BGS = "Bgs art. 2; NVVK vuistregels mei 2022"

TEKSTEN: tuple[tuple[str, str, str, str], ...] = (
    # OpenPGP: nothing of the content was used
    ("E-PGP-01", "bestand", _VEILIG, "Dit bestand is niet met PGP versleuteld en kwam leesbaar bij ons aan. Wij hebben het niet gelezen; wij hebben het verzegeld en uit uw map verwijderd. Versleutel het met onze sleutel en lever het opnieuw aan. Staan er persoonsgegevens in, ga dan na of dit bij u een datalek is."),
    ("E-PGP-02", "bestand", _VEILIG, "Wij kunnen dit bestand niet ontsleutelen. Gebruik onze sleutel met vingerafdruk {vingerafdruk}, geldig tot {datum}."),
    ("E-PGP-03", "bestand", _VEILIG, "De handtekening ontbreekt of hoort niet bij een sleutel die u bij ons hebt aangemeld. Wij hebben de inhoud niet gebruikt. Onderteken met uw aangemelde sleutel of meld de nieuwe eerst aan."),
    ("E-PGP-04", "bestand", _VEILIG, "De sleutel waarmee u ondertekent, is sinds {datum} verlopen of ingetrokken. Meld een nieuwe sleutel aan en lever het bestand opnieuw aan."),
    ("E-PGP-05", "bestand", _VEILIG, "Dit bestand is beschadigd of niet volledig. Wij hebben de inhoud niet gebruikt. Versleutel en onderteken het opnieuw als één bericht en lever het opnieuw aan."),
    ("E-PGP-06", "bestand", _VEILIG, "Dit bestand gebruikt een nieuwere OpenPGP-vorm (AEAD of een versie 6-sleutel) die wij niet lezen. Wij hebben de inhoud niet gebruikt. Zet AEAD uit (bij GnuPG: --rfc4880) of gebruik een versie 4-sleutel, en lever het opnieuw aan."),
    ("E-PGP-07", "bestand", _VEILIG, "De handtekening gebruikt een te zwakke controlesom. Wij hebben de inhoud niet gebruikt. Onderteken met SHA-256 of sterker en lever het bestand opnieuw aan."),
    ("E-PGP-08", "bestand", _VEILIG, "Dit bestand is na ontsleutelen groter dan wij verwerken. Wij hebben de inhoud niet gebruikt. Verdeel de regels over meer bestanden en lever die aan."),
    ("E-PGP-09", "bestand", _VEILIG, "Wij kunnen u niet versleuteld antwoorden: uw sleutel is verlopen of ingetrokken, of kan niet versleutelen. Er is geen regel verwerkt. Meld een nieuwe sleutel aan en lever het bestand opnieuw aan."),
    ("E-PGP-10", "bestand", _VEILIG, "Dit bestand is versleuteld zonder integriteitscontrole (MDC): niemand kan zien of het onderweg is veranderd. Wij hebben de inhoud niet gebruikt. Zet de integriteitscontrole aan (haal bij GnuPG rfc2440 en disable-mdc uit de instellingen) en lever het bestand opnieuw aan."),
    ("E-PGP-11", "bestand", _VEILIG, "Dit bestand is met een wachtwoord versleuteld en niet met onze sleutel. Wij hebben het niet gelezen. Versleutel het met onze sleutel (bij GnuPG: --encrypt in plaats van --symmetric) en lever het opnieuw aan."),
    ("E-PGP-12", "bestand", _VEILIG, "De handtekening onder dit bestand gold tot {datum}. Wij hebben de inhoud niet gebruikt. Onderteken het bestand opnieuw, met een handtekening die niet verloopt, en lever het opnieuw aan."),
    ("E-PGP-13", "bestand", _VEILIG, "Dit bestand bevat meer dan één PGP-bericht, of één bericht met meer dan één tekst. Wij hebben de inhoud niet gebruikt. Maak van elk csv-bestand één bericht, in een bestand met een eigen naam, en lever die aan."),
    ("E-PGP-14", "bestand", _VEILIG, "De handtekening is gezet met een sleutel die nog niet gold: hij geldt vanaf {datum}. Wij hebben de inhoud niet gebruikt. Controleer de klok van de computer waarop u ondertekent, of gebruik een sleutel die al geldt, en lever het bestand opnieuw aan."),
    # the file as a whole
    ("E-BST-01", "bestand", _ONTWERP, "De kolomkoppen kloppen niet. Ontbreekt: {ontbreekt}. Onbekend: {onbekend}. Er is geen regel verwerkt. Pas de koppen aan en lever het bestand opnieuw aan."),
    ("E-BST-02", "bestand", _ONTWERP, "Het bestand is niet in {codering} opgeslagen; de eerste fout staat op regel {regel}. Er is geen regel verwerkt. Sla het op in {codering} en lever het opnieuw aan."),
    ("W-BST-03", "bestand", _ONTWERP, "Dit bestand hebben wij al ontvangen op {tijdstip}. Er is niets opnieuw verwerkt. U hoeft niets te doen."),
    ("W-BST-11", "bestand", _ONTWERP, "De nummering van uw bestanden van deze dag heeft een gat: wij kennen nummer {ontbreekt} niet. Dit bestand is wel verwerkt. Kijk na of er een bestand niet is aangekomen."),
    ("E-BST-05", "bestand", _ONTWERP, "Dit bestand is leeg. Hebt u niets te melden, lever dan een bestand met alleen de kopregel aan. Anders: maak het bestand opnieuw en lever het opnieuw aan."),
    ("E-BST-06", "bestand", _ONTWERP, "Het bestand moet precies één van de kolommen bedrag_cent en bedrag_euro hebben. Er is geen regel verwerkt. Laat één van beide staan en lever het bestand opnieuw aan."),
    ("E-BST-07", "bestand", _ONTWERP, "Deze kolomkoppen staan meer dan één keer in het bestand: {kolommen}. Er is geen regel verwerkt. Laat elke kolom één keer staan en lever het bestand opnieuw aan."),
    ("E-BST-08", "bestand", _ONTWERP, "De naam van dit bestand heeft niet de afgesproken vorm. Wij hebben het niet gelezen. Verwacht: {vorm}, bijvoorbeeld {voorbeeld}. Hernoem het bestand en lever het opnieuw aan."),
    ("E-BST-09", "bestand", _ONTWERP, "Op regel 1 staan geen kolomkoppen die wij herkennen, gescheiden door {scheidingsteken}. Er is geen regel verwerkt. Zet de kolomkoppen op regel 1 en lever het bestand opnieuw aan."),
    ("E-BST-10", "bestand", _ONTWERP, "Het bestand heeft meer dan {maximum} regels. Er is geen regel verwerkt. Verdeel de regels over meer bestanden en lever die aan."),
    ("E-BST-12", "bestand", "convenant art. 2.2 a; machtiging van de partner", "Uit de naam van dit bestand volgt niet één partner voor wie u op de dag van ontvangst mag aanleveren. Wij hebben het niet gelezen. Uw eigen bestanden heten bijvoorbeeld {voorbeeld}. Levert u aan voor een ander, controleer dan de naam en of uw machtiging geldt, en lever het bestand opnieuw aan."),
    ("E-BST-13", "bestand", _ONTWERP, "De inhoud van dit bestand is geen csv, maar {soort}. Er is geen regel verwerkt. Sla de gegevens op als csv, versleutel dat, en lever het opnieuw aan."),
    ("E-BST-14", "bestand", _ONTWERP, "Dit bestand is groter dan {maximum} bytes, zoals u het stuurde. Wij hebben het niet opgehaald en niet gelezen. Verdeel de regels over meer bestanden en lever die aan."),
    # the line, before it is read as fields
    ("E-RGL-01", "regel", _ONTWERP, "Deze regel heeft {gevonden} velden; de kopregel heeft er {verwacht}. Deze regel is niet verwerkt. Controleer de scheidingstekens en lever de regel opnieuw aan."),
    ("E-RGL-02", "regel", "RFC 4180", f"De aanhalingstekens op deze regel kloppen niet. {_AF} Zet aanhalingstekens om het hele veld, verdubbel ze binnen het veld, en gebruik geen regeleinde in een veld."),
    ("E-RGL-03", "regel", _ONTWERP, f"Op deze regel staat een stuurteken (zoals een tab, een nulteken of een los regeleinde). {_AF} Verwijder het uit uw export en lever de regel opnieuw aan."),
    ("E-RGL-04", "regel", _ONTWERP, "Deze regel is langer dan {maximum} tekens. Deze regel is niet verwerkt. Controleer de regeleinden en lever de regel opnieuw aan."),
    # the field
    ("E-VLD-01", "veld", _ONTWERP, "{veld} is leeg, maar verplicht bij soort {soort}. Deze regel is niet verwerkt. Vul de waarde in en lever de regel opnieuw aan."),
    ("E-VLD-02", "veld", _ONTWERP, "{veld} heeft niet de juiste vorm. Verwacht: {vorm}, bijvoorbeeld {voorbeeld}. Deze regel is niet verwerkt."),
    ("E-VLD-03", "veld", "DDAS vroegsignalering 1.2; layout 1", "{veld} heeft een waarde die niet in de codelijst staat. Bedoelt u {suggestie}? Deze regel is niet verwerkt. Kies een waarde uit de codelijst en lever de regel opnieuw aan."),
    ("E-VLD-04", "veld", "layout 1; Divosa: een melding is een adres", f"{{veld}} bevat een postbus of antwoordnummer. Wij hebben het woonadres nodig. {_AF} Lever de regel opnieuw aan met het woonadres."),
    ("E-VLD-05", "veld", "layout 1; Wgs: de gemeente van de inwoner", f"{{veld}} is geen Nederlandse postcode. Voor een adres in het buitenland is er geen gemeente. {_AF} Is het een Nederlands adres, vul de postcode dan als 1234AB in."),
    ("E-VLD-06", "veld", _ONTWERP, f"{{veld}} ligt na de dag van ontvangst. {_AF} Controleer de datum en lever de regel opnieuw aan."),
    ("E-VLD-07", "veld", _ONTWERP, f"{{veld}} ligt na {{veld2}}. Dat kan niet. {_AF} Controleer beide datums en lever de regel opnieuw aan."),
    ("E-VLD-08", "veld", "Bgs art. 2: de hoogte van de achterstand", f"{{veld}} moet hoger zijn dan nul. {_AF} Is de achterstand betaald, lever dan een INTREKKING aan als u het signaal al eerder hebt gemeld."),
    ("E-VLD-09", "veld", "overeenkomst; DDAS Signaalpartner", f"Voor deze sector meldt u niet bij ons. Bekend van u: {{sectoren}}. {_AF} Kies een van deze waarden of neem contact met ons op."),
    # conditions and privacy: these rows do not travel back
    ("E-VWD-01", "veld", _BGS, "Volgens {veld} is niet voldaan aan een voorwaarde voor melden. Deze regel is niet verwerkt. Pas de waarde niet aan; lever het signaal pas aan als er wel aan is voldaan."),
    ("E-PRV-01", "veld", _BSN, "In {veld} staat mogelijk een burgerservicenummer. Dat mag u niet aanleveren. Deze regel is niet verwerkt. Verwijder het uit uw export; wij sturen deze regel niet terug."),
    ("E-PRV-02", "bestand", _BSN, f"Het bestand heeft een kolom voor burgerservicenummers: {{kolommen}}. Dat mag u niet aanleveren. {_NIETS} Verwijder de kolom uit uw export en lever het bestand opnieuw aan."),
    ("E-PRV-03", "bestand", _BSN, f"In de kolom {{veld}} staan zo te zien burgerservicenummers. Die mag u niet aanleveren. {_NIETS} Gebruik uw eigen nummers. Zijn dit uw eigen nummers, neem dan contact met ons op."),
    # destination
    ("E-ROU-01", "regel", "CBS postcode en huisnummer naar gemeente", "Wij kunnen bij deze postcode en dit huisnummer geen gemeente bepalen. Deze regel is niet verwerkt. Controleer het adres of vul gemeentecode in."),
    ("E-ROU-02", "regel", "convenant art. 6", f"Gemeente {{naam}} ({{code}}) is nog niet aangesloten. {_DOOR} Meld het langs uw bestaande weg."),
    ("E-ROU-03", "regel", "convenant art. 6, overwegingen m en n", f"Op {{datum}} geldt er geen overeenkomst tussen u en gemeente {{naam}} voor soort {{soort}}. {_DOOR} Neem contact op met de gemeente als dit niet klopt."),
    ("W-ROU-04", "veld", "CBS postcode en huisnummer naar gemeente", "U gaf gemeentecode {code1}; volgens het adres is het {code2}. Wij hebben {code2} gebruikt. U hoeft niets te doen."),
    ("E-ROU-05", "regel", "CBS gemeentelijke indeling", f"De gemeente bij dit signaal is opgegaan in meer dan één gemeente: {{gemeenten}}. {_DOOR} Vul de gemeentecode van nu in en lever de regel opnieuw aan."),
    ("E-ROU-06", "regel", "CBS gemeentelijke indeling", f"Na uw aanlevering is gemeente {{naam}} opgegaan in meer dan één gemeente: {{gemeenten}}. {_DOOR} Lever het opnieuw aan met een nieuw signaal_id en de gemeentecode van nu."),
    # signals that belong together
    ("E-SIG-01", "veld", _ONTWERP, f"Dit signaal_id is al aanvaard met andere gegevens. {_AF} Gebruik een nieuw signaal_id met soort ACTUALISATIE en zet het oude in vorig_signaal_id."),
    ("W-SIG-02", "regel", _ONTWERP, "Dit signaal hebben wij al van u ontvangen en is niet opnieuw doorgezet. U hoeft niets te doen."),
    ("W-SIG-03", "veld", _ONTWERP, "Het vorig_signaal_id is bij ons niet bekend. Het signaal is wel aanvaard. U hoeft niets te doen als u het eerdere signaal langs een andere weg hebt gemeld."),
    ("E-SIG-04", "veld", _ONTWERP, f"Het vorig_signaal_id is bij ons niet bekend; sinds {{datum}} is dat wel nodig. {_AF} Zet het signaal_id van een eerder aanvaard signaal in vorig_signaal_id."),
    ("W-SIG-06", "veld", _ONTWERP, "Dit signaal was al bekend met andere gegevens. Wij geven het door als ACTUALISATIE van het eerdere. U hoeft niets te doen."),
    ("E-SIG-05", "veld", _ONTWERP, f"vorig_signaal_id is gelijk aan signaal_id. {_AF} Geef dit signaal een eigen signaal_id en lever de regel opnieuw aan."),
    ("E-INT-01", "veld", _ONTWERP, f"Wij kennen het signaal niet dat u wilt intrekken, en weten dus niet voor welke gemeente het is. {_AF} Zet het signaal_id van het eerdere signaal in vorig_signaal_id."),
    ("W-EIN-01", "veld", "Divosa 2023: 20 werkdagen voor einde levering; layout 1 rekent voor afsluiting hetzelfde", f"De datum van einde levering of afsluiting ligt minder dan {{werkdagen}} werkdagen na ontvangst. {_WEL} Lever een volgend signaal eerder aan."),
    ("W-EIN-02", "veld", "Energieregeling 1-1-2026, volgens NVVK 26-1-2026", f"Dit signaal noemt geen eerder vroegsignaal. {_WEL} Meld eerst een vroegsignaal en zet dat signaal_id in vorig_signaal_id."),
    ("W-SIG-07", "regel", _ONTWERP, f"Dit signaal hoort bij een andere gemeente dan het eerdere. {_WEL} Is het eerdere al doorgezet, trek het dan in: soort INTREKKING met reden_intrekking VERHUISD."),
    ("W-HER-01", "regel", "DDAS: herhaalde melding; keuze van de gemeente", f"U hebt deze achterstand al eerder gemeld en het bedrag is niet hoger. De gemeente ontvangt zulke herhaalde meldingen niet. {_DOOR} Wordt het bedrag hoger, meld het dan opnieuw."),
    ("W-VEN-01", "veld", "DDAS; NVVK 30-11-2022", f"De achterstand valt buiten de termijn voor {{sector}} ({{termijn}}). {_WEL} De gemeente beslist of het signaal wordt opgepakt."),
    ("E-VEN-01", "veld", "convenant art. 6, overwegingen m en n: afspraak met de gemeente", f"De achterstand valt buiten de termijn die de gemeente voor {{sector}} heeft afgesproken ({{termijn}}). {_AF} Lever het signaal opnieuw aan als de achterstand daarbinnen valt."),
    ("W-DRE-01", "veld", "Divosa 2025: drempelbedrag van de gemeente", f"Het bedrag is lager dan het drempelbedrag van {{naam}} ({{bedrag}} euro). {_WEL} De gemeente beslist of het signaal wordt opgepakt."),
    ("E-DRE-01", "veld", "convenant art. 6, overwegingen m en n: afspraak met de gemeente", f"Het bedrag is lager dan het drempelbedrag van {{naam}} ({{bedrag}} euro). {_AF} Lever het signaal opnieuw aan als de achterstand hoger is."),
    ("E-EXP-01", "veld", "Wgs art. 2; Stcrt. 2024-10148, Stcrt. 2025-17636", f"Voor {{sector}} mag alleen worden gemeld aan gemeenten die daarvoor zijn aangewezen; {{naam}} is dat vandaag niet. {_DOOR} Lever het niet opnieuw aan zolang dat zo is."),
    # terugkoppeling of an uitvoerder
    ("E-TKB-01", "veld", "convenant, Digitaal Meldpunt: onbekend en van een ander klinken gelijk", f"Dit signaal_ref of melding_nr hoort niet bij een signaal dat aan u is geleverd. {_AF} Controleer de schrijfwijze."),
    ("E-TKB-02", "regel", _ONTWERP, f"Vul precies één van signaal_ref en melding_nr in. {_AF} Lever de regel daarna opnieuw aan."),
    ("E-TKB-03", "veld", _ONTWERP, f"{{veld}} en {{veld2}} horen bij elkaar en kloppen samen niet. {_AF} Vul beide in of laat beide leeg, en lever de regel opnieuw aan."),
    ("W-TKB-04", "regel", _ONTWERP, "Op deze regel hebt u nog niets ingevuld. Wij hebben niets vastgelegd. U hoeft niets te doen."),
    ("W-TKB-05", "regel", _ONTWERP, "Deze terugkoppeling hebben wij al van u ontvangen. Er is niets gewijzigd. U hoeft niets te doen."),
)
