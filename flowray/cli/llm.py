"""``flowray llm serve``: an OpenAI-compatible server on this machine, with a small real model or the tests' fake."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from flowray.cli.output import output_of
from flowray.handlers.providers import fake_openai, local_llm

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Serve a language model on this machine, without a network."
)


@app.callback()
def _group() -> None:
    """Makes a group of a single command."""


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8088,
    fake: Annotated[bool, typer.Option("--fake", help="Deterministic answers without a model, for tests.")] = False,
) -> None:
    """Serve SmolLM2-135M through llama.cpp (extra: local-llm), or the fake server of the tests.

    Example: flowray llm serve --port 8088, then: FLOWRAY_LLM_BASE_URL=http://127.0.0.1:8088/v1 flowray serve
    """
    output = output_of(ctx)
    if fake:
        output.note(f"fake model 'fake-model' at http://{host}:{port}/v1 (Ctrl-C stops it)")
        fake_openai.serve(host, port)
        return
    server = local_llm.start(host, port)
    output.note(f"model {server.model!r} at {server.base_url} (Ctrl-C stops it)")
    try:
        threading.Event().wait()
    finally:
        server.stop()
