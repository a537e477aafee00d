"""How check reads one decrypted file: block by block, every row to exactly one place.

Per block: byte scan -> parse -> patterns and rules -> what it follows -> route -> repeats; then the accepted rows go to
the work store and every row to the CONTROLE that streams into gpg meanwhile. What spans the file (ids seen, klantnummer
drift, counts) is carried along. Nothing is recorded before the last block is read.
"""

from __future__ import annotations

import mmap
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.configuration import Partner
from exchange.context import Exchange, local_date
from exchange.register import signalen
from exchange.register.aanleveringen import Received
from exchange.steps.answers import Controle
from exchange.store import Rows
from schemas.signaal import VOORWAARDEN
from transforms import follow, lines, parse, privacy, route, validate, verdict
from transforms.repeats import Accepted, judge
from transforms.rules import Rules
from transforms.verdict import Ids, Judged


@dataclass
class Tally:
    """What reading a file adds up to."""

    regels: int = 0
    aanvaard: int = 0
    afgekeurd: int = 0
    dubbel: int = 0
    partijen: Counter[tuple[str, str]] = field(default_factory=Counter)  # (gemeentecode, sector) -> rows
    geweigerd: list[pa.Table] = field(default_factory=list)  # aanlevering_nr, regelnr, codes
    intrekkingen: list[tuple[int, int]] = field(default_factory=list)  # (nr of the INTREKKING, nr it withdraws)

    def counts(self) -> dict[str, int]:
        """The balance as it stands when the file has been read: what is accepted, waits."""
        names = ("regels", "aanvaard", "afgekeurd", "dubbel")
        return {name: getattr(self, name) for name in names} | {"wachtend": self.aanvaard}


