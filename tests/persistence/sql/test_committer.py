"""The SQL committer under faults: deadlocks, poisonous writes, lost acknowledgements, SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import DatabaseOptions, open_database, writing
from flowray.persistence.journal import JournalOptions, ThreadJournal
from flowray.persistence.migrations import upgrade
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.writes import Done, Inserted, Refused, Saved
from tests.persistence.samples import append, insert, node_log, owned, save


def test_acknowledgement_lost_by_the_driver_itself(database_url: str) -> None:
    """The commit reaches the database, then the connection fails: the journal repeats, nothing is doubled."""
    engine = open_database(database_url)
    upgrade(engine)
    journal = ThreadJournal(SqlCommitter(engine), JournalOptions(first_retry_s=0, longest_retry_s=0))
    losses = [2]

    def lose(connection: Connection) -> None:
        if losses[0]:
            losses[0] -= 1
            connection.connection.commit()
            raise OperationalError(
                "COMMIT", {}, psycopg.OperationalError("connection lost"), connection_invalidated=True
            )

    event.listen(engine, "commit", lose)
    assert journal.commit([owned(), append(), append(expected_seq=2)]) == [
        Inserted(id="e1", status="queued"),
        Done(),
        Done(),
    ]
    journal.close()
    assert losses == [0]
    assert [seq.seq for seq in SqlReader(engine).events.read("e1")] == [1, 2, 3, 4]
    assert journal.statistics().retries == 2
    engine.dispose()


@pytest.mark.postgres
def test_text_that_the_database_cannot_hold_is_refused_alone(postgres_url: str) -> None:
    """PostgreSQL has no NUL in text: the one write is refused, its group commits."""
    engine = open_database(postgres_url)
    upgrade(engine)
    committer, reader = SqlCommitter(engine), SqlReader(engine)
    results = committer.commit(
        [owned("e1"), owned("e2"), append("e1", node_logs=(node_log(node_id="nul\0"),)), append("e2"), save(name="\0")]
    )
    assert [type(result) for result in results] == [Inserted, Inserted, Refused, Done, Refused]
    assert isinstance(results[2], Refused)
    assert results[2].code == ErrorCode.INVALID_REQUEST
    assert "NUL" in results[2].detail
    e1, e2 = reader.execution("e1"), reader.execution("e2")
    assert e1 is not None
    assert e2 is not None
    assert (e1.last_seq, e2.last_seq) == (0, 2)
    engine.dispose()


@pytest.mark.postgres
def test_a_deadlock_is_repeated_at_once(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    upgrade(engine)
    failures = [3]

    def deadlock(connection: Connection, *_: Any) -> None:
        if failures[0]:
            failures[0] -= 1
            raise OperationalError("UPDATE", {}, psycopg.errors.DeadlockDetected())

    event.listen(engine, "before_cursor_execute", deadlock)
    assert SqlCommitter(engine).commit([save()]) == [Saved(version=1, created_at=1_000, updated_at=1_000)]
    assert failures == [0]
    engine.dispose()


def test_a_locked_database_is_reported_and_nothing_is_written(sqlite_url: str) -> None:
    engine, other = open_database(sqlite_url), open_database(sqlite_url, DatabaseOptions(busy_timeout_ms=1))
    upgrade(engine)
    committer = SqlCommitter(other)
    with writing(engine).begin(), pytest.raises(FlowrayError) as caught:
        committer.commit([insert()])
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE
    assert committer.commit([insert()]) == [Inserted(id="e1", status="queued")]
    engine.dispose()
    other.dispose()


def test_more_writes_than_fit_into_one_in_list(database_url: str) -> None:
    engine = open_database(database_url)
    upgrade(engine)
    committer, reader = SqlCommitter(engine), SqlReader(engine)
    committer.commit([owned(f"e{number}") for number in range(1_203)])
    results = committer.commit([append(f"e{number}", count=1) for number in range(1_203)])
    assert set(map(type, results)) == {Done}
    assert reader.events.read("e1202")[0].seq == 1
    engine.dispose()


WRITER = """
import sys
from flowray.persistence.database.engine import open_database
from flowray.persistence.sql.committer import SqlCommitter
from tests.persistence.samples import append, owned
committer = SqlCommitter(open_database(sys.argv[1]))
committer.commit([owned()])
seq = 0
while True:
    committer.commit([append(expected_seq=seq, count=2)])
    seq += 2
    print(seq, flush=True)
"""


def test_sigkill_in_the_middle_of_commits_loses_nothing_acknowledged(sqlite_url: str) -> None:
    """What was acknowledged is there, in order, and the next writer goes on where the log ends."""
    engine = open_database(sqlite_url)
    upgrade(engine)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, sqlite_url], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) >= 100:
            break
    deadline = time.monotonic_ns() % 3_000_000 + time.monotonic_ns()
    while time.monotonic_ns() < deadline:
        pass  # up to 3 ms: the kill falls anywhere within a commit
    writer.send_signal(signal.SIGKILL)
    acknowledged = int(([line, *writer.stdout.read().split()])[-1])
    writer.wait()
    writer.stdout.close()
    reader = SqlReader(engine)
    seqs = [recorded.seq for recorded in reader.events.read("e1", limit=100_000)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert acknowledged <= len(seqs) <= acknowledged + 2
    execution = reader.execution("e1")
    assert execution is not None
    assert execution.last_seq == len(seqs)
    assert SqlCommitter(engine).commit([append(expected_seq=len(seqs))]) == [Done()]
    engine.dispose()
