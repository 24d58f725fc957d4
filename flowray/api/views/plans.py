"""A compiled plan as an answer, on request with the places at which to draw it. ``drawing`` draws."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from flowray.api.http.answers import json_answer
from flowray.compiler.view import plan_view
from flowray.drawing.view import layout_view
from flowray.plan import ExecutionPlan

WithLayout = Annotated[bool, Query(alias="layout", description="Adds ``layout``: where nodes and edges go, in px.")]


async def plan_answer(plan: ExecutionPlan, with_layout: bool) -> Response:
    """The plan's view; with ``layout`` as ``drawing.view.layout_view`` gives it."""
    view = plan_view(plan)
    if with_layout:
        # A plan of 10,000 nodes takes a second.
        view["layout"] = await run_in_threadpool(layout_view, plan)
    return json_answer(view)
