"""How check reads one decrypted file: block by block, every row to exactly one place.

Per block: byte scan -> parse -> patterns and rules -> what it follows -> route -> repeats; then the accepted rows go to
whoever keeps them and every row to whoever answers (the work store, and the CONTROLE that streams into gpg meanwhile).
What spans the file (ids seen, klantnummer drift, counts) is carried along. Nothing is recorded before the last block
is read.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exchange.configuration import Profiel, agreements
from exchange.configuration.regelbestand import MAY_BE_REQUIRED
from exchange.configuration.regels import Regels
from exchange.context import local_date
from exchange.steps.basis import Basis
from schemas.signaal import VOORWAARDEN
from transforms import follow, grenzen, lines, meldingen, parse, privacy, route, validate, verdict
from transforms.grenzen import Geldend
from transforms.repeats import Accepted, judge
from transforms.rules import Rules
from transforms.verdict import Ids, Judged, Placed


@dataclass
class Tally:
    """What reading a file adds up to."""

    regels: int = 0
    aanvaard: int = 0
    afgekeurd: int = 0
    dubbel: int = 0
    partijen: Counter[tuple[str, str, bool]] = field(default_factory=Counter)  # (gemeentecode, sector, spoed) -> rows
    geweigerd: list[pa.Table] = field(default_factory=list)  # aanlevering_nr, regelnr, codes

    def counts(self) -> dict[str, int]:
        """The balance as it stands when the file has been read: what is accepted, waits."""
        names = ("regels", "aanvaard", "afgekeurd", "dubbel")
        return {name: getattr(self, name) for name in names} | {"wachtend": self.aanvaard}


class Rows(Protocol):
    """Takes the accepted rows, block by block."""

    def write(self, block: pa.Table) -> None: ...


class Nowhere:
    """Accepted rows are only counted."""

    def write(self, block: pa.Table) -> None:
        """Drop them."""


class Answers(Protocol):
    """Takes every row of every block with its verdict; `broken` are the REASONS of lines that are no rows, `codering`
    the file's."""

    def block(self, text: pa.Table, judged: Judged, broken: pa.Table, codering: str) -> None: ...


