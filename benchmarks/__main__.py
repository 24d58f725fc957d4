"""``python -m benchmarks``: the benchmarks of the goals, or those named; one table at the end, and files to keep."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from benchmarks import (
    dag_shapes,
    engine_core,
    executions,
    memory,
    people,
    ray_nodes,
    ray_tasks,
    results,
    sandbox,
    scale_simulation,
    sizes,
    speedup,
    start_latency,
    storage,
    token_relay,
)
from benchmarks.measuring import machine

ON_A_DATABASE: dict[str, Callable[[str, bool], None]] = {
    "executions": executions.main,
    "sizes": sizes.main,
    "tasks": ray_tasks.main,
    "people": people.main,
    "nodes": ray_nodes.main,
}
BY_THEMSELVES: dict[str, Callable[[], None]] = {
    "engine": engine_core.main,
    "start": start_latency.main,
    "speedup": speedup.main,
    "sandbox": sandbox.main,
    "storage": storage.main,
    "memory": memory.main,
    "relay": token_relay.main,
    "scale": scale_simulation.main,
    "shapes": dag_shapes.main,
}
ONLY_BY_NAME = ("memory", "scale", "shapes")
"""Those that take longer than all others."""

NOT_ON_BOTH = ("tasks", "nodes")
"""Without a choice of database these run on SQLite only: what they show hardly hangs on it."""


def jobs(names: Sequence[str], database: str, quick: bool) -> list[tuple[str, Callable[[], None]]]:
    """What is to be run, in order. ``database``: "both", or one. Raises SystemExit for a name that there is not."""
    known = [*ON_A_DATABASE, *BY_THEMSELVES]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SystemExit(f"no such benchmark: {', '.join(unknown)}; known: {', '.join(known)}")
    wanted = names or [name for name in known if name not in ONLY_BY_NAME]
    found: list[tuple[str, Callable[[], None]]] = []
    for name in wanted:
        if name in BY_THEMSELVES:
            found.append((name, BY_THEMSELVES[name]))
            continue
        both = ("sqlite",) if name in NOT_ON_BOTH else tuple(results.DATABASES)
        for its_database in both if database == "both" else (database,):
            found.append((f"{name} on {its_database}", _bound(ON_A_DATABASE[name], its_database, quick)))
    return found


def _bound(main: Callable[[str, bool], None], database: str, quick: bool) -> Callable[[], None]:
    return lambda: main(database, quick)


def run(wanted: Sequence[tuple[str, Callable[[], None]]]) -> list[str]:
    """Run them in order; what went wrong. One that fails does not keep the others from running."""
    problems = []
    for name, main in wanted:
        began = time.monotonic()
        try:
            main()
        except Exception as error:
            traceback.print_exc()
            problems.append(f"{name}: {type(error).__name__}: {error}")
        print(f"({name}: {time.monotonic() - began:.0f} s)", flush=True)
    return problems


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, keep the figures. Returns 1 if a benchmark failed or a figure is INVALID."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run; without any, those of the goals")
    parser.add_argument("--database", choices=["both", *results.DATABASES], default="both")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds; nothing is kept")
    chosen = parser.parse_args(arguments)
    wanted = jobs(chosen.names, chosen.database, chosen.quick)
    began = time.time()
    print(results.machine_line(machine()), flush=True)
    problems = run(wanted)
    documents = results.local_since(began)
    if documents:
        print(f"\n{results.table(documents)}")
    if documents and not chosen.quick:
        print("\nkept in " + ", ".join(str(file) for file in results.keep(documents)))
    problems += [
        f"{figure['name'].strip()} ({document['title']}) is INVALID: {figure['note']}"
        for document in documents
        for figure in document["figures"]
        if not figure["valid"]
    ]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
