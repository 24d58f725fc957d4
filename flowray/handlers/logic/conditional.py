"""The ``conditional`` node: chooses the handle ``true`` or ``false``, or a named one. Routing is the engine's."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.engine.signals import Signals
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.conditions import OPERATORS, compare, fill_operand, is_bounded_operator, parse_operand
from flowray.expressions.conversions import to_text, truthy
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.references import evaluate_condition
from flowray.handlers.rules import NamedCondition, holding_rules
from flowray.handlers.scripts import call_javascript
from flowray.values import Json


class ConditionalConfig(NodeConfig):
    """Two sides and an operator, or one ``expression``, or named ``conditions`` with a ``defaultOutput``."""

    left_value: Any = None
    operator: str | None = None
    right_value: Any = None
    expression: str | None = Field(None, description="A condition such as score >= 80 && tier == 'pro'.")
    conditions: list[NamedCondition] | None = Field(None, description="Rules, each with the handle it selects.")
    default_output: str | None = Field(None, description="Handle where no rule holds.")
    evaluation_mode: str = Field("first", description="first: the first rule that holds; all: every one.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, expression=("condition",), leftValue=("left",), rightValue=("right",))

    @model_validator(mode="after")
    def _says_what(self) -> ConditionalConfig:
        if not self.conditions and self.expression is None and self.operator is None:
            raise ValueError("one of operator (with leftValue, rightValue), expression or conditions is required")
        return self


class ConditionalHandler:
    """Output: ``{conditionMet, branch, leftValue, rightValue, operator}``. Missing values are null, not errors."""

    node_type = NodeType(
        name="conditional",
        summary="Takes the true or the false branch, or the branch of the first rule that holds.",
        config_model=ConditionalConfig,
        aliases=("condition", "if"),
        role=Role.BRANCH,
        computes=True,
        effects=Effects.NONE,
        fields={
            "condition": FieldKind.EXPRESSION, "expression": FieldKind.EXPRESSION, "conditions": FieldKind.EXPRESSION,
            "operator": FieldKind.LITERAL, "mode": FieldKind.LITERAL, "conditionType": FieldKind.LITERAL,
            "defaultOutput": FieldKind.LITERAL, "evaluationMode": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """``conditional`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises EXPRESSION_ERROR or EXPRESSION_TIMEOUT for a condition that throws or does not end."""
        config = config_of(node, ConditionalConfig)
        if config.conditions:
            return await self._by_rules(node, config, config.conditions)
        if config.operator is not None and config.expression is None:
            return await self._by_operator(node, config, config.operator)
        value = await evaluate_condition(config.expression or "", node)
        return _result(truthy(value), value, "expression", None)

    async def _by_operator(self, node: NodeInput, config: ConditionalConfig, operator: str) -> NodeResult:
        if operator not in OPERATORS:
            raise FlowrayError(
                ErrorCode.INVALID_NODE_CONFIG, f"unknown operator {operator!r}", hint=f"known: {', '.join(OPERATORS)}"
            )
        left = _operand(node, config.left_value, ("leftValue", "left"))
        right = _operand(node, config.right_value, ("rightValue", "right"))
        if is_bounded_operator(operator):
            return _result(compare(left, operator, right), left, operator, right)
        # An author's regular expression can backtrack without end, so it runs in the sandbox (R27, R45).
        given = {"pattern": to_text(right), "text": to_text(left)}
        met = await call_javascript(node, "return new RegExp(pattern).test(text);", given, "")
        return _result(bool(met), left, operator, right)

    async def _by_rules(
        self, node: NodeInput, config: ConditionalConfig, conditions: list[NamedCondition]
    ) -> NodeResult:
        selected = await holding_rules(node, conditions, config.evaluation_mode)
        met = bool(selected)
        if not selected and config.default_output:
            selected = [config.default_output]
        data = {
            "conditionMet": met, "branch": selected[0] if selected else None, "branches": selected,
            "leftValue": None, "rightValue": None, "operator": "rules",
        }  # fmt: skip
        return NodeResult(data=data, signals=Signals(selected_routes=tuple(selected)))


def _operand(node: NodeInput, value: Json, spellings: tuple[str, ...]) -> Json:
    """One side as a value. A reference that nothing provides is the empty text, one that is null is null."""
    if value is None:
        written = next((node.raw_config[name] for name in spellings if name in node.raw_config), None)
        return None if written is None else fill_operand(written, node.names)
    return parse_operand(value) if isinstance(value, str) else value


def _result(met: bool, left: Json, operator: str, right: Json) -> NodeResult:
    branch = "true" if met else "false"
    data = {"conditionMet": met, "branch": branch, "leftValue": left, "rightValue": right, "operator": operator}
    return NodeResult(data=data, signals=Signals(selected_routes=(branch,)))
