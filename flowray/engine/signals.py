"""What a handler may ask the engine for, and the facts it reports. Plain data that crosses process borders."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.values import Json, Value


class Pause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Wait at a waitpoint for an answer, which becomes the node's output.

    ``expected_input`` is a JSON Schema of the answer. ``kind``: ``person``, or ``callback`` for another system, which
    makes the execution wait instead of pause (R20). ``timeout_ms`` from when the waiting begins; None leaves it to the
    runtime's default. Then ``timeout_value`` is the answer, or without one the node fails with WAITPOINT_TIMEOUT. The
    answer is also set as each of ``variables``. ``token``: 128 random bits that complete it, the runtime's unless given
    (R30). ``name``: the waitpoint of that name in this execution, which may be answered before anybody waits.
    ``source``: what else answers it (``waitpoint_sources``), of events only those that ``filter`` fits. ``tags``: to
    find it by.
    """

    reason: str
    expected_input: dict[str, Any] | None = None
    prompt: str | None = None
    kind: str = "person"
    timeout_ms: int | None = None
    timeout_value: Json | msgspec.UnsetType = msgspec.UNSET
    variables: tuple[str, ...] = ()
    token: str = ""
    name: str = ""
    source: str = ""
    filter: dict[str, Any] = {}
    tags: tuple[str, ...] = ()


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """Wait for time to pass. The node completes with ``output`` at ``until_ms`` (ms since the epoch, UTC)."""

    until_ms: int
    output: Json = None


class ChildCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """Run another workflow and wait for it (R19): by id, pinned to ``version`` if given, or inline as a definition.

    Large ``inputs`` are descriptors in their wire form. ``deadline_ms`` is absolute; the caller's may be earlier. The
    node's output is the child's outputs, or an object that has them under ``output_key``. With an ``idempotency_key``
    the child is shared: whoever calls the same under the same key waits for the same one; it ends with none of them.
    """

    workflow_id: str | None = None
    version: int | None = None
    definition: dict[str, Any] | None = None
    inputs: dict[str, Any] = {}
    deadline_ms: int | None = None
    output_key: str = ""
    idempotency_key: str = ""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the node's work is done and will not be done again: the node goes on, with ``state``, as a new attempt.

    With a pause, a wait or a call beside it, it goes on once that has come to its end, which it is told as its Answer.
    ``name`` says what was done, ``input`` what it was done with, for the log; what it came to is the result's output.
    """

    name: str
    state: Json = None
    input: Json = None


class Signals(msgspec.Struct, frozen=True, omit_defaults=True):
    """Signals of one result. All are optional; an empty set means plain success.

    ``selected_routes``: the handles that live; None for a node that is no branch. A selected handle without an edge
    ends that path quietly. ``is_terminal``: the node completes and all its outgoing edges die. ``activate_error_port``:
    the error edge lives and all others die although the node did not fail. ``finish``: the execution ends with
    this node's output as its outputs (R9). ``loop_control``: ``break`` or ``continue``; nothing follows the node in its
    round, and after ``break`` no round follows in the loop that it lies directly in. ``child``: the node waits for
    another workflow, whose outputs become its own. ``step``: the node has not ended; goes with the first three only.
    """

    pause: Pause | None = None
    wait: Wait | None = None
    selected_routes: tuple[str, ...] | None = None
    activate_error_port: bool = False
    is_terminal: bool = False
    finish: bool = False
    loop_control: str = ""
    child: ChildCall | None = None
    step: Step | None = None


class VariableOperation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of a variable that concurrent branches cannot lose (R17). ``op``: set, append, increment, merge.

    ``shared``: of the entry ``name`` of shared memory instead, where ``op`` may also be delete. ``workflow``: of the
    entry of the memory that all executions of the workflow share; no state holds it, the store applies the operation in
    the commit of the event that it rides in.
    """

    op: str
    name: str
    value: Json = None
    shared: bool = False
    workflow: bool = False


MIXED = "mixed"


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one or more language-model calls. ``cost`` in ``currency``; ``estimated``: not the provider's count.

    ``cached_tokens`` are part of the input, ``thinking_tokens`` of the output.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    model: str | None = None
    cost: float | None = None
    currency: str | None = None
    estimated: bool = False
    cached_tokens: int = 0
    thinking_tokens: int = 0

    def plus(self, other: Usage) -> Usage:
        """The sum of both; the model is kept only if it is the same."""
        cost = None if self.cost is None and other.cost is None else (self.cost or 0.0) + (other.cost or 0.0)
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            model=self.model if self.model == other.model else None,
            cost=cost,
            currency=self.currency or other.currency,
            estimated=self.estimated or other.estimated,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            thinking_tokens=self.thinking_tokens + other.thinking_tokens,
        )


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an execution may spend on models: tokens, of input and output together, and money. None is no bound."""

    max_tokens: int | None = None
    max_cost: float | None = None


class Spending(msgspec.Struct, omit_defaults=True):
    """Who spent what of an execution: by node id, and by the model that answered."""

    by_node: dict[str, Usage] = {}
    by_model: dict[str, Usage] = {}

    def add(self, node_id: str, usage: Usage) -> None:
        """Count what a node spent. What several models spent together, as a sub-workflow's do, is under ``mixed``."""
        model = usage.model or MIXED
        self.by_node[node_id] = self.by_node[node_id].plus(usage) if node_id in self.by_node else usage
        self.by_model[model] = self.by_model[model].plus(usage) if model in self.by_model else usage


class NodeError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt failed: the public shape of every node error. ``details`` is JSON with secrets masked.

    ``retry_after_ms`` is what the other side asked for (``Retry-After``), or None.
    """

    message: str
    code: str
    node_id: str = ""
    attempt: int = 0
    retryable: bool = False
    retry_after_ms: int | None = None
    details: dict[str, Any] = {}
    instance: str = ""
    hint: str | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a node has waited for between two of its steps: what came, or the ``error`` for which nothing will.

    ``output``: a person's answer, a workflow's outputs, None for a time. May be a StoredValue. ``by``: who answered.
    """

    output: Value = None
    error: NodeError | None = None
    by: str | None = None
