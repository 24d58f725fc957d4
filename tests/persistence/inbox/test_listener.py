"""R41: a row in an inbox is heard of on every server; a word that is lost is nobody's only one."""

from __future__ import annotations

import queue
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from flowray.persistence.database.engine import open_database
from flowray.persistence.inbox.listener import InboxListener
from flowray.persistence.migrations import upgrade
from flowray.persistence.records import InboxRecord
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.writes import AnyWrite, Inserted, InsertInbox
from tests.persistence.samples import append, insert

WAIT_S = 60


def request(execution_id: str, row_id: str) -> InsertInbox:
    return InsertInbox(record=InboxRecord(id=row_id, execution_id=execution_id, kind="cancel"))


@pytest.mark.postgres
def test_r41_rows_of_any_writer_are_heard_after_their_commit(postgres_url: str) -> None:
    here, there = open_database(postgres_url), open_database(postgres_url)
    upgrade(here)
    heard: queue.Queue[Sequence[str]] = queue.Queue()
    listener = InboxListener(here, heard.put)
    listener.start()
    try:
        assert listener.wait_until_listening(WAIT_S)
        committer = SqlCommitter(there)
        writes: list[AnyWrite] = [insert("e1"), insert("e2")]
        assert all(isinstance(result, Inserted) for result in committer.commit(writes))
        committer.commit([request("e1", "r1"), request("e1", "r2"), request("e2", "r3")])
        words = set(heard.get(timeout=WAIT_S))
        while words != {"e1", "e2"}:
            words |= set(heard.get(timeout=WAIT_S))
        # The commit of another execution takes a row along.
        row = InboxRecord(id="r4", execution_id="e2", kind="child")
        committer.commit([append("e1", 0, outbox=(row,))])
        assert heard.get(timeout=WAIT_S) == ["e2"]
    finally:
        listener.stop()
        here.dispose()
        there.dispose()


@pytest.mark.postgres
def test_r41_a_broken_connection_is_opened_again(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowray.persistence.inbox.listener.RETRY_S", 0.05)
    engine = open_database(postgres_url)
    upgrade(engine)
    heard: queue.Queue[Sequence[str]] = queue.Queue()
    listener = InboxListener(engine, heard.put)
    listener.start()
    try:
        assert listener.wait_until_listening(WAIT_S)
        ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
        with engine.begin() as connection:
            assert connection.execute(ended).all() == [(True,)]
        committer = SqlCommitter(engine)
        committer.commit([insert("e1")])
        for number in range(10_000):
            committer.commit([request("e1", f"r{number}")])
            try:
                assert heard.get(timeout=0.05) == ["e1"]
                break
            except queue.Empty:
                continue
        else:
            raise AssertionError("nothing is heard any more")
    finally:
        listener.stop()
        engine.dispose()
