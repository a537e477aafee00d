"""what came unencrypted and is kept sealed"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STANDING = sa.text("verzegeld AND gewist_op IS NULL")


def upgrade() -> None:
    op.add_column("aanlevering", sa.Column("verzegeld", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("aanlevering", sa.Column("gewist_op", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_aanlevering_verzegeld", "aanlevering", ["nr"], postgresql_where=_STANDING, sqlite_where=_STANDING
    )


def downgrade() -> None:
    op.drop_index("ix_aanlevering_verzegeld", "aanlevering")
    op.drop_column("aanlevering", "gewist_op")
    op.drop_column("aanlevering", "verzegeld")
