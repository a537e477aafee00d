"""what stands still, for which entry of the ledger a night was proven, and since when a lease is held"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OPEN = sa.text("opgeheven_op IS NULL")


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.add_column("nacht", sa.Column("logboek_nr", sa.BigInteger(), nullable=True))
    op.add_column("lease", sa.Column("sinds", instant, nullable=True))
    op.create_table(
        "stilstand",
        sa.Column("nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("soort", sa.String(16), nullable=False),
        sa.Column("onderwerp", sa.BigInteger(), nullable=False),
        sa.Column("gegevens", sa.JSON(), nullable=False),
        sa.Column("sinds", instant, nullable=False),
        sa.Column("opgeheven_op", instant, nullable=True),
        sa.Column("aanvaard", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("nr", name=op.f("pk_stilstand")),
    )
    columns = ["soort", "onderwerp"]
    op.create_index("ix_stilstand_open", "stilstand", columns, unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN)


def downgrade() -> None:
    op.drop_index("ix_stilstand_open", "stilstand")
    op.drop_table("stilstand")
    op.drop_column("lease", "sinds")
    op.drop_column("nacht", "logboek_nr")
