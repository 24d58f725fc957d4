"""Routes that webhooks call: any method, with or without a path behind the trigger's id."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context
from flowray.api.http.openapi import answers
from flowray.api.triggers.webhooks import Call, call_hook, preflight
from flowray.triggers.configs import METHODS

router = APIRouter(prefix="/v1/hooks", tags=["triggers"])

_OTHERS = [method for method in METHODS if method != "POST"]


async def call_webhook(trigger_id: str, request: Request, context: Context, path: str = "") -> Response:
    """Starts an execution as the trigger says; its methods, and who may call, are the trigger's. 202 once it is kept,
    or with ``respond: done`` its outputs or what its response node answers. The same delivery starts nothing twice."""
    body = await request.body()
    call = Call(request.method, path, request.headers, request.query_params, body)
    return await call_hook(context, trigger_id, call)


async def ask_before(trigger_id: str, request: Request, context: Context, path: str = "") -> Response:
    """A browser's preflight: 204 for pages of the origins that the trigger allows."""
    return await preflight(context, trigger_id, request.headers)


_ANSWERS = answers(
    {200: "What the execution or its response node answers.", 202: wire.HookAnswer},
    400, 401, 403, 404, 405, 413, 422, 500, 503,
)  # fmt: skip

for _path in ("/{trigger_id}", "/{trigger_id}/{path:path}"):
    router.add_api_route(
        _path, call_webhook, methods=["POST"], status_code=202, summary="Call a webhook", responses=_ANSWERS,
        name=f"call webhook {_path}",
    )  # fmt: skip
    # One entry of the document stands for all methods.
    router.add_api_route(_path, call_webhook, methods=_OTHERS, include_in_schema=False, name=f"webhook {_path}")
    router.add_api_route(_path, ask_before, methods=["OPTIONS"], include_in_schema=False, name=f"preflight {_path}")
