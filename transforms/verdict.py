"""The verdict on each row of a block, once everything that decides about it is known.

What a repeated signaal_id means is a rule of layout 1; content, not the id alone, decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.retourcodes import reasons
from schemas.signaal import TYPED, VOORWAARDEN
from transforms import follow, identity
from transforms.follow import Followed
from transforms.repeats import Accepted, Repeats, judge
from transforms.route import Routed

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

#: What makes two signals with one signaal_id the same signal sent twice. Not what an overeenkomst may change in the
#: meantime: conditions that a verklaring came to stand for, and a date of birth that is read or not.
CONTENT = tuple(
    name for name in TYPED.names if name not in ("layout", "signaal_id", "regelnr", "geboortedatum", *VOORWAARDEN)
)

#: The same where a partner delivers its whole list every time: without what moves by itself from day to day.
STAND = tuple(name for name in CONTENT if name not in ("peildatum", "herinnering_datum", "maanden_achterstand"))

#: Accepted rows as the work store keeps them.
ACCEPTED = pa.schema(
    [field for field in TYPED if field.name != "gemeentecode"]
    + [
        ("gemeentecode", pa.string()),  # as routed, four digits
        ("nr", pa.int64()),
        ("partner", pa.string()),
        ("routering", pa.string()),  # ADRES, POSTCODE, OPGAVE, or VORIG: where the signal is that it follows
        ("wijkcode", pa.string()),
        ("buurtcode", pa.string()),
        ("waarschuwingen", pa.string()),  # W codes, separated by spaces
        ("vervangt_nr", pa.int64()),
        ("spoed", pa.bool_()),  # goes out at once, to an uitvoerder that wants its urgent signals so
        ("signaal_hash", pa.int64()),
        ("inhoud_hash", pa.int64()),
        ("adres_hash", pa.int64()),
        ("klant_hash", pa.int64()),
        ("melding", pa.int64()),  # the bits of the melding_nr
        ("ontvangen_op", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class Ids:
    """What identifies each row: its nr, and keyed hashes (0 where signaal_id is empty: such a row is refused).

    `eerder` are the same rows by the keys before, as long as the register holds hashes that those made.
    """

    nr: Numbers
    signaal: Numbers
    inhoud: Numbers
    vorig: pa.Int64Array  # as `signaal`, of vorig_signaal_id; null where empty
    eerder: tuple[Ids, ...] = ()

    @classmethod
    def of(
        cls, typed: pa.Table, aanlevering_nr: int, partner: str, keys: Sequence[bytes], *, stand: bool = False
    ) -> Ids:
        """Identify the rows of one block of `partner`; `keys` newest first. stand: its files are its whole list."""
        texts = [_of_partner(partner, column(typed, name)) for name in ("signaal_id", "vorig_signaal_id")]
        said = identity.content(typed, STAND if stand else CONTENT)
        nr = (np.int64(aanlevering_nr) << 24) | typed["regelnr"].to_numpy()

        def by(key: bytes, eerder: tuple[Ids, ...]) -> Ids:
            own, vorig = (identity.keyed_hash(text, key, "signaal") for text in texts)
            inhoud = np.asarray(identity.keyed_hash(said, key, "inhoud"))
            return cls(nr, np.asarray(own.fill_null(0)), inhoud, vorig, eerder)

        return by(keys[0], tuple(by(key, ()) for key in keys[1:]))

    def wanted(self) -> list[int]:
        """Every hash that the register must be asked for."""
        hashes = [found for ids in (self, *self.eerder) for found in (ids.signaal, np.asarray(ids.vorig.drop_null()))]
        found: list[int] = np.unique(np.concatenate(hashes)).tolist()
        return found

    def renewed(self, found: Accepted) -> Accepted:
        """What the register gave, as the newest key would have it: both hashes of a signal that an earlier key made.

        A content that none of these rows has, keeps its hash, which no row has either.
        """
        signaal, inhoud = found.signaal_hash.copy(), found.inhoud_hash.copy()
        for old in self.eerder:
            before, after = (np.concatenate((ids.signaal, np.asarray(ids.vorig.fill_null(0)))) for ids in (old, self))
            signaal = _replaced(signaal, before, after)
            inhoud = _replaced(inhoud, old.inhoud, self.inhoud)
        return Accepted().plus(signaal, inhoud, found.nr, found.plek)

    def columns(
        self, mask: Mask, gemeentecode: pa.StringArray, sector: pa.StringArray | pa.ChunkedArray
    ) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """The rows of `mask`, as `Accepted.plus` takes them."""
        chosen = pa.array(mask)
        place = follow.place(_known(gemeentecode.filter(chosen)), sector.filter(chosen).fill_null(""))
        return self.signaal[mask], self.inhoud[mask], self.nr[mask], place


@dataclass(frozen=True)
class Placed:
    """Per row the gemeente where it belongs ("" where none was found), its sector, and how that was found."""

    gemeentecode: pa.StringArray
    sector: pa.StringArray
    routering: pa.StringArray
    wijkcode: pa.StringArray
    buurtcode: pa.StringArray
    reasons: pa.Table


@dataclass(frozen=True)
class Made:
    """What the kept rows are given: whether they go out at once, and hashes of their customers (see `customers`) and
    addresses by `key`; the number of the melding by a key of its own. stand: their file is the partner's whole list."""

    spoed: Mask
    klant: pa.StringArray
    key: bytes
    melding_key: bytes
    stand: bool = False


