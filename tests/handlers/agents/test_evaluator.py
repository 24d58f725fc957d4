from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from tests.fakes.services import fake_services
from tests.handlers.agents.playing import ScriptedModel
from tests.handlers.running import fail, output, succeed

METRICS = [
    {"name": "Quality", "description": "How good it is.", "range": {"min": 0, "max": 10}},
    {"name": "Brevity", "range": {"min": 1, "max": 5}},
]


async def scored(reply: str, **config: Any) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel([reply])
    given = {"content": "A text.", "metrics": METRICS, **config}
    return await output("evaluator", given, services=fake_services(chat=model)), model


async def test_scores_stand_under_small_names_beside_their_average() -> None:
    found, model = await scored('{"Quality": 9, "Brevity": 5, "reasoning": "Short and good."}')
    assert (found["quality"], found["brevity"], found["average"], found["reasoning"]) == (9, 5, 7, "Short and good.")
    assert found["scores"] == {"quality": 9, "brevity": 5}
    assert found["tokens"] == {"input": 10, "output": 5, "total": 15}
    [request] = model.asked
    assert '"Quality", from 0 to 10: How good it is.' in request.messages[0]["content"]
    assert request.messages[1] == {"role": "user", "content": "A text."}
    schema = request.response_format["json_schema"]["schema"]  # type: ignore[index]
    assert schema["properties"]["Brevity"] == {"type": "number", "minimum": 1, "maximum": 5}


@pytest.mark.parametrize(("reply", "quality", "brevity"), [("sorry", 0, 1), ('{"quality": 3}', 3, 1)])
async def test_a_score_that_is_missing_is_the_least(reply: str, quality: int, brevity: int) -> None:
    found, _ = await scored(reply)
    assert (found["quality"], found["brevity"]) == (quality, brevity)


async def test_json_is_scored_as_text_and_a_metric_cannot_take_the_place_of_a_field() -> None:
    found, model = await scored('{"content": 4}', content={"a": 1}, metrics=["content"])
    assert (found["content"], found["scores"]) == ({"a": 1}, {"content": 4})
    assert model.asked[0].messages[1]["content"] == '{"a":1}'


async def test_usage_counts() -> None:
    result = await succeed(
        "evaluator", {"input": "x", "criteria": ["a"]}, services=fake_services(chat=ScriptedModel(["{}"]))
    )
    assert result.usage is not None
    assert result.usage.input_tokens == 10


@pytest.mark.parametrize(
    "config",
    [
        {"metrics": METRICS}, {"content": "x"}, {"content": "x", "metrics": []}, {"content": " ", "metrics": ["a"]},
        {"content": "x", "metrics": ["a", "A"]},
        {"content": "x", "metrics": [{"name": "a", "range": {"min": 9, "max": 1}}]},
    ],
)  # fmt: skip
async def test_what_cannot_be_scored_is_an_error(config: dict[str, Any]) -> None:
    assert (await fail("evaluator", config)).code == ErrorCode.INVALID_NODE_CONFIG
