"""The answers to a party: built and encrypted before the step that caused them is recorded, so none can be lost.

ONTVANGST and CONTROLE are named after the file that they answer, DOORGEZET and UITKOMST after the day; each carries a
`terugmelding_nr` that rises per party. The CONTROLE streams into gpg block by block while the file is read. Answers to
a proef say so in their name, in their folder and in every line.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from exchange.configuration import Melder, Partij, Uitvoerder
from exchange.context import AMSTERDAM, Exchange
from exchange.faults import LeaseLost, PgpFault, StateConflict
from exchange.register import ledger, outbox
from exchange.register.aanleveringen import Received
from exchange.steps import levering
from schemas.nacht import UITLEVERING
from transforms import answer, csvbytes
from transforms.answer import Answered
from transforms.lines import BOM
from transforms.verdict import Judged

FOLDER, PROEF = "terugmelding", "terugmelding/proef"


def to_file(exchange: Exchange, file: Received, number: int, moment: datetime) -> Answered:
    """What every line of an answer to `file` starts with."""
    with exchange.register.connect() as db:
        head = ledger.head(db)
    return Answered(number, moment, file.partner, file.bestand, file.sha256, head, file.proef)


def next_number(exchange: Exchange, account: str, reeks: str = "terugmelding") -> int:
    """The terugmelding_nr of the account's next answer; taken when the answer is recorded."""
    with exchange.register.connect() as db:
        return outbox.next_number(db, account, reeks)


def folder(file: Received) -> str:
    """Where the answers to `file` go."""
    return PROEF if file.proef else FOLDER


def ontvangst(
    exchange: Exchange,
    account: Partij,
    file: Received,
    number: int,
    moment: datetime,
    *reden: Any,
    gelezen: bool = False,
) -> outbox.Built:
    """ONTVANGST of one file, with the code and slots that refuse it as a whole, or warn of it when it was read.

    Whose key cannot encrypt gets the same as plain text: name, sha256, time and code, nothing of the content.
    """
    table = answer.ontvangst(to_file(exchange, file, number, moment), *reden, gelezen=gelezen)
    content = csvbytes.to_csv(table)
    if exchange.receiving_key(account, moment):
        given = name(file, "ONTVANGST", number)
        return encrypted(exchange, account, content, "ONTVANGST", given, moment, file.nr, to=folder(file))
    given = name(file, "ONTVANGST", number, ".txt")
    return plain(exchange, account, content, "ONTVANGST", given, file.nr, to=folder(file))


def name(file: Received, soort: str, number: int, ending: str = ".csv.pgp") -> str:
    """An answer's name mirrors the name of what it answers: two answers never overwrite each other."""
    stem = file.bestand
    for known in (".pgp", ".gpg", ".asc", ".csv"):
        stem = stem.removesuffix(known)
    return f"{stem}{'_PROEF' if file.proef else ''}_{soort}_{number:06d}{ending}"


def expected_night(moment: datetime) -> date:
    """The night that takes along what is accepted at `moment`, where the uitvoerder receives files in it."""
    local = moment.astimezone(AMSTERDAM)
    before = local.time().replace(tzinfo=None) < UITLEVERING
    return local.date() if before else local.date() + timedelta(days=1)


