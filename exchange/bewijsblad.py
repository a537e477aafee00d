"""The page of a bewijs: one A4 in Dutch as PDF, and the exchange's signature beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos

from exchange.bewijs import Bewijs
from exchange.context import AMSTERDAM
from exchange.pgp import Keyring

#: Millimetres: margins of the page, height of a line, width of what stands before the values.
_MARGIN, _LINE, _LABEL = 20, 5, 48

_NOOIT = "Het signaal is ontvangen en aanvaard, maar niet doorgezet en dat gebeurt ook niet meer: {reden}."
_STAAT = {
    "DOORGEZET": "Het signaal is doorgezet: het stond op het tijdstip hieronder klaar voor de uitvoerder.",
    "WACHTEND": "Het signaal is ontvangen en aanvaard. Het is op het moment van dit bewijs nog niet doorgezet.",
    "AANGEHOUDEN": "Het signaal is ontvangen en aanvaard. Het wordt aangehouden en is op het moment van dit bewijs "
    "niet doorgezet.",
    "NIET_DOORGEZET": _NOOIT,
    "INGETROKKEN": _NOOIT,
}
_HERHALING = "het herhaalt een eerder signaal, en de gemeente heeft ervoor gekozen herhalingen niet te ontvangen"
_VERDEELD = "de gemeente is vóór de uitlevering opgegaan in meer dan één gemeente"
_EIGEN_INTREKKING = "het is een intrekking van een signaal dat zelf nog niet was doorgezet"
_VERVANGEN = "u hebt het vóór de uitlevering ingetrokken of vervangen met signaal {door_ref}"
_GEBEURTENIS = {
    "OPGEHAALD": "bestand van u ontvangen",
    "GECONTROLEERD": "bestand van u gecontroleerd",
    "ZENDING_GEBOUWD": "levering aan de uitvoerder gemaakt",
    "ZENDING_GEPUBLICEERD": "levering klaargezet voor de uitvoerder",
    "ZENDING_OPGEHAALD": "levering door de uitvoerder opgehaald",
}


def write(bewijs: Bewijs, keyring: Keyring, folder: Path) -> tuple[Path, Path]:
    """Write the page and its detached signature into `folder`, over those of the same day; returns both paths.

    Raises PgpFault, and then nothing was written.
    """
    name = f"bewijs_{bewijs.signaal_ref}_{bewijs.gemaakt_op.astimezone(AMSTERDAM):%Y%m%d}.pdf"
    page, signature = folder / name, folder / f"{name}.asc"
    content = draw(bewijs, page.name)
    signed = keyring.sign(content)
    folder.mkdir(parents=True, exist_ok=True)
    signature.write_bytes(signed)
    page.write_bytes(content)
    return page, signature


def draw(bewijs: Bewijs, name: str) -> bytes:
    """The PDF that will be called `name`: the same bytes for the same facts."""
    page = _Page()
    page.set_creation_date(bewijs.gemaakt_op)
    page.set_title(f"Bewijs van melding {bewijs.signaal_ref}")
    page.set_author(_printable(bewijs.uitwisseling))
    page.set_lang("nl-NL")
    page.add_page()
    page.heading("Bewijs van melding", 18)
    page.prose(
        f"{bewijs.uitwisseling} verklaart, op grond van het eigen register en logboek, dat {bewijs.partner_naam} "
        f"({bewijs.partner}) het signaal hieronder heeft aangeleverd."
    )
    page.heading("Het signaal")
    page.facts(
        ("Uw kenmerk (signaal_id)", bewijs.signaal_id),
        ("Ons kenmerk (signaal_ref)", bewijs.signaal_ref),
        ("Soort", bewijs.soort),
    )
    page.heading("Ontvangen")
    page.facts(
        ("Ontvangen op", _moment(bewijs.ontvangen_op)),
        ("In bestand", bewijs.bestand),
        ("Regel in het bestand", f"{bewijs.regelnr} (de kopregel is regel 1)"),
        ("SHA-256 van het bestand", bewijs.sha256),
        ("Aanvaard op", _moment(bewijs.aanvaard_op)),
    )
    page.heading("Doorgezet" if bewijs.levering else "Niet doorgezet")
    page.prose(_standing(bewijs))
    page.facts(*_delivery(bewijs))
    page.heading("Logboek")
    page.prose(
        "Van elke gebeurtenis staat een regel in ons logboek. Elke regel heeft een controlegetal, de kop, dat ook over "
        "alle regels ervoor gaat. De kop van dat moment staat in elke terugmelding (logboek_kop). Voor dit bewijs is "
        "het hele logboek nagerekend."
    )
    for entry in bewijs.regels:
        what = _GEBEURTENIS.get(entry.gebeurtenis, entry.gebeurtenis)
        page.facts((f"Regel {entry.nr}", f"{_moment(entry.tijdstip)}: {what}"), ("", entry.kop))
    page.facts(("Laatste regel", str(bewijs.logboek_nr)), ("Kop van het logboek", bewijs.logboek_kop))
    page.heading("Dit bewijs")
    page.prose(
        f"Gemaakt op {_moment(bewijs.gemaakt_op)}. Tijden zijn Nederlandse tijden, met het verschil met UTC erachter. "
        "Over wie het signaal gaat, staat hier met opzet niets. Dit bewijs is ondertekend met onze OpenPGP-sleutel met "
        f"vingerafdruk {bewijs.vingerafdruk}. Controleer de handtekening met:"
    )
    page.code(f"gpg --verify {name}.asc {name}")
    return bytes(page.output())


class _Page(FPDF):
    """Headings, prose, and facts in two columns, in the fonts that every reader of PDF has."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.set_margins(_MARGIN, _MARGIN)
        self.set_auto_page_break(True, _MARGIN / 2)

    def heading(self, text: str, size: int = 11) -> None:
        self.ln(_LINE / 2)
        self.set_font("Helvetica", "B", size)
        self._write(text, size / 2)

    def prose(self, text: str) -> None:
        self.set_font("Helvetica", size=9)
        self._write(text)

    def code(self, text: str) -> None:
        self.set_font("Courier", size=8)
        self._write(text)

    def facts(self, *pairs: tuple[str, str]) -> None:
        for label, value in pairs:
            self.set_font("Helvetica", size=9)
            self.cell(_LABEL, _LINE, _printable(label))
            if len(value) == 64:  # a hash
                self.set_font("Courier", size=8)
            self._write(value)

    def _write(self, text: str, height: float = _LINE) -> None:
        # a name without spaces may be longer than the line
        wrap = WrapMode.WORD if " " in text else WrapMode.CHAR
        self.multi_cell(0, height, _printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT, wrapmode=wrap)


