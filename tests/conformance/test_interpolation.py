"""The recorded interpolation, expression and comparison behaviour of FlowMaestro, against ours.

Every record passes, or is in the table below with OUR value and the rule that makes it so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.expressions.conditions import compare, evaluate_operator, fill_operand, parse_operand
from flowray.expressions.evaluator import evaluate_condition
from flowray.expressions.names import Names
from flowray.expressions.references import read_roots
from flowray.expressions.template import FillOptions, TemplateWarning, fill, fill_json, fill_text
from tests.conformance.judging import ALLOWED_DEVIATING
from tests.corpus import CORPUS, golden, needs_corpus

pytestmark = [needs_corpus, pytest.mark.corpus]

DEVIATIONS: dict[str, tuple[Any, str]] = {
    "{{data.items}}": (
        '["apple","banana","cherry"]',
        "design 6: inside text objects and lists are JSON; FlowMaestro's resolver does so too, its handlers do not",
    ),
    "{{myVar}}": (
        "EXPRESSION_ERROR: cannot fill {{myVar}}: nothing provides 'myVar'",
        "style: typed errors with codes; only the wording differs",
    ),
    "{{obj['key.with.dots']}}": ("value", "design 6: quoted keys; the record calls its null a known limitation"),
    "{{__proto__}}": (None, "design 6: an unresolved reference is null; {} is JavaScript's prototype showing through"),
    "{{safe + safe}}": ("valuevalue", "design 6: the operator set has arithmetic"),
    "{{safe.toString()}}": ("value", "design 6: a small set of pure methods; toString is one, nothing is executed"),
}
"""By template: our value, and the rule that it follows."""

UTILITY_DEVIATIONS: dict[str, tuple[Any, str]] = {
    '[null, "===", null]': (True, "JSON has no undefined: the record compares null with undefined, both null here"),
}


def _shown(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except FlowrayError as error:
        return str(error)


def _same(left: Any, right: Any) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _judge(
    title: str,
    records: list[tuple[str, Any, Any]],
    deviations: dict[str, tuple[Any, str]],
    limit: float = ALLOWED_DEVIATING,
) -> None:
    """Assert every (key, expected, ours); print the counts."""
    passed, deviating, wrong, used = 0, 0, [], set()
    for key, expected, ours in records:
        if _same(expected, ours):
            passed += 1
        elif key in deviations and _same(deviations[key][0], ours):
            deviating += 1
            used.add(key)
        else:
            wrong.append(f"{key}: recorded {expected!r}, ours {ours!r}")
    print(f"{title}: {passed} passed, {deviating} deviating, 0 skipped")
    assert wrong == []
    assert used == set(deviations), "the table of deviations names records that do not deviate"
    assert deviating <= limit * len(records)


def _simple(record: dict[str, Any]) -> tuple[str, Any, Any]:
    names = Names(inputs=record["context"])
    template = record["template"]
    if record["fn"] == "interpolateVariables":
        strict = bool((record["options"] or {}).get("strict"))
        ours = _shown(lambda: fill_text(template, names, options=FillOptions(strict=strict)))
    else:
        ours = _shown(lambda: fill_json(template, names))
    return template, record.get("result", record.get("error")), ours


def _names(record: dict[str, Any]) -> Names:
    context = record["context"]
    return Names(
        inputs=context["inputs"],
        variables=context["workflowVariables"],
        outputs=context["nodeOutputs"],
        shared=context["shared"],
        loop=record.get("loop"),
        parallel=record.get("parallel"),
    )


def _resolver(record: dict[str, Any]) -> tuple[str, Any, Any]:
    text = record["expr"]
    if record["fn"] == "interpolateString":
        return text, record["result"], fill_text(text, _names(record))
    # resolveVariable takes an expression with or without its braces.
    template = text if text.startswith("{{") else "{{" + text + "}}"
    return text, (record["result"] or {}).get("value"), fill(template, _names(record))


def test_interpolation_and_resolver_records() -> None:
    records = [_simple(record) for record in golden("interpolation_simple.jsonl")]
    assert len(records) >= 300
    resolver = [_resolver(record) for record in golden("interpolation_resolver.jsonl")]
    assert len(resolver) >= 75
    _judge("interpolation", records + resolver, DEVIATIONS)


def test_evaluate_condition_records() -> None:
    records = [
        (json.dumps(record["args"]), record["result"], evaluate_operator(*record["args"]))
        for record in golden("utils.jsonl")
        if record["fn"] == "evaluateCondition"
    ]
    assert len(records) >= 35
    _judge("evaluateCondition", records, UTILITY_DEVIATIONS)


def test_parse_value_records() -> None:
    records = [
        (json.dumps(record["args"]), record["result"], parse_operand(*record["args"]))
        for record in golden("utils.jsonl")
        if record["fn"] == "parseValue"
    ]
    assert len(records) >= 10
    _judge("parseValue", records, {})


def test_conditional_handler_records() -> None:
    records = []
    for record in golden("handlers_pure.jsonl"):
        if record["handler"] != "ConditionalNodeHandler":
            continue
        names, config = _names(record), record["config"]
        left, right = fill_operand(config["leftValue"], names), fill_operand(config["rightValue"], names)
        result = record["result"]
        expected = [result["leftValue"], result["rightValue"], result["conditionMet"]]
        records.append((json.dumps(config), expected, [left, right, compare(left, config["operator"], right)]))
    assert len(records) >= 35
    _judge("conditional handler", records, {})


def _corpus_expressions() -> dict[str, list[list[Any]]]:
    assert CORPUS is not None
    found: dict[str, list[list[Any]]] = json.loads(
        (CORPUS / "flowmaestro" / "golden" / "corpus_expressions.json").read_text()
    )
    return found


def test_every_template_of_the_corpus_is_in_the_language() -> None:
    """None of the real expressions is unsupported: with no names at all, each is null or has a value."""
    expressions = [text for text, _ in _corpus_expressions()["interpolations"]]
    warnings: list[TemplateWarning] = []
    for text in expressions:
        fill("{{" + text + "}}", Names(), warnings=warnings)
        assert read_roots("{{" + text + "}}").reads_all is False
    assert len(expressions) >= 1400
    assert [warning for warning in warnings if warning.kind == "unsupported"] == []


def test_every_condition_of_the_corpus_evaluates() -> None:
    conditions = [text.removeprefix("[switch] ") for text, _ in _corpus_expressions()["conditions"]]
    values = {text: evaluate_condition(text, Names()) for text in conditions}
    assert len(conditions) >= 140
    # Without any data only what asks for an absence, or for nothing at all, is true.
    true = {text for text, value in values.items() if value}
    assert {"true", "!analysis.text.includes('\"anomalies\": []')"} <= true
    assert "approval.approved === true" not in true
    assert "churn_score.score >= 70" not in true
