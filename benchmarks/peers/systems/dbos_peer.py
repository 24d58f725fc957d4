"""DBOS: workflows and steps in this process, with its system database in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from dbos import DBOS
from lines import DATABASE_URL, FOLDER, Answer, Clock, Counter, Request, serve, versions

ran = Counter()


@DBOS.step()
async def step(value: int) -> int:
    """A trivial step."""
    ran.add()
    return value + 1


@DBOS.workflow()
async def chain(steps: int) -> int:
    """Each step takes the result of the one before."""
    value = 0
    for _ in range(steps):
        value = await step(value)
    return value


@DBOS.workflow()
async def fan_out(steps: int) -> int:
    """All steps at once, then their sum."""
    return sum(await asyncio.gather(*(step(0) for _ in range(steps))))


WORKFLOWS = {"chain": chain, "fan-out": fan_out}


class Loop:
    """An event loop in a thread of its own that goes on between the runs, as a service's would."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of ``work``."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def run(request: Request) -> Answer:
    """From ``start_workflow_async`` to ``get_result``, for all executions."""
    workflow = WORKFLOWS[request.workload]
    gate = asyncio.Semaphore(request.in_flight)

    async def one() -> tuple[str, int]:
        async with gate:
            handle = await DBOS.start_workflow_async(workflow, request.steps)
            return handle.workflow_id, await handle.get_result()

    ran.take()
    clock = Clock()
    done = await asyncio.gather(*(one() for _ in range(request.executions)))
    seconds = clock.seconds()
    recorded = 0
    for workflow_id, _ in done:
        recorded += len(await DBOS.list_workflow_steps_async(workflow_id))
    return Answer(seconds, [output for _, output in done], ran.take(), recorded)


def main() -> None:
    """Serve."""
    url = DATABASE_URL or f"sqlite:///{FOLDER / 'dbos.sqlite'}"
    DBOS(config={"name": "peer", "system_database_url": url, "log_level": "ERROR", "application_version": "1"})
    DBOS.launch()
    loop = Loop()
    serve(lambda request: loop.run(run(request)), {"versions": versions("dbos")})
    DBOS.destroy()


if __name__ == "__main__":
    main()
