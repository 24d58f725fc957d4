"""The HTTP API as a FastAPI app. Start here: what it is given, what it opens, and where its routes are. No Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from flowray.api.compilation import WorkflowCompiler
from flowray.api.context import ApiContext, AppServices
from flowray.api.http.cors import WaitpointCors
from flowray.api.http.error_responses import install_error_responses
from flowray.api.http.metrics import ApiMetrics
from flowray.api.http.middleware import BodyLimit, CountRequests
from flowray.api.http.openapi import DESCRIPTION, TAGS, install_openapi
from flowray.api.routes import (
    batches,
    bulk,
    callbacks,
    connections,
    events,
    events_in,
    executions,
    hooks,
    knowledge,
    limits,
    memory,
    metadata,
    nodes,
    pausing,
    queues,
    redriving,
    reruns,
    reserved,
    retention,
    snapshots,
    starts,
    system,
    triggers,
    waitpoints,
    workflows,
)
from flowray.api.routes.page import page_or_not_found
from flowray.api.triggers.schedules import scheduling


def create_app(services: AppServices) -> FastAPI:
    """The app of one server process. Its lifespan opens and closes what it runs on."""
    metrics = ApiMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        given = services.directory
        directory = await given() if callable(given) else given
        compiler = WorkflowCompiler(services.registry, services.options.compiled_workflows)
        app.state.context = context = ApiContext(services, directory, compiler, metrics)
        try:
            async with scheduling(context):
                yield
        finally:
            app.state.context = None
            if directory is not given:
                await directory.close()

    app = FastAPI(
        title="flowray",
        version=installed_version(),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        # FastAPI's own pages load their code from elsewhere; ours works without a network.
        docs_url=None,
        redoc_url=None,
    )
    install_error_responses(app)
    options = services.options
    larger = {"/v1/executions/import": options.max_import_bytes}
    app.add_middleware(BodyLimit, max_bytes=options.max_body_bytes, larger=larger)
    app.add_middleware(WaitpointCors)
    app.add_middleware(CountRequests, metrics=metrics)
    for module in (workflows, starts, executions, events, nodes, batches, reruns, pausing, waitpoints, snapshots):
        app.include_router(module.router)
    for module in (bulk, metadata):
        app.include_router(module.router)
    app.include_router(memory.router)
    app.include_router(retention.router)
    app.include_router(redriving.router)
    app.include_router(queues.router)
    for module in (triggers, events_in, hooks):
        app.include_router(module.router)
    for module in (callbacks, connections, limits, knowledge):
        app.include_router(module.router)
    app.include_router(reserved.router)
    app.include_router(system.router)
    install_openapi(app)
    # Only where no route matches, so that a wrong method at a known path stays a 405.
    app.router.default = page_or_not_found(services.options.page_dir)
    return app


def installed_version() -> str:
    """The version of the installed package; ``0`` where flowray runs from a checkout that is not installed."""
    try:
        return version("flowray")
    except PackageNotFoundError:
        return "0"
