"""The exchange of the story: three partners, two uitvoerders, three gemeenten, under a clock that the story moves."""

from __future__ import annotations

import csv
import io
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from exchange import pgp, reference, register
from exchange.context import AMSTERDAM, Exchange, open_exchange
from exchange.register.aanleveringen import Soort
from exchange.register.tables import signaal
from exchange.sandbox import files
from exchange.sandbox.create import create
from exchange.sandbox.serve import serving
from exchange.steps import aansluitlijst, build, bundle, check, pickup, publish, report
from schemas.aansluitlijst import NAAM
from schemas.signaal import KOLOMMEN, VOORWAARDEN
from tests.scenario.story import AMSTERDAM as STAD
from tests.scenario.story import ENERGIE, GOOI, HUUR, WATER, Sent
from transforms import identity

START = date(2022, 2, 1)
#: What differs each time that the story is played: ciphertext, its size and hash, and the ledger that holds them.
_HASH = re.compile(rb"\b[0-9a-f]{64}\b")

#: A partner's export has the same columns each time.
_COLUMNS = [name for name in KOLOMMEN if name not in ("layout", "bedrag_euro", "geboortedatum", *VOORWAARDEN)]

_SERVES = {
    GOOI: """
[[gemeenten]]
code = "0457"
van = 2021-01-01
tot = 2022-03-23

[[gemeenten]]
code = "0402"
van = 2021-01-01
""",
    STAD: """
[[gemeenten]]
code = "0363"
van = 2021-01-01
herhaalde_meldingen = "niet_ontvangen"
""",
}

Told = dict[str, bytes]  # path as its receiver sees it, without .pgp -> content


class World:
    """Plays days; what each party received stands in `received`."""

    def __init__(self, exchange: Exchange, folder: Path, keyrings: dict[str, pgp.Keyring]) -> None:
        self.exchange, self.folder, self._keyrings = exchange, folder, keyrings
        self.received: dict[str, Told] = defaultdict(dict)
        self._now = datetime.combine(START, time(12), AMSTERDAM)

    def nu(self) -> datetime:
        """The clock."""
        return self._now.astimezone(UTC)

    def play(self, sent: list[Sent]) -> None:
        """Every day on which something is sent, and the night after it."""
        days: dict[date, list[Sent]] = defaultdict(list)
        for one in sent:
            days[one.day].append(one)
        for day in sorted(days):
            self._now = datetime.combine(day, time(16), AMSTERDAM)
            for one in days[day]:
                self._drop(one)
                self._intake()
                self._now += timedelta(minutes=15)
            self._now = datetime.combine(day + timedelta(days=1), time(4, 30), AMSTERDAM)
            self._uitlevering(self._now.date())
            self._collect()

    def _drop(self, sent: Sent) -> None:
        signals = sent.party in self.exchange.config.partners
        columns = _COLUMNS if signals else list(dict.fromkeys(name for row in sent.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, restval="", delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: self._filled(value) for name, value in row.items()} for row in sent.rows)
        name = f"VS_{'SIG' if signals else 'TK'}_{sent.party}_{sent.day:%Y%m%d}_{sent.number:03d}.csv.pgp"
        files.drop_file(self.folder, sent.party, name, text.getvalue().encode())

    def _filled(self, value: str) -> str:
        """`{HU-1}` as the signaal_ref that the uitvoerder read in its batch."""
        if not value.startswith("{"):
            return value
        with self.exchange.register.connect() as db:
            nr = db.scalar(sa.select(signaal.c.nr).where(signaal.c.signaal_id == value[1:-1]))
        return str(identity.signaal_ref(np.array([nr]))[0])

    def _intake(self) -> None:
        for soort in Soort:
            pickup.pickup(self.exchange, self.nu, soort)
            for group in check.groups(self.exchange, 1, soort):
                check.check(self.exchange, group, self.nu)
        publish.publish(self.exchange, self.nu)

    def _uitlevering(self, night: date) -> None:
        bundle.bundle(self.exchange, night, self.nu)
        for shard in build.shards(self.exchange, night, 1):
            build.build(self.exchange, night, shard, self.nu)
        publish.publish(self.exchange, self.nu)
        assert report.report(self.exchange, night, self.nu).klopt

    def _collect(self) -> None:
        """Every party takes its files away and reads them."""
        ours = self.exchange.config.exchange.pgp_vingerafdruk
        for party, keyring in self._keyrings.items():
            home = self.folder / "sftp" / party
            for path in sorted(path for path in home.rglob("*.pgp") if path.relative_to(home).parts[0] != "in"):
                with (
                    keyring.decrypt(path, signers=[ours], at=datetime.now(UTC), max_bytes=10**7) as plaintext,
                    open(plaintext.fd, "rb", closefd=False) as content,
                ):
                    place = str(path.relative_to(home).with_suffix(""))
                    assert place not in self.received[party], "sent twice"
                    self.received[party][place] = masked(place, content.read())
                path.unlink()
        for party in self.exchange.config.partners:
            self._read_list(party)

    def _read_list(self, party: str) -> None:
        """The list of its gemeenten lies there every day; kept is each that says something new."""
        content = (self.folder / "sftp" / party / aansluitlijst.FOLDER / NAAM).read_bytes()
        earlier = [told for place, told in self.received[party].items() if "aansluitlijst" in place]
        if content not in earlier[-1:]:
            self.received[party][f"{aansluitlijst.FOLDER}/aansluitlijst_{self.nu():%Y%m%d}.csv"] = content


