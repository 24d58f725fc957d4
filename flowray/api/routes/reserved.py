"""Routes of later releases: they answer 501 and name what is missing, so that nobody takes them for a wrong address."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from flowray.api.http.openapi import answers
from flowray.errors import ErrorCode, FlowrayError

router = APIRouter(prefix="/v1", tags=["reserved"])

RESERVED: tuple[tuple[str, str, str], ...] = (
    ("PATCH", "/executions/{execution_id}", "changing labels and metadata"),
    ("GET", "/workflows/{workflow_id}/versions", "workflow versions"),
    ("GET", "/workflows/{workflow_id}/versions/{version}", "workflow versions"),
)


def _reserve(method: str, path: str, feature: str) -> None:
    async def not_implemented() -> Response:
        raise FlowrayError(ErrorCode.NOT_IMPLEMENTED, f"{feature}: not implemented yet", details={"feature": feature})

    router.add_api_route(
        path,
        not_implemented,
        methods=[method],
        summary=f"Reserved: {feature}",
        status_code=501,
        responses=answers({}, 501),
        name=f"reserved {method} {path}",
    )


for _method, _path, _feature in RESERVED:
    _reserve(_method, _path, _feature)
