"""Routes of workflows: save, check, look at and delete definitions. Starting one is in ``starts``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.compilation import CompiledWorkflow, unknown_types_as_errors
from flowray.api.context import ApiContext, Context, accepted
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_definition
from flowray.api.http.openapi import answers, definition_body
from flowray.api.http.parameters import Cursor, Limit, Strict
from flowray.api.starts.queueing import declare_saved
from flowray.api.triggers.publishing import registration
from flowray.api.views.plans import WithLayout, plan_answer
from flowray.api.views.rows import page_view, workflow_view
from flowray.definition.diagnostics import Diagnostics, Severity
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import WorkflowRecord
from flowray.persistence.writes import DeleteWorkflow, Saved, SaveWorkflow

router = APIRouter(prefix="/v1", tags=["workflows"])


@router.post(
    "/workflows",
    summary="Save a new workflow",
    status_code=201,
    responses=answers({201: wire.Workflow}, 400, 413, 415, 422),
    openapi_extra=definition_body(),
)
async def create_workflow(request: Request, context: Context, strict: Strict = False) -> Response:
    """The body is a definition, as JSON or YAML, in flowray's or one of FlowMaestro's formats. Nothing is stored unless
    it compiles. Names need not be unique; the id is the server's."""
    compiled = await _compile_body(request, context, strict)
    record = await _save(context, compiled, context.services.new_id(), must_exist=False)
    return json_answer(workflow_view(record), 201, {"Location": f"/v1/workflows/{record.id}"})


@router.get("/workflows", summary="List workflows", responses=answers({200: wire.WorkflowPage}, 400))
async def list_workflows(context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Newest first."""
    page = await context.read(context.directory.reader.workflows, limit=limit, cursor=cursor)
    return json_answer(page_view(page, map(workflow_view, page.data)))


@router.post(
    "/workflows/validate",
    summary="Check a definition without saving it",
    responses=answers({200: wire.Validation}, 400, 413, 415),
    openapi_extra=definition_body(),
)
async def validate_workflow(request: Request, context: Context, strict: Strict = False) -> Response:
    """Answers 200 with every finding, also for a definition that cannot be saved."""
    try:
        document, found = await read_definition(request)
    except FlowrayError as error:
        # A text that cannot be read is a finding here like any other: that is what was asked.
        if "diagnostics" not in error.details:
            raise
        return json_answer({"valid": False, "diagnostics": error.details["diagnostics"]})
    findings = await context.compiler.findings(document, found)
    if strict:
        findings = unknown_types_as_errors(findings)
    valid = not any(item.severity is Severity.ERROR for item in findings)
    return json_answer({"valid": valid, "diagnostics": Diagnostics(findings).as_json()})


@router.get("/workflows/{workflow_id}", summary="Get a workflow", responses=answers({200: wire.Workflow}, 404))
async def get_workflow(workflow_id: str, context: Context) -> Response:
    """The present version."""
    return json_answer(workflow_view(await context.workflow(workflow_id)))


@router.put(
    "/workflows/{workflow_id}",
    summary="Replace a workflow",
    responses=answers({200: wire.Workflow}, 400, 404, 413, 415, 422),
    openapi_extra=definition_body(),
)
async def update_workflow(workflow_id: str, request: Request, context: Context, strict: Strict = False) -> Response:
    """A changed definition becomes the next version; an unchanged one changes nothing. Executions that have started
    keep the plan with which they started."""
    compiled = await _compile_body(request, context, strict)
    return json_answer(workflow_view(await _save(context, compiled, workflow_id, must_exist=True)))


@router.delete(
    "/workflows/{workflow_id}",
    summary="Delete a workflow",
    status_code=204,
    responses=answers({204: "Deleted."}, 404),
)
async def delete_workflow(workflow_id: str, context: Context) -> Response:
    """Its executions stay, and run on."""
    await context.workflow(workflow_id)
    await context.remove(DeleteWorkflow(id=workflow_id))
    return Response(status_code=204)


@router.get(
    "/workflows/{workflow_id}/plan", summary="Get the compiled plan", responses=answers({200: wire.PlanView}, 404, 422)
)
async def get_workflow_plan(
    workflow_id: str,
    context: Context,
    trigger: Annotated[str | None, Query(description="Begin at this node instead of the entry point.")] = None,
    with_layout: WithLayout = False,
) -> Response:
    """What an execution started now would run."""
    record = await context.workflow(workflow_id)
    compiled = await context.compiler.stored(record.hash, record.definition, trigger)
    return await plan_answer(compiled.plan, with_layout)


async def _compile_body(request: Request, context: ApiContext, strict: bool) -> CompiledWorkflow:
    document, found = await read_definition(request)
    compiled = await context.compiler.document(document, found)
    if strict:
        compiled.refuse_unknown_types()
    return compiled


async def _save(
    context: ApiContext, compiled: CompiledWorkflow, workflow_id: str, *, must_exist: bool
) -> WorkflowRecord:
    diagnostics: tuple[dict[str, Any], ...] = tuple(Diagnostics(list(compiled.diagnostics)).as_json())
    save = SaveWorkflow(
        id=workflow_id,
        name=compiled.definition.name,
        hash=compiled.hash,
        definition=compiled.dumped,
        diagnostics=diagnostics,
        ts=context.services.now_ms(),
        must_exist=must_exist,
    )
    # In one transaction: a saved workflow has the triggers of its nodes, whatever dies.
    saved, _ = await context.directory.write([save, await registration(context, compiled, workflow_id)])
    result = accepted(saved)
    if not isinstance(result, Saved):
        raise FlowrayError(ErrorCode.INTERNAL, f"the journal answered a save with {type(result).__name__}")
    await declare_saved(context, compiled, workflow_id)
    return WorkflowRecord(
        id=workflow_id,
        name=compiled.definition.name,
        version=result.version,
        hash=compiled.hash,
        definition=compiled.dumped,
        diagnostics=diagnostics,
        created_at=result.created_at,
        updated_at=result.updated_at,
    )
