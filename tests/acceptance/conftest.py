"""Everything here runs over HTTP against flowray on Ray, which starts once per session."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.acceptance.cases import Case, Run, run_all, script_replies
from tests.cluster import FlowrayServer
from tests.ray_fixtures import literal_server, llm, ray_cluster, script, server, world

__all__ = ["literal_server", "llm", "ray_cluster", "script", "server", "world"]

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"
"""Run in the literal shape everything that runs in the other: minutes more."""

Runs = dict[str, Run]


@pytest.fixture(scope="module")
def serve_runs(request: pytest.FixtureRequest, cases: dict[str, Case], server: FlowrayServer, llm: str) -> Runs:
    """The module's cases that are to run on flowray as a user runs it, side by side."""
    return _run_selected(request, cases, server, llm, at_once=16, wait_s=60)


@pytest.fixture(scope="module")
def literal_runs(
    request: pytest.FixtureRequest, cases: dict[str, Case], literal_server: FlowrayServer, llm: str
) -> Runs:
    """Those that are to run in the card's literal shape: an actor per execution, a Ray task per node."""
    return _run_selected(request, cases, literal_server, llm, at_once=4, wait_s=90)


def _run_selected(
    request: pytest.FixtureRequest, cases: dict[str, Case], server: FlowrayServer, llm: str, at_once: int, wait_s: float
) -> Runs:
    """Run what the session has selected of the tests that use the asking fixture; all prompts are scripted."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [
        str(item.callspec.params["name"])
        for item in items
        if item.module is request.module and request.fixturename in item.fixturenames
    ]
    with httpx.Client(base_url=llm) as model:
        script_replies(model, list(cases.values()))
        try:
            return run_all(server, model, [cases[name] for name in names], at_once, wait_s)
        finally:
            model.delete("/requests")
