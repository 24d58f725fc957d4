"""The ``http`` node: one request. Sending it is the transport's business, trying again the engine's."""

from __future__ import annotations

import base64
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.masking import mask_text
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename, text_of
from flowray.handlers.retry_after import retry_after_ms
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.values import Json, decode_json, encode_json

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
MAX_TIMEOUT_MS = 300_000
_LONGEST_SECONDS = 300
"""``timeout`` up to this counts as seconds, above as milliseconds: real files write both (30 and 15000)."""

Pairs = list[tuple[str, str]]


class HttpConfig(NodeConfig):
    """One HTTP request. Headers and query parameters as an object or as ``[{key, value}]``, which may repeat keys."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "GET"
    url: str = Field(min_length=1)
    headers: Any = None
    query_params: Any = None
    auth_type: Literal["none", "basic", "bearer", "apiKey"] = "none"
    auth_credentials: Any = Field(None, description="user:password, the token or the key; or an object of them.")
    body_type: Literal["json", "form", "raw"] | None = None
    body: Any = None
    timeout_ms: int = Field(30_000, gt=0, le=MAX_TIMEOUT_MS)
    retry_count: int = Field(0, ge=0, le=5, description="Further attempts after network errors; the engine makes them.")
    fail_on_status: bool = Field(False, description="Whether a status of 400 or above fails the node.")
    follow_redirects: bool = True

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, queryParams=("query", "params"), authCredentials=("auth", "credentials"), body=("data",),
            retryCount=("retries",), failOnStatus=("failOnError",),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        given = {key: value for key, value in given.items() if value is not None}
        if isinstance(given.get("method"), str):
            given["method"] = given["method"].upper()
        timeout = number_of(given.pop("timeout", None))
        if timeout is not None and "timeoutMs" not in given:
            given["timeoutMs"] = round(timeout * 1000 if timeout <= _LONGEST_SECONDS else timeout)
        return given


def pairs(value: Json, field: str) -> Pairs:
    """Headers or parameters as pairs, in their order. Raises INVALID_NODE_CONFIG for another shape."""
    if value in (None, ""):
        return []
    if isinstance(value, str):
        try:
            value = decode_json(value)
        except ValueError as error:
            raise _wrong(f"{field} must be an object or a list of {{key, value}}") from error
    found: Pairs = []
    if isinstance(value, dict):
        for key, item in value.items():
            found.extend((key, text_of(one)) for one in (item if isinstance(item, list) else [item]))
        return found
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(f"{field} must be an object or a list of {{key, value}}")
    for item in value:
        key = item.get("key", item.get("name"))
        if key and item.get("enabled", True):
            found.append((str(key), text_of(item.get("value"))))
    return found


def auth_header(kind: str, credentials: Json) -> Pairs:
    """The header for an authentication. Credentials are text, or an object with the usual keys."""
    given = credentials if isinstance(credentials, dict) else {}
    if kind == "basic":
        user, _, password = credentials.partition(":") if isinstance(credentials, str) else ("", "", "")
        user, password = str(given.get("username", user)), str(given.get("password", password))
        return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]
    if kind == "bearer":
        return [("Authorization", f"Bearer {given.get('token', credentials)}")]
    if kind == "apiKey":
        name = str(given.get("headerName", given.get("header", "X-API-Key")))
        return [(name, str(given.get("apiKey", given.get("key", credentials))))]
    return []


def encode_body(config: HttpConfig) -> tuple[bytes | None, str | None]:
    """``(bytes, content type)``. Raises INVALID_NODE_CONFIG for a JSON body that is no JSON."""
    body = config.body
    if body is None or body == "" or config.method in ("GET", "HEAD"):
        return None, None
    kind = config.body_type or ("raw" if isinstance(body, str) and not _is_json(body) else "json")
    if kind == "form":
        return urlencode(pairs(body, "body")).encode(), "application/x-www-form-urlencoded"
    if kind == "raw":
        return text_of(body).encode(), None
    if isinstance(body, str):
        if not _is_json(body):
            raise _wrong("Invalid JSON in request body")
        return body.encode(), "application/json"
    return encode_json(body), "application/json"


def _is_json(text: str) -> bool:
    try:
        decode_json(text)
    except ValueError:
        return False
    return True


def _wrong(message: str) -> FlowrayError:
    return FlowrayError(ErrorCode.INVALID_NODE_CONFIG, message, hint="see the config schema of 'http'")


def build_request(config: HttpConfig, idempotency_key: str) -> HttpRequest:
    """The request as it goes out. ``Idempotency-Key`` rides with every method that may have an effect (R31)."""
    headers = pairs(config.headers, "headers")
    content, content_type = encode_body(config)
    given = {name.lower() for name, _ in headers}
    extra = auth_header(config.auth_type, config.auth_credentials)
    if content_type is not None:
        extra.append(("Content-Type", content_type))
    if idempotency_key and config.method not in SAFE_METHODS:
        extra.append(("Idempotency-Key", idempotency_key))
    headers.extend((name, value) for name, value in extra if name.lower() not in given)
    return HttpRequest(
        method=config.method, url=config.url.strip(), headers=headers, params=pairs(config.query_params, "queryParams"),
        content=content, timeout_ms=config.timeout_ms, follow_redirects=config.follow_redirects,
    )  # fmt: skip


def read_body(response: HttpResponse) -> Json:
    """JSON where the content type or the text says so, else text; null for an empty body."""
    if not response.content:
        return None
    text = response.content.decode("utf-8", errors="replace")
    if "json" in response.headers.get("content-type", "") or text.lstrip()[:1] in ("{", "["):
        try:
            return decode_json(text)
        except ValueError:
            return text
    return text


class HttpHandler:
    """Output: ``{status, statusText, headers, data, responseTime}``; the time in ms."""

    node_type = NodeType(
        name="http",
        summary="Sends an HTTP request.",
        config_model=HttpConfig,
        category="integrations",
        effects=Effects.WRITE,
        near=True,
        fields=dict.fromkeys(("authType", "bodyType", "timeout", "retryCount", "failOnStatus"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, HTTP_ERROR or FORBIDDEN; HTTP_STATUS if ``failOnStatus``."""
        config = config_of(node, HttpConfig)
        request = build_request(config, node.idempotency_key)
        response = await node.services.http.send(request)
        output = {
            "status": response.status, "statusText": response.reason, "headers": dict(response.headers),
            "data": read_body(response), "responseTime": response.elapsed_ms,
        }  # fmt: skip
        if config.fail_on_status and response.status >= 400:
            return NodeResult.failure(
                ErrorCode.HTTP_STATUS,
                f"{request.method} {mask_text(response.url)} answered {response.status} {response.reason}".rstrip(),
                retryable=response.status in RETRYABLE_STATUS,
                retry_after_ms=retry_after_ms(response.headers.get("retry-after"), node.now_ms()),
                details={"request": _sent(request), "response": output},
            )
        return NodeResult(data=output)


def _sent(request: HttpRequest) -> dict[str, Any]:
    """What was sent, for an error's details; secrets are masked when the error is recorded."""
    body = request.content[:2_000].decode("utf-8", errors="replace") if request.content else None
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), "body": body}