class Controle:
    """The CONTROLE of one file and, where rows are refused that may travel back, its correction file.

    Use as a context manager around the reading; `built` is there when the body ended well. `partner` is whose file it
    is; the account that dropped it is answered.
    """

    def __init__(
        self, exchange: Exchange, partner: Melder | Uitvoerder, file: Received, number: int, moment: datetime
    ) -> None:
        self._exchange, self._partner, self._file, self._number = exchange, partner, file, number
        self._account = exchange.config.partij(file.afzender)
        self._key = recipient(exchange, self._account, moment)
        self.to = to_file(exchange, file, number, moment)
        self.night = expected_night(moment)
        self._nights: set[date] = set()  # in which accepted rows go
        self._open = ExitStack()
        self._streams: dict[str, Any] = {}
        self._paths: dict[str, str] = {}
        self.built: list[outbox.Built] = []

    def __enter__(self) -> Self:
        self._write("CONTROLE", csvbytes.to_csv(answer.header()))
        return self

    def block(self, text: pa.Table, judged: Judged, broken: pa.Table, codering: str) -> None:
        """Answer every row of one block; `broken` are the REASONS of lines that are no rows, `codering` the file's."""
        receivers, nights = self._destinations(judged)
        lines = answer.controle_lines(
            self.to,
            judged,
            broken,
            nacht=self.night,
            uitvoerders=receivers,
            nachten=nights,
            profile=self._partner.profile,
        )
        self.add(lines, text.filter(pa.array(judged.geweigerd)), judged.redenen, codering)

    def add(self, lines: pa.Table, refused: pa.Table, redenen: pa.Table, codering: str) -> None:
        """Add the TM1 lines of a block; of its `refused` rows (as they came in) those that may, travel back."""
        self._write("CONTROLE", csvbytes.to_csv(lines, header=False))
        rows = answer.correction_rows(refused, redenen, self._partner.profile)
        if rows.num_rows:
            self._write("CORRECTIE", self._correction(rows, codering, first="CORRECTIE" not in self._streams))

    def close(self, counts: Mapping[str, int]) -> None:
        """Add the BESTAND line and finish the files."""
        config = self._exchange.config
        # an uitvoerder hears of its own terugkoppeling, which waits for nobody's days
        daily = self._partner.id in config.uitvoerders or all(
            one.levering.elke_nacht for one in config.alle_uitvoerders.values()
        )
        closing = config.uitlevering.sluitingstijd
        first = min(self._nights, default=self.night)
        lines = answer.controle_bestand(self.to, counts, nacht=first, sluitingstijd=closing, elke_nacht=daily)
        self._write("CONTROLE", csvbytes.to_csv(lines, header=False))
        self._open.close()
        for soort, stream in self._streams.items():
            given = name(self._file, soort, self._number)
            self.built.append(
                outbox.Built(
                    self._account.id,
                    soort,
                    folder(self._file),
                    given,
                    self._paths[soort],
                    stream.sha256,
                    stream.size,
                    self._key,
                    self._file.nr,
                )
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._open.__exit__(kind, error, trace)

    def _correction(self, rows: pa.Table, codering: str, *, first: bool) -> bytes:
        """Rows as the partner writes them, so that the file can be mended and delivered as it is."""
        content = csvbytes.to_csv(rows, header=first, delimiter=self._partner.scheidingsteken, codering=codering)
        # another encoding than agreed is one that the file itself named, and so must what is made of it
        return BOM + content if first and codering != self._partner.codering else content

    def _destinations(self, judged: Judged) -> tuple[dict[str, str], dict[str, date]]:
        """Per gemeente and sector of a block's accepted rows the uitvoerder (its name), and the night in which it
        receives them."""
        config, accepted = self._exchange.config, judged.rows.filter(pa.array(judged.repeats.fresh))
        receivers, nights = {}, {}
        for pair in accepted.group_by(["gemeentecode", "sector"]).aggregate([]).to_pylist():
            goes = levering.destination(config, pair["gemeentecode"], pair["sector"], self.night)
            if goes:
                place = f"{pair['gemeentecode']}|{pair['sector']}"
                receivers[place], nights[place] = config.namen[goes[0]], goes[1]
        self._nights |= set(nights.values())
        return receivers, nights

    def _write(self, soort: str, content: bytes) -> None:
        if soort not in self._streams:
            self._paths[soort] = archive_name(self._account.id)
            path = self._open.enter_context(self._exchange.archive.target(self._paths[soort]))
            self._streams[soort] = self._open.enter_context(self._exchange.keyring.encryptor(path, self._key))
        self._streams[soort].write(content)


def recipient(exchange: Exchange, party: Partij, moment: datetime) -> str:
    """The key to which is encrypted what `party` gets; raises PgpFault when none can any more since that was asked."""
    key = exchange.receiving_key(party, moment)
    if key is None:
        raise PgpFault("versleutelen", f"geen sleutel van {party.id} kan nu versleutelen")
    return key


def archive_name(party: str) -> str:
    """A new place for ciphertext to `party`.

    Of its own for each attempt: a second worker, or one that comes too late, must not replace what is recorded. And not
    the file's name, for a partner chose that.
    """
    return f"verzonden/{party}/{uuid.uuid4().hex}"


@contextmanager
def unless_lost(exchange: Exchange, built: Sequence[outbox.Built]) -> Iterator[None]:
    """Record these in the body. Where another worker was first it is certain that nothing was recorded, and what was
    written goes; after any other fault it may have been."""
    try:
        yield
    except (StateConflict, LeaseLost):
        for one in built:
            exchange.archive.remove(one.archief)
        raise


def encrypted(
    exchange: Exchange,
    account: Partij,
    content: bytes,
    soort: str,
    given: str,
    moment: datetime,
    nr: int | None = None,
    night: date | None = None,
    to: str = FOLDER,
) -> outbox.Built:
    """Encrypt an answer into the archive, at `moment`; ready for the outbox."""
    archief, key = archive_name(account.id), recipient(exchange, account, moment)
    with exchange.archive.target(archief) as path:
        done = exchange.keyring.encrypt(content, path, key)
    return outbox.Built(account.id, soort, to, given, archief, done.sha256, done.size, key, nr, night)


def plain(
    exchange: Exchange, account: Partij, content: bytes, soort: str, given: str, nr: int | None, to: str = FOLDER
) -> outbox.Built:
    """An answer as it is, for an account whose key cannot encrypt: only ever an ONTVANGST."""
    archief = archive_name(account.id)
    with exchange.archive.put_atomic(archief) as sink:
        sink.write(content)
    digest = hashlib.sha256(content).hexdigest()
    return outbox.Built(account.id, soort, to, given, archief, digest, len(content), None, nr)
