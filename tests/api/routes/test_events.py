"""Routes of events: streams that resume without a gap, pages, filters, and cursors that make no sense."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from flowray.engine import events as ev
from tests.api.conftest import GREET, frames
from tests.api.fake_directory import COMPLETED, NOW_MS, FakeDirectory

LLM = {
    "schemaVersion": 1,
    "nodes": {"ask": {"type": "llm", "config": {"prompt": "hello", "model": "m"}}},
    "entryPoint": "ask",
}


@pytest.fixture
async def ended(http: httpx.AsyncClient) -> str:
    """An execution of four events."""
    started: str = (await http.post("/v1/executions", json={"definition": GREET, "inputs": {"name": "Ada"}})).json()[
        "id"
    ]
    return started


@pytest.fixture
def events(ended: str) -> str:
    return f"/v1/executions/{ended}/events"


async def test_a_stream_replays_and_ends_after_the_terminal_event(http: httpx.AsyncClient, events: str) -> None:
    answer = await http.get(events)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-cache", "no")
    assert answer.text.startswith("retry: 2000\n\n")
    found = frames(answer.text)
    assert [number for number, _, _ in found] == ["1", "2", "3", "4"]
    assert [data["seq"] for _, _, data in found] == [1, 2, 3, 4]
    assert all(kind == data["type"] for _, kind, data in found)
    wire.EventBody.model_validate(found[1][2])


@pytest.mark.parametrize(
    ("headers", "query", "first"),
    [
        ({"Last-Event-ID": "2"}, "", "3"), ({}, "?after=2", "3"), ({"Last-Event-ID": "3"}, "?after=1", "4"),
        ({"Last-Event-ID": ""}, "?after=1", "2"),
    ],
)  # fmt: skip
async def test_it_resumes_and_the_header_wins(
    http: httpx.AsyncClient, events: str, headers: dict[str, str], query: str, first: str
) -> None:
    """R54."""
    assert frames((await http.get(events + query, headers=headers)).text)[0][0] == first


async def test_who_has_seen_the_end_is_answered_204(http: httpx.AsyncClient, events: str) -> None:
    assert (await http.get(events, headers={"Last-Event-ID": "4"})).status_code == 204
    assert (await http.get(events + "?after=4")).status_code == 204


@pytest.mark.parametrize("given", ["abc", "-1", "1.5", "1e3", "0x1", "9" * 30, "1 2"])
async def test_bad_input_a_malformed_last_event_id(http: httpx.AsyncClient, events: str, given: str) -> None:
    answer = await http.get(events, headers={"Last-Event-ID": given})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CURSOR")
    assert (await http.get(events, params={"after": "x"})).json()["code"] == "INVALID_REQUEST"


async def test_filters_let_the_end_through(http: httpx.AsyncClient, events: str) -> None:
    kinds = [kind for _, kind, _ in frames((await http.get(events + "?types=node.started,node.failed")).text)]
    assert kinds == ["node.started", "execution.completed"]
    kinds = [kind for _, kind, _ in frames((await http.get(events + "?node_id=nobody")).text)]
    assert kinds == ["execution.completed"]
    kinds = [kind for _, kind, _ in frames((await http.get(events + "?node_id=in&types=node.completed")).text)]
    assert kinds == ["node.completed", "execution.completed"]


async def test_a_pruned_log_gives_the_present_state(
    http: httpx.AsyncClient, directory: FakeDirectory, ended: str, events: str
) -> None:
    """R33."""
    directory.prune(ended, 1)
    ((number, kind, data),) = frames((await http.get(events)).text)
    assert (number, kind) == ("4", "stream.reset")
    assert (data["seq"], data["state"]["status"]) == (4, "completed")
    assert set(data["state"]) == set(wire.Execution.model_fields)
    assert data["state"]["outputs"] == {"greeting": "Hello Ada"}


async def test_an_id_of_another_log_gives_the_present_state_too(http: httpx.AsyncClient, events: str) -> None:
    (frame,) = frames((await http.get(events, headers={"Last-Event-ID": "99"})).text)
    assert frame[:2] == ("4", "stream.reset")


class TestPages:
    JSON = {"Accept": "application/json"}

    async def test_pages_of_events(self, http: httpx.AsyncClient, events: str) -> None:
        """R54."""
        first = (await http.get(events + "?limit=3", headers=self.JSON)).json()
        assert set(first) == {"data", "next_cursor", "has_more"}
        seqs = [event["seq"] for event in first["data"]]
        assert (seqs, first["has_more"], first["next_cursor"]) == ([1, 2, 3], True, "3")
        last = (await http.get(events, params={"after": first["next_cursor"]}, headers=self.JSON)).json()
        assert ([event["seq"] for event in last["data"]], last["has_more"], last["next_cursor"]) == ([4], False, None)
        beyond = (await http.get(events + "?after=4", headers=self.JSON)).json()
        assert beyond == {"data": [], "next_cursor": None, "has_more": False}

    async def test_pages_of_a_pruned_log_are_refused(
        self, http: httpx.AsyncClient, directory: FakeDirectory, ended: str, events: str
    ) -> None:
        directory.prune(ended, 1)
        answer = await http.get(events, headers=self.JSON)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "text/event-stream"), ("text/*", 200, "text/event-stream"),
        ("application/json, text/event-stream;q=0.5", 200, "application/json"),
        ("application/*", 200, "application/json"), ("image/png", 406, "application/problem+json"),
        ("application/json;q=0", 200, "text/event-stream"),
    ],
)  # fmt: skip
async def test_what_is_accepted_decides(
    http: httpx.AsyncClient, events: str, accept: str, status: int, kind: str
) -> None:
    answer = await http.get(events, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, kind)


async def test_an_unknown_execution(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/executions/none/events", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def token(offset: int, text: str, attempt: int = 1, stream: str = "llm-ask") -> ev.NodeToken:
    return ev.NodeToken(
        ts=NOW_MS, instance="ask", node_id="ask", attempt=attempt, stream_id=stream, offset=offset, text=text, tokens=1
    )


TALK = (
    ev.ExecutionStarted(ts=NOW_MS),
    token(0, "He"),
    token(0, "other", stream="llm-other"),
    ev.StreamReset(ts=NOW_MS, instance="ask", node_id="ask", stream_id="llm-ask", attempt=1),
    token(0, "Hel", 2),
    token(3, "lo", 2),
    ev.NodeCompleted(ts=NOW_MS, instance="ask", node_id="ask", attempt=2, output="Hello", stream_id="llm-ask"),
    ev.ExecutionCompleted(ts=NOW_MS),
)


class TestTextStreams:
    @pytest.fixture
    async def stream(self, http: httpx.AsyncClient, directory: FakeDirectory) -> str:
        directory.on_start = lambda fake, record: fake.play(record.id, *TALK)
        answer = await http.post("/v1/executions", json={"definition": LLM})
        assert answer.status_code == 202, answer.text
        return f"/v1/executions/{answer.json()['id']}/streams/llm-ask"

    async def test_its_text_its_reset_and_its_end(self, http: httpx.AsyncClient, stream: str) -> None:
        found = frames((await http.get(stream)).text)
        assert [(number, kind, data.get("text")) for number, kind, data in found] == [
            ("2", "node.token", "He"), ("4", "stream.reset", None), ("5", "node.token", "Hel"),
            ("6", "node.token", "lo"), ("7", "stream.end", None),
        ]  # fmt: skip
        end: dict[str, Any] = found[-1][2]
        assert (end["status"], end["chars"], end["stream_id"]) == ("completed", 5, "llm-ask")

    async def test_it_resumes(self, http: httpx.AsyncClient, stream: str) -> None:
        found = frames((await http.get(stream, headers={"Last-Event-ID": "5"})).text)
        assert [kind for _, kind, _ in found] == ["node.token", "stream.end"]
        assert (await http.get(stream, headers={"Last-Event-ID": "8"})).status_code == 204

    async def test_a_stream_of_no_node_is_404(self, http: httpx.AsyncClient, stream: str) -> None:
        for other in ("llm-nobody", "ask", "llm-"):
            answer = await http.get(stream.replace("llm-ask", other))
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_an_error_on_the_way_is_a_frame_and_no_broken_answer(
    http: httpx.AsyncClient, directory: FakeDirectory, ended: str, events: str
) -> None:
    directory.down = True
    answer = await http.get(events)
    ((number, kind, problem),) = frames(answer.text)
    assert (answer.status_code, number, kind) == (200, None, "error")
    assert (problem["code"], problem["status"]) == ("DATABASE_UNAVAILABLE", 503)
    assert directory.open_follows == 0
    assert len(COMPLETED) == 4
