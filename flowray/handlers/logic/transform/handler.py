"""The ``transform`` node: reshapes data. The author's JSONata and JavaScript run in the sandbox, never here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from flowray.definition.node_type import Effects, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.foreign import jsonata_roots
from flowray.expressions.names import MISSING
from flowray.expressions.stored_lists import whole
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.logic.transform import operations as ops
from flowray.handlers.logic.transform.config import FIELDS, TransformConfig
from flowray.handlers.logic.transform.steps import run_steps
from flowray.handlers.logic.transform.xml_values import parse_xml
from flowray.handlers.node_config import config_of
from flowray.handlers.references import fill, value_of
from flowray.handlers.scripts import call_javascript, is_javascript, jsonata_context
from flowray.values import Json

_REFERENCE = re.compile(r"\$\{([^}]+)\}|\{\{(.+?)\}\}")
_ITEM = '$type(v) = "object" ? $merge([$__context, v, {"item": v, "index": i}]) : v'
_READS_ITEMS = re.compile(r"\bitems\b|\$data\b")

Run = Callable[[NodeInput, TransformConfig], Awaitable[Json]]


class TransformHandler:
    """Output: the result itself, any JSON."""

    node_type = NodeType(
        name="transform",
        summary="Maps, filters, sorts, merges, parses or rewrites data with JSONata or JavaScript.",
        config_model=TransformConfig,
        category="data",
        computes=True,
        effects=Effects.NONE,
        fields=FIELDS,
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises EXPRESSION_ERROR, EXPRESSION_TIMEOUT, or NODE_FAILED if the data does not allow the operation."""
        config = config_of(node, TransformConfig)
        return NodeResult(data=await _OPERATIONS[config.operation](node, config))


async def _evaluate(node: NodeInput, config: TransformConfig) -> Json:
    """The expression over the visible names, with the input as ``items`` and ``$data``, its keys names of their own.

    One that reads no name at all, only ``$``, is about the input alone: ``"Hello, " & $``.
    """
    expression, data = _expression(config), config.input_data
    if _javascript(config):
        body = f"const __f = ({expression}); return __f(data, data);"
        return await call_javascript(node, body, {"data": data}, expression, config.timeout_ms)
    named, reads_all = jsonata_roots(expression)
    if data is not None and reads_all and not named:
        root = data
    else:
        root = {"items": data, **jsonata_context(expression, node.names)}
        if isinstance(data, dict):
            root.update(data)
    return await node.services.sandbox.jsonata(expression, root, {"data": data, "items": data}, config.timeout_ms)


async def _each(node: NodeInput, config: TransformConfig, wrapped: str) -> list[dict[str, Json]]:
    """Evaluate JSONata once per item, which is its context; of an object, ``item``, ``index`` and visible names too.

    ``wrapped`` is put around the expression. Items and results travel in objects, because JSONata drops nulls, unpacks
    single items and flattens lists: so there is one result for each item. Of an item that is a list, the expression
    sees the elements, as JSONata's paths do.
    """
    expression = _expression(config)
    context = jsonata_context(expression, node.names)
    rows = [{"v": item, "i": index} for index, item in enumerate(config.input_data)]
    if not rows:
        return []
    query = f'[__rows.{{"v": {wrapped % f"({_ITEM}).({expression})"}}}]'
    result = await node.services.sandbox.jsonata(query, {"__rows": rows}, {"__context": context}, config.timeout_ms)
    return list(result)


async def _map(node: NodeInput, config: TransformConfig) -> Json:
    ops.require_list("map", config.input_data)
    if _javascript(config):
        body = f"const __f = ({_expression(config)}); return data.map((x, i) => __f(x, i, data));"
        return await call_javascript(node, body, {"data": config.input_data}, config.expression, config.timeout_ms)
    if _READS_ITEMS.search(config.expression):
        return await _evaluate(node, config)
    return [row.get("v") for row in await _each(node, config, "%s")]


async def _filter(node: NodeInput, config: TransformConfig) -> Json:
    items = ops.require_list("filter", config.input_data)
    if _javascript(config):
        body = f"const __f = ({_expression(config)}); return data.map((x, i) => !!__f(x, i, data));"
        kept = await call_javascript(node, body, {"data": items}, config.expression, config.timeout_ms)
    else:
        kept = [row.get("v") for row in await _each(node, config, "$boolean(%s)")]
    return [item for item, keep in zip(items, kept, strict=True) if keep]


