"""FlowMaestro's recorded context (``context_ops.jsonl``): outputs, variables, shared memory, names, final outputs.

Their context is an object that each call copies; ours is the state of an execution. So a recorded context becomes an
execution whose nodes have completed with its outputs, a call what a node of it does, and the result is read back as a
node that follows would read it. Sizes are not compared: theirs count two bytes a character, ours UTF-8 (R16).
"""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.node_type import Role
from flowray.definition.variable_types import type_name
from flowray.engine.context import context_for
from flowray.engine.shared_memory import Entries, changed, contents
from flowray.engine.signals import VariableOperation
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.expressions.names import MISSING, Names
from flowray.expressions.resolution import resolve
from flowray.expressions.template import parse_template
from flowray.handlers.memory_search import search
from flowray.plan import DialectSemantics
from tests.conformance.judging import UNDEFINED, DeviatingError, EquivalentError, Record, SkippedError, judge
from tests.corpus import golden, needs_corpus
from tests.engine.harness import Reply, Run, ok
from tests.engine.plans import PlanMaker

READER = "the reader"
ACTOR = "the node that acts"

VALUE_TYPES = {"object": "json", "array": "json"}
"""Their name of a type → ours where it differs."""


def entries_of(context: Record) -> Entries:
    """The recorded shared memory as ours."""
    entries: Entries = {}
    for key, entry in context["sharedMemory"]["entries"].items():
        entries = changed(entries, VariableOperation("set", key, entry["value"], shared=True))
    return entries


def execution(context: Record, more: dict[str, Any] | None = None, act: Reply | None = None, **fields: Any) -> Run:
    """An execution in the state of a recorded context, after ``more`` outputs, and after a node has acted."""
    outputs = {**context["nodeOutputs"], **(more or {})}
    maker = PlanMaker(max_concurrent_nodes=1_000)
    for node_id in outputs:
        maker.node(node_id)
    maker.node(ACTOR).node(READER, reads=list(outputs), reads_shared=True, **fields)
    maker.variables = dict(context["workflowVariables"])
    script = {**{node_id: ok(value) for node_id, value in outputs.items()}, ACTOR: act or ok()}
    run = Run(maker.build(), script, check=False).start(**context["inputs"])
    run.state.shared = entries_of(context)
    for node_id in (*outputs, ACTOR):
        run.finish(node_id)
    return run


def seen(run: Run) -> Names:
    """The names as a node that follows sees them, in the FlowMaestro dialect."""
    found = context_for(run.index, run.state, READER)
    return Names(
        variables=found.variables, outputs=found.outputs, inputs=found.inputs, shared=found.shared, flatten=True
    )


def read(names: Names, root: str, *keys: str) -> Any:
    """A value by its name, in their spelling of what is missing."""
    value = resolve(names, root, keys)
    return UNDEFINED if value is MISSING else value


def does(op: str, name: str, value: Any = None, shared: bool = False) -> Reply:
    """A node that changes a variable or an entry."""
    return ok(variables=(VariableOperation(op, name, value, shared),))


def error_of(run: Run) -> str:
    """The message of the acting node's failure."""
    error = run.root()[ACTOR].error
    return error.message if error is not None else ""


# -- outputs and names ------------------------------------------------------------------------------------------------


def create_context(record: Record) -> None:
    run = Run(PlanMaker().node("n").build()).start(**record["args"][0])
    theirs = record["result"]
    assert run.state.inputs == theirs["inputs"]
    assert (run.state.variables, contents(run.state.shared)) == ({}, {})
    assert not any(node.has_output for node in run.root().values())


def store_node_output(record: Record) -> None:
    context, node_id, output = record["args"][:3]
    output = None if output == UNDEFINED else output
    theirs = {key: None if value == UNDEFINED else value for key, value in record["result"]["nodeOutputs"].items()}
    ours = seen(execution(context, {node_id: output})).outputs
    if len(theirs) < len(context["nodeOutputs"]) + 1 and node_id not in context["nodeOutputs"]:
        assert ours == {**context["nodeOutputs"], node_id: output}
        raise DeviatingError("an output is pruned when its last reader has ended, never by its age (R7)")
    assert ours == theirs