@dataclass(frozen=True)
class Judged:
    """A block of which every row has its verdict."""

    rows: pa.Table  # every row of the block, columns of ACCEPTED but `partner` and `ontvangen_op`
    redenen: pa.Table  # REASONS, errors and warnings
    repeats: Repeats
    geweigerd: Mask

    def accepted(self, ontvangen_op: datetime, partner: str) -> pa.Table:
        """The accepted rows (ACCEPTED)."""
        rows = self.rows.filter(pa.array(self.repeats.fresh))
        count = rows.num_rows
        rows = rows.append_column("partner", pa.repeat(pa.scalar(partner), count))
        rows = rows.append_column(
            "ontvangen_op", pa.repeat(pa.scalar(ontvangen_op, ACCEPTED.field("ontvangen_op").type), count)
        )
        return rows.select(ACCEPTED.names).cast(ACCEPTED)


def column(table: pa.Table, name: str) -> pa.Array:
    """One column in one piece."""
    found = table[name]
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def customers(rows: pa.Table, partner: str, wanted: Mask) -> pa.StringArray:
    """Whom a signal of `partner` is about, as text to be hashed: the klantnummer, or else the name; null where nobody
    asks (`wanted`) or neither is given. Two people at one address have one adres_hash and are not each other's repeat.
    """
    if not wanted.any():
        return pa.nulls(rows.num_rows, pa.string())
    number, name = (_text(rows, veld) for veld in ("klantnummer", "achternaam"))
    bare = pc.utf8_upper(pc.replace_substring_regex(name, r"[^\pL]", ""))
    who = pc.coalesce(_filled("k", number), _filled("n", bare))
    return pc.if_else(pa.array(wanted), pc.binary_join_element_wise(partner, who, "\x1f"), None)


def _text(rows: pa.Table, veld: str) -> pa.StringArray:
    return pc.cast(column(rows, veld), pa.string())


def _filled(kind: str, values: pa.StringArray) -> pa.StringArray:
    """The values that are not empty, marked with their kind; null for the others."""
    return pc.if_else(pc.equal(values, ""), None, pc.binary_join_element_wise(kind, values, ""))


def place(typed: pa.Table, routed: Routed, followed: Followed) -> Placed:
    """Where each row belongs: an INTREKKING where the signal went that it withdraws, every other by its address."""
    withdrawing = pc.equal(column(typed, "soort"), "INTREKKING").fill_null(False)
    along = pc.and_(withdrawing, pc.not_equal(followed.gemeentecode, ""))
    own = routed.gemeentecode.fill_null("")
    kept = routed.reasons.filter(
        pc.invert(pc.is_in(routed.reasons["regelnr"], value_set=column(typed, "regelnr").filter(along)))
    )
    return Placed(
        gemeentecode=pc.if_else(along, followed.gemeentecode, own),
        sector=pc.if_else(along, followed.sector, column(typed, "sector").fill_null("")),
        routering=pc.if_else(along, "VORIG", routed.routering.fill_null("")),
        wijkcode=pc.if_else(along, "", routed.wijkcode.fill_null("")),
        buurtcode=pc.if_else(along, "", routed.buurtcode.fill_null("")),
        reasons=kept,
    )


def updates(typed: pa.Table, stand: bool) -> Mask | None:
    """Rows that may update the accepted signal with the same signaal_id: of a whole list every VROEG."""
    return np.asarray(pc.equal(column(typed, "soort"), "VROEG").fill_null(False)) if stand else None


