"""check: from ciphertext to accepted rows, refused rows and the answers to both.

Per partner under a lease, whichever account delivered, one file after another. A file is decrypted into private memory,
read in blocks of lines so that memory stays flat, and recorded in one transaction when all of it, the answers included,
is in the store. Until that transaction nothing has happened: run again after a crash, the same file gives the same rows
and numbers. What is refused before it is read as rows, is so for the AVG (OpenPGP, machtiging) or by layout 1
(numbering, repeats): see `bron` in `schemas.retourcodes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from exchange.configuration import Configuration, Melder, Partij, Uitvoerder
from exchange.context import Exchange, local_date
from exchange.faults import LeaseLost, StateConflict
from exchange.pgp import PgpRefusal, Plaintext
from exchange.register import aanleveringen, leases, outbox, states
from exchange.register.aanleveringen import Received, Soort, Verdict
from exchange.register.tables import aanlevering, signaal
from exchange.steps import answers, basis, feedback, namens
from exchange.steps.alone import each_alone
from exchange.steps.reading import Nowhere, Reader
from transforms import names
from transforms.dates import instant_text
from transforms.lines import FileRejected
from transforms.verdict import ACCEPTED


@dataclass(frozen=True)
class CheckResult:
    """How many files were answered, how many of them were refused as a whole, and whose files another process is at:
    those were left to it."""

    aanleveringen: int
    afgekeurd: int
    bezet: list[str]


def groups(exchange: Exchange, maximum: int, soort: Soort = Soort.SIGNALEN) -> list[list[str]]:
    """The parties (ids) with files of `soort` to check, spread by size over at most `maximum` groups.

    Those for whom one account delivered stand in one group: its answers are numbered one after another.
    """
    sizes: Counter[tuple[str, str | None]] = Counter()
    for file in _waiting(exchange, aanlevering.c.soort.in_(soort.taken_along)):
        sizes[file.partner, file.gemachtigde] += file.grootte
    together: list[tuple[set[str], list[str]]] = []  # accounts and partners, of which these partners have files
    for partner, gemachtigde in sorted(sizes, key=lambda one: (-sizes[one], one[0])):
        ids, partners = {partner, gemachtigde or partner}, [partner]
        for one in [one for one in together if one[0] & ids]:
            together.remove(one)
            ids, partners = ids | one[0], [*one[1], *partners]
        together.append((ids, list(dict.fromkeys(partners))))
    return [[id for _, ids in group for id in ids] for at in range(maximum) if (group := together[at::maximum])]


def check(exchange: Exchange, parties: Sequence[str], nu: Callable[[], datetime]) -> CheckResult:
    """Check every waiting file of `parties`; what another worker holds is left to it.

    What goes wrong on our side with one party is raised when the others have been served.
    """
    answered: list[states.Aanlevering] = []
    busy: list[str] = []
    with each_alone() as alone:
        for party in parties:
            with alone(party):
                answered += _check_all(exchange, party, busy, nu)
    return CheckResult(len(answered), answered.count(states.Aanlevering.AFGEKEURD), busy)


def _check_all(
    exchange: Exchange, party: str, busy: list[str], nu: Callable[[], datetime]
) -> Iterator[states.Aanlevering]:
    name = f"check:{party}"
    with leases.held(exchange.register, name, nu) as lease:
        if lease is None:
            busy += leases.who(exchange.register, name, party)
            return
        for file in _waiting(exchange, aanlevering.c.partner == party):
            yield _check_one(exchange, file.nr, lease, nu)


def _waiting(exchange: Exchange, which: sa.ColumnElement[bool]) -> list[sa.Row[Any]]:
    """Files to check, but for those that wait with a party that is stopped."""
    query = (
        sa.select(aanlevering)
        .where(which, aanlevering.c.staat == states.Aanlevering.OPGEHAALD)
        .order_by(aanlevering.c.nr)
    )
    with exchange.register.connect() as db:
        files = db.execute(query).all()
    return [file for file in files if not _stopped(exchange.config, file)]


def _stopped(config: Configuration, file: sa.Row[Any]) -> bool:
    """Whether the partner of a file, or the account that dropped it, is stopped; or may be."""
    dropped_by = file.gemachtigde or file.partner
    if {file.partner, dropped_by} & config.stilgezet.keys():
        return True
    account = config.partners.get(dropped_by)
    day = local_date(file.opgehaald_op)
    return account is not None and namens.may_be_stopped(config, account, file.bestand, day)


def _check_one(exchange: Exchange, nr: int, lease: leases.Lease, nu: Callable[[], datetime]) -> states.Aanlevering:
    """Answer one file: as a repeat, as refused, or row by row."""
    with exchange.register.connect() as db:
        file = aanleveringen.received(db, nr)
    account = exchange.config.partij(file.afzender)
    if file.eerder_op is not None:
        earlier = {"tijdstip": instant_text(file.eerder_op)}
        return _as_a_whole(exchange, account, file, states.Aanlevering.HERHAALD, "W-BST-03", earlier, lease, nu)
    try:
        if file.verzegeld:
            raise PgpRefusal("E-PGP-01")
        read = _reads(exchange, account, file)
        if not file.archief:
            raise FileRejected("E-BST-14", {"maximum": str(exchange.config.intake.max_opgehaald)})
        with (
            exchange.archive.local(file.archief) as path,
            exchange.keyring.decrypt(
                path,
                signers=account.pgp.vingerafdrukken,
                at=file.opgehaald_op,
                max_bytes=exchange.config.intake.max_bytes,
            ) as plaintext,
        ):
            if exchange.receiving_key(account, nu()) is None:
                raise PgpRefusal("E-PGP-09")  # the answers could not be made
            return read(file, plaintext, lease, nu)
    except (PgpRefusal, FileRejected) as refusal:
        facts = refusal.facts if isinstance(refusal, PgpRefusal) else refusal.slots
        state = states.Aanlevering.AFGEKEURD
        return _as_a_whole(exchange, account, file, state, refusal.code, facts, lease, nu)


def _reads(
    exchange: Exchange, account: Partij, file: Received
) -> Callable[[Received, Plaintext, leases.Lease, Callable[[], datetime]], states.Aanlevering]:
    """Who reads the file; raises FileRejected for a name that was not agreed, or does not say whose it is."""
    if isinstance(account, Uitvoerder):
        names.whose(file.bestand, names.Naamvorm(account.id, soort="TK"))
        return partial(feedback.row_by_row, exchange, account)
    partner = namens.whose(exchange.config, account, file.bestand, local_date(file.opgehaald_op))
    if partner.id != file.partner:  # the machtigingen were changed since it was picked up
        raise FileRejected("E-BST-12", {"voorbeeld": account.naam_van_bestanden.voorbeeld})
    return partial(_row_by_row, exchange, account, partner)


def _as_a_whole(
    exchange: Exchange,
    account: Partij,
    file: Received,
    state: states.Aanlevering,
    code: str,
    facts: Mapping[str, str],
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> states.Aanlevering:
    """Close a file of which no row was processed, with one code."""
    moment, number = nu(), answers.next_number(exchange, account.id, file.reeks)
    built = answers.ontvangst(exchange, account, file, number, moment, code, facts)
    verdict = Verdict(state, code)
    with answers.unless_lost(exchange, [built]), exchange.register.begin() as db:
        leases.renew(db, lease, moment)
        aanleveringen.close(db, file, verdict, moment, answers=[built], first_number=number, numbers=1)
    return state


def _row_by_row(
    exchange: Exchange,
    account: Partij,
    partner: Melder,
    file: Received,
    plaintext: Plaintext,
    lease: leases.Lease,
    nu: Callable[[], datetime],
) -> states.Aanlevering:
    """Read a file and record it with its answers, all at once. The lease's number names this attempt's work file.

    Of a proef only the counts are recorded: its rows go nowhere.
    """
    moment, number = nu(), answers.next_number(exchange, account.id, file.reeks)
    with answers.Controle(exchange, partner, file, number + 1, moment) as controle:
        writer = exchange.work.writer(file.nr, lease.nummer, ACCEPTED)
        with nullcontext(Nowhere()) if file.proef else writer as rows:
            reader = Reader(basis.of_exchange(exchange, partner, file.opgehaald_op), file.nr, rows, controle)
            reader.read(plaintext.fd, plaintext.size)
        tally = reader.tally
        controle.close(tally.counts())
    gap = None if file.proef else names.missing(file.bestand, _earlier_names(exchange, file))
    warning = ("W-BST-11", {"ontbreekt": gap}) if gap else ()
    receipt = answers.ontvangst(exchange, account, file, number, moment, *warning, gelezen=True)
    verdict = Verdict(
        states.Aanlevering.GECONTROLEERD,
        poging=lease.nummer,
        regels=tally.regels,
        aanvaard=tally.aanvaard,
        afgekeurd=tally.afgekeurd,
        dubbel=tally.dubbel,
        partijen=None if file.proef else tally.partijen,
    )
    built = [receipt, *controle.built]
    with _unless_lost(exchange, file, lease, built), exchange.register.begin() as db:
        aanleveringen.close(
            db,
            file,
            verdict,
            moment,
            accepted=() if file.proef else _register_rows(exchange, file, lease.nummer),
            refused=() if file.proef else tally.geweigerd,
            answers=built,
            first_number=number,
            numbers=2,
        )
        leases.renew(db, lease, nu())  # writing the rows may have taken longer than the lease lasts
    exchange.work.keep(file.nr, lease.nummer)
    return verdict.staat


@contextmanager
def _unless_lost(
    exchange: Exchange, file: Received, lease: leases.Lease, built: Sequence[outbox.Built]
) -> Iterator[None]:
    """As `answers.unless_lost`; the rows go as well: another worker has this file, and a generation of its own."""
    try:
        with answers.unless_lost(exchange, built):
            yield
    except (StateConflict, LeaseLost):
        exchange.work.remove(file.nr, lease.nummer)
        raise


def _earlier_names(exchange: Exchange, file: Received) -> list[str]:
    """Names of the files of this partner and day that came before this one, from whichever account."""
    series = names.series(file.bestand)
    query = sa.select(aanlevering.c.bestand).where(
        aanlevering.c.partner == file.partner, aanlevering.c.soort == file.soort, aanlevering.c.nr < file.nr
    )
    with exchange.register.connect() as db:
        return (
            list(db.scalars(query.where(aanlevering.c.bestand.startswith(series[0], autoescape=True))))
            if series
            else []
        )


def _register_rows(exchange: Exchange, file: Received, generation: int) -> Iterator[pa.Table]:
    """The accepted rows as the register keeps them, read back block by block so that memory stays flat."""
    kept = [
        column.name for column in signaal.columns if column.name in ACCEPTED.names and column.name != "ontvangen_op"
    ]
    for block in exchange.work.read(file.nr, generation, None, kept):
        sleutel = pa.repeat(pa.scalar(exchange.hash_keys[0].id, pa.int16()), block.num_rows)
        day = pa.repeat(pa.scalar(local_date(file.opgehaald_op), pa.date32()), block.num_rows)
        yield block.append_column("sleutel_id", sleutel).append_column("ontvangen_op", day)
