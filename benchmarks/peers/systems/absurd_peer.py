"""absurd: tasks and steps in PostgreSQL, with a worker in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import absurdctl
import psycopg
from absurd_sdk import AsyncAbsurd
from lines import DATABASE_URL, Answer, Counter, Request, serve, versions

QUEUE = "default"
WORKERS = 1
TASKS_PER_WORKER = 50
POLL_S = 0.02
"""The default is 0.25 s. A shorter one flatters absurd, whose worker is not woken but looks."""

DONE = """
    SELECT count(*), bool_and(t.state = 'completed'), extract(epoch FROM max(r.completed_at) - min(t.enqueue_at))
    FROM absurd.t_default t JOIN absurd.r_default r ON r.task_id = t.task_id
    WHERE t.task_id = ANY(%s::uuid[]) AND r.completed_at IS NOT NULL
"""
RECORDED = "SELECT count(*) FROM absurd.c_default WHERE task_id = ANY(%s::uuid[])"
OUTPUTS = "SELECT completed_payload FROM absurd.t_default WHERE task_id = ANY(%s::uuid[])"

ran = Counter()


async def step() -> int:
    """A trivial step."""
    ran.add()
    return 1


async def chain(params: dict[str, Any], context: Any) -> int:
    """Each step is committed before the next."""
    count = 0
    for number in range(params["steps"]):
        count += await context.step(f"step-{number}", step)
    return count


async def fan_out(params: dict[str, Any], context: Any) -> int:
    """All steps at once; absurd itself has no word for it, so they are gathered."""
    steps = (context.step(f"step-{number}", step) for number in range(params["steps"]))
    return sum(await asyncio.gather(*steps))


def app() -> AsyncAbsurd:
    """A client or worker with a connection of its own."""
    made = AsyncAbsurd(DATABASE_URL, queue_name=QUEUE)
    made.register_task(name="chain")(chain)
    made.register_task(name="fan-out")(fan_out)
    return made


class System:
    """One client; workers that look for tasks all the time, in an event loop of their own."""

    def __init__(self) -> None:
        self._connection = psycopg.connect(DATABASE_URL, autocommit=True)
        self._connection.execute(absurdctl.BUNDLED_SCHEMA_SQL.encode())
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._client = app()
        self._wait(self._client.create_queue(QUEUE))
        for number in range(WORKERS):
            work = app().start_worker(f"worker-{number}", concurrency=TASKS_PER_WORKER, poll_interval=POLL_S)
            asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _spawn_and_wait(self, request: Request) -> list[str]:
        spawned = [
            await self._client.spawn(request.workload, {"steps": request.steps}) for _ in range(request.executions)
        ]
        tasks = [str(task["task_id"]) for task in spawned]
        for task in tasks:
            await self._client.await_task_result(task)
        return tasks

    def run(self, request: Request) -> Answer:
        """From the first task's creation to the last one's completion, by the database's own clock."""
        ran.take()
        tasks = self._wait(self._spawn_and_wait(request))
        row = self._connection.execute(DONE, [tasks]).fetchone()
        if row is None or row[0] != len(tasks) or not row[1]:
            raise RuntimeError(f"tasks that completed: {row}")
        outputs = [payload for (payload,) in self._connection.execute(OUTPUTS, [tasks])]
        recorded = self._connection.execute(RECORDED, [tasks]).fetchone()
        return Answer(float(row[2]), outputs, ran.take(), recorded[0] if recorded else 0)


def main() -> None:
    """Serve."""
    system = System()
    configured = f"{WORKERS} worker x {TASKS_PER_WORKER} tasks, poll_interval={POLL_S}"
    serve(system.run, {"versions": versions("absurd-sdk", "psycopg"), "configured": configured})


if __name__ == "__main__":
    main()