def _standing(bewijs: Bewijs) -> str:
    if bewijs.staat == "NIET_DOORGEZET":
        reden = _VERDEELD if bewijs.verdeeld else _HERHALING
    else:
        reden = _VERVANGEN.format(door_ref=bewijs.door_ref) if bewijs.door_ref else _EIGEN_INTREKKING
    return _STAAT[bewijs.staat].format(reden=reden)


def _delivery(bewijs: Bewijs) -> Sequence[tuple[str, str]]:
    gemeente = ("Gemeente", f"{bewijs.gemeente} ({bewijs.gemeentecode})")
    if bewijs.levering is None:
        return [gemeente]
    collected = bewijs.levering.opgehaald_op
    return [
        gemeente,
        ("Uitvoerder", bewijs.levering.uitvoerder),
        ("Nacht", _day(bewijs.levering.nacht)),
        ("Klaargezet op", _moment(bewijs.levering.klaargezet_op)),
        ("Opgehaald", f"gezien op {_moment(collected)}" if collected else "daarvan is ons nu niets bekend"),
    ]


def _day(day: date) -> str:
    return f"{day:%d-%m-%Y}"


def _moment(moment: datetime) -> str:
    local = moment.astimezone(AMSTERDAM)
    offset = local.isoformat()[-6:]
    return f"{local:%d-%m-%Y %H:%M:%S} ({offset})"


def _printable(text: str) -> str:
    """The fonts have the letters of western Europe and no others."""
    return text.encode("latin-1", "replace").decode("latin-1")
