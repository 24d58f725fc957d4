"""E on two servers: limits, schedules and queues hold over both, each a whole ``flowray serve`` with a Ray of its own
on one PostgreSQL, also when the database is away or one of them dies.

Only with FLOWRAY_ACCEPTANCE_FULL=1. What is never exceeded is counted by the server that is called, which knows nothing
of either.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, not_, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from flowray.persistence.database.engine import open_database
from flowray.persistence.database.tables import executions, is_active, owners
from flowray.persistence.triggers.tables import trigger_firings
from tests.cluster import eventually, is_gone
from tests.databases import postgres_away, postgres_database
from tests.durability.bench import LONG_S
from tests.durability.test_ray_dies import below
from tests.durability.test_several_servers import ended, start
from tests.fakes.loopback import loopback_server
from tests.integration.definitions import workflow
from tests.integration.test_command_line import serving

pytestmark = [
    pytest.mark.ray,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.environ.get("FLOWRAY_ACCEPTANCE_FULL") != "1", reason="starts several servers"),
]

INPUT = {"type": "input", "config": {}}


class Called:
    """Counts calls by name: when each came, under which key, and how many were under way together at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.at: dict[str, list[float]] = defaultdict(list)
        self.keys: dict[str, list[str]] = defaultdict(list)
        self.url = ""

    @property
    def app(self) -> Starlette:
        """``/call/{name}?ms=`` and ``/v1/chat/completions``, where the prompt is the name."""
        routes = [
            Route("/call/{name}", self._call, methods=["POST"]),
            Route("/v1/chat/completions", self._speak, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _call(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._begin(name, request)
        await asyncio.sleep(int(request.query_params.get("ms", "0")) / 1_000)
        self._end(name)
        return JSONResponse({"name": name})

    async def _speak(self, request: Request) -> Response:
        self._begin(str((await request.json())["messages"][-1]["content"]), request)
        return StreamingResponse(_said(), media_type="text/event-stream")

    def _begin(self, name: str, request: Request) -> None:
        with self._lock:
            self._under_way[name] += 1
            self.most[name] = max(self.most[name], self._under_way[name])
            self.at[name].append(time.monotonic())
            self.keys[name].append(request.headers.get("idempotency-key", ""))

    def _end(self, name: str) -> None:
        with self._lock:
            self._under_way[name] -= 1


TOKENS = 1_000
"""What each answer of the model costs: as much as is asked for."""


async def _said() -> AsyncIterator[str]:
    head = '{"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", '
    usage = f'"usage": {{"prompt_tokens": 0, "completion_tokens": {TOKENS}, "total_tokens": {TOKENS}}}'
    yield f'data: {head}"choices": [{{"index": 0, "delta": {{"role": "assistant", "content": "yes"}}}}]}}\n\n'
    yield f'data: {head}"choices": [{{"index": 0, "delta": {{}}, "finish_reason": "stop"}}]}}\n\n'
    yield f'data: {head}"choices": [], {usage}}}\n\n'
    yield "data: [DONE]\n\n"


@pytest.fixture(scope="module")
def called() -> Iterator[Called]:
    """The outer world."""
    found = Called()
    with loopback_server(found.app) as found.url:
        yield found


@dataclass
class Servers:
    """Two of them: their APIs, the pid of each command, and their database."""

    https: list[httpx.Client]
    pids: list[int]
    engine: Engine

    def rows(self, statement: Any) -> list[Any]:
        """What the database says."""
        with self.engine.connect() as connection:
            return list(connection.execute(statement).all())

    def kill(self, number: int) -> None:
        """SIGKILL all processes of one server; their death is asserted."""
        victims = [pid for pid in below(self.pids[number]) if pid]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: all(is_gone(pid) for pid in victims), LONG_S)


@contextmanager
def two_servers(folder: Path) -> Iterator[Servers]:
    """Started one after the other, on a new database."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres_database())
        https, pids = [], []
        for name in ("a", "b"):
            (folder / name).mkdir()
            process, url = stack.enter_context(serving(folder / name, "--no-dashboard", "--database", database))
            https.append(stack.enter_context(httpx.Client(base_url=url, timeout=30)))
            pids.append(process.pid)
        engine = open_database(database)
        stack.callback(engine.dispose)
        yield Servers(https, pids, engine)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """For all scenarios: two Rays are enough for one machine."""
    with two_servers(tmp_path_factory.mktemp("servers")) as found:
        yield found


def calls(called: Called, name: str, count: int, limit: str, ms: int = 0) -> dict[str, Any]:
    """in → ``count`` calls side by side, all under a limit."""
    config = {"method": "POST", "failOnStatus": True, "url": f"{called.url}/call/{name}?ms={ms}"}
    nodes = {"in": INPUT} | {f"n{n}": {"type": "http", "config": config, "limits": [limit]} for n in range(count)}
    return workflow(name, nodes, [("in", f"n{n}") for n in range(count)])


def asks(called: Called, name: str, count: int, limit: str) -> dict[str, Any]:
    """in → ``count`` questions to the model side by side, all under a limit."""
    config = {"prompt": name, "maxTokens": TOKENS, "baseUrl": f"{called.url}/v1", "model": "m", "apiKey": "none"}
    nodes = {"in": INPUT} | {f"n{n}": {"type": "llm", "config": config, "limits": [limit]} for n in range(count)}
    return workflow(name, nodes, [("in", f"n{n}") for n in range(count)])


def complete(servers: Servers, ids: list[tuple[int, str]]) -> None:
    """All of them end well, as the server says at which they were started."""
    assert {ended(servers.https[number], its_id)["status"] for number, its_id in ids} == {"completed"}


def drivers(servers: Servers, ids: list[tuple[int, str]]) -> set[str]:
    """The actors that have driven these executions."""
    chosen = executions.c.id.in_([its_id for _, its_id in ids])
    return {row[0] for row in servers.rows(select(executions.c.orchestrator_actor_id).where(chosen).distinct())}


def gave_back(http: httpx.Client, limit: str) -> bool:
    """Nobody holds a limit or waits for it."""
    found = http.get(f"/v1/limits/{limit}").json()
    return (found["used"], found["waiting"]) == (0, 0)


def test_a_limit_of_attempts_at_a_time_holds_over_both(servers: Servers, called: Called) -> None:
    name = "together"
    assert servers.https[0].put(f"/v1/limits/{name}", json={"concurrency": 3}).status_code == 200
    ids = [(n % 2, start(servers.https[n % 2], calls(called, name, 5, name, ms=60))) for n in range(6)]
    complete(servers, ids)
    assert len(drivers(servers, ids)) == 2
    assert (called.most[name], len(called.at[name])) == (3, 30)
    for http in servers.https:
        eventually(partial(gave_back, http, name))  # Given back behind the commits that end.


def test_rates_hold_over_both(servers: Servers, called: Called) -> None:
    """At no time have more calls come than the bucket held and what has flowed in since: no call is before its grant.

    Of requests, each server would send off at once what both may together; of tokens, too.
    """
    rpm, requests = 20, 24
    tpm, questions = 5_000, 7
    began = time.monotonic()
    assert servers.https[0].put("/v1/limits/rated", json={"rpm": rpm}).status_code == 200
    assert servers.https[1].put("/v1/limits/told", json={"tpm": tpm}).status_code == 200
    ids = [(n, start(servers.https[n], calls(called, "rated", requests // 2, "rated"))) for n in range(2)]
    ids += [(n, start(servers.https[n], asks(called, "told", count, "told"))) for n, count in enumerate((3, 4))]
    complete(servers, ids)
    assert len(drivers(servers, ids)) == 2
    assert (len(called.at["rated"]), len(called.at["told"])) == (requests, questions)
    for name, size, cost in (("rated", rpm, 1), ("told", tpm, TOKENS)):
        for number, at in enumerate(sorted(called.at[name]), 1):
            assert number * cost <= size + (at - began) * size / 60 + 0.001, (name, number, at - began)


def test_s63_two_schedulers_start_each_tick_once_and_make_up_for_an_outage(servers: Servers, called: Called) -> None:
    """Both tick, the database is away for some ticks, and the policy says what of those is made up for."""
    url = f"{called.url}/call/tick"
    tick = {"type": "http", "config": {"method": "POST", "failOnStatus": True, "url": url}}
    saved = servers.https[0].post("/v1/workflows", json=workflow("tick", {"in": INPUT, "t": tick}, [("in", "t")]))
    triggers = {}
    for policy in ("all", "latest"):
        config = {"every": "1s", "catchUp": policy}
        asked = {"workflow_id": saved.json()["id"], "kind": "schedule", "config": config}
        triggers[policy] = servers.https[1].post("/v1/triggers", json=asked).json()["id"]

    def firings(policy: str) -> list[Any]:
        mine = trigger_firings.c.trigger_id == triggers[policy]
        return servers.rows(select(trigger_firings).where(mine).order_by(trigger_firings.c.scheduled_at))

    def started_by() -> set[str]:
        of_it = executions.c.id == trigger_firings.c.execution_id
        chosen = select(executions.c.orchestrator_actor_id).join(trigger_firings, of_it)
        return {row[0] for row in servers.rows(chosen.distinct())}

    eventually(lambda: len(started_by()) == 2 and len(firings("all")) >= 3, LONG_S)
    with postgres_away():
        away = time.time()
        eventually(lambda: time.time() > away + 4)  # Four ticks at least come while nobody can write them down.
    back = time.time()
    servers.engine.dispose()  # Its connections are dead.
    for policy in triggers:
        after = back * 1_000 + 2_000
        eventually(lambda policy=policy, after=after: firings(policy)[-1].scheduled_at > after, LONG_S)
    for its_id in triggers.values():
        assert eventually(lambda its_id=its_id: servers.https[0].post(f"/v1/triggers/{its_id}/disable")).is_success
    for policy in triggers:
        eventually(lambda policy=policy: {row.status for row in firings(policy)} <= {"started", "skipped"}, LONG_S)

    every = firings("all")
    assert {later.scheduled_at - earlier.scheduled_at for earlier, later in pairwise(every)} == {1_000}
    assert {row.status for row in every} == {"started"}
    latest = firings("latest")
    missed = [_missed(row.reason) for row in latest if row.status == "skipped"]
    assert max(missed) >= 2  # Of those during the outage one was made up for.
    spanned = (latest[-1].scheduled_at - latest[0].scheduled_at) // 1_000 + 1
    assert sum(missed) + sum(row.status == "started" for row in latest) == spanned
    begun = [row for row in (*every, *latest) if row.status == "started"]
    for row in begun:
        assert ended(servers.https[1], row.execution_id)["status"] == "completed"
    (count,) = servers.rows(select(func.count()).where(executions.c.workflow_id == saved.json()["id"]))
    assert count[0] == len(begun) == len({row.execution_id for row in begun})
    assert {key.partition(":")[0] for key in called.keys["tick"]} == {row.execution_id for row in begun}


def _missed(reason: str) -> int:
    """For how many ticks a skipped firing stands."""
    return 1 if reason.startswith("this") else int(reason.split()[0])


def test_s59_a_limit_holds_over_both_while_one_is_killed(servers: Servers, called: Called) -> None:
    """Limit 3 and 50 that wait, half of them at each server; then all processes of one die at once.

    The last one here: nobody starts that server again.
    """
    name, count = "queued", 50
    config = {"method": "POST", "failOnStatus": True, "url": f"{called.url}/call/{name}?ms=300"}
    nodes = {"in": INPUT, "n": {"type": "http", "config": config}}
    queue = {"queue": {"name": name, "maxConcurrent": 3}}
    definition = workflow(name, nodes, [("in", "n")], settings=queue)
    of_queue = executions.c.queue == name
    ids = [start(servers.https[n % 2], definition) for n in range(count)]
    most = 0

    def over(at_least: int) -> bool:
        nonlocal most
        holders = select(func.count()).where(of_queue, executions.c.owner_id.is_not(None), is_active())
        most = max(most, servers.rows(holders)[0][0])
        return bool(servers.rows(select(func.count()).where(of_queue, not_(is_active())))[0][0] >= at_least)

    holding = select(owners.c.pid).join(executions, executions.c.owner_id == owners.c.id).where(of_queue, is_active())
    found = eventually(lambda: over(6) and servers.rows(holding), LONG_S)
    victim = next(number for number in (0, 1) if found[0].pid in below(servers.pids[number]))
    servers.kill(victim)
    eventually(lambda: over(count), LONG_S)
    assert most == 3
    assert {ended(servers.https[1 - victim], its_id)["status"] for its_id in ids} == {"completed"}
    assert called.most[name] == 3
    assert {key.partition(":")[0] for key in called.keys[name]} == set(ids)
    assert len(set(called.keys[name])) == count
    assert len(called.keys[name]) <= count + 3
