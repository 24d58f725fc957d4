"""Calls of webhooks: who may, what the payload is, which delivery it is, and what is answered. No routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from flowray.api.context import ApiContext, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import check_carriable
from flowray.api.streams.waiting import wait_until_settled
from flowray.api.triggers.firing import fire, started_or_raise
from flowray.api.views.rows import ValueResolver, error_view, execution_url
from flowray.engine.statuses import ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.masking import MASK, is_sensitive_name
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.records.triggers import TriggerRecord
from flowray.plan import plan_from_json
from flowray.triggers.configs import TriggerKind, WebhookConfig
from flowray.triggers.forms import form_fields
from flowray.triggers.payloads import parse_body
from flowray.triggers.signatures import SIGNATURE_HEADERS, allowed_origin, refusal
from flowray.values import Json, encode_json

DELIVERY_HEADERS = ("idempotency-key", "x-github-delivery", "webhook-id", "x-shopify-webhook-id")
"""What senders call a delivery; the same in each of its repeats."""

MAX_DELIVERY_CHARS = 255
PREFLIGHT_S = "600"

_HELD_HEADERS = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers of a response node that are the server's business."""

RESPONSE_TYPE = "response"


class Call:
    """One request to a hook, read whole."""

    def __init__(self, method: str, path: str, headers: Headers, query: QueryParams, body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.query = query
        self.body = body

    def payload(self, config: WebhookConfig) -> dict[str, Any]:
        """``{method, path, headers, query, body}``; headers by lower-case name, those that hold secrets masked.

        Raises INVALID_REQUEST for JSON that nothing could carry on, BODY_TOO_LARGE for a form of too many fields.
        """
        body = parse_body(self.headers.get("content-type", ""), self.body)
        check_carriable(self.body, body)
        hidden = {name.lower() for name in (config.header, *SIGNATURE_HEADERS) if name}
        return {
            "method": self.method,
            "path": self.path,
            "headers": {
                name: MASK if name in hidden or is_sensitive_name(name) else value
                for name, value in self.headers.items()
            },
            "query": form_fields(self.query.multi_items()),
            "body": body,
        }


async def find_hook(context: ApiContext, trigger_id: str) -> tuple[TriggerRecord, WebhookConfig]:
    """Raises NOT_FOUND, also for a disabled one: nobody outside learns that it exists, and senders try again later."""
    record = await context.read(context.directory.reader.triggers.get, trigger_id)
    if record is None or record.kind != TriggerKind.WEBHOOK or not record.enabled:
        raise not_found("webhook", trigger_id)
    return record, WebhookConfig.model_validate(record.config)


async def call_hook(context: ApiContext, trigger_id: str, call: Call) -> Response:
    """Start what the call starts, and answer. Raises NOT_FOUND, METHOD_NOT_ALLOWED, FORBIDDEN, UNAUTHORIZED,
    BODY_TOO_LARGE, and what a start raises."""
    trigger, config = await find_hook(context, trigger_id)
    _check_call(config, trigger, call, context.services.now_ms())
    firing, known = await fire(context, trigger, _fire_key(context, config, call), call.payload(config))
    started_or_raise(firing)
    headers = {"Location": execution_url(firing.execution_id), **cors_headers(config, call.headers.get("origin"))}
    if known:
        headers["Idempotent-Replayed"] = "true"
    if config.respond == "done":
        record = await wait_until_settled(context, firing.execution_id, config.wait_ms / 1_000)
        if record is not None and record.status != ExecutionStatus.PAUSED:
            return await _outcome(context, record, headers)
    status = ExecutionStatus.QUEUED.value
    return json_answer({"execution_id": firing.execution_id, "status": status}, 202, headers)


def _check_call(config: WebhookConfig, trigger: TriggerRecord, call: Call, now_ms: int) -> None:
    if call.method not in config.methods:
        raise FlowrayError(
            ErrorCode.METHOD_NOT_ALLOWED,
            f"this webhook takes {', '.join(config.methods)}, not {call.method}",
            details={"allow": list(config.methods)},
        )
    origin = call.headers.get("origin")
    if origin is not None and config.allowed_origins is not None and allowed_origin(config, origin) is None:
        raise FlowrayError(ErrorCode.FORBIDDEN, f"pages of {origin[:200]!r} may not call this webhook")
    if len(call.body) > config.max_body_bytes:
        raise FlowrayError(
            ErrorCode.BODY_TOO_LARGE, f"this webhook takes bodies of at most {config.max_body_bytes:,} bytes"
        )
    refused = refusal(config, trigger.secret, dict(call.headers), call.body, now_ms)
    if refused is not None:
        raise FlowrayError(ErrorCode.UNAUTHORIZED, f"the call is not authorized: {refused}")


def _fire_key(context: ApiContext, config: WebhookConfig, call: Call) -> str:
    names = (config.delivery_header.lower(),) if config.delivery_header else DELIVERY_HEADERS
    given = next((call.headers[name] for name in names if call.headers.get(name)), None)
    if given is None:
        return f"call:{context.services.new_id()}"
    if len(given) > MAX_DELIVERY_CHARS:
        raise FlowrayError(
            ErrorCode.INVALID_REQUEST, f"the name of a delivery has at most {MAX_DELIVERY_CHARS} characters"
        )
    return f"delivery:{given}"


# -- answers ------------------------------------------------------------------------------------------------------


async def _outcome(context: ApiContext, record: ExecutionRecord, headers: Mapping[str, str]) -> Response:
    resolver = ValueResolver(record.payload_owner, context.directory.load_payload, context.options.max_answer_bytes)
    outputs = await resolver.resolve(record.outputs)
    if record.status != ExecutionStatus.COMPLETED:
        failed = {"execution_id": record.id, "status": record.status, "error": error_view(record.error)}
        return json_answer(failed, 500, headers)
    if await _is_response(context, record, outputs):
        return _response(outputs, headers)
    return json_answer(outputs, 200, headers)


async def _is_response(context: ApiContext, record: ExecutionRecord, outputs: Json) -> bool:
    """A response node's output replaces all others (R8)."""
    if not isinstance(outputs, dict) or set(outputs) != {"data", "status", "headers"}:
        return False
    plan = await context.read(context.directory.reader.plan, record.plan_hash)
    return plan is not None and any(node.type == RESPONSE_TYPE for node in plan_from_json(plan).nodes.values())


def _response(output: dict[str, Any], headers: Mapping[str, str]) -> Response:
    """The node's status, headers and data: text as it is where its type is not JSON, else JSON."""
    own = {str(name): str(value) for name, value in output["headers"].items() if name.lower() not in _HELD_HEADERS}
    data, media_type = output["data"], _value_of(own, "content-type")
    as_text = isinstance(data, str) and media_type is not None and "json" not in media_type.lower()
    content = data.encode() if as_text else encode_json(data)
    if output["status"] in (204, 304) or output["status"] < 200:
        content = b""
    answer = Response(content, max(output["status"], 200), dict(headers))
    for name, value in own.items():
        answer.headers[name] = value
    return answer


def _value_of(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def cors_headers(config: WebhookConfig, origin: str | None) -> dict[str, str]:
    """What lets a page of an allowed origin read the answer."""
    allowed = allowed_origin(config, origin)
    return {} if allowed is None else {"Access-Control-Allow-Origin": allowed, "Vary": "Origin"}


async def preflight(context: ApiContext, trigger_id: str, headers: Headers) -> Response:
    """The answer to a browser that asks before it calls. Raises NOT_FOUND, FORBIDDEN."""
    _, config = await find_hook(context, trigger_id)
    allowed = cors_headers(config, headers.get("origin"))
    if not allowed:
        raise FlowrayError(ErrorCode.FORBIDDEN, "pages of this origin may not call this webhook")
    asked = headers.get("access-control-request-headers")
    return Response(
        status_code=204,
        headers={
            **allowed,
            "Access-Control-Allow-Methods": ", ".join(config.methods),
            "Access-Control-Max-Age": PREFLIGHT_S,
            **({"Access-Control-Allow-Headers": asked} if asked else {}),
        },
    )
