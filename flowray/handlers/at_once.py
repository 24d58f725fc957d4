"""Runs an attempt that only computes here and now, without an event loop: what waits for anything is refused.

A pure node costs less than the way to a lane and back. What a lane does beyond that, time limits and cancelling, needs
somebody who waits; an attempt that is over when it returns has no use for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, NoReturn

from flowray.engine.commands import COLLECT
from flowray.engine.stimuli import AnyStimulus
from flowray.handlers.attempt import Attempt
from flowray.handlers.constant_configs import ConstantConfigs
from flowray.handlers.handler import Cancellation, system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services

_KNOWN_HERE = ("env", "secrets", "warm_up", "close")
_OUTER = tuple(field.name for field in fields(Services) if field.name not in _KNOWN_HERE)
"""The services that could make an attempt wait."""


class AtOnce:
    """Runs attempts on the calling thread. ``services`` are those of the lane that takes what is refused here."""

    def __init__(self, registry: NodeRegistry, services: Services, now_ms: Callable[[], int] = system_now_ms) -> None:
        self._registry = registry
        absent: Any = _Absent()
        self._services = replace(services, **dict.fromkeys(_OUTER, absent))
        self._now_ms = now_ms
        self._computes: dict[str, bool] = {}
        self._never = Cancellation()
        self._constants = ConstantConfigs(services.hidden)

    def run(self, task: NodeTask) -> list[AnyStimulus] | None:
        """What the attempt reports, its result last; not that it has begun, for it is over. None if it has to wait for
        something: it has done nothing then, and is to be dispatched to a lane.
        """
        if task.sentinel == COLLECT or task.streams or task.reads_stored_values:
            return None
        if not self._may_run(task.node_type):
            return None
        said: list[Any] = []
        attempt = Attempt(task, self._registry, self._services, said.append, self._now_ms, self._never, loop=None)
        attempt.constant = self._constants.find(task, attempt.handler.node_type)
        running = attempt.run_unlimited()
        try:
            running.send(None)
        except StopIteration as done:
            return [*said, done.value]
        except _WaitsError:
            return None
        running.close()
        return None

    def _may_run(self, node_type: str) -> bool:
        known = self._computes.get(node_type)
        if known is None:
            handler = self._registry.handler_for(node_type)
            known = handler.node_type.computes and inspect.iscoroutinefunction(handler.execute)
            self._computes[node_type] = known
        return known


class _WaitsError(BaseException):
    """An attempt asks for what only a lane has. No handler may take it for a failure of its own."""


class _Absent:
    """A service that is not there."""

    def __getattr__(self, name: str) -> NoReturn:
        raise _WaitsError(name)
