"""Ray is no decoration: work happens in the processes where the design puts it, under names a person can read."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
import ray

from tests.cluster import FlowrayServer, alive_actors, eventually, is_gone, tasks_in_state
from tests.integration.definitions import workflow

pytestmark = pytest.mark.ray


def test_actors_bear_names_for_the_reader_and_live_in_processes_of_their_own(server: FlowrayServer) -> None:
    """R41, R48: hub, orchestrator and lane are detached actors; the broker of long tasks comes and goes."""
    ours = {actor.name: actor for actor in alive_actors() if actor.ray_namespace == server.config.namespace}
    kinds = {name.rsplit("-", 1)[0] for name in ours}
    assert kinds - {"task-broker"} == {"hub", "io-lane-0", "orchestrator-0"}
    pids = {actor.pid for actor in ours.values()}
    assert len(pids) == len(ours) == len(kinds)
    assert os.getpid() not in pids


def test_an_execution_is_a_task_named_by_its_workflow_while_it_runs(server: FlowrayServer, world: str) -> None:
    """R42: a long-running actor task on its orchestrator; never an id in a name."""
    definition = workflow(
        "quiet afternoon",
        {
            "in": {"type": "input", "config": {"inputName": "x"}},
            "nap": {"type": "http", "config": {"method": "GET", "url": f"{world}/slow?ms=120000"}},
        },
        [("in", "nap")],
    )
    started = server.start(definition)

    def seen() -> set[str]:
        tasks = tasks_in_state("RUNNING")
        return {task.name for task in tasks if "quiet afternoon" in task.name}

    names = eventually(lambda: seen() if len(seen()) >= 2 else None, 60, every_s=0.2)
    assert names == {"execution:quiet afternoon", "node.http:quiet afternoon"}
    assert started["id"] not in " ".join(names)
    assert server.cancel(started["id"])["status"] == "cancelled"


def test_task_nodes_run_in_processes_that_are_neither_ingress_nor_orchestrator(literal_server: FlowrayServer) -> None:
    """The card's literal shape: an orchestrator actor of its own, and one ``ray.remote`` task per node."""
    definition = workflow(
        "literal shape",
        {
            "in": {"type": "input", "config": {"inputName": "x"}},
            "double": {
                "type": "transform",
                "config": {"operation": "custom", "inputData": "{{x}}", "expression": "$data * 2"},
            },
            "out": {"type": "output", "config": {"outputName": "y", "value": "{{double}}", "format": "number"}},
        },
        [("in", "double"), ("double", "out")],
    )
    started = literal_server.start(definition, {"x": 21})
    done = literal_server.finished(started["id"], 90)
    assert (done["status"], done["outputs"]) == ("completed", {"y": 42})

    def finished_tasks() -> list[Any]:
        wanted = {"node.input:literal shape", "node.transform:literal shape", "node.output:literal shape"}
        found = [task for name in wanted for task in tasks_in_state("FINISHED", name)]
        return found if {task.name for task in found} == wanted else []

    tasks = eventually(finished_tasks, 60, every_s=0.3)
    assert {task.type for task in tasks} == {"NORMAL_TASK"}
    dedicated = [actor for actor in alive_actors() if actor.name == f"execution-{started['id']}"]
    assert [actor.class_name for actor in dedicated] == ["OrchestratorActor"]
    workers = {task.worker_pid for task in tasks}
    assert dedicated[0].pid not in workers
    assert os.getpid() not in workers
    eventually(lambda: is_gone(dedicated[0].pid), 60, every_s=0.3)


def test_tokens_pass_through_the_stream_of_their_orchestrator(server: FlowrayServer) -> None:
    """R33: committed token batches are relayed to the replicas from where they are committed."""
    streams = [server.actor("orchestrator"), server.actor("hub")]
    before, of_hub = ray.get([actor.stream_statistics.remote() for actor in streams], timeout=30)
    assert before["subscribers"] >= 1
    assert of_hub["subscribers"] >= 1  # For orchestrators that come and go.
    definition = workflow(
        "talk",
        {
            "in": {"type": "input", "config": {"inputName": "topic"}},
            "say": {"type": "llm", "config": {"prompt": "Tell me about {{topic}}", "maxTokens": 64}},
            "out": {"type": "output", "config": {"outputName": "text", "value": "{{say.text}}"}},
        },
        [("in", "say"), ("say", "out")],
    )
    done = server.run(definition, {"topic": "rivers"})
    assert done["status"] == "completed", done
    events = server.events(done["id"])
    text = "".join(event["text"] for event in events if event["type"] == "node.token")
    assert text == done["outputs"]["text"] != ""
    after = ray.get(streams[0].stream_statistics.remote(), timeout=30)
    assert after["relayed"] > before["relayed"]