async def _reduce(node: NodeInput, config: TransformConfig) -> Json:
    items = ops.require_list("reduce", config.input_data)
    if not _javascript(config):
        return await _evaluate(node, config)
    start = config.initial_value
    if start is None and not items:
        return None
    rest = "" if start is None else ", start"
    body = f"const __f = ({_expression(config)}); return data.reduce(__f{rest});"
    return await call_javascript(node, body, {"data": items, "start": start}, config.expression, config.timeout_ms)


async def _sort(node: NodeInput, config: TransformConfig) -> Json:
    items = ops.require_list("sort", config.input_data)
    if not _javascript(config):
        return ops.sort_by_path(items, config.expression, config.order)
    body = f"return [...data].sort({_expression(config)});"
    return await call_javascript(node, body, {"data": items}, config.expression, config.timeout_ms)


async def _merge(node: NodeInput, config: TransformConfig) -> Json:
    if config.merge_data is not None:
        return ops.merge_values([config.input_data, _object(config.merge_data)])
    if config.sources is not None:
        return ops.merge_sources(_sources(node, config.sources))
    references = [first or second for first, second in _REFERENCE.findall(config.expression)]
    if references or config.input_data is not None:
        return ops.merge_values([config.input_data, *(_found(node, reference) for reference in references)])
    return {name: whole(output) for name, output in node.names.outputs.items()}


async def _extract(node: NodeInput, config: TransformConfig) -> Json:
    return ops.at_path(config.input_data, config.path or config.expression)


async def _template(node: NodeInput, config: TransformConfig) -> Json:
    # ``template`` was filled with the rest of the config; ``expression`` belongs to the handler.
    filled = config.template if node.raw_config.get("template") is not None else fill(config.expression, node)
    return ops.json_if_it_looks_so(filled) if isinstance(filled, str) else filled


async def _aggregate(node: NodeInput, config: TransformConfig) -> Json:
    items = ops.flatten(_input_or_sources(node, config), 1)
    names = [str(name) for name in config.operations or ["count", "sum", "average", "min", "max"]]
    return ops.aggregate(items, names, config.field, config.group_by)


async def _flatten(node: NodeInput, config: TransformConfig) -> Json:
    return ops.flatten(_input_or_sources(node, config), config.depth)


async def _set(node: NodeInput, config: TransformConfig) -> Json:
    return run_steps(config.input_data, config.operations or [], lambda name: _found(node, name))


async def _deduplicate(node: NodeInput, config: TransformConfig) -> Json:
    items = ops.require_list("deduplicate", config.input_data)
    return ops.deduplicate(items, config.key_fields, config.keep, config.case_sensitive)


async def _parse_json(node: NodeInput, config: TransformConfig) -> Json:
    return ops.parse_json(config.input_data)


async def _parse_xml(node: NodeInput, config: TransformConfig) -> Json:
    return parse_xml(config.input_data)


async def _passthrough(node: NodeInput, config: TransformConfig) -> Json:
    return config.input_data


_OPERATIONS: dict[str, Run] = {
    "map": _map, "filter": _filter, "reduce": _reduce, "sort": _sort, "merge": _merge, "extract": _extract,
    "custom": _evaluate, "parseXML": _parse_xml, "parseJSON": _parse_json, "passthrough": _passthrough,
    "template": _template, "aggregate": _aggregate, "flatten": _flatten, "set": _set, "deduplicate": _deduplicate,
}  # fmt: skip


def _javascript(config: TransformConfig) -> bool:
    return config.mode != "jsonata" and is_javascript(config.expression)


def _expression(config: TransformConfig) -> str:
    if not config.expression.strip():
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, f"expression is required for the {config.operation} operation"
        )
    return config.expression


def _found(node: NodeInput, reference: str) -> Json:
    value = value_of(reference, node.names)
    return None if value is MISSING else value


def _sources(node: NodeInput, sources: list[Any]) -> list[tuple[str, Json]]:
    named: list[tuple[str, Json]] = []
    for number, source in enumerate(sources):
        if isinstance(source, str):
            inner = _REFERENCE.fullmatch(source.strip())
            name = (inner.group(1) or inner.group(2)).strip() if inner else source
            named.append((name, _found(node, name)))
        else:
            named.append((str(number), source))
    return named


def _input_or_sources(node: NodeInput, config: TransformConfig) -> Json:
    if config.input_data is None and config.sources is not None:
        return [value for _, value in _sources(node, config.sources)]
    return config.input_data


def _object(value: Json) -> Json:
    return ops.json_if_it_looks_so(value) if isinstance(value, str) else value
