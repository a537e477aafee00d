"""The verdict on each row of a block, once everything that decides about it is known."""

from __future__ import annotations

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
        ("signaal_hash", pa.int64()),
        ("inhoud_hash", pa.int64()),
        ("adres_hash", pa.int64()),
        ("melding_nr", pa.string()),
        ("ontvangen_op", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class Ids:
    """What identifies each row: its nr, and keyed hashes (0 where signaal_id is empty: such a row is refused)."""

    nr: Numbers
    signaal: Numbers
    inhoud: Numbers
    vorig: pa.Int64Array  # as `signaal`, of vorig_signaal_id; null where empty

    @classmethod
    def of(cls, typed: pa.Table, aanlevering_nr: int, partner: str, key: bytes, *, stand: bool = False) -> Ids:
        """Identify the rows of one block of `partner`. stand: its files are its whole list."""
        own = identity.keyed_hash(_of_partner(partner, column(typed, "signaal_id")), key, "signaal")
        return cls(
            nr=(np.int64(aanlevering_nr) << 24) | typed["regelnr"].to_numpy(),
            signaal=np.asarray(own.fill_null(0)),
            inhoud=np.asarray(identity.keyed_hash(identity.content(typed, STAND if stand else CONTENT), key, "inhoud")),
            vorig=identity.keyed_hash(_of_partner(partner, column(typed, "vorig_signaal_id")), key, "signaal"),
        )

    def wanted(self) -> list[int]:
        """Every hash that the register must be asked for."""
        found: list[int] = np.unique(np.concatenate((self.signaal, np.asarray(self.vorig.drop_null())))).tolist()
        return found

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
    key: bytes,
    *,
    stand: bool = False,
) -> Judged:
    """A row without an error is new, DUBBEL (W-SIG-02) or in conflict with an accepted one (E-SIG-01).

    stand: where the file is the partner's whole list, a VROEG with other content is an ACTUALISATIE (W-SIG-06).
    """
    regelnr = typed["regelnr"].to_numpy()
    sound = ~np.isin(regelnr, found["regelnr"].filter(pc.starts_with(found["code"], "E-")).to_numpy())
    repeats = judge(ids.signaal, ids.inhoud, sound, accepted, updates(typed, stand))
    conflict = reasons(regelnr[repeats.conflict], "E-SIG-01", "signaal_id")
    dubbel = reasons(regelnr[repeats.dubbel], "W-SIG-02", "signaal_id")
    changed = reasons(regelnr[repeats.update], "W-SIG-06", "bedrag_cent")
    found = pa.concat_tables([found, conflict, dubbel, changed])
    address = identity.normalise_address(
        *(column(typed, name) for name in ("postcode", "huisnummer", "huisletter", "toevoeging"))
    )
    adres = identity.keyed_hash(address, key, "adres")
    made = {
        "gemeentecode": placed.gemeentecode,
        "sector": placed.sector,
        "routering": placed.routering,
        "wijkcode": placed.wijkcode,
        "buurtcode": placed.buurtcode,
        "nr": pa.array(ids.nr),
        "waarschuwingen": _warnings(typed, found),
        "vervangt_nr": followed.vorig_nr,
        **_updated(typed, ids, repeats, followed, accepted),
        "signaal_hash": pa.array(ids.signaal),
        "inhoud_hash": pa.array(ids.inhoud),
        "adres_hash": adres,
        "melding_nr": identity.melding_nr(adres, placed.gemeentecode, key),
    }
    names = [name for name in ACCEPTED.names if name not in ("partner", "ontvangen_op")]
    rows = pa.table({name: made[name] if name in made else typed[name] for name in names})
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
