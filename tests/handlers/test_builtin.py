"""The table of built-in types: every one is whole."""

from __future__ import annotations

import pytest

from flowray.handlers.builtin import builtin_handlers
from flowray.handlers.handler import NodeHandler


@pytest.mark.parametrize("handler", builtin_handlers(), ids=lambda handler: handler.node_type.name)
def test_every_type_is_declared_in_full(handler: NodeHandler) -> None:
    declared = handler.node_type
    assert isinstance(handler, NodeHandler)
    assert handler.can_handle(declared.name)
    assert all(handler.can_handle(alias) for alias in declared.aliases)
    assert not handler.can_handle("something else")
    assert declared.summary.endswith(".")
    assert declared.config_model.model_config.get("extra") == "allow"


def test_no_two_types_share_a_name() -> None:
    names = [name for handler in builtin_handlers() for name in (handler.node_type.name, *handler.node_type.aliases)]
    assert len(names) == len(set(names))