class Reader:
    """Reads one file, aanlevering `nr`; `tally` is complete when `read` returns."""

    def __init__(self, basis: Basis, nr: int, rows: Rows, answers: Answers) -> None:
        self.tally = Tally()
        self._basis, self._profiel, self._nr = basis, basis.profiel, nr
        self._rows, self._answers = rows, answers
        self._day = local_date(basis.ontvangen_op)
        self._seen = Accepted()
        self._drift = privacy.KlantnummerDrift()
        goes = basis.bestemmingen
        self._regels = goes.regels if goes else Regels()
        self._agreements = goes.overeenkomsten if goes else agreements.SCHEMA.empty_table()
        self._declared = _declared(self._agreements, self._day)
        self._rules = _rules(basis.profiel, self._regels, self._agreements, bool(self._declared), self._day)

    def read(self, fd: int, size: int) -> None:
        """Read the plaintext behind `fd`; raises FileRejected when it cannot be used as a whole."""
        if size == 0:
            raise lines.FileRejected("E-BST-05", {})
        profiel = self._profiel
        # never closed by hand: blocks are views on it, and it goes with the last of them
        view = memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))
        header = lines.read_header(view, profiel.scheidingsteken, profiel.codering)
        refusals = parse.check_header(
            header.columns,
            separator=profiel.scheidingsteken,
            onbekende_kolommen=profiel.onbekende_kolommen,
            verklaard=VOORWAARDEN if self._declared else self._rules.verklaard,
            profile=profiel.profile,
        )
        if refusals:
            raise lines.FileRejected(refusals[0].code, dict(refusals[0].slots))
        intake = self._basis.intake
        for block in lines.blocks(view, header.end, intake.blokgrootte):
            if block.first_regelnr + block.lines - 1 > intake.max_regels:
                raise lines.FileRejected("E-BST-10", {"maximum": str(intake.max_regels)})
            self._block(view, block, header)
        if profiel.klantnummer_bsn_controle and self._drift.suspicious:
            raise lines.FileRejected("E-PRV-03", {"veld": profiel.profile.kolom("klantnummer")})

    def _block(self, view: memoryview, block: lines.Block, header: lines.Header) -> None:
        separator, profile = self._profiel.scheidingsteken, self._profiel.profile
        parse.check_encoding(view, block, header.codering)
        scan = lines.scan(view, block, separator=separator, columns=len(header.columns))
        text = parse.parse(scan, header.columns, separator, header.codering, profile.bron)
        mapped = profile.apply(text)
        checked = validate.validate(mapped.text, self._rules, mapped.onleesbaar)
        self._drift.add(checked.typed["klantnummer"])
        judged = self._judge(checked)
        self._keep(judged)
        self._refuse(judged, scan.bad)
        self._answers.block(text, judged, scan.bad, header.codering)
        self.tally.regels += scan.lines

    def _judge(self, checked: validate.Checked) -> Judged:
        """Add every reason from outside the row itself, and with them decide on each row."""
        typed, basis = checked.typed, self._basis
        stand = self._profiel.aanlevering == "stand"
        ids = Ids.of(typed, self._nr, self._profiel.id, basis.keys, stand=stand)
        accepted = self._known(ids)
        routed = self._route(typed)
        fresh = judge(ids.signaal, ids.inhoud, checked.accepted, accepted, verdict.updates(typed, stand)).fresh
        own = Accepted().plus(*ids.columns(fresh, routed.gemeentecode, typed["sector"]))
        followed = follow.follow(typed, ids.vorig, accepted, own, ids.nr, self._day, self._profiel.overgangsdatum)
        placed = verdict.place(typed, routed, followed)
        typed = minimised(typed, placed.gemeentecode, self._agreements, self._day)
        found = [checked.reasons, placed.reasons, *self._permissions(typed, placed)]
        found.append(grenzen.judge(typed, placed.gemeentecode, placed.sector, self._geldend, self._day))
        if basis.eerder:  # otherwise nobody can say that a vorig_signaal_id is unknown
            found += [followed.redenen, follow.moved(typed, followed, placed.gemeentecode, self._day)]
        spoed, once = self._wishes(typed, placed)
        klant = verdict.customers(typed, self._profiel.id, once)
        made = verdict.Made(spoed, klant, basis.keys[0], basis.melding_key, stand)
        judged = verdict.decide(typed, ids, placed, followed, pa.concat_tables(found), accepted, made)
        self._seen = self._seen.plus(*ids.columns(judged.repeats.fresh, placed.gemeentecode, placed.sector))
        return judged

    def _geldend(self, gemeentecode: str, sector: str) -> Geldend:
        return self._regels.geldend(self._profiel.id, gemeentecode, sector, self._day)

    def _wishes(self, typed: pa.Table, placed: Placed) -> tuple[verdict.Mask, verdict.Mask]:
        """Rows that are urgent to an uitvoerder that wants those at once; rows of gemeenten that want no repeats."""
        ask = self._basis.wensen
        if ask is None:
            return np.zeros(typed.num_rows, bool), np.zeros(typed.num_rows, bool)
        places = pc.binary_join_element_wise(placed.gemeentecode, placed.sector, "|").dictionary_encode()
        wensen = [ask(*place.split("|")) for place in places.dictionary.to_pylist()]
        where = np.asarray(places.indices)
        urgent = {at: wens.spoed for at, wens in enumerate(wensen) if wens.spoed is not None}
        kinds = meldingen.Kinds(typed["soort"])
        ground = meldingen.grounds(kinds, typed["bedreigende_situatie"], where, urgent)
        unwanted = [at for at, wens in enumerate(wensen) if wens.geen_herhaling]
        return (ground > 0) & np.isin(where, list(urgent)), np.isin(where, unwanted)

    def _route(self, typed: pa.Table) -> route.Routed:
        postcode, huisnummer = verdict.column(typed, "postcode"), verdict.column(typed, "huisnummer")
        if self._basis.bestemmingen is None:
            return route.nowhere(typed.num_rows)
        lookup = self._basis.bestemmingen.postcodes.lookup(postcode, huisnummer)
        supplied = verdict.column(typed, "gemeentecode")
        return route.route(typed["regelnr"].to_numpy(), postcode, supplied, lookup, self._day)

    def _permissions(self, typed: pa.Table, placed: Placed) -> Iterator[pa.Table]:
        """Why rows may not go where they belong (REASONS)."""
        goes = self._basis.bestemmingen
        if goes is None:
            return
        regelnr, soort = typed["regelnr"].to_numpy(), verdict.column(typed, "soort")
        yield route.apply_agreements(regelnr, placed.gemeentecode, soort, goes.aangesloten, self._agreements, self._day)
        if self._rules.verklaring_per_overeenkomst:
            codes = pa.array(sorted(self._declared), pa.string())
            declared = np.asarray(pc.is_in(placed.gemeentecode, value_set=codes))
            yield validate.undeclared(typed, declared, self._rules)

    def _known(self, ids: Ids) -> Accepted:
        """What was accepted before this block: in the register, and higher up in this file."""
        if self._basis.eerder is None:
            return self._seen
        found = ids.renewed(self._basis.eerder(ids.wanted()))
        if not len(found.nr):
            return self._seen
        return self._seen.plus(found.signaal_hash, found.inhoud_hash, found.nr, found.plek)

    def _keep(self, judged: Judged) -> None:
        """Write the accepted rows and count everything."""
        tally, rows = self.tally, judged.accepted(self._basis.ontvangen_op, self._profiel.id)
        self._rows.write(rows)
        grouped = rows.group_by(["gemeentecode", "sector", "spoed"]).aggregate([("nr", "count")]).to_pylist()
        for one in grouped:
            tally.partijen[one["gemeentecode"], one["sector"], one["spoed"]] += one["nr_count"]
        tally.aanvaard += rows.num_rows
        tally.dubbel += int(judged.repeats.dubbel.sum())

    def _refuse(self, judged: Judged, broken: pa.Table) -> None:
        """Note which lines were refused, and for which codes."""
        refused = verdict.refused(judged.redenen, broken)
        self.tally.afgekeurd += refused.num_rows
        if refused.num_rows:
            self.tally.geweigerd.append(
                refused.append_column("aanlevering_nr", pa.repeat(pa.scalar(self._nr, pa.int64()), len(refused)))
            )


