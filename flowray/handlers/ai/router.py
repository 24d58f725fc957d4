"""The ``router`` node: a language model, or rules, choose one of several routes. Routing itself is the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.engine.signals import Signals
from flowray.handlers.ai.asking import ASKING_SPELLINGS, AskingConfig, provider_limit
from flowray.handlers.ai.completion import complete
from flowray.handlers.ai.structured import first_object
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.rules import NamedCondition, holding_rules
from flowray.handlers.services import ChatRequest
from flowray.values import Json

MAX_REPLY_TOKENS = 500
UNSURE = 0.5
"""Confidence of a default that was taken because the reply named no known route."""

UNSTATED = 0.8
"""Confidence of a valid route for which the model gave no number."""

DEFAULT_ROUTE = "default"
"""The handle of an edge that is drawn for the default, whatever route that is."""

_INSTRUCTION = """You route requests. Choose exactly one of these routes:

{routes}

Answer with one JSON object and nothing else:
{{"selectedRoute": "<the value of a route>", "confidence": <0 to 1>, "reasoning": "<one short sentence>"}}"""


class Route(NodeConfig):
    """One way on. ``value`` is its handle; label and description are for the model and for people."""

    value: str = Field(min_length=1)
    label: str | None = None
    description: str | None = None


class RouterConfig(AskingConfig):
    """Routes for a model to choose from, or named ``conditions`` with a ``defaultOutput``."""

    routes: list[Route] = Field(default_factory=list, description="What the model may choose.")
    default_route: str | None = Field(None, description="Taken if the reply names no route; else the first route.")
    prompt: Any = Field(None, description="What is to be classified.")
    system_prompt: Any = Field(None, description="Instructions before those that list the routes.")
    temperature: float = Field(0.0, ge=0, le=2, description="0 for the likeliest choice.")
    max_tokens: int = Field(MAX_REPLY_TOKENS, gt=0, description="Longest reply, in tokens.")
    conditions: list[NamedCondition] | None = Field(None, description="Rules, each with the handle it selects.")
    default_output: str | None = Field(None, description="Handle where no rule holds.")
    evaluation_mode: str = Field("first", description="first: the first rule that holds; all: every one.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, prompt=("input", "userPrompt"), systemPrompt=("system",), **ASKING_SPELLINGS)
        if not isinstance(given, dict):
            return given
        if isinstance(given.get("routes"), list):
            given["routes"] = [route if isinstance(route, dict) else {"value": route} for route in given["routes"]]
        return {key: value for key, value in given.items() if value is not None}

    @model_validator(mode="after")
    def _says_what(self) -> RouterConfig:
        if self.conditions:
            return self
        if not self.routes:
            raise ValueError("routes: At least one route is required (or conditions)")
        if self.prompt is None:
            raise ValueError("prompt: Required (or conditions)")
        return self


@dataclass(frozen=True)
class Choice:
    """What was chosen, and how sure the one who chose is (0 to 1). ``by_default``: nobody chose it."""

    route: str
    confidence: float
    reasoning: str
    by_default: bool = False

    @property
    def handles(self) -> tuple[str, ...]:
        """The route; where it was the default, edges that say so live too."""
        return tuple(dict.fromkeys((self.route, DEFAULT_ROUTE))) if self.by_default else (self.route,)


class RouterHandler:
    """Output: ``{selectedRoute, routeLabel, confidence, reasoning, model, provider}``; its alias is ``selectedRoute``.

    By rules: ``{selectedRoute, selectedRoutes, conditionMet}``.
    """

    node_type = NodeType(
        name="router",
        summary="Lets a language model, or rules, choose one of several branches.",
        config_model=RouterConfig,
        category="ai",
        role=Role.BRANCH,
        effects=Effects.READ,
        value_key="selectedRoute",
        default_limit=lambda config: None if config.get("conditions") else provider_limit(config),
        fields={
            "conditions": FieldKind.EXPRESSION, "defaultOutput": FieldKind.LITERAL, "defaultRoute": FieldKind.LITERAL,
            "evaluationMode": FieldKind.LITERAL, "fallbacks": FieldKind.LITERAL, "provider": FieldKind.LITERAL,
            "routerType": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does, and as a condition does."""
        config = config_of(node, RouterConfig)
        if config.conditions:
            return await _by_rules(node, config, config.conditions)
        return await _by_model(node, config)


async def _by_rules(node: NodeInput, config: RouterConfig, rules: list[NamedCondition]) -> NodeResult:
    names = await holding_rules(node, rules, config.evaluation_mode)
    met = bool(names)
    default = config.default_output or config.default_route
    if not names and default:
        names = [default]
    data = {"selectedRoute": names[0] if names else None, "selectedRoutes": names, "conditionMet": met}
    handles = (*names,) if met else tuple(dict.fromkeys((*names, DEFAULT_ROUTE)))
    return NodeResult(data=data, signals=Signals(selected_routes=handles))


async def _by_model(node: NodeInput, config: RouterConfig) -> NodeResult:
    request = _request(config)
    answer = await complete(node, request, fallbacks=config.fallbacks, cache_ttl_ms=config.cache_ttl_ms)
    choice = read_choice(answer.text, config.routes, config.default_route)
    label = next((route.label for route in config.routes if route.value == choice.route), None)
    data: dict[str, Json] = {
        "selectedRoute": choice.route, "routeLabel": label or choice.route, "confidence": choice.confidence,
        "reasoning": choice.reasoning, "model": answer.model, "provider": answer.provider,
    }  # fmt: skip
    return NodeResult(data=data, signals=Signals(selected_routes=choice.handles), usage=answer.usage)


def _request(config: RouterConfig) -> ChatRequest:
    listed = "\n".join(
        f"- {route.value}" + "".join(f": {text}" for text in (route.label, route.description) if text)
        for route in config.routes
    )
    instruction = _INSTRUCTION.format(routes=listed)
    own = text_of(config.system_prompt)
    messages = [
        {"role": "system", "content": f"{own}\n\n{instruction}" if own else instruction},
        {"role": "user", "content": text_of(config.prompt)},
    ]
    return ChatRequest(
        model=config.model or "", provider=config.provider or "", messages=messages, temperature=config.temperature,
        max_tokens=config.max_tokens, base_url=config.base_url, api_key=config.api_key,
        timeout_ms=config.timeout_ms,
    )  # fmt: skip


def read_choice(reply: str, routes: list[Route], default: str | None) -> Choice:
    """The route that a reply names, in the first JSON object of it; else the default, or the first route."""
    answer = first_object(reply)
    fallback = default or routes[0].value
    if answer is None:
        return Choice(fallback, UNSURE, "The reply was not JSON; the default was taken.", True)
    named = answer.get("selectedRoute")
    route = _known_route(named, routes)
    if route is None:
        return Choice(fallback, UNSURE, f"The reply named no known route ({named!r}); the default was taken.", True)
    given = answer.get("confidence")
    confidence = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else UNSTATED
    return Choice(route, confidence, text_of(answer.get("reasoning")))


def _known_route(named: Any, routes: list[Route]) -> str | None:
    if not isinstance(named, str):
        return None
    exact = next((route.value for route in routes if route.value == named), None)
    return exact or next((route.value for route in routes if route.value.lower() == named.strip().lower()), None)
