"""What callbacks say, and their signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from flowray.persistence.callbacks.records import CallbackRecord
from flowray.persistence.records import ExecutionRecord
from flowray.runtime.callback_bodies import MAX_OUTPUT_BYTES, body_of, derived_secret, headers_of, signature
from flowray.values import StoredValue, to_wire


def callback(**data: Any) -> CallbackRecord:
    data = {"status": "completed", "at": 1_700_000_000_000} | data
    return CallbackRecord(
        id="cb_e1_7", execution_id="e1", event=f"execution.{data['status']}", seq=7, url="http://x/hook", data=data
    )


def execution(**fields: Any) -> ExecutionRecord:
    fields = {"status": "completed", "last_seq": 7, "outputs": {"a": 1}, "workflow_id": "wf", "ended_at": 5} | fields
    return ExecutionRecord(id="e1", plan_hash="p", **fields)


def body(told: CallbackRecord, row: ExecutionRecord) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(body_of(told, row))
    return decoded


def test_an_end_says_what_came_out() -> None:
    said = body(callback(), execution(labels={"team": "a"}))
    assert (said["event_id"], said["type"], said["seq"]) == ("cb_e1_7", "execution.completed", 7)
    assert (said["execution_id"], said["workflow_id"], said["status"]) == ("e1", "wf", "completed")
    assert (said["outputs"], said["error"], said["partial"]) == ({"a": 1}, None, False)
    assert (said["labels"], said["execution_url"]) == ({"team": "a"}, "/v1/executions/e1")
    assert said["timestamp"] == "2023-11-14T22:13:20.000Z"


def test_a_failure_says_why() -> None:
    told = callback(status="failed", error={"code": "X", "message": "no"}, partial=True)
    said = body(told, execution(status="failed"))
    assert (said["type"], said["status"], said["partial"]) == ("execution.failed", "failed", True)
    assert said["error"] == {"code": "X", "message": "no"}


def test_large_outputs_are_left_to_be_fetched_and_large_values_are_references() -> None:
    large = body(callback(), execution(outputs={"a": "x" * MAX_OUTPUT_BYTES}))
    assert large["outputs"] is None
    assert large["outputs_bytes"] == MAX_OUTPUT_BYTES + 8
    stored = StoredValue("e1.abc", 9_999_999)
    assert body(callback(), execution(outputs={"a": stored}))["outputs"] == {"a": to_wire(stored)}


def test_an_execution_that_has_gone_on_shows_what_was_true_then() -> None:
    told = callback(status="crashed", crash_reason="its plan is gone")
    said = body(told, execution(status="completed", last_seq=20))
    assert (said["status"], said["outputs"], said["crash_reason"]) == ("crashed", None, "its plan is gone")


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's reference implementation."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}', secret)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_may_be_any_text() -> None:
    expected = base64.b64encode(hmac.new(b"s3cret", b"id.1.{}", hashlib.sha256).digest()).decode()
    assert signature("id", "1", b"{}", "s3cret") == f"v1,{expected}"
    assert signature("id", "1", b"{}", "whsec_no base64!").startswith("v1,")


def test_the_headers_carry_id_time_and_attempt() -> None:
    headers = dict(headers_of(callback(), b"{}", "s", now_ms=1_700_000_000_999, attempt=3))
    assert headers["webhook-id"] == "cb_e1_7"
    assert headers["webhook-timestamp"] == "1700000000"
    assert headers["webhook-signature"] == signature("cb_e1_7", "1700000000", b"{}", "s")
    assert headers["flowray-attempt"] == "3"


def test_the_derived_secret_is_not_the_signing_key() -> None:
    derived = derived_secret("the key of the server")
    assert derived.startswith("whsec_")
    assert len(base64.b64decode(derived.removeprefix("whsec_"))) == 32
    assert derived == derived_secret("the key of the server") != derived_secret("another")
