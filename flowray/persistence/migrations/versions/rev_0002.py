"""What durability adds to the first schema: one function for each concept, in the order in which they depend."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Expand only: programs of the first schema can go on working on this one (R41)."""
    _create_workflow_memories()
    _retain_executions()
    _waitpoints_of_no_execution()
    _create_metadata_changes()
    _count_failed_recoveries()
    _create_queues()
    _create_limits()
    _create_triggers()
    _create_callbacks()
    _find_what_is_spent()
    _create_child_calls()
    _create_connections()
    _create_llm_cache()
    _create_knowledge()


def _create_workflow_memories() -> None:
    """The memory that all executions of a workflow share (R17)."""
    op.create_table(
        "workflow_memories",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "workflow_id", name="pk_workflow_memories"),
    )
    op.create_table(
        "workflow_memory_entries",
        sa.Column("workspace_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "workflow_id", "key", name="pk_workflow_memory_entries"),
    )


def _retain_executions() -> None:
    """Until when ended executions are kept, and how those are found that are due."""
    op.add_column("executions", sa.Column("retain_until", sa.BigInteger))
    for name, column in (("retain", "retain_until"), ("ended", "ended_at"), ("rerun", "rerun_of")):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_executions_{name}", "executions", [column], sqlite_where=where, postgresql_where=where)


def _waitpoints_of_no_execution() -> None:
    """Who waits for what else than its own token, what waitpoints are called, and from where answers came."""
    for name in ("name", "source", "filter", "tags", "completed_from", "request_hash"):
        op.add_column("waitpoints", sa.Column(name, sa.Text))
    op.create_index(
        "ix_waitpoints_source",
        "waitpoints",
        ["source", "status"],
        sqlite_where=sa.text("source IS NOT NULL"),
        postgresql_where=sa.text("source IS NOT NULL"),
    )
    op.add_column("inbox", sa.Column("origin", sa.Text))


def _create_metadata_changes() -> None:
    """Which changes of metadata have been made, so that none is made twice."""
    op.create_table(
        "metadata_changes",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", name="fk_metadata_changes_execution_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "id", name="pk_metadata_changes"),
    )


def _count_failed_recoveries() -> None:
    """How many owners in a row have died with an execution (R28)."""
    op.add_column("executions", sa.Column("failed_recoveries", sa.Integer, nullable=False, server_default=sa.text("0")))


