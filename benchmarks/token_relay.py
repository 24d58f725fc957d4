"""From a token's emission in a lane to a client's socket, through journal, token stream and Serve; and the first event.

The clients share the processors with the server: beside what arrived stands what each process worked for it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import token_node
from benchmarks.bench import Bench
from benchmarks.measuring import Figure, percentile, report
from benchmarks.roles import processor_seconds, roles
from benchmarks.server import started
from benchmarks.sse_clients import Frame, Recorder, frames, record
from benchmarks.token_node import read_tokens
from benchmarks.workloads import Definition

OPEN_S = 4.0
"""How long all streams may take to be open before the first token is emitted."""

BOUNDARY = "a token's emission to a client's socket"


@dataclass(frozen=True)
class Load:
    """``streams`` executions at a time, each with ``rate`` tokens per second for ``seconds``."""

    streams: int
    rate: float
    seconds: float

    @property
    def count(self) -> int:
        """Tokens of one stream."""
        return int(self.rate * self.seconds)

    def __str__(self) -> str:
        return f"{self.streams} streams, {self.streams * self.rate:,.0f} tokens/s"


SATURATING = Load(streams=50, rate=1_000, seconds=5)
MODERATE = Load(streams=200, rate=10, seconds=8)


@dataclass(frozen=True)
class Relayed:
    """What arrived: for each token its delay in ms; tokens per second from the first emission to the last arrival; and
    what each role worked for 1,000 tokens, in seconds. ``problem``: why it does not count.
    """

    delays_ms: Sequence[float]
    rate: float
    worked: dict[str, float]
    problem: str = ""


def token_stream(load: Load) -> Definition:
    """One node that streams, and an output that says how much."""
    config = {"count": load.count, "rate": load.rate, "startAt": "{{inputs.at}}"}
    return {
        "name": f"{load.count} tokens",
        "nodes": {
            "start": {"type": "input", "config": {"inputName": "at"}},
            "model": {"type": token_node.NAME, "config": config},
            "end": {"type": "output", "config": {"outputName": "count", "value": "{{model}}", "format": "number"}},
        },
        "edges": [{"source": "start", "target": "model"}, {"source": "model", "target": "end"}],
        "entryPoint": "start",
    }


def relayed(recorders: Sequence[Recorder], load: Load, worked: dict[str, float]) -> Relayed:
    """What the clients got, checked: every token of every stream, in order, once, and then the end."""
    delays: list[float] = []
    first_us, last_us = 0, 0
    for recorder in recorders:
        try:
            seen = list(frames(recorder))
        except ValueError as error:
            return Relayed([0.0], 0.0, {}, str(error))
        tokens = [(at_us, *token) for at_us, text in _texts(seen) for token in read_tokens(text)]
        if [number for _, number, _ in tokens] != list(range(load.count)):
            return Relayed([0.0], 0.0, {}, f"{len(tokens)} of {load.count} tokens, or not in order")
        if not seen or seen[-1].event != "execution.completed" or seen[-1].data["outputs"] != {"count": load.count}:
            return Relayed([0.0], 0.0, {}, "a stream did not end well")
        delays += [(at_us - emitted) / 1000 for at_us, _, emitted in tokens]
        first_us = min(first_us or tokens[0][2], tokens[0][2])
        last_us = max(last_us, tokens[-1][0])
    return Relayed(delays, len(delays) * 1e6 / (last_us - first_us), _per_thousand(worked, len(delays)))


def _texts(seen: Sequence[Frame]) -> list[tuple[int, str]]:
    return [(frame.at_us, frame.data["text"]) for frame in seen if frame.event == "node.token"]


def _per_thousand(worked: dict[str, float], tokens: int) -> dict[str, float]:
    return {role: seconds * 1_000 / tokens for role, seconds in worked.items()}


async def run(url: str, load: Load) -> Relayed:
    """Open all streams, then let the tokens come, and read them all."""
    processes = roles()
    start_at = time.time() + OPEN_S
    recorders = await asyncio.gather(
        *(record(url, {"inputs": {"at": int(start_at * 1000)}}) for _ in range(load.streams))
    )
    await asyncio.sleep(start_at - time.time() - 0.1)
    before = processor_seconds(processes)
    await asyncio.gather(*(recorder.ended for recorder in recorders))
    after = processor_seconds(processes)
    return relayed(recorders, load, {role: after[role] - before[role] for role in before})


def figures(bench: Bench, base_url: str, mode: str, load: Load, rounds: int) -> list[Figure]:
    """Two figures of one load: tokens per second, and the delay of all tokens of all rounds."""
    workflow_id = bench.save(token_stream(load))
    url = f"{base_url}/v1/workflows/{workflow_id}/execute"
    ran = [asyncio.run(run(url, load)) for _ in range(rounds)]
    problem = next((one.problem for one in ran if one.problem), "")
    delays = [delay for one in ran for delay in one.delays_ms]
    worked: dict[str, Any] = {role: round(ran[-1].worked.get(role, 0.0), 4) for role in ran[-1].worked}
    shown = ", ".join(f"{role} {1000 * seconds:.1f}" for role, seconds in worked.items() if seconds)
    shares = ", ".join(f"p{100 * share:.0f} {percentile(delays, share):.1f}" for share in (0.5, 0.95, 0.99))
    name = f"{mode}: {load}"
    return [
        Figure(
            f"{name}, arrived", "/s", [one.rate for one in ran], "first emission to last arrival", not problem,
            problem or f"processor ms per 1,000 tokens: {shown}", {"worked": worked},
        ),
        Figure(
            f"{name}, delay", "ms", [percentile(one.delays_ms, 0.95) for one in ran], BOUNDARY, not problem,
            problem or f"the figure is p95; of all rounds: {shares} ms, load {os.getloadavg()[0]:.1f}",
        ),
    ]  # fmt: skip


def main(modes: Sequence[str] = ("python",), rounds: int = 3) -> None:
    """Every proxy mode on a server of its own. ``haproxy`` only on request: it listens on every interface."""
    for mode in modes:
        with started(proxy=mode) as server, Bench(server) as bench:
            found = bench.first_event(rounds=100)
            found += figures(bench, server.base_url, mode, MODERATE, rounds)
            found += figures(bench, server.base_url, mode, SATURATING, rounds)
            report(f"Relay of tokens, {mode} proxy", found, f"relay-{mode}", server.facts())


if __name__ == "__main__":
    main()
