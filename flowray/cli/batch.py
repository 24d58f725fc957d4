"""``flowray batch``: workflows over many inputs, on a server or in this process. Results in the order of the inputs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flowray.bootstrap import build_registry
from flowray.cli.documents import read_workflows
from flowray.cli.in_process import run_many
from flowray.cli.options import DEFAULT_URL, FormatValue, Quiet, Url, settings_from_environment
from flowray.cli.output import EXIT_FAILED, Output, OutputFormat, output_of
from flowray.cli.rows import read_rows
from flowray.client.sync_client import Client
from flowray.compiler.documents import compile_document
from flowray.definition.loading import dump_definition, load_definition
from flowray.errors import ErrorCode, FlowrayError
from flowray.sdk.session import LocalSession

POLL_S = 0.3

Result = dict[str, Any]


def batch(
    ctx: typer.Context,
    workflows: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A definition, or a file of several.")],
    inputs: Annotated[
        str | None, typer.Argument(metavar="[INPUTS]", help="JSON lines, a JSON list or CSV; none: one run each.")
    ] = None,
    out: Annotated[str | None, typer.Option("-o", "--out", help="File for the results; stdout by default.")] = None,
    local: Annotated[bool, typer.Option("--local", help="In this process, without a server.")] = False,
    quiet: Quiet = False,
    url: Url = DEFAULT_URL,
    format: FormatValue = None,
) -> None:
    """Run workflows over many inputs, on a server or in this process.

    Each workflow of the file runs with each row. A result is one JSON line {index, workflow, execution_id, status,
    outputs, error}; exit code 1 if any row did not complete.

    Example: flowray batch wf.json inputs.jsonl -o out.jsonl
    """
    output = output_of(ctx)
    documents = read_workflows(workflows)
    rows = read_rows(inputs) if inputs is not None else [{}]
    if out is not None:
        _check_writable(out)
    results: list[Result] = []
    try:
        with _bar(output, len(documents) * len(rows), quiet) as bar:
            runs = _run_local(documents, rows, bar) if local else _run_remote(url, documents, rows, bar)
            for result in runs:
                results.append(result)
    finally:
        # Also after Ctrl-C: what has ended is not lost.
        _write(output, results, out)
    ended_well = sum(result["status"] == "completed" for result in results)
    output.note(f"{ended_well} of {len(results)} completed" + (f"; results in {out}" if out else ""))
    if ended_well < len(results):
        raise typer.Exit(EXIT_FAILED)


class _Bar:
    """A progress bar on a terminal, nothing in a pipe."""

    def __init__(self, output: Output, total: int, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=output.stderr, disable=quiet or not output.stderr.is_terminal)
        self._task = self._progress.add_task("executions", total=total)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._progress.stop()

    def ended(self, count: int) -> None:
        """So many more have ended."""
        self._progress.advance(self._task, count)


def _bar(output: Output, total: int, quiet: bool) -> _Bar:
    return _Bar(output, total, quiet)


def _run_local(documents: Sequence[Any], rows: Sequence[Mapping[str, Any]], bar: _Bar) -> Iterator[Result]:
    settings = settings_from_environment()
    node_types = build_registry(settings).node_types()
    # All of them are checked before the first one runs.
    compiled = [compile_document(document, node_types) for document in documents]
    with LocalSession(settings) as session:
        for workflow in compiled:
            for index, outcome in enumerate(run_many(session, workflow, rows)):
                yield _local_result(index, workflow.name, outcome)
                bar.ended(1)


def _local_result(index: int, name: str, outcome: dict[str, Any] | FlowrayError) -> Result:
    if isinstance(outcome, FlowrayError):
        refusal = {"code": outcome.code.value, "message": outcome.message, "details": outcome.details}
        return _result(index, name, None, "failed", None, refusal)
    return _result(index, name, outcome["id"], outcome["status"], outcome["outputs"], outcome["error"])


def _run_remote(url: str, documents: Sequence[Any], rows: Sequence[Mapping[str, Any]], bar: _Bar) -> Iterator[Result]:
    definitions = [dump_definition(load_definition(document).require()) for document in documents]
    with Client(url) as client:
        started = []
        for definition in definitions:
            workflow = client.workflows.create(definition)
            started.append((workflow.name, client.batches.start(workflow.id, rows).batch_id))
        for name, batch_id in started:
            ended = 0
            while True:
                state = client.batches.get(batch_id)
                bar.ended(state.ended - ended)
                ended = state.ended
                if state.done:
                    break
                time.sleep(POLL_S)
            for line in client.batches.results(batch_id):
                error = line.error.model_dump(mode="json") if line.error else None
                yield _result(line.index, name, line.execution_id, line.status, line.outputs, error)


def _result(
    index: int | None, workflow: str, execution_id: str | None, status: str, outputs: Any, error: Any
) -> Result:
    return {
        "index": index,
        "workflow": workflow,
        "execution_id": execution_id,
        "status": status,
        "outputs": outputs,
        "error": error,
    }


def _check_writable(path: str) -> None:
    """Before anything runs: results that cannot be written would be lost."""
    try:
        with Path(path).open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"cannot write {path}: {error.strerror}") from error


def _write(output: Output, results: list[Result], out: str | None) -> None:
    results.sort(key=lambda result: (result["workflow"], result["index"] or 0))
    if out is not None:
        with Path(out).open("w", encoding="utf-8") as file:
            for result in results:
                file.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    if output.format is None:
        output.format = OutputFormat.JSONL
    output.rows(results, ("index", "workflow", "status", "outputs", "error"))
    sys.stdout.flush()
