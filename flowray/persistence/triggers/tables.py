"""The tables of triggers and their firings, on the metadata of ``database.tables``. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, Integer, Table, Text, text

from flowray.persistence.database.tables import JsonText, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

triggers = Table(
    "triggers",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("id", Text, primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("node_id", Text),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("config", JsonText, nullable=False),
    Column("input_mapping", JsonText),
    Column("options", JsonText, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("secret", Text),
    Column("topic", Text),
    Column("revision", Integer, nullable=False),
    # Only of enabled schedules, so that being due is one comparison.
    Column("next_fire_at", BigInteger),
    Column("last_fired_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["workspace_id", "workflow_id"], ["workflows.workspace_id", "workflows.id"], name="fk_triggers_workflow",
        ondelete="CASCADE",
    ),
    Index("ix_triggers_page", "workspace_id", "created_at", "id"),
    Index("ix_triggers_workflow", "workspace_id", "workflow_id"),
)  # fmt: skip

_t = triggers.c
_has_node = _t.node_id.is_not(None)
Index(
    "uq_triggers_node", _t.workspace_id, _t.workflow_id, _t.node_id, unique=True, sqlite_where=_has_node,
    postgresql_where=_has_node,
)  # fmt: skip
_ticks = _t.next_fire_at.is_not(None)
Index("ix_triggers_due", _t.next_fire_at, sqlite_where=_ticks, postgresql_where=_ticks)
_hears = _t.topic.is_not(None)
Index("ix_triggers_topic", _t.topic, sqlite_where=_hears, postgresql_where=_hears)

# No foreign keys: the history outlives trigger, workflow and executions.
trigger_firings = Table(
    "trigger_firings",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("trigger_id", Text, primary_key=True),
    Column("fire_key", Text, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("scheduled_at", BigInteger),
    Column("fired_at", BigInteger, nullable=False),
    Column("payload", JsonText),
    Column("holds", Boolean, nullable=False, server_default=text("false")),
    Column("retry_at", BigInteger),
    Index("ix_trigger_firings_page", "trigger_id", "fired_at", "fire_key"),
    Index("ix_trigger_firings_age", "fired_at"),
)

_f = trigger_firings.c
# Few rows are ever in these: what is being started, what waits for its turn, what policies of overlap look at.
_retried = _f.retry_at.is_not(None)
Index("ix_trigger_firings_retry", _f.retry_at, sqlite_where=_retried, postgresql_where=_retried)
IS_QUEUED = _f.status == text("'queued'")
Index("ix_trigger_firings_queued", _f.trigger_id, sqlite_where=IS_QUEUED, postgresql_where=IS_QUEUED)
Index("ix_trigger_firings_holds", _f.trigger_id, sqlite_where=_f.holds.is_(True), postgresql_where=_f.holds.is_(True))