def _create_queues() -> None:
    """Queues with their limits; where and since when executions wait; until when a key finds its execution."""
    op.create_table(
        "queues",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("max_concurrent", sa.Integer),
        sa.Column("max_per_key", sa.Integer),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("overridden", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_queues"),
    )
    for name in ("queue", "concurrency_key"):
        op.add_column("executions", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("executions", sa.Column("queue_order", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    for name in ("queued_at", "not_before", "expires_at", "admitted_at", "idempotency_expires_at"):
        op.add_column("executions", sa.Column(name, sa.BigInteger))
    active = "(status NOT IN ('cancelled', 'completed', 'crashed', 'expired', 'failed', 'timed_out'))"
    line = ["workspace_id", "queue", "concurrency_key"]
    for suffix, columns, condition in (
        ("slots", line, f"{active} AND owner_id IS NOT NULL AND parent_id IS NULL"),
        ("line", [*line, "queue_order", "id"], "status = 'queued' AND owner_id IS NULL AND parent_id IS NULL"),
        (
            "resting",
            ["workspace_id", "queue", "queue_order", "id"],
            "status IN ('paused', 'running', 'waiting') AND owner_id IS NULL AND parent_id IS NULL",
        ),
        ("served", [*line, "admitted_at"], "admitted_at IS NOT NULL AND concurrency_key != ''"),
    ):
        where = sa.text(condition)
        op.create_index(f"ix_executions_{suffix}", "executions", columns, sqlite_where=where, postgresql_where=where)


def _create_limits() -> None:
    """Named limits of resources, and the attempts under them."""
    op.create_table(
        "limits",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rpm", sa.BigInteger),
        sa.Column("tpm", sa.BigInteger),
        sa.Column("concurrency", sa.Integer),
        sa.Column("requests", sa.Float, nullable=False),
        sa.Column("tokens", sa.Float, nullable=False),
        sa.Column("refilled_at", sa.BigInteger, nullable=False),
        sa.Column("served", sa.BigInteger, nullable=False),
        sa.Column("paused_until", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_limits"),
    )
    op.create_table(
        "limit_uses",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("limit_name", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("granted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", "limit_name", name="pk_limit_uses"),
    )
    op.create_index("ix_limit_uses_owner", "limit_uses", ["owner_id", "granted_at"])
    op.create_index("ix_limit_uses_execution", "limit_uses", ["execution_id", "limit_name"])
    op.create_index("ix_limit_uses_waiting", "limit_uses", ["limit_name", "granted_at", "place", "asked_at", "id"])


def _create_connections() -> None:
    """Accounts at other services, their secrets sealed."""
    op.create_table(
        "connections",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False, server_default=""),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("secret_names", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("renewing_until", sa.BigInteger),
        sa.Column("renewing_by", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_connections"),
    )


def _create_triggers() -> None:
    """What starts executions, and what has."""
    op.create_table(
        "triggers",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("input_mapping", sa.Text),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("topic", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("next_fire_at", sa.BigInteger),
        sa.Column("last_fired_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_triggers"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "workflow_id"],
            ["workflows.workspace_id", "workflows.id"],
            name="fk_triggers_workflow",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_triggers_page", "triggers", ["workspace_id", "created_at", "id"])
    op.create_index("ix_triggers_workflow", "triggers", ["workspace_id", "workflow_id"])
    for name, columns, unique in (
        ("uq_triggers_node", ["workspace_id", "workflow_id", "node_id"], True),
        ("ix_triggers_due", ["next_fire_at"], False),
        ("ix_triggers_topic", ["topic"], False),
    ):
        where = sa.text(f"{columns[-1]} IS NOT NULL")
        op.create_index(name, "triggers", columns, unique=unique, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "trigger_firings",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("trigger_id", sa.Text, nullable=False),
        sa.Column("fire_key", sa.Text, nullable=False),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("scheduled_at", sa.BigInteger),
        sa.Column("fired_at", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text),
        sa.Column("holds", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("retry_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("trigger_id", "fire_key", name="pk_trigger_firings"),
    )
    op.create_index("ix_trigger_firings_page", "trigger_firings", ["trigger_id", "fired_at", "fire_key"])
    op.create_index("ix_trigger_firings_age", "trigger_firings", ["fired_at"])
    for name, column, on_sqlite, on_postgresql in (
        ("retry", "retry_at", "retry_at IS NOT NULL", "retry_at IS NOT NULL"),
        ("queued", "trigger_id", "status = 'queued'", "status = 'queued'"),
        ("holds", "trigger_id", "holds IS 1", "holds IS true"),
    ):
        op.create_index(
            f"ix_trigger_firings_{name}",
            "trigger_firings",
            [column],
            sqlite_where=sa.text(on_sqlite),
            postgresql_where=sa.text(on_postgresql),
        )


def _create_callbacks() -> None:
    """Whom the starters of executions want to be told, and what is to be delivered."""
    op.add_column("executions", sa.Column("callback", sa.Text))
    op.create_table(
        "callbacks",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", name="fk_callbacks_execution_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("claim_id", sa.Text),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_callbacks"),
    )
    op.create_index("ix_callbacks_execution", "callbacks", ["execution_id"])
    op.create_index("ix_callbacks_page", "callbacks", ["workspace_id", "created_at", "id"])
    pending = sa.text("status = 'pending'")
    op.create_index("ix_callbacks_due", "callbacks", ["next_at"], sqlite_where=pending, postgresql_where=pending)


def _create_child_calls() -> None:
    """Who waits for which child that is called by key."""
    op.create_table(
        "child_calls",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column(
            "parent_id",
            sa.Text,
            sa.ForeignKey("executions.id", name="fk_child_calls_parent_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("parent_key", sa.Text, nullable=False),
        sa.Column(
            "child_id",
            sa.Text,
            sa.ForeignKey("executions.id", name="fk_child_calls_child_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("parent_id", "parent_key", name="pk_child_calls"),
    )
    op.create_index("ix_child_calls_child", "child_calls", ["child_id"])


def _find_what_is_spent() -> None:
    """Up to when values of executions were looked through, and indexes of what goes by its age."""
    op.create_table(
        "value_sweeps",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", name="fk_value_sweeps_execution_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("swept_before", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", name="pk_value_sweeps"),
    )
    op.create_index("ix_payloads_owner_age", "payloads", ["execution_id", "created_at"])
    op.create_index("ix_metadata_changes_age", "metadata_changes", ["changed_at"])
    settled = sa.text("status != 'pending'")
    op.create_index("ix_callbacks_settled", "callbacks", ["next_at"], sqlite_where=settled, postgresql_where=settled)


def _create_llm_cache() -> None:
    """Answers that models gave before, for nodes that ask for a cache."""
    op.create_table(
        "llm_cache",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name="pk_llm_cache"),
    )
    op.create_index("ix_llm_cache_expires_at", "llm_cache", ["expires_at"])


def _create_knowledge() -> None:
    """Knowledge bases, their documents, and chunks of these with vectors."""
    op.create_table(
        "knowledge_bases",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_knowledge_bases"),
    )
    op.create_table(
        "knowledge_documents",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("base_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("metadata", sa.Text),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "base_id", "name", name="pk_knowledge_documents"),
    )
    op.create_table(
        "knowledge_chunks",
        sa.Column("workspace_id", sa.Text, nullable=False, server_default="default"),
        sa.Column("base_id", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        # As arrays, PostgreSQL's pgvector can compare them without a type that only it has.
        sa.Column("vector", sa.LargeBinary().with_variant(postgresql.ARRAY(sa.REAL), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "base_id", "document", "number", name="pk_knowledge_chunks"),
    )
