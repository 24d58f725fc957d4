"""Threads: what an agent remembers from execution to execution of its workflow."""

from __future__ import annotations

from typing import Any

from flowray.engine.shared_memory import SharedEntry, changed
from flowray.engine.signals import VariableOperation
from flowray.errors import ErrorCode
from flowray.handlers.services import MemoryPlace, MemoryView
from tests.fakes.services import fake_services
from tests.handlers.agents.playing import Play, ScriptedModel, calls, play

PLACE = MemoryPlace(workflow_id="w1", max_value_bytes=1_000)


class Memory:
    """The memory of one workflow: what is added counts once it is ``committed``."""

    def __init__(self) -> None:
        self.entries: dict[str, SharedEntry] = {}

    async def read(self, place: MemoryPlace, key: str | None = None) -> MemoryView:
        found = {name: entry for name, entry in self.entries.items() if key in (None, name)}
        return MemoryView(found, len(self.entries), sum(entry.bytes for entry in self.entries.values()))

    def commit(self, operations: tuple[VariableOperation, ...]) -> None:
        for operation in operations:
            assert operation.workflow
            self.entries = changed(self.entries, operation)


async def say(memory: Memory, prompt: str, *turns: Any, **config: Any) -> tuple[Play, ScriptedModel]:
    model = ScriptedModel([*turns] or ["ok"])
    given = {"prompt": prompt, "threadId": "t1", "systemPrompt": "S", **config}
    services = fake_services(chat=model, memory=memory)
    done = await play(given, services=services, memory=PLACE, workflow_id="w1")
    if done.last is not None:
        memory.commit(done.last.variables)
    return done, model


async def test_what_was_said_is_there_the_next_time_without_the_work_in_between() -> None:
    memory = Memory()
    tools = [{"nodeType": "variables", "name": "note"}]
    await say(memory, "My name is Ann.", calls(("note", {})), "Hello Ann.", tools=tools)
    _, model = await say(memory, "Who am I?", "", "You are Ann.")
    assert [message["content"] for message in model.asked[0].messages] == [
        "S", "My name is Ann.", "Hello Ann.", "Who am I?",
    ]  # fmt: skip
    assert [len(exchange) for exchange in memory.entries["thread:t1"].value] == [2, 2]  # type: ignore[union-attr, arg-type]


async def test_threads_do_not_see_each_other_and_none_reads_nothing() -> None:
    memory = Memory()
    await say(memory, "one", "1")
    _, other = await say(memory, "two", "2", threadId="t2")
    _, without = await say(memory, "three", "3", memoryType="none")
    assert [len(model.asked[0].messages) for model in (other, without)] == [2, 2]
    assert sorted(memory.entries) == ["thread:t1", "thread:t2"]


async def test_a_thread_that_is_full_loses_its_oldest_exchanges() -> None:
    memory = Memory()
    for number in range(12):
        await say(memory, f"question {number} " + "x" * 60, *[""] * number, "a")
    kept = memory.entries["thread:t1"]
    assert kept.bytes <= PLACE.max_value_bytes
    assert "question 11" in str(kept.value)
    assert "question 0 " not in str(kept.value)


async def test_an_execution_of_no_stored_workflow_has_no_threads() -> None:
    services = fake_services(chat=ScriptedModel(["never"]))
    done = await play({"prompt": "x", "threadId": "t"}, services=services)
    assert done.error is not None
    assert (done.error.code, "stored workflow" in done.error.message) == (ErrorCode.INVALID_NODE_CONFIG, True)


async def test_a_single_exchange_above_the_limit_is_an_error() -> None:
    done, _ = await say(Memory(), "x" * PLACE.max_value_bytes, "y")
    assert done.error is not None
    assert done.error.code == ErrorCode.SHARED_MEMORY_LIMIT_EXCEEDED
