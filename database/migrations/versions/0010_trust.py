"""Keys with scopes, who opted out of personalisation, and that somebody was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollup_due", sa.Column("mark", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("rollup_state", sa.Column("pruned_erasure", sa.Integer(), server_default="0", nullable=False))
    with op.batch_alter_table("audit_log") as table:
        table.alter_column("action", existing_type=sa.String(32), type_=sa.String(80), existing_nullable=False)
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "opt_outs",
        sa.Column("user_key", sa.String(64), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_key", name=op.f("pk_opt_outs")),
    )
    op.create_index(op.f("ix_opt_outs_changed_at"), "opt_outs", ["changed_at"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_column("rollup_state", "pruned_erasure")
    op.drop_column("rollup_due", "mark")
    for name in ("erasures", "opt_outs", "api_keys"):
        op.drop_table(name)
    with op.batch_alter_table("audit_log") as table:
        table.alter_column("action", existing_type=sa.String(80), type_=sa.String(32), existing_nullable=False)
