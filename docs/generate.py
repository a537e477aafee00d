"""Makes the documents for partners and uitvoerders: prose from `sjablonen/`, everything else from the schemas.

    python -m docs.generate     (or `make docs`)

One test fails when a document is stale, another runs every `sh` block in them against a sandbox.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import jinja2
import pandera.pandas as pandera

from docs import profiel
from exchange.configuration import Levering, machtigingen, regels
from exchange.configuration.models import IntakeSettings, Profiel, UitleveringSettings
from exchange.steps import answers, proef
from exchange.steps.check_file import check_file
from exchange.steps.inbox import DONE, HALF, LONGEST_NAME, READY
from schemas import aansluitlijst, batch, manifest, retourcodes, signaal, terugkoppeling, terugmelding, uitkomst
from schemas.codelijsten import EINDRESULTAAT, REDEN_INTREKKING, SIGNAALPARTNER, SIGNAALSTATUS, SOORT
from schemas.nacht import UITLEVERING
from schemas.retourcodes import Niveau, Retourcode
from schemas.uitkomst import UITKOMSTEN
from transforms import dates, lines

HERE = Path(__file__).parent
DOCUMENTS = ("koppelvlak-partner.md", "koppelvlak-uitvoerder.md")

#: A day long gone, so that no example lies in the future for whoever runs it.
NU = datetime(2025, 4, 1, 10, 0, tzinfo=UTC)
_DATES = {"peildatum": "2025-03-31", "oudste_vervaldatum": "2025-02-01", "herinnering_datum": "2025-03-15"}
#: The columns of the example file; `signaal_id` differs per row.
_COLUMNS = ("signaal_id", "soort", *signaal.KOPPEN_VERPLICHT, "straat", "bedrag_euro", "maanden_achterstand")
EXAMPLE = {
    name: _DATES.get(name, signaal.KOLOMMEN[name].voorbeeld)
    for name in dict.fromkeys((*_COLUMNS, *signaal.VOORWAARDEN))
}
ROWS = (
    {"signaal_id": "K12345-2025-03-31"},
    {"signaal_id": "K67890-2025-03-31", "achternaam": "de Vries", "huisnummer": "14", "bedrag_euro": "310,00"},
)
#: One mistake per row: the cells that are wrong.
MISTAKES: tuple[dict[str, str], ...] = (
    {"huisnummer": ""},
    {"soort": "VROGE"},
    {"peildatum": "31-03-2025"},
    {"postcode": "B-1000"},
    {"straat": "Postbus 12"},
    {"bedrag_euro": "0,00"},
    {"huidige_klant": "N"},
    {"oudste_vervaldatum": "2025-03-25"},
)
#: Codes about a field that terugkoppeling shares with signals.
FEEDBACK_CODES = ("E-VLD-01", "E-VLD-02", "E-VLD-03", "E-VLD-06", "E-PRV-01", "E-PRV-02")


def main() -> None:
    """Write every document."""
    for name in DOCUMENTS:
        (HERE / name).write_text(render(name), encoding="utf-8")


def render(name: str) -> str:
    """The document as it should be."""
    environment = jinja2.Environment(  # noqa: S701 (it makes Markdown)
        loader=jinja2.FileSystemLoader(HERE / "sjablonen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{name}.j2").render(
        lijst_naam=aansluitlijst.NAAM,
        lijst=columns(aansluitlijst.Aansluitlijst),
        sig1=table(("kolom", "betekenis", "vorm", "voorbeeld", "verplicht bij", "waarom gevraagd"), _sig1()),
        tm1=columns(terugmelding.Terugmelding),
        bat1=columns(batch.Batch),
        man1=columns(manifest.Manifest),
        tk1=table(("kolom", "betekenis", "vorm", "voorbeeld"), _tk1()),
        statussen=table(("status", "de partner leest", "bron"), _reduced(SIGNAALSTATUS.waarden, uitkomst.STATUSSEN)),
        eindresultaten=table(
            ("eindresultaat", "de partner leest", "bron"), _reduced(EINDRESULTAAT.waarden, uitkomst.EINDRESULTATEN)
        ),
        uitkomsten=table(
            ("uitkomst", "betekenis"), ((_code(key) or "(leeg)", text) for key, text in UITKOMSTEN.items())
        ),
        opschorten_dagen=uitkomst.OPSCHORTEN_DAGEN,
        levering=table(("sleutel", "keuze", "zonder keuze", "betekenis"), _levering()),
        onmisbaar=table(("kolom", "omdat"), ((f"`{name}`", why) for name, why in batch.ONMISBAAR.items())),
        vertaling=table(("sleutel", "betekenis"), profiel.keys()),
        profiel=profiel.PROFIEL,
        export=profiel.EXPORT,
        gelezen=table(("uw kolom", "uw waarde", "wordt", "waarde"), profiel.read(NU)),
        gereed=READY,
        machtigingen=";".join(machtigingen.COLUMNS),
        letters=", ".join(f"{letter} = {' of '.join(kinds)}" for letter, kinds in _letters().items()),
        koppen=", ".join(f"`{name}`" for name in signaal.KOPPEN_VERPLICHT),
        voorwaarden=table(("kolom", "betekenis", "moet zijn"), _conditions()),
        soorten=", ".join(SOORT.waarden),
        redenen=", ".join(REDEN_INTREKKING.waarden),
        sectoren=", ".join(SIGNAALPARTNER.waarden),
        vensters=table(("sector", "achterstand", "vanaf", "bron"), _rules_of("termijn_dagen")),
        einde=table(("sector", "werkdagen", "vanaf", "bron"), _rules_of("einde_levering_werkdagen")),
        experimenteel=", ".join(one.sector for one in regels.landelijk() if one.regel == "experimenteel"),
        retourcodes=_codes(lambda code: code[2:5] != "TKB"),
        retourcodes_tk=_codes(_in_terugkoppeling),
        waarschuwingen=table(("code", "tekst", "bron"), _warnings()),
        voorbeeld="".join(example(*ROWS)),
        fouten=table(("regel", "u schrijft", "code", "u leest"), _mistakes()),
        intake=IntakeSettings(),
        uitlevering=UitleveringSettings(),
        nacht=UITLEVERING,
        half=", ".join(f"`{ending}`" for ending in HALF),
        opgehaald=DONE,
        langste_naam=LONGEST_NAME,
        proef_in=proef.IN,
        proef_uit=answers.PROEF,
        proef_uren=int(proef.BEWAARTIJD.total_seconds() / 3600),
        proefzin=terugmelding.PROEFZIN,
        max_regel=lines.MAX_LINE,
        dates=dates,
        slotzin=terugmelding.SLOTZIN,
    )


def _rules_of(name: str) -> Iterator[tuple[str, ...]]:
    """The lines of one regel that hold in the whole country."""
    for one in regels.landelijk():
        if one.regel == name:
            yield one.sector, str(one.waarde), str(one.van), one.bron


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    written = [list(head), *([_cell(cell) for cell in row] for row in rows)]
    written.insert(1, ["---"] * len(written[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in written)


def _cell(text: str) -> str:
    """Text that ends no cell and opens no tag; between backticks nothing opens one."""
    text = text.replace("|", "\\|")
    return text if text.startswith("`") else text.replace("<", "&lt;")


def columns(model: type[pandera.DataFrameModel]) -> str:
    """The columns of a layout that we make."""
    found = model.to_schema().columns
    rows = (
        (f"`{name}`", str(one.description), facts["vorm"], _code(facts["voorbeeld"]), "ja" if facts["leeg"] else "nee")
        for name, one in found.items()
        for facts in [_facts(one.metadata)]
    )
    return table(("kolom", "betekenis", "vorm", "voorbeeld", "mag leeg zijn"), rows)


def example(*changes: Mapping[str, str]) -> Iterator[str]:
    """Lines of a file of SIG1: the header, and a good row with each of `changes`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(EXAMPLE), delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**EXAMPLE, **change} for change in changes)
    yield from text.getvalue().splitlines(keepends=True)


