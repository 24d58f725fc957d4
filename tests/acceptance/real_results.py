"""What became of every real workflow of tiers A, B and C, kept for docs/conformance.md: ``python -m
tests.acceptance.real_results`` runs them all on Ray and writes it anew. A test holds each run to it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.settings import DatabaseSettings
from tests.acceptance.real_runs import RealRun, run_real
from tests.acceptance.real_workflows import KNOWLEDGE_BASE, RESULTS, RealWorkflow, Summary, real_workflows
from tests.cluster import FlowrayServer, ray_session, served
from tests.corpus import CORPUS
from tests.databases import postgres_database
from tests.fakes.anything import create_anything
from tests.fakes.loopback import loopback_server

TABLES = Path(__file__).parent / "real_database.sql"
DATABASES = ("default", "real", "conn-postgres-1", "PG_CONNECTION_ID")
"""The names under which nodes ask for a database."""

INGEST = {
    "name": "fill the knowledge base",
    "entryPoint": "fill",
    "nodes": {
        "fill": {
            "type": "knowledgeBaseIngest",
            "config": {"knowledgeBaseId": KNOWLEDGE_BASE, "content": "Apples grow in orchards.", "model": "fake-model"},
        }
    },
    "edges": [],
}


@contextmanager
def settings() -> Iterator[dict[str, Any]]:
    """How the server is set up for them: integrations are answered from the recorded replies, and whatever database a
    node names is one that has the tables which they query.
    """
    assert CORPUS is not None
    with postgres_database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES.read_bytes())
        yield {
            "integrations": "sandbox",
            "sandbox_fixtures_dir": CORPUS / "flowmaestro" / "sandbox_fixtures",
            "database_connections": {name: DatabaseSettings(url=url) for name in DATABASES},
        }


def summary(run: RealRun) -> Summary:
    """Status, and the ids of the nodes by what became of them; of those that failed, the code of their last error."""
    workflow = run.workflow
    codes = {event["node_id"]: event["error"]["code"] for event in run.events if event["type"] == "node.failed"}
    return {
        "tier": workflow.tier,
        "status": run.execution.get("status", "refused"),
        "executed": sorted(run.nodes("completed")),
        "skipped": sorted(run.nodes("skipped") - run.nodes("completed")),
        "failed": codes if run.refused is None else {"": run.refused["code"]},
        "changed": list(workflow.changed),
    }


def play(server: FlowrayServer, llm: str, workflows: list[RealWorkflow]) -> dict[str, Summary]:
    """Run them all; by file."""
    server.run(INGEST)
    replies = {prompt: reply for workflow in workflows for prompt, reply in workflow.replies.items()}
    with httpx.Client(base_url=llm) as model:
        model.post("/script", json={"replies": replies}).raise_for_status()
        try:
            return {run.workflow.file: summary(run) for run in run_real(server, workflows)}
        finally:
            model.delete("/requests")


def main() -> int:
    """Run everything and keep it; 1 if the corpus is absent."""
    if CORPUS is None:
        print("the corpus of real workflows is not beside the project", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        session = stack.enter_context(ray_session())
        llm = stack.enter_context(loopback_server(create_fake_openai()))
        world = stack.enter_context(loopback_server(create_anything()))
        server = stack.enter_context(served(session, llm, **stack.enter_context(settings())))
        found = play(server, llm, list(real_workflows(world)))
    RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
