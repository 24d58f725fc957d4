"""Which handler runs which node type. The first match wins; types come from the built-in table and from plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from flowray.definition.node_type import NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.builtin import builtin_handlers
from flowray.handlers.handler import NodeHandler
from flowray.handlers.node_modules import handlers_of
from flowray.handlers.unknown import UnknownTypeHandler

PLUGIN_GROUP = "flowray.nodes"
"""Entry-point group: each entry is a NodeHandler, such as a function with ``@flowray.node``, a module of them, a class
or function without arguments that makes one, or a list."""


class NodeRegistry:
    """Handlers in order of preference. Lookups are cached; registering one clears the cache."""

    def __init__(self, handlers: Iterable[NodeHandler] = ()) -> None:
        self._handlers: list[NodeHandler] = list(handlers)
        self._cache: dict[str, NodeHandler] = {}
        self._fallback = UnknownTypeHandler(lambda: self.node_types().keys())

    def register(self, handler: NodeHandler, *, first: bool = True) -> None:
        """Add a handler; ``first`` puts it before all others, so that it can replace a built-in type.

        Raises CONFIGURATION for an object that is no NodeHandler.
        """
        if not isinstance(handler, NodeHandler):
            raise FlowrayError(
                ErrorCode.CONFIGURATION,
                f"{handler!r} is no node handler",
                hint="a handler has node_type, can_handle(type_name) and execute(node)",
            )
        self._handlers.insert(0 if first else len(self._handlers), handler)
        self._cache.clear()

    def handler_for(self, type_name: str) -> NodeHandler:
        """The first handler that takes ``type_name``; if none does, one that fails with UNKNOWN_NODE_TYPE."""
        found = self._cache.get(type_name)
        if found is None:
            found = next((handler for handler in self._handlers if handler.can_handle(type_name)), self._fallback)
            # Names of unknown types come from users: caching them would let the cache grow without bound.
            if found is not self._fallback:
                self._cache[type_name] = found
        return found

    def is_known(self, type_name: str) -> bool:
        """True if a handler other than the fallback takes it."""
        return self.handler_for(type_name) is not self._fallback

    def node_types(self) -> Mapping[str, NodeType]:
        """Every name and alias with its NodeType; the handler that would run it wins."""
        types: dict[str, NodeType] = {}
        for handler in self._handlers:
            for name in (handler.node_type.name, *handler.node_type.aliases):
                types.setdefault(name, handler.node_type)
        return types

    def describe(self) -> list[dict[str, Any]]:
        """What ``GET /node-types`` answers: one object per type, with the JSON Schema of its config."""
        types = self.node_types()
        return [_description(node_type) for name, node_type in sorted(types.items()) if name == node_type.name]


def _description(node_type: NodeType) -> dict[str, Any]:
    return {
        "name": node_type.name,
        "aliases": list(node_type.aliases),
        "category": node_type.category,
        "summary": node_type.summary,
        "role": node_type.role.value,
        "lane": node_type.lane.value,
        "effects": node_type.effects.value,
        "streams": node_type.streams,
        "handles": list(node_type.handles) if node_type.handles is not None else None,
        "experimental": node_type.experimental,
        "config_schema": node_type.config_model.model_json_schema(by_alias=True),
    }


def default_registry(*, plugins: bool = True) -> NodeRegistry:
    """The built-in types, and those of installed packages before them. A broken plugin raises CONFIGURATION."""
    registry = NodeRegistry(builtin_handlers())
    if plugins:
        for entry in sorted(entry_points(group=PLUGIN_GROUP), key=lambda entry: entry.name, reverse=True):
            for handler in load_plugin(entry):
                registry.register(handler)
    return registry


def load_plugin(entry: EntryPoint) -> list[NodeHandler]:
    """The handlers of one entry point. Raises CONFIGURATION that names the entry point if it cannot be loaded."""
    try:
        loaded = entry.load()
        if isinstance(loaded, ModuleType):
            return handlers_of(loaded)
        made = loaded() if isinstance(loaded, type) or not isinstance(loaded, NodeHandler | list | tuple) else loaded
    except Exception as error:
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"the node plugin {entry.name!r} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}",
            hint="uninstall or update the package that provides it",
        ) from error
    return list(made) if isinstance(made, list | tuple) else [made]
