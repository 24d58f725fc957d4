"""What an attempt of a simulated node comes to, from its task and its behaviour alone; and the payload store it writes.

Knows no time but the one it is given, no lane and no fault: the properties use it without any of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import msgspec

from flowray.definition.node_type import Role
from flowray.engine import stimuli as st
from flowray.engine.signals import ChildCall, NodeError, Pause, Signals, Step, VariableOperation, Wait
from flowray.handlers.node_task import NodeTask
from flowray.values import Chunk, Json, StoredValue, Value, as_value, describe, encode_json, payload_ids, to_wire
from tests.simulation.ledger import nonces
from tests.simulation.reference import FAILURE, answer_of, canonical, digest, item, success_handles
from tests.simulation.workflows import EXPECTED_CODES, FAILURE_CODE, PAD, Behaviour, Workflow

PLAIN = Signals()
CHUNK_ITEMS = 2


class Payloads:
    """Values above the inline limit, by id."""

    def __init__(self) -> None:
        self._stored: dict[str, Json] = {}

    def put(self, name: str, value: Json) -> StoredValue:
        """Keep a value; its descriptor stands for it from now on. Two attempts of one number keep two values."""
        payload_id = f"{name}/{len(self._stored)}"
        self._stored[payload_id] = value
        return describe(payload_id, value, encode_json(value))

    def whole(self, value: Value) -> Json:
        """A value with everything that it refers to, as a reference reads it (R16)."""
        value = as_value(value)
        if isinstance(value, StoredValue) and value.is_in_log:
            return []  # Nobody reads it; whoever compares it looks into the log.
        if isinstance(value, StoredValue) and value.is_manifest:
            chunks = [entry for chunk in value.parts for entry in self._stored[chunk.payload_id]]
            return [self.whole(entry) for entry in (*chunks, *value.rest)]
        if isinstance(value, StoredValue):
            return self.whole(value.part_of(self._stored[value.payload_id]))
        if isinstance(value, dict):
            return {name: self.whole(part) for name, part in value.items()}
        return [self.whole(part) for part in value] if isinstance(value, list) else value

    def carried(self, value: Json) -> Json:
        """A value whose descriptors name copies: another execution does not depend on what becomes of the first."""
        stored = as_value(value)
        if isinstance(stored, StoredValue) and stored.is_manifest:
            copies = [self.put(f"copy of {chunk.payload_id}", self._stored[chunk.payload_id]) for chunk in stored.parts]
            chunks = [msgspec.structs.replace(chunk, payload_id=copy.payload_id)
                      for chunk, copy in zip(stored.parts, copies, strict=True)]  # fmt: skip
            return to_wire(msgspec.structs.replace(stored, chunks=tuple(chunks), tail=tuple(self.carried(stored.rest))))
        if isinstance(stored, StoredValue) and stored.payload_id:
            copy = self.put(f"copy of {stored.payload_id}", self._stored[stored.payload_id])
            return to_wire(msgspec.structs.replace(stored, payload_id=copy.payload_id))
        if isinstance(value, dict):
            return {name: self.carried(part) for name, part in value.items()}
        return [self.carried(part) for part in value] if isinstance(value, list | tuple) else value

    def ids(self, value: Value) -> Iterator[str]:
        """What a value refers to, not looking into what is stored."""
        yield from payload_ids(value)


class Attempts:
    """Results of attempts. ``made`` tells for each nonce in which attempt it was made."""

    def __init__(self, payloads: Payloads, made: dict[int, tuple[str, str, int]]) -> None:
        self._payloads = payloads
        self._made = made

    def result(self, workflow: Workflow, task: NodeTask, now: int) -> st.AttemptSucceeded | st.AttemptFailed:
        """What the lane of a task reports."""
        behaviour = workflow.behaviours[task.node_id]
        kind = behaviour.kind(task.instance)
        if _fails(kind, behaviour, task):
            error = NodeError(message="as it was to be", code=FAILURE_CODE, retryable=kind == "flaky")
            return st.AttemptFailed(ts=now, instance=task.instance, attempt=task.attempt, error=error)
        if task.sentinel:
            return self._success(task, now, self._answer(workflow, task, behaviour))
        if task.step < len(behaviour.steps):
            return self._step(task, behaviour, now)
        output = self._output(task, behaviour)
        signals = _signals(workflow, task, kind, behaviour, output, now)
        waits = signals.wait is not None or signals.child is not None
        keeps_inline = waits or workflow.plan.nodes[task.node_id].role is Role.OUTPUT
        kept = output if keeps_inline else self._kept(task, output)
        return self._success(task, now, kept, signals, behaviour.operations(task.instance))

    def _step(self, task: NodeTask, behaviour: Behaviour, now: int) -> st.AttemptSucceeded:
        """One more step is done: the journal tells of each in which attempt it was, and what it was told before."""
        nonce = len(self._made) + 1
        self._made[nonce] = task.key
        entry = {"n": nonce, "told": self._told(task, behaviour)}
        state = padded({"steps": [*self.journal(task), entry]}, behaviour)
        if len(encode_json(state)) > task.inline_limit_bytes:
            state = to_wire(self._payloads.put(f"{_name(task)}/step", state))
        wait = behaviour.steps[task.step]
        waits = _signals_of(wait, task, behaviour, {"v": digest(task.instance, task.step)}, now) if wait else PLAIN
        signals = msgspec.structs.replace(waits, step=Step(name=f"step {task.step}", state=state))
        return self._success(task, now, None, signals)

    def journal(self, task: NodeTask) -> list[Any]:
        """What the steps of an instance have left."""
        whole: Any = self._payloads.whole(task.journal)
        return [] if whole is None else whole["steps"]

    def _told(self, task: NodeTask, behaviour: Behaviour) -> Any:
        """What it has waited for since the last step, in a form that does not depend on time."""
        answer = task.answer
        if answer is None:
            return None
        if answer.error is not None:
            return FAILURE if answer.error.code in EXPECTED_CODES else f"!{answer.error.code}"
        if task.step and behaviour.steps[task.step - 1] == "wait":
            return "waited"
        return canonical(self._payloads.whole(answer.output))

    def _answer(self, workflow: Workflow, task: NodeTask, behaviour: Behaviour) -> Value:
        """What a sentinel says."""
        container = workflow.plan.containers[task.node_id]
        if task.sentinel == "collect":
            return self._payloads.put(_name(task), self._payloads.whole(list(task.entries)))
        if task.sentinel == "close":
            results = self._payloads.whole(task.containers[task.node_id]["results"])
            return self._kept(task, aggregated(container.aggregation, results))
        if task.sentinel == "condition":
            return {"continue": task.round < (behaviour.goes_on if container.mode == "forEach" else behaviour.size)}
        if container.mode in ("while", "doWhile", "count"):
            return {"total": behaviour.size if container.mode == "count" else None}
        items = [padded(item(task.instance, index), behaviour) for index in range(behaviour.size)]
        if len(encode_json(items)) <= task.inline_limit_bytes:
            return {"items": items}
        chunks = [items[start : start + CHUNK_ITEMS] for start in range(0, len(items), CHUNK_ITEMS)]
        stored = [self._payloads.put(_name(task), chunk) for chunk in chunks]
        ends = accumulate(chunk.length for chunk in stored)
        parts = tuple(Chunk(chunk.payload_id, chunk.bytes, end) for chunk, end in zip(stored, ends, strict=True))
        return {"items": to_wire(StoredValue("", sum(part.bytes for part in parts), len(items), chunks=parts, tail=()))}

    def _kept(self, task: NodeTask, output: Json) -> Value:
        """An output as it travels (R36)."""
        if len(encode_json(output)) <= task.inline_limit_bytes:
            return output
        return self._payloads.put(_name(task), output)

    @staticmethod
    def _success(
        task: NodeTask,
        now: int,
        output: Value,
        signals: Signals = PLAIN,
        variables: tuple[VariableOperation, ...] = (),
    ) -> st.AttemptSucceeded:
        return st.AttemptSucceeded(
            ts=now, instance=task.instance, attempt=task.attempt, output=output, signals=signals, variables=variables
        )

    def _output(self, task: NodeTask, behaviour: Behaviour) -> dict[str, Any]:
        """``v`` depends on the workflow only; ``n`` is new each time, ``r`` are those of the results it rests on."""
        read = [self._payloads.whole(task.outputs.get(name)) for name in behaviour.reads]
        around = next(iter(task.containers.values()), {}) if task.containers else {}
        nonce = len(self._made) + 1
        self._made[nonce] = task.key
        item_ = canonical(self._payloads.whole(around.get("item")))
        parts = [task.instance, [canonical(value) for value in read], item_, task.inputs.get("given")]
        if behaviour.steps:
            parts.append([*(entry["told"] for entry in self.journal(task)), self._told(task, behaviour)])
        value = digest(*parts)
        output: dict[str, Any] = padded({"v": value, "n": nonce, "r": nonces(read)}, behaviour)
        return output


def aggregated(aggregation: str, results: Json) -> Json:
    """What the END of a container makes of its results."""
    match aggregation:
        case "merge":
            return {str(number): result for number, result in enumerate(results)}
        case "reduce":
            return {"reduced": digest(canonical(results))}
    return results


def padded(value: Json, behaviour: Behaviour) -> Json:
    """A value of some size, where the node's are to be large."""
    if not behaviour.large:
        return value
    return {**value, "pad": PAD} if isinstance(value, dict) else {"v": value, "pad": PAD}


