"""The forgetful driver goes on from the store alone: what the log does not say, it does not know (R29)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.state import ExecutionState
from flowray.persistence.writes import AnyResult
from flowray.runtime import orchestrator
from flowray.runtime.driver import Driver
from flowray.runtime.live import LiveExecution
from tests.hostile import forgetful
from tests.hostile.forgetful import ForgetfulDriver
from tests.hostile.modes import Modes, make_hostile
from tests.runtime.test_local import bench, output
from tests.runtime.workflows import compiled

NODES = {
    "in": {"type": "input", "config": {"inputName": "topic"}},
    "set": {"type": "variable", "config": {"variableName": "seen", "value": "{{topic}}"}},
    "nap": {"type": "wait", "config": {"duration": 5}},
    "out": output("{{var.seen}}"),
}


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    make_hostile(Modes(always_recover=True), monkeypatch)
    assert vars(orchestrator)["Driver"] is ForgetfulDriver


async def test_each_commit_is_followed_by_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    """But the last: what has ended is not kept. How many there are is the machine's: what is late shares a commit."""
    settled: list[str] = []
    folded: list[int] = []

    def settling(driver: Driver, live: LiveExecution, result: AnyResult) -> None:
        settled.append(live.id)
        settle(driver, live, result)

    def counting(index: PlanIndex, commits: Sequence[bytes]) -> ExecutionState:
        folded.append(len(commits))
        return replay(index, commits)

    settle = Driver._settle
    monkeypatch.setattr(Driver, "_settle", settling)
    monkeypatch.setattr(forgetful, "replay", counting)
    async with bench() as desk:
        row = await desk.run(compiled(NODES, "in -> set", "set -> nap", "nap -> out"), topic="rain")
        assert (row.status, row.outputs) == ("completed", {"result": "rain"})
    assert set(settled) == {row.id}
    assert len(folded) == len(settled) - 1 > 0
    assert folded == sorted(folded)


async def test_what_a_fold_loses_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode can fail: a state that replay does not restore shows in the result."""

    def without_variables(index: PlanIndex, commits: Iterable[bytes]) -> ExecutionState:
        state = replay(index, commits)
        state.variables.clear()
        return state

    monkeypatch.setattr(forgetful, "replay", without_variables)
    async with bench() as desk:
        row = await desk.run(compiled(NODES, "in -> set", "set -> nap", "nap -> out"), topic="rain")
        assert row.outputs != {"result": "rain"}
