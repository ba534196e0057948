"""What was changed in the catalogue since it was imported, numbered."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product_changes",
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("title_seq", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_changes")),
    )
    op.create_index(op.f("ix_product_changes_seq"), "product_changes", ["seq"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_product_changes_seq"), table_name="product_changes")
    op.drop_table("product_changes")
