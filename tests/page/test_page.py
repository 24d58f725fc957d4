"""The page at ``/`` in a real browser, against a canned API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowray.plan import ExecutionPlan
from tests.engine.plans import PlanMaker
from tests.fakes.loopback import loopback_server
from tests.page.canned_api import CannedApi, attempt_row
from tests.page.looking import node_class, shoot

pytestmark = pytest.mark.browser


def a_plan() -> ExecutionPlan:
    maker = (
        PlanMaker()
        .node("order", type="http", name="Fetch order")
        .branch("lane", type="conditional", name="How urgent?")
        .node("draft", type="llm", name="Draft a reply")
        .node("later", type="wait", name="Wait until Monday")
        .loop("each", name="Each line", type="loop")
        .node("check", scope="each", type="http", name="Check stock")
        .node("report", type="output", name="Report <b>the</b> problem")
        .output("out", type="output", name="Answer")
        .edge("order -> lane", "order error-> report", "lane express-> draft", "lane normal-> later")
        .edge("draft -> each", "later -> each", "each -> out")
    )
    return maker.build()


@pytest.fixture
def api() -> CannedApi:
    canned = CannedApi(a_plan())
    canned.execution["workflow_name"] = "Order triage"
    return canned


@pytest.fixture
def address(api: CannedApi) -> Iterator[str]:
    with loopback_server(api.app) as url:
        yield url


def begin(api: CannedApi) -> None:
    api.execution["status"] = "running"
    api.say("execution.started", total=6)
    api.run_node("order")
    api.run_node("lane", handles=["express"])
    api.say("node.skipped", node="later")
    api.say("node.started", node="draft", attempt=1)
    api.say("node.token", node="draft", attempt=1, stream_id="llm-draft", offset=0, text="Dear ", tokens=1)
    api.say("node.token", node="draft", attempt=1, stream_id="llm-draft", offset=5, text="Ada 🙂, ", tokens=3)
    api.say("node.token", node="draft", attempt=1, stream_id="llm-draft", offset=12, text="it ships today.", tokens=4)


def finish(api: CannedApi) -> None:
    api.say("node.completed", node="draft", attempt=1)
    api.say("node.started", node="each", attempt=1)
    api.say("scope.opened", node="each", total=2)
    for index in (0, 1):
        api.run_node("check")
        api.say("scope.completed", node="each", index=index, scope=f"each[{index}]")
    api.say("node.completed", node="each", attempt=1)
    api.say("node.skipped", node="report")
    api.run_node("out")
    api.execution |= {"status": "completed", "outputs": {"answer": "shipped"}}
    api.say("execution.completed", outputs={"answer": {"__truncated": True}})


def an_error(node_id: str, attempt: int, code: str, message: str) -> dict[str, Any]:
    return {"message": message, "code": code, "node_id": node_id, "attempt": attempt, "details": {"sent": {"id": 7}}}


def test_it_lists_executions_and_filters_them_by_status(page: Any, address: str, api: CannedApi) -> None:
    api.others = [
        {**api.execution, "id": "e0", "status": "failed", "workflow_name": "<script>alert(1)</script>"},
        {**api.execution, "id": "e2", "status": "completed", "ended_at": "2026-01-31T12:00:03.400Z"},
    ]
    page.goto(address)
    rows = page.locator("tbody tr")
    rows.nth(2).wait_for()
    assert rows.count() == 3
    assert "<script>alert(1)</script>" in rows.nth(1).inner_text()
    assert "3.4 s" in rows.nth(2).inner_text()
    assert page.locator("#server").inner_text() == "v0.1.0 · memory"
    shoot(page, "list")
    page.get_by_label("Status").select_option("failed")
    # Not wait_for_function: asked a second time it evaluates text in the page, which the page's own policy forbids.
    rows.nth(1).wait_for(state="detached")
    rows.first.wait_for()
    assert rows.count() == 1
    assert "failed" in page.locator("tbody tr").inner_text()


def test_the_list_is_refreshed_while_it_is_looked_at(page: Any, address: str, api: CannedApi) -> None:
    page.goto(address)
    page.locator("tbody .pill.queued").wait_for()
    api.execution["status"] = "running"
    page.locator("tbody .pill.running").wait_for()


def test_an_empty_list_says_how_to_begin(page: Any, address: str, api: CannedApi) -> None:
    page.goto(f"{address}/#/?status=crashed")
    page.get_by_text("No execution is crashed.").wait_for()


def test_an_execution_is_shown_live_from_graph_to_outputs(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    page.goto(address)
    page.get_by_role("link", name="Order triage").click()
    page.locator(".fr-node.running[data-node=draft]").wait_for()
    assert node_class(page, "order") == "fr-node completed"
    assert node_class(page, "later") == "fr-node skipped"
    assert node_class(page, "each") == "fr-group pending"
    taken = page.locator(".fr-edge.taken").evaluate_all("all => all.map(one => one.dataset.edge.split(':')[1])")
    assert sorted(taken) == ["lane>draft", "order>lane"]
    assert page.locator(".stream .text").inner_text() == "Dear Ada 🙂, it ships today."
    assert page.locator(".bar progress").get_attribute("value") == "3"
    assert page.get_by_text("Report <b>the</b> problem").count() >= 1
    shoot(page, "running")
    finish(api)
    page.get_by_text('"answer": "shipped"').wait_for()
    assert node_class(page, "each") == "fr-group completed"
    assert page.locator("[data-node=each] .fr-badge").text_content() == "2/2"
    assert page.locator(".bar .pill").inner_text() == "completed"
    assert page.get_by_role("button", name="Cancel").count() == 0
    assert page.locator("#announcer").text_content() == "Execution completed"
    page.emulate_media(color_scheme="dark")
    shoot(page, "completed-dark")


def test_a_cut_stream_goes_on_after_the_last_event_and_is_no_end(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    page.goto(f"{address}/#/executions/e1?token=abc")
    page.locator(".fr-node.running[data-node=draft]").wait_for()
    seen = len(api.events)
    api.drop()
    page.get_by_text("The connection was lost").wait_for()
    finish(api)
    page.locator(".bar .pill.completed").wait_for()
    assert api.cursors == [None, str(seen)]
    assert api.tokens == {"abc"}
    assert page.locator(".stream .text").inner_text() == "Dear Ada 🙂, it ships today."


def test_a_superseded_attempt_takes_its_text_back(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    api.say("stream.reset", node="draft", stream_id="llm-draft", attempt=1)
    api.say("node.token", node="draft", attempt=2, stream_id="llm-draft", offset=0, text="Hello.", tokens=1)
    page.goto(f"{address}/#/executions/e1")
    page.locator(".stream .text", has_text="Hello.").wait_for()
    assert page.locator(".stream .text").inner_text() == "Hello."


def test_a_node_shows_its_attempts_by_mouse_and_by_keyboard(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    api.attempts = [
        attempt_row("order", "completed", input={"url": "http://x"}, output={"total": 12}),
        attempt_row(
            "lane",
            "failed",
            error={"message": "no such field", "code": "EXPRESSION_ERROR", "node_id": "lane", "attempt": 1},
        ),
    ]
    page.goto(f"{address}/#/executions/e1")
    page.locator("[data-node=order]").click()
    panel = page.get_by_role("region", name="Selected node")
    panel.get_by_text('"total": 12').wait_for()
    assert "412 ms" in panel.inner_text()
    assert "null" not in panel.inner_text()
    page.locator("[data-node=order]").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.node") == "lane"
    page.keyboard.press("Enter")
    panel.get_by_text("no such field").wait_for()
    assert "EXPRESSION_ERROR · node lane · attempt 1" in panel.inner_text()
    assert page.locator("[data-node][tabindex='0']").count() == 1
    shoot(page, "node")


def test_a_failure_is_told_with_what_went_wrong(page: Any, address: str, api: CannedApi) -> None:
    api.say("execution.started", total=6)
    api.say("node.started", node="order", attempt=3)
    error = {
        "message": "GET http://x answered 500",
        "code": "HTTP_STATUS",
        "node_id": "order",
        "attempt": 3,
        "details": {"status": 500},
    }
    api.say("node.failed", node="order", attempt=3, error=error)
    api.execution |= {"status": "failed", "error": error, "outputs": {}}
    api.say("execution.failed", error=error, outputs={})
    page.goto(f"{address}/#/executions/e1")
    page.get_by_text("GET http://x answered 500").wait_for()
    assert node_class(page, "order") == "fr-node failed"
    assert "failed, attempt 3" in str(page.locator("[data-node=order]").get_attribute("aria-label"))
    shoot(page, "failed")


def test_cancel_asks_the_api(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    page.goto(f"{address}/#/executions/e1")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".danger:not([disabled])").wait_for()
    assert api.cancelled == [{"reason": "Cancelled on the page"}]
    api.say("execution.cancelling", reason="Cancelled on the page")
    page.locator(".bar .pill.cancelling").wait_for()


def test_an_unknown_execution_says_so_and_does_not_ask_again(page: Any, address: str, api: CannedApi) -> None:
    page.goto(f"{address}/#/executions/nope")
    page.locator(".notice", has_text="there is no execution").first.wait_for()
    assert page.get_by_role("button", name="Cancel").count() == 0


def test_the_core_alone_gives_the_fields_that_hooks_build_on(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    finish(api)
    page.goto(address)
    state = page.evaluate(
        """async () => {
            const { watchExecution } = await import("./core.js");
            const seen = [];
            const watch = watchExecution("e1", { onChange: (state) => seen.push(state.status) });
            const { nodes, ...last } = await watch.done;
            return { ...last, first: seen[0], changes: seen.length };
        }"""
    )
    assert state["status"] == "completed"
    assert state["completedNodes"] == ["order", "lane", "draft", "check", "each", "out"]
    assert state["currentNode"] is None
    assert state["llmStreams"][0]["nodeId"] == "draft"
    assert state["llmStreams"][0]["text"] == "Dear Ada 🙂, it ships today."
    assert (state["isPaused"], state["waitpointId"], state["error"], state["isComplete"]) == (False, None, None, True)
    assert state["output"] == {"answer": "shipped"}


def test_a_pause_names_its_waitpoint(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    api.execution |= {"status": "paused", "waiting_for": [{"waitpoint_id": "w-1", "node_id": "draft"}]}
    api.say("execution.paused", reason="approve")
    page.goto(address)
    state = page.evaluate(
        """async () => {
            const { watchExecution } = await import("./core.js");
            return new Promise((resolve) => {
                const watch = watchExecution("e1", { onChange: ({ isPaused, waitpointId }) => {
                    if (isPaused && waitpointId) { watch.stop(); resolve({ isPaused, waitpointId }); }
                } });
            });
        }"""
    )
    assert state == {"isPaused": True, "waitpointId": "w-1"}


def test_a_reset_of_a_later_step_keeps_the_text_of_the_steps_before_it(page: Any, address: str, api: CannedApi) -> None:
    begin(api)
    chars = len("Dear Ada 🙂")
    api.say("stream.reset", node="draft", stream_id="llm-draft", attempt=1, offset=chars)
    page.goto(f"{address}/#/executions/e1")
    page.locator(".stream .text", has_text="Ada").wait_for()
    assert page.locator(".stream .text").inner_text() == "Dear Ada 🙂"
