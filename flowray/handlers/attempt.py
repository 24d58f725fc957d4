"""Runs one attempt of one node, in any lane: names, config, handler, limits, result. Never retries, never routes."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from flowray.definition.node_type import Effects, Role
from flowray.engine.commands import COLLECT
from flowray.engine.plan_index import CONTAINER_ROLES
from flowray.engine.signals import NodeError, Signals, Usage, VariableOperation
from flowray.engine.stimuli import AttemptFailed, AttemptStarted, AttemptSucceeded, NodeLogged, Stimulus
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import Names
from flowray.expressions.stored_lists import NotLoadedError, StoredList
from flowray.expressions.template import FillOptions, TemplateWarning
from flowray.handlers.chunks import collect, store_list
from flowray.handlers.constant_configs import ConstantConfig
from flowray.handlers.handler import Cancellation, NodeHandler, NodeInput, NodeResult, system_now_ms
from flowray.handlers.log_view import log_view, shortened
from flowray.handlers.masking import hidden_values, mask_text
from flowray.handlers.node_config import parse_config
from flowray.handlers.node_task import NodeTask
from flowray.handlers.read_ahead import touch
from flowray.handlers.references import fill_config
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.handlers.task_names import load_names, load_steps
from flowray.handlers.token_batches import TokenBatches
from flowray.handlers.workflow_memory import check_shareable
from flowray.values import (
    Json,
    StoredValue,
    Value,
    decode_json,
    describe,
    encode_json,
    to_wire,
)

OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024

MESSAGE_CHARS = 4_000
"""Longest error message; what does not fit is in the details."""

LET_GO_S = 5.0
"""How long a stopped handler may take to close its connections before the attempt ends without it."""

Emit = Callable[[Stimulus], None]

_T = TypeVar("_T")


async def run_attempt(
    task: NodeTask,
    registry: NodeRegistry,
    services: Services,
    emit: Emit,
    cancellation: Cancellation | None = None,
    now_ms: Callable[[], int] = system_now_ms,
) -> AttemptSucceeded | AttemptFailed:
    """Run ``task`` to its end, within its time. Everything that goes wrong is an AttemptFailed; nothing is raised.

    ``emit`` is called on this loop with AttemptStarted, then TokensProduced and NodeLogged as they come, all before the
    result is returned. A cancelled attempt fails with EXECUTION_CANCELLED once the handler has let go.
    """
    loop = asyncio.get_running_loop()
    return await Attempt(task, registry, services, emit, now_ms, cancellation or Cancellation(), loop).run()


@dataclass
class _Limit:
    """How long the attempt may take, in ms, and whose limit that is."""

    ms: int | None
    whose: str


class Attempt:
    """The state of one attempt: what to report, and what was found out so far. ``loop`` is the one that it runs on,
    None for an attempt that does not wait (``at_once``): its handler's ``execute`` is async. ``constant``: what has
    been made of the config before.
    """

    def __init__(
        self,
        task: NodeTask,
        registry: NodeRegistry,
        services: Services,
        emit: Emit,
        now_ms: Callable[[], int],
        cancellation: Cancellation,
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.task, self.services, self.emit = task, services, emit
        self.cancellation, self.now_ms = cancellation, now_ms
        self.registry = registry
        self.handler: NodeHandler = registry.handler_for(task.node_type)
        self.secrets = services.hidden
        self.loop = loop
        self.started_at = now_ms()
        self.config: dict[str, Any] = task.config
        self.constant: ConstantConfig | None = None
        self.batches = TokenBatches(task.instance, task.attempt, task.stream_id, emit, now_ms, loop, task.stream_offset)
        self.heard_threads = False

    async def run(self) -> AttemptSucceeded | AttemptFailed:
        """Within its time, and until it is cancelled."""
        task = self.task
        self.emit(AttemptStarted(ts=self.started_at, instance=task.instance, attempt=task.attempt))
        limit = self._limit()
        # A time limit of our own that fired, and no TimeoutError of a handler's, is a NODE_TIMEOUT.
        deadline = asyncio.timeout(None if limit.ms is None else max(limit.ms, 0) / 1000)
        try:
            async with deadline:
                if task.sentinel == COLLECT:
                    chunk = await self._unless_cancelled(collect(task, self.services.payloads))
                    return self._succeeded(chunk)
                result = await self._unless_cancelled(self._execute())
            return await self._finished(result)
        except TimeoutError as error:
            return self._failed(self._timed_out(limit) if deadline.expired() else _as_node_error(error))
        except _CancelledError:
            return self._failed(NodeError(message="the attempt was cancelled", code=ErrorCode.EXECUTION_CANCELLED))
        except Exception as error:
            return self._failed(_as_node_error(error))

    async def run_unlimited(self) -> AttemptSucceeded | AttemptFailed:
        """For what does not wait: no time limit could end it, and nobody has to hear that it has begun."""
        try:
            return await self._finished(await self._execute())
        except Exception as error:
            return self._failed(_as_node_error(error))

    def _limit(self) -> _Limit:
        own = self.task.timeout_ms if self.task.timeout_ms is not None else self.handler.node_type.timeout_ms
        limit = _Limit(own, "the node's timeoutMs" if self.task.timeout_ms is not None else "the node type's limit")
        if self.task.deadline_ms is not None:
            left = self.task.deadline_ms - self.started_at
            if limit.ms is None or left < limit.ms:
                limit = _Limit(left, "the execution's deadline")
        return limit

    async def _unless_cancelled(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of ``work``, which is stopped when the attempt is cancelled. Raises _CancelledError then."""
        running = asyncio.ensure_future(work)
        try:
            await asyncio.wait((running, self.cancellation.noticed), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                raise _CancelledError
            return running.result()
        finally:
            if not running.done():
                # Whoever leaves early (cancelled, out of time) waits until the handler has closed what it had open.
                running.cancel()
                await asyncio.wait((running,), timeout=LET_GO_S)
            if running.done() and not running.cancelled():
                running.exception()  # looked at, so that asyncio does not report it as lost

    async def _execute(self) -> NodeResult:
        names = await load_names(self.task, self.services, self.started_at)
        options = _fill_options(self.task.keep_unresolved, self.task.dollar)
        node_type = self.handler.node_type
        if self.constant is None or names.partly_loaded:
            for warning in await self._fill(names, options):
                self._log(warning.message, "warning", pointer=warning.pointer, placeholder=warning.placeholder)
            parsed = parse_config(node_type.config_model, self.config, self.task.node_type)
        else:
            self.config, parsed = dict(self.config), self.constant.parsed
        node = self._node_input(names, options)
        node.parsed = parsed
        node.journal, node.answer = await load_steps(self.task, self.services)
        while True:
            try:
                return await self._handled(node)
            except NotLoadedError as missing:
                if node_type.effects is Effects.WRITE:
                    raise  # What it has done it would do again.
                await missing.load()

    async def _fill(self, names: Names, options: FillOptions) -> list[TemplateWarning]:
        """Fill the config, and load what it, and the handler later, read of lists in chunks (R16)."""
        node_type, task = self.handler.node_type, self.task
        keeps_lists = node_type.role in CONTAINER_ROLES
        while True:
            warnings: list[TemplateWarning] = []
            try:
                self.config = fill_config(
                    task.config, node_type.fields, names, options, warnings, keeps_lists=keeps_lists
                )
                touch(task.config, node_type.fields, names, options, task.sentinel)
                return warnings
            except NotLoadedError as missing:
                await missing.load()

    async def _handled(self, node: NodeInput) -> NodeResult:
        if self.loop is None or inspect.iscoroutinefunction(self.handler.execute):
            result = await self.handler.execute(node)
        else:
            result = await asyncio.to_thread(self.handler.execute, node)
            if inspect.isawaitable(result):
                result = await result
        if not isinstance(result, NodeResult):
            raise FlowrayError(
                ErrorCode.NODE_FAILED,
                f"the handler of {self.task.node_type!r} returned a {type(result).__name__}, not a NodeResult",
            )
        return result

    def _node_input(self, names: Names, options: FillOptions) -> NodeInput:
        task = self.task
        return NodeInput(
            execution_id=task.execution_id, instance=task.instance, node_id=task.node_id, node_type=task.node_type,
            config=self.config, names=names, services=self.services, raw_config=task.config, inputs=names.inputs,
            node_name=task.node_name, workflow_name=task.workflow_name, dialect=task.dialect, attempt=task.attempt,
            tries=task.tries, idempotency_key=task.idempotency_key, deadline_ms=task.deadline_ms,
            sentinel=task.sentinel, round=task.round, stream_id=task.stream_id, cancellation=self.cancellation,
            emit_token=self.batches.add, log=self._log_from_anywhere, now_ms=self.now_ms, timeout_ms=task.timeout_ms,
            fill_options=options, memory=task.memory, step=task.step, files_of=task.values_of,
            workspace_id=task.workspace_id, hide=self._hide, handlers=self.registry,
        )  # fmt: skip

    def _hide(self, values: Iterable[str]) -> None:
        """``NodeInput.hide``: secrets of a connection are known only once the handler asks for it."""
        self.secrets = hidden_values((*self.secrets, *values))

    def _log_from_anywhere(self, message: str, level: str = "info", **fields: Json) -> None:
        """``NodeInput.log``: safe to call from a handler's thread."""
        if self.loop is None:
            self._log(message, level, **fields)
            return
        self.heard_threads = True
        self.loop.call_soon_threadsafe(lambda: self._log(message, level, **fields))

    def _log(self, message: str, level: str, **fields: Json) -> None:
        self.emit(
            NodeLogged(
                ts=self.now_ms(), instance=self.task.instance, attempt=self.task.attempt,
                message=mask_text(message, self.secrets)[:MESSAGE_CHARS], level=level, fields=self._shown(fields),
            )
        )  # fmt: skip

    async def _finished(self, result: NodeResult) -> AttemptSucceeded | AttemptFailed:
        if not result.success:
            error = result.error or NodeError(message="the handler failed without an error", code=ErrorCode.NODE_FAILED)
            return self._failed(error, result.usage)
        output = await self._stored(result.data)
        signals = await self._stored_step(await self._stored_call(result.signals))
        await self._settle()
        usage = result.usage or (result.streaming.usage if result.streaming else None)
        return self._succeeded(
            output, signals=signals, variables=self._operations(result.variables), usage=usage,
            stream_id=self.task.stream_id or None if self.batches.streamed else None,
            input=self._shown(self.config) if self.constant is None else self.constant.shown,
        )  # fmt: skip

    def _succeeded(self, output: Value, **fields: Any) -> AttemptSucceeded:
        return AttemptSucceeded(
            ts=self.now_ms(), instance=self.task.instance, attempt=self.task.attempt, output=output,
            started_at=self.started_at, ended_at=self.now_ms(), **fields,
        )  # fmt: skip

    def _operations(self, operations: tuple[VariableOperation, ...]) -> tuple[VariableOperation, ...]:
        """Changes of variables with values that are JSON and nobody else's: they become part of the state (R17)."""
        check_shareable(operations, self.task.workflow_id)
        return tuple(
            msgspec.structs.replace(operation, value=decode_json(self._encoded(operation.value)))
            for operation in operations
        )

    async def _settle(self) -> None:
        """Let what other threads have handed over arrive, then flush: nothing comes after the result."""
        if self.heard_threads or self.batches.heard_threads:
            await asyncio.sleep(0)
        self.batches.flush()

    async def _stored(self, data: Json) -> Value:
        """The output as it travels: plain JSON, or a descriptor above the inline limit (R36).

        The answer of a START is for the engine, which reads a list by index: a large one travels as chunks (R16). Of an
        output node the engine merges the keys: each large value is stored by itself, the object around them is not.
        """
        items = data.get("items") if self.task.sentinel == "open" and isinstance(data, dict) else None
        if isinstance(items, StoredList):
            return {"items": to_wire(items.manifest)}
        encoded = self._encoded(data)
        inline = self.task.inline_limit_bytes
        if len(encoded) <= inline:
            return decode_json(encoded)
        key = f"{self.task.instance}#{self.task.attempt}"
        if isinstance(items, list):
            return {"items": to_wire(await store_list(items, self.task.values_of, key, self.services.payloads))}
        if self.handler.node_type.role is Role.OUTPUT and isinstance(data, dict):
            # Each gets its share of the limit, so that all that stays inline is within it.
            limit = inline // len(data)
            return {name: to_wire(await self._kept(f"{key}/{name}", value, limit)) for name, value in data.items()}
        return await self._put(key, data, encoded)

    async def _stored_call(self, signals: Signals) -> Signals:
        """The call of another workflow travels in the log: each of its large inputs is stored by itself."""
        call = signals.child
        if call is None or len(self._encoded(call.inputs)) <= self.task.inline_limit_bytes:
            return signals
        limit = self.task.inline_limit_bytes // len(call.inputs)
        key = f"{self.task.instance}#{self.task.attempt}"
        inputs = {name: to_wire(await self._kept(f"{key}/{name}", value, limit)) for name, value in call.inputs.items()}
        return msgspec.structs.replace(signals, child=msgspec.structs.replace(call, inputs=inputs))

    async def _stored_step(self, signals: Signals) -> Signals:
        """What the next step begins with travels in the log; a large one is stored."""
        step = signals.step
        if step is None:
            return signals
        if isinstance(step.state, dict) and "$flowray" in step.state:
            raise FlowrayError(
                ErrorCode.NODE_FAILED, "the state of a step uses the key '$flowray', which is reserved",
            )  # fmt: skip
        encoded, state = self._encoded(step.state), step.state
        if len(encoded) > self.task.inline_limit_bytes:
            state = to_wire(await self._put(f"{self.task.instance}#{self.task.attempt}/step", step.state, encoded))
        else:
            state = decode_json(encoded)
        kept = msgspec.structs.replace(step, state=state, input=self._shown(step.input))
        return msgspec.structs.replace(signals, step=kept)

    async def _kept(self, key: str, value: Json, limit: int) -> Value:
        encoded = encode_json(value)
        return decode_json(encoded) if len(encoded) <= limit else await self._put(key, value, encoded)

    async def _put(self, key: str, value: Json, encoded: bytes) -> StoredValue:
        payload_id = await self.services.payloads.store(self.task.values_of, key, encoded)
        return describe(payload_id, value, encoded)

    def _encoded(self, data: Json) -> bytes:
        try:
            encoded = encode_json(data)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise FlowrayError(
                ErrorCode.NODE_FAILED,
                f"the output of this {self.task.node_type} node is a {type(data).__name__} that is not JSON: {error}",
            ) from error
        given = self.task.output_limit_bytes
        limit = OUTPUT_LIMIT_BYTES if given is None else min(given, OUTPUT_LIMIT_BYTES)
        if len(encoded) > limit:
            raise FlowrayError(
                ErrorCode.OUTPUT_TOO_LARGE,
                f"the output has {len(encoded)} bytes; the limit is {limit} bytes ({limit / 1024 / 1024:g} MiB)",
                details={"bytes": len(encoded), "limit": limit},
                hint="settings.context.maxNodeOutputBytes sets a lower limit than 64 MiB",
            )
        return encoded

    def _timed_out(self, limit: _Limit) -> NodeError:
        return NodeError(
            message=f"stopped by the lane after {limit.ms} ms, which is {limit.whose}",
            code=ErrorCode.NODE_TIMEOUT,
            retryable=True,
            details={"limit_ms": limit.ms, "limit_of": limit.whose},
        )

    def _failed(self, error: NodeError, usage: Usage | None = None) -> AttemptFailed:
        self.batches.flush()
        ended_at = self.now_ms()
        shown_input = self._shown(self.config)
        given = {"type": error.code, **error.details}
        details = {key: self._shown_detail(key, item) for key, item in given.items()}
        details |= {"input": shown_input, "time": ended_at}
        return AttemptFailed(
            ts=ended_at, instance=self.task.instance, attempt=self.task.attempt,
            error=NodeError(
                message=mask_text(error.message, self.secrets)[:MESSAGE_CHARS], code=str(error.code),
                node_id=self.task.node_id, attempt=self.task.attempt, retryable=error.retryable,
                retry_after_ms=error.retry_after_ms, details=details,
                instance=self.task.instance, hint=error.hint,
            ),
            usage=usage, stream_id=self.task.stream_id or None if self.batches.streamed else None,
            started_at=self.started_at, ended_at=ended_at, input=shown_input,
        )  # fmt: skip

    def _shown_detail(self, key: str, item: Json) -> Json:
        # Shown under its key, which may be what tells that it is a secret.
        view = self._shown({key: item})
        return view.get(key, view)

    def _shown(self, value: Json) -> Json:
        if isinstance(value, dict):
            value = {key: part.shown() if isinstance(part, StoredList) else part for key, part in value.items()}
        try:
            return log_view(value, self.secrets)
        except (TypeError, ValueError, RecursionError, OverflowError):
            return log_view(_as_text(value), self.secrets)


@lru_cache
def _fill_options(keep_unresolved: bool, dollar: bool) -> FillOptions:
    return FillOptions(keep_unresolved=keep_unresolved, dollar=dollar)


class _CancelledError(Exception):
    """The attempt's result is no longer wanted. Never leaves this module."""


def _as_text(value: Json) -> Json:
    """What a handler put in by mistake and is no JSON: shown as text instead of failing the report."""
    return {str(key): shortened(str(item)) for key, item in value.items()} if isinstance(value, dict) else str(value)


def _as_node_error(error: Exception) -> NodeError:
    return _from_flowray(error) if isinstance(error, FlowrayError) else _from_exception(error)


def _from_flowray(error: FlowrayError) -> NodeError:
    details = dict(error.details)
    retry_after = details.pop("retry_after_ms", None)
    return NodeError(
        message=error.message, code=error.code, retryable=error.retryable, details=details, hint=error.hint,
        retry_after_ms=retry_after if isinstance(retry_after, int) else None,
    )  # fmt: skip


def _from_exception(error: Exception) -> NodeError:
    """An exception nobody expected: its type, its text and where it was raised. Never a traceback, which shows data."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return NodeError(
        message=f"{type(error).__name__}: {error}",
        code=ErrorCode.NODE_FAILED,
        details={"type": type(error).__name__, "at": where},
    )
