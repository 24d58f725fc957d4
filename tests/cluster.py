"""One Ray cluster per test session, and flowray servers on it. Only tests under integration/ and acceptance/ use it."""

from __future__ import annotations

import os
import random
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import ray
import uvicorn
from ray.actor import ActorHandle
from ray.exceptions import ActorUnavailableError
from ray.util.state import list_actors, list_tasks

from flowray.api.deployment import run_application, start_serve, stop_serve
from flowray.bootstrap import open_engine
from flowray.bootstrap_ray import build_replica_app, runtime_config, serve_application
from flowray.runtime.on_ray.cluster import create_actors, kill_actors, wait_until_ready
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.session import RaySession, connect, disconnect
from flowray.settings import ProviderSettings, Settings
from tests.databases import postgres_database
from tests.hostile.modes import chosen
from tests.hostile.on_ray import ReplicaStorage, hostile_config

TERMINAL = {"completed", "failed", "cancelled", "timed_out", "crashed", "expired"}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, below those that the system hands out by itself: Ray starts a
    dozen processes between the choice and its use, and each of them takes some.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass
class FlowrayServer:
    """A running server: where it listens, how it is set up, and its actors."""

    base_url: str
    settings: Settings
    config: RuntimeConfig
    actors: dict[str, ActorHandle[Any]]
    replica_urls: tuple[str, ...] = ()
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.base_url, timeout=60)

    def __enter__(self) -> FlowrayServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.http.close()

    def actor(self, prefix: str) -> ActorHandle[Any]:
        """The actor whose name starts with ``prefix``."""
        return next(actor for name, actor in self.actors.items() if name.startswith(prefix))

    def pid(self, prefix: str) -> int:
        """The process of an actor, asked from the actor itself."""
        actor = self.actor(prefix)

        def asked() -> int | None:
            call = actor.start.remote() if prefix.startswith("hub") else actor.facts.remote()
            try:
                return int(ray.get(call, timeout=60)["pid"])
            except ActorUnavailableError:  # It is being restarted.
                return None

        return int(eventually(asked))

    def run(self, definition: dict[str, Any], inputs: dict[str, Any] | None = None, wait: float = 60) -> dict[str, Any]:
        """Run an inline definition to its end; returns the execution."""
        started = self.start(definition, inputs)
        return self.finished(started["id"], wait)

    def start(self, definition: dict[str, Any], inputs: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start an inline definition; returns the 202's body."""
        answer = self.http.post("/v1/executions", json={"definition": definition, "inputs": inputs or {}})
        assert answer.status_code == 202, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def finished(self, execution_id: str, wait: float = 60) -> dict[str, Any]:
        """Wait for the end of an execution."""

        def ended() -> dict[str, Any] | None:
            answer = self.http.get(f"/v1/executions/{execution_id}")
            body: dict[str, Any] = answer.json()
            return body if answer.status_code == 200 and body["status"] in TERMINAL else None

        return eventually(ended, wait)

    def cancel(self, execution_id: str) -> dict[str, Any]:
        """Cancel an execution and wait for its end."""
        answer = self.http.post(f"/v1/executions/{execution_id}/cancel")
        assert answer.status_code == 202, answer.text
        return self.finished(execution_id)

    def events(self, execution_id: str) -> list[dict[str, Any]]:
        """All events of an execution, as the JSON page gives them."""
        found: list[dict[str, Any]] = []
        after = 0
        while True:
            answer = self.http.get(
                f"/v1/executions/{execution_id}/events",
                params={"after": after},
                headers={"Accept": "application/json"},
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()["data"]
            if not page:
                return found
            found.extend(page)
            after = page[-1]["seq"]

    def nodes(self, execution_id: str) -> list[dict[str, Any]]:
        """One row per attempt."""
        rows: list[dict[str, Any]] = self.http.get(
            f"/v1/executions/{execution_id}/nodes", params={"limit": 1000}
        ).json()["data"]
        return rows

    def statuses(self, execution_id: str) -> dict[str, str]:
        """Last status of each root node that was reached."""
        return {row["instance"]: row["status"] for row in self.nodes(execution_id)}


def alive_actors() -> list[Any]:
    """The live actors by Ray's state API: of the cluster that this process is connected to, not of any other here."""
    return list_actors(_gcs_address(), filters=[("state", "=", "ALIVE")], limit=1_000, detail=True)


def tasks_in_state(state: str, name: str = "") -> list[Any]:
    """The tasks of this cluster that are in ``state``, by Ray's state API, which lists no more than 10,000: after many
    tests, ask for a ``name``.
    """
    named = [("name", "=", name)] if name else []
    return list_tasks(_gcs_address(), filters=[("state", "=", state), *named], limit=10_000, detail=True)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, if only its parent has not yet heard of it."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _gcs_address() -> str:
    address: str = ray.get_runtime_context().gcs_address
    return address


def eventually(probe: Callable[[], Any], timeout_s: float = 60, every_s: float = 0.05) -> Any:
    """Poll until ``probe`` gives something; fails after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    last: Any = None
    while time.monotonic() < deadline:
        try:
            last = probe()
        except (httpx.TransportError, KeyError, ValueError) as error:
            last = None
            problem: Any = error
        else:
            problem = None
        if last:
            return last
        time.sleep(every_s)
    raise AssertionError(f"nothing after {timeout_s} s; last: {last!r} {problem!r}")


@contextmanager
def ray_session(namespace: str = "flowray-tests") -> Iterator[RaySession]:
    """A Ray of our own under a short temporary path, ended with the session."""
    folder = Path(tempfile.mkdtemp(prefix="fr", dir="/tmp"))
    os.environ["RAY_TMPDIR"] = str(folder)
    try:
        yield connect(address=None, namespace=namespace, num_cpus=4, dashboard=True, dashboard_port=free_port())
    finally:
        disconnect()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def served(session: RaySession, llm_url: str, **overrides: Any) -> Iterator[FlowrayServer]:
    """The real thing: FastAPI in a Serve replica behind Serve's proxy."""
    with _actors(llm_url, **overrides) as (settings, config, actors):
        start_serve(settings.host, settings.port)
        run_application(serve_application(settings, replace(config, storage_factory=ReplicaStorage(settings))))
        try:
            with FlowrayServer(f"http://127.0.0.1:{settings.port}", settings, config, actors) as running:
                yield running
        finally:
            stop_serve()


@contextmanager
def hosted(
    session: RaySession,
    llm_url: str,
    *,
    apis: int = 1,
    configured: Callable[[RuntimeConfig, Settings], RuntimeConfig] = lambda config, settings: config,
    **overrides: Any,
) -> Iterator[FlowrayServer]:
    """A second server on the same cluster: its actors on Ray, its FastAPI app in a thread of this process.

    A cluster has one Serve proxy; everything behind the API is the same. ``apis`` such apps, each with a port of its
    own, are what several replicas are. ``configured`` changes what the actors are made from.
    """
    with _actors(llm_url, configured, **overrides) as (settings, config, actors), ExitStack() as stack:
        ports = [settings.port, *(free_port() for _ in range(apis - 1))]
        urls = tuple(stack.enter_context(_api(settings, config, port)) for port in ports)
        with FlowrayServer(urls[0], settings, config, actors, urls) as running:
            yield running


@contextmanager
def _api(settings: Settings, config: RuntimeConfig, port: int) -> Iterator[str]:
    """The FastAPI app of a replica in a thread of this process; its URL."""
    app = build_replica_app(settings, config)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, 60)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def _actors(
    llm_url: str,
    configured: Callable[[RuntimeConfig, Settings], RuntimeConfig] = lambda config, settings: config,
    **overrides: Any,
) -> Iterator[tuple[Settings, RuntimeConfig, dict[str, ActorHandle[Any]]]]:
    if chosen().database == "postgresql" and "database_url" not in overrides:
        with postgres_database() as url, _actors(llm_url, configured, database_url=url, **overrides) as made:
            yield made
        return
    state = Path(tempfile.mkdtemp(prefix="flowray-state-"))
    provider = ProviderSettings(base_url=f"{llm_url}/v1", default_model="fake-model")
    settings = Settings(
        state_dir=state,
        port=free_port(),
        llm_base_url=f"{llm_url}/v1",
        llm_default_model="fake-model",
        providers=dict.fromkeys(("anthropic", "google", "cohere", "huggingface", "local"), provider),
        **overrides,
    )
    config = configured(runtime_config(settings), settings)
    actors = create_actors(hostile_config(config, settings, chosen()))
    wait_until_ready(actors)
    try:
        yield settings, config, actors
    finally:
        kill_actors(config)
        open_engine(settings).dispose()
        shutil.rmtree(state, ignore_errors=True)


__all__ = ["FlowrayServer", "eventually", "free_port", "hosted", "ray_session", "served"]
