"""Runs a node type as a lane would, and shows what came out. Shared by the tests of handlers."""

from __future__ import annotations

from typing import Any

from flowray.engine.signals import NodeError
from flowray.engine.stimuli import AttemptFailed, AttemptSucceeded, Stimulus
from flowray.handlers.at_once import AtOnce
from flowray.handlers.attempt import run_attempt
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.handlers.services import Services
from tests.fakes.services import NOW_MS, fake_services

REGISTRY = default_registry(plugins=False)


async def attempt(
    node_type: str,
    config: dict[str, Any],
    *,
    services: Services | None = None,
    registry: NodeRegistry = REGISTRY,
    emitted: list[Stimulus] | None = None,
    cancellation: Cancellation | None = None,
    **task: Any,
) -> AttemptSucceeded | AttemptFailed:
    """One attempt at NOW_MS; ``task`` sets further fields of the NodeTask.

    Of what is built in, whatever can do without a lane has to say the same there, to the last field; only a lane says
    that it has begun.
    """
    packed = NodeTask(execution_id="e1", instance="n1", node_id="n1", node_type=node_type, config=config, **task)
    events = emitted if emitted is not None else []
    services = services or fake_services()
    said = AtOnce(registry, services, now_ms=lambda: NOW_MS).run(packed) if registry is REGISTRY else None
    result = await run_attempt(packed, registry, services, events.append, cancellation, now_ms=lambda: NOW_MS)
    cancelled = cancellation is not None and cancellation.is_cancelled
    assert said is None or cancelled or said == [*events[1:], result]
    return result


async def succeed(node_type: str, config: dict[str, Any], **more: Any) -> AttemptSucceeded:
    """An attempt that must succeed."""
    result = await attempt(node_type, config, **more)
    assert isinstance(result, AttemptSucceeded), result
    return result


async def output(node_type: str, config: dict[str, Any], **more: Any) -> Any:
    """The output of an attempt that must succeed."""
    return (await succeed(node_type, config, **more)).output


async def fail(node_type: str, config: dict[str, Any], **more: Any) -> NodeError:
    """The error of an attempt that must fail."""
    result = await attempt(node_type, config, **more)
    assert isinstance(result, AttemptFailed), result
    return result.error
