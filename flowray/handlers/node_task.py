"""One attempt, packed for a lane: everything a handler needs, and nothing that only the engine knows. Plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.engine.signals import Answer
from flowray.handlers.services import MemoryPlace
from flowray.plan import PlanResources
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, Value, as_value


class NodeTask(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What to run, for whom, with which slice of the context. Times are ms since the epoch, UTC.

    ``config`` is as written. ``outputs`` maps node ids to outputs, in plan order; ``aliases`` maps names (such as an
    ``outputVariable``) to node ids, of which ``alias_keys`` names the key of the output that is meant: an input node's
    ``inputVariable`` is the value of its ``inputName``, not the object. ``containers`` has the values of enclosing
    loops and parallels by node id, innermost first; ``bound`` has their items and indexes under the names that the
    author gave them. Values in ``inputs``, ``variables``, ``outputs``, ``loop``,
    ``parallel``, ``containers`` and ``bound`` may be StoredValue, at the top or one level below.

    ``incarnation`` tells, within one process, for which taking-up of the execution the attempt runs: its results carry
    it, so that those of a former taking-up are not mistaken for those of an attempt with the same number.
    ``payload_owner``: under whose id its large values are kept, empty for its own: a child shares its first caller's.
    ``workspace_id`` says whose connections it may use. ``plan_hash`` is that of the plan by which the execution runs.
    ``epoch`` is the owner's (R22). ``start_timeout_ms`` counts from its dispatch to its start, ``timeout_ms`` from
    there, ``deadline_ms`` is absolute. ``stream_id`` is empty for a node that does not stream. ``lane`` and
    ``resources`` say where the attempt is to run. An output above ``inline_limit_bytes`` is stored, one above
    ``output_limit_bytes`` is an error. ``limits`` are the named limits that it runs under, and ``estimated_tokens``
    what it may spend of them. ``memory``: where the entries are that executions of the workflow share, for a
    node that may look them up; None for an execution of no stored workflow. ``entries``: the results, from ``round``
    on, that the sentinel ``collect`` is to put into one chunk (R16). ``step`` steps of the node are done and have left
    ``journal``; ``answer``: what it has waited for since. Its text so far has ``stream_offset`` characters.
    """

    execution_id: str
    instance: str
    node_id: str
    node_type: str
    payload_owner: str = ""
    workflow_id: str | None = None
    memory: MemoryPlace | None = None
    workspace_id: str = "default"
    workflow_name: str = ""
    plan_hash: str = ""
    node_name: str = ""
    dialect: str = "flowray"
    epoch: int = 0
    incarnation: int = 0
    config: dict[str, Any] = {}
    attempt: int = 1
    tries: int = 1
    idempotency_key: str = ""
    sentinel: str = ""
    round: int = 0
    step: int = 0
    journal: Value = None
    answer: Answer | None = None
    stream_offset: int = 0
    start_timeout_ms: int | None = None
    timeout_ms: int | None = None
    deadline_ms: int | None = None
    stream_id: str = ""
    streams: bool = False
    keep_unresolved: bool = False
    dollar: bool = False
    inputs: dict[str, Value] = {}
    variables: dict[str, Value] = {}
    shared: dict[str, Value] = {}
    outputs: dict[str, Value] = {}
    aliases: dict[str, str] = {}
    alias_keys: dict[str, str] = {}
    known: tuple[str, ...] = ()
    flatten: bool = False
    loop: dict[str, Value] | None = None
    parallel: dict[str, Value] | None = None
    containers: dict[str, dict[str, Value]] = {}
    bound: dict[str, Value] = {}
    elapsed_ms: int | None = None
    inline_limit_bytes: int = INLINE_LIMIT_BYTES
    output_limit_bytes: int | None = None
    lane: str = "io"
    resources: PlanResources | None = None
    limits: tuple[str, ...] = ()
    entries: tuple[Value, ...] = ()
    estimated_tokens: int = 0

    @property
    def values_of(self) -> str:
        """The execution under whose id large values are kept."""
        return self.payload_owner or self.execution_id

    @property
    def key(self) -> tuple[str, str, int]:
        """Which attempt it is: ``(execution id, instance, attempt)``."""
        return self.execution_id, self.instance, self.attempt

    @property
    def reads_stored_values(self) -> bool:
        """True if large values must be read from the payload store before it can run, or are made by it (R27, R36)."""
        # Inputs are large only where a parent has handed them to its child.
        handed = self.inputs.values() if self.payload_owner else ()
        around = (value for values in self.containers.values() for value in values.values())
        told = (self.journal,) if self.answer is None else (self.journal, self.answer.output)
        return bool(self.entries) or any(
            isinstance(as_value(value), StoredValue) for value in (*self.outputs.values(), *handed, *around, *told)
        )
