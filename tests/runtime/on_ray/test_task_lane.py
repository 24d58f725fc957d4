"""What the worker of Ray tasks opens: node types and storage once, Services for each attempt, closed behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from flowray.engine import stimuli as st
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.runtime.on_ray.task_lane import Built, _run, built, packed
from tests.fakes.services import fake_services
from tests.runtime.test_lane import Scripted

SEEN: Counter[str] = Counter()


async def _close() -> None:
    SEEN["closed"] += 1


def _services() -> Services:
    SEEN["services"] += 1
    return fake_services(close=_close)


async def _runs(node: NodeInput) -> NodeResult:
    assert SEEN["services"] == SEEN["closed"] + 1
    if node.instance == "broken":
        raise ValueError("no")
    return NodeResult(data=node.instance)


def opened(what: str) -> Built:
    """A factory, as bootstrap makes one: a partial, whose copies are equal to nothing."""
    SEEN[what] += 1
    return NodeRegistry([Scripted(_runs)]), _services, lambda: 7


@pytest.fixture(autouse=True)
def fresh() -> None:
    SEEN.clear()
    packed.cache_clear()
    built.cache_clear()


def ends(factory: Callable[[], Built], *instances: str) -> list[st.AnyStimulus]:
    tasks = [
        NodeTask(execution_id="e1", instance=instance, node_id=instance, node_type="scripted", incarnation=3)
        for instance in instances
    ]
    # Each task brings bytes of its own, as from the wire.
    return [_run(task, bytes(bytearray(packed(factory))), None, None)[-1][1] for task in tasks]


def test_a_worker_opens_what_attempts_share_once_and_closes_behind_each() -> None:
    reported = ends(partial(opened, "one"), "a", "b", "broken", "c")
    assert dict(SEEN) == {"one": 1, "services": 4, "closed": 4}
    assert [type(end) for end in reported] == [
        st.AttemptSucceeded, st.AttemptSucceeded, st.AttemptFailed, st.AttemptSucceeded
    ]  # fmt: skip
    assert {end.incarnation for end in reported} == {3}


def test_another_factory_is_another_worker_for_it() -> None:
    ends(partial(opened, "one"), "a")
    ends(partial(opened, "another"), "a")
    ends(partial(opened, "one"), "b")
    assert (SEEN["one"], SEEN["another"]) == (1, 1)
