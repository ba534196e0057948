"""Indexes for counting the shown lists of a time, and those that showed nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_EMPTY = sa.text("CAST(items AS TEXT) = '[]'")


def upgrade() -> None:
    columns = ["kind", "created_at", "session_id", "query"]
    op.create_index(op.f("ix_list_log_kind_created_at_session_id_query"), "list_log", columns, unique=False)
    op.create_index(
        "ix_list_log_empty",
        "list_log",
        ["kind", "created_at"],
        unique=False,
        sqlite_where=_EMPTY,
        postgresql_where=_EMPTY,
    )


def downgrade() -> None:
    op.drop_index("ix_list_log_empty", table_name="list_log")
    op.drop_index(op.f("ix_list_log_kind_created_at_session_id_query"), table_name="list_log")
