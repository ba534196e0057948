"""Suggestion rules of the shop's operators, and indexes for what is new and for what the log says of earlier times."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suggestion_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("match", sa.String(length=16), nullable=True),
        sa.Column("prefix", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion_rules")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_action_received_at"), "events", ["action", "received_at"], unique=False)
    op.create_index(op.f("ix_query_log_occurred_at"), "query_log", ["occurred_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_query_log_occurred_at"), table_name="query_log")
    op.drop_index(op.f("ix_events_action_received_at"), table_name="events")
    op.drop_table("suggestion_rules")