def _levering() -> Iterator[tuple[str, ...]]:
    """What an uitvoerder may choose."""
    for name, field in Levering.model_fields.items():
        yield f"`{name}`", _choice(field.annotation), _toml(field.default), str(field.description)


def _choice(annotation: Any) -> str:
    """What may stand there."""
    kinds = {bool: "true of false", time: "uu:mm", int: "aantal dagen", str: "tekst"}
    if annotation in kinds:
        return kinds[annotation]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _choice(get_args(annotation)[0])
    [inner] = {one for one in get_args(annotation) if one not in (type(None), Ellipsis)}
    return f"lijst van {_choice(inner)}" if get_origin(annotation) in (tuple, frozenset) else _choice(inner)


def _toml(value: Any) -> str:
    """A default as it would stand in the file."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, time):
        return f"`{value:%H:%M}`"
    return "alle" if isinstance(value, frozenset) else _code(value or "")


def _facts(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    assert metadata is not None
    return metadata


def _code(value: str) -> str:
    return f"`{value}`" if value else ""


def _letters() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for letter, soort in zip(signaal.LETTERS, SOORT.waarden, strict=True):
        found.setdefault(letter, []).append(soort)
    return found


def _sig1() -> Iterator[tuple[str, ...]]:
    for one in signaal.KOLOMMEN.values():
        needed = " ".join(one.verplicht)
        if one.voorwaarde is not None:
            needed += " (zie de voorwaarden)"
        if one.naam in signaal.BEDRAGKOLOMMEN:
            needed += " (één van de twee kolommen)"
        yield f"`{one.naam}`", one.betekenis, one.vorm, _code(one.voorbeeld), needed, one.bron


def _conditions() -> Iterator[tuple[str, ...]]:
    for name in signaal.VOORWAARDEN:
        one = signaal.KOLOMMEN[name]
        yield f"`{name}`", one.betekenis, "J" if one.voorwaarde else "N"


def _tk1() -> Iterator[tuple[str, ...]]:
    for one in terugkoppeling.KOLOMMEN.values():
        yield f"`{one.naam}`", one.betekenis, one.vorm, _code(one.voorbeeld)


def _reduced(values: Iterable[str], rules: Mapping[str, uitkomst.Regel]) -> Iterator[tuple[str, ...]]:
    for value in values:
        told = rules[value].uitkomst
        yield value, _code(uitkomst.DICHT.get(told, told)) or "nog niets", rules[value].bron


def _in_terugkoppeling(code: str) -> bool:
    """Whether a file of terugkoppeling can get this code."""
    groups, of_partners = ("PGP", "BST", "RGL", "TKB"), ("E-BST-06", "W-BST-11", "E-BST-12")
    return (code[2:5] in groups and code not in of_partners) or code in FEEDBACK_CODES


def _codes(wanted: Callable[[str], bool]) -> str:
    """The table of retourcodes."""
    head = ("code", "gaat over", "tekst", "bron", "regel komt terug", "sinds versie")
    rows = (
        (f"`{code}`", one.niveau.value, one.tekst, one.bron, _travels(one), one.sinds)
        for code, one in retourcodes.RETOURCODES.items()
        if wanted(code)
    )
    return table(head, rows)


def _warnings() -> Iterator[tuple[str, ...]]:
    """The warnings that an accepted row can carry: not those that are about a whole file or keep a row out."""
    for code, one in retourcodes.RETOURCODES.items():
        if one.ernst == "W" and one.niveau is not Niveau.BESTAND and code != "W-SIG-02" and code[2:5] != "TKB":
            yield f"`{code}`", one.tekst, one.bron


def _travels(one: Retourcode) -> str:
    """Whether a row that is refused for it stands in the correction file; a line that is no row cannot."""
    if one.ernst != "E" or one.niveau is Niveau.BESTAND:
        return "n.v.t."
    return "ja" if one.terug and not one.code.startswith("E-RGL") else "nee"


def _mistakes() -> Iterator[tuple[str, ...]]:
    """What check-file says of each of MISTAKES."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voorbeeld.csv"
        changes = ({"signaal_id": f"F{at}", **cells} for at, cells in enumerate(MISTAKES, 1))
        path.write_text("".join(example(*changes)), encoding="utf-8")
        profile = Profiel(id="partner", sectoren=("Huur",))
        found = check_file(path, profile, None, IntakeSettings(), NU)
    for row in found.redenen.to_pylist():
        cells = MISTAKES[int(row["regelnr"]) - 2]
        written = ", ".join(f"`{name}` = {_code(value) or 'leeg'}" for name, value in cells.items())
        yield row["regelnr"], written, f"`{row['code']}`", row["tekst"]


if __name__ == "__main__":
    main()
