"""LangGraph: a compiled ``StateGraph`` with the SQLite or the PostgreSQL checkpointer, in this process."""

from __future__ import annotations

import asyncio
import operator
import uuid
from contextlib import AsyncExitStack
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from lines import DATABASE_URL, FOLDER, Answer, Clock, Counter, Request, serve, versions
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

ran = Counter()


class State(TypedDict):
    """Each step adds one."""

    count: Annotated[int, operator.add]


async def step(state: State) -> dict[str, int]:
    """A trivial node."""
    ran.add()
    return {"count": 1}


def graph(request: Request, saver: Any) -> Any:
    """The workload as LangGraph draws it: nodes and edges, a reducer for what comes together."""
    builder = StateGraph(State)
    names = [f"n{number}" for number in range(request.steps)]
    for name in names:
        builder.add_node(name, step)
    if request.workload == "chain":
        for source, target in zip([START, *names], [*names, END], strict=True):
            builder.add_edge(source, target)
    else:
        for name in names:
            builder.add_edge(START, name)
            builder.add_edge(name, END)
    return builder.compile(checkpointer=saver)


class System:
    """One checkpointer, and the graphs compiled so far."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()
        self._graphs: dict[tuple[str, int], Any] = {}
        self._saver: Any = None

    async def open(self) -> None:
        """Connect and create the tables."""
        if DATABASE_URL:
            options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
            pool = AsyncConnectionPool(DATABASE_URL, min_size=10, max_size=10, kwargs=options, open=False)
            self._saver = AsyncPostgresSaver(await self._open.enter_async_context(pool))
        else:
            saver = AsyncSqliteSaver.from_conn_string(str(FOLDER / "checkpoints.db"))
            self._saver = await self._open.enter_async_context(saver)
        await self._saver.setup()

    async def close(self) -> None:
        """Disconnect."""
        await self._open.aclose()

    async def run(self, request: Request) -> Answer:
        """From ``ainvoke`` to its result, for all executions."""
        key = (request.workload, request.steps)
        if key not in self._graphs:
            self._graphs[key] = graph(request, self._saver)
        compiled = self._graphs[key]
        gate = asyncio.Semaphore(request.in_flight)
        threads = [uuid.uuid4().hex for _ in range(request.executions)]

        async def one(thread: str) -> int:
            config = {"configurable": {"thread_id": thread}, "recursion_limit": request.steps + 10}
            async with gate:
                result = await compiled.ainvoke({"count": 0}, config, durability="sync")
            return int(result["count"])

        ran.take()
        clock = Clock()
        outputs = await asyncio.gather(*(one(thread) for thread in threads))
        seconds = clock.seconds()
        recorded = [await self._recorded(thread) for thread in threads]
        return Answer(seconds, list(outputs), ran.take(), sum(recorded))

    async def _recorded(self, thread: str) -> int:
        """Node results that the checkpointer holds: the last checkpoint says which nodes have been seen."""
        saved = await self._saver.aget_tuple({"configurable": {"thread_id": thread}})
        return sum(name.startswith("n") for name in saved.checkpoint["versions_seen"])


def main() -> None:
    """Serve."""
    system = System()
    with asyncio.Runner() as runner:
        runner.run(system.open())
        facts = {"versions": versions("langgraph", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres")}
        serve(lambda request: runner.run(system.run(request)), facts)
        runner.run(system.close())


if __name__ == "__main__":
    main()
