import pytest

from flowray import node, run
from flowray.compiler.documents import compile_document
from flowray.errors import DefinitionError, ErrorCode, FlowrayError, InputError
from flowray.sdk.session import LocalSession

ECHO = {
    "schemaVersion": 1,
    "name": "Echo",
    "inputs": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    "entryPoint": "in",
    "nodes": {
        "in": {"type": "input", "config": {}},
        "out": {"type": "output", "config": {"outputName": "hello", "value": "Hello {{inputs.name}}"}},
    },
    "edges": [{"source": "in", "target": "out"}],
}


def test_an_execution_is_started_followed_and_read(session: LocalSession) -> None:
    execution_id = session.start(compile_document(ECHO, session.node_types), {"name": "Ada"})
    types = [event["type"] for batch in session.events(execution_id) for event in batch]
    assert (types[-1], types.count("node.completed")) == ("execution.completed", 2)
    execution = session.execution(execution_id)
    assert (execution["status"], execution["outputs"]) == ("completed", {"hello": "Hello Ada"})
    assert [row["node_id"] for row in session.node_logs(execution_id)] == ["in", "out"]


def test_events_go_on_after_a_number(session: LocalSession) -> None:
    execution_id = session.start(compile_document(ECHO, session.node_types), {"name": "Ada"})
    seqs = [event["seq"] for batch in session.events(execution_id) for event in batch]
    assert seqs == list(range(1, len(seqs) + 1))
    assert [event["seq"] for batch in session.events(execution_id, seqs[-2]) for event in batch] == [seqs[-1]]


def test_wrong_inputs_are_refused_before_anything_starts(session: LocalSession) -> None:
    with pytest.raises(InputError) as caught:
        session.start(compile_document(ECHO, session.node_types), {})
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_a_wrong_definition_comes_with_every_finding(session: LocalSession) -> None:
    broken = {**ECHO, "edges": [{"source": "in", "target": "nowhere"}, {"source": "gone", "target": "out"}]}
    with pytest.raises(DefinitionError) as caught:
        compile_document(broken, session.node_types)
    assert len(caught.value.details["diagnostics"]) >= 2


def test_an_unknown_execution_is_not_found(session: LocalSession) -> None:
    with pytest.raises(FlowrayError) as caught:
        session.execution("nope")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_closing_twice_is_closing_once() -> None:
    opened = LocalSession()
    opened.close()
    opened.close()


def test_node_types_of_ones_own_are_known_from_then_on_and_the_last_of_a_name_wins(session: LocalSession) -> None:
    @node
    def greet_in_session(name: str) -> str:
        """Greet."""
        return f"Hi {name}"

    first = greet_in_session
    session.register([first, first])
    assert session.node_types["greet_in_session"] is first.node_type

    @node(name="greet_in_session")
    def louder(name: str) -> str:
        """Greet."""
        return f"HI {name}"

    session.register([louder])
    definition = {
        "entryPoint": "in",
        "nodes": {
            "in": {"type": "input", "config": {}},
            "hi": {"type": "greet_in_session", "config": {"name": "{{inputs.name}}"}},
            "out": {"type": "output", "config": {"outputName": "hello", "value": "{{hi}}"}},
        },
        "edges": [{"source": "in", "target": "hi"}, {"source": "hi", "target": "out"}],
    }
    assert run(definition, {"name": "Ada"}, session=session, live=False).outputs == {"hello": "HI Ada"}


def test_what_is_no_node_type_is_refused(session: LocalSession) -> None:
    with pytest.raises(FlowrayError, match="is no node handler"):
        session.register([len])  # type: ignore[list-item]
