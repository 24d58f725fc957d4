"""Event streams over real sockets: live, resumed, cut off, alone; and the other ways to wait for an execution."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.acceptance.definitions import INPUT, Frame, frames, get, output, talk
from tests.cluster import FlowrayServer, eventually
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]

STREAM = {"Accept": "text/event-stream"}
WORDS = " ".join(f"word{number}" for number in range(40))


def read(
    server: FlowrayServer, path: str, headers: Mapping[str, str] | None = None, until: int | None = None
) -> list[Frame]:
    """The frames of a stream to its end, or until the frame with id ``until``; then the client leaves."""
    found: list[Frame] = []
    with server.http.stream("GET", path, headers={**STREAM, **(headers or {})}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        for frame in frames(answer.iter_lines()):
            if isinstance(frame, Frame):
                found.append(frame)
                if until is not None and frame.id == str(until):
                    break
    return found


def text_of(found: list[Frame]) -> str:
    """All token text, each batch where its offset says."""
    text = ""
    for frame in found:
        if frame.event == "node.token":
            assert frame.data["offset"] == len(text)
            text += frame.data["text"]
    return text


def ids(found: list[Frame]) -> list[int]:
    """The seqs of frames that have one."""
    return [int(frame.id) for frame in found if frame.id is not None]


@pytest.fixture
def words(script: httpx.Client) -> str:
    """A prompt that is answered with WORDS."""
    prompt = f"words {uuid.uuid4().hex}"
    script.post("/script", json={"replies": {prompt: WORDS}}).raise_for_status()
    return prompt


def test_a_post_that_streams(server: FlowrayServer, words: str) -> None:
    """The first frame names the execution, then every event with its seq, then the stream ends by itself."""
    found: list[Frame] = []
    body = {"definition": talk(words), "inputs": {"x": 1}}
    with server.http.stream("POST", "/v1/executions", json=body, headers=STREAM) as answer:
        assert answer.status_code == 200
        location = answer.headers["location"]
        found.extend(frame for frame in frames(answer.iter_lines()) if isinstance(frame, Frame))
    accepted, *events = found
    assert (accepted.event, accepted.id) == ("execution.accepted", None)
    assert location == f"/v1/executions/{accepted.data['id']}"
    assert ids(events) == list(range(1, len(events) + 1))
    assert [frame.data["seq"] for frame in events] == ids(events)
    assert events[-1].event == "execution.completed"
    assert text_of(events) == WORDS
    assert server.http.get(location).json()["outputs"] == {"y": WORDS}


def test_resuming_in_the_middle_gives_no_gap_and_no_double(server: FlowrayServer, words: str) -> None:
    """Cut off while the model writes; Last-Event-ID goes on where it was; a replay is the same bytes (R33)."""
    started = server.start(talk(words, model="fake-slow"))
    first = read(server, started["events_url"], until=6)
    assert ids(first)[-1] == 6
    second = read(server, started["events_url"], headers={"Last-Event-ID": "6"})
    seqs = ids(first) + ids(second)
    assert seqs == list(range(1, seqs[-1] + 1))
    assert text_of(first + second) == WORDS
    assert second[-1].event == "execution.completed"

    replay = read(server, started["events_url"])
    assert text_of(replay) == WORDS
    live = {frame.id: frame.raw for frame in first + second}
    same = [frame for frame in replay if frame.event != "node.token"]
    assert {frame.id: frame.raw for frame in same} == {frame.id: live[frame.id] for frame in same}
    assert [frame.raw for frame in read(server, started["events_url"])] == [frame.raw for frame in replay]


def test_two_readers_see_the_same(server: FlowrayServer, words: str) -> None:
    """The query parameter does what the header does; the header wins."""
    started = server.start(talk(words))
    whole = read(server, started["events_url"])
    part = read(server, f"{started['events_url']}?after=3")
    assert [frame.raw for frame in part] == [frame.raw for frame in whole if int(frame.id or 0) > 3]
    both = read(server, f"{started['events_url']}?after=1", headers={"Last-Event-ID": "3"})
    assert [frame.raw for frame in both] == [frame.raw for frame in part]


def test_nothing_is_left_after_the_end(server: FlowrayServer, words: str) -> None:
    """A reader that has seen the last event is told to stop asking: 204."""
    started = server.start(talk(words))
    last = ids(read(server, started["events_url"]))[-1]
    answer = server.http.get(started["events_url"], headers={**STREAM, "Last-Event-ID": str(last)})
    assert (answer.status_code, answer.content) == (204, b"")
    one_back = read(server, started["events_url"], headers={"Last-Event-ID": str(last - 1)})
    assert [frame.event for frame in one_back] == ["execution.completed"]


def test_a_filtered_stream_still_ends(server: FlowrayServer, words: str) -> None:
    """Only node.completed, and the end, which always comes."""
    started = server.start(talk(words))
    found = read(server, f"{started['events_url']}?types=node.completed")
    assert [frame.event for frame in found] == ["node.completed"] * 3 + ["execution.completed"]


def test_the_text_of_one_node_alone(server: FlowrayServer, words: str) -> None:
    """``/streams/llm-<id>``: tokens with offsets, then the end with its length and usage; resumable too."""
    started = server.start(talk(words))
    path = f"/v1/executions/{started['id']}/streams/llm-say"
    found = read(server, path)
    assert {frame.event for frame in found[:-1]} == {"node.token"}
    assert text_of(found[:-1]) == WORDS
    end = found[-1]
    assert (end.event, end.data["status"], end.data["chars"]) == ("stream.end", "completed", len(WORDS))
    assert end.data["usage"]["output_tokens"] > 0
    answer = server.http.get(path, headers={**STREAM, "Last-Event-ID": str(end.id)})
    assert answer.status_code == 204


def test_heartbeats_in_silence(server: FlowrayServer, world: str) -> None:
    """A comment within every ten seconds of silence keeps proxies from closing the connection."""
    definition = workflow("silence", {"in": INPUT, "nap": get(f"{world}/slow?ms=11500")}, [("in", "nap")])
    started = server.start(definition)
    with server.http.stream("GET", started["events_url"], headers=STREAM) as answer:
        found = list(frames(answer.iter_lines()))
    comments = [one for one in found if isinstance(one, str)]
    assert comments == [": heartbeat"]
    assert isinstance(found[-1], Frame)
    assert found[-1].event == "execution.completed"


def test_a_client_that_leaves_does_not_cancel(server: FlowrayServer, words: str) -> None:
    """The connection that started it is gone; the execution runs on to its end."""
    body = {"definition": talk(words, model="fake-slow"), "inputs": {}}
    with server.http.stream("POST", "/v1/executions", json=body, headers=STREAM) as answer:
        accepted = next(frame for frame in frames(answer.iter_lines()) if isinstance(frame, Frame))
    done = server.finished(accepted.data["id"])
    assert (done["status"], done["outputs"]) == ("completed", {"y": WORDS})


def test_cancelling_closes_the_connection_to_the_model(server: FlowrayServer, script: httpx.Client, words: str) -> None:
    """Cancelled in the middle of an answer: the provider sees the client leave, the reader sees the end, and it stays
    cancelled."""
    long_answer = " ".join(["more"] * 2_000)
    script.post("/script", json={"replies": {words: long_answer}}).raise_for_status()
    started = server.start(talk(words, model="fake-slow"))
    seen: list[Frame] = []
    with server.http.stream("GET", started["events_url"], headers=STREAM) as answer:
        for frame in frames(answer.iter_lines()):
            assert isinstance(frame, Frame)
            seen.append(frame)
            if frame.event == "node.token" and sum(one.event == "node.token" for one in seen) == 2:
                cancelled = server.http.post(f"/v1/executions/{started['id']}/cancel", json={"reason": "too long"})
                assert cancelled.status_code == 202
    assert seen[-1].event == "execution.cancelled"
    assert seen[-1].data["reason"] == "too long"
    assert [frame.data["node_id"] for frame in seen if frame.event == "node.cancelled"][:1] == ["say"]

    def asked() -> dict[str, Any] | None:
        entries: list[dict[str, Any]] = script.get("/requests").json()["data"]
        mine = [entry for entry in entries if entry["prompt"] == words]
        return mine[0] if mine and mine[0]["disconnected"] else None

    entry = eventually(asked, 60)
    assert not entry["completed"]
    assert 0 < entry["pieces_sent"] < 500
    assert server.finished(started["id"])["status"] == "cancelled"
    assert len([one for one in script.get("/requests").json()["data"] if one["prompt"] == words]) == 1


def test_waiting_for_the_end(server: FlowrayServer, world: str) -> None:
    """``?wait=`` answers 200 with the whole execution, or 202 when it takes longer; the execution does not care."""
    quick = workflow("quick", {"in": INPUT, "out": output("{{x}}")}, [("in", "out")])
    answer = server.http.post("/v1/executions", params={"wait": 20}, json={"definition": quick, "inputs": {"x": 5}})
    assert (answer.status_code, answer.json()["status"], answer.json()["outputs"]) == (200, "completed", {"y": 5})
    slow = workflow("slow", {"in": INPUT, "nap": get(f"{world}/slow?ms=1500")}, [("in", "nap")])
    answer = server.http.post("/v1/executions", params={"wait": 0.2}, json={"definition": slow, "inputs": {}})
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    assert server.finished(answer.json()["id"])["status"] == "completed"


def test_idempotency_keys(server: FlowrayServer, world: str) -> None:
    """The same key and body start one execution; another body is refused, and names the first."""
    name, key = uuid.uuid4().hex, uuid.uuid4().hex
    call = {"type": "http", "config": {"method": "POST", "url": f"{world}/effect/{name}"}}
    body = {"definition": workflow("once", {"in": INPUT, "call": call}, [("in", "call")]), "inputs": {"x": 1}}
    headers = {"Idempotency-Key": key}
    first = server.http.post("/v1/executions", json=body, headers=headers)
    again = server.http.post("/v1/executions", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = server.http.post("/v1/executions", json={**body, "inputs": {"x": 2}}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert other.json()["execution_id"] == first.json()["id"]
    assert server.finished(first.json()["id"])["status"] == "completed"
    assert len(httpx.get(f"{world}/counted").json()[name]) == 1


def test_a_public_token_reads_this_execution_only(server: FlowrayServer, words: str) -> None:
    """EventSource cannot set headers: streams take the token as a query parameter."""
    mine, other = server.start(talk(words)), server.start(talk(words))
    token = mine["public_token"]
    assert read(server, f"{mine['events_url']}?token={token}")[-1].event == "execution.completed"
    assert server.http.get(f"{other['events_url']}?token={token}").json()["code"] == "FORBIDDEN"
    assert server.http.get(f"{mine['events_url']}?token=x{token}").json()["code"] == "UNAUTHORIZED"


def test_pages_of_events_are_the_stream(server: FlowrayServer, words: str) -> None:
    """``Accept: application/json`` gives the same events as data."""
    started = server.start(talk(words))
    stream = read(server, started["events_url"])
    assert server.events(started["id"]) == [json.loads(json.dumps(frame.data)) for frame in stream]
