"""The formulas of the model of scale, by hand, and against the simulation that shares no reasoning with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scale_model import Costs, Size, bottleneck, capacities, response_ms, steps_per_second
from benchmarks.scale_simulation import SIZES, Simulation

COSTS = Costs(
    step_ms=0.25, append_ms=0.05, database_ms=0.03, commit_ms=0.5, attempt_ms=0.15, start_ms=6.0, hop_ms=1.0
)  # fmt: skip
WAITING = replace(COSTS, wait_ms=200.0)


def test_capacities_by_hand() -> None:
    found = capacities(COSTS, Size(orchestrators=3, lanes=2, replicas=4, database_cores=6, in_flight=1))
    assert {part: round(rate) for part, rate in found.items()} == {
        "orchestrators": 10_000,  # 3 / 0.3 ms
        "journals": 37_048,  # 3 x 512 writes in 0.5 + 512 x 0.08 ms
        "database": 200_000,  # 6 / 0.03 ms
        "lanes": 13_333,  # 2 / 0.15 ms
        "lane slots": 13_333_333,  # 2 x 1,000 in 0.15 ms
        "replicas": 6_667,  # 4 starts in 6 ms, ten steps each
    }


def test_the_bottleneck_moves_as_parts_are_added() -> None:
    size = Size(orchestrators=1, lanes=1, replicas=1, database_cores=1, in_flight=1)
    more = [
        size,
        replace(size, replicas=20),
        replace(size, replicas=20, orchestrators=20, lanes=20),
        replace(size, replicas=100, orchestrators=20, lanes=20, databases=2),
    ]
    found = [bottleneck(COSTS, size) for size in more]
    assert [name for name, _ in found] == ["replicas", "orchestrators", "database", "orchestrators"]
    assert [round(rate) for _, rate in found] == [1_667, 3_333, 33_333, 66_667]


def test_alone_a_step_takes_the_sum_of_its_parts() -> None:
    """0.25 + (0.05 + 0.03 + 0.5) + 2 x 1 + 0.15 + 6 / 10: nobody waits for itself."""
    size = Size(orchestrators=1, lanes=1, replicas=1, database_cores=1, in_flight=1)
    assert response_ms(COSTS, size, rate=0.001) == pytest.approx(3.58, rel=0.001)
    assert steps_per_second(COSTS, size) == pytest.approx(1_000 / 3.58, rel=0.01)


def test_more_in_flight_is_never_slower_and_never_above_the_bottleneck() -> None:
    size = Size(orchestrators=2, lanes=2, replicas=4, database_cores=2, in_flight=1)
    rates = [steps_per_second(COSTS, replace(size, in_flight=number)) for number in (1, 2, 5, 20, 100, 1_000)]
    assert rates == sorted(rates)
    assert 0.95 < rates[-1] / bottleneck(COSTS, size)[1] <= 1


CASES = [
    ("alone", COSTS, Size(1, 1, 4, 2, in_flight=1)),
    ("a few", COSTS, Size(1, 1, 4, 2, in_flight=10)),
    ("one machine, full", COSTS, Size(1, 1, 4, 2, in_flight=50)),
    ("replicas full", COSTS, Size(1, 1, 1, 2, in_flight=50)),
    ("four orchestrators", COSTS, Size(4, 4, 8, 8, in_flight=40)),
    ("nodes that wait", WAITING, Size(4, 4, 8, 8, in_flight=1_000)),
    ("slots full", replace(WAITING, wait_ms=1_000.0), Size(4, 2, 8, 8, in_flight=300, slots_per_lane=100)),
    ("one database", replace(COSTS, database_ms=0.3), Size(8, 8, 16, 1, in_flight=100)),
    ("two databases", replace(COSTS, database_ms=0.3), Size(8, 8, 16, 1, in_flight=100, databases=2)),
    *SIZES[:4],
]


@pytest.mark.parametrize(("costs", "size"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_formulas_and_simulation_agree_within_ten_percent(costs: Costs, size: Size) -> None:
    """The clock is the simulation's own, its chance comes from a seed: the same on every machine."""
    warm_ms = 500 + 2 * costs.wait_ms
    simulated = Simulation(costs, size).steps_per_second(warm_ms, measured_ms=1_000 + 2 * costs.wait_ms)
    assert steps_per_second(costs, size) == pytest.approx(simulated, rel=0.1)
