"""Experiments, who saw them, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_IN_EXPERIMENT = sa.text("experiments IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_experiments")),
    )
    op.create_table(
        "exposures",
        sa.Column("experiment", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("arm", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_key", sa.String(64), nullable=True),
        sa.Column("chosen_by_hand", sa.Boolean(), nullable=False),
        sa.Column("exposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("experiment", "unit", name=op.f("pk_exposures")),
    )
    op.create_index(op.f("ix_exposures_user_key"), "exposures", ["user_key"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(32), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_happened_at"), "audit_log", ["happened_at"], unique=False)
    op.add_column("list_log", sa.Column("experiments", sa.Text(), nullable=True))
    op.create_index(
        "ix_list_log_experiments",
        "list_log",
        ["kind", "created_at"],
        unique=False,
        sqlite_where=_IN_EXPERIMENT,
        postgresql_where=_IN_EXPERIMENT,
    )


def downgrade() -> None:
    op.drop_index("ix_list_log_experiments", table_name="list_log")
    op.drop_column("list_log", "experiments")
    op.drop_index(op.f("ix_audit_log_happened_at"), table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_index(op.f("ix_exposures_user_key"), table_name="exposures")
    op.drop_table("exposures")
    op.drop_table("experiments")
