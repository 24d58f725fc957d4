"""The page against the real API over the in-process runtime: the contract that both sides must keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flowray.api.app import create_app
from flowray.api.compilation import WorkflowCompiler
from flowray.api.context import ApiContext, AppServices
from flowray.api.http.metrics import ApiMetrics
from flowray.api.tokens import PublicTokens
from flowray.handlers.registry import default_registry
from flowray.handlers.services import ChatChunk
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.local import LocalRuntime
from flowray.sdk.workflow import Workflow
from tests.fakes.loopback import loopback_server
from tests.fakes.services import ScriptedChat, fake_services
from tests.page.looking import node_class, shoot

pytestmark = pytest.mark.browser


@pytest.fixture
def server() -> Iterator[str]:
    """The API's address, with a language model that says three words."""
    store, registry = MemoryStore(), default_registry(plugins=False)
    chat = ScriptedChat(chunks=[ChatChunk(text="Once "), ChatChunk(text="upon "), ChatChunk(text="a time")])
    runtime = LocalRuntime(
        store, store, store.payloads, registry, lambda payloads: fake_services(chat=chat, payloads=payloads)
    )
    runtime.start_threads()
    services = AppServices(runtime, registry, PublicTokens("x" * 16))
    app = create_app(services)
    app.state.context = ApiContext(services, runtime, WorkflowCompiler(registry, 16), ApiMetrics())
    with loopback_server(app) as address:
        yield address
    runtime.stop()


def tale() -> dict[str, Any]:
    workflow = Workflow("Tale")
    start = workflow.node("in", "input")
    with workflow.loop("each", name="Each topic", items="inputs.topics", item_variable="topic"):
        workflow.node("ask", "llm", name="Tell", prompt="Tell me about {{topic}}", model="m", provider="openai")
    check = workflow.node("long", "conditional", expression="each.length > 1")
    start >> workflow["each"] >> check
    check["true"] >> workflow.node("many", "output", output_name="tales", value="{{each}}")
    check["false"] >> workflow.node("one", "output", output_name="tales", value="one")
    return workflow.to_dict()


def test_a_real_execution_is_shown_with_its_graph_texts_and_outputs(page: Any, server: str) -> None:
    body = {"definition": tale(), "inputs": {"topics": ["rays", "flows"]}}
    started = httpx.post(f"{server}/v1/executions?wait=20", json=body).json()
    assert started["status"] == "completed", started
    page.goto(server)
    page.get_by_role("link", name="Tale").click()
    page.locator(".bar .pill.completed").wait_for()
    page.locator(".fr-group.completed[data-node=each]").wait_for()
    assert page.locator("[data-node=each] .fr-badge").text_content() == "2/2"
    assert node_class(page, "one") == "fr-node skipped"
    assert page.locator(".stream .text").all_inner_texts() == ["Once upon a time", "Once upon a time"]
    assert "each[1]/ask" in page.locator(".stream h3").nth(1).inner_text()
    taken = page.locator(".fr-edge.taken").count()
    assert taken == 3
    page.locator("[data-node=ask]").click()
    panel = page.get_by_role("region", name="Selected node")
    panel.locator("details").nth(1).wait_for()
    assert "each[0]/ask" in panel.inner_text()
    page.get_by_text('"tales"').wait_for()
    shoot(page, "real")


def test_a_real_failure_tells_its_error(page: Any, server: str) -> None:
    workflow = Workflow("Broken")
    workflow.node("in", "input") >> workflow.node("odd", "no-such-type")
    started = httpx.post(
        f"{server}/v1/executions?wait=20", json={"definition": workflow.to_dict(), "inputs": {}}
    ).json()
    page.goto(f"{server}/#/executions/{started['id']}")
    page.get_by_role("region", name="Result").get_by_text("UNKNOWN_NODE_TYPE").first.wait_for()
    assert node_class(page, "odd") == "fr-node failed"
