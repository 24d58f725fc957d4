"""The human-review node: what it asks, and when it need not."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import Pause, VariableOperation
from flowray.handlers.logic.human_review import HumanReviewConfig, expected_input
from tests.handlers.running import fail, succeed


def schema(**config: Any) -> Any:
    return expected_input(HumanReviewConfig.model_validate(config))


async def test_it_asks_a_person() -> None:
    result = await succeed(
        "humanReview",
        {"prompt": "Good, {{who}}?", "variableName": "verdict", "inputType": "boolean", "outputVariable": "ok"},
        inputs={"who": "Ada"},
    )
    assert result.signals.pause == Pause(
        reason="Waiting for human review: Good, Ada?", prompt="Good, Ada?", expected_input={"type": "boolean"},
        variables=("verdict",),
    )  # fmt: skip


async def test_the_spelling_of_templates_asks_for_anything() -> None:
    pause = (
        await succeed("humanReview", {"label": "VP", "reviewPrompt": "Approve?", "outputVariable": "a"})
    ).signals.pause
    assert pause == Pause(reason="Waiting for human review: Approve?", prompt="Approve?")
    pause = (await succeed("humanReview", {}, node_name="VP Review")).signals.pause
    assert pause is not None
    assert pause.prompt == "VP Review"


@pytest.mark.parametrize("value", [0, False, "", "yes", {"a": [1]}, None])
async def test_a_value_among_the_inputs_is_the_answer(value: Any) -> None:
    result = await succeed("humanReview", {"prompt": "?", "variableName": "v"}, inputs={"v": value})
    assert (result.signals.pause, result.output) == (None, value)
    assert result.variables == (VariableOperation(op="set", name="v", value=value),)


async def test_a_value_among_the_inputs_must_fit() -> None:
    config = {"prompt": "?", "variableName": "n", "inputType": "number", "validation": {"max": 10}}
    assert (await succeed("humanReview", config, inputs={"n": "7"})).output == 7
    error = await fail("humanReview", config, inputs={"n": 11})
    assert (error.code, error.details["errors"][0]["message"]) == (
        "INVALID_INPUT",
        "11 is greater than the maximum of 10",
    )


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"required": False, "defaultValue": "light"}, "light"),
        ({"required": False, "defaultValue": None}, None),
        ({"required": False, "default": 3}, 3),
        ({"required": True, "defaultValue": "light"}, Pause),
        ({"required": False}, Pause),
    ],
)
async def test_a_default_answers_only_where_none_is_required(more: dict[str, Any], answer: Any) -> None:
    result = await succeed("humanReview", {"prompt": "?", "variableName": "v", **more})
    if answer is Pause:
        assert result.signals.pause is not None
    else:
        assert (result.signals.pause, result.output) == (None, answer)


def test_what_is_asked_for_as_a_schema() -> None:
    assert schema(inputType="text") == {"type": "string", "minLength": 1}
    assert schema(inputType="text", required=False) == {"type": ["string", "null"]}
    assert schema(inputType="number", validation={"min": 0, "max": 5}) == {"type": "number", "minimum": 0, "maximum": 5}
    assert schema(inputType="text", validation={"pattern": "^a", "minLength": 2, "maxLength": 9}) == {
        "type": "string", "pattern": "^a", "minLength": 2, "maxLength": 9,
    }  # fmt: skip
    assert schema(inputType="json") is None
    inner = {"type": "object", "required": ["approved"]}
    assert schema(inputType="json", validation={"jsonSchema": inner}) == inner
    assert schema(inputType="boolean", description="Yes or no", placeholder="true") == {
        "type": "boolean", "description": "Yes or no", "examples": ["true"],
    }  # fmt: skip


def test_fields_make_a_form() -> None:
    fields = [{"name": "approved", "type": "boolean", "required": True}, {"name": "note", "type": "odd"}, {"name": ""}]
    assert schema(fields=fields) == {
        "type": "object", "properties": {"approved": {"type": "boolean"}, "note": {}}, "required": ["approved"],
    }  # fmt: skip


async def test_nonsense_is_refused() -> None:
    assert (await fail("humanReview", {"inputType": "mood"})).code == "INVALID_NODE_CONFIG"
