"""what a signaal follows or repeats, spoed beside the night"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAMED = sa.text("vervangt_nr IS NOT NULL")


def upgrade() -> None:
    # plain ADD COLUMN, which rewrites nothing: this is the largest table
    op.add_column("signaal", sa.Column("vervangt_nr", sa.BigInteger(), nullable=True))
    op.add_column("signaal", sa.Column("klant_hash", sa.BigInteger(), nullable=True))
    op.add_column("signaal", sa.Column("melding", sa.BigInteger(), nullable=True))
    op.add_column("signaal", sa.Column("spoed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_signaal_vervangt_nr", "signaal", ["vervangt_nr"], postgresql_where=_NAMED, sqlite_where=_NAMED)
    with op.batch_alter_table("partij", schema=None) as batch_op:
        batch_op.add_column(sa.Column("spoed", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.drop_constraint("uq_partij_aanlevering_nr_gemeentecode_sector", type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_partij_aanlevering_nr_gemeentecode_sector_spoed"),
            ["aanlevering_nr", "gemeentecode", "sector", "spoed"],
        )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("volgnr", sa.Integer(), server_default="1", nullable=False))
        batch_op.drop_constraint("uq_batch_nacht_uitvoerder_gemeentecode", type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_batch_nacht_volgnr_uitvoerder_gemeentecode"), ["nacht", "volgnr", "uitvoerder", "gemeentecode"]
        )
    with op.batch_alter_table("nacht", schema=None) as batch_op:
        batch_op.alter_column("bevroren_op", existing_type=sa.DateTime(timezone=True), nullable=True)


def downgrade() -> None:
    with op.batch_alter_table("nacht", schema=None) as batch_op:
        batch_op.alter_column("bevroren_op", existing_type=sa.DateTime(timezone=True), nullable=False)
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_constraint("uq_batch_nacht_volgnr_uitvoerder_gemeentecode", type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_batch_nacht_uitvoerder_gemeentecode"), ["nacht", "uitvoerder", "gemeentecode"]
        )
        batch_op.drop_column("volgnr")
    with op.batch_alter_table("partij", schema=None) as batch_op:
        batch_op.drop_constraint("uq_partij_aanlevering_nr_gemeentecode_sector_spoed", type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_partij_aanlevering_nr_gemeentecode_sector"), ["aanlevering_nr", "gemeentecode", "sector"]
        )
        batch_op.drop_column("spoed")
    op.drop_index("ix_signaal_vervangt_nr", "signaal")
    op.drop_column("signaal", "spoed")
    op.drop_column("signaal", "melding")
    op.drop_column("signaal", "klant_hash")
    op.drop_column("signaal", "vervangt_nr")
