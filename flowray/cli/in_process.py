"""Runs workflows inside the command's own process, on the same engine and handlers as a server. Knows no terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from flowray.api.views import ValueResolver, execution_view
from flowray.bootstrap import build_registry, local_runtime
from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Diagnostic, Diagnostics
from flowray.definition.inputs import InputContract, input_contract, prepare_inputs
from flowray.definition.loading import definition_error, load_definition
from flowray.engine.statuses import ExecutionStatus
from flowray.eventlog.sse import public_event
from flowray.handlers.registry import NodeRegistry
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import Refused
from flowray.plan import ExecutionPlan, plan_hash, plan_to_json
from flowray.runtime.identifiers import new_id
from flowray.runtime.interfaces import ExecutionDirectory
from flowray.settings import Settings

CANCEL_GRACE_S = 5.0
"""How long an interrupted command waits for its execution to end as cancelled."""

NO_BUDGET = 1 << 62
"""The command line shows outputs whole, however large."""

ShowEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class CompiledWorkflow:
    """A definition that compiles, ready to be started any number of times."""

    name: str
    plan: ExecutionPlan
    contract: InputContract
    diagnostics: tuple[Diagnostic, ...]


def check_workflow(document: Any, registry: NodeRegistry, *, strict: bool = False) -> list[Diagnostic]:
    """Every finding of every stage, whether the definition compiles or not."""
    loaded = load_definition(document)
    if loaded.definition is None:
        return list(loaded.diagnostics)
    return [*loaded.diagnostics, *build_plan(loaded.definition, registry.node_types(), strict=strict).diagnostics]


def compile_workflow(document: Any, registry: NodeRegistry) -> CompiledWorkflow:
    """Raises DefinitionError with every finding."""
    loaded = load_definition(document)
    found = Diagnostics(list(loaded.diagnostics))
    if loaded.definition is None:
        raise definition_error(list(found))
    result = build_plan(loaded.definition, registry.node_types())
    found.extend(result.diagnostics)
    if result.plan is None:
        raise definition_error(list(found))
    contract = input_contract(loaded.definition, result.plan.nodes.keys())
    return CompiledWorkflow(loaded.definition.name, result.plan, contract, tuple(found))


class InProcessRunner:
    """Starts and follows executions on a runtime that lives as long as the ``open_runner`` block."""

    def __init__(self, directory: ExecutionDirectory) -> None:
        self._directory = directory

    async def run(self, compiled: CompiledWorkflow, inputs: Mapping[str, Any], show: ShowEvent) -> dict[str, Any]:
        """Run one execution to its end, or until it is paused. Returns it as ``GET /executions/{id}`` would.

        Raises InputError before anything has started. If the caller is cancelled, so is the execution.
        """
        record = _new_record(compiled, prepare_inputs(compiled.contract, inputs))
        (result,) = await self._directory.start([record], plan_to_json(compiled.plan))
        assert not isinstance(result, Refused), result
        try:
            await self._follow(record.id, show)
        except asyncio.CancelledError:
            await self._cancel(record.id, show)
            raise
        return await self.execution(record.id)

    async def execution(self, execution_id: str) -> dict[str, Any]:
        """The execution with its outputs whole."""
        record = await asyncio.to_thread(self._directory.reader.execution, execution_id)
        assert record is not None
        resolver = ValueResolver(execution_id, self._directory.load_payload, NO_BUDGET)
        return execution_view(record, await resolver.resolve(record.outputs))

    async def _follow(self, execution_id: str, show: ShowEvent, after: int = 0) -> None:
        async for events in self._directory.follow(execution_id, after):
            for event in events:
                show(public_event(event, execution_id))
                if event.type == "execution.paused":
                    # Nobody can answer it here: the process that would resume it is this one.
                    return

    async def _cancel(self, execution_id: str, show: ShowEvent) -> None:
        request = InboxRecord(
            id=new_id(), execution_id=execution_id, kind="cancel", data={"reason": "Interrupted"}, dedupe_key="cancel"
        )
        await self._directory.request(request)
        record = await asyncio.to_thread(self._directory.reader.execution, execution_id)
        try:
            async with asyncio.timeout(CANCEL_GRACE_S):
                await self._follow(execution_id, show, record.last_seq if record else 0)
        except TimeoutError:
            return


@asynccontextmanager
async def open_runner(settings: Settings) -> AsyncIterator[InProcessRunner]:
    """A runtime that keeps everything in memory and forgets it at the end of the block."""
    runtime = local_runtime(settings)
    runtime.start_threads()
    try:
        yield InProcessRunner(runtime)
    finally:
        await runtime.close()


def registry_of(settings: Settings) -> NodeRegistry:
    """The node types that these settings give."""
    return build_registry(settings)


def _new_record(compiled: CompiledWorkflow, inputs: dict[str, Any]) -> ExecutionRecord:
    now = int(time.time() * 1_000)
    return ExecutionRecord(
        id=new_id(),
        status=ExecutionStatus.QUEUED.value,
        plan_hash=plan_hash(compiled.plan),
        workflow_name=compiled.name,
        inputs=inputs,
        trigger=compiled.plan.trigger,
        created_at=now,
        updated_at=now,
    )