def decide(
    typed: pa.Table,
    ids: Ids,
    placed: Placed,
    followed: Followed,
    found: pa.Table,
    accepted: Accepted,
    made: Made,
) -> Judged:
    """A row without an error is new, DUBBEL (W-SIG-02) or in conflict with an accepted one (E-SIG-01).

    Where the file is the partner's whole list, a VROEG with other content is an ACTUALISATIE (W-SIG-06).
    """
    regelnr = typed["regelnr"].to_numpy()
    sound = ~np.isin(regelnr, found["regelnr"].filter(pc.starts_with(found["code"], "E-")).to_numpy())
    repeats = judge(ids.signaal, ids.inhoud, sound, accepted, updates(typed, made.stand))
    conflict = reasons(regelnr[repeats.conflict], "E-SIG-01", "signaal_id")
    dubbel = reasons(regelnr[repeats.dubbel], "W-SIG-02", "signaal_id")
    changed = reasons(regelnr[repeats.update], "W-SIG-06", "bedrag_cent")
    found = pa.concat_tables([found, conflict, dubbel, changed])
    address = identity.normalise_address(
        *(column(typed, name) for name in ("postcode", "huisnummer", "huisletter", "toevoeging"))
    )
    columns = {
        "gemeentecode": placed.gemeentecode,
        "sector": placed.sector,
        "routering": placed.routering,
        "wijkcode": placed.wijkcode,
        "buurtcode": placed.buurtcode,
        "nr": pa.array(ids.nr),
        "waarschuwingen": _warnings(typed, found),
        "vervangt_nr": followed.vorig_nr,
        "spoed": pa.array(made.spoed),
        **_updated(typed, ids, repeats, followed, accepted),
        "signaal_hash": pa.array(ids.signaal),
        "inhoud_hash": pa.array(ids.inhoud),
        "adres_hash": identity.keyed_hash(address, made.key, "adres"),
        "klant_hash": identity.keyed_hash(made.klant, made.key, "klant"),
        "melding": identity.melding_bits(address, made.melding_key),
    }
    names = [name for name in ACCEPTED.names if name not in ("partner", "ontvangen_op")]
    rows = pa.table({name: columns[name] if name in columns else typed[name] for name in names})
    return Judged(rows, found, repeats, geweigerd=~(repeats.fresh | repeats.dubbel))


def _updated(
    typed: pa.Table, ids: Ids, repeats: Repeats, followed: Followed, accepted: Accepted
) -> dict[str, pa.Array]:
    """soort and vervangt_nr, where rows became an ACTUALISATIE of the accepted signal with their own signaal_id."""
    if not repeats.update.any():
        return {}
    update, earlier = pa.array(repeats.update), accepted.nr[accepted.find(ids.signaal)[1]]
    soort = column(typed, "soort")
    return {
        "soort": pc.if_else(update, "ACTUALISATIE", soort.cast(pa.string())),
        "vervangt_nr": pc.if_else(update, pa.array(earlier), followed.vorig_nr),
    }


def refused(redenen: pa.Table, broken: pa.Table) -> pa.Table:
    """The refused lines of a block, broken ones included: regelnr (int64) and their E codes in one text."""
    errors = pa.concat_tables([redenen, broken])
    errors = errors.filter(pc.starts_with(errors["code"], "E-")).select(["regelnr", "code"])
    return _listed(errors).rename_columns(["regelnr", "codes"])


def _of_partner(partner: str, ids: pa.StringArray) -> pa.StringArray:
    return pc.binary_join_element_wise(partner, ids, "\x1f")


def _replaced(values: Numbers, before: Numbers, after: Numbers) -> Numbers:
    """`values` with each that stands in `before` (not 0) replaced by what stands there in `after`."""
    order = np.argsort(before, kind="stable")
    place = np.searchsorted(before[order], values).clip(max=max(0, len(before) - 1))
    if not len(before):
        return values
    there = (before[order][place] == values) & (values != 0)
    found: Numbers = np.where(there, after[order][place], values)
    return found


def _known(codes: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(codes.fill_null(""), ""), "0000", codes)


def _warnings(typed: pa.Table, found: pa.Table) -> pa.StringArray:
    """Per row its W codes in one text, each once."""
    regelnr = column(typed, "regelnr")
    warned = found.filter(pc.starts_with(found["code"], "W-"))
    if not warned.num_rows:
        return pa.repeat(pa.scalar(""), typed.num_rows)
    listed = _listed(warned.select(["regelnr", "code"]))
    at = pc.index_in(regelnr, value_set=listed["regelnr"].combine_chunks())
    return listed["codes"].combine_chunks().take(at).fill_null("")


def _listed(codes: pa.Table) -> pa.Table:
    """Each line once, with its distinct codes in one text (regelnr, codes)."""
    codes = codes.group_by(["regelnr", "code"]).aggregate([])
    codes = codes.sort_by([("regelnr", "ascending"), ("code", "ascending")])
    listed = codes.group_by("regelnr", use_threads=False).aggregate([("code", "list")])
    joined = pc.binary_join(listed["code_list"].combine_chunks().cast(pa.list_(pa.string())), " ")
    return pa.table({"regelnr": listed["regelnr"], "codes": joined})
