"""The ``switch`` node: chooses the handle of the first case that fits a value, or its default. It routes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.engine.signals import Signals
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.conversions import parse_number, to_text, truthy
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.references import evaluate_condition, fill
from flowray.values import Json

DEFAULT_ROUTE = "default"


class SwitchCase(NodeConfig):
    """One case. ``value`` may hold ``*``, ``?`` and templates; ``condition`` decides where the switch has no value."""

    value: Any = None
    label: str | None = None
    condition: str | None = None

    @property
    def route(self) -> str:
        """The handle of the case: its value as the author wrote it."""
        return text_of(self.value)


class SwitchConfig(NodeConfig):
    """A value and the cases to compare it with, or cases that each have a condition."""

    expression: Any = Field(None, description="The value, usually a template such as {{order.status}}.")
    switch_variable: Any = Field(None, description="A name whose value is compared, instead of an expression.")
    cases: list[SwitchCase] = Field(min_length=1, description="The first one that fits is taken.")
    default_case: str | None = Field(None, description="Route where no case fits.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, switchVariable=("variable",), defaultCase=("defaultRoute", "defaultOutput"))
        if isinstance(given, dict) and isinstance(given.get("cases"), list):
            given["cases"] = [case if isinstance(case, dict) else {"value": case} for case in given["cases"]]
        return given


class SwitchHandler:
    """Output: ``{matchedCase, matchedValue, evaluatedExpression}``; the first is the case as the author wrote it.

    Numbers compare as numbers, everything else as text without regard to case. Without a match ``matchedCase`` is the
    default's name or null, and ``matchedValue`` null.
    """

    node_type = NodeType(
        name="switch",
        summary="Takes the branch of the first case that fits a value.",
        config_model=SwitchConfig,
        role=Role.BRANCH,
        computes=True,
        effects=Effects.NONE,
        fields={
            "cases": FieldKind.EXPRESSION, "switchVariable": FieldKind.PATH, "variable": FieldKind.PATH,
            "defaultCase": FieldKind.LITERAL, "defaultRoute": FieldKind.LITERAL, "defaultOutput": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG without a value and without conditions, and as a condition does."""
        config = config_of(node, SwitchConfig)
        value = _value(node, config)
        for position, case in enumerate(config.cases):
            wanted = text_of(fill(case.value, node))
            if await _fits(node, case, wanted, value):
                return _result(config, position, wanted, value)
        return _result(config, None, None, value)


def _value(node: NodeInput, config: SwitchConfig) -> str | None:
    """The value to compare, as text; None if the conditions of the cases decide."""
    if node.raw_config.get("expression") not in (None, ""):
        return text_of(config.expression)
    if any(node.raw_config.get(name) is not None for name in ("switchVariable", "switch_variable", "variable")):
        return text_of(config.switch_variable)
    if any(case.condition for case in config.cases):
        return None
    raise FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG,
        "expression: Expression is required",
        hint="set expression to the value that is compared, or give each case a condition",
    )


async def _fits(node: NodeInput, case: SwitchCase, wanted: str, value: str | None) -> bool:
    if case.condition is not None and value is None:
        return truthy(await evaluate_condition(case.condition, node))
    return value is not None and matches(wanted, value)


def matches(pattern: str, value: str) -> bool:
    """Whether a case fits: equal numbers, or equal text where ``*`` stands for any text and ``?`` for a character."""
    wanted, given = parse_number(pattern), parse_number(value)
    if wanted is not None and given is not None:
        return wanted == given
    pattern, value = pattern.lower(), value.lower()
    if "*" not in pattern and "?" not in pattern:
        return pattern == value
    return _like(pattern, value)


def _like(pattern: str, value: str) -> bool:
    """Wildcards in time at most the product of both lengths: an author's pattern must not hang a lane."""
    position = start = 0
    star = -1
    at = 0
    while at < len(value):
        if position < len(pattern) and pattern[position] == "*":
            star, start = position, at
            position += 1
        elif position < len(pattern) and pattern[position] in ("?", value[at]):
            position += 1
            at += 1
        elif star >= 0:
            position = star + 1
            start += 1
            at = start
        else:
            return False
    return pattern[position:].strip("*") == ""


def _result(config: SwitchConfig, position: int | None, wanted: str | None, value: str | None) -> NodeResult:
    if position is None:
        matched: Json = config.default_case
        routes = default_routes(config.cases, config.default_case)
    else:
        matched = config.cases[position].route
        routes = case_routes(config.cases, position, wanted or "")
    data = {"matchedCase": matched, "matchedValue": wanted, "evaluatedExpression": value}
    return NodeResult(data=data, signals=Signals(selected_routes=routes))


def case_routes(cases: Sequence[SwitchCase], position: int, value: str) -> tuple[str, ...]:
    """Every name that an edge of this case may have, the case as written first.

    The compiler gives edges the written value; the other spellings matter where it could not know the cases. A spelling
    that is the value of another case is that case's.
    """
    case = cases[position]
    others = {other.route for other in cases if other is not case}
    spellings = (
        case.route, value, f"case-{case.route}", f"case-{position}", f"case_{position}", to_text(case.label or ""),
    )  # fmt: skip
    return tuple(dict.fromkeys(name for name in spellings if name and name not in others)) or (case.route,)


def default_routes(cases: Sequence[SwitchCase], default_case: str | None) -> tuple[str, ...]:
    """The names of the default: its own, which may be one of the cases, and ``default``."""
    if not default_case:
        return (DEFAULT_ROUTE,)
    named = next((index for index, case in enumerate(cases) if case.route == default_case), None)
    own = case_routes(cases, named, default_case) if named is not None else (default_case, f"case-{default_case}")
    return tuple(dict.fromkeys((*own, DEFAULT_ROUTE)))