def test_a_large_output_reaches_the_next_node_through_the_context_store(server: FlowrayServer, world: str) -> None:
    """R36: 5 MB travel by reference; the orchestrator does not grow by them, event rows do not hold them."""
    size = 5_000_000
    definition = workflow(
        "large",
        {
            "in": {"type": "input", "config": {"inputName": "x"}},
            "fetch": {"type": "http", "config": {"method": "GET", "url": f"{world}/big?bytes={size}"}},
            "measure": {
                "type": "transform",
                "config": {
                    "operation": "custom",
                    "inputData": "{{fetch.data}}",
                    "expression": "$length($data.blob)",
                },
            },
            "out": {"type": "output", "config": {"outputName": "n", "value": "{{measure}}", "format": "number"}},
        },
        [("in", "fetch"), ("fetch", "measure"), ("measure", "out")],
    )
    server.run(definition)  # warm: code paths, buffers
    orchestrator = server.pid("orchestrator")
    hub = server.actor("hub")
    before, rss_before = ray.get(hub.store_statistics.remote(), timeout=30), _rss_bytes(orchestrator)
    for _ in range(4):
        done = server.run(definition)
        assert (done["status"], done["outputs"]) == ("completed", {"n": size}), done
    after, rss_after = ray.get(hub.store_statistics.remote(), timeout=30), _rss_bytes(orchestrator)
    assert after["puts"] - before["puts"] >= 4
    assert rss_after - rss_before < size
    fetched = next(row for row in server.nodes(done["id"]) if row["node_id"] == "fetch")
    assert len(str(fetched)) < 50_000


def test_a_large_output_leaves_every_cache_when_nobody_reads_it_any_more(server: FlowrayServer, world: str) -> None:
    """R7, R36: pruned by its readers while the execution goes on, not only at its end; the payload store keeps it.

    The context store is told at once, the lane with its next call.
    """
    definition = workflow(
        "read once",
        {
            "in": {"type": "input", "config": {"inputName": "x"}},
            "fetch": {"type": "http", "config": {"method": "GET", "url": f"{world}/big?bytes=1000000"}},
            "measure": {
                "type": "transform",
                "config": {
                    "operation": "custom",
                    "inputData": "{{fetch.data}}",
                    "expression": "$length($data.blob)",
                },
            },
            "again": {"type": "http", "config": {"method": "GET", "url": f"{world}/slow?ms=1"}},
            "hold": {"type": "http", "config": {"method": "GET", "url": f"{world}/slow?ms=120000"}},
        },
        [("in", "fetch"), ("fetch", "measure"), ("measure", "again"), ("again", "hold")],
    )
    hub, lane = server.actor("hub"), server.actor("io-lane")
    cached = ray.get(lane.facts.remote(), timeout=30)["cached_bytes"]
    before = ray.get(hub.store_statistics.remote(), timeout=30)
    started = server.start(definition)

    def came_and_went() -> bool:
        now = ray.get(hub.store_statistics.remote(), timeout=30)
        return now["puts"] > before["puts"] and now["values"] <= before["values"]

    eventually(came_and_went, 60)
    eventually(lambda: server.statuses(started["id"]).get("hold") == "running", 60)
    assert ray.get(lane.facts.remote(), timeout=30)["cached_bytes"] <= cached
    assert server.cancel(started["id"])["status"] == "cancelled"
    fetched = next(row for row in server.nodes(started["id"]) if row["node_id"] == "fetch")
    assert fetched["status"] == "completed"


def _rss_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_our_metrics_stand_beside_rays_on_its_metrics_port(server: FlowrayServer, world: str) -> None:
    """Executions by status, node attempts by type and lane, node seconds; no id in any label."""
    definition = workflow("measured", {"in": {"type": "input", "config": {"inputName": "x"}}}, [])
    done = server.run(definition, {"x": 1})
    port = ray.nodes()[0]["MetricsExportPort"]

    def exported() -> list[str]:
        """Our lines once all that is wanted is among them: processes report every few seconds, each in its turn."""
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
        ours = [line for line in text.splitlines() if line.startswith("ray_flowray_")]
        wanted = (
            ("executions_total", 'status="completed"'),
            ("nodes_total", 'type="input"', 'lane="inline"'),
            ("node_seconds_bucket", "le="),
        )
        return ours if all(any(all(part in line for part in parts) for line in ours) for parts in wanted) else []

    ours = eventually(exported, 60, every_s=1.0)
    assert done["id"] not in "\n".join(ours)
