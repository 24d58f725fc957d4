"""The first schema: workflows, plans, executions with their log, inbox, owners, waitpoints, payloads, settings.

Frozen once released: later changes are revisions of their own. ``tables.py`` is the sum of all revisions.
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ACTIVE = "(status NOT IN ('cancelled', 'completed', 'crashed', 'expired', 'failed', 'timed_out'))"


def upgrade() -> None:
    """Create everything, and name the installation."""
    _create_owners()
    _create_payloads()
    _create_plans()
    _create_settings()
    _create_workflows()
    _create_executions()
    _create_events()
    _create_inbox()
    _create_node_logs()
    _create_snapshots()
    _create_waitpoints()
    op.bulk_insert(
        sa.table("settings", sa.column("key", sa.Text), sa.column("value", sa.Text)),
        [{"key": "instance_id", "value": uuid.uuid4().hex[:12]}, {"key": "schema_compatible_from", "value": "0001"}],
    )


def _create_owners() -> None:
    op.create_table(
        "owners",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("generation", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.Text()),
        sa.Column("actor_id", sa.Text()),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("log_location", sa.Text()),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_owners"),
    )
    op.create_index("ix_owners_lease_until", "owners", ["lease_until"])


def _create_payloads() -> None:
    op.create_table(
        "payloads",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_payloads"),
    )
    op.create_index("ix_payloads_created_at", "payloads", ["created_at"])
    op.create_index("ix_payloads_execution_id", "payloads", ["execution_id"])


def _create_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_plans"),
    )


def _create_settings() -> None:
    op.create_table(
        "settings",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name="pk_settings"),
    )


def _create_workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("diagnostics", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_workflows"),
    )
    op.create_index("ix_workflows_workspace_id_created_at_id", "workflows", ["workspace_id", "created_at", "id"])
    op.create_table(
        "workflow_versions",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.PrimaryKeyConstraint("workspace_id", "workflow_id", "version", name="pk_workflow_versions"),
    )


def _create_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text()),
        sa.Column("workflow_version", sa.Integer()),
        sa.Column("workflow_name", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text()),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("handled_errors", sa.Text(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("waiting_for", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text()),
        sa.Column("parent_id", sa.Text()),
        sa.Column("parent_key", sa.Text()),
        sa.Column("root_id", sa.Text()),
        sa.Column("depth", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rerun_of", sa.Text()),
        sa.Column("selection", sa.Text()),
        sa.Column("batch_id", sa.Text()),
        sa.Column("deadline_at", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.Text()),
        sa.Column("orchestrator_actor_id", sa.Text()),
        sa.Column("log_location", sa.Text()),
        sa.Column("snapshot_id", sa.Text()),
        sa.Column("recoveries", sa.Integer(), nullable=False),
        sa.Column("crash_reason", sa.Text()),
        sa.Column("cancel_reason", sa.Text()),
        sa.Column("pause", sa.Text()),
        sa.Column("wake_at", sa.BigInteger()),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("request_hash", sa.Text()),
        sa.Column("engine_version", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Text()),
        sa.Column("claim_recovery", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["plan_hash"], ["plans.hash"], name="fk_executions_plan_hash"),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
    )
    op.create_index(
        "ix_executions_active_owner",
        "executions",
        ["owner_id", "created_at", "id"],
        sqlite_where=sa.text(_ACTIVE),
        postgresql_where=sa.text(_ACTIVE),
    )
    op.create_index(
        "ix_executions_batch",
        "executions",
        ["batch_id"],
        sqlite_where=sa.text("batch_id IS NOT NULL"),
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index("ix_executions_page", "executions", ["workspace_id", "created_at", "id"])
    op.create_index(
        "ix_executions_parent",
        "executions",
        ["parent_id"],
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index("ix_executions_plan", "executions", ["plan_hash"])
    op.create_index(
        "ix_executions_wake",
        "executions",
        ["wake_at"],
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_index(
        "ix_executions_root",
        "executions",
        ["root_id"],
        sqlite_where=sa.text("root_id IS NOT NULL"),
        postgresql_where=sa.text("root_id IS NOT NULL"),
    )
    op.create_index("ix_executions_status", "executions", ["workspace_id", "status", "created_at", "id"])
    op.create_index(
        "uq_executions_idempotency",
        "executions",
        ["workspace_id", sa.text("coalesce(workflow_id, '')"), "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index("ix_executions_workflow", "executions", ["workspace_id", "workflow_id", "created_at", "id"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name="fk_events_execution_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("execution_id", "last_seq", name="pk_events"),
    )


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text()),
        sa.Column("waitpoint_id", sa.Text()),
        sa.Column("by", sa.Text()),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_epoch", sa.BigInteger()),
        sa.Column("consumed_at", sa.BigInteger()),
        sa.Column("outcome", sa.Text()),
        sa.Column("dedupe_key", sa.Text()),
        sa.UniqueConstraint("execution_id", "dedupe_key", name="uq_inbox_dedupe"),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name="fk_inbox_execution_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
    )
    op.create_index(
        "ix_inbox_unconsumed",
        "inbox",
        ["execution_id", "received_at", "id"],
        sqlite_where=sa.text("consumed_at IS NULL"),
        postgresql_where=sa.text("consumed_at IS NULL"),
    )


def _create_node_logs() -> None:
    op.create_table(
        "node_logs",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("success", sa.Boolean()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("input", sa.Text()),
        sa.Column("output", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("usage", sa.Text()),
        sa.Column("stream_id", sa.Text()),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_node_logs_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", "id", name="pk_node_logs"),
    )
    op.create_index("ix_node_logs_execution_id_seq_id", "node_logs", ["execution_id", "seq", "id"])


def _create_snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_snapshots_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_execution_id_seq", "snapshots", ["execution_id", "seq"], unique=True)


def _create_waitpoints() -> None:
    op.create_table(
        "waitpoints",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text()),
        sa.Column("instance", sa.Text()),
        sa.Column("node_id", sa.Text()),
        sa.Column("token", sa.Text()),
        sa.Column("token_hash", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("prompt", sa.Text()),
        sa.Column("expected_input", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("completed_at", sa.BigInteger()),
        sa.Column("completed_by", sa.Text()),
        sa.Column("data", sa.Text()),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name="fk_waitpoints_execution_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_waitpoints"),
    )
    op.create_index("ix_waitpoints_execution_id_status", "waitpoints", ["execution_id", "status"])
    op.create_index("ix_waitpoints_page", "waitpoints", ["workspace_id", "status", "created_at", "id"])
    op.create_index("ix_waitpoints_status_expires_at", "waitpoints", ["status", "expires_at"])
    op.create_index("ix_waitpoints_token_hash", "waitpoints", ["token_hash"], unique=True)
