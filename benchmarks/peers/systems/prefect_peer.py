"""Prefect: flows and tasks in this process, reporting to a Prefect server with its default database (SQLite)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from lines import FOLDER, Answer, Clock, Counter, Request, serve, versions

START_LIMIT_S = 100

ran = Counter()


def start_server() -> subprocess.Popen[bytes]:
    """``prefect server start`` on a free port; sets the variables by which this process finds it. Comes before the
    import of Prefect, which reads them then.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    os.environ["PREFECT_HOME"] = str(FOLDER)
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2)
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2):
                return process
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.2)


def flows() -> dict[str, Any]:
    """The workloads as flows. Imports Prefect."""
    import prefect  # noqa: PLC0415 - after the server's address is known

    @prefect.task
    async def step(value: int) -> int:
        """A trivial task."""
        ran.add()
        return value + 1

    @prefect.flow
    async def chain(steps: int) -> int:
        """Each task takes the result of the one before."""
        value = 0
        for _ in range(steps):
            value = await step(value)
        return value

    @prefect.flow
    async def fan_out(steps: int) -> int:
        """All tasks are submitted at once."""
        futures = [step.submit(0) for _ in range(steps)]
        return sum(future.result() for future in futures)

    return {"chain": chain, "fan-out": fan_out}


async def run(request: Request, flow: Any) -> Answer:
    """From calling the flow to its result, for all executions."""
    gate = asyncio.Semaphore(request.in_flight)

    async def one() -> int:
        async with gate:
            return int(await flow(request.steps))

    ran.take()
    clock = Clock()
    outputs = await asyncio.gather(*(one() for _ in range(request.executions)))
    return Answer(clock.seconds(), list(outputs), ran.take())


def main() -> None:
    """Serve."""
    server = start_server()
    try:
        known = flows()
        with asyncio.Runner() as runner:
            serve(lambda request: runner.run(run(request, known[request.workload])), {"versions": versions("prefect")})
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
