"""The ``code`` node: an author's program, run in a sandbox and never here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.definition.node_type import Effects, NodeType
from flowray.expressions.foreign import script_roots
from flowray.expressions.names import MISSING, Names
from flowray.expressions.stored_lists import whole
from flowray.handlers.data.code.config import FIELDS, OUTPUT_KEY, CodeConfig
from flowray.handlers.data.code.references import bind_references
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of
from flowray.handlers.programs import Engine, Program, ProgramResult
from flowray.handlers.references import value_of
from flowray.values import Json

MIB = 1024 * 1024

_ENGINES: dict[str, Engine] = {"javascript": "quickjs", "python": "monty", "shell": "shell"}


def _effects(config: Mapping[str, Any]) -> Effects:
    """Only what nothing confines can change the world."""
    language = config.get("language")
    shell = isinstance(language, str) and language.strip().lower() in ("shell", "bash", "sh")
    return Effects.WRITE if shell or "cpython" in (config.get("engine"), config.get("runtime")) else Effects.NONE


class CodeHandler:
    """Output: ``{language, output, stdout, stderr, metadata: {executionTime (ms), engine, exitCode?}}``.

    ``outputVariable`` means the value. ``outputKey`` puts it under another key; without one it is the output itself,
    and what is printed goes to the node's log.
    """

    node_type = NodeType(
        name="code",
        summary="Runs JavaScript or Python of your own in a sandbox, with limits of time, memory and output.",
        config_model=CodeConfig,
        aliases=("function", "script"),
        category="data",
        effects=Effects.WRITE,
        effects_of=_effects,
        value_key_of=lambda config: str(config.get("outputKey", OUTPUT_KEY)) or None,
        fields=FIELDS,
    )

    def can_handle(self, type_name: str) -> bool:
        """``code`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises EXPRESSION_ERROR with the line, EXPRESSION_TIMEOUT, OUTPUT_TOO_LARGE, FORBIDDEN or MISSING_EXTRA."""
        config = config_of(node, CodeConfig)
        if config.allow_network_access:
            node.log("code reaches no network here; use an http node", level="warning")
        code, bound = bind_references(config.code, config.language, node)
        names, roots = _given(code, config, node)
        program = Program(
            language=config.language, code=code, names=names, roots={**roots, **bound},
            engine=config.engine or _ENGINES[config.language], timeout_ms=config.timeout_ms,
            memory_bytes=config.memory_mb * MIB, output_bytes=config.max_output_bytes,
        )  # fmt: skip
        result = await node.services.sandbox.program(program)
        if config.output_key:
            return NodeResult(data=_report(config, program, result))
        for level, text in (("info", result.stdout), ("warning", result.stderr)):
            if text:
                node.log(text, level=level)
        return NodeResult(data=result.value)


def _report(config: CodeConfig, program: Program, result: ProgramResult) -> dict[str, Json]:
    metadata: dict[str, Json] = {"executionTime": round(result.elapsed_ms, 3), "engine": program.engine}
    if result.exit_code is not None:
        metadata["exitCode"] = result.exit_code
    return {
        "language": config.language, config.output_key: result.value, "stdout": result.stdout,
        "stderr": result.stderr, "metadata": metadata,
    }  # fmt: skip


def _given(code: str, config: CodeConfig, node: NodeInput) -> tuple[dict[str, Json], dict[str, Json]]:
    """What the program may see: names of the workflow, and further globals by their own name."""
    chosen = config.input_variables
    if chosen:
        picked = dict(chosen) if isinstance(chosen, dict) else {name: _found(name, node) for name in chosen}
        return picked, {name: value for name, value in picked.items() if name.isidentifier()}
    values = named(node.names)
    read, everything = script_roots(code)
    names = {name: whole(value) for name, value in values.items() if everything or name in read}
    prefixes = _prefixes(node.names)
    return names, {name: whole(value) for name, value in prefixes.items() if name in read and name not in values}


def _found(name: str, node: NodeInput) -> Json:
    value = value_of(name, node.names)
    return None if value is MISSING else value


def named(names: Names) -> dict[str, Any]:
    """Every plain name with its value, as expressions resolve them (design, section 6)."""
    values: dict[str, Any] = {}
    if names.flatten:
        for output in names.outputs.values():
            if isinstance(output, Mapping):
                values.update(output)  # the latest in plan order wins (R6)
    for source in (names.inputs, names.aliases, names.outputs, names.variables, names.shared, names.containers):
        values.update(source)
    values.update(names.bound)
    return values


def _prefixes(names: Names) -> dict[str, Any]:
    """The words that name a whole source of values. Secrets are not among them."""
    sources: dict[str, Any] = {"shared": dict(names.shared), "var": dict(names.variables), "env": dict(names.env)}
    for word, container in (("loop", names.loop), ("parallel", names.parallel)):
        if container is not None:
            sources[word] = container if isinstance(container, dict) else dict(container)
    return sources
