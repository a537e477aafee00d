"""check-file: what check would say of a file, before it is encrypted and sent. Nothing is kept or recorded.

The same reading and the same sentences as in a CONTROLE. What a partner cannot have (our register) or need not have
(our configuration) is not judged, and `Checked.open` says so. Sources of rules: `bron` in `schemas.retourcodes`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from exchange.configuration import Profiel
from exchange.configuration.models import IntakeSettings
from exchange.context import local_date
from exchange.steps.basis import Basis, Bestemmingen
from exchange.steps.reading import Nowhere, Reader, Tally
from schemas import retourcodes
from transforms import answer, lines, parse
from transforms.answer import Answered
from transforms.lines import FileRejected
from transforms.profile import Profile
from transforms.verdict import Judged

#: Of each line of a CONTROLE, what says something before a file is sent.
SHOWN = ("regelnr", "signaal_id", "staat", "code", "veld", "tekst")

_ALWAYS = (
    "De naam van het bestand, de versleuteling en de handtekening.",
    "Of een signaal_id of vorig_signaal_id bij ons al bekend is.",
)
_WITHOUT_AGREEMENTS = (
    "Bij welke gemeente een adres hoort, en of die gemeente is aangesloten.",
    "Of er een overeenkomst geldt voor dat soort signaal.",
    "Termijnen en drempelbedragen van een gemeente of overeenkomst, en aanwijzingen voor experimentele sectoren.",
    "De kolom geboortedatum: die lezen wij alleen als een overeenkomst erom vraagt.",
)


@dataclass(frozen=True)
class Checked:
    """`code` and `tekst` refuse the file as a whole ("" when it was read); `redenen` has the columns SHOWN, as text."""

    code: str
    tekst: str
    tally: Tally
    redenen: pa.Table
    open: tuple[str, ...]  # what was not judged, in Dutch

    @property
    def klopt(self) -> bool:
        """Whether nothing is refused."""
        return not self.code and not self.tally.afgekeurd


def check_file(
    path: Path, profiel: Profiel, goes: Bestemmingen | None, intake: IntakeSettings, nu: datetime
) -> Checked:
    """Judge the plain file at `path` as if it had been picked up at `nu`; `goes` None: nothing about gemeenten."""
    answers = _Redenen(Answered(0, nu, profiel.id, path.name, "", "", proef=True), profiel.profile)
    # hashes are compared with each other only: any key will do
    key = secrets.token_bytes(32)
    reader = Reader(Basis(profiel, nu, [key], key, intake, goes), 0, Nowhere(), answers)
    unjudged = _ALWAYS if goes else (*_ALWAYS, *_WITHOUT_AGREEMENTS)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > intake.max_bytes:
                raise FileRejected("E-PGP-08", {})
            reader.read(file.fileno(), size)
    except FileRejected as refusal:
        sentence = retourcodes.sentence(refusal.code, refusal.slots)
        return Checked(refusal.code, sentence, Tally(), _EMPTY, unjudged)
    return Checked("", "", reader.tally, answers.table(), unjudged)


def sample(path: Path, profiel: Profiel, most: int) -> list[dict[str, str]]:
    """How the first `most` rows of a partner's own export are read, per row and column of SIG1.

    Keys: regelnr, kolom, eigen_kolom and waarde ("" for a fixed value), wordt ("" where it cannot be read). Raises
    FileRejected for what is no file of lines in the agreed encoding.
    """
    profile, separator = profiel.profile, profiel.scheidingsteken
    view = memoryview(path.read_bytes())
    header = lines.read_header(view, separator, profiel.codering)
    block = next(lines.blocks(view, header.end, most), None)
    if block is None:
        return []
    parse.check_encoding(view, block, header.codering)
    scan = lines.scan(view, block, separator=separator, columns=len(header.columns))
    own = parse.parse(scan, header.columns, separator, header.codering, profile.bron)
    mapped = profile.apply(own)
    shown = []
    for at, (given, made) in enumerate(zip(own.to_pylist(), mapped.text.to_pylist(), strict=True)):
        for kolom in mapped.text.column_names[:-1]:
            eigen = "" if kolom in profile.vast else profile.kolom(kolom)
            read = at not in mapped.onleesbaar.get(kolom, ())
            shown.append(
                {
                    "regelnr": str(given["regelnr"]),
                    "kolom": kolom,
                    "eigen_kolom": eigen,
                    "waarde": given.get(eigen, ""),
                    "wordt": made[kolom] if read else "",
                }
            )
    return shown


_EMPTY = pa.table({name: pa.array([], pa.string()) for name in SHOWN})


@dataclass
class _Redenen:
    """The lines of a CONTROLE that carry a reason."""

    to: Answered
    profile: Profile
    found: list[pa.Table] = field(default_factory=list)

    def block(self, text: pa.Table, judged: Judged, broken: pa.Table, codering: str) -> None:
        del text, codering
        night = local_date(self.to.tijdstip)  # in none of the columns that are shown
        told = answer.controle_lines(self.to, judged, broken, nacht=night, uitvoerders={}, profile=self.profile)
        self.found.append(told.filter(pc.not_equal(told["code"], "")).select(list(SHOWN)))

    def table(self) -> pa.Table:
        return pa.concat_tables([_EMPTY, *self.found])