def get_node_output(record: Record) -> None:
    context, node_id = record["args"]
    assert read(seen(execution(context)), node_id) == record["result"]


def get_execution_context(record: Record) -> None:
    (context,) = record["args"]
    theirs, names = record["result"], seen(execution(context))
    flat = {key for output in names.outputs.values() if isinstance(output, dict) for key in output}
    assert flat | names.outputs.keys() | names.variables.keys() | names.inputs.keys() == theirs.keys()
    for name, value in theirs.items():
        ours = read(names, name)
        if ours == value:
            continue
        if name in names.variables and name in names.outputs:
            assert ours == names.variables[name]
            raise DeviatingError("a variable comes before an output of the same name (design, section 6: expressions)")
        writers = [output for output in names.outputs.values() if isinstance(output, dict) and name in output]
        assert ours == writers[-1][name], name
        raise DeviatingError("of several outputs with a key, the latest in plan order gives the name (R6)")


def merge_context(record: Record) -> None:
    first, second = record["args"]
    theirs = record["result"]
    joined = {**first, "nodeOutputs": {**first["nodeOutputs"], **second["nodeOutputs"]}}
    operations = tuple(VariableOperation("set", name, value) for name, value in second["workflowVariables"].items())
    run = execution(joined, act=ok(variables=operations))
    assert seen(run).outputs == theirs["nodeOutputs"]
    assert run.state.variables == theirs["workflowVariables"]
    raise EquivalentError("an execution has one context; what a branch did is applied as operations at its end (R17)")


def build_final_outputs(record: Record) -> None:
    context, output_nodes = record["args"]
    maker = PlanMaker()
    for node_id in context["nodeOutputs"]:
        maker.node(node_id, role=Role.OUTPUT if node_id in output_nodes else Role.PLAIN)
    maker.variables, maker.dialect = context["workflowVariables"], DialectSemantics(outputs_default="variables")
    script = {node_id: ok(output) for node_id, output in context["nodeOutputs"].items()}
    assert Run(maker.build(), script).start(**context["inputs"]).play().outputs == record["result"]


# -- variables --------------------------------------------------------------------------------------------------------


def set_variable(record: Record) -> None:
    context, name, value = record["args"]
    assert execution(context, act=does("set", name, value)).state.variables == record["result"]["workflowVariables"]


def get_variable(record: Record) -> None:
    context, name = record["args"]
    assert read(seen(execution(context)), "var", name) == record["result"]


def delete_variable(record: Record) -> None:
    context, name = record["args"]
    ours = execution(context, act=does("set", name, None)).state.variables
    assert {key: value for key, value in ours.items() if key != name} == record["result"]["workflowVariables"]
    assert ours[name] is None
    raise EquivalentError("a variable that is no longer wanted is set to null, and reads as null (R17)")


def is_variable_reference(record: Record) -> None:
    (value,) = record["args"]
    parts = parse_template(value) if isinstance(value, str) else None
    assert (parts is not None) is record["result"]


def extract_variable_names(record: Record) -> None:
    parts = parse_template(record["args"][0]) or ()
    assert [part.inner for part in parts if not isinstance(part, str)] == record["result"]


# -- shared memory ----------------------------------------------------------------------------------------------------


def set_shared_memory_value(record: Record) -> None:
    context, key, value = record["args"][:3]
    run = execution(context, act=does("set", key, value, shared=True))
    theirs = record["result"]["sharedMemory"]["entries"]
    assert contents(run.state.shared) == {name: entry["value"] for name, entry in theirs.items()}
    for name, entry in theirs.items():
        kind = type_name(run.state.shared[name].value)
        assert VALUE_TYPES.get(kind, kind) == entry["metadata"]["valueType"]


def get_shared_memory_value(record: Record) -> None:
    context, key = record["args"]
    assert read(seen(execution(context)), "shared", key) == record["result"]


