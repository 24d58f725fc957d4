"""How much flowray carries, by formulas: so many orchestrators, lanes, replicas and cores of one database. On paper.

The unit is a step: a node whose result is committed before the next starts. It goes through the processor of its
orchestrator, the journal of that process (group commit), the database, a lane, and back; every ``steps``-th also
through a replica, which takes the next start. ``benchmarks/scale_simulation.py`` plays the same by a clock of its own;
docs/scale.md says where the figures come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST_GROUP = 512
"""Writes in one transaction at most, as in ``JournalOptions``."""


@dataclass(frozen=True)
class Costs:
    """Milliseconds. Processor time: of the orchestrator's process per step (``step_ms``), of the same process per write
    in a transaction (``append_ms``: SQL is made and sent under the same interpreter lock), of the database per write
    (``database_ms``), of a lane per attempt (``attempt_ms``), of a replica per start (``start_ms``). Waiting: for a
    transaction to be durable (``commit_ms``), for a message to arrive (``hop_ms``, twice per step), for whatever the
    node itself waits for (``wait_ms``).
    """

    step_ms: float
    append_ms: float
    database_ms: float
    commit_ms: float
    attempt_ms: float
    start_ms: float
    hop_ms: float
    wait_ms: float = 0.0


@dataclass(frozen=True)
class Size:
    """What there is, and what is asked: ``in_flight`` executions of ``steps`` steps, a new one for each that ends.

    ``databases``: shards by execution id, each with as many cores; every orchestrator writes to one of them.
    """

    orchestrators: int
    lanes: int
    replicas: int
    database_cores: int
    in_flight: int
    steps: int = 10
    databases: int = 1
    slots_per_lane: int = 1_000


def capacities(costs: Costs, size: Size) -> Mapping[str, float]:
    """Steps per second that each part carries if it alone is the limit."""
    per_group = costs.commit_ms + LARGEST_GROUP * (costs.append_ms + costs.database_ms)
    cores = size.databases * size.database_cores
    busy_ms = costs.attempt_ms + costs.wait_ms
    return {
        "orchestrators": 1_000 * size.orchestrators / (costs.step_ms + costs.append_ms),
        "journals": 1_000 * size.orchestrators * LARGEST_GROUP / per_group,
        "database": 1_000 * cores / costs.database_ms,
        "lanes": 1_000 * size.lanes / costs.attempt_ms,
        "lane slots": 1_000 * size.lanes * size.slots_per_lane / busy_ms,
        "replicas": 1_000 * size.replicas * size.steps / costs.start_ms,
    }


def bottleneck(costs: Costs, size: Size) -> tuple[str, float]:
    """The part that is full first, and the steps per second at which it is."""
    found = capacities(costs, size)
    name = min(found, key=found.__getitem__)
    return name, found[name]


def response_ms(costs: Costs, size: Size, rate: float) -> float:
    """How long a step takes from one commit to the next while ``rate`` steps per second go through all of it.

    Queues by Pollaczek and Khinchine, with the work of a part as it is (constant), and the group of a transaction as
    large as what comes in during the one before. Nobody waits for itself: all others are one fewer (the arrival
    theorem). Valid below the bottleneck.
    """
    others = (size.in_flight - 1) / size.in_flight
    each = rate / size.orchestrators / 1_000
    group, cycle, share = 1.0, 0.0, 0.0
    wait = database = 0.0
    for _ in range(50):
        # A transaction waits for steps only: the journal has one at a time.
        steps = each * costs.step_ms**2 / 2
        behind_steps = others * steps / max(1 - each * costs.step_ms, 1e-9)
        load = each * (costs.step_ms + costs.append_ms)
        wait = others * (steps + each * costs.append_ms**2 * group / 2) / max(1 - load, 1e-9)
        database = _wait_for_core(costs, size, rate, group)
        fixed = costs.commit_ms + behind_steps + database
        per_write = costs.append_ms + costs.database_ms
        group = min(max(each * fixed / max(1 - each * per_write, 1e-9), 1.0), LARGEST_GROUP)
        cycle = fixed + per_write * group
        share = min(each * cycle / group, 1.0)
    lane = costs.attempt_ms + others * _wait(costs.attempt_ms, rate / size.lanes / 1_000)
    starts = rate / size.steps / size.replicas / 1_000
    replica = (costs.start_ms + others * _wait(costs.start_ms, starts)) / size.steps
    away = costs.step_ms + wait + 2 * costs.hop_ms + lane + costs.wait_ms + replica
    return cycle + away + others * share * (_until_next(away, cycle) - away)


def _until_next(away_ms: float, cycle_ms: float) -> float:
    """A step leaves at the end of a transaction and comes back, after ``away_ms`` give or take a half, in the middle of
    another: how long until a transaction begins that takes it, while one follows on the other.
    """
    parts = [(0.525 + 0.05 * number) * away_ms / cycle_ms for number in range(20)]
    return cycle_ms * sum(map(math.ceil, parts)) / len(parts)


def _wait(service_ms: float, per_ms: float) -> float:
    """For one server with constant work."""
    load = per_ms * service_ms
    return load * service_ms / 2 / max(1 - load, 1e-9)


def _wait_for_core(costs: Costs, size: Size, rate: float, group: float) -> float:
    """For one of several cores (Sakasegawa's approximation); each journal has one transaction under way at most."""
    cores = size.database_cores
    journals = size.orchestrators / size.databases
    others = max(journals - 1, 0)
    load = min(rate / size.databases * costs.database_ms / 1_000 / cores, 1 - 1e-9)
    crowded = load ** (math.sqrt(2 * (cores + 1)) - 1) / (cores * (1 - load))
    work_ms = group * costs.database_ms
    return float(min(others / journals * crowded * work_ms / 2, others * work_ms / cores))


def steps_per_second(costs: Costs, size: Size) -> float:
    """The rate at which ``in_flight`` executions go round: the one whose response time they just fill (Little)."""
    low, high = 0.0, bottleneck(costs, size)[1]
    for _ in range(60):
        rate = (low + high) / 2
        if rate * response_ms(costs, size, rate) / 1_000 < size.in_flight:
            low = rate
        else:
            high = rate
    return low
