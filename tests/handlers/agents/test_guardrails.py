from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from tests.fakes.services import fake_services
from tests.handlers.agents.playing import ScriptedModel
from tests.handlers.running import fail, succeed

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "number"}}}


async def checked(text: Any, *checks: Any, reply: str = "", **config: Any) -> tuple[Any, tuple[str, ...] | None]:
    services = fake_services(chat=ScriptedModel([reply]))
    result = await succeed("guardrails", {"input": text, "checks": list(checks), **config}, services=services)
    return result.output, result.signals.selected_routes


@pytest.mark.parametrize(
    ("text", "check", "passes"),
    [
        ('{"a": 1}', "json", True),
        ("{a: 1}", "json", False),
        ('{"n": 1}', {"type": "schema", "jsonSchema": SCHEMA}, True),
        ('{"n": "x"}', {"type": "schema", "jsonSchema": SCHEMA}, False),
        ("no json", {"type": "schema", "jsonSchema": SCHEMA}, False),
        ("AB-12", {"type": "regex", "pattern": r"^[A-Z]{2}-\d+$"}, True),
        ("ab-12", {"type": "regex", "pattern": r"^[A-Z]{2}-\d+$"}, False),
        ("ab-12", {"type": "regex", "pattern": r"^[A-Z]{2}-\d+$", "flags": "i"}, True),
        ("a secret", {"type": "regex", "pattern": "secret", "forbidden": True}, False),
        ("mine", {"type": "regex", "pattern": "secret", "forbidden": True}, True),
        ("ann@example.com", "pii", False),
        ("nobody", "pii", True),
        ("ann@example.com", {"type": "pii", "entities": ["US_SSN"]}, True),
        ("12345", {"type": "length", "maxChars": 4}, False),
        ("123", {"type": "length", "minChars": 4}, False),
        ("1234", {"type": "length", "minChars": 4, "maxChars": 4}, True),
    ],
)
async def test_a_check_passes_or_not_and_selects_its_handle(text: str, check: Any, passes: bool) -> None:
    output, routes = await checked(text, check)
    assert (output["passed"], routes) == (passes, ("passed" if passes else "failed",))
    assert ("error" in output) is not passes
    assert output["text"] == text


async def test_what_was_masked_goes_on_masked_to_the_checks_behind_and_out() -> None:
    masks = {"type": "pii", "mode": "mask"}
    output, routes = await checked("Mail ann@example.com", masks, {"type": "regex", "pattern": "@", "forbidden": True})
    assert (output["maskedText"], output["text"], routes) == (
        "Mail <EMAIL_ADDRESS>",
        "Mail <EMAIL_ADDRESS>",
        ("passed",),
    )
    assert output["detectedEntities"] == [{"type": "EMAIL_ADDRESS", "start": 5, "end": 20}]
    assert output["input"] == "Mail ann@example.com"


async def test_the_first_check_that_fails_is_the_last() -> None:
    output, _ = await checked("x", "json", "pii")
    assert (output["validationType"], [check["type"] for check in output["checks"]]) == ("json", ["json"])


@pytest.mark.parametrize(
    ("reply", "passed", "score"),
    [('{"score": 8, "reasoning": "fine"}', True, 8), ('{"score": 2}', False, 2), ("who knows", False, None)],
)
async def test_a_judge_needs_a_score_above_the_threshold(reply: str, passed: bool, score: float | None) -> None:
    output, _ = await checked("text", {"type": "judge", "criteria": "Be polite."}, reply=reply)
    assert (output["passed"], output["score"]) == (passed, score)


async def test_sim_writes_one_check_beside_the_text() -> None:
    model = ScriptedModel(['{"score": 5, "reasoning": "half"}'])
    config = {"input": "Rome is in Italy", "validationType": "hallucination", "context": "Rome: Italy", "threshold": 6}
    result = await succeed("guardrails", config, services=fake_services(chat=model))
    output: Any = result.output
    assert (output["passed"], output["validationType"], output["score"]) == (False, "judge", 5)
    assert "Rome: Italy" in model.asked[0].messages[0]["content"]
    assert result.usage is not None
    masks = {
        "input": "ann@example.com",
        "validationType": "pii",
        "piiMode": "mask",
        "piiEntityTypes": ["EMAIL_ADDRESS"],
    }
    masked: Any = (await succeed("guardrails", masks)).output
    assert masked["maskedText"] == "<EMAIL_ADDRESS>"


@pytest.mark.parametrize(
    "config",
    [
        {"checks": ["json"]}, {"input": "x"}, {"input": "x", "checks": []}, {"input": "x", "checks": ["magic"]},
        {"input": "x", "checks": ["regex"]}, {"input": "x", "checks": ["judge"]}, {"input": "x", "checks": ["schema"]},
        {"input": "x", "checks": [{"type": "pii", "entities": ["PERSON"]}]},
        {"input": "x", "checks": [{"type": "regex", "pattern": "a", "flags": "g"}]},
    ],
)  # fmt: skip
async def test_a_check_that_cannot_be_made_is_an_error(config: dict[str, Any]) -> None:
    assert (await fail("guardrails", config)).code == ErrorCode.INVALID_NODE_CONFIG


async def test_a_wrong_pattern_is_an_error() -> None:
    error = await fail("guardrails", {"input": "x", "checks": [{"type": "regex", "pattern": "("}]})
    assert error.code == ErrorCode.EXPRESSION_ERROR
