"""The ``pause`` node: holds its path until somebody answers. What it waits at is a waitpoint of the engine."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import Signals
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of, rename
from flowray.handlers.waitpoint_config import LITERAL_FIELDS, WaitpointConfig, pause_of


class PauseConfig(WaitpointConfig):
    """``expectedInput`` is a JSON Schema; without one any answer will do, none too."""

    reason: str | None = Field(None, description="Why it waits, shown with the paused execution.")
    prompt: str | None = Field(None, description="What the person is to do.")
    expected_input: dict[str, Any] | None = Field(None, description="JSON Schema of the answer.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(
            values,
            reason=("pauseReason",),
            prompt=("message", "instructions"),
            expectedInput=("expectedInputSchema", "inputSchema", "schema", "expected_input"),
        )


class PauseHandler:
    """Output: the answer, or null where it was only resumed."""

    node_type = NodeType(
        name="pause",
        summary="Waits until a person lets it go on, with an answer if one is asked for.",
        config_model=PauseConfig,
        category="people",
        aliases=("pauseNode",),
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields={
            **LITERAL_FIELDS,
            **dict.fromkeys(("expectedInputSchema", "inputSchema", "schema"), FieldKind.LITERAL),
        },
    )

    def can_handle(self, type_name: str) -> bool:
        """``pause`` and its alias."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator; no errors of its own."""
        config = config_of(node, PauseConfig)
        reason = config.reason or config.prompt or node.node_name or "Paused"
        pause = pause_of(node, config, reason=reason, prompt=config.prompt, expected_input=config.expected_input)
        return NodeResult(signals=Signals(pause=pause))
