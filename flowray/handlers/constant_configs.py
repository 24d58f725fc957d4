"""What attempts of a node make of its config where it is the same each time: found by the first, kept for the others.

Only of configs without templates and paths, and without anything inside that a handler could change. Not for lanes,
where each task brings a config of its own.
"""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel

from flowray.definition.node_type import FieldKind, NodeType
from flowray.errors import FlowrayError
from flowray.expressions.template import parse_template
from flowray.handlers.log_view import log_view
from flowray.handlers.node_config import parse_config
from flowray.handlers.node_task import NodeTask
from flowray.values import Json

KEPT = 16_384
"""Of plans that run again and again: those of one that is larger would be lost before its next turn."""


class ConstantConfig(msgspec.Struct, frozen=True):
    """``parsed`` as the node type's config model; ``shown`` as the log has it."""

    parsed: BaseModel
    shown: Json


class ConstantConfigs:
    """By config: the very object, as the plan of this process holds it. Belongs to one thread."""

    def __init__(self, hidden: tuple[str, ...]) -> None:
        self._hidden = hidden
        self._known: dict[int, tuple[dict[str, Any], NodeType, ConstantConfig | None]] = {}

    def find(self, task: NodeTask, node_type: NodeType) -> ConstantConfig | None:
        """None for a config that is to be filled and parsed for each attempt, such as one that is wrong."""
        # What is kept holds its config, so no other object has that id meanwhile.
        config, known_type, found = self._known.get(id(task.config), (None, None, None))
        if config is task.config and known_type is node_type:
            return found
        found = self._made(task, node_type) if is_constant(task, node_type) else None
        if len(self._known) >= KEPT:
            del self._known[next(iter(self._known))]
        self._known[id(task.config)] = task.config, node_type, found
        return found

    def _made(self, task: NodeTask, node_type: NodeType) -> ConstantConfig | None:
        try:
            parsed = parse_config(node_type.config_model, task.config, task.node_type)
        except FlowrayError:
            return None
        return ConstantConfig(parsed, log_view(task.config, self._hidden))


def is_constant(task: NodeTask, node_type: NodeType) -> bool:
    """Whether filling the config gives what is written, and none of it can be changed in place."""
    return all(
        node_type.fields.get(field, FieldKind.TEMPLATE) is not FieldKind.PATH
        and (value is None or isinstance(value, int | float) or _is_plain(value, task.dollar))
        for field, value in task.config.items()
    )


def _is_plain(value: Json, dollar: bool) -> bool:
    return isinstance(value, str) and parse_template(value, dollar) is None
