"""FlowMaestro's recorded handler vectors against our node types. A deviation asserts our value and cites its rule.

Their results are wrapped under ``outputVariable``; ours are bare, the variable being an alias (design, section 6), so
the comparison unwraps. Metadata beside an input's value, times and durations are not compared.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import pytest

from flowray.engine.stimuli import AttemptFailed, AttemptSucceeded
from tests.corpus import golden, needs_corpus
from tests.fakes.services import NOW_MS
from tests.handlers.running import REGISTRY, attempt

RECORDS = golden("handlers_pure.jsonl")

DEVIATIONS: dict[str, Any] = {
    # Ours is a whole number of iterations; theirs kept the fraction and could never reach it.
    "LoopNodeHandler edge cases handles count loop with float (truncates)": {"total": 5},
}
"""Our output where it differs from the record. At most 5 % of the vectors of existing types."""

TIMES = frozenset({"startTime", "endTime", "actualWaitDuration"})


def _known(record: dict[str, Any]) -> bool:
    return REGISTRY.is_known(record["nodeType"])


def _expected(record: dict[str, Any]) -> Any:
    """Their result in our shape."""
    if record["test"] in DEVIATIONS:
        return DEVIATIONS[record["test"]]
    result, config = record["result"], record["config"]
    kind = record["nodeType"]
    if kind in ("transform", "wait") and config.get("outputVariable") in result:
        result = result[config["outputVariable"]]
    if kind == "wait":
        return {key: value for key, value in result.items() if key not in TIMES}
    if kind == "input":
        return {key: value for key, value in result.items() if key != "_inputMetadata"}
    if kind in ("loop", "repeat", "forEach", "while"):
        if "items" in result:
            return {"items": result["items"]}
        return {"total": result["iterations"] if config.get("loopType") == "count" else None}
    return result


def _actual(record: dict[str, Any], outcome: AttemptSucceeded) -> Any:
    if record["nodeType"] == "wait":
        return {key: value for key, value in outcome.output.items() if key not in TIMES}
    return outcome.output


async def _run(record: dict[str, Any]) -> AttemptSucceeded | AttemptFailed:
    context = record["context"]
    config = dict(record["config"])
    if config.get("timestamp"):
        # "The past" of the day of recording; ours is relative to the test's clock.
        config["timestamp"] = NOW_MS - 1_000
    return await attempt(
        record["nodeType"], config, inputs=context["inputs"], variables=context["workflowVariables"],
        outputs=context["nodeOutputs"], flatten=True, dollar=True, sentinel="open",
    )  # fmt: skip


@needs_corpus
@pytest.mark.parametrize(
    "record", [record for record in RECORDS if _known(record)], ids=lambda record: record["test"][:90]
)
async def test_record(record: dict[str, Any]) -> None:
    outcome = await _run(record)
    if "error" in record:
        assert isinstance(outcome, AttemptFailed)
        assert outcome.error.code in ("INVALID_NODE_CONFIG", "COLLECTION_INVALID", "NODE_FAILED")
        return
    assert isinstance(outcome, AttemptSucceeded), outcome
    assert _actual(record, outcome) == _expected(record)
    if record["nodeType"] in ("conditional", "switch"):
        assert (outcome.signals.selected_routes or ("",))[0] == record["signals"]["selectedRoute"]
    if record["config"].get("waitType") == "duration":
        # The recorded signal is the time that really passed; what was asked for stands in the config, all in ms.
        assert outcome.signals.wait is not None
        asked = record["config"].get("duration", record["config"].get("durationValue"))
        assert outcome.signals.wait.until_ms - NOW_MS == asked


@needs_corpus
def test_deviations_are_few(record_property: Callable[[str, Any], None]) -> None:
    known = [record for record in RECORDS if _known(record)]
    skipped = collections.Counter(record["nodeType"] for record in RECORDS if not _known(record))
    deviating = [record for record in known if record["test"] in DEVIATIONS]
    print(f"passed {len(known) - len(deviating)}, deviating {len(deviating)}, skipped {dict(skipped)}")
    record_property("handler_records", {"passed": len(known) - len(deviating), "skipped": sum(skipped.values())})
    assert len(known) > 150
    assert {record["test"] for record in deviating} == set(DEVIATIONS)
    assert len(deviating) <= 0.05 * len(known)
