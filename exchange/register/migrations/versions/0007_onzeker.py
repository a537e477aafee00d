"""a rename that was sent and not answered, what a round is, and what a beheerder decided"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPEN = sa.text("manifest_id IS NULL")


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.add_column("zending", sa.Column("sleutel", sa.String(40), nullable=True))
    op.add_column("zending", sa.Column("hernoemen_op", instant, nullable=True))
    op.add_column("zending", sa.Column("onzeker_op", instant, nullable=True))
    op.add_column("zending", sa.Column("opnieuw", sa.Boolean(), server_default=sa.false(), nullable=False))
    # whether a rename was sent for what is GEUPLOAD was not recorded: say that it may have been
    op.execute("UPDATE zending SET hernoemen_op = geupload_op WHERE staat = 'GEUPLOAD'")
    op.create_table(
        "ronde",
        sa.Column("nacht", sa.Date(), nullable=False),
        sa.Column("volgnr", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uitvoerder", sa.String(20), nullable=False),
        sa.Column("manifest_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["nacht"], ["nacht.nacht"], name=op.f("fk_ronde_nacht")),
        sa.ForeignKeyConstraint(["manifest_id"], ["zending.id"], name=op.f("fk_ronde_manifest_id")),
        sa.PrimaryKeyConstraint("nacht", "volgnr", "uitvoerder", name=op.f("pk_ronde")),
    )
    op.create_index("ix_ronde_open", "ronde", ["uitvoerder"], postgresql_where=_OPEN, sqlite_where=_OPEN)
    # a manifest that has not gone out is made anew when all its batches stand there
    op.execute("DELETE FROM zending WHERE soort = 'MANIFEST' AND staat = 'GEBOUWD'")
    # every round has, or waits for, a manifest: VS_MANIFEST_<uitvoerder>_<yyyymmdd>_<nnn>
    made = "SELECT nacht, CAST(substr({0}, length({0}) - 2) AS INTEGER), ontvanger, id FROM zending"
    stem = "substr(naam, 1, length('VS_MANIFEST__yyyymmdd_nnn') + length(ontvanger))"
    op.execute(f"INSERT INTO ronde {made.format(stem)} WHERE soort = 'MANIFEST'")
    op.execute(
        "INSERT INTO ronde (nacht, volgnr, uitvoerder) SELECT DISTINCT nacht, volgnr, uitvoerder FROM batch WHERE NOT"
        " EXISTS (SELECT 1 FROM ronde r WHERE r.nacht = batch.nacht AND r.volgnr = batch.volgnr"
        " AND r.uitvoerder = batch.uitvoerder)"
    )
    op.create_table(
        "besluit",
        sa.Column("nr", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tijdstip", instant, nullable=False),
        sa.Column("besluit", sa.String(32), nullable=False),
        sa.Column("onderwerp", sa.BigInteger(), nullable=True),
        sa.Column("reden", sa.Text(), nullable=False),
        sa.Column("zout", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("nr", name=op.f("pk_besluit")),
    )


def downgrade() -> None:
    op.drop_table("besluit")
    op.drop_index("ix_ronde_open", "ronde")
    op.drop_table("ronde")
    for column in ("opnieuw", "onzeker_op", "hernoemen_op", "sleutel"):
        op.drop_column("zending", column)
