"""Runs real workflows over HTTP, many at once, and answers what they ask people and other systems for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from flowray.handlers.providers.fake_replies import fit_schema
from tests.acceptance.real_workflows import RealWorkflow
from tests.cluster import FlowrayServer

LOOK_S = 0.2


@dataclass
class RealRun:
    """What came of one: ``refused`` is the problem document of a start that was not taken."""

    workflow: RealWorkflow
    execution: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, Any] | None = None

    def nodes(self, ending: str) -> set[str]:
        """Ids of the nodes that ended so at least once: completed, skipped or failed."""
        return {event["node_id"] for event in self.events if event["type"] == f"node.{ending}"}


def run_real(
    server: FlowrayServer, workflows: Sequence[RealWorkflow], at_once: int = 16, wait_s: float = 120
) -> list[RealRun]:
    """Every one to its end, in the order given."""
    done = threading.Event()
    person = threading.Thread(target=_answer_everything, args=(server, done), daemon=True)
    person.start()
    try:
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda workflow: _run(server, workflow, wait_s), workflows))
    finally:
        done.set()
        person.join()


def _run(server: FlowrayServer, workflow: RealWorkflow, wait_s: float) -> RealRun:
    body = {"definition": workflow.definition, "inputs": workflow.inputs}
    answer = server.http.post("/v1/executions", json=body)
    if answer.status_code != 202:
        return RealRun(workflow, refused=answer.json())
    execution = server.finished(answer.json()["id"], wait_s)
    return RealRun(workflow, execution, server.events(execution["id"]))


def _answer_everything(server: FlowrayServer, done: threading.Event) -> None:
    """Be everybody who is asked: a person who says yes, and the systems whose callbacks are waited for."""
    while not done.wait(LOOK_S):
        for waitpoint in server.http.get("/v1/waitpoints", params={"limit": 200}).json()["data"]:
            schema = waitpoint.get("expected_input")
            data = {"approved": True, "note": "fine"} if not schema else fit_schema(schema, "yes")
            server.http.post(f"/v1/waitpoints/{waitpoint['token']}/complete", json={"data": data})
