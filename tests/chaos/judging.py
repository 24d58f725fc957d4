"""What became of a chaos run: every acknowledged execution against what its client was promised, and the invariants."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from sqlalchemy import select

from flowray import wire
from flowray.persistence.database import open_database
from flowray.persistence.tables import events
from tests.chaos.workloads import Asked, as_seen
from tests.cluster import TERMINAL
from tests.durability.effects import Effect
from tests.durability.invariants import History, l7_stuck, violations


class Judge:
    """Reads through the API as a client does, and the epochs of commits from the database."""

    def __init__(self, url: str, database_url: str, effects: list[Effect]) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)
        self._engine = open_database(database_url)
        self._effects: dict[str, list[Effect]] = defaultdict(list)
        for effect in effects:
            self._effects[effect.execution_id].append(effect)

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
        try:
            answer = self._http.get(f"/v1/executions/{asked.id}")
        except httpx.TransportError:
            return None
        if answer.status_code == 404:
            return "completed"  # lost: the judgement says so
        return answer.json().get("status") if answer.status_code == 200 else None

    def judge(self, asked: list[Asked]) -> Iterator[str]:
        """Every violation, in words."""
        for one in asked:
            yield from self._one(one)
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

    def _history(self, asked: Asked) -> History:
        answer = self._http.get(f"/v1/executions/{asked.id}")
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
            answer = self._http.get(
                f"/v1/executions/{execution_id}/events",
                params={"after": found[-1]["seq"] if found else 0, "limit": 500},
                headers={"Accept": "application/json"},
            )
            page = answer.raise_for_status().json()["data"]
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
        self._engine.dispose()
