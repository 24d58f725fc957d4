"""llama-index-workflows: event-driven steps in this process's memory; nothing is stored."""

from __future__ import annotations

import asyncio

from lines import Answer, Clock, Counter, Request, serve, versions
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

ran = Counter()


class Begin(StartEvent):
    """How many steps to take."""

    steps: int


class Tick(Event):
    """One step of a chain is due."""

    done: int
    steps: int


class Part(Event):
    """One part of a fan-out is due."""

    number: int


class Parted(Event):
    """One part of a fan-out is done."""

    value: int


class Chain(Workflow):
    """Each step sends the event that the next one waits for."""

    @step
    async def begin(self, ev: Begin) -> Tick:
        """The first event; not counted as a step."""
        return Tick(done=0, steps=ev.steps)

    @step
    async def tick(self, ev: Tick) -> Tick | StopEvent:
        """A trivial step."""
        ran.add()
        if ev.done + 1 == ev.steps:
            return StopEvent(result=ev.done + 1)
        return Tick(done=ev.done + 1, steps=ev.steps)


class FanOut(Workflow):
    """Sends all parts at once and collects them."""

    @step
    async def begin(self, ctx: Context, ev: Begin) -> Part | None:
        """Not counted as a step."""
        await ctx.store.set("steps", ev.steps)
        for number in range(ev.steps):
            ctx.send_event(Part(number=number))
        return None

    @step(num_workers=100)
    async def part(self, ev: Part) -> Parted:
        """A trivial step."""
        ran.add()
        return Parted(value=1)

    @step
    async def join(self, ctx: Context, ev: Parted) -> StopEvent | None:
        """Not counted as a step."""
        parts = ctx.collect_events(ev, [Parted] * await ctx.store.get("steps"))
        return None if parts is None else StopEvent(result=sum(part.value for part in parts))


WORKFLOWS: dict[str, Workflow] = {"chain": Chain(timeout=600), "fan-out": FanOut(timeout=600)}


async def run(request: Request) -> Answer:
    """From ``run`` to its result, for all executions."""
    gate = asyncio.Semaphore(request.in_flight)

    async def one() -> int:
        async with gate:
            return int(await WORKFLOWS[request.workload].run(steps=request.steps))

    ran.take()
    clock = Clock()
    outputs = await asyncio.gather(*(one() for _ in range(request.executions)))
    return Answer(clock.seconds(), list(outputs), ran.take())


def main() -> None:
    """Serve."""
    with asyncio.Runner() as runner:
        serve(lambda request: runner.run(run(request)), {"versions": versions("llama-index-workflows")})


if __name__ == "__main__":
    main()
