"""The sandbox as a provider: recorded replies, recorded errors under our codes, and what it does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.sandbox.fixtures import Case, ExpectedError, FilterableData, RecordedOperation
from flowray.handlers.integrations.sandbox.provider import SandboxProvider
from flowray.handlers.operations import OperationCall
from tests.fakes.services import NOW_MS

KINDS = ("not_found", "validation", "permission", "rate_limit", "server_error", "other")
RECORDED = {
    "get": RecordedOperation(
        "get",
        [Case("ok", expected_output={"at": "{{iso}}", "id": "{{uuid}}"})],
        [Case(kind, expected_error=ExpectedError(kind, kind, kind == "rate_limit")) for kind in KINDS],
        description="Gets it.",
    ),
    "list": RecordedOperation("list", filterable_data=FilterableData(records=[{"a": 1}], records_field="rows")),
    "empty": RecordedOperation("empty"),
}  # fmt: skip


class Source:
    def operations(self, provider: str) -> Mapping[str, RecordedOperation]:
        return RECORDED if provider == "acme" else {}


async def call(operation: str, scenario: str = "", **parameters: Any) -> Any:
    provider = SandboxProvider("acme", [Source()])
    found = (await provider.operations())[operation]
    return await provider.call(OperationCall(found, parameters, lambda: NOW_MS, scenario=scenario, idempotency_key="k"))


async def test_replies_are_as_recorded_with_their_times_and_ids_filled() -> None:
    answer = await call("get")
    assert answer["at"] == "2025-06-15T15:06:40.000Z"
    assert answer == await call("get")
    assert await call("list") == {"rows": [{"a": 1}]}
    assert (await SandboxProvider("acme", [Source()]).operations())["get"].summary == "Gets it."


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("not_found", ErrorCode.PROVIDER_REJECTED, 404),
        ("validation", ErrorCode.PROVIDER_REJECTED, 400),
        ("permission", ErrorCode.PROVIDER_AUTH, 403),
        ("rate_limit", ErrorCode.PROVIDER_RATE_LIMITED, 429),
        ("server_error", ErrorCode.PROVIDER_ERROR, 500),
        ("other", ErrorCode.PROVIDER_ERROR, 500),
    ],
)
async def test_recorded_errors_have_our_codes(kind: str, code: ErrorCode, status: int) -> None:
    with pytest.raises(FlowrayError) as caught:
        await call("get", scenario=kind)
    error = caught.value
    assert (error.code, error.message, error.retryable) == (code, f"acme get: {kind}", kind == "rate_limit")
    assert error.details == {
        "provider": "acme", "operation": "get", "status": status, "scenario": kind, "sandbox": True,
    }  # fmt: skip


async def test_what_there_is_no_reply_of_is_an_error_and_never_made_up() -> None:
    with pytest.raises(FlowrayError, match="no reply of acme empty") as caught:
        await call("empty")
    assert caught.value.code == ErrorCode.UNKNOWN_OPERATION
    with pytest.raises(FlowrayError, match="no replies of a provider 'nobody'") as caught:
        await SandboxProvider("nobody", [Source()]).operations()
    assert caught.value.code == ErrorCode.UNKNOWN_OPERATION
    assert "nobody.json" in (caught.value.hint or "")
