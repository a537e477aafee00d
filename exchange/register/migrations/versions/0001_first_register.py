"""the first register"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "aanlevering",
        sa.Column("nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("partner", sa.String(length=20), nullable=False),
        sa.Column("bestand", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("grootte", sa.BigInteger(), nullable=False),
        sa.Column("mtime", sa.BigInteger(), nullable=False),
        sa.Column("archief", sa.String(length=255), nullable=False),
        sa.Column("opgehaald_op", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verplaatst_op", sa.DateTime(timezone=True), nullable=True),
        sa.Column("staat", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=True),
        sa.Column("gecontroleerd_op", sa.DateTime(timezone=True), nullable=True),
        sa.Column("poging", sa.Integer(), server_default="0", nullable=False),
        sa.Column("regels", sa.Integer(), server_default="0", nullable=False),
        sa.Column("aanvaard", sa.Integer(), server_default="0", nullable=False),
        sa.Column("afgekeurd", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dubbel", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("nr", name=op.f("pk_aanlevering")),
    )
    with op.batch_alter_table("aanlevering", schema=None) as batch_op:
        batch_op.create_index("ix_aanlevering_partner_sha256", ["partner", "sha256"], unique=False)
        batch_op.create_index("ix_aanlevering_staat", ["staat"], unique=False)

    op.create_table(
        "afgekeurde_regel",
        sa.Column("aanlevering_nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("regelnr", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("codes", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("aanlevering_nr", "regelnr", name=op.f("pk_afgekeurde_regel")),
    )
    op.create_table(
        "lease",
        sa.Column("naam", sa.String(length=64), nullable=False),
        sa.Column("houder", sa.String(length=64), nullable=False),
        sa.Column("tot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("nummer", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("naam", name=op.f("pk_lease")),
    )
    op.create_table(
        "logboek",
        sa.Column("nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tijdstip", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gebeurtenis", sa.String(length=32), nullable=False),
        sa.Column("gegevens", sa.Text(), nullable=False),
        sa.Column("kop", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("nr", name=op.f("pk_logboek")),
    )
    op.create_table(
        "nacht",
        sa.Column("nacht", sa.Date(), nullable=False),
        sa.Column("bevroren_op", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gesloten_op", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totalen", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("nacht", name=op.f("pk_nacht")),
    )
    op.create_table(
        "signaal",
        sa.Column("nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signaal_id", sa.String(length=40), nullable=False),
        sa.Column("signaal_hash", sa.BigInteger(), nullable=False),
        sa.Column("inhoud_hash", sa.BigInteger(), nullable=False),
        sa.Column("adres_hash", sa.BigInteger(), nullable=True),
        sa.Column("sleutel_id", sa.SmallInteger(), nullable=False),
        sa.Column("gemeentecode", sa.String(length=4), nullable=False),
        sa.Column("soort", sa.String(length=16), nullable=False),
        sa.Column("sector", sa.String(length=24), nullable=False),
        sa.Column("bedrag_cent", sa.BigInteger(), nullable=True),
        sa.Column("peildatum", sa.Date(), nullable=True),
        sa.Column("ontvangen_op", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("nr", name=op.f("pk_signaal")),
    )
    with op.batch_alter_table("signaal", schema=None) as batch_op:
        batch_op.create_index("ix_signaal_signaal_hash", ["signaal_hash"], unique=False)

    op.create_table(
        "volgnummer",
        sa.Column("partij", sa.String(length=20), nullable=False),
        sa.Column("soort", sa.String(length=16), nullable=False),
        sa.Column("waarde", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partij", "soort", name=op.f("pk_volgnummer")),
    )
    op.create_table(
        "zending",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("ontvanger", sa.String(length=20), nullable=False),
        sa.Column("soort", sa.String(length=12), nullable=False),
        sa.Column("map", sa.String(length=64), nullable=False),
        sa.Column("naam", sa.String(length=255), nullable=False),
        sa.Column("archief", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("grootte", sa.BigInteger(), nullable=False),
        sa.Column("staat", sa.String(length=16), nullable=False),
        sa.Column("aanlevering_nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("nacht", sa.Date(), nullable=True),
        sa.Column("gebouwd_op", sa.DateTime(timezone=True), nullable=False),
        sa.Column("geupload_op", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gepubliceerd_op", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opgehaald_op", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["aanlevering_nr"], ["aanlevering.nr"], name=op.f("fk_zending_aanlevering_nr")),
        sa.ForeignKeyConstraint(["nacht"], ["nacht.nacht"], name=op.f("fk_zending_nacht")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zending")),
        sa.UniqueConstraint("ontvanger", "map", "naam", name=op.f("uq_zending_ontvanger_map_naam")),
    )
    with op.batch_alter_table("zending", schema=None) as batch_op:
        batch_op.create_index("ix_zending_staat", ["staat", "ontvanger"], unique=False)

    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("nacht", sa.Date(), nullable=False),
        sa.Column("uitvoerder", sa.String(length=20), nullable=False),
        sa.Column("gemeentecode", sa.String(length=4), nullable=False),
        sa.Column("bestand", sa.String(length=255), nullable=False),
        sa.Column("staat", sa.String(length=16), nullable=False),
        sa.Column("regels", sa.Integer(), nullable=False),
        sa.Column("meldingen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("urgent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("zending_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["nacht"], ["nacht.nacht"], name=op.f("fk_batch_nacht")),
        sa.ForeignKeyConstraint(["zending_id"], ["zending.id"], name=op.f("fk_batch_zending_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("nacht", "uitvoerder", "gemeentecode", name=op.f("uq_batch_nacht_uitvoerder_gemeentecode")),
    )
    op.create_table(
        "partij",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("aanlevering_nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gemeentecode", sa.String(length=4), nullable=False),
        sa.Column("sector", sa.String(length=24), nullable=False),
        sa.Column("aantal", sa.Integer(), nullable=False),
        sa.Column("houdreden", sa.String(length=12), nullable=True),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("doorgezet_zending_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["aanlevering_nr"], ["aanlevering.nr"], name=op.f("fk_partij_aanlevering_nr")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_partij_batch_id")),
        sa.ForeignKeyConstraint(["doorgezet_zending_id"], ["zending.id"], name=op.f("fk_partij_doorgezet_zending_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partij")),
        sa.UniqueConstraint(
            "aanlevering_nr", "gemeentecode", "sector", name=op.f("uq_partij_aanlevering_nr_gemeentecode_sector")
        ),
    )
    with op.batch_alter_table("partij", schema=None) as batch_op:
        batch_op.create_index("ix_partij_batch_id", ["batch_id"], unique=False)

    op.create_table(
        "uitzondering",
        sa.Column("signaal_nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("partij_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staat", sa.String(length=16), nullable=False),
        sa.Column("door_signaal_nr", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["partij_id"], ["partij.id"], name=op.f("fk_uitzondering_partij_id")),
        sa.PrimaryKeyConstraint("signaal_nr", name=op.f("pk_uitzondering")),
    )
    with op.batch_alter_table("uitzondering", schema=None) as batch_op:
        batch_op.create_index("ix_uitzondering_partij_id", ["partij_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("uitzondering", schema=None) as batch_op:
        batch_op.drop_index("ix_uitzondering_partij_id")

    op.drop_table("uitzondering")
    with op.batch_alter_table("partij", schema=None) as batch_op:
        batch_op.drop_index("ix_partij_batch_id")

    op.drop_table("partij")
    op.drop_table("batch")
    with op.batch_alter_table("zending", schema=None) as batch_op:
        batch_op.drop_index("ix_zending_staat")

    op.drop_table("zending")
    op.drop_table("volgnummer")
    with op.batch_alter_table("signaal", schema=None) as batch_op:
        batch_op.drop_index("ix_signaal_signaal_hash")

    op.drop_table("signaal")
    op.drop_table("nacht")
    op.drop_table("logboek")
    op.drop_table("lease")
    op.drop_table("afgekeurde_regel")
    with op.batch_alter_table("aanlevering", schema=None) as batch_op:
        batch_op.drop_index("ix_aanlevering_staat")
        batch_op.drop_index("ix_aanlevering_partner_sha256")

    op.drop_table("aanlevering")
