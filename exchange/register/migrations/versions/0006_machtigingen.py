"""which account delivered a file of another partner"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("aanlevering", sa.Column("gemachtigde", sa.String(20), nullable=True))
    op.create_index("ix_aanlevering_gemachtigde", "aanlevering", ["gemachtigde"])


def downgrade() -> None:
    op.drop_index("ix_aanlevering_gemachtigde", "aanlevering")
    op.drop_column("aanlevering", "gemachtigde")
