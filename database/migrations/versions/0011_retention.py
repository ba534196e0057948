"""From when on each log is whole."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention",
        sa.Column("log", sa.String(32), nullable=False),
        sa.Column("whole_from", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("log", name=op.f("pk_retention")),
    )


def downgrade() -> None:
    op.drop_table("retention")
