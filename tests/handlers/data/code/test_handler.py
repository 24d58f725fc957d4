"""The code node: what a program sees, and what its node says of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.definition.node_type import Effects
from flowray.engine.stimuli import NodeLogged
from flowray.errors import ErrorCode
from flowray.handlers.data.code.handler import CodeHandler
from flowray.handlers.programs import Program, ProgramResult
from flowray.runtime.sandbox.inline_sandbox import InlineSandbox
from tests.fakes.services import fake_services
from tests.handlers.running import REGISTRY, fail, output


async def value(code: str, **task: Any) -> Any:
    return (await output("code", {"code": code}, **task))["output"]


async def test_the_output_says_what_ran_and_what_it_printed() -> None:
    found = await output("code", {"code": "console.log('a'); console.error('b'); return {x: 1}"})
    assert found.pop("metadata")["engine"] == "quickjs"
    assert found == {"language": "javascript", "output": {"x": 1}, "stdout": "a\n", "stderr": "b\n"}


async def test_without_a_key_the_output_is_the_value_and_the_log_has_what_was_printed() -> None:
    said: list[Any] = []
    config = {"code": "console.log('a'); console.warn('b'); return [1]", "outputKey": ""}
    assert await output("code", config, emitted=said) == [1]
    logged = [(event.level, event.message) for event in said if isinstance(event, NodeLogged)]
    assert logged == [("info", "a\n"), ("warning", "b\n")]


async def test_what_a_program_sees() -> None:
    """All that templates see, under the names of three conventions; only what its text can name crosses over."""
    seen = {"inputs": {"n": 1}, "variables": {"v": 2}, "outputs": {"up": {"k": 3}}, "aliases": {"al": "up"}}
    assert await value("return [inputs.n, variables.v, context.up.k, inputs.al.k, n + v]", **seen) == [1, 2, 3, 3, 3]
    assert await value("return Object.keys(inputs).sort()", **seen) == ["al", "n", "up", "v"]
    assert await value("return Object.keys({...inputs}).length", **seen) == 4
    assert await value("return typeof other", **seen) == "undefined"
    assert await value("return loop.index + inputs.item", loop={"index": 4, "item": 1}, bound={"item": 5}) == 9


class _Asked(InlineSandbox):
    """Keeps the programs it is given and answers without running them."""

    def __init__(self) -> None:
        super().__init__()
        self.programs: list[Program] = []

    async def program(self, program: Program) -> ProgramResult:
        self.programs.append(program)
        return ProgramResult(1)


async def asked(config: dict[str, Any], **task: Any) -> Program:
    sandbox = _Asked()
    await output("code", config, services=fake_services(sandbox=sandbox), **task)
    return sandbox.programs[0]


async def test_only_what_the_text_can_name_is_handed_over() -> None:
    seen = {"inputs": {"n": 1, "large": "x" * 1000}, "variables": {"v": 2}}
    assert (await asked({"code": "return inputs.n"}, **seen)).names == {"n": 1}
    named = await asked({"code": "return 1", "inputVariables": ["v", "gone", "n.x"]}, **seen)
    assert (named.names, named.roots) == ({"v": 2, "gone": None, "n.x": None}, {"v": 2, "gone": None})
    given = await asked({"code": "return a", "inputVariables": {"a": "{{n}}"}}, **seen)
    assert (given.names, given.roots) == ({"a": 1}, {"a": 1})


@pytest.mark.parametrize(
    ("config", "language", "engine"),
    [
        ({"code": "1"}, "javascript", "quickjs"), ({"code": "1", "language": "JS"}, "javascript", "quickjs"),
        ({"code": "1", "language": "py"}, "python", "monty"), ({"script": "1", "language": "bash"}, "shell", "shell"),
        ({"code": "1", "language": "python", "engine": "cpython"}, "python", "cpython"),
        ({"code": [{"id": "a", "content": "1"}]}, "javascript", "quickjs"),
    ],
)  # fmt: skip
async def test_languages(config: dict[str, Any], language: str, engine: str) -> None:
    program = await asked(config)
    assert (program.language, program.engine, program.code) == (language, engine, "1")


async def test_limits_of_real_files() -> None:
    program = await asked({"code": "1", "timeout": 5000, "memory": 64, "maxOutputBytes": 10})
    assert (program.timeout_ms, program.memory_bytes, program.output_bytes) == (5_000, 64 * 1024 * 1024, 10)


@pytest.mark.parametrize(
    "config",
    [{}, {"code": ""}, {"code": "1", "timeoutMs": 300_001}, {"code": "1", "memoryMb": 513}, {"code": "x" * 100_001},
     {"code": "1", "language": "ruby"}, {"code": "1", "engine": "monty"}],
)  # fmt: skip
async def test_wrong_configs(config: dict[str, Any]) -> None:
    assert (await fail("code", config)).code == ErrorCode.INVALID_NODE_CONFIG


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"code": "x.y"}, ErrorCode.EXPRESSION_ERROR),
        ({"code": "for (;;) {}", "timeoutMs": 50}, ErrorCode.EXPRESSION_TIMEOUT),
        ({"code": "return 'x'.repeat(50)", "maxOutputBytes": 20}, ErrorCode.OUTPUT_TOO_LARGE),
        ({"code": "return 1", "language": "shell"}, ErrorCode.FORBIDDEN),
    ],
)
async def test_errors(config: dict[str, Any], code: ErrorCode) -> None:
    assert (await fail("code", config)).code == code


async def test_an_error_shows_the_authors_line_and_what_was_printed() -> None:
    error = await fail("code", {"code": "console.log('so far');\nconst x = null;\nreturn x.y;"})
    assert error.message == "JavaScript, line 3: TypeError: cannot read property 'y' of null"
    shown = {key: error.details[key] for key in ("line", "source", "stdout", "error")}
    assert shown == {"line": 3, "source": "return x.y;", "stdout": "so far\n", "error": "TypeError"}


async def test_programs_at_once_do_not_see_each_other() -> None:
    codes = [f"globalThis.mine = {number}; await null; return [mine, inputs.n]" for number in range(8)]
    values = await asyncio.gather(*[value(code, inputs={"n": -1}) for code in codes])
    assert values == [[number, -1] for number in range(8)]


async def test_network_access_is_noted() -> None:
    said: list[Any] = []
    await output("code", {"code": "return 1", "allowNetworkAccess": True}, emitted=said)
    assert any("reaches no network" in event.message for event in said if isinstance(event, NodeLogged))


@pytest.mark.parametrize(
    ("config", "effects"),
    [
        ({}, Effects.NONE), ({"language": "python"}, Effects.NONE), ({"language": "Bash"}, Effects.WRITE),
        ({"language": "python", "engine": "cpython"}, Effects.WRITE),
    ],
)  # fmt: skip
def test_r24_effects_hang_on_the_language(config: dict[str, Any], effects: Effects) -> None:
    assert CodeHandler.node_type.effects_with(config) is effects


@pytest.mark.parametrize(
    ("config", "key"), [({}, "output"), ({"outputKey": "result"}, "result"), ({"outputKey": ""}, None)]
)
def test_what_the_output_variable_means(config: dict[str, Any], key: str | None) -> None:
    definition = load_definition(
        {"nodes": {"c": {"type": "code", "config": {"code": "1", "outputVariable": "v", **config}}}}
    )
    plan = build_plan(definition.require(), REGISTRY.node_types()).require()
    assert plan.nodes["c"].value_key == key
