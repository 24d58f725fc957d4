"""Routes of knowledge bases. Filling and asking one are executions of a single node: durable, visible, in a lane."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import Cursor, Limit
from flowray.api.routes.executions import full_execution
from flowray.api.routes.starts import answer_start, load_source
from flowray.api.starts.starting import StartedExecution, fit_inputs, make_record, start_executions
from flowray.api.streams.waiting import wait_until_settled
from flowray.api.views.rows import page_view
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.sse import iso_time
from flowray.persistence.records.knowledge import DocumentRecord, KnowledgeBaseRecord
from flowray.persistence.writes.knowledge import DeleteDocument, DeleteKnowledgeBase, SaveKnowledgeBase

router = APIRouter(prefix="/v1/knowledge-bases", tags=["knowledge"])

QUERY_WAIT_S = 60.0

BaseId = Annotated[str, Path(min_length=1, max_length=200, description="As nodes name it.")]


def _single_node(name: str, node_type: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """A workflow around one node. Its config is made of inputs, so that braces in them are no templates."""
    config = {field: f"{{{{inputs.{field}}}}}" for field in fields}
    return {
        "schemaVersion": 1,
        "name": name,
        "entryPoint": "start",
        "nodes": {
            "start": {"type": "input", "config": {}},
            "work": {"type": node_type, "config": config, "retry": {"maxAttempts": 4}},
            "result": {"type": "output", "config": {"outputName": "result", "value": "{{work}}"}},
        },
        "edges": [{"source": "start", "target": "work"}, {"source": "work", "target": "result"}],
    }


_INGEST = _single_node(
    "Ingest documents", "knowledgeBaseIngest", ("knowledgeBaseId", "documents", "chunkSize", "chunkOverlap")
)
_QUERY = _single_node(
    "Query a knowledge base", "knowledgeBaseQuery", ("knowledgeBaseId", "queryText", "topK", "similarityThreshold")
)


@router.get("", summary="List knowledge bases", responses=answers({200: wire.KnowledgeBasePage}, 400))
async def list_bases(context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """By id."""
    page = await context.read(context.directory.reader.knowledge.bases, limit=limit, cursor=cursor)
    return json_answer(page_view(page, map(_listed_base, page.data)))


@router.get("/{base_id}", summary="Get a knowledge base", responses=answers({200: wire.KnowledgeBase}, 404))
async def get_base(base_id: BaseId, context: Context) -> Response:
    """With how much is in it."""
    return json_answer(base_view(await _base(context, base_id)))


@router.put(
    "/{base_id}",
    summary="Create a knowledge base",
    responses=answers({200: wire.KnowledgeBase}, 422, 503),
    openapi_extra=body_of(wire.KnowledgeBaseRequest, required=False),
)
async def put_base(base_id: BaseId, request: Request, context: Context) -> Response:
    """One that is there stays as it is. Safe to repeat."""
    body = await read_model(request, wire.KnowledgeBaseRequest)
    await context.write(
        SaveKnowledgeBase(
            base_id=base_id, ts=context.services.now_ms(), name=body.name or base_id, provider=body.provider,
            model=body.model,
        )
    )  # fmt: skip
    return json_answer(base_view(await _base(context, base_id)))


@router.delete(
    "/{base_id}", summary="Delete a knowledge base", status_code=204, responses=answers({204: "Deleted."}, 503)
)
async def delete_base(base_id: BaseId, context: Context) -> Response:
    """With all its documents. Safe to repeat."""
    await context.write(DeleteKnowledgeBase(base_id=base_id))
    return Response(status_code=204)


@router.get(
    "/{base_id}/documents",
    summary="List the documents of a knowledge base",
    responses=answers({200: wire.KnowledgeDocumentPage}, 400, 404),
)
async def list_documents(base_id: BaseId, context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """By name."""
    await _base(context, base_id)
    page = await context.read(context.directory.reader.knowledge.documents, base_id, limit=limit, cursor=cursor)
    return json_answer(page_view(page, map(_document_view, page.data)))


@router.post(
    "/{base_id}/documents",
    summary="Put documents into a knowledge base",
    status_code=202,
    responses=answers({202: wire.ExecutionStarted}, 413, 422, 503),
    openapi_extra=body_of(wire.IngestRequest),
)
async def ingest(base_id: BaseId, request: Request, context: Context) -> Response:
    """Starts an execution that cuts them into chunks, has vectors made of these, and replaces what has their names. The
    base is created if it is not there."""
    body = await read_model(request, wire.IngestRequest)
    if body.chunk_overlap >= body.chunk_size:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, "chunk_overlap must be less than chunk_size")
    documents = [document.model_dump(mode="json") for document in body.documents]
    started = await _start(
        context,
        _INGEST,
        {
            "knowledgeBaseId": base_id, "documents": documents, "chunkSize": body.chunk_size,
            "chunkOverlap": body.chunk_overlap,
        },
    )  # fmt: skip
    return await answer_start(request, context, started, None, None)


@router.delete(
    "/{base_id}/documents/{name:path}",
    summary="Remove a document from a knowledge base",
    status_code=204,
    responses=answers({204: "Removed, or not there."}, 503),
)
async def delete_document(base_id: BaseId, name: str, context: Context) -> Response:
    """Safe to repeat."""
    await context.write(DeleteDocument(base_id=base_id, name=name))
    return Response(status_code=204)


@router.post(
    "/{base_id}/query",
    summary="Ask a knowledge base",
    responses=answers({200: wire.KnowledgeAnswer}, 404, 422, 503),
    openapi_extra=body_of(wire.KnowledgeQuery),
)
async def query(base_id: BaseId, request: Request, context: Context) -> Response:
    """Starts an execution and waits for its end, for a minute at most."""
    body = await read_model(request, wire.KnowledgeQuery)
    await _base(context, base_id)
    started = await _start(
        context,
        _QUERY,
        {
            "knowledgeBaseId": base_id, "queryText": body.query, "topK": body.top_k,
            "similarityThreshold": body.similarity_threshold,
        },
    )  # fmt: skip
    found = await _outputs(context, started.id)
    passages = [
        {
            "content": passage["content"], "similarity": passage["similarity"],
            "document_name": passage["documentName"], "chunk_index": passage["chunkIndex"],
            "metadata": passage["metadata"],
        }
        for passage in found["result"]["results"]
    ]  # fmt: skip
    return json_answer({"query": body.query, "results": passages, "execution_id": started.id})


async def _start(context: ApiContext, definition: dict[str, Any], inputs: dict[str, Any]) -> StartedExecution:
    options = wire.StartOptions()
    source = await load_source(context, None, definition, options, True)
    record = make_record(context, source, fit_inputs(source, inputs), options)
    (started,) = await start_executions(context, [record], source.compiled.plan_bytes)
    return started


async def _outputs(context: ApiContext, execution_id: str) -> dict[str, Any]:
    """What it came to. Raises its error, or EXECUTION_TIMEOUT for one that still runs."""
    record = await wait_until_settled(context, execution_id, min(QUERY_WAIT_S, context.options.max_wait_s))
    if record is None:
        raise FlowrayError(
            ErrorCode.EXECUTION_TIMEOUT,
            f"the execution {execution_id} that asks the knowledge base still runs",
            retryable=True,
        )
    shown = await full_execution(context, record)
    if shown["status"] == "completed":
        outputs: dict[str, Any] = shown["outputs"]
        return outputs
    error = shown["error"] or {"code": ErrorCode.NODE_FAILED, "message": f"the execution is {shown['status']}"}
    code = ErrorCode(error["code"]) if error["code"] in set(ErrorCode) else ErrorCode.NODE_FAILED
    raise FlowrayError(code, error["message"], details={"execution_id": execution_id}, hint=error.get("hint"))


async def _base(context: ApiContext, base_id: str) -> KnowledgeBaseRecord:
    found = await context.read(context.directory.reader.knowledge.base, base_id)
    if found is None:
        raise not_found("knowledge base", base_id)
    return found


def base_view(record: KnowledgeBaseRecord) -> dict[str, Any]:
    """``wire.KnowledgeBase``."""
    return {**_listed_base(record), "documents": record.documents, "chunks": record.chunks}


def _listed_base(record: KnowledgeBaseRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "provider": record.provider,
        "model": record.model,
        "dimensions": record.dimensions,
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
    }


def _document_view(record: DocumentRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "chunks": record.chunks,
        "metadata": record.metadata,
        "updated_at": iso_time(record.updated_at),
    }