def get_shared_memory_entry(record: Record) -> None:
    context, key = record["args"]
    if record["result"] == UNDEFINED:
        assert key not in entries_of(context)
        return
    assert entries_of(context)[key].value == record["result"]["value"]


def get_shared_memory_keys(record: Record) -> None:
    assert list(seen(execution(record["args"][0])).shared) == record["result"]


def get_shared_memory_stats(record: Record) -> None:
    entries, theirs = entries_of(record["args"][0]), record["result"]
    settings = PlanMaker().settings
    assert (len(entries), sum(entry.bytes for entry in entries.values())) == (
        theirs["entryCount"], theirs["totalSizeBytes"],
    )  # fmt: skip
    assert (settings.memory_entries, settings.memory_total_bytes) == (theirs["maxEntries"], theirs["maxTotalSizeBytes"])


def append_shared_memory_value(record: Record) -> None:
    context, key, value = record["args"][:3]
    run = execution(context, act=does("append", key, value, shared=True))
    if "error" in record:
        assert "append needs a list or text" in error_of(run)
        assert run.state.shared == entries_of(context)
        return
    theirs = record["result"]["sharedMemory"]["entries"]
    assert contents(run.state.shared) == {name: entry["value"] for name, entry in theirs.items()}


def delete_shared_memory_value(record: Record) -> None:
    context, key = record["args"]
    run = execution(context, act=does("delete", key, shared=True))
    theirs = record["result"]["sharedMemory"]["entries"]
    assert contents(run.state.shared) == {name: entry["value"] for name, entry in theirs.items()}


def search_shared_memory(record: Record) -> None:
    entries = contents(entries_of(record["args"][0]))
    if entries:
        raise SkippedError("Nodes: a search by embeddings; here entries are found by words (decision 0017)")
    assert search(entries, "anything", 5) == record["result"]


def serialize_shared_memory(record: Record) -> None:
    (memory,) = record["args"]
    listed = memory["entries"] if isinstance(memory["entries"], list) else list(memory["entries"].values())
    context = {
        "nodeOutputs": {}, "workflowVariables": {}, "inputs": {},
        "sharedMemory": {"entries": {entry["key"]: entry for entry in listed}},
    }  # fmt: skip
    state = execution(context).state
    restored = snapshot_from_json(snapshot_to_json(state))
    assert restored.shared == state.shared
    assert contents(restored.shared) == {entry["key"]: entry["value"] for entry in listed}
    raise EquivalentError("shared memory is part of the execution's snapshot (R29)")


CHECKS = {
    "createContext": create_context,
    "storeNodeOutput": store_node_output,
    "getNodeOutput": get_node_output,
    "getExecutionContext": get_execution_context,
    "mergeContext": merge_context,
    "buildFinalOutputs": build_final_outputs,
    "setVariable": set_variable,
    "getVariable": get_variable,
    "deleteVariable": delete_variable,
    "isVariableReference": is_variable_reference,
    "extractVariableNames": extract_variable_names,
    "setSharedMemoryValue": set_shared_memory_value,
    "getSharedMemoryValue": get_shared_memory_value,
    "getSharedMemoryEntry": get_shared_memory_entry,
    "getSharedMemoryKeys": get_shared_memory_keys,
    "getSharedMemoryStats": get_shared_memory_stats,
    "appendSharedMemoryValue": append_shared_memory_value,
    "deleteSharedMemoryValue": delete_shared_memory_value,
    "searchSharedMemory": search_shared_memory,
    "serializeSharedMemoryState": serialize_shared_memory,
    "deserializeSharedMemoryState": serialize_shared_memory,
}


@needs_corpus
def test_recorded_contexts(capsys: pytest.CaptureFixture[str]) -> None:
    records = golden("context_ops.jsonl")
    outcomes = judge("context_ops.jsonl", records, lambda record: CHECKS[record["fn"]](record), capsys)
    assert outcomes["skipped"] <= 3
    assert outcomes["passed"] >= 0.95 * len(records)
