"""The register: every table, and nothing that names a person.

What stands here of a signaal is the partner's own reference, codes, dates, an amount in eurocents and keyed hashes
(8-byte integers, each row with the `sleutel_id` of the key that made them). Those hashes are pseudonyms: still
personal data under the AVG, never names, addresses or numbers themselves.

Signal rows are written once, in bulk, and never updated. What moves is the *partij* (the accepted rows of one
aanlevering for one gemeente) and, for single rows, an entry in `uitzondering`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: aware in Python, and refused when naive."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: SQLite only counts up by itself in a column of type INTEGER.
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: One received file: signalen from a partner, or the terugkoppeling of an uitvoerder (`partner` is then its id).
aanlevering = sa.Table(
    "aanlevering",
    metadata,
    sa.Column("nr", Number, primary_key=True, autoincrement=True),
    sa.Column("soort", sa.String(16), nullable=False, server_default="SIGNALEN"),  # see aanleveringen.Soort
    sa.Column("partner", sa.String(20), nullable=False),
    sa.Column("gemachtigde", sa.String(20)),  # the account that dropped it, where that is not the partner's own
    sa.Column("bestand", sa.String(255), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("grootte", sa.BigInteger, nullable=False),
    sa.Column("mtime", sa.BigInteger, nullable=False),
    sa.Column("archief", sa.String(255), nullable=False),
    sa.Column("opgehaald_op", Instant, nullable=False),
    sa.Column("verplaatst_op", Instant),  # the remote file is out of in/
    sa.Column("staat", sa.String(16), nullable=False),
    sa.Column("code", sa.String(12)),
    sa.Column("gecontroleerd_op", Instant),
    sa.Column("poging", sa.Integer, nullable=False, server_default="0"),  # which write of the work store counts
    sa.Column("regels", sa.Integer, nullable=False, server_default="0"),
    sa.Column("aanvaard", sa.Integer, nullable=False, server_default="0"),
    sa.Column("afgekeurd", sa.Integer, nullable=False, server_default="0"),
    sa.Column("dubbel", sa.Integer, nullable=False, server_default="0"),
    # it came unencrypted: the archive holds it sealed to our own key; sha256 and size are of what came
    sa.Column("verzegeld", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gewist_op", Instant),  # a sealed file is gone from the archive
    sa.Index("ix_aanlevering_partner_sha256", "partner", "sha256"),
    sa.Index("ix_aanlevering_staat", "staat"),
    sa.Index("ix_aanlevering_gemachtigde", "gemachtigde"),
    sa.Index(
        "ix_aanlevering_verzegeld",
        "nr",
        postgresql_where=sa.text("verzegeld AND gewist_op IS NULL"),
        sqlite_where=sa.text("verzegeld AND gewist_op IS NULL"),
    ),
)

#: One accepted signaal. `nr` = aanlevering_nr << 24 | regelnr.
signaal = sa.Table(
    "signaal",
    metadata,
    sa.Column("nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("signaal_id", sa.String(40), nullable=False),
    sa.Column("signaal_hash", sa.BigInteger, nullable=False),  # of partner + signaal_id
    sa.Column("inhoud_hash", sa.BigInteger, nullable=False),
    sa.Column("adres_hash", sa.BigInteger),
    sa.Column("klant_hash", sa.BigInteger),  # only where a gemeente does not want repeats: see transforms.verdict
    sa.Column("melding", sa.BigInteger),  # the bits of its melding_nr, which uitvoerders quote
    sa.Column("sleutel_id", sa.SmallInteger, nullable=False),
    sa.Column("gemeentecode", sa.String(4), nullable=False),
    sa.Column("soort", sa.String(16), nullable=False),
    sa.Column("sector", sa.String(24), nullable=False),
    sa.Column("bedrag_cent", sa.BigInteger),
    sa.Column("peildatum", sa.Date),
    sa.Column("ontvangen_op", sa.Date, nullable=False),  # Amsterdam date
    sa.Column("vervangt_nr", sa.BigInteger),  # the earlier signaal that it names
    sa.Column("spoed", sa.Boolean, nullable=False, server_default=sa.false()),  # of which partij: see there
    sa.Index("ix_signaal_signaal_hash", "signaal_hash"),
    sa.Index(
        "ix_signaal_vervangt_nr",
        "vervangt_nr",
        postgresql_where=sa.text("vervangt_nr IS NOT NULL"),
        sqlite_where=sa.text("vervangt_nr IS NOT NULL"),
    ),
)

#: What is left of a refused row: where it stood and why.
afgekeurde_regel = sa.Table(
    "afgekeurde_regel",
    metadata,
    sa.Column("aanlevering_nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("regelnr", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("codes", sa.String(255), nullable=False),
)

#: The accepted rows of one aanlevering for one gemeente and sector: assigned, moved and counted as a whole. `spoed` are
#: the urgent rows for an uitvoerder that wants those at once: they do not wait for the night.
partij = sa.Table(
    "partij",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("aanlevering_nr", sa.ForeignKey("aanlevering.nr"), nullable=False),
    sa.Column("gemeentecode", sa.String(4), nullable=False),  # as routed on the day of receipt
    sa.Column("sector", sa.String(24), nullable=False),
    sa.Column("spoed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("aantal", sa.Integer, nullable=False),
    sa.Column("houdreden", sa.String(12)),
    sa.Column("batch_id", sa.ForeignKey("batch.id")),
    sa.Column("doorgezet_zending_id", sa.ForeignKey("zending.id")),
    sa.UniqueConstraint("aanlevering_nr", "gemeentecode", "sector", "spoed"),
    sa.Index("ix_partij_batch_id", "batch_id"),
)

#: A row that no longer goes with its partij: INGETROKKEN (`door` the one that withdraws or updates it), or
#: NIET_DOORGEZET (`door` the earlier one that it repeats; itself where its gemeente was divided).
uitzondering = sa.Table(
    "uitzondering",
    metadata,
    sa.Column("signaal_nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("partij_id", sa.ForeignKey("partij.id"), nullable=False),
    sa.Column("staat", sa.String(16), nullable=False),
    sa.Column("door_signaal_nr", sa.BigInteger, nullable=False),
    sa.Index("ix_uitzondering_partij_id", "partij_id"),
)

#: (nacht, volgnr, uitvoerder, gemeente). Once frozen it never gains rows. volgnr 1 is the night, what follows is spoed.
batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("nacht", sa.ForeignKey("nacht.nacht"), nullable=False),
    sa.Column("volgnr", sa.Integer, nullable=False, server_default="1"),
    sa.Column("uitvoerder", sa.String(20), nullable=False),
    sa.Column("gemeentecode", sa.String(4), nullable=False),
    sa.Column("bestand", sa.String(255), nullable=False),
    sa.Column("staat", sa.String(16), nullable=False),
    sa.Column("regels", sa.Integer, nullable=False),
    sa.Column("meldingen", sa.Integer, nullable=False, server_default="0"),
    sa.Column("urgent", sa.Integer, nullable=False, server_default="0"),
    sa.Column("zending_id", sa.ForeignKey("zending.id")),
    sa.UniqueConstraint("nacht", "volgnr", "uitvoerder", "gemeentecode"),
)

#: One night; its totals at closing time are where the next night's stock starts. Spoed may go out before the night of
#: that day is frozen (`bevroren_op` is empty until then).
nacht = sa.Table(
    "nacht",
    metadata,
    sa.Column("nacht", sa.Date, primary_key=True),
    sa.Column("bevroren_op", Instant),
    sa.Column("gesloten_op", Instant),
    sa.Column("totalen", sa.JSON),
    sa.Column("logboek_nr", sa.BigInteger),  # the last entry of the ledger for which the totals were proven
)

#: What one uitvoerder receives in one night (volgnr 1) or round of spoed; open until its manifest is made, and that is
#: when all its batches stand there.
ronde = sa.Table(
    "ronde",
    metadata,
    sa.Column("nacht", sa.ForeignKey("nacht.nacht"), primary_key=True),
    sa.Column("volgnr", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("uitvoerder", sa.String(20), primary_key=True),
    sa.Column("manifest_id", sa.ForeignKey("zending.id")),
    sa.Index(
        "ix_ronde_open",
        "uitvoerder",
        postgresql_where=sa.text("manifest_id IS NULL"),
        sqlite_where=sa.text("manifest_id IS NULL"),
    ),
)

#: What a beheerder decided, and why. The ledger holds a salted hash of the words: those may go, it stays true.
besluit = sa.Table(
    "besluit",
    metadata,
    sa.Column("nr", Number, primary_key=True, autoincrement=True),
    sa.Column("tijdstip", Instant, nullable=False),
    sa.Column("besluit", sa.String(32), nullable=False),  # as the ledger calls it
    sa.Column("onderwerp", sa.BigInteger),  # number of what it is about, such as a zending
    sa.Column("reden", sa.Text, nullable=False),
    sa.Column("zout", sa.String(32), nullable=False),
)

#: What stands still because rows do not add up: nothing of it is published until a beheerder lifts it.
stilstand = sa.Table(
    "stilstand",
    metadata,
    sa.Column("nr", Number, primary_key=True, autoincrement=True),
    sa.Column("soort", sa.String(16), nullable=False),  # see stilstand.Soort
    sa.Column("onderwerp", sa.BigInteger, nullable=False),  # number of the aanlevering or batch; 0: everything
    sa.Column("gegevens", sa.JSON, nullable=False),  # the counts that differ
    sa.Column("sinds", Instant, nullable=False),
    sa.Column("opgeheven_op", Instant),
    sa.Column("aanvaard", sa.Boolean, nullable=False, server_default=sa.false()),  # lifted although it still differs
    sa.Index(
        "ix_stilstand_open",
        "soort",
        "onderwerp",
        unique=True,
        postgresql_where=sa.text("opgeheven_op IS NULL"),
        sqlite_where=sa.text("opgeheven_op IS NULL"),
    ),
)

#: Any outgoing file: the outbox.
zending = sa.Table(
    "zending",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("ontvanger", sa.String(20), nullable=False),
    sa.Column("soort", sa.String(12), nullable=False),
    sa.Column("map", sa.String(64), nullable=False),
    sa.Column("naam", sa.String(255), nullable=False),
    sa.Column("archief", sa.String(255), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("grootte", sa.BigInteger, nullable=False),
    sa.Column("staat", sa.String(16), nullable=False),
    sa.Column("aanlevering_nr", sa.ForeignKey("aanlevering.nr")),
    sa.Column("nacht", sa.ForeignKey("nacht.nacht")),
    sa.Column("gebouwd_op", Instant, nullable=False),
    sa.Column("geupload_op", Instant),
    sa.Column("gepubliceerd_op", Instant),
    sa.Column("opgehaald_op", Instant),
    sa.Column("verwijderd_op", Instant),
    sa.Column("sleutel", sa.String(40)),  # primary fingerprint that it is encrypted to; none where it is plain text
    sa.Column("hernoemen_op", Instant),  # a rename was, or may have been, sent then and was not refused
    sa.Column("onzeker_op", Instant),
    sa.Column("opnieuw", sa.Boolean, nullable=False, server_default=sa.false()),  # a beheerder had it put there again
    sa.UniqueConstraint("ontvanger", "map", "naam"),
    sa.Index("ix_zending_staat", "staat", "ontvanger"),
)

#: What an uitvoerder told about a signaal. Only ever added to; the last status_datum counts, then what came last.
terugkoppeling = sa.Table(
    "terugkoppeling",
    metadata,
    sa.Column("signaal_nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("aanlevering_nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("regelnr", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("status", sa.String(64), nullable=False),
    sa.Column("status_datum", sa.Date, nullable=False),
    sa.Column("eindresultaat", sa.String(80)),
    sa.Column("eindresultaat_datum", sa.Date),
    sa.Column("hulp_geaccepteerd", sa.Boolean),
    sa.Column("hulp_geaccepteerd_op", sa.Date),
    sa.Column("bereikt", sa.Boolean),
    sa.Column("aantal_contactpogingen", sa.Integer),
    sa.Column("ontvangen_op", sa.Date, nullable=False),  # Amsterdam date
    sa.Index("ix_terugkoppeling_aanlevering_nr", "aanlevering_nr"),
)

#: A file of terugkoppeling that is about signals of a partner, until that partner's UITKOMST took it along.
te_melden = sa.Table(
    "te_melden",
    metadata,
    sa.Column("aanlevering_nr", sa.ForeignKey("aanlevering.nr"), primary_key=True),
    sa.Column("partner", sa.String(20), primary_key=True),
    sa.Column("gemeld_op", Instant),
    sa.Index("ix_te_melden_partner", "partner", "gemeld_op"),
)

#: What a partner was told became of a signaal: only ever added to, the last zending counts.
uitkomst = sa.Table(
    "uitkomst",
    metadata,
    sa.Column("signaal_nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("zending_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uitkomst", sa.String(20), nullable=False),
    sa.Column("uitkomst_datum", sa.Date, nullable=False),
    sa.Column("opschorten_tot", sa.Date),
)

#: Signals of a built batch in the order of delivery (int64), until the night's template for terugkoppeling is made.
sjabloon = sa.Table(
    "sjabloon",
    metadata,
    sa.Column("batch_id", sa.ForeignKey("batch.id"), primary_key=True),
    sa.Column("signaal_nrs", sa.LargeBinary, nullable=False),
)

#: Who works on what, until when (see `processes` for how it is named; empty: nobody); `nummer` is the fencing number,
#: it only rises.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("naam", sa.String(64), primary_key=True),
    sa.Column("houder", sa.String(64), nullable=False),
    sa.Column("tot", Instant, nullable=False),
    sa.Column("sinds", Instant),
    sa.Column("nummer", sa.BigInteger, nullable=False),
)

#: The last number handed out per party and kind (terugmelding_nr).
volgnummer = sa.Table(
    "volgnummer",
    metadata,
    sa.Column("partij", sa.String(20), primary_key=True),
    sa.Column("soort", sa.String(16), primary_key=True),
    sa.Column("waarde", sa.BigInteger, nullable=False),
)

#: The list of its gemeenten that each partner was last given (see `exchange.steps.aansluitlijst`).
aansluitlijst = sa.Table(
    "aansluitlijst",
    metadata,
    sa.Column("partner", sa.String(20), primary_key=True),
    sa.Column("dag", sa.Date, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)

#: The ledger: append-only, each entry holding the hash of the one before.
logboek = sa.Table(
    "logboek",
    metadata,
    sa.Column("nr", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tijdstip", Instant, nullable=False),
    sa.Column("gebeurtenis", sa.String(32), nullable=False),
    sa.Column("gegevens", sa.Text, nullable=False),  # canonical JSON: numbers, counts, sha256 of ciphertext
    sa.Column("kop", sa.String(64), nullable=False),
)


def aanlevering_of(signaal_nr: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The aanlevering_nr in a signaal_nr. The 24 is literal: PostgreSQL shifts by an integer only, no bigint."""
    return signaal_nr.op(">>", return_type=sa.BigInteger())(sa.literal_column("24"))
