"""Names of instances and scopes (R52)."""

from __future__ import annotations

import pytest

from flowray.engine.instances import encode_id, instance_id, parent_of_scope, scope_id, split_instance


@pytest.mark.parametrize("node_id", ["a", "input-1", "my node", "a/b", "x[0]", "100%", "ü", "a%2Fb", "日本"])
def test_r52_any_id_survives(node_id: str) -> None:
    scope = scope_id(instance_id("", node_id), 3)
    instance = instance_id(scope, node_id)
    assert split_instance(instance) == (scope, node_id)
    assert parent_of_scope(scope) == (instance_id("", node_id), 3)
    assert split_instance(instance_id("", node_id)) == ("", node_id)


def test_r52_a_root_node_is_its_bare_id() -> None:
    assert instance_id("", "fetch") == "fetch"
    assert instance_id("loop[2]/p[0]", "fetch") == "loop[2]/p[0]/fetch"


def test_separators_are_encoded() -> None:
    assert encode_id("a/b[1]%") == "a%2Fb%5B1%5D%25"
