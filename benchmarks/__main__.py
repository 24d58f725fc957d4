"""``python -m benchmarks``: every benchmark, or those named on the command line."""

from __future__ import annotations

import sys

from benchmarks import (
    dag_shapes,
    engine_core,
    executions,
    large,
    memory,
    scale_simulation,
    speedup,
    start_latency,
    storage,
    token_relay,
)
from benchmarks.measuring import machine

ALL = {
    "engine": engine_core.main,
    "start": start_latency.main,
    "executions": executions.main,
    "large": large.main,
    "memory": memory.main,
    "relay": token_relay.main,
    "scale": scale_simulation.main,
    "shapes": dag_shapes.main,
    "speedup": speedup.main,
    "storage": storage.main,
}


def main(names: list[str]) -> None:
    """Run the named benchmarks in order."""
    print(machine())
    for name in names or list(ALL):
        ALL[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
