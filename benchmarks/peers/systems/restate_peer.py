"""Restate: its server and a service, each a process of its own, called through the server's HTTP ingress."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lines import FOLDER, Answer, Clock, Request, serve, versions

SERVER = os.environ.get("PEER_SERVER", "restate-server")
RECORDED = "SELECT count(*) AS n FROM sys_journal WHERE name = 'step' AND entry_type LIKE 'Command%'"


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody has."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Caller:
    """POSTs JSON to one port; every thread keeps its connection."""

    def __init__(self, port: int, timeout_s: float) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._local = threading.local()

    def post(self, path: str, body: Any) -> Any:
        """The answer's JSON; raises on a status that is no success."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s)
        connection = self._local.connection
        headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": "application/json"})
        try:
            connection.request("POST", path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()  # else the next request would find this one half done
            del self._local.connection
            raise
        if answer.status >= 300:
            raise RuntimeError(f"{path}: HTTP {answer.status}: {content.decode()[:200]}")
        return json.loads(content)


def until(attempt: Any, timeout_s: float = 60) -> Any:
    """The result of ``attempt`` as soon as it has one."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return attempt()
        except (OSError, RuntimeError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class System:
    """The two processes."""

    def __init__(self) -> None:
        ingress, admin, node, service = free_ports(4)
        variables = {
            **os.environ,
            "RESTATE_BASE_DIR": str(FOLDER / "restate"),
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BIND_IP": "127.0.0.1",
            "RESTATE_BIND_PORT": str(node),
            "RESTATE_INGRESS__BIND_PORT": str(ingress),
            "RESTATE_ADMIN__BIND_PORT": str(admin),
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
        }
        script = str(Path(__file__).with_name("restate_service.py"))
        self._processes = [
            subprocess.Popen([SERVER, "--no-logo"], env=variables, stdin=subprocess.DEVNULL, stdout=2),
            subprocess.Popen([sys.executable, script, str(service)], stdin=subprocess.DEVNULL, stdout=2),
        ]
        self._ingress, self._admin = Caller(ingress, 600), Caller(admin, 30)
        until(lambda: self._admin.post("/deployments", {"uri": f"http://127.0.0.1:{service}"}))
        until(lambda: self._call("take", None))

    def _call(self, handler: str, argument: int | None) -> int:
        return int(self._ingress.post(f"/Peer/{handler}", argument))

    def _recorded(self) -> int:
        return int(self._admin.post("/query", {"query": RECORDED})["rows"][0]["n"])

    def run(self, request: Request) -> Answer:
        """From the POST to the ingress to its answer, for all executions."""
        self._call("take", None)
        before = self._recorded()
        clock = Clock()
        with ThreadPoolExecutor(request.in_flight) as pool:
            handler = request.workload.replace("-", "_")
            calls = [pool.submit(self._call, handler, request.steps) for _ in range(request.executions)]
            outputs = [call.result() for call in calls]
        seconds = clock.seconds()
        return Answer(seconds, outputs, self._call("take", None), self._recorded() - before)

    def close(self) -> None:
        """End both processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)


def main() -> None:
    """Serve."""
    system = System()
    try:
        serve(system.run, {"versions": versions("restate-sdk", "hypercorn")})
    finally:
        system.close()


if __name__ == "__main__":
    main()
