"""The router node: a model's choice, its defaults, and rules (scenarios 45 to 47)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.handlers.ai.router import Route, RouterHandler, read_choice
from flowray.handlers.services import ChatChunk
from tests.fakes.services import ScriptedChat, fake_services
from tests.handlers.running import fail, succeed

ROUTES = [Route(value="technical", label="Tech"), Route(value="general"), Route(value="Other_Case")]

CONFIG = {
    "provider": "openai", "model": "m", "prompt": "{{question}}", "systemPrompt": "Be quick.",
    "routes": [{"value": "technical", "label": "Tech", "description": "Bugs"}, "general"], "defaultRoute": "general",
}  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "route", "confidence"),
    [
        ('{"selectedRoute": "technical", "confidence": 0.9, "reasoning": "bug"}', "technical", 0.9),
        ('Sure {not json}: {"selectedRoute": "technical"} ok', "technical", 0.8),
        ('{"selectedRoute": "TECHNICAL", "confidence": "high"}', "technical", 0.8),
        ('{"selectedRoute": "other_case", "confidence": 1}', "Other_Case", 1.0),
        ('{"selectedRoute": "nowhere", "confidence": 0.9}', "general", 0.5),
        ('{"confidence": 0.9}', "general", 0.5),
        ("technical", "general", 0.5),
        ("", "general", 0.5),
        ("{" * 50, "general", 0.5),
    ],
)
def test_scenario_46_what_a_reply_chooses(reply: str, route: str, confidence: float) -> None:
    choice = read_choice(reply, ROUTES, "general")
    assert (choice.route, choice.confidence) == (route, confidence)


def test_an_edge_for_the_default_lives_when_it_is_taken() -> None:
    assert read_choice("?", ROUTES, "general").handles == ("general", "default")
    assert read_choice('{"selectedRoute": "general"}', ROUTES, "general").handles == ("general",)


def test_without_a_default_the_first_route_is_it() -> None:
    assert read_choice("?", ROUTES, None).route == "technical"


async def test_scenario_45_the_model_is_asked_and_its_route_selected() -> None:
    usage = Usage(input_tokens=7, output_tokens=3)
    chat = ScriptedChat([ChatChunk('{"selectedRoute": "tech'), ChatChunk('nical"}', usage=usage, model="m-1")])
    result = await succeed("router", CONFIG, inputs={"question": "It crashes"}, services=fake_services(chat=chat))
    assert result.signals.selected_routes == ("technical",)
    assert result.output == {
        "selectedRoute": "technical", "routeLabel": "Tech", "confidence": 0.8, "reasoning": "", "model": "m-1",
        "provider": "openai",
    }  # fmt: skip
    assert result.usage == usage
    request = chat.asked[0]
    assert (request.temperature, request.max_tokens) == (0.0, 500)
    assert request.messages[1] == {"role": "user", "content": "It crashes"}
    system = str(request.messages[0]["content"])
    assert system.startswith("Be quick.")
    assert "- technical: Tech: Bugs\n- general\n" in system
    assert chat.closed == 1


@pytest.mark.parametrize(("value", "mode", "routes"), [
    (12, "first", ("high",)), (12, "all", ("high", "positive")), (-1, "first", ("low", "default")),
])  # fmt: skip
async def test_rules_choose_without_a_model(value: int, mode: str, routes: tuple[str, ...]) -> None:
    conditions = [{"name": "high", "expression": "sum >= 10"}, {"name": "positive", "expression": "sum > 0"}]
    config = {"conditions": conditions, "defaultOutput": "low", "evaluationMode": mode}
    result = await succeed("router", config, inputs={"sum": value})
    assert result.signals.selected_routes == routes
    assert result.output["selectedRoute"] == routes[0]
    assert result.output["conditionMet"] is (value > 0)


@pytest.mark.parametrize("missing", ["routes", "prompt"])
async def test_a_model_needs_routes_and_something_to_route(missing: str) -> None:
    config: dict[str, Any] = {key: value for key, value in CONFIG.items() if key != missing}
    error = await fail("router", config)
    assert error.code == "INVALID_NODE_CONFIG"
    assert missing in error.message


def test_only_a_router_that_asks_a_model_is_under_its_providers_limit() -> None:
    default_limit = RouterHandler.node_type.default_limit
    assert default_limit is not None
    assert default_limit({"provider": "local"}) == "local"
    assert default_limit({}) == "openai"
    assert default_limit({"provider": "local", "conditions": [{"name": "a"}]}) is None
