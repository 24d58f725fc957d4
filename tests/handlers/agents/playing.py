"""Plays a node that works in steps as the engine would: each step is an attempt with the journal of the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowray.engine.signals import Answer, NodeError, Signals, Usage
from flowray.engine.stimuli import AttemptFailed, AttemptSucceeded, Stimulus
from flowray.handlers.attempt import run_attempt
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import ChatChunk, ChatRequest, Services
from flowray.values import encode_json
from tests.fakes.services import NOW_MS, fake_services
from tests.handlers.running import REGISTRY


@dataclass
class ScriptedModel:
    """A ChatModel: ``turns[n]`` is what it says when it has spoken n times. A turn is a text, or ``calls(…)``."""

    turns: Sequence[Any]
    asked: list[ChatRequest] = field(default_factory=list)

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        self.asked.append(request)
        said = sum(message.get("role") == "assistant" for message in request.messages)
        turn = self.turns[min(said, len(self.turns) - 1)]
        if isinstance(turn, Exception):
            raise turn
        text, calls = turn if isinstance(turn, tuple) else (turn, ())
        if text:
            yield ChatChunk(text=text)
        yield ChatChunk(
            finish_reason="tool_calls" if calls else "stop", tool_calls=calls, model="m", provider="p",
            usage=Usage(input_tokens=10, output_tokens=5, model="m"),
        )  # fmt: skip


def calls(*wanted: tuple[str, Any], text: str = "") -> tuple[str, tuple[dict[str, Any], ...]]:
    """A turn in which the model calls tools by name with arguments."""
    made = [
        {"id": f"c{number}_{name}", "type": "function", "function": {
            "name": name, "arguments": arguments if isinstance(arguments, str) else encode_json(arguments).decode(),
        }}
        for number, (name, arguments) in enumerate(wanted)
    ]  # fmt: skip
    return text, tuple(made)


@dataclass
class Play:
    """What became of a node: its ``steps`` (names), the ``output`` or ``error``, and all that its attempts reported."""

    steps: list[AttemptSucceeded] = field(default_factory=list)
    output: Any = None
    error: NodeError | None = None
    emitted: list[Stimulus] = field(default_factory=list)
    last: AttemptSucceeded | None = None

    @property
    def names(self) -> list[str]:
        return [step.signals.step.name for step in self.steps if step.signals.step is not None]


async def play(
    config: dict[str, Any],
    *,
    services: Services | None = None,
    registry: NodeRegistry = REGISTRY,
    node_type: str = "agent",
    answers: Callable[[Signals], Answer] | None = None,
    most: int = 50,
    now_ms: Callable[[], int] = lambda: NOW_MS,
    **task: Any,
) -> Play:
    """Play it to its end. ``answers`` says what comes of a pause, a wait or a call."""
    services = services or fake_services()
    done = Play()
    journal, answer = None, None
    for number in range(most):
        packed = NodeTask(
            execution_id="e1", instance="n1", node_id="n1", node_type=node_type, config=config, attempt=number + 1,
            step=number, journal=journal, answer=answer, idempotency_key=f"e1:n1:{number}", stream_id="llm-n1", **task,
        )  # fmt: skip
        result = await run_attempt(packed, registry, services, done.emitted.append, now_ms=now_ms)
        if isinstance(result, AttemptFailed):
            done.error = result.error
            return done
        step = result.signals.step
        if step is None:
            done.output, done.last = result.output, result
            return done
        done.steps.append(result)
        journal, answer = step.state, None
        if result.signals.pause or result.signals.wait or result.signals.child:
            assert answers is not None, result.signals
            answer = answers(result.signals)
    raise AssertionError(f"still going on after {most} steps: {done.names}")
