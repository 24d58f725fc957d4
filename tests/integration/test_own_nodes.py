"""Functions as node types on Ray: resources, a runtime environment, Ray Data and Ray Serve inside a node."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from ray import serve

from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, hosted
from tests.integration.ray_nodes import MEMORY, SERVE_APP

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


@serve.deployment(ray_actor_options={"num_cpus": 0})
class Greeter:
    """What a model behind Ray Serve is to a node."""

    async def __call__(self, name: str) -> str:
        return f"Hello, {name}!"


@pytest.fixture(scope="module")
def own(ray_cluster: RaySession, server: FlowrayServer, llm: str) -> Iterator[FlowrayServer]:
    """A server whose settings name a module of node types; Ray Serve runs for ``server`` already."""
    with hosted(ray_cluster, llm, nodes="tests.integration.ray_nodes") as running:
        yield running


def definition(node_type: str, config: dict[str, Any] | None = None, **node: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "entryPoint": "in",
        "nodes": {
            "in": {"type": "input", "config": {}},
            "own": {"type": node_type, "config": config or {}, **node},
            "out": {"type": "output", "config": {"outputName": "result", "value": "{{own}}"}},
        },
        "edges": [{"source": "in", "target": "own"}, {"source": "own", "target": "out"}],
    }


def result(own: FlowrayServer, *made: Any, **node: Any) -> Any:
    execution = own.run(definition(*made, **node), wait=120)
    assert execution["status"] == "completed", execution["error"]
    return execution["outputs"]["result"]


def test_a_function_gets_the_resources_and_the_environment_it_declares(own: FlowrayServer) -> None:
    found = result(own, "look_around")
    assert found["mode"] == "careful"
    assert (found["resources"]["CPU"], found["resources"]["memory"]) == (0.25, MEMORY)
    assert found["pid"] not in {own.pid(prefix) for prefix in ("hub", "io-lane")}


def test_the_author_may_ask_for_more(own: FlowrayServer) -> None:
    found = result(own, "look_around", execution={"numCpus": 0.75})
    assert (found["resources"]["CPU"], found["mode"]) == (0.75, "careful")


@pytest.mark.skipif(
    find_spec("pandas") is None or find_spec("pyarrow") is None, reason="Ray Data needs pandas and pyarrow"
)
def test_a_pipeline_of_ray_data_runs_inside_a_node(own: FlowrayServer) -> None:
    assert result(own, "total_of_squares", {"upto": 100}) == sum(number * number for number in range(100))


def test_a_node_calls_a_handle_of_ray_serve(own: FlowrayServer) -> None:
    serve.run(Greeter.bind(), name=SERVE_APP, route_prefix=None)  # type: ignore[attr-defined]
    try:
        execution = own.run(definition("greet_by_serve", {"name": "Ada"}), wait=120)
        assert execution["outputs"] == {"result": "Hello, Ada!"}
        logs = [event for event in own.events(execution["id"]) if event["type"] == "node.log"]
        assert [event["message"] for event in logs] == ["greeted"]
    finally:
        serve.delete(SERVE_APP)


def test_its_retries_hold_where_the_workflow_says_nothing(own: FlowrayServer) -> None:
    assert result(own, "succeed_at_last", retry=None) == 3
    failed = own.run(definition("succeed_at_last", retry={"maxAttempts": 2, "initialDelayMs": 10}))
    assert (failed["status"], failed["error"]["attempt"]) == ("failed", 2)
    assert failed["error"]["message"] == "ConnectionError: attempt 2"


def test_a_generator_streams_from_its_lane(own: FlowrayServer) -> None:
    execution = own.run(definition("spell", {"word": "flow"}))
    assert execution["outputs"] == {"result": "flow"}
    said = [event["text"] for event in own.events(execution["id"]) if event["type"] == "node.token"]
    assert "".join(said) == "flow"


def test_the_types_are_published(own: FlowrayServer) -> None:
    listed = own.http.get("/v1/node-types").json()["data"]
    found = {kind["name"]: kind for kind in listed}["total_of_squares"]
    assert (found["lane"], found["category"], found["effects"]) == ("task", "own", "read")
    assert found["config_schema"]["required"] == ["upto"]
