"""What settings turn into: storage, services, keys, a runtime in this process. No Ray."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowray import bootstrap
from flowray.handlers.services import Payloads
from flowray.persistence.payloads import DatabasePayloads, DirectoryPayloads
from flowray.persistence.records import ExecutionRecord
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox
from flowray.settings import ProviderSettings, Settings
from tests.fakes.services import MemoryPayloads
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


def test_postgresql_keeps_payloads_in_the_database(tmp_path: Path) -> None:
    """Nothing connects before it is used."""
    storage = bootstrap.open_storage(settings_in(tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"))
    assert isinstance(storage.payloads, DatabasePayloads)
    assert not (tmp_path / "state").exists()


def test_one_engine_per_database_and_process(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert bootstrap.open_engine(settings) is bootstrap.open_engine(settings_in(tmp_path))


def test_services_hold_the_allow_listed_environment_and_the_configured_providers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGION", "eu")
    monkeypatch.setenv("LOCAL_KEY", "k")
    settings = settings_in(
        tmp_path, env_allow=["REGION"], llm_base_url="http://a/v1", llm_default_model="m",
        providers={"local": ProviderSettings(base_url="http://b/v1", api_key_env="LOCAL_KEY")},
    )  # fmt: skip
    payloads: Payloads = MemoryPayloads()
    services = bootstrap.build_services(settings, payloads)
    assert services.env == {"REGION": "eu"}
    assert services.payloads is payloads
    assert isinstance(services.sandbox, ProcessSandbox)
    providers = bootstrap._chat_providers(settings)
    assert (providers["openai"].base_url, providers["openai"].default_model) == ("http://a/v1", "m")
    assert (providers["local"].base_url, providers["local"].api_key) == ("http://b/v1", "k")


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
