"""How check reads the terugkoppeling of an uitvoerder (TK1): block by block, every row to exactly one place.

What is told goes to the register and nowhere else: references, DDAS values and dates, nothing that names a person.
Which partners' signals a row is about never shows in an answer.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa

from exchange.configuration import Uitvoerder
from exchange.context import Exchange, local_date
from exchange.pgp import Plaintext
from exchange.register import aanleveringen, leases, states, terugkoppelingen
from exchange.register.aanleveringen import Received, Verdict
from exchange.steps import answers
from schemas.terugkoppeling import KOLOMMEN
from transforms import lines, parse, terugkoppeling, verdict


@dataclass
class Tally:
    """What reading a file adds up to; `wachtend` are rows in which nothing was filled in yet."""

    regels: int = 0
    aanvaard: int = 0
    afgekeurd: int = 0
    dubbel: int = 0
    wachtend: int = 0
    geweigerd: list[pa.Table] = field(default_factory=list)  # aanlevering_nr, regelnr, codes
    verteld: list[pa.Table] = field(default_factory=list)  # columns of the register's `terugkoppeling`


def row_by_row(
    exchange: Exchange,
    uitvoerder: Uitvoerder,
    file: Received,
    plaintext: Plaintext,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> states.Aanlevering:
    """Read a file and record it with its answers, all at once; raises FileRejected when it cannot be used."""
    moment, number = nu(), answers.next_number(exchange, uitvoerder.id)
    with answers.Controle(exchange, uitvoerder, file, number + 1, moment) as controle:
        tally = _read(exchange, uitvoerder, file, plaintext, controle)
        names = ("regels", "aanvaard", "afgekeurd", "dubbel", "wachtend")
        controle.close({name: getattr(tally, name) for name in names})
    receipt = answers.ontvangst(exchange, uitvoerder, file, number, moment)
    verdict_ = Verdict(
        states.Aanlevering.GECONTROLEERD,
        poging=lease.nummer,
        regels=tally.regels,
        aanvaard=tally.aanvaard,
        afgekeurd=tally.afgekeurd,
        dubbel=tally.dubbel,
    )
    built = [receipt, *controle.built]
    with answers.unless_lost(exchange, built), exchange.register.begin() as db:
        aanleveringen.close(
            db,
            file,
            verdict_,
            moment,
            refused=tally.geweigerd,
            told=tally.verteld,
            answers=built,
            first_number=number,
            numbers=2,
        )
        leases.renew(db, lease, nu())  # late: see there
    return verdict_.staat


def _read(
    exchange: Exchange, uitvoerder: Uitvoerder, file: Received, plaintext: Plaintext, controle: answers.Controle
) -> Tally:
    if plaintext.size == 0:
        raise lines.FileRejected("E-BST-05", {})
    intake, separator, tally = exchange.config.intake, uitvoerder.scheidingsteken, Tally()
    # never closed by hand: blocks are views on it, and it goes with the last of them
    view = memoryview(mmap.mmap(plaintext.fd, plaintext.size, access=mmap.ACCESS_READ))
    header = lines.read_header(view, separator, uitvoerder.codering)
    if refusals := terugkoppeling.check_header(header.columns, separator):
        raise lines.FileRejected(refusals[0].code, dict(refusals[0].slots))
    for block in lines.blocks(view, header.end, intake.blokgrootte):
        if block.first_regelnr + block.lines - 1 > intake.max_regels:
            raise lines.FileRejected("E-BST-10", {"maximum": str(intake.max_regels)})
        parse.check_encoding(view, block, header.codering)
        scan = lines.scan(view, block, separator=separator, columns=len(header.columns))
        text = parse.parse(scan, header.columns, separator, header.codering, known=KOLOMMEN)
        judged = _judge(exchange, uitvoerder, text, local_date(file.opgehaald_op))
        _count(tally, judged, scan, file)
        told = terugkoppeling.controle_lines(controle.to, judged, scan.bad, nacht=controle.night)
        controle.add(told, text.filter(pa.array(judged.geweigerd)), judged.redenen, header.codering)
    return tally


def _judge(exchange: Exchange, uitvoerder: Uitvoerder, text: pa.Table, day: date) -> terugkoppeling.Judged:
    """Validate a block, and look up in the register what its references are about."""
    given = terugkoppeling.read(text, day)
    with exchange.register.connect() as db:
        meldingen = terugkoppelingen.of_meldingen(db, uitvoerder.id, given.wanted(1))
    with exchange.register.connect() as db:
        delivered = terugkoppelingen.delivered(db, uitvoerder.id, given.wanted(0).tolist())
        known = terugkoppelingen.newest(db, [*delivered.tolist(), *meldingen["nr"].to_pylist()])
    return terugkoppeling.judge(given, delivered, meldingen, known)


def _count(tally: Tally, judged: terugkoppeling.Judged, scan: lines.Scan, file: Received) -> None:
    tally.regels += scan.lines
    for name in ("aanvaard", "dubbel", "wachtend"):
        setattr(tally, name, getattr(tally, name) + int(judged.is_(name.upper()).sum()))
    refused = verdict.refused(judged.redenen, scan.bad)
    tally.afgekeurd += refused.num_rows
    number = pa.scalar(file.nr, pa.int64())
    if refused.num_rows:
        tally.geweigerd.append(refused.append_column("aanlevering_nr", pa.repeat(number, refused.num_rows)))
    if rows := judged.verteld.num_rows:
        day = pa.repeat(pa.scalar(local_date(file.opgehaald_op), pa.date32()), rows)
        verteld = judged.verteld.append_column("aanlevering_nr", pa.repeat(number, rows))
        tally.verteld.append(verteld.append_column("ontvangen_op", day))
