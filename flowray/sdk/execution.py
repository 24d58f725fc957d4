"""One execution in this process: wait for it, look at it, stop it. Shows itself in notebooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from flowray.client.live_state import LiveState
from flowray.client.notebook import LiveDisplay, Picture, Table, current_cell, headline_html, logs_table
from flowray.compiler.documents import CompiledWorkflow, compile_document
from flowray.engine.start_planning import StartRequest
from flowray.errors import ErrorCode, FlowrayError
from flowray.sdk.session import LocalSession


class Execution:
    """Returned by ``Workflow.start`` and ``Workflow.run``. ``inputs`` are those it was given."""

    def __init__(
        self, session: LocalSession, compiled: CompiledWorkflow, its_id: str, inputs: Mapping[str, Any]
    ) -> None:
        self.id = its_id
        self.inputs = dict(inputs)
        self._session = session
        self._compiled = compiled
        self._picture = Picture(compiled.plan)
        self._state = LiveState()
        self._shown_in: int | None = None
        self._lock = threading.Lock()

    @property
    def status(self) -> str:
        """Status of now, such as ``running`` or ``completed``."""
        return str(self._record()["status"])

    @property
    def outputs(self) -> Any:
        """Outputs once it has ended; of a failed or cancelled one what there was; None before."""
        return self._record()["outputs"]

    @property
    def error(self) -> dict[str, Any] | None:
        """``{message, code, node_id, attempt, details}`` of the first error, or None."""
        error: dict[str, Any] | None = self._record()["error"]
        return error

    @property
    def state(self) -> LiveState:
        """What is known from all events so far: statuses of nodes, streamed texts."""
        self._catch_up()
        return self._state

    def result(self) -> Any:
        """Wait, then the outputs. Raises FlowrayError with the error's code if it did not complete."""
        record = self.wait()._record()
        if record["status"] == "completed":
            return record["outputs"]
        error = record["error"] or {"message": f"the execution is {record['status']}", "code": _CODES[record["status"]]}
        code = ErrorCode(error["code"]) if error["code"] in set(ErrorCode) else ErrorCode.NODE_FAILED
        where = f" (node {error['node_id']})" if error.get("node_id") else ""
        raise FlowrayError(code, error["message"] + where, details=error.get("details"), hint=error.get("hint"))

    def logs(self) -> Table:
        """One row per attempt of each node: status, times, input, output, error."""
        return logs_table(self._session.node_logs(self.id))

    def events(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """All events after number ``after``, and new ones as they happen, until it ends."""
        for batch in self._session.events(self.id, after):
            yield from batch

    def wait(self, timeout_s: float | None = None, *, live: bool = False) -> Execution:
        """Block until it has ended or is paused; returns itself. ``live`` shows it meanwhile, in a notebook.

        Raises TimeoutError after ``timeout_s``; it then goes on by itself.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        display = LiveDisplay(self._html) if live else None
        self._shown_in = current_cell() if live else None
        for batch in self._session.events(self.id, self._state.last_seq):
            self._apply(batch)
            if display:
                display.update()
            if self._state.is_complete or self._state.is_paused:
                break
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"execution {self.id} is still {self._state.status} after {timeout_s} s")
        if display:
            display.update(force=True)
        return self

    def cancel(self, reason: str = "Cancelled by user") -> Execution:
        """Stop it. What runs is stopped; what has completed stays."""
        self._session.cancel(self.id, reason)
        return self

    def rerun(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        from_node: str | None = None,
        failed_only: bool = False,
        until_node: str | None = None,
        pins: Mapping[str, Any] | None = None,
        definition: Any = None,
    ) -> Execution:
        """Start it again, whole or in part, once it has ended; returns the new execution at once.

        Nodes that do not run keep their outcomes. ``inputs`` name only what changes; ``definition`` is an edited one.
        Raises EXECUTION_NOT_ENDED, INVALID_START_POINT, DefinitionError or InputError.
        """
        compiled = self._compiled
        if definition is not None:
            compiled = compile_document(definition, self._session.node_types)
        part = StartRequest(from_node=from_node, failed_only=failed_only, until_node=until_node, pins=dict(pins or {}))
        its_id = self._session.start(compiled, inputs or {}, part, self.id)
        return Execution(self._session, compiled, its_id, {**self.inputs, **(inputs or {})})

    def svg(self) -> str:
        """The workflow with the states of its nodes, as SVG text."""
        return self._picture.svg(self.state)

    def __repr__(self) -> str:
        return f"<execution {self.id} of {self._compiled.name!r}: {self.status}>"

    def _repr_html_(self) -> str:
        if self._shown_in is not None and self._shown_in == current_cell():
            # The last expression of the cell that has just shown it live.
            return headline_html(self.status, f"{self._compiled.name} {self.id}")
        return self._html()

    def _html(self) -> str:
        return self._picture.html(self._state if self._state.is_complete else self.state, self._compiled.name)

    def _record(self) -> dict[str, Any]:
        return self._session.execution(self.id)

    def _apply(self, batch: list[dict[str, Any]]) -> None:
        with self._lock:
            self._state.apply(batch)

    def _catch_up(self) -> None:
        """Fold what has happened until now, without waiting for more."""
        last = self._record()["last_seq"]
        if self._state.last_seq >= last:
            return
        for batch in self._session.events(self.id, self._state.last_seq):
            self._apply(batch)
            if self._state.last_seq >= last:
                return


_CODES = {
    "cancelled": ErrorCode.EXECUTION_CANCELLED.value,
    "timed_out": ErrorCode.EXECUTION_TIMEOUT.value,
    "crashed": ErrorCode.EXECUTION_CRASHED.value,
    "paused": ErrorCode.WAITPOINT_TIMEOUT.value,
}
