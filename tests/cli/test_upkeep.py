"""Commands that delete, collect and look for what is wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flowray import bootstrap
from flowray.client.sync_client import Client
from flowray.persistence.stores import Storage
from flowray.settings import Settings
from tests.cli.conftest import GREET, WAITING, Command
from tests.persistence.samples import insert, owner

DAY_MS = 24 * 3_600_000


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    """A SQLite database that the commands find by the environment."""
    monkeypatch.setenv("FLOWRAY_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("FLOWRAY_DATABASE_URL", raising=False)
    settings = Settings()
    bootstrap.migrate(settings)
    return bootstrap.open_storage(settings)


def days_ago(days: float) -> int:
    return int(time.time() * 1_000 - days * DAY_MS)


def test_r55_delete(flowray: Command, server_url: str) -> None:
    with Client(server_url) as client:
        done = client.run(GREET, {"name": "Ada"})
        waiting = client.executions.start(definition=WAITING)
        assert client.executions.storage(done.id).total > 0
        assert flowray("delete", done.id).code == 0
        outcome = flowray("delete", done.id)
        assert (outcome.code, "NOT_FOUND" in outcome.err) == (5, True)
        outcome = flowray("delete", waiting.id)
        assert (outcome.code, "EXECUTION_NOT_ENDED" in outcome.err, "hint: cancel" in outcome.err) == (1, True, True)
        assert client.executions.get(waiting.id).id == waiting.id


def test_gc_removes_what_a_dry_run_names(flowray: Command, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"old": 8, "young": 6}
    storage.committer.commit(
        [insert(its_id, status="completed", ended_at=days_ago(days)) for its_id, days in ends.items()]
    )
    assert flowray("gc", "-o", "json").data["executions"] == 0
    monkeypatch.setenv("FLOWRAY_RETENTION_COMPLETED_S", str(7 * 86_400))
    named = flowray("gc", "--dry-run", "-o", "json").data
    assert (named["dry_run"], named["executions"]) == (True, 1)
    assert storage.reader.execution("old") is not None
    removed = flowray("gc", "-o", "json").data
    assert (removed["dry_run"], removed["executions"], removed["rows"]) == (False, 1, 1)
    assert (storage.reader.execution("old"), storage.reader.execution("young") is None) == (None, False)


def test_r26_gc_does_not_write_beside_a_server_on_sqlite(flowray: Command, storage: Storage) -> None:
    storage.committer.commit([owner("o1")])
    outcome = flowray("gc", "-o", "json")
    assert (outcome.code, outcome.error["code"]) == (1, "CONFLICT")
    assert flowray("gc", "--dry-run").code == 0


def test_the_doctor_finds_nothing_wrong(flowray: Command, storage: Storage) -> None:
    storage.committer.commit([insert("e1"), insert("e2", status="completed", ended_at=1)])
    outcome = flowray("doctor", "-o", "json")
    assert (outcome.code, outcome.data["problems"], outcome.data["claimable"]) == (0, [], 1)
    assert "nothing is wrong" in outcome.err


def test_l7_l8_the_doctor_says_what_is_wrong(flowray: Command, storage: Storage) -> None:
    storage.committer.commit([insert("stuck", status="waiting", created_at=1, updated_at=1)])
    storage.payloads.put("gone", "k", b"12345")
    outcome = flowray("doctor", "-o", "json")
    assert outcome.code == 1
    assert [problem["law"] for problem in outcome.data["problems"]] == ["L7"]
    outcome = flowray("doctor", "--older-than", "0", "-o", "json")
    assert (outcome.data["orphan_payloads"], outcome.data["orphan_bytes"]) == (1, 5)
    assert [problem["law"] for problem in outcome.data["problems"]] == ["L7", "L8"]
    assert "L7: execution stuck is waiting" in outcome.err


def test_a_database_that_is_not_there_is_not_made(
    flowray: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOWRAY_STATE_DIR", str(tmp_path / "none"))
    for command in ("gc", "doctor"):
        outcome = flowray(command)
        assert (outcome.code, "there is no database" in outcome.err) == (5, True)
    assert not (tmp_path / "none").exists()