def _name(task: NodeTask) -> str:
    return f"{task.execution_id}/{task.instance}#{task.attempt}"


def _fails(kind: str, behaviour: Behaviour, task: NodeTask) -> bool:
    if task.sentinel in ("close", "collect"):
        return behaviour.fails_closing and task.sentinel == "close"
    return kind == "fail" or (kind == "flaky" and not task.sentinel and task.tries <= behaviour.failures)


def _signals(workflow: Workflow, task: NodeTask, kind: str, behaviour: Behaviour, output: Json, now: int) -> Signals:
    if kind in ("x", "y", "xy", "none"):
        handles = success_handles(workflow.plan.nodes[task.node_id], kind) or ()
        return Signals(selected_routes=handles[:-1])
    return _signals_of(kind, task, behaviour, output, now)


def _signals_of(kind: str, task: NodeTask, behaviour: Behaviour, output: Json, now: int) -> Signals:
    match kind:
        case "call":
            return Signals(child=ChildCall(workflow_id=behaviour.calls, inputs={"given": output["v"]}))
        case "wait":
            return Signals(wait=Wait(until_ms=now + behaviour.wait_ms, output=output))
        case "ask":
            timeout_ms = behaviour.wait_ms if behaviour.wait_ms > 1_000 else None
            instead = answer_of(task.instance)
            pause = Pause(reason="approve?", token=_name(task), timeout_ms=timeout_ms, timeout_value=instead)
            return Signals(pause=pause)
        case "finish":
            return Signals(finish=True)
        case "port":
            return Signals(activate_error_port=True)
        case "break" | "continue":
            return Signals(loop_control=kind)
        case "terminal":
            return Signals(is_terminal=True)
    return PLAIN
