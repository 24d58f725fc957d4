"""An agent under fault: what of its loop was committed never runs again, neither a call of the model nor of a tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowray.handlers.providers.fake_openai import FakeOpenAI, create_fake_openai
from tests.durability.bench import Bench
from tests.fakes.loopback import loopback_server
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]


class Model:
    """A scripted model on loopback, and how often it was asked."""

    def __init__(self, url: str, fake: FakeOpenAI) -> None:
        self.url = url
        self.fake = fake

    @property
    def asked(self) -> int:
        return len(self.fake.journal)


@pytest.fixture
def model() -> Iterator[Model]:
    app = create_fake_openai()
    app.state.fake.script({"Do it.": {"turns": [_call("a"), _call("b"), _call("c"), "All done."]}})
    with loopback_server(app) as url:
        yield Model(f"{url}/v1", app.state.fake)


def _call(name: str) -> dict[str, Any]:
    return {"text": f"Now {name}. ", "toolCalls": [{"name": name, "arguments": {"body": {"n": 1}}}]}


def agent(bench: Bench, model: Model, gate: str) -> dict[str, Any]:
    """An agent with three tools that have an effect each; the one named ``gate`` waits for it to open."""
    tools = [
        {"name": name, "method": "POST",
         "url": bench.effects.url(f"{bench.prefix}-{name}", gate=bench.gate(name) if name == gate else "")}
        for name in "abc"
    ]  # fmt: skip
    config = {"model": "fake-model", "baseUrl": model.url, "apiKey": "x", "prompt": "Do it.", "tools": tools}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "agent": {"type": "agent", "config": config},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{agent.content}}"}},
    }
    return workflow("agent", nodes, [("in", "agent"), ("agent", "out")])


def test_a_killed_orchestrator_repeats_no_call_of_an_agent(bench: Bench, model: Model) -> None:
    """R23, R38: the call under way goes on in its lane, and the new owner goes on behind it."""
    its_id = bench.start(agent(bench, model, "b"))
    bench.until_called("b")
    epoch = bench.kill_owner(its_id)
    bench.until_recovered(its_id, epoch)
    bench.open("b")
    assert bench.finished(its_id)["outputs"] == {"y": "All done."}
    assert {name: len(bench.calls(name)) for name in "abc"} == {"a": 1, "b": 1, "c": 1}
    assert model.asked == 4
    steps = [event["step"] for event in bench.of_type(its_id, "node.stepped")]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_with_its_lane_dead_too_only_the_call_under_way_is_made_again(bench: Bench, model: Model) -> None:
    """R31, R33: under the same key; the text of the steps before stays."""
    its_id = bench.start(agent(bench, model, "b"))
    bench.until_called("b")
    epoch = bench.kill_owner(its_id, "io-lane")
    bench.until_recovered(its_id, epoch)
    bench.until_called("b", 2)
    bench.open("b")
    assert bench.finished(its_id)["outputs"] == {"y": "All done."}
    # At least once: on a machine that starves a new lane, the call may be lost once more. What was committed never is.
    assert (len(bench.calls("a")), len(bench.calls("c"))) == (1, 1)
    assert {effect.key for effect in bench.calls("b")} == {f"{its_id}:agent:3.1"}
    assert model.asked == 4
    text = ""
    for event in bench.of_type(its_id, "node.token"):
        text = text[: event["offset"]] + event["text"]
    assert text == "Now a. Now b. Now c. All done."
