"""Prepares executions that run a part of their plan: reads the past run, plans, and carries its stored values over.

What runs is decided by ``engine.start_planning``; starting is the caller's. The new execution owns all that it reads:
it does not matter what becomes of the one it was taken from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from flowray.definition.node_type import Role
from flowray.engine.outcomes import PastRun, read_run
from flowray.engine.plan_index import PlanIndex
from flowray.engine.start_planning import StartRequest, plan_start
from flowray.engine.start_points import Outcome, Selection, selection_to_json
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Reader
from flowray.plan import ExecutionPlan, plan_from_json
from flowray.runtime.interfaces import ExecutionDirectory
from flowray.runtime.packed_results import packed
from flowray.values import (
    INLINE_LIMIT_BYTES,
    Json,
    StoredValue,
    Value,
    as_value,
    describe,
    encode_json,
    payload_ids,
    to_wire,
)

COPIES_AT_ONCE = 8


def check_ended(record: ExecutionRecord) -> None:
    """Raises EXECUTION_NOT_ENDED for an execution that can still change (R56)."""
    if record.status not in TERMINAL_EXECUTION:
        raise FlowrayError(
            ErrorCode.EXECUTION_NOT_ENDED,
            f"execution {record.id!r} is {record.status}: nothing can be taken over from it yet",
            details={"execution_id": record.id},
            hint="wait for its end, or cancel it",
        )


async def prepare_start(
    directory: ExecutionDirectory,
    plan: ExecutionPlan,
    request: StartRequest,
    record: ExecutionRecord,
    source: ExecutionRecord | None,
) -> ExecutionRecord:
    """The record of an execution of ``plan`` with what it is to run, and with inputs that are its own.

    ``source`` is the execution whose inputs the record has and whose outcomes it may take over. Payloads are kept when
    this returns. Raises INVALID_START_POINT, EXECUTION_NOT_ENDED, and PAYLOAD_MISSING or NOT_FOUND where something of
    the source is kept no more.
    """
    if source is not None:
        check_ended(source)
    selection = None
    if not request.asks_for_nothing:
        selection = await asyncio.to_thread(_plan, directory.reader, plan, request, source)
    carrier = _Carrier(directory, record.payload_owner, source.payload_owner if source is not None else None)
    return msgspec.structs.replace(
        record,
        inputs=await carrier.inputs(record.inputs),
        selection=selection_to_json(await carrier.selection(selection, plan) if selection is not None else None),
    )


async def prepare_starts(
    directory: ExecutionDirectory, plan: ExecutionPlan, request: StartRequest, records: Sequence[ExecutionRecord]
) -> list[ExecutionRecord]:
    """As ``prepare_start`` for many executions that take nothing over: what runs is decided once. A large pin is kept
    for each of them. Raises INVALID_START_POINT."""
    if request.asks_for_nothing:
        return list(records)
    selection = await asyncio.to_thread(plan_start, PlanIndex(plan), request, None, None)
    if selection is None:
        return list(records)
    return [await _with_selection(directory, plan, selection, record) for record in records]


async def _with_selection(
    directory: ExecutionDirectory, plan: ExecutionPlan, selection: Selection, record: ExecutionRecord
) -> ExecutionRecord:
    own = await _Carrier(directory, record.payload_owner, None).selection(selection, plan)
    return msgspec.structs.replace(record, selection=selection_to_json(own))


def _plan(
    reader: Reader, plan: ExecutionPlan, request: StartRequest, source: ExecutionRecord | None
) -> Selection | None:
    if source is None or not (request.from_node or request.failed_only):
        return plan_start(PlanIndex(plan), request, None, None)
    index = PlanIndex(plan)
    wanted = index.wanted_results | {request.until_node or ""}
    selection = plan_start(index, request, _past_run(reader, source, wanted), source.id)
    if selection is not None:
        check_results(selection, wanted)
    return selection


def check_results(selection: Selection, wanted: Collection[str]) -> None:
    """Raises INVALID_START_POINT if a container is taken over whose results are read here and kept nowhere any more."""
    for node_id, outcome in (*selection.given.items(), *selection.at_turn.items()):
        value = as_value(outcome.output)
        value = as_value(value.get("results")) if isinstance(value, dict) else value
        if node_id in wanted and isinstance(value, StoredValue) and value.is_in_log:
            raise FlowrayError(
                ErrorCode.INVALID_START_POINT,
                f"the results of {node_id!r} were not kept: nothing read them in the execution they are to come from",
                details={"node_id": node_id},
                hint=f"begin at {node_id!r}, or pin its output",
            )


def _past_run(reader: Reader, source: ExecutionRecord, wanted: Collection[str]) -> PastRun:
    text = reader.plan(source.plan_hash)
    if text is None:
        raise FlowrayError(
            ErrorCode.NOT_FOUND,
            f"the plan of execution {source.id!r} is no longer kept",
            details={"execution_id": source.id},
        )
    return read_run(PlanIndex(plan_from_json(text)), reader.events.read_raw(source.id), wanted)


class _Carrier:
    """Copies what a source has in the payload store, and stores what a caller pins and is large.

    ``owner`` and ``source`` are the ids under which the new execution and the source keep their large values.
    """

    def __init__(self, directory: ExecutionDirectory, owner: str, source: str | None) -> None:
        self._directory = directory
        self._owner = owner
        self._prefix = f"{source}." if source is not None else None
        self._copies: dict[str, str] = {}

    async def inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Inputs as the new execution can read them: those of a child may lie where its caller keeps its values."""
        if self._prefix is None:
            return inputs
        await self._copy(payload_ids(list(inputs.values())))
        return {name: self._moved(value) for name, value in inputs.items()}

    async def selection(self, selection: Selection, plan: ExecutionPlan) -> Selection:
        """The selection as the new execution can read it."""
        selection = msgspec.structs.replace(
            selection,
            given={name: await self._packed(outcome) for name, outcome in selection.given.items()},
            at_turn={name: await self._packed(outcome) for name, outcome in selection.at_turn.items()},
        )
        for outcome in (*selection.given.values(), *selection.at_turn.values()):
            if not outcome.pinned:
                await self._copy(payload_ids([outcome.output, *outcome.exports.values()]))
        return msgspec.structs.replace(
            selection,
            given={name: await self._outcome(name, outcome, plan) for name, outcome in selection.given.items()},
            at_turn={name: await self._outcome(name, outcome, plan) for name, outcome in selection.at_turn.items()},
        )

    async def _packed(self, outcome: Outcome) -> Outcome:
        if outcome.pinned or self._prefix is None:
            return outcome

        async def keep(data: bytes) -> str:
            return await self._directory.keep_payload(self._owner, data)

        output = await packed(outcome.output, self._prefix, self._directory.load_payload, keep)
        return msgspec.structs.replace(outcome, output=output)

    async def _outcome(self, node_id: str, outcome: Outcome, plan: ExecutionPlan) -> Outcome:
        if outcome.pinned:
            output = await self._pinned(outcome.output, by_key=plan.nodes[node_id].role is Role.OUTPUT)
            return msgspec.structs.replace(outcome, output=output)
        exports = {name: self._moved(value) for name, value in outcome.exports.items()}
        return msgspec.structs.replace(outcome, output=self._moved(outcome.output), exports=exports)

    async def _copy(self, named: Iterable[str]) -> None:
        """Durable before the new execution's row names them (R34). Only the source's own: values may imitate."""
        wanted = [
            found
            for found in dict.fromkeys(named)
            if self._prefix is not None and found.startswith(self._prefix) and found not in self._copies
        ]
        for first in range(0, len(wanted), COPIES_AT_ONCE):
            some = wanted[first : first + COPIES_AT_ONCE]
            copies = await asyncio.gather(*map(self._copied, some))
            self._copies.update(zip(some, copies, strict=True))

    async def _copied(self, payload_id: str) -> str:
        return await self._directory.keep_payload(self._owner, await self._directory.load_payload(payload_id))

    def _moved(self, value: Value) -> Value:
        """``value`` with the copies' descriptors in place of the source's, at any depth."""
        decoded = as_value(value)
        if isinstance(decoded, StoredValue) and decoded.is_manifest:
            moved = self._moved_list(decoded)
            return moved if isinstance(value, StoredValue) else to_wire(moved)
        if isinstance(decoded, StoredValue):
            copy = self._copies.get(decoded.payload_id)
            if copy is None:
                return value
            moved = msgspec.structs.replace(decoded, payload_id=copy)
            return moved if isinstance(value, StoredValue) else to_wire(moved)
        if isinstance(decoded, dict):
            return {key: self._moved(member) for key, member in decoded.items()}
        return [self._moved(member) for member in decoded] if isinstance(decoded, list) else decoded

    def _moved_list(self, manifest: StoredValue) -> StoredValue:
        chunks = tuple(
            msgspec.structs.replace(chunk, payload_id=self._copies.get(chunk.payload_id, chunk.payload_id))
            for chunk in manifest.parts
        )
        tail = tuple(self._moved(entry) for entry in manifest.rest)
        return msgspec.structs.replace(manifest, chunks=chunks, tail=tail)

    async def _pinned(self, value: Json, *, by_key: bool) -> Value:
        """Inline or stored, as if a lane had returned it; of an output node each key by itself."""
        if by_key and isinstance(value, dict):
            return {key: to_wire(await self._pinned(member, by_key=False)) for key, member in value.items()}
        encoded = encode_json(value)
        if len(encoded) <= INLINE_LIMIT_BYTES:
            return value
        return describe(await self._directory.keep_payload(self._owner, encoded), value, encoded)
