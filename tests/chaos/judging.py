"""What became of a chaos run: every acknowledged execution against what its client was promised, and the invariants."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from sqlalchemy import Engine, select

from flowray import wire
from flowray.persistence.database.tables import events, executions
from tests.chaos.asked import Asked, as_seen
from tests.chaos.definitions import AT_A_TIME, PER_KEY
from tests.chaos.leftovers import Span, beyond_limits
from tests.chaos.told import wrongly_told
from tests.cluster import TERMINAL
from tests.durability.effects import Effect
from tests.durability.invariants import History, l7_stuck, violations

AWAY_S = 600.0
PROBLEM = "problem+json"


class Judge:
    """Reads through the API as a client does, and the epochs of commits from the database."""

    def __init__(self, url: str, engine: Engine, effects: list[Effect], told: list[dict[str, Any]]) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)
        self._engine = engine
        self._effects: dict[str, list[Effect]] = defaultdict(list)
        for effect in effects:
            self._effects[effect.execution_id].append(effect)
        self._told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for delivery in told:
            self._told[delivery["execution_id"]].append(delivery)
        self._queued: list[tuple[str, Span]] = []

    def wait_until_quiet(self, asked: list[Asked], timeout_s: float, say: Callable[[str], None]) -> list[Asked]:
        """I6: wait until all have ended; returns those that have not after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        left = list(asked)
        while left and time.monotonic() < deadline:
            left = [one for one in left if self._status(one) not in TERMINAL]
            if left:
                say(f"{len(left)} still to end")
                time.sleep(2)
        return left

    def _status(self, asked: Asked) -> str | None:
        answer = self._get(f"/v1/executions/{asked.id}")
        return "completed" if answer.status_code == 404 else answer.json()["status"]  # lost: the judgement says so

    def _get(self, path: str, **params: Any) -> httpx.Response:
        """What the server itself answers: not its proxy, which may still be coming up."""
        deadline = time.monotonic() + AWAY_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = self._http.get(path, params=params, headers={"Accept": "application/json"})
                if answer.status_code == 200 or (
                    answer.status_code == 404 and PROBLEM in answer.headers["content-type"]
                ):
                    return answer
            if time.monotonic() >= deadline:
                raise RuntimeError(f"no answer to GET {path} for {AWAY_S} s")
            time.sleep(0.5)

    def judge(self, asked: list[Asked]) -> Iterator[str]:
        """Every violation, in words; also of the executions that those asked for have called."""
        for one in [*asked, *self._children()]:
            yield from one.broken
            yield from self._one(one)
        yield from beyond_limits(self._queued, AT_A_TIME, PER_KEY)
        yield from l7_stuck(self._engine, int(time.time() * 1000))

    def _one(self, asked: Asked) -> Iterator[str]:
        history = self._history(asked)
        yield from (f"{asked.kind} {wrong}" for wrong in violations(history))
        if history.execution is None:
            return
        if history.status not in asked.may_end:
            error = history.execution.get("error")
            yield f"{asked.kind} {asked.id}: it ended {history.status}, not {sorted(asked.may_end)}: {error}"
        elif history.status == "completed" and asked.outputs not in (None, history.execution["outputs"]):
            yield f"{asked.kind} {asked.id}: its outputs are {history.execution['outputs']}, not {asked.outputs}"
        yield from self._options_kept(asked, history)

    def _options_kept(self, asked: Asked, history: History) -> Iterator[str]:
        """What was asked for with the start: not before its time, in its turn, and its end told."""
        execution = history.execution or {}
        if "delay_ms" in asked.options and execution["started_at"] < execution["not_before"]:
            yield f"{asked.id}: it was not to start before {execution['not_before']} and did {execution['started_at']}"
        if "concurrency_key" in asked.options and history.events:
            span = (history.events[0]["ts"], history.events[-1]["ts"])
            self._queued.append((asked.options["concurrency_key"], span))
        if "callback_url" in asked.options:
            yield from wrongly_told(asked.id, history.status, self._told[asked.id])

    def _children(self) -> list[Asked]:
        statement = select(executions.c.id).where(executions.c.parent_id.is_not(None))
        with self._engine.connect() as connection:
            return [Asked(its_id, "child", "", {"completed"}) for its_id in connection.execute(statement).scalars()]

    def _history(self, asked: Asked) -> History:
        answer = self._get(f"/v1/executions/{asked.id}")
        execution = None if answer.status_code == 404 else answer.json()
        return History(
            id=asked.id,
            execution=execution,
            logs=(self._log(asked.id),) if execution is not None else (),
            seen=asked.seen,
            epochs=self._epochs(asked.id),
            effects=self._effects[asked.id],
            answers=asked.answers,
        )

    def _log(self, execution_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["seq"] if found else 0
            page = self._get(f"/v1/executions/{execution_id}/events", after=after, limit=500).json()["data"]
            if not page:
                return found
            found.extend(as_seen(wire.EventBody.model_validate(event)) for event in page)

    def _epochs(self, execution_id: str) -> list[int]:
        statement = select(events.c.epoch).where(events.c.execution_id == execution_id).order_by(events.c.last_seq)
        with self._engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def close(self) -> None:
        """Close what it reads with."""
        self._http.close()
