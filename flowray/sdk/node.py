"""``@flowray.node``: a typed Python function as a node type. The function itself stays callable as it is.

Not a handler for built-in types: those are classes of their own, see ``flowray/handlers/handler.py``.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Generic, ParamSpec, TypeVar, overload

from pydantic_core import to_jsonable_python

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import ExecutionPreferences, Lane, RetryPolicy
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult, Streaming
from flowray.handlers.node_config import config_of
from flowray.sdk.node_context import NodeContext
from flowray.sdk.signature import Parameters, parameters_of
from flowray.values import Json

P = ParamSpec("P")
R = TypeVar("R")

RETRY_DELAY_MS = 1_000
"""Before the first retry of ``retries``; each later one waits twice as long, up to a minute."""


class NodeFunction(Generic[P, R]):
    """A function that is a node type. Calling it calls the function; ``node_type`` is what was declared.

    Output: what the function returns, as JSON. Of a generator: texts that it yields are streamed; the output is what
    it returns, else the last value it yielded that was no text, else all texts together.
    """

    def __init__(
        self, function: Callable[P, R], parameters: Parameters, node_type: NodeType,
        retry_on: tuple[type[Exception], ...],
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, function)
        self._function = function
        self._parameters = parameters
        self._retry_on = retry_on
        self.node_type = node_type

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<node type {self.node_type.name!r}>"

    def can_handle(self, type_name: str) -> bool:
        """Its name and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Run the function. What it raises is the node's error: a FlowrayError as it is, all else NODE_FAILED."""
        config = config_of(node, self._parameters.model)
        args, kwargs = self._parameters.arguments(config, NodeContext(node))
        try:
            value = await self._called(node, args, kwargs)
        except FlowrayError:
            raise
        except Exception as error:
            return _failure(error, isinstance(error, self._retry_on))
        if isinstance(value, NodeResult):
            return value
        streaming = Streaming(node.stream_id) if self.node_type.streams else None
        return NodeResult(data=as_json(value), streaming=streaming)

    async def _called(self, node: NodeInput, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        function: Callable[..., Any] = self._function
        if inspect.isasyncgenfunction(function):
            return await _drained(function(*args, **kwargs), node)
        if inspect.iscoroutinefunction(function):
            return await function(*args, **kwargs)
        if inspect.isgeneratorfunction(function):
            return await asyncio.to_thread(_exhausted, function(*args, **kwargs), node)
        value = await asyncio.to_thread(function, *args, **kwargs)
        return await value if inspect.isawaitable(value) else value


class _Collected:
    """What a generator has yielded: texts are streamed, another value is the output so far."""

    def __init__(self, node: NodeInput) -> None:
        self._node = node
        self._texts: list[str] = []
        self._value: Any = None
        self._has_value = False

    def take(self, item: Any) -> None:
        if isinstance(item, str):
            self._texts.append(item)
            self._node.emit_token(item)
        else:
            self._value, self._has_value = item, True

    @property
    def output(self) -> Any:
        return self._value if self._has_value else "".join(self._texts)


async def _drained(items: AsyncIterator[Any], node: NodeInput) -> Any:
    collected = _Collected(node)
    # Closed also when the attempt is cancelled in the middle: what the generator holds open is its own to close.
    async with aclosing(items) as stream:  # type: ignore[type-var]
        async for item in stream:
            collected.take(item)
    return collected.output


def _exhausted(items: Iterator[Any], node: NodeInput) -> Any:
    """In a thread, which nobody can stop: it looks after each item whether the result is still wanted."""
    collected = _Collected(node)
    try:
        while not node.cancellation.is_cancelled:
            collected.take(next(items))
    except StopIteration as end:
        return end.value if end.value is not None else collected.output
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
    return collected.output


def as_json(value: Any) -> Json:
    """A returned value as JSON: models, dataclasses, dates, sets and arrays too. Raises NODE_FAILED for others."""
    try:
        plain: Json = to_jsonable_python(value, fallback=_from_array)
    except Exception as error:
        raise FlowrayError(
            ErrorCode.NODE_FAILED,
            f"what the function returned is a {type(value).__name__} that is not JSON: {error}",
            hint="return plain values, pydantic models or dataclasses",
        ) from error
    return plain


def _from_array(value: Any) -> Any:
    """Arrays and scalars of numpy and its kin say it themselves."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"a {type(value).__name__} is not JSON")
    return value.tolist()


def _failure(error: Exception, retryable: bool) -> NodeResult:
    """Its type, its text and where it was raised; never a traceback, which shows data."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    details = {"type": type(error).__name__, "at": where}
    return NodeResult.failure(
        ErrorCode.NODE_FAILED, f"{type(error).__name__}: {error}", retryable=retryable, details=details
    )


@overload
def node(function: Callable[P, R], /) -> NodeFunction[P, R]: ...


@overload
def node(
    *,
    name: str | None = None,
    summary: str | None = None,
    category: str = "own",
    aliases: Sequence[str] = (),
    lane: Lane | str | None = None,
    effects: Effects | str = Effects.WRITE,
    streams: bool | None = None,
    timeout_ms: int | None = None,
    retries: int = 0,
    retry: RetryPolicy | None = None,
    retry_on: tuple[type[Exception], ...] = (Exception,),
    limits: Sequence[str] = (),
    literal: Sequence[str] = (),
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    memory: int | None = None,
    resources: Mapping[str, float] | None = None,
    label_selector: Mapping[str, str] | None = None,
    runtime_env: Mapping[str, Any] | None = None,
) -> Callable[[Callable[P, R]], NodeFunction[P, R]]: ...


def node(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a typed function a node type: its parameters are the config, its docstring the description.

    ``async`` functions run in the io lane beside hundreds of others, plain ones in a thread there, and both in a Ray
    task of their own with ``lane="task"`` or any of ``num_cpus``, ``num_gpus``, ``memory`` (bytes), ``resources``,
    ``label_selector`` and ``runtime_env``. Generators stream the texts that they yield. A parameter named ``ctx`` gets
    a NodeContext. ``effects``: ``write`` (the default) starts only once all before it is committed; ``read`` and
    ``none`` may start earlier, and again. ``retries`` counts further attempts after what ``retry_on`` names; a raised
    FlowrayError says itself whether it is retryable. ``limits`` are named limits of the server; ``literal`` parameters
    keep their braces. What a workflow says of a node wins over all this. Raises CONFIGURATION for a function that
    cannot be a node.
    """
    if function is not None:
        return _made(function, **options)
    return functools.partial(_made, **options)


def _made(
    function: Callable[P, R],
    *,
    name: str | None = None,
    summary: str | None = None,
    category: str = "own",
    aliases: Sequence[str] = (),
    streams: bool | None = None,
    effects: Effects | str = Effects.WRITE,
    timeout_ms: int | None = None,
    limits: Sequence[str] = (),
    literal: Sequence[str] = (),
    retries: int = 0,
    retry: RetryPolicy | None = None,
    retry_on: tuple[type[Exception], ...] = (Exception,),
    **where: Any,
) -> NodeFunction[P, R]:
    parameters = parameters_of(function)
    own_name = name or function.__name__
    preferences = _preferences(own_name, **where)
    generates = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    policy = retry or (RetryPolicy(maxAttempts=retries + 1, initialDelayMs=RETRY_DELAY_MS) if retries else None)
    node_type = NodeType(
        name=own_name,
        summary=summary or (inspect.getdoc(function) or own_name).partition("\n")[0],
        config_model=parameters.model,
        aliases=tuple(aliases),
        category=category,
        lane=preferences.lane or Lane.IO,
        effects=Effects(effects),
        streams=generates if streams is None else streams,
        fields=_literal_fields(own_name, parameters, literal),
        timeout_ms=timeout_ms,
        execution=preferences,
        retry=policy,
        limits=tuple(limits),
    )
    return NodeFunction(function, parameters, node_type, retry_on if policy is not None else ())


def _preferences(name: str, *, lane: Lane | str | None = None, **asked: Any) -> ExecutionPreferences:
    """Where it runs; what asks Ray for something runs in a task of its own."""
    given = {key: dict(value) if isinstance(value, Mapping) else value for key, value in asked.items()}
    given = {key: value for key, value in given.items() if value is not None}
    chosen = Lane(lane) if lane is not None else (Lane.TASK if given else Lane.IO)
    if chosen is Lane.INLINE or (given and chosen is not Lane.TASK):
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"the node type {name!r} cannot run in the lane {chosen.value!r}"
            + (f" with {', '.join(given)}" if given else ""),
            hint="functions run in the lane io, or in the lane task, which has resources of its own",
        )
    unknown = set(given) - set(ExecutionPreferences.model_fields)
    if unknown:
        raise TypeError(f"node() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    return ExecutionPreferences.model_validate({"lane": chosen, **given})


def _literal_fields(name: str, parameters: Parameters, literal: Sequence[str]) -> dict[str, FieldKind]:
    unknown = [parameter for parameter in literal if parameter not in parameters.fields]
    if unknown:
        raise FlowrayError(ErrorCode.CONFIGURATION, f"the node type {name!r} has no parameter {unknown[0]!r}")
    fields: dict[str, FieldKind] = {}
    for parameter in literal:
        field_name = parameters.fields[parameter]
        alias = parameters.model.model_fields[field_name].alias or field_name
        fields |= {alias: FieldKind.LITERAL, field_name: FieldKind.LITERAL}
    return fields
