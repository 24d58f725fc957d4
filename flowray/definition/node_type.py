"""What the compiler must know of a kind of node: ports, lane, effects, which config fields are templates.

The knowledge is declared beside each handler and handed down; nothing here knows a concrete type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowray.definition.policies import ExecutionPreferences, Lane, RetryPolicy


class FieldKind(StrEnum):
    """How a config field is read (R7). ``path`` names a value; handlers evaluate ``expression`` and ``jsonata``.

    ``script`` is source code in another language, which may read ``inputs.x``.
    """

    TEMPLATE = "template"
    PATH = "path"
    EXPRESSION = "expression"
    JSONATA = "jsonata"
    SCRIPT = "script"
    LITERAL = "literal"


class Effects(StrEnum):
    """What a node does to the world (R24). Only ``write`` and streaming nodes wait for the commit before they start."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


class Role(StrEnum):
    """What a node is to the engine, beyond running a handler."""

    PLAIN = "plain"
    SOURCE = "source"  # roots of this role start without being the trigger (R2)
    OUTPUT = "output"  # its output is merged into the execution's outputs (R8)
    BRANCH = "branch"  # selects handles
    LOOP = "loop"  # a container whose body runs once per iteration
    PARALLEL = "parallel"  # a container whose body runs once per branch
    LEAVE = "leave"  # ends the round or the loop it lies in: belongs directly into the body of a loop
    NOTE = "note"  # not executable: dropped with its edges


class OpenConfig(BaseModel):
    """A config that keeps unknown fields: real files carry more than any model lists."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class NodeType:
    """Declaration of a node type.

    ``handles`` lists the fixed handles of a branch; None means that config decides (switch cases, routes).
    ``fields`` maps top-level config fields to their kind; unlisted fields are templates at every depth.
    ``reads_all``: the node may read the output of every ancestor (R7), so none of them can be pruned before it ran.
    ``timeout_ms`` bounds one attempt where the author sets no limit. ``value_key``: the key of its output that its
    ``outputVariable`` means; None for the whole output. ``reads_shared``: it looks up any entry of shared memory.
    ``reads_committed_when``: a config field and its value with which the node reads what executions have committed. It
    then runs in the io lane, and only once its own execution's past is committed, too. ``computes``: its handler awaits
    nothing but Services, and not even these where all it evaluates is bounded: it then runs inline, else in the io lane
    (R45). ``near``: its handler never keeps its event loop busy, so while its answers are short it may run in the
    orchestrator's own process (R44). ``default_limit``, of a type that asks language models: which named limit a node
    with this config is under if its author names none. ``effects_of`` and ``value_key_of``: the effects and the value
    key of a node with this config, where they hang on it; ``effects`` is then the most that any node of the type has.
    ``execution``, ``retry`` and ``limits`` hold where the author says nothing of the kind; of resources each by itself.
    """

    name: str
    summary: str
    config_model: type[BaseModel] = OpenConfig
    aliases: tuple[str, ...] = ()
    category: str = "logic"
    role: Role = Role.PLAIN
    lane: Lane = Lane.IO
    computes: bool = False
    near: bool = False
    effects: Effects = Effects.NONE
    streams: bool = False
    handles: tuple[str, ...] | None = None
    fields: Mapping[str, FieldKind] = field(default_factory=dict)
    reads_all: bool = False
    timeout_ms: int | None = None
    value_key: str | None = None
    reads_shared: bool = False
    reads_committed_when: tuple[str, str] | None = None
    default_limit: Callable[[Mapping[str, Any]], str | None] | None = None
    experimental: bool = False
    effects_of: Callable[[Mapping[str, Any]], Effects] | None = None
    value_key_of: Callable[[Mapping[str, Any]], str | None] | None = None
    execution: ExecutionPreferences | None = None
    retry: RetryPolicy | None = None
    limits: tuple[str, ...] = ()

    def effects_with(self, config: Mapping[str, Any]) -> Effects:
        """What a node with this config does to the world."""
        return self.effects if self.effects_of is None else self.effects_of(config)

    def value_key_with(self, config: Mapping[str, Any]) -> str | None:
        """The key of its output that the aliases of a node with this config mean."""
        return self.value_key if self.value_key_of is None else self.value_key_of(config)

    def waits_with(self, config: Mapping[str, Any]) -> bool:
        """True if such a node may start only after everything it depends on is committed (R23, R24)."""
        return self.streams or self.effects_with(config) is Effects.WRITE
