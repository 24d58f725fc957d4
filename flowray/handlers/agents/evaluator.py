"""The ``evaluator`` node: a language model scores a text by metrics. What follows is for other nodes."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.agents.judging import Criterion, judge
from flowray.handlers.ai.asking import ASKING_SPELLINGS, AskingConfig, provider_limit
from flowray.handlers.ai.completion import usage_view
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.values import Json

TAKEN = frozenset({"content", "scores", "reasoning", "model", "provider", "tokens", "usage", "cost", "average"})


class Range(NodeConfig):
    """The bounds of a score."""

    min: float = 0.0
    max: float = 10.0


class Metric(NodeConfig):
    """What is scored."""

    name: str = Field(min_length=1, description="The key of the score in the output, in small letters.")
    description: str = Field("", description="What the model is to look at.")
    range: Range = Field(default_factory=Range, description="The least and the highest score.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return {"name": values} if isinstance(values, str) else rename(values, name=("metric", "id"))


class EvaluatorConfig(AskingConfig):
    """A text, and the metrics that it is scored by."""

    content: Any = Field(description="What is scored: a text, or JSON.")
    metrics: list[Metric] = Field(min_length=1, description="What it is scored by.")
    system_prompt: Any = Field(None, description="Instructions for the judge, before the metrics.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(
            values, content=("input", "text"), metrics=("criteria",), systemPrompt=("instructions",), **ASKING_SPELLINGS
        )

    @field_validator("metrics", mode="after")
    @classmethod
    def _named_apart(cls, metrics: list[Metric]) -> list[Metric]:
        names = [metric.name.lower() for metric in metrics]
        if len(set(names)) < len(names):
            raise ValueError("two metrics have the same name")
        if wrong := [metric.name for metric in metrics if metric.range.min > metric.range.max]:
            raise ValueError(f"the range of {wrong[0]!r} is empty")
        return metrics


class EvaluatorHandler:
    """Output: ``{content, scores, average, reasoning, model, provider, tokens, usage, cost}``, and each score under the
    metric's name in small letters. A score that the model did not give is 0, as in SIM, or the least of its range.
    """

    node_type = NodeType(
        name="evaluator",
        summary="Lets a language model score a text by metrics.",
        config_model=EvaluatorConfig,
        category="ai",
        aliases=("evaluation", "llmJudge"),
        effects=Effects.READ,
        default_limit=provider_limit,
        fields=dict.fromkeys(("provider", "fallbacks"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """``evaluator`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the model does, INVALID_NODE_CONFIG without a text."""
        config = config_of(node, EvaluatorConfig)
        text = text_of(config.content)
        if not text.strip():
            raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, "there is no content to score")
        criteria = [Criterion(one.name, one.description, one.range.min, one.range.max) for one in config.metrics]
        verdict = await judge(node, config, text, criteria, text_of(config.system_prompt))
        scores: dict[str, Json] = {}
        for one in criteria:
            score = verdict.scores[one.name]
            if score is None:
                node.log(f"the model gave no score for {one.name!r}", "warning", reply=verdict.answer.text[:500])
            scores[one.name.lower()] = max(one.low, 0.0) if score is None else score
        answer = verdict.answer
        usage = answer.usage
        output: dict[str, Json] = {
            "content": config.content, "scores": dict(scores), "reasoning": verdict.reasoning, "model": answer.model,
            "average": sum(float(str(score)) for score in scores.values()) / len(scores),
            "provider": answer.provider, "usage": usage_view(usage),
            "tokens": {
                "input": usage.input_tokens, "output": usage.output_tokens,
                "total": usage.input_tokens + usage.output_tokens,
            },
        }  # fmt: skip
        if usage.cost is not None:
            output["cost"] = {"total": usage.cost, "currency": usage.currency}
        return NodeResult(data={**{name: score for name, score in scores.items() if name not in TAKEN}, **output},
                          usage=usage)  # fmt: skip
