"""Configs that are the same for each attempt: known by the object, never mistaken for another, never changed."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.node_type import FieldKind, NodeType
from flowray.engine import stimuli as st
from flowray.handlers import constant_configs
from flowray.handlers.at_once import AtOnce
from flowray.handlers.constant_configs import ConstantConfigs
from flowray.handlers.node_config import NodeConfig
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import default_registry
from tests.fakes.services import NOW_MS, fake_services

ADD = {"operation": "increment", "variableName": "n", "value": 1}


class Config(NodeConfig):
    text: str = ""
    path: str = ""
    number: int = 0


KIND = NodeType(name="k", summary="", config_model=Config, fields={"path": FieldKind.PATH})
OTHER = NodeType(name="o", summary="", config_model=Config)


def task(config: dict[str, Any], **fields: Any) -> NodeTask:
    return NodeTask(execution_id="e1", instance="n1", node_id="n1", node_type="k", config=config, **fields)


def test_what_is_found_once_is_kept_with_its_config() -> None:
    known, given = ConstantConfigs(("hush",)), task({"text": "say hush", "number": 3})
    found = known.find(given, KIND)
    assert found is not None
    assert isinstance(found.parsed, Config)
    assert (found.parsed.text, found.parsed.number) == ("say hush", 3)
    assert found.shown == {"text": "say ***", "number": 3}
    assert known.find(given, KIND) is found
    assert known.find(task(dict(given.config)), KIND) is not found
    assert known.find(given, OTHER) is not found


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        ({"text": "{{inputs.x}}"}, {}), ({"text": "${inputs.x}"}, {"dollar": True}), ({"path": "a.b"}, {}),
        ({"text": ["x"]}, {}), ({"extra": {"a": 1}}, {}), ({"number": "many"}, {}),
    ],
    ids=["template", "dollar", "path", "list", "object", "wrong"],
)  # fmt: skip
def test_what_has_to_be_made_for_each_attempt_is_not_kept(config: dict[str, Any], fields: dict[str, Any]) -> None:
    known, given = ConstantConfigs(()), task(config, **fields)
    assert known.find(given, KIND) is None
    assert known.find(given, KIND) is None


def test_only_so_many_are_kept_and_each_holds_its_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constant_configs, "KEPT", 2)
    known = ConstantConfigs(())
    for number in range(50):  # Configs that nobody else holds: the next one may lie where the last one did.
        found = known.find(task({"number": number}), KIND)
        assert found is not None
        assert found.parsed == Config(number=number)
    assert len(known._known) == 2


def test_every_attempt_has_a_config_of_its_own_and_says_the_same() -> None:
    at_once = AtOnce(default_registry(plugins=False), fake_services(), lambda: NOW_MS)
    given = NodeTask(
        execution_id="e1", instance="n1", node_id="n1", node_type="variable", config=ADD, variables={"n": 4}
    )
    first, second = at_once.run(given), at_once.run(given)
    assert first == second
    assert first is not None
    assert isinstance(first[0], st.AttemptSucceeded)
    assert (first[0].output, first[0].input) == (5, ADD)
    assert ADD == {"operation": "increment", "variableName": "n", "value": 1}
