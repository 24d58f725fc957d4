"""The plan as a value: JSON, hash, immutability."""

from __future__ import annotations

import msgspec
import pytest

from flowray.plan import (
    ROOT,
    ExecutableNode,
    ExecutionPlan,
    PlanEdge,
    ScopePlan,
    plan_from_json,
    plan_hash,
    plan_to_json,
)


def _plan() -> ExecutionPlan:
    nodes = {"a": ExecutableNode(id="a", type="x", config={"k": [1, None]}), "b": ExecutableNode(id="b", type="y")}
    return ExecutionPlan(nodes=nodes, scopes={ROOT: ScopePlan(ROOT, ("a", "b"), (PlanEdge("e", "a", "b"),), ("a",))})


def test_a_plan_survives_json() -> None:
    assert plan_from_json(plan_to_json(_plan())) == _plan()


def test_equal_plans_have_equal_hashes_and_others_do_not() -> None:
    assert plan_hash(_plan()) == plan_hash(plan_from_json(plan_to_json(_plan())))
    assert plan_hash(_plan()) != plan_hash(msgspec.structs.replace(_plan(), name="other"))


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _plan().name = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        _plan().nodes["a"].depth = 3  # type: ignore[misc]


def test_anything_else_is_no_plan() -> None:
    with pytest.raises(msgspec.ValidationError):
        plan_from_json(b'{"nodes": 3}')
