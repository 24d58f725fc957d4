"""The ``guardrails`` node: checks a text before it goes on: JSON, schema, pattern, personal data, a model's verdict.

Not passing is a result with a handle of its own, never a failure of the node.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.answers import prepare_answer
from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.engine.signals import Signals, Usage
from flowray.errors import FlowrayError
from flowray.handlers.agents import pii
from flowray.handlers.agents.judging import Criterion, judge
from flowray.handlers.ai.asking import ASKING_SPELLINGS, AskingConfig, provider_limit
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.values import Json, decode_json

PASSED, FAILED = "passed", "failed"

REGEX_TIMEOUT_MS = 1_000
JUDGE_THRESHOLD = 3.0
"""Of 10, as in SIM."""

_MATCHES = "(pattern, flags, text) => new RegExp(pattern, flags).test(text)"

_JUDGES = "You are a strict reviewer. {criteria}"
_GROUNDED = "How far the text is supported by the following context and by nothing else. Context:\n{context}"


class Check(NodeConfig):
    """One check. Which fields count says its type."""

    type: Literal["json", "schema", "regex", "pii", "judge", "length"] = Field(description="What is looked at.")
    json_schema: dict[str, Any] | None = Field(None, description="schema: the JSON Schema that the text follows.")
    pattern: str | None = Field(None, description="regex: a JavaScript pattern that is to be found in the text.")
    flags: str = Field("", pattern=r"^[imsu]*$", description="regex: flags such as i.")
    forbidden: bool = Field(False, description="regex: whether the pattern must not be found.")
    entities: list[str] = Field(default_factory=list, description=f"pii: of {', '.join(pii.TYPES)}; all without it.")
    mode: Literal["block", "mask"] = Field("block", description="pii: whether finds fail the check, or are masked.")
    criteria: str = Field("", description="judge: what is asked for, in words.")
    context: Any = Field(None, description="judge: what the text may rest on; without support it scores low.")
    threshold: float = Field(JUDGE_THRESHOLD, ge=0, le=10, description="judge: the least score that passes, of 10.")
    max_chars: int | None = Field(None, ge=0, description="length: characters at most.")
    min_chars: int = Field(0, ge=0, description="length: characters at least.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        if isinstance(values, str):
            return {"type": values}
        given = rename(
            values, type=("validationType", "kind"), jsonSchema=("schema",), pattern=("regex",),
            entities=("piiEntityTypes", "entityTypes"), mode=("piiMode",), criteria=("prompt", "instructions"),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        given["type"] = _TYPES.get(str(given.get("type")), given.get("type"))
        return {name: value for name, value in given.items() if value not in (None, "")}

    @model_validator(mode="after")
    def _is_whole(self) -> Check:
        needed = {"schema": self.json_schema, "regex": self.pattern, "judge": self.criteria or self.context}
        if self.type in needed and not needed[self.type]:
            raise ValueError(f"a check of type {self.type} needs {_NEEDS[self.type]}")
        if unknown := [name for name in self.entities if name not in pii.TYPES]:
            raise ValueError(f"unknown entity {unknown[0]!r}; there are {', '.join(pii.TYPES)}")
        return self


_TYPES = {"hallucination": "judge", "llm": "judge", "jsonSchema": "schema", "json_schema": "schema"}
_NEEDS = {"schema": "jsonSchema", "regex": "pattern", "judge": "criteria or context"}
_OF_CHECK = (
    "validationType", "regex", "pattern", "schema", "jsonSchema", "piiEntityTypes", "piiMode", "threshold", "criteria",
    "context", "flags", "forbidden", "maxChars", "minChars", "entities", "mode",
)  # fmt: skip


class GuardrailsConfig(AskingConfig):
    """A text, and the checks that it has to pass, one after the other up to the first that fails."""

    input: Any = Field(description="What is checked: a text, or JSON.")
    checks: list[Check] = Field(min_length=1, description="What it has to pass.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, input=("content", "text", "value"), checks=("rules", "guards"), **ASKING_SPELLINGS)
        if isinstance(given, dict) and not given.get("checks") and given.get("validationType"):
            # One check is written beside the text, as in SIM.
            given["checks"] = [{name: given[name] for name in _OF_CHECK if given.get(name) not in (None, "", [])}]
        return given


@dataclass
class _Found:
    """What one check has found. ``text`` as it goes on."""

    passed: bool
    text: str
    error: str = ""
    more: dict[str, Json] = field(default_factory=dict)
    usage: Usage | None = None


class GuardrailsHandler:
    """Output: ``{passed, input, text, validationType, checks, error?, score?, reasoning?, detectedEntities?,
    maskedText?}``: ``text`` is the input with what was masked. Handles: ``passed`` and ``failed``.
    """

    node_type = NodeType(
        name="guardrails",
        summary="Checks a text: JSON, schema, pattern, personal data, length, or what a language model thinks of it.",
        config_model=GuardrailsConfig,
        category="ai",
        aliases=("guardrail", "validateText"),
        role=Role.BRANCH,
        handles=(PASSED, FAILED),
        effects=Effects.READ,
        default_limit=lambda config: provider_limit(config) if _asks(config) else None,
        fields=dict.fromkeys(("provider", "fallbacks", "regex", "pattern", "schema", "jsonSchema"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """``guardrails`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as a judge does, EXPRESSION_ERROR for a wrong pattern, EXPRESSION_TIMEOUT."""
        config = config_of(node, GuardrailsConfig)
        text = text_of(config.input)
        output: dict[str, Json] = {"passed": True, "input": config.input, "validationType": config.checks[0].type}
        done: list[Json] = []
        usage: Usage | None = None
        for check in config.checks:
            found = await _CHECKS[check.type](node, config, check, text)
            text = found.text
            if found.usage is not None:
                usage = found.usage if usage is None else usage.plus(found.usage)
            done.append({"type": check.type, "passed": found.passed, **({"error": found.error} if found.error else {})})
            output |= found.more
            if not found.passed:
                output |= {"passed": False, "error": found.error, "validationType": check.type}
                break
        output |= {"text": text, "checks": done}
        handle = PASSED if output["passed"] else FAILED
        return NodeResult(data=output, signals=Signals(selected_routes=(handle,)), usage=usage)


def _asks(config: Any) -> bool:
    checks = config.get("checks") or [config]
    listed = checks if isinstance(checks, list) else []
    names = [check.get("type", check.get("validationType")) for check in listed if isinstance(check, dict)]
    return any(_TYPES.get(str(name), name) == "judge" for name in names)


async def _json(node: NodeInput, config: GuardrailsConfig, check: Check, text: str) -> _Found:
    try:
        decode_json(text)
    except ValueError as error:
        return _Found(False, text, f"Invalid JSON: {error}")
    return _Found(True, text)


async def _schema(node: NodeInput, config: GuardrailsConfig, check: Check, text: str) -> _Found:
    found = await _json(node, config, check, text)
    if not found.passed:
        return found
    try:
        prepare_answer(check.json_schema, decode_json(text))
    except FlowrayError as error:
        return _Found(False, text, error.message)
    return _Found(True, text)


async def _regex(node: NodeInput, config: GuardrailsConfig, check: Check, text: str) -> _Found:
    # An author's pattern may take for ever: it is tried where it can be killed.
    there = await node.services.sandbox.javascript(_MATCHES, [check.pattern, check.flags, text], REGEX_TIMEOUT_MS)
    if bool(there) is not check.forbidden:
        return _Found(True, text)
    return _Found(False, text, f"Input {'matches a forbidden' if check.forbidden else 'does not match regex'} pattern")


async def _pii(node: NodeInput, config: GuardrailsConfig, check: Check, text: str) -> _Found:
    entities = pii.find_entities(text, check.entities or pii.TYPES)
    listed: list[Json] = [{"type": one.type, "start": one.start, "end": one.end} for one in entities]
    if check.mode == "mask":
        hidden = pii.masked(text, entities)
        return _Found(True, hidden, more={"detectedEntities": listed, "maskedText": hidden})
    if not entities:
        return _Found(True, text, more={"detectedEntities": []})
    kinds = ", ".join(sorted({one.type for one in entities}))
    return _Found(False, text, f"PII detected: {kinds}", {"detectedEntities": listed})


async def _judge(node: NodeInput, config: GuardrailsConfig, check: Check, text: str) -> _Found:
    wanted = [check.criteria] if check.criteria else []
    if check.context not in (None, ""):
        wanted.append(_GROUNDED.format(context=text_of(check.context)))
    verdict = await judge(node, config, text, [Criterion("score")], _JUDGES.format(criteria=" ".join(wanted)))
    score = verdict.scores["score"]
    more: dict[str, Json] = {"score": score, "reasoning": verdict.reasoning, "model": verdict.answer.model}
    if score is None:
        # What nobody has judged has not passed.
        return _Found(False, text, "The judge gave no score", more, verdict.answer.usage)
    error = "" if score >= check.threshold else f"Score {score:g} is below the threshold of {check.threshold:g}"
    return _Found(not error, text, error, more, verdict.answer.usage)


async def _length(node: NodeInput, config: GuardrailsConfig, check: Check, text: str) -> _Found:
    if check.max_chars is not None and len(text) > check.max_chars:
        return _Found(False, text, f"{len(text)} characters are more than {check.max_chars}")
    if len(text) < check.min_chars:
        return _Found(False, text, f"{len(text)} characters are less than {check.min_chars}")
    return _Found(True, text)


_CHECKS: dict[str, Callable[[NodeInput, GuardrailsConfig, Check, str], Awaitable[_Found]]] = {
    "json": _json, "schema": _schema, "regex": _regex, "pii": _pii, "judge": _judge, "length": _length,
}  # fmt: skip
