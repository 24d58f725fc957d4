"""``flowray demo``: the whole house, once, before your eyes. Starts everything on free ports and stops all of it."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import typer
import uvicorn

from flowray.cli.documents import parse
from flowray.cli.instance import start_instance
from flowray.cli.options import DEFAULT_URL, settings_from_environment
from flowray.cli.outcome import finish
from flowray.cli.output import Output, output_of
from flowray.cli.ports import free_port
from flowray.cli.progress import Progress
from flowray.cli.server import fact_lines
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers import fake_openai, local_llm

REPORT = {
    "services": [
        {"name": "api", "status": "up"},
        {"name": "search", "status": "down"},
        {"name": "billing", "status": "up"},
        {"name": "mail", "status": "down"},
    ]
}
"""What the workflow fetches: two of four are down, so that it takes the branch that writes a warning."""

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello.json"


@dataclass(frozen=True)
class DemoModel:
    """Where the language model answers, and what it is called."""

    base_url: str
    name: str


def demo(ctx: typer.Context) -> None:
    """Start everything, run a workflow before your eyes, and stop everything.

    Ray, the HTTP API, SQLite in a temporary folder and a language model on this machine; no account, no network.

    Example: flowray demo
    """
    output = output_of(ctx)
    with ExitStack() as stack:
        state_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowray-demo-"))
        report_url = stack.enter_context(serve_report())
        model = stack.enter_context(serve_model(output, free_port("127.0.0.1")))
        settings = settings_from_environment(
            state_dir=state_dir,
            database_url=f"sqlite:///{state_dir}/flowray.db",
            port=0,
            dashboard_port=0,
            llm_base_url=model.base_url,
            llm_default_model=model.name,
        )
        instance = start_instance(settings, output.note)
        stack.callback(instance.stop, output.note)
        for line in fact_lines(instance.facts()):
            output.note(line)
        execution = _run_example(output, instance.url, report_url)
        _say_where_to_look(output, instance.facts())
        finish(output, execution)


def _run_example(output: Output, url: str, report_url: str) -> dict[str, Any]:
    """Start the example over HTTP and show what happens."""
    progress = Progress(output.stderr)
    inputs = {"base_url": report_url}
    with Client(url) as client:
        workflow = client.workflows.create(_example())
        output.note(f"\nPOST {url}/v1/workflows/{workflow.id}/execute  {json.dumps({'inputs': inputs})}\n", "bold")
        started = client.executions.start(workflow.id, inputs=inputs)
        for event in client.stream_events(started.id):
            progress.show(event.model_dump(exclude_unset=True))
        return client.executions.get(started.id).model_dump(mode="json")


def _example() -> Any:
    if not EXAMPLE.is_file():
        raise FlowrayError(
            ErrorCode.CONFIGURATION, "the demo runs from a checkout of flowray, which has examples/hello.json"
        )
    return parse(EXAMPLE.read_text(encoding="utf-8"))


def _say_where_to_look(output: Output, facts: dict[str, Any]) -> None:
    output.note("\nOn a server of your own (make serve, or: flowray serve) look here next:", "bold")
    base = DEFAULT_URL
    output.note(f"  the page and the API     {base}/  {base}/openapi.json")
    output.note(f"  Ray dashboard            http://127.0.0.1:8265, token: {facts['dashboard_token_command']}")
    output.note(f"  an execution's events    curl -N {base}/v1/executions/EXECUTION_ID/events")
    output.note("  the same from a shell    flowray submit examples/hello.json --input base_url=… --watch\n")


@contextmanager
def serve_model(output: Output, port: int) -> Iterator[DemoModel]:
    """The local model where its wheels are installed, else the fake, which says so."""
    try:
        server = local_llm.start(port=port)
    except FlowrayError as error:
        if error.code is not ErrorCode.MISSING_EXTRA:
            raise
        output.note(f"no local model ({error.message}): the demo uses a fake that only pretends to be one", "yellow")
        with serve_fake_model(port) as base_url:
            yield DemoModel(base_url, "fake-model")
        return
    output.note(f"language model {server.model} at {server.base_url}")
    try:
        yield DemoModel(server.base_url, server.model)
    finally:
        server.stop()


@contextmanager
def serve_fake_model(port: int) -> Iterator[str]:
    """The fake OpenAI server in a thread; its base URL."""
    config = uvicorn.Config(
        fake_openai.create_fake_openai(), host="127.0.0.1", port=port, log_level="critical", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="fake-model", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(5)


class _ReportHandler(BaseHTTPRequestHandler):
    """Answers GET /report."""

    def do_GET(self) -> None:
        """The report, or 404."""
        found = self.path == "/report"
        body = json.dumps(REPORT if found else {"error": "not found"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the terminal shows the workflow."""


@contextmanager
def serve_report() -> Iterator[str]:
    """A small HTTP server on a free loopback port, for the workflow's HTTP node; its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ReportHandler)
    thread = threading.Thread(target=server.serve_forever, name="demo-report", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
