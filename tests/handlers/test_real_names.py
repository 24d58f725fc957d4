"""Every name that real files give to what flowray does itself leads to the type that does it."""

from __future__ import annotations

import pytest

from tests.handlers.running import REGISTRY

NAMES = {
    "conditional": ("condition", "if"), "loop": ("forEach", "while", "repeat"), "wait": ("delay", "sleep"),
    "comment": ("note", "annotation", "label", "group"), "noop": ("skip", "placeholder"), "code": ("function",
    "script"),
    "database": ("sql", "postgresql"), "aggregate": ("aggregator",),
}  # fmt: skip


@pytest.mark.parametrize(("name", "alias"), [(name, alias) for name, others in NAMES.items() for alias in others])
def test_a_name_leads_to_its_type(name: str, alias: str) -> None:
    assert REGISTRY.handler_for(alias).node_type.name == name
    assert REGISTRY.node_types()[alias].name == name
