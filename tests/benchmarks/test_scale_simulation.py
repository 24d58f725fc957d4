"""The simulated parts, by hand."""

from __future__ import annotations

from functools import partial

from benchmarks.scale_model import Costs, Size
from benchmarks.scale_simulation import Process, Servers, Simulation, World

COSTS = Costs(step_ms=1, append_ms=1, database_ms=2, commit_ms=10, attempt_ms=1, start_ms=1, hop_ms=1)


def test_servers_serve_in_order_as_many_at_once_as_there_are() -> None:
    world, ended = World(), list[tuple[str, float]]()

    def note(name: str) -> None:
        ended.append((name, world.now))

    two = Servers(world, 2)
    for name, ms in (("a", 5), ("b", 3), ("c", 1)):
        two.serve(ms, partial(note, name))
    world.run(100)
    assert ended == [("b", 3), ("c", 4), ("a", 5)]


def test_what_comes_during_a_commit_shares_the_next() -> None:
    """The first alone: 1 + 2 + 10 ms. Then two together: 2 x (1 + 2) + 10 ms."""
    world, durable = World(), list[tuple[str, float]]()
    process = Process(world, COSTS, Servers(world, 1))

    def note(name: str) -> None:
        durable.append((name, world.now))

    for name in ("a", "b", "c"):
        process.commit(partial(note, name))
    world.run(100)
    assert durable == [("a", 13), ("b", 29), ("c", 29)]
    assert process.groups == 2


def test_one_execution_goes_round_in_the_sum_of_its_parts() -> None:
    """1 + (1 + 2 + 10) + 2 hops of about 1 + 1, and a start of 1 for every tenth: about 17.1 ms."""
    found = Simulation(COSTS, Size(1, 1, 1, 1, in_flight=1)).steps_per_second(1_000, 20_000)
    assert 1_000 / 17.1 * 0.98 < found < 1_000 / 17.1 * 1.02


def test_the_same_seed_gives_the_same_figure() -> None:
    size = Size(2, 2, 2, 1, in_flight=20)
    figures = {Simulation(COSTS, size, seed=7).steps_per_second(500, 1_000) for _ in range(2)}
    assert len(figures) == 1
