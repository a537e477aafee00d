"""Whatever partners report, and wherever we are stopped: an accepted row is delivered once or never will be, and its
partner is told once.

Chance says what is reported (new, again, updated, withdrawn, urgent, elsewhere) and where a step is stopped: before or
after anything that is written at a party, in the archive or in the register. A stopped step is begun again, later and
now and then in another process.
"""

from __future__ import annotations

import csv
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from exchange import register
from exchange.context import Exchange, local_date, open_exchange
from exchange.pgp import Keyring
from exchange.register.tables import signaal, uitzondering
from exchange.sandbox import files
from exchange.sandbox.create import create
from exchange.sandbox.rows import People, signals
from exchange.sandbox.serve import serving
from exchange.sftp import Connection
from exchange.status import status
from exchange.steps import build, bundle, check, pickup, publish, report, spoed
from exchange.store import Store
from tests.integration.test_night import DAY, START, as_csv, opened
from transforms.identity import signaal_ref

#: Nights, and how often something that is written is stopped: before it or after it.
NIGHTS, CHANCE = 3, 0.01
#: Each is served by another uitvoerder.
GEMEENTEN = (14, 34)
Row = dict[str, str]


class Stopped(BaseException):
    """The process ends here."""


class Chance:
    """Stops a step now and then; `stops` are the places where it did."""

    def __init__(self, seed: int) -> None:
        self._random, self.stops, self._on = random.Random(seed), Counter[str](), False

    def perhaps(self, place: str) -> None:
        if threading.current_thread().name == "heartbeat":
            return  # it is no step; whoever is stopped stops it as well
        if self._on and self._random.random() < CHANCE:
            self.stops[place] += 1
            raise Stopped

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def around(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        """May stop before `owner.name` and after it; also where that is a context manager."""
        original: Callable[..., Any] = getattr(owner, name)

        def plain(*arguments: Any, **how: Any) -> Any:
            self.perhaps(f"before {name}")
            done = original(*arguments, **how)
            self.perhaps(f"after {name}")
            return done

        @contextmanager
        def managed(*arguments: Any, **how: Any) -> Iterator[Any]:
            with original(*arguments, **how) as given:
                yield given
                self.perhaps(f"before {name}")
            self.perhaps(f"after {name}")

        monkeypatch.setattr(owner, name, managed if name in ("begin", "target") else plain)


@pytest.fixture
def chance(monkeypatch: pytest.MonkeyPatch) -> Chance:
    made = Chance(seed=1)
    for name in ("ensure_folder", "fetch", "move", "put", "remove", "rename", "replace", "stat"):
        made.around(monkeypatch, Connection, name)
    made.around(monkeypatch, Keyring, "encrypt")
    made.around(monkeypatch, Store, "target")
    made.around(monkeypatch, sa.Engine, "begin")
    monkeypatch.setenv("NACHTPOST_INTAKE__STIL_SECONDEN", "0")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One partner sends new signals and the other its whole list; one uitvoerder wants what is urgent at once, and its
    gemeenten no repeats."""
    made = create(tmp_path / "s", partners=2, uitvoerders=2, signalen=2, wrong=False, day=DAY, seed=3).folder
    for file in made.glob("sftp/*/in/*.pgp"):
        file.unlink()
    config = made / "config"
    (config / "partners" / "huur-01.toml").write_text(
        'aanlevering = "stand"\n' + (config / "partners" / "huur-01.toml").read_text()
    )
    choosy = config / "uitvoerders" / "uitvoerder-01.toml"
    wishes = choosy.read_text().replace("\nvan =", '\nherhaalde_meldingen = "niet_ontvangen"\nvan =')
    choosy.write_text(f"spoed_direct = true\n{wishes}")
    register.upgrade(f"sqlite:///{made}/var/register.sqlite")
    return made


class Partner:
    """What one partner reports; `sent` counts its files."""

    def __init__(self, id: str, folder: Path) -> None:
        self.id, self._chance, self.sent = id, random.Random(id), 0
        with next((folder / "var").glob("*.csv")).open() as text:
            lines = list(csv.reader(text, delimiter=";"))[1:]
        self._places = [line[:2] for code in GEMEENTEN for line in [one for one in lines if int(one[4]) == code][:3]]
        one = pa.table({"postcode": ["1000AA"], "huisnummer": [1], "gemeentecode": ["0363"]})
        made = signals(one, 1, partner=id, sector="Huur", people=People(1), seed=1, day=DAY).to_pylist()[0]
        self._base = made | {"gemeentecode": "", "sector": "", "vorig_signaal_id": "", "klantnummer": "K-1"}
        self._known: list[Row] = []

    def rows(self) -> list[Row]:
        return [self._row(f"{self.id}-{self.sent}-{at}") for at in range(self._chance.randrange(1, 5))]

    def _row(self, id: str) -> Row:
        postcode, huisnummer = self._chance.choice(self._places)
        row = self._base | {
            "signaal_id": id,
            "postcode": postcode,
            "huisnummer": huisnummer,
            "bedrag_cent": self._chance.choice(["30000", "40000"]),
            "bedreigende_situatie": self._chance.choice(["", "", "", "", "J"]),
        }
        earlier = self._chance.choice(self._known or [row])
        match self._chance.choice(["new", "new", "again", "repeat", "repeat", "update", "withdraw"]):
            case "again":
                row |= {"signaal_id": earlier["signaal_id"]}
            case "repeat":
                row |= {name: earlier[name] for name in ("postcode", "huisnummer", "bedrag_cent")}
            case "update":
                row |= {"soort": "ACTUALISATIE", "vorig_signaal_id": earlier["signaal_id"]}
            case "withdraw":
                return dict.fromkeys(row, "") | {
                    "signaal_id": id,
                    "soort": "INTREKKING",
                    "vorig_signaal_id": earlier["signaal_id"],
                }
        self._known.append(row)
        return row


def steps(night: bool, nu: Callable[[], datetime]) -> Iterator[Callable[[Exchange], object]]:
    """An intake, and the night behind it."""
    day = local_date(nu())
    yield lambda exchange: pickup.pickup(exchange, nu)
    yield lambda exchange: [check.check(exchange, some, nu) for some in check.groups(exchange, 2)]
    yield lambda exchange: spoed.spoed(exchange, nu)
    yield lambda exchange: publish.publish(exchange, nu)
    if night:
        yield lambda exchange: bundle.bundle(exchange, day, nu)
        yield lambda exchange: [build.build(exchange, day, some, nu) for some in build.shards(exchange, day, 2)]
        yield lambda exchange: publish.publish(exchange, nu)
        yield lambda exchange: report.report(exchange, day, nu)


class Clock:
    """Stands still until it is moved."""

    now = START

    def __call__(self) -> datetime:
        return self.now


def run(folder: Path, night: bool, clock: Clock, chance: Chance) -> None:
    """Every step until it has ended, from the first one on; what who was stopped held, is free at once."""
    while True:
        with open_exchange(folder / "config") as exchange:
            try:
                with chance.at_work():
                    for step in steps(night, clock):
                        step(exchange)
                return
            except Stopped:
                clock.now += timedelta(minutes=20)


def lines(exchange: Exchange, party: str, pattern: str) -> list[tuple[str, Row]]:
    """Every line in every file of a party, with the file's name."""
    found = sorted((exchange.config.folder.parent / "sftp" / party).glob(pattern))
    return [(path.name, line) for path in found for line in opened(exchange, party, path)]


def test_every_accepted_row_is_delivered_once_or_never_and_told_once(folder: Path, chance: Chance) -> None:
    clock = Clock()
    partners = [Partner(id, folder) for id in ("huur-01", "energie-02")]
    with serving(folder):
        for number in range(NIGHTS + 1):  # the last one brings what was late
            clock.now = START + timedelta(days=number)
            for night in (False, True):
                for partner in partners if number < NIGHTS else ():
                    partner.sent += 1
                    name = files.file_name(partner.id, DAY, partner.sent)
                    files.drop_file(folder, partner.id, name, as_csv(partner.rows()))
                run(folder, night, clock, chance)
    assert chance.stops.total() >= 5

    with open_exchange(folder / "config") as exchange:
        balans = status(exchange)["balans"]
        with exchange.register.connect() as db:
            accepted = list(db.scalars(sa.select(signaal.c.nr)))
            excepted = dict(db.execute(sa.select(uitzondering.c.signaal_nr, uitzondering.c.staat)).all())
        refs = dict(zip(accepted, signaal_ref(pa.array(accepted, pa.int64())).to_pylist(), strict=True))
        batches = [line for id in exchange.config.uitvoerders for line in lines(exchange, id, "uit/**/VS_BATCH_*")]
        told = [line for one in partners for line in lines(exchange, one.id, "terugmelding/VS_DOORGEZET_*")]
        answers = [name for one in partners for name, _ in lines(exchange, one.id, "terugmelding/*_CONTROLE_*")]

    assert balans["klopt"]
    assert balans["wachtend"] == 0
    assert set(excepted.values()) == {"INGETROKKEN", "NIET_DOORGEZET"}  # or chance has shown too little
    assert Counter(line["signaal_ref"] for _, line in batches) == Counter(refs[nr] for nr in refs if nr not in excepted)
    rows = Counter((line["bestand"], line["regelnr"]) for _, line in told if line["regelnr"])
    assert len(rows) == rows.total() == len(accepted)
    assert Counter(line["staat"] for _, line in told if line["regelnr"]) == Counter(
        excepted.get(nr, "DOORGEZET") for nr in accepted
    )
    assert len(set(answers)) == sum(partner.sent for partner in partners)
