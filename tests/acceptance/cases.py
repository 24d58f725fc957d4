"""Cases that run over HTTP: all of a module are started first, then each is looked at. Knows no single workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.acceptance.matching import mismatch
from tests.cluster import FlowrayServer


@dataclass(frozen=True)
class Case:
    """One run and what must come of it.

    ``asked``: prompts in full, each with the model's answer, or its answers in turn. ``refused``: what the 422 says
    instead of a run. ``error``: code, node_id and a part of the message.
    """

    id: str
    definition: dict[str, Any] | str
    inputs: dict[str, Any]
    status: str = "completed"
    completed: Sequence[str] = ()
    skipped: Sequence[str] = ()
    failed: Sequence[str] = ()
    outputs: Any = None
    asked: Sequence[Sequence[Any]] = ()
    error: Mapping[str, Any] | None = None
    refused: Mapping[str, Any] | None = None


@dataclass
class Run:
    """What came of a case: the answer to its start, and the execution with its events if there was one.

    ``prompts``: all that the model was asked while the cases of its module ran.
    """

    answer: httpx.Response
    execution: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    prompts: frozenset[str] = frozenset()

    def nodes(self, ending: str) -> set[str]:
        """Ids of the nodes that ended so: completed, skipped or failed."""
        return {event["node_id"] for event in self.events if event["type"] == f"node.{ending}"}


def script_replies(llm: httpx.Client, cases: Sequence[Case]) -> None:
    """Teach the fake model what it answers. The longest prompts come first: a short one may stand within them."""
    asked = {prompt: reply for case in cases for prompt, reply in case.asked}
    ordered = sorted(asked, key=len, reverse=True)
    llm.post("/script", json={"replies": {prompt: asked[prompt] for prompt in ordered}}).raise_for_status()


def run_all(
    server: FlowrayServer, llm: httpx.Client, cases: Sequence[Case], at_once: int, wait_s: float
) -> dict[str, Run]:
    """Run every case, at most ``at_once`` together. Each ends within ``wait_s`` or fails."""
    with ThreadPoolExecutor(at_once) as pool:
        runs = list(pool.map(lambda one: _run(server, one, wait_s), cases))
    prompts = frozenset(entry["prompt"] for entry in llm.get("/requests").json()["data"])
    for run in runs:
        run.prompts = prompts
    return {case.id: run for case, run in zip(cases, runs, strict=True)}


def _run(server: FlowrayServer, case: Case, wait_s: float) -> Run:
    body = {"definition": case.definition, "inputs": case.inputs}
    answer = server.http.post("/v1/executions", json=body)
    if answer.status_code != 202:
        return Run(answer)
    execution = server.finished(answer.json()["id"], wait_s)
    return Run(answer, execution, server.events(execution["id"]))


def check(case: Case, run: Run) -> None:
    """Assert everything that the case says."""
    if case.refused is not None:
        check_refusal(case.refused, run.answer)
        return
    assert run.answer.status_code == 202, run.answer.text
    execution = run.execution
    assert execution["status"] == case.status, execution["error"]
    for ending in ("completed", "skipped", "failed"):
        assert run.nodes(ending) == set(getattr(case, ending)), ending
    assert {prompt for prompt, _ in case.asked} <= run.prompts
    differs = mismatch(case.outputs, execution["outputs"])
    assert differs is None, differs
    _check_error(case.error, execution["error"])
    seqs = [event["seq"] for event in run.events]
    assert seqs == list(range(1, len(seqs) + 1))
    assert run.events[-1]["type"] == f"execution.{case.status}"


def check_refusal(wanted: Mapping[str, Any], answer: httpx.Response) -> None:
    """The start was refused as ``{status, code, pointer, finding?}`` says."""
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (wanted["status"], wanted["code"]), problem
    found = [item for item in problem["errors"] if item["pointer"] == wanted["pointer"]]
    assert found, problem["errors"]
    if "finding" in wanted:
        assert found[0]["code"] == wanted["finding"]
        assert found[0]["hint"]


def _check_error(wanted: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> None:
    if wanted is None:
        assert error is None
        return
    assert error is not None
    assert (error["code"], error["node_id"]) == (wanted["code"], wanted["node_id"])
    assert wanted["message"] in error["message"]
    if "attempt" in wanted:
        assert error["attempt"] == wanted["attempt"]
