"""The shape of a definition and its defaults."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flowray.definition.policies import JoinRule, OnFailure
from flowray.definition.workflow import NodeDefinition, WorkflowDefinition


def test_a_minimal_definition_has_the_documented_defaults() -> None:
    definition = WorkflowDefinition.model_validate({"nodes": {"a": {"type": "input"}}})
    assert definition.schema_version == 1
    assert definition.dialect == "flowray"
    assert definition.settings.timeout_ms is None
    assert definition.settings.max_concurrent_nodes == 10
    assert definition.settings.on_failure is OnFailure.RUN_INDEPENDENT
    assert definition.nodes["a"].join is JoinRule.ANY
    assert definition.nodes["a"].error_port is None


def test_fields_of_other_tools_are_kept() -> None:
    node = NodeDefinition.model_validate({"type": "x", "style": {"color": "red"}})
    assert node.model_extra == {"style": {"color": "red"}}


@pytest.mark.parametrize("wrong", [{"type": ""}, {"type": "x", "timeoutMs": 0}, {"type": "x", "config": 3}, {}])
def test_nodes_have_a_type_and_sensible_limits(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NodeDefinition.model_validate(wrong)
