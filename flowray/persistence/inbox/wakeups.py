"""Words between servers on one PostgreSQL that an inbox has a new row: NOTIFY, as a wake-up only (R25, R41).

A word may be lost, doubled or late: whoever owns the execution finds the row with its next sweep. SQLite has no need of
it, since its one server hears of everything itself. Who listens is in ``inbox.listener``.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, func, select

from flowray.persistence.database.transaction import Transaction

CHANNEL = "flowray_inbox"

MOST_WORDS = 200
"""Of one transaction: a batch that cancels thousands leaves the rest to the sweeps."""

_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("its_id")))


def notify_inboxes(tx: Transaction, execution_ids: Iterable[str]) -> None:
    """Tell all servers, once this transaction is durable."""
    if tx.connection.dialect.name != "postgresql":
        return
    words = [{"its_id": its_id} for its_id in dict.fromkeys(execution_ids)]
    if words:
        tx.connection.execute(_NOTIFY, words[:MOST_WORDS])
