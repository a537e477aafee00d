"""check: from ciphertext to accepted rows, refused rows and the answers to both.

Per partner under a lease, one file after another. A file is decrypted into private memory, read in blocks of lines so
that memory stays flat, and recorded in one transaction when all of it, the answers included, is in the store. Until
that transaction nothing has happened: run again after a crash, the same file gives the same rows and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from exchange.configuration import Partner
from exchange.context import Exchange, local_date
from exchange.pgp import PgpRefusal, Plaintext
from exchange.register import aanleveringen, leases, states
from exchange.register.aanleveringen import Received, Verdict
from exchange.register.tables import aanlevering, signaal
from exchange.steps import answers, basis
from exchange.steps.reading import Reader
from transforms.dates import instant_text
from transforms.lines import FileRejected
from transforms.names import check_name
from transforms.verdict import ACCEPTED


@dataclass(frozen=True)
class CheckResult:
    """How many files were answered, and how many of them were refused as a whole."""

    aanleveringen: int
    afgekeurd: int


def groups(exchange: Exchange, maximum: int) -> list[list[str]]:
    """The partners (ids) with files to check, spread by size over at most `maximum` groups."""
    size = sa.func.sum(aanlevering.c.grootte)
    query = (
        sa.select(aanlevering.c.partner)
        .where(aanlevering.c.staat == states.Aanlevering.OPGEHAALD)
        .group_by(aanlevering.c.partner)
        .order_by(size.desc(), aanlevering.c.partner)
    )
    with exchange.register.connect() as db:
        partners = list(db.scalars(query))
    return [group for at in range(maximum) if (group := partners[at::maximum])]


def check(exchange: Exchange, partners: Sequence[str], nu: Callable[[], datetime]) -> CheckResult:
    """Check every waiting file of `partners`; what another worker holds is left to it."""
    done = refused = 0
    for partner in partners:
        with leases.held(exchange.register, f"check:{partner}", nu) as lease:
            if lease is None:
                continue
            for nr in _waiting(exchange, partner):
                state = _check_one(exchange, exchange.config.partners[partner], nr, lease, nu)
                done += 1
                refused += state is states.Aanlevering.AFGEKEURD
    return CheckResult(done, refused)


def _waiting(exchange: Exchange, partner: str) -> list[int]:
    query = (
        sa.select(aanlevering.c.nr)
        .where(aanlevering.c.partner == partner, aanlevering.c.staat == states.Aanlevering.OPGEHAALD)
        .order_by(aanlevering.c.nr)
    )
    with exchange.register.connect() as db:
        return list(db.scalars(query))


def _check_one(
    exchange: Exchange, partner: Partner, nr: int, lease: leases.Lease, nu: Callable[[], datetime]
) -> states.Aanlevering:
    """Answer one file: as a repeat, as refused, or row by row."""
    with exchange.register.connect() as db:
        file = aanleveringen.received(db, nr)
    if file.eerder_op is not None:
        earlier = {"tijdstip": instant_text(file.eerder_op)}
        return _as_a_whole(exchange, partner, file, states.Aanlevering.HERHAALD, "W-BST-03", earlier, lease, nu)
    try:
        check_name(file.bestand, partner.id, partner.naampatroon, partner.naamvoorbeeld)
        with (
            exchange.archive.local(file.archief) as path,
            exchange.keyring.decrypt(
                path,
                signers=partner.pgp.vingerafdrukken,
                at=file.opgehaald_op,
                max_bytes=exchange.config.intake.max_bytes,
            ) as plaintext,
        ):
            if not exchange.keyring.can_encrypt(partner.pgp.vingerafdrukken[0], nu()):
                raise PgpRefusal("E-PGP-09")  # the answers could not be made
            return _row_by_row(exchange, partner, file, plaintext, lease, nu)
    except (PgpRefusal, FileRejected) as refusal:
        facts = refusal.facts if isinstance(refusal, PgpRefusal) else refusal.slots
        state = states.Aanlevering.AFGEKEURD
        return _as_a_whole(exchange, partner, file, state, refusal.code, facts, lease, nu)


def _as_a_whole(
    exchange: Exchange,
    partner: Partner,
    file: Received,
    state: states.Aanlevering,
    code: str,
    facts: Mapping[str, str],
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> states.Aanlevering:
    """Close a file of which no row was processed, with one code."""
    moment, number = nu(), answers.next_number(exchange, partner.id)
    built = answers.ontvangst(exchange, partner, file, number, moment, code, facts)
    with exchange.register.begin() as db:
        leases.renew(db, lease, moment)
        verdict = Verdict(state, code)
        aanleveringen.close(db, file, verdict, moment, answers=[built], first_number=number, numbers=1)
    return state


def _row_by_row(
    exchange: Exchange,
    partner: Partner,
    file: Received,
    plaintext: Plaintext,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> states.Aanlevering:
    """Read a file and record it with its answers, all at once. The lease's number names this attempt's work file."""
    moment, number = nu(), answers.next_number(exchange, partner.id)
    with answers.Controle(exchange, partner, file, number + 1, moment) as controle:
        with exchange.work.writer(file.nr, lease.nummer, ACCEPTED) as rows:
            reader = Reader(basis.of_exchange(exchange, partner, file.opgehaald_op), file.nr, rows, controle)
            reader.read(plaintext.fd, plaintext.size)
        tally = reader.tally
        controle.close(tally.counts())
    receipt = answers.ontvangst(exchange, partner, file, number, moment)
    verdict = Verdict(
        states.Aanlevering.GECONTROLEERD,
        poging=lease.nummer,
        regels=tally.regels,
        aanvaard=tally.aanvaard,
        afgekeurd=tally.afgekeurd,
        dubbel=tally.dubbel,
        partijen=tally.partijen,
    )
    with exchange.register.begin() as db:
        leases.renew(db, lease, nu())
        aanleveringen.close(
            db,
            file,
            verdict,
            moment,
            accepted=_register_rows(exchange, file, lease.nummer),
            refused=tally.geweigerd,
            answers=[receipt, *controle.built],
            first_number=number,
            numbers=2,
        )
    return verdict.staat


def _register_rows(exchange: Exchange, file: Received, generation: int) -> Iterator[pa.Table]:
    """The accepted rows as the register keeps them, read back block by block so that memory stays flat."""
    kept = [
        column.name for column in signaal.columns if column.name in ACCEPTED.names and column.name != "ontvangen_op"
    ]
    for block in exchange.work.read(file.nr, generation, None, kept):
        sleutel = pa.repeat(pa.scalar(exchange.hash_keys[0].id, pa.int16()), block.num_rows)
        day = pa.repeat(pa.scalar(local_date(file.opgehaald_op), pa.date32()), block.num_rows)
        yield block.append_column("sleutel_id", sleutel).append_column("ontvangen_op", day)