class Reader:
    """Reads one file; `tally` is complete when `read` returns."""

    def __init__(self, exchange: Exchange, partner: Partner, file: Received, rows: Rows, controle: Controle) -> None:
        self.tally = Tally()
        self._exchange, self._partner, self._file = exchange, partner, file
        self._rows, self._controle = rows, controle
        self._day = local_date(file.opgehaald_op)
        self._seen = Accepted()
        self._drift = privacy.KlantnummerDrift()
        every = exchange.config.overeenkomsten
        self._agreements = every.filter(pc.equal(every["partner"], partner.id))
        self._declared = _declared(self._agreements, self._day)
        self._rules = _rules(partner, self._agreements, bool(self._declared), self._day)
        self._connected = {
            one.code
            for uitvoerder in exchange.config.uitvoerders.values()
            for one in uitvoerder.gemeenten
            if one.holds(self._day)
        }

    def read(self, fd: int, size: int) -> None:
        """Read the plaintext behind `fd`; raises FileRejected when it cannot be used as a whole."""
        if size == 0:
            raise lines.FileRejected("E-BST-05", {})
        partner = self._partner
        # never closed by hand: blocks are views on it, and it goes with the last of them
        view = memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))
        header = lines.read_header(view, partner.scheidingsteken, partner.codering)
        refusals = parse.check_header(
            header.columns,
            separator=partner.scheidingsteken,
            onbekende_kolommen=partner.onbekende_kolommen,
            verklaard=VOORWAARDEN if self._declared else self._rules.verklaard,
        )
        if refusals:
            raise lines.FileRejected(refusals[0].code, dict(refusals[0].slots))
        intake = self._exchange.config.intake
        for block in lines.blocks(view, header.end, intake.blokgrootte):
            if block.first_regelnr + block.lines - 1 > intake.max_regels:
                raise lines.FileRejected("E-BST-10", {"maximum": str(intake.max_regels)})
            self._block(view, block, header)
        if partner.klantnummer_bsn_controle and self._drift.suspicious:
            raise lines.FileRejected("E-PRV-03", {"veld": "klantnummer"})

    def _block(self, view: memoryview, block: lines.Block, header: lines.Header) -> None:
        separator = self._partner.scheidingsteken
        parse.check_encoding(view, block, header.codering)
        scan = lines.scan(view, block, separator=separator, columns=len(header.columns))
        text = parse.parse(scan, header.columns, separator, header.codering)
        checked = validate.validate(text, self._rules)
        self._drift.add(checked.typed["klantnummer"])
        judged = self._judge(checked)
        self._keep(judged)
        self._refuse(judged, scan.bad)
        self._controle.block(text, judged, scan.bad, header.codering)
        self.tally.regels += scan.lines

    def _judge(self, checked: validate.Checked) -> Judged:
        """Add every reason from outside the row itself, and with them decide on each row."""
        typed, partner = checked.typed, self._partner
        ids = Ids.of(typed, self._file.nr, partner.id, self._exchange.hash_key.key)
        accepted = self._known(ids)
        routed = self._route(typed)
        fresh = judge(ids.signaal, ids.inhoud, checked.accepted, accepted).fresh
        own = Accepted().plus(*ids.columns(fresh, routed.gemeentecode, typed["sector"]))
        followed = follow.follow(typed, ids.vorig, accepted, own, ids.nr, self._day, partner.overgangsdatum)
        placed = verdict.place(typed, routed, followed)
        found = [checked.reasons, placed.reasons, followed.redenen]
        regelnr, soort = typed["regelnr"].to_numpy(), verdict.column(typed, "soort")
        found.append(
            route.apply_agreements(regelnr, placed.gemeentecode, soort, self._connected, self._agreements, self._day)
        )
        if self._rules.verklaring_per_overeenkomst:
            codes = pa.array(sorted(self._declared), pa.string())
            declared = np.asarray(pc.is_in(placed.gemeentecode, value_set=codes))
            found.append(validate.undeclared(typed, declared, self._rules))
        judged = verdict.decide(
            typed, ids, placed, followed, pa.concat_tables(found), accepted, self._exchange.hash_key.key
        )
        self._seen = self._seen.plus(*ids.columns(judged.repeats.fresh, placed.gemeentecode, placed.sector))
        return judged

    def _route(self, typed: pa.Table) -> route.Routed:
        postcode, huisnummer = verdict.column(typed, "postcode"), verdict.column(typed, "huisnummer")
        lookup = self._exchange.postcodes.lookup(postcode, huisnummer)
        supplied = verdict.column(typed, "gemeentecode")
        return route.route(typed["regelnr"].to_numpy(), postcode, supplied, lookup, self._day)

    def _known(self, ids: Ids) -> Accepted:
        """What was accepted before this block: in the register, and higher up in this file."""
        with self._exchange.register.connect() as db:
            rows = signalen.known(db, ids.wanted())
        if not rows:
            return self._seen
        hashes, contents, numbers = (
            np.array([getattr(row, name) for row in rows], np.int64) for name in ("signaal_hash", "inhoud_hash", "nr")
        )
        places = follow.place(pa.array([row.gemeentecode for row in rows]), pa.array([row.sector for row in rows]))
        return self._seen.plus(hashes, contents, numbers, places)

    def _keep(self, judged: Judged) -> None:
        """Write the accepted rows and count everything."""
        tally, rows = self.tally, judged.accepted(self._file.opgehaald_op, self._partner.id)
        self._rows.write(rows)
        grouped = rows.group_by(["gemeentecode", "sector"]).aggregate([("nr", "count")]).to_pylist()
        for one in grouped:
            tally.partijen[one["gemeentecode"], one["sector"]] += one["nr_count"]
        withdrawing = rows.filter(pc.and_(pc.equal(rows["soort"], "INTREKKING"), pc.is_valid(rows["vervangt_nr"])))
        tally.intrekkingen += zip(withdrawing["nr"].to_pylist(), withdrawing["vervangt_nr"].to_pylist(), strict=True)
        tally.aanvaard += rows.num_rows
        tally.dubbel += int(judged.repeats.dubbel.sum())

    def _refuse(self, judged: Judged, broken: pa.Table) -> None:
        """Note which lines were refused, and for which codes."""
        refused = verdict.refused(judged, broken)
        self.tally.afgekeurd += refused.num_rows
        if refused.num_rows:
            self.tally.geweigerd.append(
                refused.append_column("aanlevering_nr", pa.repeat(pa.scalar(self._file.nr, pa.int64()), len(refused)))
            )


def _declared(agreements: pa.Table, day: date) -> set[str]:
    """Gemeentecodes whose overeenkomst declares the conditions of art. 2 Bgs on `day`."""
    today = pa.scalar(day, pa.date32())
    declares = pc.fill_null(pc.less_equal(agreements["verklaring_van"], today), False)
    in_force = pc.and_(
        pc.less_equal(agreements["van"], today), pc.fill_null(pc.greater_equal(agreements["tot"], today), True)
    )
    return set(agreements.filter(pc.and_(declares, in_force))["gemeentecode"].to_pylist())


def _rules(partner: Partner, agreements: pa.Table, declared: bool, day: date) -> Rules:
    verklaring = partner.verklaring
    return Rules(
        ontvangen_op=day,
        sectoren=partner.sectoren,
        label=partner.label,
        verklaring_kolommen=frozenset(verklaring.kolommen) if verklaring else frozenset(),
        verklaring_van=verklaring.van if verklaring else None,
        verklaring_tot=verklaring.tot if verklaring else None,
        verklaring_per_overeenkomst=declared,
        geboortedatum=bool(pc.any(agreements["geboortedatum"]).as_py()),
    )
