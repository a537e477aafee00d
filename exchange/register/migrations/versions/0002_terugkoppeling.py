"""terugkoppeling of uitvoerders, and what partners were told of it"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("aanlevering", schema=None) as batch_op:
        batch_op.add_column(sa.Column("soort", sa.String(length=16), server_default="SIGNALEN", nullable=False))

    op.create_table(
        "terugkoppeling",
        sa.Column("signaal_nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("aanlevering_nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("regelnr", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("status_datum", sa.Date(), nullable=False),
        sa.Column("eindresultaat", sa.String(length=80), nullable=True),
        sa.Column("eindresultaat_datum", sa.Date(), nullable=True),
        sa.Column("hulp_geaccepteerd", sa.Boolean(), nullable=True),
        sa.Column("hulp_geaccepteerd_op", sa.Date(), nullable=True),
        sa.Column("bereikt", sa.Boolean(), nullable=True),
        sa.Column("aantal_contactpogingen", sa.Integer(), nullable=True),
        sa.Column("ontvangen_op", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("signaal_nr", "aanlevering_nr", "regelnr", name=op.f("pk_terugkoppeling")),
    )
    with op.batch_alter_table("terugkoppeling", schema=None) as batch_op:
        batch_op.create_index("ix_terugkoppeling_aanlevering_nr", ["aanlevering_nr"], unique=False)

    op.create_table(
        "te_melden",
        sa.Column("aanlevering_nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner", sa.String(length=20), nullable=False),
        sa.Column("gemeld_op", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["aanlevering_nr"], ["aanlevering.nr"], name=op.f("fk_te_melden_aanlevering_nr")),
        sa.PrimaryKeyConstraint("aanlevering_nr", "partner", name=op.f("pk_te_melden")),
    )
    with op.batch_alter_table("te_melden", schema=None) as batch_op:
        batch_op.create_index("ix_te_melden_partner", ["partner", "gemeld_op"], unique=False)

    op.create_table(
        "uitkomst",
        sa.Column("signaal_nr", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zending_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uitkomst", sa.String(length=20), nullable=False),
        sa.Column("uitkomst_datum", sa.Date(), nullable=False),
        sa.Column("opschorten_tot", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("signaal_nr", "zending_id", name=op.f("pk_uitkomst")),
    )
    op.create_table(
        "sjabloon",
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("signaal_nrs", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_sjabloon_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_sjabloon")),
    )


def downgrade() -> None:
    op.drop_table("sjabloon")
    op.drop_table("uitkomst")
    with op.batch_alter_table("te_melden", schema=None) as batch_op:
        batch_op.drop_index("ix_te_melden_partner")

    op.drop_table("te_melden")
    with op.batch_alter_table("terugkoppeling", schema=None) as batch_op:
        batch_op.drop_index("ix_terugkoppeling_aanlevering_nr")

    op.drop_table("terugkoppeling")
    with op.batch_alter_table("aanlevering", schema=None) as batch_op:
        batch_op.drop_column("soort")
