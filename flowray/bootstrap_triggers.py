"""The scheduler of a runtime on Ray. Apart from bootstrap: only the process that runs it loads the API's start path."""

from __future__ import annotations

from flowray.api.compilation import WorkflowCompiler
from flowray.api.context import ApiContext, AppServices
from flowray.api.http.metrics import ApiMetrics
from flowray.api.tokens import PublicTokens
from flowray.api.triggers.schedules import scheduler_of
from flowray.bootstrap import signing_key
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.directory import RayDirectory
from flowray.settings import Settings


async def run_scheduler(settings: Settings, config: RuntimeConfig) -> None:
    """Let schedules tick for ever, in the process and on the event loop that call this."""
    directory = RayDirectory(config, {})
    registry = config.registry_factory()
    services = AppServices(
        directory=directory,
        registry=registry,
        tokens=PublicTokens(signing_key(settings), lifetime_s=settings.token_ttl_s),
    )
    compiler = WorkflowCompiler(registry, services.options.compiled_workflows)
    try:
        await scheduler_of(ApiContext(services, directory, compiler, ApiMetrics())).run()
    finally:
        await directory.close()
