"""Shoppers' profiles, folded from events, and what the shop knew of an event's product when it came."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("facts", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "profiles",
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_event_id", sa.Text(), nullable=False),
        sa.Column("snapshots", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_profiles")),
    )
    op.create_table(
        "profile_links",
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("merged_into", sa.String(length=80), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_profile_links")),
    )
    op.create_index(op.f("ix_profile_links_merged_into"), "profile_links", ["merged_into"])


def downgrade() -> None:
    op.drop_index(op.f("ix_profile_links_merged_into"), "profile_links")
    op.drop_table("profile_links")
    op.drop_table("profiles")
    op.drop_column("events", "facts")
