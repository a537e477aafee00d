"""on which day each partner was given which list of its gemeenten"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "aansluitlijst",
        sa.Column("partner", sa.String(20), nullable=False),
        sa.Column("dag", sa.Date(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("partner", name=op.f("pk_aansluitlijst")),
    )


def downgrade() -> None:
    op.drop_table("aansluitlijst")
