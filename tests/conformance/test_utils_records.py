"""FlowMaestro's recorded helpers (``utils.jsonl``): conditions, operands, array paths, copies, by what does it here."""

from __future__ import annotations

import pytest

from flowray.expressions.conditions import evaluate_operator, parse_operand
from flowray.expressions.names import MISSING, Names
from flowray.handlers.references import value_of
from flowray.values import decode_json, encode_json
from tests.conformance.judging import UNDEFINED, DeviatingError, EquivalentError, Record, judge
from tests.corpus import golden, needs_corpus


def check(record: Record) -> None:
    """One recorded call."""
    arguments, result = record["args"], record["result"]
    match record["fn"]:
        case "evaluateCondition":
            left, operator, right = (*arguments, None)[:3]
            ours = evaluate_operator(left, operator, right)
            if (left, operator, right) == (None, "===", None):
                assert ours is True
                raise DeviatingError("JSON has one null, so undefined === null holds (design, section 6: expressions)")
            assert ours is result
        case "parseValue":
            ours = parse_operand(arguments[0])
            assert (ours, type(ours)) == (result, type(result))
        case "resolveArrayPath":
            path, context = arguments
            ours = value_of(path, Names(inputs=context))
            assert (UNDEFINED if ours is MISSING else ours) == result
        case "deepClone":
            assert decode_json(encode_json(arguments[0])) == result
            raise EquivalentError("nothing is shared: values travel between processes as JSON (R36)")
        case unknown:
            raise AssertionError(unknown)


@needs_corpus
def test_recorded_helpers(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = judge("utils.jsonl", golden("utils.jsonl"), check, capsys)
    assert outcomes["skipped"] == 0
    assert outcomes["passed"] >= 55