def _in_force(agreements: pa.Table, day: date) -> pa.Table:
    today = pa.scalar(day, pa.date32())
    open_ = pc.fill_null(pc.greater_equal(agreements["tot"], today), True)
    return agreements.filter(pc.and_(pc.less_equal(agreements["van"], today), open_))


def _declared(agreements: pa.Table, day: date) -> set[str]:
    """Gemeentecodes whose overeenkomst declares the conditions of art. 2 Bgs on `day`."""
    held = _in_force(agreements, day)
    declares = pc.fill_null(pc.less_equal(held["verklaring_van"], pa.scalar(day, pa.date32())), False)
    return set(held.filter(declares)["gemeentecode"].to_pylist())


def minimised(typed: pa.Table, gemeentecode: pa.StringArray, agreements: pa.Table, day: date) -> pa.Table:
    """Without the geboortedatum of whom the overeenkomst with their own gemeente does not name it (AVG art. 5)."""
    column = typed["geboortedatum"]
    if column.null_count == typed.num_rows:
        return typed
    held = _in_force(agreements, day)
    named = held.filter(held["geboortedatum"])["gemeentecode"].combine_chunks()
    kept = pc.if_else(pc.is_in(gemeentecode, value_set=named), column, pa.scalar(None, column.type))
    return typed.set_column(typed.column_names.index("geboortedatum"), "geboortedatum", kept)


def _rules(profiel: Profiel, regels: Regels, agreements: pa.Table, declared: bool, day: date) -> Rules:
    verklaring = profiel.verklaring
    return Rules(
        ontvangen_op=day,
        sectoren=profiel.sectoren,
        label=profiel.label,
        verklaring_kolommen=frozenset(verklaring.kolommen) if verklaring else frozenset(),
        verklaring_van=verklaring.van if verklaring else None,
        verklaring_tot=verklaring.tot if verklaring else None,
        verklaring_per_overeenkomst=declared,
        geboortedatum=bool(pc.any(agreements["geboortedatum"]).as_py()),
        verplicht={veld: regels.verplicht(veld, day) for veld in MAY_BE_REQUIRED},
    )
