"""``flowray serve`` behind HAProxy, the other proxy of Ray Serve: the same promises, whoever leaves when (R56).

By request only: it shows statistics and metrics on all interfaces, and tests listen on loopback.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flowray.runtime.on_ray.haproxy import is_installed
from tests.cluster import TERMINAL, eventually
from tests.integration.definitions import workflow
from tests.integration.test_command_line import GREET, serving

pytestmark = [
    pytest.mark.skipif(not is_installed(), reason="there is no HAProxy: it comes with ray[serve] on Linux"),
    pytest.mark.skipif(
        os.environ.get("FLOWRAY_TEST_HAPROXY") != "1",
        reason="HAProxy listens on all interfaces: FLOWRAY_TEST_HAPROXY=1 where that is no harm",
    ),
    pytest.mark.timeout(240),
]

SSE = {"Accept": "text/event-stream"}
HOUR_MS = 3_600_000


def nap(ms: int) -> dict[str, Any]:
    """A workflow that waits."""
    return workflow(
        "nap",
        {
            "in": {"type": "input", "config": {"inputName": "x"}},
            "nap": {"type": "wait", "config": {"duration": ms}},
            "out": {"type": "output", "config": {"outputName": "done", "value": "yes"}},
        },
        [("in", "nap"), ("nap", "out")],
    )


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        serving(tmp_path_factory.mktemp("haproxy"), FLOWRAY_PROXY="haproxy") as (_, url),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


def test_a_whole_stream_passes(http: httpx.Client) -> None:
    assert http.get("/v1/info").json()["proxy_mode"] == "haproxy"
    answer = http.post("/v1/executions", json={"definition": GREET, "inputs": {"name": "Ada"}}, headers=SSE)
    kinds = [line.partition(": ")[2] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert (kinds[0], kinds[1], kinds[-1]) == ("execution.accepted", "execution.started", "execution.completed")
    assert '"greeting":"hi Ada"' in answer.text


def test_r56_a_reader_who_leaves_stops_the_stream_and_not_the_execution(http: httpx.Client) -> None:
    before = _open_streams(http)
    with http.stream("POST", "/v1/executions", json={"definition": nap(HOUR_MS)}, headers=SSE) as stream:
        location = stream.headers["location"]
        assert next(line for line in stream.iter_lines() if line == "event: node.started")
        assert _open_streams(http) == before + 1
    eventually(lambda: _open_streams(http) == before)
    assert _status(http, location) not in TERMINAL
    http.post(f"{location}/cancel").raise_for_status()
    eventually(lambda: _status(http, location) == "cancelled")


def test_r56_a_caller_who_stops_waiting_cancels_nothing(http: httpx.Client) -> None:
    body = json.dumps({"definition": nap(5_000), "options": {"labels": {"left": "yes"}}}).encode()
    head = f"POST /v1/executions?wait=30 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((http.base_url.host, http.base_url.port or 80)) as connection:
        connection.sendall(head.encode() + body)
        (execution,) = eventually(lambda: http.get("/v1/executions", params={"labels": "left=yes"}).json()["data"])
    eventually(lambda: _status(http, f"/v1/executions/{execution['id']}") == "completed")


def _open_streams(http: httpx.Client) -> int:
    lines = http.get("/metrics").text.splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("flowray_event_streams ")))


def _status(http: httpx.Client, location: str) -> str:
    status: str = http.get(location).json()["status"]
    return status