def masked(place: str, content: bytes) -> bytes:
    """What is the same each time that the story is played."""
    content = _HASH.sub(b"<sha256>", content)
    if "MANIFEST" not in place:
        return content
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter=";"))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(row | {"grootte": "<grootte>"} for row in rows)
    return text.getvalue().encode()


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """The exchange, served and opened, and every party's own keys."""
    made = create(folder, partners=3, uitvoerders=2, signalen=0, day=START, seed=1, wrong=False)
    for path in (folder / "sftp").glob("*/in/*.p*"):
        path.unlink()
    _configure(made.config)
    _addresses(folder / "var")
    exit_ = ExitStack()
    with serving(folder), open_exchange(made.config) as exchange, exit_:
        register.upgrade(exchange.config.opslag.register)
        keyrings = {
            party.id: exit_.enter_context(_keyring(folder / "parties" / party.id, party.pgp.vingerafdrukken[0]))
            for party in (*exchange.config.partners.values(), *exchange.config.uitvoerders.values())
        }
        yield World(exchange, folder, keyrings)


def _keyring(own: Path, fingerprint: str) -> pgp.Keyring:
    secret, public = (own / "secret.asc").read_bytes(), (own / "exchange.asc").read_bytes()
    return pgp.Keyring.open(secret, fingerprint, [public])


def _configure(config: Path) -> None:
    (config / "keys" / "opslag.key").write_bytes(b64encode(bytes(range(32))))  # melding_nr is the same each time
    settings = config / "nachtpost.toml"
    settings.write_text(settings.read_text().replace("stil_seconden = 0.5", "stil_seconden = 0"))
    for uitvoerder, served in _SERVES.items():
        path = config / "uitvoerders" / f"{uitvoerder}.toml"
        path.write_text(path.read_text().partition("\n[[gemeenten]]")[0] + served)
    for partner in (HUUR, ENERGIE, WATER):
        path = config / "partners" / f"{partner}.toml"
        text = path.read_text().partition("\n[verklaring]")[0]
        path.write_text(text + "\n[verklaring]\nvan = 2021-01-01\n")
    lines = [
        "partner;gemeentecode;van;tot;soorten;geboortedatum;verklaring_van",
        *(
            f"{partner};{code};2021-01-01;{'2022-03-23' if code == '0457' else ''};;N;"
            for partner in (HUUR, ENERGIE, WATER)
            for code in ("0457", "0363", "0402")
        ),
    ]
    (config / "overeenkomsten.csv").write_text("\n".join(lines) + "\n")


def _addresses(var: Path) -> None:
    """What CBS said of the story's two addresses on 1 August 2021."""
    table = var / "pc6hnr20210801_gwb.csv"
    table.write_text(
        "PC6,Huisnummer,Buurt2021,Wijk2021,Gemeente2021\n1381BC,12,4570101,45701,457\n1211CL,5,4020101,40201,402\n"
    )
    reference.import_pc6hnr(table, var / "referentie")
