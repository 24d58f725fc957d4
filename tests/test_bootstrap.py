"""What settings turn into: storage, services, keys, a runtime in this process. No Ray."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowray import bootstrap
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import HttpRequest
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.payloads.directory import DirectoryPayloads
from flowray.persistence.payloads.fsspec_store import FsspecPayloads
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes.limits import SaveLimit
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.callback_bodies import derived_secret
from flowray.settings import LimitSettings, Settings
from tests.runtime.workflows import compiled


def settings_in(folder: Path, **more: Any) -> Settings:
    return Settings(state_dir=folder / "state", **more)


def test_sqlite_lies_in_a_private_folder_with_its_payloads_beside_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = bootstrap.migrate(settings)
    storage = bootstrap.open_storage(settings)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert (tmp_path / "state" / "flowray.db").exists()
    assert isinstance(storage.payloads, DirectoryPayloads)
    assert storage.reader.claimable() == 0
    assert bootstrap.migrate(settings) == first
    facts = bootstrap.database_facts(settings)
    assert (facts["database"], facts["proxy_mode"]) == ("sqlite", "python")
    assert "FULL" in str(facts["durability_mode"])


def test_a_limit_of_everything_is_declared_until_somebody_sets_another(tmp_path: Path) -> None:
    def limit(**more: Any) -> int | None:
        settings = settings_in(tmp_path, **more)
        bootstrap.migrate(settings)
        found = bootstrap.open_storage(settings).reader.queues.get("global")
        return None if found is None else found.max_concurrent

    assert limit() is None
    assert limit(max_running=5) == 5
    assert limit() == 5
    changes = {"max_concurrent": 9, "overridden": True}
    storage = bootstrap.open_storage(settings_in(tmp_path))
    storage.committer.commit([ConfigureQueue(name="global", changes=changes, ts=1)])
    assert limit(max_running=5) == 9


def test_postgresql_keeps_payloads_in_the_database(tmp_path: Path) -> None:
    """Nothing connects before it is used."""
    storage = bootstrap.open_storage(settings_in(tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"))
    assert isinstance(storage.payloads, DatabasePayloads)
    assert not (tmp_path / "state").exists()


def test_a_payload_url_says_where_large_values_lie(tmp_path: Path) -> None:
    def payloads_at(url: str, **more: Any) -> Any:
        return bootstrap.open_storage(settings_in(tmp_path, payload_url=url, **more)).payloads

    local = payloads_at(f"file://{tmp_path}/blobs")
    assert isinstance(local, DirectoryPayloads)
    put_id = local.put("e1", "k", b"1")
    assert (tmp_path / "blobs" / put_id.replace(".", "/")).read_bytes() == b"1"
    database_url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    elsewhere = payloads_at("memory://test-bootstrap", database_url=database_url)
    assert isinstance(elsewhere, FsspecPayloads)
    assert elsewhere.get(elsewhere.put("e1", "k", b"2")) == b"2"


def test_retention_is_for_ever_unless_a_time_is_set(tmp_path: Path) -> None:
    policy = bootstrap.retention_policy(settings_in(tmp_path))
    assert (policy.completed_ms, policy.failed_ms, policy.grace_ms) == (None, None, 24 * 3_600_000)
    assert policy.every_s > 0
    policy = bootstrap.retention_policy(settings_in(tmp_path, retention_completed_s=1.5, retention_failed_s=0))
    assert (policy.completed_ms, policy.failed_ms) == (1_500, 0)


def test_one_engine_per_database_and_process(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert bootstrap.open_engine(settings) is bootstrap.open_engine(settings_in(tmp_path))


def test_the_signing_key_is_made_once_and_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FLOWRAY_SIGNING_KEY", raising=False)
    settings = settings_in(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: bootstrap.signing_key(settings), range(32)))
    (key,) = keys
    assert len(key) >= 40
    path = tmp_path / "state" / "signing.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["signing.key"]


def test_a_given_signing_key_wins_and_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLOWRAY_SIGNING_KEY", "given")
    assert bootstrap.signing_key(settings_in(tmp_path)) == "given"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "sqlite"])
async def test_a_local_runtime_runs_a_workflow(tmp_path: Path, in_memory: bool) -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "who"}},
        "out": {"type": "output", "config": {"outputName": "greeting", "value": "hello {{who}}"}},
    }
    plan = compiled(nodes, "in -> out")
    runtime = bootstrap.local_runtime(settings_in(tmp_path), in_memory=in_memory)
    runtime.start_threads()
    try:
        record = ExecutionRecord(id="e1", status="queued", plan_hash=plan_hash(plan), inputs={"who": "world"})
        await runtime.start([record], plan_to_json(plan))
        events = [event async for batch in runtime.follow("e1") for event in batch]
        row = runtime.reader.execution_by_id("e1")
        assert row is not None
        assert (row.status, row.outputs) == ("completed", {"greeting": "hello world"})
        assert events[-1].type == "execution.completed"
        assert (await runtime.info())["database"] == ("memory" if in_memory else "sqlite")
    finally:
        await runtime.close()
    assert (tmp_path / "state" / "flowray.db").exists() is not in_memory


async def test_limits_of_the_settings_are_there_until_somebody_sets_others(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, limits={"openai": LimitSettings(rpm=5, concurrency=2)})
    bootstrap.migrate(settings)
    storage = bootstrap.open_storage(settings)
    assert [status.record.rpm for status in storage.reader.limits.statuses()] == [5]
    storage.committer.commit([SaveLimit(name="openai", tpm=9)])
    bootstrap.migrate(settings)
    (status,) = storage.reader.limits.statuses()
    assert (status.record.rpm, status.record.tpm) == (None, 9)
    in_memory = bootstrap.local_runtime(settings)
    assert [status.record.name for status in in_memory.reader.limits.statuses()] == ["openai"]
    await in_memory.close()


async def test_callbacks_are_signed_by_what_is_derived_and_go_where_nodes_may(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOWRAY_SIGNING_KEY", "the key of the server")
    settings = Settings(state_dir=tmp_path, allow_private_targets=False, callback_attempts=3)
    options = bootstrap.callback_options(settings)
    assert options.secret_factory() == derived_secret("the key of the server")
    assert options.policy.max_attempts == 3
    transport = options.transport_factory()
    with pytest.raises(FlowrayError) as caught:
        await transport.send(HttpRequest(method="POST", url="http://127.0.0.1:9/"))
    assert caught.value.code is ErrorCode.FORBIDDEN
    await transport.aclose()
