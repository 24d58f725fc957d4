"""Bringing a database to the present schema."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import open_database, writing
from flowray.persistence.migrations import COMPATIBLE_FROM, HEAD, instance_id, read_setting, upgrade
from flowray.persistence.migrations.runner import scripts


def test_head_is_the_newest_revision_and_revisions_are_numbered() -> None:
    revisions = [script.revision for script in scripts().walk_revisions()]
    assert revisions[0] == HEAD
    assert revisions == [f"{number:04}" for number in range(len(revisions), 0, -1)]


def test_an_empty_database_is_migrated_and_named(database_url: str) -> None:
    engine = open_database(database_url)
    assert upgrade(engine) == HEAD
    first = instance_id(engine)
    assert len(first) == 12
    assert upgrade(engine) == HEAD
    assert instance_id(engine) == first
    assert read_setting(engine, COMPATIBLE_FROM) == "0001"
    assert read_setting(engine, "unknown") is None
    engine.dispose()


def test_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    engines = [open_database(database_url) for _ in range(4)]
    barrier = threading.Barrier(4)

    def start(number: int) -> tuple[str, str]:
        barrier.wait()
        return upgrade(engines[number]), instance_id(engines[number])

    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(start, range(4)))
    assert len(results) == 1
    assert results.pop()[0] == HEAD
    for engine in engines:
        engine.dispose()


def test_processes_that_start_at_once_migrate_once(sqlite_url: str) -> None:
    program = (
        "import sys; from flowray.persistence.database.engine import open_database;"
        "from flowray.persistence.migrations import upgrade, instance_id;"
        "engine = open_database(sys.argv[1]); upgrade(engine); print(instance_id(engine))"
    )
    command = [sys.executable, "-c", program, sqlite_url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(outputs) == 1


def test_a_present_database_is_recognised_without_alembic(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    upgrade(engine)
    engine.dispose()
    program = (
        "import sys; from flowray.persistence.database.engine import open_database;"
        "from flowray.persistence.migrations import upgrade; upgrade(open_database(sys.argv[1]));"
        "print('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program, sqlite_url], stdout=subprocess.PIPE, text=True, check=True)
    assert run.stdout == "False\n"


def _pretend(url: str, revision: str, compatible_from: str) -> None:
    engine = open_database(url)
    upgrade(engine)
    with writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
        update = text("UPDATE settings SET value = :it WHERE key = :key")
        connection.execute(update, {"it": compatible_from, "key": COMPATIBLE_FROM})
    engine.dispose()


def test_r41_a_newer_schema_that_only_expanded_is_worked_on(database_url: str) -> None:
    _pretend(database_url, "9999", HEAD)
    engine = open_database(database_url)
    assert upgrade(engine) == "9999"
    engine.dispose()


def test_r41_a_newer_schema_that_contracted_is_refused(database_url: str) -> None:
    _pretend(database_url, "9999", "9998")
    engine = open_database(database_url)
    with pytest.raises(FlowrayError) as caught:
        upgrade(engine)
    assert caught.value.code == ErrorCode.UNSUPPORTED_VERSION
    assert "9998" in caught.value.message
    engine.dispose()


def test_a_database_that_is_away_is_not_taken_for_an_empty_one(tmp_path: object) -> None:
    with pytest.raises(FlowrayError) as caught:
        upgrade(open_database(f"sqlite:///{tmp_path}/no/such/folder/x.db"))
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE
