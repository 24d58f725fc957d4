"""flowray: a durable, parallel workflow executor on Ray. Importing it is cheap and does not import Ray.

Names are loaded when they are first used: the compiler, the handlers and the HTTP client cost a second together.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowray.client import AsyncClient, Client
    from flowray.errors import ErrorCode, FlowrayError
    from flowray.sdk.execution import Execution
    from flowray.sdk.node import node
    from flowray.sdk.node_context import NodeContext
    from flowray.sdk.session import LocalSession
    from flowray.sdk.workflow import Workflow, run

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "ErrorCode",
    "Execution",
    "FlowrayError",
    "LocalSession",
    "NodeContext",
    "Workflow",
    "__version__",
    "node",
    "run",
]

_HOMES = {
    "AsyncClient": "flowray.client",
    "Client": "flowray.client",
    "ErrorCode": "flowray.errors",
    "Execution": "flowray.sdk.execution",
    "FlowrayError": "flowray.errors",
    "LocalSession": "flowray.sdk.session",
    "NodeContext": "flowray.sdk.node_context",
    "Workflow": "flowray.sdk.workflow",
    "node": "flowray.sdk.node",
    "run": "flowray.sdk.workflow",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'flowray' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
