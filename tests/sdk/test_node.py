"""Functions as node types: what is declared, how they run, what becomes of results and exceptions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from flowray import NodeContext, node
from flowray.definition.node_type import Effects
from flowray.definition.policies import Lane
from flowray.engine.stimuli import AttemptFailed, AttemptSucceeded, NodeLogged, TokensProduced
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import Cancellation, NodeHandler, NodeResult
from flowray.handlers.registry import NodeRegistry
from flowray.sdk.node import NodeFunction, as_json
from tests.fakes.services import fake_services
from tests.handlers.running import attempt


@node
def shout(text: str, times: int = 1) -> str:
    """Say it loudly.

    More about it.
    """
    return text.upper() * times


@node(name="whisper", aliases=("murmur",), category="voice", effects="none", timeout_ms=500, limits=("mouth",))
async def speak_low(text: str, ctx: NodeContext) -> dict[str, Any]:
    """Say it quietly."""
    ctx.log("whispering", volume=1)
    await asyncio.sleep(0)
    return {"said": text.lower(), "key": ctx.idempotency_key, "attempt": ctx.attempt, "node": ctx.node_id}


@node
def count(upto: int) -> Iterator[str]:
    """Count aloud."""
    for number in range(upto):
        yield f"{number} "


@node
def count_and_return(upto: int) -> Iterator[str]:
    """Count aloud."""
    yield from ("one ", "two ")
    return {"counted": upto}


@node
async def recite(words: list[str]) -> AsyncIterator[Any]:
    """Recite."""
    for word in words:
        yield word
    yield {"words": len(words)}


@node(retries=2, retry_on=(ConnectionError,))
def fetch(broken: str = "") -> str:
    """Fetch."""
    if broken == "connection":
        raise ConnectionResetError("gone")
    if broken == "value":
        raise ValueError("no value")
    if broken == "own":
        raise FlowrayError(ErrorCode.RATE_LIMITED, "slow down", retryable=True)
    return "fetched"


async def run(own: NodeFunction[Any, Any], config: dict[str, Any], **more: Any) -> Any:
    return await attempt(own.node_type.name, config, registry=NodeRegistry([own]), services=fake_services(), **more)


def test_it_is_still_the_function_and_a_handler_too() -> None:
    assert shout("hi", times=2) == "HIHI"
    assert shout.__name__ == "shout"
    assert isinstance(shout, NodeHandler)
    assert repr(shout) == "<node type 'shout'>"


def test_what_is_declared() -> None:
    kind = shout.node_type
    assert (kind.name, kind.summary, kind.category) == ("shout", "Say it loudly.", "own")
    assert (kind.lane, kind.effects, kind.streams, kind.retry) == (Lane.IO, Effects.WRITE, False, None)
    low = speak_low.node_type
    assert (low.name, low.aliases, low.category, low.effects) == ("whisper", ("murmur",), "voice", Effects.NONE)
    assert (low.timeout_ms, low.limits) == (500, ("mouth",))
    assert speak_low.can_handle("murmur")
    assert not speak_low.can_handle("speak_low")
    assert count.node_type.streams
    assert recite.node_type.streams
    assert fetch.node_type.retry is not None
    assert fetch.node_type.retry.max_attempts == 3


def test_asking_ray_for_something_means_a_task() -> None:
    @node(num_gpus=1, memory=1024, resources={"scanner": 1}, label_selector={"zone": "a"}, runtime_env={"env_vars": {}})
    def train() -> None: ...

    kind = train.node_type
    assert kind.lane is Lane.TASK
    assert kind.execution is not None
    assert (kind.execution.num_gpus, kind.execution.memory, kind.execution.resources) == (1, 1024, {"scanner": 1})
    assert (kind.execution.label_selector, kind.execution.runtime_env) == ({"zone": "a"}, {"env_vars": {}})


@pytest.mark.parametrize("options", [{"lane": "inline"}, {"lane": "io", "num_gpus": 1}])
def test_lanes_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(FlowrayError, match="cannot run in the lane"):
        node(**options)(lambda: None)


def test_what_is_no_option() -> None:
    with pytest.raises(TypeError, match="num_cups"):
        node(**{"num_cups": 2})(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(FlowrayError, match="no parameter 'y'"):
        node(literal=["y"])(lambda: None)


async def test_a_plain_function_runs_in_a_thread() -> None:
    @node
    def where() -> bool:
        """Where."""
        return threading.current_thread() is threading.main_thread()

    assert (await run(where, {})).output is False
    assert (await run(shout, {"text": "{{inputs.word}}", "times": "2"}, inputs={"word": "go"})).output == "GOGO"


async def test_an_async_function_gets_its_context() -> None:
    said: list[Any] = []
    result = await run(speak_low, {"text": "HI"}, emitted=said, idempotency_key="k1", attempt=3)
    assert result.output == {"said": "hi", "key": "k1", "attempt": 3, "node": "n1"}
    assert [(line.message, line.fields) for line in said if isinstance(line, NodeLogged)] == [
        ("whispering", {"volume": 1})
    ]


@pytest.mark.parametrize(
    ("own", "config", "text", "output"),
    [
        (count, {"upto": 3}, "0 1 2 ", "0 1 2 "),
        (count_and_return, {"upto": 2}, "one two ", {"counted": 2}),
        (recite, {"words": ["a", "b"]}, "ab", {"words": 2}),
    ],
)
async def test_generators_stream_and_end_with_a_value(
    own: NodeFunction[Any, Any], config: dict[str, Any], text: str, output: Any
) -> None:
    said: list[Any] = []
    result = await run(own, config, emitted=said, stream_id="s1")
    assert "".join(part.text for part in said if isinstance(part, TokensProduced)) == text
    assert result.output == output
    assert result.stream_id == "s1"


async def test_a_function_may_stream_by_its_context() -> None:
    @node(streams=True)
    def stream(ctx: NodeContext) -> int:
        """Stream."""
        ctx.emit("hello", tokens=2)
        return 1

    said: list[Any] = []
    assert (await run(stream, {}, emitted=said, stream_id="s1")).output == 1
    assert [(part.text, part.tokens) for part in said if isinstance(part, TokensProduced)] == [("hello", 2)]


async def test_a_cancelled_generator_is_closed() -> None:
    closed = asyncio.Event()
    cancellation = Cancellation()

    @node
    async def endless() -> AsyncIterator[str]:
        """Endless."""
        try:
            yield "first"
            cancellation.cancel()
            await asyncio.Event().wait()
        finally:
            closed.set()

    result = await run(endless, {}, cancellation=cancellation)
    assert isinstance(result, AttemptFailed)
    assert result.error.code == ErrorCode.EXECUTION_CANCELLED
    assert closed.is_set()


async def test_a_cancelled_thread_stops_at_the_next_item() -> None:
    cancellation = Cancellation()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    @node
    def endless() -> Iterator[str]:
        """Endless."""
        loop.call_soon_threadsafe(cancellation.cancel)
        try:
            while True:
                yield "more"
        finally:
            loop.call_soon_threadsafe(stopped.set)

    result = await run(endless, {}, cancellation=cancellation)
    assert isinstance(result, AttemptFailed)
    await asyncio.wait_for(stopped.wait(), 60)


@pytest.mark.parametrize(
    ("broken", "code", "message", "retryable"),
    [
        ("connection", "NODE_FAILED", "ConnectionResetError: gone", True),
        ("value", "NODE_FAILED", "ValueError: no value", False),
        ("own", "RATE_LIMITED", "slow down", True),
    ],
)
async def test_what_it_raises(broken: str, code: str, message: str, retryable: bool) -> None:
    result = await run(fetch, {"broken": broken})
    assert isinstance(result, AttemptFailed)
    assert (result.error.code, result.error.message, result.error.retryable) == (code, message, retryable)


async def test_an_exception_says_where_it_was_raised() -> None:
    result = await run(fetch, {"broken": "value"})
    assert result.error.details["type"] == "ValueError"
    assert result.error.details["at"].startswith("test_node.py:")
    assert result.error.details["at"].endswith(" in fetch")


async def test_a_config_that_does_not_fit() -> None:
    result = await run(shout, {"times": "many"})
    assert result.error.code == ErrorCode.INVALID_NODE_CONFIG
    assert "times" in result.error.message
    assert "text" in result.error.message


async def test_literal_parameters_keep_their_braces() -> None:
    @node(literal=["page_template"])
    def render(page_template: str) -> str:
        """Render."""
        return page_template

    assert (await run(render, {"pageTemplate": "{{inputs.x}}"}, inputs={"x": 1})).output == "{{inputs.x}}"


async def test_a_node_result_is_taken_as_it_is() -> None:
    @node
    def refuse() -> NodeResult:
        """Refuse."""
        return NodeResult.failure(ErrorCode.FORBIDDEN, "not today")

    result = await run(refuse, {})
    assert (result.error.code, result.error.message) == ("FORBIDDEN", "not today")


@dataclass
class Person:
    name: str
    born: date


class Scalar:
    def tolist(self) -> int:
        return 7


def test_returned_values_as_json() -> None:
    assert as_json([Person("Ada", date(1815, 12, 10)), {1}]) == [{"name": "Ada", "born": "1815-12-10"}, [1]]
    assert as_json({"n": Scalar()}) == {"n": 7}
    with pytest.raises(FlowrayError, match="a object that is not JSON") as caught:
        as_json(object())
    assert caught.value.code is ErrorCode.NODE_FAILED


async def test_what_is_no_json_fails_the_node() -> None:
    @node
    def make() -> object:
        """Make."""
        return object()

    result = await run(make, {})
    assert not isinstance(result, AttemptSucceeded)
    assert result.error.code == ErrorCode.NODE_FAILED
